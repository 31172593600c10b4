//! Keys that come from outside and keys at rest: the root key's providers, the epochs file beside `FORMAT`, and
//! [`Keys`], the facade through which everybody else seals and opens.
//!
//! In reading order:
//! - `root`: where the root key lies ([`RootKeySource`]).
//! - `epochs`: the file `DIR/keys` ([`EpochsFile`]): created, loaded, replaced.
//! - `keys`: [`Keys`]: rows, records, secrets, tokens, and the data keys of SSE-S3.
//! - `private_file`: files that only their owner reads.
//! - `entropy`: the operating system's random bytes.
//!
//! The formats are in `strongroom-crypto` and `docs/formats/keys.md`.

mod entropy;
mod epochs;
mod error;
mod keys;
mod private_file;
mod root;

pub use entropy::SystemEntropy;
pub use epochs::{EPOCHS_FILE_NAME, EpochsFile};
pub use error::{KeysError, PrivateFileError, RootKeyError};
pub use keys::{BucketWrapper, Keys};
pub use root::{RootKeySource, fuzz_root_key_text};
