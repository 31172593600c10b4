//! Where the root key comes from.
//!
//! A root key file is text of three lines, so that it can be printed and typed in again: the name of the format
//! and its version, the key in hexadecimal, and its check value (see `docs/formats/keys.md`).

use std::path::{Path, PathBuf};
use std::str;

use strongroom_crypto::{Entropy, RootKey, SecretBytes};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::{PrivateFileError, RootKeyError};
use crate::private_file::{self, Existing, directory_of, io_error};

const MAGIC: &str = "strongroom root key 1";
/// Three lines and their ends.
const FILE_BYTES: usize = MAGIC.len() + 1 + 64 + 1 + 32 + 1;

/// The provider of the root key, as `--root-key` names it. Each provider is a variant; a passphrase and PKCS#11
/// will be others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKeySource {
    /// `file:PATH`: a file of mode 0600 outside the data directory.
    File(PathBuf),
}

/// Whether a text could be a provider's name, and is too short for a key.
fn is_name(text: &str) -> bool {
    (1..=12).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl RootKeySource {
    /// Parses the value of `--root-key`: `file:PATH`.
    ///
    /// # Errors
    /// [`RootKeyError::Source`] for anything else.
    pub fn parse(text: &str) -> Result<Self, RootKeyError> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            // The provider's name only, if it can be one: anything else may be a secret.
            Some((provider, _)) if is_name(provider) => Err(RootKeyError::Source(format!("{provider}:…"))),
            Some(_) | None => Err(RootKeyError::Source("…".to_owned())),
        }
    }

    /// The default: the sibling `DIR.root-key` of the data directory.
    pub fn beside(data: &Path) -> Self {
        // An absolute path has no `.` or trailing slash to which the suffix would stick.
        let absolute = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
        let mut name: std::ffi::OsString = absolute.components().collect::<PathBuf>().into();
        name.push(".root-key");
        Self::File(name.into())
    }

    /// The file, where the key lies in one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
        }
    }

    /// Whether there is something to load. A link that leads nowhere counts: it will be refused, not replaced.
    pub fn exists(&self) -> bool {
        match self {
            Self::File(path) => path.symlink_metadata().is_ok(),
        }
    }

    /// Makes a fresh root key and stores it durably.
    ///
    /// # Errors
    /// [`PrivateFileError::Exists`] when there is a file: it is never overwritten.
    pub fn create(&self, entropy: &dyn Entropy) -> Result<RootKey, RootKeyError> {
        let key = RootKey::generate(entropy);
        match self {
            Self::File(path) => private_file::write(path, encode(&key).as_bytes(), Existing::Keep, entropy)?,
        }
        Ok(key)
    }

    /// Loads the root key.
    ///
    /// # Errors
    /// [`RootKeyError`]: missing, a link, open to others, of another user, not a root key, or damaged.
    pub fn load(&self) -> Result<RootKey, RootKeyError> {
        match self {
            Self::File(path) => {
                let bytes = private_file::read(path, FILE_BYTES)?;
                decode(&bytes).map_err(|flaw| match flaw {
                    Flaw::Form => RootKeyError::NotARootKey(path.clone()),
                    Flaw::Check => RootKeyError::Damaged(path.clone()),
                })
            }
        }
    }

    /// Loads the root key, or makes it when there is none: what `init` does.
    ///
    /// # Errors
    /// Those of [`load`](Self::load) and [`create`](Self::create).
    pub fn load_or_create(&self, entropy: &dyn Entropy) -> Result<RootKey, RootKeyError> {
        if self.exists() { self.load() } else { self.create(entropy) }
    }

    /// Refuses a root key inside the data directory that it protects, links resolved.
    ///
    /// # Errors
    /// [`RootKeyError::InsideData`]; [`PrivateFileError::Io`] when a directory cannot be looked at.
    pub fn refuse_inside(&self, data: &Path) -> Result<(), RootKeyError> {
        let Self::File(path) = self;
        let directory = directory_of(path);
        let ours = directory.canonicalize().map_err(io_error("find the directory of", path))?;
        match data.canonicalize() {
            Ok(data) if ours.starts_with(&data) => Err(RootKeyError::InsideData(path.clone())),
            Ok(_) => Ok(()),
            // Nothing lies in a directory that is not there yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_error("find", data)(error).into()),
        }
    }

    /// Whether root key and data lie on one file system, where one theft takes both: `serve` warns.
    ///
    /// # Errors
    /// [`PrivateFileError::Io`] when either cannot be looked at.
    pub fn shares_file_system_with(&self, data: &Path) -> Result<bool, PrivateFileError> {
        use std::os::unix::fs::MetadataExt as _;
        let Self::File(path) = self;
        let device =
            |path: &Path| path.metadata().map(|facts| facts.dev()).map_err(io_error("inspect", path));
        Ok(device(path)? == device(data)?)
    }
}

