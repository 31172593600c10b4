//! The checker of message framing that stands under hyper.
//!
//! hyper and httparse repair what two parsers may read in two ways: a bare LF, a Content-Length beside a
//! Transfer-Encoding, two equal lengths. Whatever sits in front of Strongroom may read them the other way, and the
//! difference is a request that only one of the two sees. So the raw bytes are judged here, strictly, and hyper gets
//! only messages that have one reading.
//!
//! [`HeadChecker`] does no I/O. It is shown a window of bytes that hyper has not yet got, and says how many of them
//! may pass; how the bytes were split on their way never changes the verdict.

use std::net::Ipv6Addr;

use super::fault::HeadFault;
use super::limits::{
    MAX_CHUNK_LINE_BYTES, MAX_CHUNK_SIZE_DIGITS, MAX_CONTENT_LENGTH_DIGITS, MAX_HEAD_BYTES,
    MAX_HEADER_FIELDS, MAX_METHOD_BYTES, MAX_REQUEST_LINE_BYTES, MAX_TRAILER_BYTES,
};

/// How many bytes at the front of the window may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Bytes that may pass now; zero asks for a longer window.
    pub bytes: usize,
    /// Whether these bytes are one complete message head.
    pub head: bool,
}

impl Passed {
    const MORE: Self = Self { bytes: 0, head: false };

    fn body(bytes: usize) -> Self {
        Self { bytes, head: false }
    }
}

/// Where the checker stands in the stream of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or in a head: what of the window was looked at, and where the head's parts end.
    Head(HeadScan),
    /// In a body of known length.
    Length(u64),
    /// Before a chunk-size line.
    ChunkSize,
    /// In a chunk's data.
    ChunkData(u64),
    /// Before the CRLF after a chunk's data.
    ChunkEnd,
    /// In the trailer section, with the bytes it had so far.
    Trailers(usize),
    /// A fault was found; nothing passes any more.
    Failed(HeadFault),
}

/// How far an incomplete head has been looked at, so that it is looked at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct HeadScan {
    scanned: usize,
    line_start: usize,
    lines: usize,
    blank_seen: bool,
}

/// Follows the messages of one connection, pipelined ones included.
#[derive(Debug, Clone)]
pub struct HeadChecker {
    state: State,
}

impl Default for HeadChecker {
    fn default() -> Self {
        Self::new()
    }
}

impl HeadChecker {
    /// A checker at the start of a connection.
    pub fn new() -> Self {
        Self { state: State::Head(HeadScan::default()) }
    }

    /// Judges the bytes at the front of `window`.
    ///
    /// The caller takes [`Passed::bytes`] off the window before the next call, and adds bytes when it was zero.
    ///
    /// # Errors
    /// The fault for which the connection must end; every later call gives it again.
    pub fn check(&mut self, window: &[u8]) -> Result<Passed, HeadFault> {
        let step = match self.state {
            State::Head(scan) => self.check_head(scan, window),
            State::Length(left) => Ok(self.check_length(left, window)),
            State::ChunkSize => self.check_chunk_size(window),
            State::ChunkData(left) => Ok(self.check_chunk_data(left, window)),
            State::ChunkEnd => self.check_chunk_end(window),
            State::Trailers(used) => self.check_trailer(used, window),
            State::Failed(fault) => Err(fault),
        };
        if let Err(fault) = step {
            self.state = State::Failed(fault);
        }
        step
    }

    /// Whether the next byte belongs to a head, not to a body.
    pub fn at_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// How many of the next bytes are body data that may pass unseen.
    pub fn opaque(&self) -> u64 {
        match self.state {
            State::Length(left) | State::ChunkData(left) => left,
            State::Head(_) | State::ChunkSize | State::ChunkEnd | State::Trailers(_) | State::Failed(_) => 0,
        }
    }

    /// Takes note that `count` opaque bytes passed without a call of [`check`](Self::check).
    /// More than [`opaque`](Self::opaque) allows are counted as all of them.
    pub fn advance(&mut self, count: u64) {
        match self.state {
            State::Length(left) => self.state = after_length(left.saturating_sub(count)),
            State::ChunkData(left) => self.state = after_chunk_data(left.saturating_sub(count)),
            State::Head(_) | State::ChunkSize | State::ChunkEnd | State::Trailers(_) | State::Failed(_) => {}
        }
    }

