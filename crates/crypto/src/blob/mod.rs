//! Sealed objects: frames of 64 KiB under a key that seals one blob only.
//!
//! `docs/formats/sealed-blob.md` describes the bytes. In short: a header of four bytes; frames of 65,536 bytes
//! of plaintext and a tag of 16; the last frame holds what is left (nothing, for an empty blob only). The nonce
//! is the frame's number and whether it is the last, the associated data are the header, bucket, blob, frame
//! number and object key. So frames cannot be reordered, repeated, dropped or moved, a blob cannot be cut or
//! prolonged, and the length of the plaintext is authentic.

mod fuzz;
mod layout;
mod opener;
mod pool;
mod sealer;

pub use fuzz::fuzz_changed_blob;
pub use layout::{BlobBinding, FrameRange, frame_range, plain_len, sealed_len};
pub use opener::{Opener, fuzz_sealed_blob, open_blob, open_frame};
pub use pool::{Buffer, BufferPool};
pub use sealer::{SealedEnd, Sealer, seal_blob};

#[cfg(test)]
mod tests;
