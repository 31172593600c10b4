//! Where the body of an answer ends.
//!
//! Source: RFC 9112, section 6.3, "Message Body Length", and section 7.1, "Chunked Transfer Coding".

/// Digits of a chunk's size; more would not fit 64 bits.
const MAX_SIZE_DIGITS: u32 = 16;

/// Bytes of one line of a trailer or of a chunk's extension.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// What of a body is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes, zero at the end.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// All until the connection ends.
    UntilClose,
}

/// Where in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// In the digits of a size.
    Size { size: u64, digits: u32 },
    /// Behind the digits, before the line's end.
    SizeRest { size: u64, length: usize },
    /// In the bytes of a chunk.
    Data { left: u64 },
    /// In the line's end behind the bytes.
    DataEnd,
    /// In a line of the trailer.
    Trailer { length: usize },
    /// Behind everything.
    Done,
}

/// A body that breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Framing {
    /// At the beginning of a chunked body.
    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunk::Size { size: 0, digits: 0 })
    }

    /// Whether everything has come. A body that ends with the connection is never done by itself.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Takes bytes that have come, gives the body's to `sink` and says how many belong to this answer.
    pub(super) fn feed(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        match self {
            Self::UntilClose => {
                sink(input);
                Ok(input.len())
            }
            Self::Length(left) => {
                let taken = take(input, left, &mut sink);
                Ok(taken.len())
            }
            Self::Chunked(chunk) => {
                let mut rest = input;
                while *chunk != Chunk::Done && !rest.is_empty() {
                    rest = chunk.step(rest, &mut sink)?;
                }
                Ok(input.len() - rest.len())
            }
        }
    }
}

/// Gives what of `input` is within `left`.
fn take<'a>(input: &'a [u8], left: &mut u64, sink: &mut impl FnMut(&[u8])) -> &'a [u8] {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    let taken = input.get(..length).unwrap_or(input);
    sink(taken);
    *left -= taken.len() as u64;
    taken
}

impl Chunk {
    /// Takes the bytes of a chunk at once, everything else byte by byte.
    fn step<'a>(&mut self, input: &'a [u8], sink: &mut impl FnMut(&[u8])) -> Result<&'a [u8], Malformed> {
        if let Self::Data { left } = self {
            let taken = take(input, left, sink);
            if *left == 0 {
                *self = Self::DataEnd;
            }
            return Ok(input.get(taken.len()..).unwrap_or_default());
        }
        let Some((&byte, rest)) = input.split_first() else { return Ok(input) };
        *self = match (*self, byte) {
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                if digits == MAX_SIZE_DIGITS {
                    return Err(Malformed);
                }
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { digits: 0, .. }, _) => return Err(Malformed),
            (Self::Size { size, .. }, b'\r' | b';' | b' ' | b'\t') => Self::SizeRest { size, length: 0 },
            (Self::Size { .. }, _) => return Err(Malformed),
            (Self::SizeRest { size: 0, .. }, b'\n') => Self::Trailer { length: 0 },
            (Self::SizeRest { size, .. }, b'\n') => Self::Data { left: size },
            (Self::SizeRest { length, .. } | Self::Trailer { length }, _) if length == MAX_LINE_BYTES => {
                return Err(Malformed);
            }
            (Self::SizeRest { size, length }, _) => Self::SizeRest { size, length: length + 1 },
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::DataEnd, _) => return Err(Malformed),
            (Self::Trailer { length: 0 }, b'\n') => Self::Done,
            (Self::Trailer { .. }, b'\n') => Self::Trailer { length: 0 },
            (Self::Trailer { length: 0 }, b'\r') => Self::Trailer { length: 0 },
            (Self::Trailer { length }, _) => Self::Trailer { length: length + 1 },
            (Self::Data { .. } | Self::Done, _) => return Err(Malformed),
        };
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds in pieces of `step` bytes; gives the body and the bytes that were taken.
    fn read(mut framing: Framing, input: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), Malformed> {
        let (mut body, mut taken) = (Vec::new(), 0);
        for piece in input.chunks(step) {
            let length = framing.feed(piece, |bytes| body.extend_from_slice(bytes))?;
            taken += length;
            if length < piece.len() {
                break;
            }
        }
        Ok((body, taken, framing.is_done()))
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        assert_eq!(read(Framing::Length(3), b"abcHTTP", 2), Ok((b"abc".to_vec(), 3, true)));
        assert_eq!(read(Framing::Length(3), b"ab", 2), Ok((b"ab".to_vec(), 2, false)));
        assert!(Framing::Length(0).is_done());
        assert_eq!(read(Framing::UntilClose, b"ab", 1), Ok((b"ab".to_vec(), 2, false)));
    }

    #[test]
    fn chunks_extensions_and_trailers_are_read_however_they_are_cut() {
        let wire = b"3;name=value\r\nabc\r\n0B\r\nhello world\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\nHTTP";
        for step in 1..=wire.len() {
            let whole = Ok((b"abchello world".to_vec(), wire.len() - 4, true));
            assert_eq!(read(Framing::chunked(), wire, step), whole, "{step}");
        }
        assert_eq!(read(Framing::chunked(), b"0\r\n\r\n", 1), Ok((Vec::new(), 5, true)));
    }

    #[test]
    fn a_body_that_breaks_the_rules_is_refused() {
        for bad in ["\r\n", "g\r\n", "1\r\nabc", "11111111111111111\r\n", "1x\r\na"] {
            assert_eq!(read(Framing::chunked(), bad.as_bytes(), 1), Err(Malformed), "{bad:?}");
        }
        let long = format!("0\r\n{}", "x".repeat(MAX_LINE_BYTES + 1));
        assert_eq!(read(Framing::chunked(), long.as_bytes(), 100), Err(Malformed));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(input in proptest::collection::vec(any::<u8>(), 0..200), step in 1_usize..50) {
            drop(read(Framing::chunked(), &input, step));
        }
    }
}