    fn check_length(&mut self, left: u64, window: &[u8]) -> Passed {
        let bytes = at_most(window.len(), left);
        self.state = after_length(left.saturating_sub(bytes as u64));
        Passed::body(bytes)
    }

    fn check_chunk_data(&mut self, left: u64, window: &[u8]) -> Passed {
        let bytes = at_most(window.len(), left);
        self.state = after_chunk_data(left.saturating_sub(bytes as u64));
        Passed::body(bytes)
    }

    fn check_head(&mut self, mut scan: HeadScan, window: &[u8]) -> Result<Passed, HeadFault> {
        let mut previous =
            scan.scanned.checked_sub(1).and_then(|at| window.get(at)).copied().unwrap_or_default();
        for (at, &byte) in window.iter().enumerate().skip(scan.scanned) {
            check_head_byte(previous, byte)?;
            if at >= MAX_HEAD_BYTES {
                return Err(HeadFault::HeadTooLarge);
            }
            if scan.lines == 0 && at >= MAX_REQUEST_LINE_BYTES {
                return Err(HeadFault::RequestLineTooLong);
            }
            previous = byte;
            if byte != b'\n' {
                continue;
            }
            let end = at + 1;
            let empty = end - scan.line_start == 2;
            if !empty {
                scan.lines += 1;
                scan.line_start = end;
                // The request line, each field, and no more.
                if scan.lines > MAX_HEADER_FIELDS + 1 {
                    return Err(HeadFault::TooManyHeaders);
                }
            } else if scan.lines > 0 {
                let head = window.get(..end).ok_or(HeadFault::RequestLineMissing)?;
                self.state = judge_head(head)?;
                return Ok(Passed { bytes: end, head: true });
            } else if scan.blank_seen {
                return Err(HeadFault::RequestLineMissing);
            } else {
                // RFC 9112 section 2.2: a server should ignore at least one empty line before the request line.
                self.state = State::Head(HeadScan { blank_seen: true, ..HeadScan::default() });
                return Ok(Passed { bytes: end, head: false });
            }
        }
        scan.scanned = window.len();
        self.state = State::Head(scan);
        Ok(Passed::MORE)
    }

    fn check_chunk_size(&mut self, window: &[u8]) -> Result<Passed, HeadFault> {
        let Some(line) = whole_line(window, MAX_CHUNK_LINE_BYTES, HeadFault::ChunkSizeMalformed)? else {
            return Ok(Passed::MORE);
        };
        let size = chunk_size(line)?;
        self.state = if size == 0 { State::Trailers(0) } else { State::ChunkData(size) };
        Ok(Passed::body(line.len() + 2))
    }

    fn check_chunk_end(&mut self, window: &[u8]) -> Result<Passed, HeadFault> {
        match window {
            [b'\r', b'\n', ..] => {
                self.state = State::ChunkSize;
                Ok(Passed::body(2))
            }
            [] | [b'\r'] => Ok(Passed::MORE),
            _ => Err(HeadFault::ChunkEndMalformed),
        }
    }

    fn check_trailer(&mut self, used: usize, window: &[u8]) -> Result<Passed, HeadFault> {
        let room = MAX_TRAILER_BYTES.saturating_sub(used);
        let Some(line) = whole_line(window, room, HeadFault::TrailerTooLarge)? else {
            return Ok(Passed::MORE);
        };
        let bytes = line.len() + 2;
        if line.is_empty() {
            self.state = State::Head(HeadScan::default());
        } else {
            let (name, _) = header_field(line)?;
            if is_name(name, b"content-length")
                || is_name(name, b"transfer-encoding")
                || is_name(name, b"host")
            {
                return Err(HeadFault::HeaderNameMalformed);
            }
            self.state = State::Trailers(used + bytes);
        }
        Ok(Passed::body(bytes))
    }
}

fn at_most(available: usize, left: u64) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

fn after_length(left: u64) -> State {
    if left == 0 { State::Head(HeadScan::default()) } else { State::Length(left) }
}

fn after_chunk_data(left: u64) -> State {
    if left == 0 { State::ChunkEnd } else { State::ChunkData(left) }
}

