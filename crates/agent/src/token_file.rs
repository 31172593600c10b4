//! The token of the container protocol: made at each start, and kept in a file that its owner alone can read.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::Entropy;
use zeroize::Zeroizing;

use crate::AgentError;

/// What a program shows to get credentials: 256 random bits, fit for a header.
pub(crate) struct SecretToken(Zeroizing<String>);

impl std::fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretToken(redacted)")
    }
}

impl SecretToken {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut random = Zeroizing::new([0; 32]);
        entropy.fill(&mut *random);
        Self::from_random(&random)
    }

    pub(crate) fn from_random(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(random)))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// The file with a token; it goes when the agent ends, since the token is of no use after that.
#[derive(Debug)]
pub(crate) struct TokenFile(PathBuf);

impl TokenFile {
    /// Writes the token into `path`, without an end of line, since what is in the file goes into a header as it is. The
    /// file is made anew and moved to its place: whoever had the old one open sees nothing of the new one, and a link in
    /// its place is not followed.
    ///
    /// # Errors
    /// [`AgentError::TokenFile`].
    pub(crate) fn write(path: &Path, token: &SecretToken) -> Result<Self, AgentError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let failed = |source| AgentError::TokenFile { path: path.clone(), source };
        let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}", std::process::id()));
        let temporary = path.with_file_name(temporary);
        // What a process of this number left when it was killed.
        drop(std::fs::remove_file(&temporary));
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(
            |mut file| {
                file.write_all(token.expose().as_bytes())?;
                file.sync_all()?;
                std::fs::rename(&temporary, &path)
            },
        );
        if let Err(source) = written {
            drop(std::fs::remove_file(&temporary));
            return Err(failed(source));
        }
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the token's file is gone already");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_token_lies_in_a_file_of_its_owner_alone_and_goes_with_the_agent() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (directory.path().join("token"), directory.path().join("elsewhere"));
        std::fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let token = SecretToken::from_random(&[1; 32]);
        let file = TokenFile::write(&path, &token).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), token.expose(), "no end of line");
        assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine", "a link is replaced, not followed");
        drop(file);
        assert!(!path.exists());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let error = TokenFile::write(&directory.path().join("none/token"), &token).unwrap_err();
        assert!(error.to_string().contains("none/token"));
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
