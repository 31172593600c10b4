//! The lines of an aws-chunked body: chunk headers and trailers.

use super::{CHUNK_SIGNATURE, TRAILER_SIGNATURE, Trailers};
use crate::canonical::is_token;
use crate::error::BodyError;
use crate::limits::{MAX_CHUNK_SIZE_DIGITS, MAX_TRAILERS};

/// What stands before the data of a chunk.
pub(super) struct ChunkHeader {
    pub(super) bytes: u64,
    pub(super) signature: Option<Box<str>>,
}

impl ChunkHeader {
    /// Parses `10000` or, where chunks are signed, `10000;chunk-signature=<64 digits>`, without its line end.
    pub(super) fn parse(line: &[u8], signed: bool) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        if !signed {
            return Some(Self { bytes: parse_size(text)?, signature: None });
        }
        let (size, signature) = text.split_once(CHUNK_SIGNATURE)?;
        let digits = signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits && signature.len() == 64)
            .then(|| Some(Self { bytes: parse_size(size)?, signature: Some(signature.into()) }))?
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits && (1..=MAX_CHUNK_SIZE_DIGITS).contains(&text.len()) {
        u64::from_str_radix(text, 16).ok()
    } else {
        None
    }
}

/// Trailer lines as they come in.
#[derive(Debug)]
pub(super) struct TrailerLines {
    declared: Vec<String>,
    signed: bool,
    found: Vec<(String, String)>,
    signature: Option<String>,
    /// Empty lines before the signature: AWS's own example has two, minio-go writes one.
    empty_lines: u8,
}

/// What follows a trailer line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterLine {
    /// Another line.
    Line,
    /// Nothing: the trailer is whole.
    End,
}

impl TrailerLines {
    pub(super) fn new(declared: Vec<String>, signed: bool) -> Self {
        Self { declared, signed, found: Vec::new(), signature: None, empty_lines: 0 }
    }

    /// Takes a line without its end.
    pub(super) fn push(&mut self, line: &[u8]) -> Result<AfterLine, BodyError> {
        if line.is_empty() {
            return self.empty_line();
        }
        let text = std::str::from_utf8(line).map_err(|_| BodyError::Trailer)?;
        let (name, value) = text.split_once(':').ok_or(BodyError::Trailer)?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']));
        let legal = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !legal || name.is_empty() || !name.bytes().all(is_token) || self.signature.is_some() {
            return Err(BodyError::Trailer);
        }
        if self.signed && name == TRAILER_SIGNATURE {
            self.signature = Some(value.to_owned());
            return Ok(AfterLine::Line);
        }
        let new = self.declared.contains(&name) && !self.found.iter().any(|(found, _)| *found == name);
        if !new || self.found.len() == MAX_TRAILERS || self.empty_lines > 0 {
            return Err(BodyError::Trailer);
        }
        self.found.push((name, value.to_owned()));
        Ok(AfterLine::Line)
    }

    fn empty_line(&mut self) -> Result<AfterLine, BodyError> {
        if !self.signed || self.signature.is_some() {
            return if self.found.len() == self.declared.len() {
                Ok(AfterLine::End)
            } else {
                Err(BodyError::Trailer)
            };
        }
        self.empty_lines += 1;
        if self.empty_lines > 2 { Err(BodyError::Trailer) } else { Ok(AfterLine::Line) }
    }

    /// What the trailer's signature covers: `name:value\n` for each.
    pub(super) fn signed_text(&self) -> Vec<u8> {
        signed_text(self.found.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    pub(super) fn signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }

    pub(super) fn take(&mut self) -> Trailers {
        Trailers(std::mem::take(&mut self.found))
    }
}

pub(super) fn signed_text<'a>(trailers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    trailers.fold(Vec::new(), |mut text, (name, value)| {
        for piece in [name, ":", value, "\n"] {
            text.extend_from_slice(piece.as_bytes());
        }
        text
    })
}
