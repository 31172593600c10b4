//! What can go wrong with the files of keys. The reader is the operator, so paths are named and the next step
//! is said; no message holds a byte of a key.

use std::io;
use std::path::PathBuf;

use strongroom_crypto::KeyringError;

/// A file that only its owner may read could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// There is none.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// There is one already, and it is never overwritten.
    #[error("{} exists already and is never overwritten: move it away first", .0.display())]
    Exists(PathBuf),
    /// Others may read or write it.
    #[error("{path} is open to others (mode {mode:04o}): run `chmod 600 {path}`", path = .path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user, who could read it.
    #[error("{path} belongs to user {owner}: run `chown {us} {path}`", path = .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user this process runs as.
        us: u32,
    },
    /// A symbolic link.
    #[error("{} is a symbolic link: name the file itself", .0.display())]
    Symlink(PathBuf),
    /// A directory, device, socket or pipe.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Longer than any such file is.
    #[error("{} is too long to be what it should be", .0.display())]
    TooLong(PathBuf),
    /// The operating system refused.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was attempted: "read", "write", …
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// The root key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The text of `--root-key` names no provider that this version has.
    #[error("`{0}` is not a root key source: write `file:PATH`")]
    Source(String),
    /// The root key would lie in the directory that it protects.
    #[error("{} lies inside the data directory: keep the root key elsewhere", .0.display())]
    InsideData(PathBuf),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Not a root key file, or a later version's.
    #[error("{} is not a root key of a version that this program knows: name another file", .0.display())]
    NotARootKey(PathBuf),
    /// The key and its check value disagree.
    #[error("{} is damaged (its check value does not match): restore it from your copy", .0.display())]
    Damaged(PathBuf),
}

/// The epochs file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Another root key wrote it.
    #[error(
        "{} was written with another root key: give the one of this data directory with `--root-key file:PATH`",
        .0.display()
    )]
    WrongRootKey(PathBuf),
    /// It was altered, cut short, or written by a newer version.
    #[error("{} cannot be used: restore it from a backup of this data directory", .path.display())]
    Keyring {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: KeyringError,
    },
}