/// Line ends are CRLF, and no other control character but HTAB stands in a head.
fn check_head_byte(previous: u8, byte: u8) -> Result<(), HeadFault> {
    match (previous, byte) {
        (b'\r', b'\n') => Ok(()),
        (b'\r', _) => Err(HeadFault::BareCarriageReturn),
        (_, b'\n') => Err(HeadFault::BareLineFeed),
        (_, b'\r' | b'\t' | 0x20..=0x7e | 0x80..=0xff) => Ok(()),
        (_, 0x00..=0x1f | 0x7f) => Err(HeadFault::ControlCharacter),
    }
}

/// The first line of the window without its CRLF, once all of it is there.
fn whole_line(window: &[u8], limit: usize, too_long: HeadFault) -> Result<Option<&[u8]>, HeadFault> {
    let mut previous = 0;
    for (at, &byte) in window.iter().enumerate() {
        check_head_byte(previous, byte)?;
        if at >= limit {
            return Err(too_long);
        }
        if byte == b'\n' {
            return Ok(window.get(..at.saturating_sub(1)));
        }
        previous = byte;
    }
    Ok(None)
}

/// `1*HEXDIG [ chunk-ext ]`; an extension is skipped, as RFC 9112 section 7.1.1 asks, but must follow a semicolon.
fn chunk_size(line: &[u8]) -> Result<u64, HeadFault> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
    if digits.is_empty() || digits.len() > MAX_CHUNK_SIZE_DIGITS {
        return Err(HeadFault::ChunkSizeMalformed);
    }
    digits.iter().try_fold(0u64, |size, &digit| {
        let value = char::from(digit).to_digit(16).ok_or(HeadFault::ChunkSizeMalformed)?;
        Ok(size * 16 + u64::from(value))
    })
}

fn is_name(name: &[u8], lower: &[u8]) -> bool {
    name.eq_ignore_ascii_case(lower)
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a request target may have: RFC 3986 characters, and those that browsers leave as they are and hyper takes.
fn is_target_byte(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
        && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'`' | b'{' | b'}' | b'\\' | b'^')
}

/// `uri-host [ ":" port ]` of RFC 9110 section 7.2, where `uri-host` is an address of IPv6 between brackets, or a name or
/// an address of IPv4. Of what RFC 3986 section 3.2.2 allows in names, percent-encoding and sub-delimiters are refused:
/// no name of a host has them, and routing would have to undo them.
fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
            let (address, after) = rest.split_at(end);
            if !std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()) {
                return false;
            }
            (None, after.strip_prefix(b"]").unwrap_or_default())
        }
        None => {
            let end = value.iter().position(|&byte| byte == b':').unwrap_or(value.len());
            let (name, port) = value.split_at(end);
            (Some(name), port)
        }
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = host.is_none_or(|name| !name.is_empty() && name.iter().copied().all(is_name_byte));
    is_name && is_port(port)
}

/// Nothing, or a colon and a port; the port may be left out behind its colon (RFC 3986 section 3.2.3).
fn is_port(text: &[u8]) -> bool {
    let Some(digits) = text.strip_prefix(b":") else { return text.is_empty() };
    let number = digits.iter().try_fold(0_u16, |number, digit| {
        let digit = char::from(*digit).to_digit(10).and_then(|digit| u16::try_from(digit).ok())?;
        number.checked_mul(10)?.checked_add(digit)
    });
    number.is_some()
}

/// A field's name, and its value without the white space around it.
fn header_field(line: &[u8]) -> Result<(&[u8], &[u8]), HeadFault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(HeadFault::ObsoleteFold);
    }
    let colon = line.iter().position(|&byte| byte == b':').ok_or(HeadFault::HeaderNameMalformed)?;
    let (name, rest) = line.split_at(colon);
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(HeadFault::WhitespaceBeforeColon);
    }
    if name.is_empty() || !name.iter().copied().all(is_token_byte) {
        return Err(HeadFault::HeaderNameMalformed);
    }
    let value = rest.strip_prefix(b":").unwrap_or_default();
    Ok((name, value.trim_ascii()))
}

/// The framing fields of one head.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    content_length: Option<u64>,
    chunked: bool,
}

