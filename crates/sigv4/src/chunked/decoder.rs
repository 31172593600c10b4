//! The incremental decoder.

use aws_lc_rs::digest;
use bytes::{Buf as _, Bytes};

use super::lines::{AfterLine, ChunkHeader, TrailerLines};
use super::{Chain, ChunkedBody, Trailers};
use crate::error::BodyError;
use crate::limits::{MAX_CHUNK_LINE_BYTES, MAX_TRAILER_LINE_BYTES, MIN_INNER_CHUNK_BYTES};
use crate::payload::VerifiedBody;
use crate::verify::signature_matches;

/// Decodes an aws-chunked body piece by piece, without waiting for whole chunks and without copying data.
///
/// Data is given out before the signature of its chunk is checked, so it is *unverified* until
/// [`ChunkDecoder::finish`] gives the proof. What is kept is one line and one hash, whatever the size of a chunk.
///
/// # Limits
/// [`MAX_CHUNK_LINE_BYTES`], [`MAX_TRAILER_LINE_BYTES`], and those of the trailer. The data cannot exceed the
/// decoded length that the head declared.
#[derive(Debug)]
pub struct ChunkDecoder {
    decoded_bytes: u64,
    received_bytes: u64,
    chain: Option<Chain>,
    trailer: Option<TrailerLines>,
    line: Vec<u8>,
    small_chunk_seen: bool,
    state: State,
}

enum State {
    /// In the line before a chunk.
    ChunkLine,
    /// In the data of a chunk.
    Data { left: u64, signature: Option<Box<str>>, hash: Option<digest::Context> },
    /// In the line end after a chunk's data.
    DataEnd,
    /// In the empty line after the last chunk, where there is no trailer.
    LastLine,
    /// In a trailer line.
    TrailerLine,
    /// After the end.
    Done(Trailers),
    /// After an error.
    Failed(BodyError),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ChunkLine => "ChunkLine",
            Self::Data { .. } => "Data",
            Self::DataEnd => "DataEnd",
            Self::LastLine => "LastLine",
            Self::TrailerLine => "TrailerLine",
            Self::Done(_) => "Done",
            Self::Failed(_) => "Failed",
        })
    }
}

impl ChunkDecoder {
    /// Decodes the body of a verified head.
    pub fn new(body: ChunkedBody) -> Self {
        let ChunkedBody { decoded_bytes, declared, chain, has_trailer } = body;
        let trailer = has_trailer.then(|| TrailerLines::new(declared, chain.is_some()));
        Self {
            decoded_bytes,
            received_bytes: 0,
            chain,
            trailer,
            line: Vec::new(),
            small_chunk_seen: false,
            state: State::ChunkLine,
        }
    }

    /// The decoded length that the head declared, in bytes.
    pub fn declared_bytes(&self) -> u64 {
        self.decoded_bytes
    }

