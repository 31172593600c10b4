//! The file `keys` beside `FORMAT`: the keyring, wrapped under the root key and replaced atomically.

use std::path::{Path, PathBuf};

use strongroom_crypto::{Entropy, EpochId, Keyring, KeyringError, RootKey};

use crate::error::KeysError;
use crate::private_file::{self, Existing};

/// The name of the file in the data directory.
pub const EPOCHS_FILE_NAME: &str = "keys";

/// Bytes of 1,024 epochs and what stands around them; no keyring is longer.
const MAX_FILE_BYTES: usize = 128 * 1024;

/// The epochs file of a data directory. Whoever calls holds the directory's `LOCK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochsFile(PathBuf);

impl EpochsFile {
    /// The file of this data directory.
    pub fn of(data: &Path) -> Self {
        Self(data.join(EPOCHS_FILE_NAME))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.0.symlink_metadata().is_ok()
    }

    /// Makes a keyring with one fresh epoch and stores it durably.
    ///
    /// # Errors
    /// [`PrivateFileError::Exists`](crate::PrivateFileError::Exists) when there is one: it is never overwritten.
    pub fn create(&self, root: &RootKey, entropy: &dyn Entropy) -> Result<Keyring, KeysError> {
        let keyring = Keyring::create(entropy);
        private_file::write(&self.0, &keyring.encode(root, entropy), Existing::Keep, entropy)?;
        Ok(keyring)
    }

    /// Loads the keyring, and removes what a killed replacement left behind.
    ///
    /// # Errors
    /// [`KeysError::WrongRootKey`] for another installation's root key; [`KeysError`] otherwise.
    pub fn load(&self, root: &RootKey) -> Result<Keyring, KeysError> {
        let bytes = private_file::read(&self.0, MAX_FILE_BYTES)?;
        let keyring = Keyring::decode(&bytes, root).map_err(|error| self.explain(error))?;
        private_file::remove_leftovers(&self.0)?;
        Ok(keyring)
    }

    /// Wraps the epochs under a new root key. No other byte of the installation changes. The old root key opens
    /// old copies of this file (backups) only.
    ///
    /// # Errors
    /// Those of [`load`](Self::load), and of the file system; then the old file is still there, whole.
    pub fn rotate_root(&self, old: &RootKey, new: &RootKey, entropy: &dyn Entropy) -> Result<(), KeysError> {
        let keyring = self.load(old)?;
        self.replace(&keyring, new, entropy)
    }

    /// Begins a new epoch, under which everything is sealed after the next [`Keys::open`](crate::Keys::open).
    ///
    /// # Errors
    /// As for [`rotate_root`](Self::rotate_root).
    pub fn begin_epoch(&self, root: &RootKey, entropy: &dyn Entropy) -> Result<EpochId, KeysError> {
        let mut keyring = self.load(root)?;
        let epoch = keyring.new_epoch(entropy).map_err(|error| self.explain(error))?;
        self.replace(&keyring, root, entropy)?;
        Ok(epoch)
    }

    /// Drops an epoch. Whoever calls has re-sealed every survivor under a later one, or means to shred the rest.
    ///
    /// # Errors
    /// As for [`rotate_root`](Self::rotate_root); the current epoch cannot be dropped.
    pub fn drop_epoch(&self, root: &RootKey, epoch: EpochId, entropy: &dyn Entropy) -> Result<(), KeysError> {
        let mut keyring = self.load(root)?;
        keyring.drop_epoch(epoch).map_err(|error| self.explain(error))?;
        self.replace(&keyring, root, entropy)
    }

    fn replace(&self, keyring: &Keyring, root: &RootKey, entropy: &dyn Entropy) -> Result<(), KeysError> {
        let bytes = keyring.encode(root, entropy);
        Ok(private_file::write(&self.0, &bytes, Existing::Replace, entropy)?)
    }

    fn explain(&self, error: KeyringError) -> KeysError {
        match error {
            KeyringError::WrongRootKey => KeysError::WrongRootKey(self.0.clone()),
            source @ (KeyringError::Format { .. }
            | KeyringError::Malformed
            | KeyringError::Altered
            | KeyringError::UnknownEpoch(_)
            | KeyringError::CurrentEpoch(_)
            | KeyringError::Full) => KeysError::Keyring { path: self.0.clone(), source },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{PrivateFileError, SystemEntropy};

    fn installation() -> (tempfile::TempDir, EpochsFile, RootKey) {
        let directory = tempfile::tempdir().unwrap();
        let file = EpochsFile::of(directory.path());
        let root = RootKey::generate(&SystemEntropy::new());
        (directory, file, root)
    }

    #[test]
    fn the_epochs_file_is_made_once_and_loaded_again() {
        let (_directory, file, root) = installation();
        let entropy = SystemEntropy::new();
        assert!(matches!(file.load(&root), Err(KeysError::File(PrivateFileError::Missing(_)))));
        let keyring = file.create(&root, &entropy).unwrap();
        assert!(file.load(&root).unwrap() == keyring);
        assert!(matches!(file.create(&root, &entropy), Err(KeysError::File(PrivateFileError::Exists(_)))));
        assert_eq!(file.path().metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_wrong_root_key_is_named_with_what_to_do() {
        let (_directory, file, root) = installation();
        file.create(&root, &SystemEntropy::new()).unwrap();
        let error = file.load(&RootKey::generate(&SystemEntropy::new())).unwrap_err();
        assert!(matches!(error, KeysError::WrongRootKey(_)));
        assert!(error.to_string().contains("--root-key file:PATH"), "{error}");
    }

    #[test]
    fn an_altered_epochs_file_is_refused() {
        let (_directory, file, root) = installation();
        file.create(&root, &SystemEntropy::new()).unwrap();
        let good = std::fs::read(file.path()).unwrap();
        for position in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[position] ^= 0x10;
            std::fs::write(file.path(), &bad).unwrap();
            assert!(file.load(&root).is_err(), "byte {position}");
        }
        std::fs::write(file.path(), &good).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(file.load(&root).unwrap_err().to_string().contains("chmod 600 "));
    }

    #[test]
    fn rotation_leaves_one_root_key_that_opens() {
        let (directory, file, old) = installation();
        let entropy = SystemEntropy::new();
        let keyring = file.create(&old, &entropy).unwrap();
        let new = RootKey::generate(&entropy);
        assert!(file.rotate_root(&new, &old, &entropy).is_err(), "only the present root key rotates");
        file.rotate_root(&old, &new, &entropy).unwrap();
        assert!(file.load(&new).unwrap() == keyring);
        assert!(matches!(file.load(&old), Err(KeysError::WrongRootKey(_))));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn epochs_begin_and_are_dropped_in_the_file() {
        let (_directory, file, root) = installation();
        let entropy = SystemEntropy::new();
        let first = file.create(&root, &entropy).unwrap().current();
        let second = file.begin_epoch(&root, &entropy).unwrap();
        assert_eq!(file.load(&root).unwrap().epochs().collect::<Vec<_>>(), [first, second]);
        assert!(file.drop_epoch(&root, second, &entropy).is_err());
        file.drop_epoch(&root, first, &entropy).unwrap();
        assert_eq!(file.load(&root).unwrap().epochs().collect::<Vec<_>>(), [second]);
    }

    #[test]
    fn what_a_killed_replacement_left_is_removed_at_load() {
        let (directory, file, root) = installation();
        file.create(&root, &SystemEntropy::new()).unwrap();
        let half = directory.path().join(".keys.00000000deadbeef.tmp");
        std::fs::write(&half, b"half a keyring").unwrap();
        file.load(&root).unwrap();
        assert!(!half.exists());
    }
}