impl<'a> Fields<'a> {
    fn add(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), HeadFault> {
        if is_name(name, b"host") {
            if self.host.replace(value).is_some() {
                return Err(HeadFault::HostDuplicated);
            }
        } else if is_name(name, b"content-length") {
            if self.content_length.replace(content_length(value)?).is_some() {
                return Err(HeadFault::ContentLengthDuplicated);
            }
        } else if is_name(name, b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadFault::TransferEncodingRefused);
            }
            self.chunked = true;
        }
        Ok(())
    }
}

fn content_length(value: &[u8]) -> Result<u64, HeadFault> {
    if value.is_empty() || value.len() > MAX_CONTENT_LENGTH_DIGITS || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadFault::ContentLengthMalformed);
    }
    Ok(value.iter().fold(0u64, |length, digit| length * 10 + u64::from(digit - b'0')))
}

/// Judges a complete head whose line ends are sound, and says what follows it.
fn judge_head(head: &[u8]) -> Result<State, HeadFault> {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let request_line = lines.next().ok_or(HeadFault::RequestLineMissing)?;
    let (method, target, http_10) = request_parts(request_line)?;
    let mut fields = Fields::default();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = header_field(line)?;
        fields.add(name, value)?;
    }
    let host = fields.host.filter(|host| !host.is_empty()).ok_or(HeadFault::HostMissing)?;
    if !is_host(host) {
        return Err(HeadFault::HostMalformed);
    }
    check_target(method, target, host)?;
    match (fields.chunked, fields.content_length) {
        (true, Some(_)) => Err(HeadFault::ContentLengthWithTransferEncoding),
        (true, None) if http_10 => Err(HeadFault::TransferEncodingRefused),
        (true, None) => Ok(State::ChunkSize),
        (false, length) => Ok(after_length(length.unwrap_or(0))),
    }
}

/// Method, target, and whether the version is HTTP/1.0.
fn request_parts(line: &[u8]) -> Result<(&[u8], &[u8], bool), HeadFault> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadFault::RequestLineMalformed);
    };
    let http_10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ => return Err(HeadFault::VersionRefused),
    };
    let token = !method.is_empty() && method.iter().copied().all(is_token_byte);
    if !token || method.len() > MAX_METHOD_BYTES || method == b"CONNECT" {
        return Err(HeadFault::MethodRefused);
    }
    if target.is_empty() || !target.iter().copied().all(is_target_byte) {
        return Err(HeadFault::TargetMalformed);
    }
    Ok((method, target, http_10))
}

/// Origin form; `*` for OPTIONS only; absolute form only when it names the very host of the Host header
/// (RFC 9112 section 3.2.2 lets the target win, which is a second reading that nobody needs).
fn check_target(method: &[u8], target: &[u8], host: &[u8]) -> Result<(), HeadFault> {
    if target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS") {
        return Ok(());
    }
    let rest = [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find_map(|scheme| target.split_at_checked(scheme.len()).filter(|(start, _)| is_name(start, scheme)))
        .map(|(_, rest)| rest)
        .ok_or(HeadFault::TargetFormRefused)?;
    let authority = rest.split(|&byte| byte == b'/' || byte == b'?').next().unwrap_or_default();
    if is_name(authority, host) { Ok(()) } else { Err(HeadFault::TargetFormRefused) }
}

/// Runs the checker over `data` twice, whole and in pieces whose sizes the first byte seeds, and compares.
#[doc(hidden)]
pub fn fuzz_head_checker(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = run(data, usize::MAX);
    let pieces = run(data, usize::from(seed % 17) + 1);
    assert_eq!(whole, pieces, "the split of the bytes changed the verdict");
}

/// Bytes passed, heads seen and the fault, when `data` arrives in pieces of `piece` bytes.
fn run(data: &[u8], piece: usize) -> (usize, usize, Option<HeadFault>) {
    let mut checker = HeadChecker::new();
    let mut window = Vec::new();
    let (mut passed, mut heads) = (0, 0);
    for part in data.chunks(piece.min(data.len().max(1))) {
        window.extend_from_slice(part);
        loop {
            match checker.check(&window) {
                Ok(step) if step.bytes == 0 => break,
                Ok(step) => {
                    window.drain(..step.bytes.min(window.len()));
                    passed += step.bytes;
                    heads += usize::from(step.head);
                }
                Err(fault) => return (passed, heads, Some(fault)),
            }
        }
    }
    (passed, heads, None)
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
