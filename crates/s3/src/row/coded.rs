//! Values of rows as bytes: a format byte and CBOR whose members are numbered for ever.

use strongroom_gate::ErrorReply;

/// The format written today.
const FORMAT: u8 = 1;

/// A row that does not read as what its key says. Never guessed around: the request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored row has an unknown format")]
pub struct RowError;

impl From<RowError> for ErrorReply {
    fn from(_: RowError) -> Self {
        Self::new(500, "InternalError", "We encountered an internal error. Please try again.")
    }
}

/// A value that is a row.
pub trait Coded: Sized {
    /// The bytes to store.
    fn encode(&self) -> Vec<u8>;

    /// Reads stored bytes.
    ///
    /// # Errors
    /// [`RowError`] for another format, or bytes that are no such row.
    fn decode(bytes: &[u8]) -> Result<Self, RowError>;
}

impl<T> Coded for T
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>,
{
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.push(FORMAT);
        // INVARIANT: writing to a vector does not fail, and no row type has a failing encoder.
        if minicbor::encode(self, &mut out).is_err() {
            out.clear();
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        match bytes.split_first() {
            Some((&FORMAT, rest)) => minicbor::decode(rest).map_err(|_| RowError),
            _ => Err(RowError),
        }
    }
}