    /// Takes the next bytes as they came and appends the data among them to `out`.
    ///
    /// # Errors
    /// [`BodyError`]; from then on every call gives the same error.
    pub fn feed(&mut self, mut input: Bytes, out: &mut Vec<Bytes>) -> Result<(), BodyError> {
        while !input.is_empty() {
            if let Err(error) = self.step(&mut input, out) {
                self.state = State::Failed(error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Ends the body: everything came, every signature was right, every trailer is there.
    ///
    /// # Errors
    /// [`BodyError::Incomplete`], or the error that came before.
    pub fn finish(self) -> Result<VerifiedBody, BodyError> {
        match self.state {
            State::Done(_) if self.line == b"\r" => Err(BodyError::Incomplete),
            State::Done(trailers) => Ok(VerifiedBody::new(self.received_bytes, trailers)),
            State::Failed(error) => Err(error),
            State::ChunkLine | State::Data { .. } | State::DataEnd | State::LastLine | State::TrailerLine => {
                Err(BodyError::Incomplete)
            }
        }
    }

    fn step(&mut self, input: &mut Bytes, out: &mut Vec<Bytes>) -> Result<(), BodyError> {
        match &mut self.state {
            State::Data { left, hash, .. } => {
                let available = u64::try_from(input.len()).unwrap_or(u64::MAX).min(*left);
                // INVARIANT: `available` is at most the length of a buffer in memory.
                let data = input.split_to(usize::try_from(available).unwrap_or(0));
                *left -= available;
                self.received_bytes += available;
                if let Some(hash) = hash {
                    hash.update(&data);
                }
                out.push(data);
                if *left == 0 { self.end_data() } else { Ok(()) }
            }
            State::ChunkLine => match self.take_line(input, MAX_CHUNK_LINE_BYTES, BodyError::ChunkHeader)? {
                Some(line) => self.chunk_line(line.strip_suffix(b"\r").ok_or(BodyError::ChunkHeader)?),
                None => Ok(()),
            },
            State::DataEnd => self.expect_line_end(input, State::ChunkLine),
            State::LastLine => self.expect_line_end(input, State::Done(Trailers::default())),
            State::TrailerLine => match self.take_line(input, MAX_TRAILER_LINE_BYTES, BodyError::Trailer)? {
                // AWS's clients end trailer lines with CRLF, its documentation's example and minio-go with LF.
                Some(line) => self.trailer_line(line.strip_suffix(b"\r").unwrap_or(&line)),
                None => Ok(()),
            },
            State::Done(_) => self.second_end(input),
            State::Failed(error) => Err(*error),
        }
    }

    /// Moves bytes up to a line feed into the line; gives the line, without the line feed, once it is whole.
    fn take_line(
        &mut self,
        input: &mut Bytes,
        max_bytes: usize,
        too_long: BodyError,
    ) -> Result<Option<Vec<u8>>, BodyError> {
        let room = max_bytes - self.line.len().min(max_bytes);
        let found = input.iter().take(room).position(|byte| *byte == b'\n');
        let taken = input.split_to(found.unwrap_or(input.len().min(room)));
        self.line.extend_from_slice(&taken);
        if found.is_some() {
            input.advance(1);
            return Ok(Some(std::mem::take(&mut self.line)));
        }
        if self.line.len() == max_bytes { Err(too_long) } else { Ok(None) }
    }

    fn expect_line_end(&mut self, input: &mut Bytes, next: State) -> Result<(), BodyError> {
        let expected = if self.line.is_empty() { b'\r' } else { b'\n' };
        if input.first() != Some(&expected) {
            return Err(BodyError::ChunkEnd);
        }
        input.advance(1);
        if expected == b'\r' {
            self.line.push(b'\r');
        } else {
            self.line.clear();
            self.state = next;
        }
        Ok(())
    }

    /// minio-go ends an unsigned trailer with LF and two CRLFs: one empty line more than AWS documents, and AWS takes it.
    fn second_end(&mut self, input: &mut Bytes) -> Result<(), BodyError> {
        let expected = match self.line.as_slice() {
            b"" if self.trailer.is_some() && self.chain.is_none() => b'\r',
            b"\r" => b'\n',
            _ => return Err(BodyError::TrailingBytes),
        };
        if input.first() != Some(&expected) {
            return Err(BodyError::TrailingBytes);
        }
        input.advance(1);
        self.line.push(expected);
        Ok(())
    }

    fn chunk_line(&mut self, line: &[u8]) -> Result<(), BodyError> {
        let header = ChunkHeader::parse(line, self.chain.is_some()).ok_or(BodyError::ChunkHeader)?;
        let hash = self.chain.is_some().then(|| digest::Context::new(&digest::SHA256));
        if header.bytes > self.decoded_bytes - self.received_bytes {
            return Err(BodyError::Incomplete);
        }
        if header.bytes > 0 && self.small_chunk_seen {
            return Err(BodyError::ChunkTooSmall);
        }
        self.small_chunk_seen = header.bytes < MIN_INNER_CHUNK_BYTES;
        self.state = State::Data { left: header.bytes, signature: header.signature, hash };
        if header.bytes > 0 {
            return Ok(());
        }
        self.end_data()?;
        if self.received_bytes != self.decoded_bytes {
            return Err(BodyError::Incomplete);
        }
        self.state = if self.trailer.is_some() { State::TrailerLine } else { State::LastLine };
        Ok(())
    }

    /// The data of a chunk is whole: its signature must be right.
    fn end_data(&mut self) -> Result<(), BodyError> {
        let State::Data { signature, hash, .. } = std::mem::replace(&mut self.state, State::DataEnd) else {
            return Err(BodyError::ChunkEnd);
        };
        let Some(chain) = &mut self.chain else { return Ok(()) };
        let (Some(signature), Some(hash)) = (signature, hash) else { return Err(BodyError::ChunkSignature) };
        let computed = chain.chunk(&hash.finish());
        if signature_matches(&computed, &signature) { Ok(()) } else { Err(BodyError::ChunkSignature) }
    }

    fn trailer_line(&mut self, line: &[u8]) -> Result<(), BodyError> {
        let trailer = self.trailer.as_mut().ok_or(BodyError::Trailer)?;
        match trailer.push(line)? {
            AfterLine::Line => return Ok(()),
            AfterLine::End => {}
        }
        if let Some(chain) = &mut self.chain {
            let computed = chain.trailer(&trailer.signed_text());
            let provided = trailer.signature().ok_or(BodyError::TrailerSignature)?;
            if !signature_matches(&computed, provided) {
                return Err(BodyError::TrailerSignature);
            }
        }
        self.state = State::Done(trailer.take());
        Ok(())
    }
}

/// Fuzz entry: the first byte chooses the mode and whether the rest is encoded (and then damaged) or taken as it is,
/// the second where it is split. However the input is split, the outcome is the same.
#[doc(hidden)]
pub fn fuzz_chunked(data: &[u8]) {
    let [choice, cut, rest @ ..] = data else { return };
    let (declared, wire) = super::encoder::fuzz_wire(*choice, *cut, rest);
    let open = || ChunkDecoder::new(super::encoder::fuzz_body(*choice, declared));
    let run = |pieces: &[&[u8]]| {
        let (mut decoder, mut out) = (open(), Vec::new());
        for piece in pieces {
            if decoder.feed(Bytes::copy_from_slice(piece), &mut out).is_err() {
                break;
            }
        }
        let ended = decoder.finish();
        let data: Vec<u8> = out.concat();
        (ended.map(|body| (body.bytes(), body.trailers().clone())), data)
    };
    let (whole, whole_data) = run(&[&wire]);
    let (bytewise, bytewise_data) = run(&wire.chunks(1).collect::<Vec<_>>());
    let (pieces, pieces_data) = run(&wire.chunks(usize::from(*cut) + 1).collect::<Vec<_>>());
    assert_eq!(whole, bytewise);
    assert_eq!(whole, pieces);
    assert_eq!(whole_data, bytewise_data);
    assert_eq!(whole_data, pieces_data);
    if let Ok((bytes, _)) = whole {
        assert_eq!(bytes, declared);
        assert_eq!(u64::try_from(whole_data.len()), Ok(declared));
    }
}