/// What is wrong with the text of a root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// Not three lines of the form.
    Form,
    /// The check value is another key's.
    Check,
}

fn encode(key: &RootKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES));
    text.push_str(MAGIC);
    text.push('\n');
    push_hex(&mut text, key.expose());
    text.push('\n');
    push_hex(&mut text, key.check().as_bytes());
    text.push('\n');
    text
}

/// Digit by digit into the one allocation that is zeroed afterwards.
fn push_hex(text: &mut String, bytes: &[u8]) {
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
    }
}

fn decode(bytes: &[u8]) -> Result<RootKey, Flaw> {
    let text = str::from_utf8(bytes).map_err(|_| Flaw::Form)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = text.split('\n');
    let (magic, key, check) = (lines.next(), lines.next(), lines.next());
    if magic != Some(MAGIC) || lines.next().is_some() {
        return Err(Flaw::Form);
    }
    let mut key: [u8; 32] = key.and_then(unhex).ok_or(Flaw::Form)?;
    let key = RootKey::from_secret(SecretBytes::take(&mut key));
    let check: [u8; 16] = check.and_then(unhex).ok_or(Flaw::Form)?;
    if key.check().as_bytes() == &check { Ok(key) } else { Err(Flaw::Check) }
}

/// Exactly `N` bytes of lower-case hexadecimal.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let mut digits = text.bytes().map(|byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    });
    for byte in &mut out {
        let (Some(high), Some(low)) = (digits.next().flatten(), digits.next().flatten()) else {
            out.zeroize();
            return None;
        };
        *byte = high << 4 | low;
    }
    digits.next().is_none().then_some(out)
}

/// The fuzz entry for root key files: what decodes is written the same way.
#[doc(hidden)]
pub fn fuzz_root_key_text(data: &[u8]) {
    if let Ok(key) = decode(data) {
        let text = encode(&key);
        assert_eq!(text.trim_end().as_bytes(), data.trim_ascii_end(), "a root key has one text");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;
    use crate::SystemEntropy;

    fn source(directory: &tempfile::TempDir) -> RootKeySource {
        RootKeySource::File(directory.path().join("root-key"))
    }

    #[test]
    fn the_flag_names_a_provider() {
        assert_eq!(RootKeySource::parse("file:/a/b").unwrap(), RootKeySource::File("/a/b".into()));
        assert_eq!(RootKeySource::parse("file:a:b").unwrap(), RootKeySource::File("a:b".into()));
        for bad in ["", "file:", "/a/b", "pkcs11:token=x", "passphrase:hunter2"] {
            let error = RootKeySource::parse(bad).unwrap_err();
            assert!(matches!(error, RootKeyError::Source(_)));
            let message = error.to_string();
            assert!(message.contains("file:PATH") && !message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn the_default_is_the_sibling_of_the_data_directory() {
        for data in ["/srv/data", "/srv/data/", "/srv/./data/."] {
            assert_eq!(
                RootKeySource::beside(data.as_ref()),
                RootKeySource::File("/srv/data.root-key".into())
            );
        }
        let here = std::env::current_dir().unwrap().join("data.root-key");
        assert_eq!(RootKeySource::beside("./data".as_ref()), RootKeySource::File(here));
    }

    #[test]
    fn a_root_key_is_made_once_and_loaded_again() {
        let directory = tempfile::tempdir().unwrap();
        let (source, entropy) = (source(&directory), SystemEntropy::new());
        assert!(!source.exists());
        assert!(matches!(source.load(), Err(RootKeyError::File(PrivateFileError::Missing(_)))));
        let key = source.create(&entropy).unwrap();
        assert!(source.exists() && source.load().unwrap() == key);
        assert!(matches!(source.create(&entropy), Err(RootKeyError::File(PrivateFileError::Exists(_)))));
        assert!(source.load_or_create(&entropy).unwrap() == key);
        let mode = source.path().unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn every_changed_byte_of_a_root_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let source = source(&directory);
        source.create(&SystemEntropy::new()).unwrap();
        let path = source.path().unwrap();
        let good = std::fs::read(path).unwrap();
        assert_eq!(good.len(), FILE_BYTES);
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            std::fs::write(path, &bad).unwrap();
            let error = source.load().unwrap_err();
            let named = matches!(error, RootKeyError::NotARootKey(_) | RootKeyError::Damaged(_));
            assert!(named, "byte {position}: {error}");
        }
        for cut in 0..good.len() - 1 {
            std::fs::write(path, &good[..cut]).unwrap();
            assert!(matches!(source.load(), Err(RootKeyError::NotARootKey(_))), "cut at {cut}");
        }
        std::fs::write(path, [&good[..], b"\n"].concat()).unwrap();
        assert!(matches!(source.load(), Err(RootKeyError::File(PrivateFileError::TooLong(_)))));
        std::fs::write(path, good.trim_ascii_end()).unwrap();
        assert!(source.load().is_ok(), "an editor that drops the last newline does no harm");
    }

    #[test]
    fn a_root_key_open_to_others_or_behind_a_link_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let source = source(&directory);
        source.create(&SystemEntropy::new()).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(source.path().unwrap(), &link).unwrap();
        let linked = RootKeySource::File(link).load();
        assert!(matches!(linked, Err(RootKeyError::File(PrivateFileError::Symlink(_)))));
        std::fs::set_permissions(source.path().unwrap(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = source.load().unwrap_err();
        assert!(error.to_string().contains("chmod 600 "), "{error}");
    }

    #[test]
    fn a_root_key_inside_the_data_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir_all(data.join("sub")).unwrap();
        std::os::unix::fs::symlink(data.join("sub"), directory.path().join("detour")).unwrap();
        for inside in ["data/root-key", "data/sub/root-key", "detour/root-key"] {
            let source = RootKeySource::File(directory.path().join(inside));
            assert!(matches!(source.refuse_inside(&data), Err(RootKeyError::InsideData(_))), "{inside}");
        }
        let beside = RootKeySource::beside(&data);
        beside.refuse_inside(&data).unwrap();
        beside.refuse_inside(&directory.path().join("data-not-there-yet")).unwrap();
        beside.create(&SystemEntropy::new()).unwrap();
        assert!(beside.shares_file_system_with(&data).unwrap());
    }

    #[test]
    fn two_who_create_at_once_agree_on_one_key() {
        let directory = tempfile::tempdir().unwrap();
        let source = source(&directory);
        let created: usize = std::thread::scope(|scope| {
            let one = || source.create(&SystemEntropy::new()).is_ok();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(created, 1);
        source.load().unwrap();
    }

    proptest! {
        #[test]
        fn arbitrary_root_key_text_never_panics(data in prop::collection::vec(any::<u8>(), 0..150), tail in "[0-9a-f\n]{90,100}") {
            fuzz_root_key_text(&data);
            fuzz_root_key_text(format!("{MAGIC}\n{tail}").as_bytes());
        }
    }
}
