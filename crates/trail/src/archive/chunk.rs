//! The file of a chunk: docs/formats/records.md.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use minicbor::{Decode, Encode};
use strongroom_storage::Position;

use super::facts::Facts;
use crate::error::TrailError;
use crate::limits;

/// The format written today.
const FORMAT: u8 = 1;

/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 61;

/// zstd's own default: 4–6× on records, well above 100 MB/s.
const COMPRESSION_LEVEL: i32 = 3;

/// Seals and opens what chunks hold. The server passes the installation's record keys.
pub trait ChunkSeal: Send + Sync {
    /// Seals `plain` for `context`, which is authenticated and not secret.
    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8>;

    /// Opens what [`seal`](Self::seal) made for this context.
    ///
    /// # Errors
    /// [`SealError`] for anything else.
    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError>;
}

/// Sealed bytes do not open: altered, moved, or sealed under a key that is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open")]
pub struct SealError;

/// What stands in front of a chunk, in the clear; authenticated with the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the chunk before ended.
    pub(crate) after: u64,
    /// Position of the first record.
    pub(crate) first: u64,
    /// Position of the last record.
    pub(crate) last: u64,
    /// Earliest time, milliseconds.
    pub(crate) first_time: i64,
    /// Latest time, milliseconds.
    pub(crate) last_time: i64,
    /// How many records.
    pub(crate) records: u32,
    index_offset: u64,
    index_bytes: u64,
}

impl Header {
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let parts: [&[u8]; 9] = [
            &[FORMAT],
            &self.after.to_be_bytes(),
            &self.first.to_be_bytes(),
            &self.last.to_be_bytes(),
            &self.first_time.to_be_bytes(),
            &self.last_time.to_be_bytes(),
            &self.records.to_be_bytes(),
            &self.index_offset.to_be_bytes(),
            &self.index_bytes.to_be_bytes(),
        ];
        for (to, from) in out.iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
        }
        out
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, TrailError> {
        let damaged = TrailError::Damaged { what: "the header" };
        let mut fields = Fields(bytes);
        if fields.take::<1>() != Some([FORMAT]) {
            return Err(TrailError::Damaged { what: "its format is not known to this version" });
        }
        let read = |fields: &mut Fields<'_>| {
            Some(Self {
                after: u64::from_be_bytes(fields.take()?),
                first: u64::from_be_bytes(fields.take()?),
                last: u64::from_be_bytes(fields.take()?),
                first_time: i64::from_be_bytes(fields.take()?),
                last_time: i64::from_be_bytes(fields.take()?),
                records: u32::from_be_bytes(fields.take()?),
                index_offset: u64::from_be_bytes(fields.take()?),
                index_bytes: u64::from_be_bytes(fields.take()?),
            })
        };
        match read(&mut fields) {
            Some(header)
                if header.after < header.first && header.first <= header.last && header.records > 0 =>
            {
                Ok(header)
            }
            Some(_) | None => Err(damaged),
        }
    }

    /// Length of the whole file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.index_offset.saturating_add(self.index_bytes)
    }
}

/// Bytes that are taken from the front, piece by piece.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (piece, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*piece)
    }

    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (piece, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(piece)
    }
}

#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct Block {
    #[n(0)]
    offset: u64,
    #[n(1)]
    sealed_bytes: u64,
    #[n(2)]
    plain_bytes: u64,
    #[n(3)]
    first: u64,
    #[n(4)]
    last: u64,
    #[n(5)]
    first_time: i64,
    #[n(6)]
    last_time: i64,
}

#[derive(Debug, Default, Encode, Decode)]
struct Index {
    #[n(0)]
    blocks: Vec<Block>,
    /// Pairs of fingerprint (8 bytes) and block (4), ascending, each once.
    #[cbor(n(1), with = "minicbor::bytes")]
    entries: Vec<u8>,
}

const ENTRY_BYTES: usize = 12;

fn block_context(after: u64, number: u32) -> Vec<u8> {
    [b"archive-block".as_slice(), &after.to_be_bytes(), &number.to_be_bytes()].concat()
}

fn index_context(header: &[u8; HEADER_BYTES]) -> Vec<u8> {
    [b"archive-index".as_slice(), header].concat()
}

/// Compresses and seals; the plain length stands in front of the compressed bytes.
fn pack(seal: &dyn ChunkSeal, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, TrailError> {
    let compressed =
        zstd::bulk::compress(plain, COMPRESSION_LEVEL).map_err(TrailError::io("compressing records"))?;
    let framed = [(plain.len() as u64).to_be_bytes().as_slice(), &compressed].concat();
    Ok(seal.seal(context, &framed))
}

fn unpack(
    seal: &dyn ChunkSeal,
    context: &[u8],
    sealed: &[u8],
    most_bytes: usize,
    what: &'static str,
) -> Result<Vec<u8>, TrailError> {
    let damaged = || TrailError::Damaged { what };
    let framed = seal.open(context, sealed).map_err(|SealError| damaged())?;
    let mut fields = Fields(&framed);
    let length = fields.take().map(u64::from_be_bytes).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= most_bytes).ok_or_else(damaged)?;
    let plain = zstd::bulk::decompress(fields.0, length).map_err(|_| damaged())?;
    if plain.len() == length { Ok(plain) } else { Err(damaged()) }
}

/// Gathers a chunk. Holds compressed, sealed blocks, one block of records and the index: about the chunk's own size.
pub(crate) struct Builder {
    seal: Arc<dyn ChunkSeal>,
    after: u64,
    times: (i64, i64),
    span: Option<(u64, u64)>,
    records: u32,
    plain_bytes: u64,
    body: Vec<u8>,
    blocks: Vec<Block>,
    entries: Vec<(u64, u32)>,
    open: OpenBlock,
}

#[derive(Default)]
struct OpenBlock {
    plain: Vec<u8>,
    span: Option<(u64, u64)>,
    times: Option<(i64, i64)>,
    fingerprints: BTreeSet<u64>,
}

impl Builder {
    /// A chunk for what lies behind `after`. Records that have no time of their own get the one before, at first
    /// `time`.
    pub(crate) fn new(seal: Arc<dyn ChunkSeal>, after: Position, time: i64) -> Self {
        Self {
            seal,
            after: after.0,
            times: (time, time),
            span: None,
            records: 0,
            plain_bytes: 0,
            body: Vec::new(),
            blocks: Vec::new(),
            entries: Vec::new(),
            open: OpenBlock::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    /// Bytes of records so far.
    pub(crate) fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    /// Takes all records of a position.
    pub(crate) fn add(&mut self, position: Position, records: &[Bytes]) -> Result<(), TrailError> {
        let mut last_time = self.open.times.map_or(self.times.1, |times| times.1);
        for bytes in records {
            let facts = Facts::of(bytes);
            let time = facts.time.unwrap_or(last_time);
            last_time = time;
            self.open.times =
                Some(self.open.times.map_or((time, time), |(from, to)| (from.min(time), to.max(time))));
            self.open.fingerprints.extend(facts.fingerprints);
            self.open.plain.extend_from_slice(&position.0.to_be_bytes());
            self.open.plain.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            self.open.plain.extend_from_slice(bytes);
            self.records = self.records.saturating_add(1);
            self.plain_bytes = self.plain_bytes.saturating_add(bytes.len() as u64);
        }
        self.open.span =
            Some(self.open.span.map_or((position.0, position.0), |(first, _)| (first, position.0)));
        self.span = Some(self.span.map_or((position.0, position.0), |(first, _)| (first, position.0)));
        if self.open.plain.len() >= limits::BLOCK_BYTES {
            self.close_block()?;
        }
        Ok(())
    }

    fn close_block(&mut self) -> Result<(), TrailError> {
        let OpenBlock { plain, span, times, fingerprints } = std::mem::take(&mut self.open);
        let (Some((first, last)), Some((first_time, last_time))) = (span, times) else { return Ok(()) };
        let number = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        let sealed = pack(&*self.seal, &block_context(self.after, number), &plain)?;
        self.times = match self.blocks.first() {
            None => (first_time, last_time),
            Some(_) => (self.times.0.min(first_time), self.times.1.max(last_time)),
        };
        self.blocks.push(Block {
            offset: (HEADER_BYTES + self.body.len()) as u64,
            sealed_bytes: sealed.len() as u64,
            plain_bytes: plain.len() as u64,
            first,
            last,
            first_time,
            last_time,
        });
        self.body.extend_from_slice(&sealed);
        self.entries.extend(fingerprints.into_iter().map(|fingerprint| (fingerprint, number)));
        Ok(())
    }

    /// The whole file. `None` if nothing was added.
    pub(crate) fn finish(mut self) -> Result<Option<(Header, Vec<u8>)>, TrailError> {
        self.close_block()?;
        let Some((first, last)) = self.span else { return Ok(None) };
        self.entries.sort_unstable();
        let mut entries = Vec::with_capacity(self.entries.len() * ENTRY_BYTES);
        for (fingerprint, block) in &self.entries {
            entries.extend_from_slice(&fingerprint.to_be_bytes());
            entries.extend_from_slice(&block.to_be_bytes());
        }
        let index = Index { blocks: self.blocks, entries };
        let mut plain = Vec::new();
        minicbor::encode(&index, &mut plain).map_err(|_| TrailError::Damaged { what: "the index" })?;
        let mut header = Header {
            after: self.after,
            first,
            last,
            first_time: self.times.0,
            last_time: self.times.1,
            records: self.records,
            index_offset: (HEADER_BYTES + self.body.len()) as u64,
            index_bytes: 0,
        };
        // The header names the index's length and is authenticated with it: the length is learnt from a first sealing.
        header.index_bytes = pack(&*self.seal, &index_context(&header.encode()), &plain)?.len() as u64;
        let sealed = pack(&*self.seal, &index_context(&header.encode()), &plain)?;
        if sealed.len() as u64 != header.index_bytes {
            return Err(TrailError::Damaged { what: "sealing gives different lengths" });
        }
        let file = [header.encode().as_slice(), &self.body, &sealed].concat();
        Ok(Some((header, file)))
    }
}

/// Reads the header of a file, and that the file is as long as it says.
pub(crate) fn read_header(path: &Path) -> Result<Header, TrailError> {
    let file = File::open(path).map_err(TrailError::io("opening a chunk"))?;
    header_of(&file).map(|(header, _)| header)
}

fn header_of(file: &File) -> Result<(Header, [u8; HEADER_BYTES]), TrailError> {
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0).map_err(|source| {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            TrailError::Damaged { what: "it is cut short" }
        } else {
            TrailError::Io { what: "reading a chunk", source }
        }
    })?;
    let header = Header::decode(&bytes)?;
    let length = file.metadata().map_err(TrailError::io("reading a chunk"))?.len();
    if length != header.file_bytes() {
        return Err(TrailError::Damaged { what: "its length" });
    }
    Ok((header, bytes))
}

/// A position and its records, as bytes.
pub(crate) type Group = (Position, Vec<Bytes>);

/// An opened chunk.
pub(crate) struct Reader {
    seal: Arc<dyn ChunkSeal>,
    file: File,
    header: Header,
    index: Index,
    /// The block read last, for those who read on.
    held: Option<(u32, Vec<Group>)>,
}

impl Reader {
    pub(crate) fn open(path: &Path, seal: Arc<dyn ChunkSeal>) -> Result<Self, TrailError> {
        let file = File::open(path).map_err(TrailError::io("opening a chunk"))?;
        let (header, header_bytes) = header_of(&file)?;
        let sealed = read_piece(&file, header.index_offset, header.index_bytes, header.file_bytes())?;
        let plain =
            unpack(&*seal, &index_context(&header_bytes), &sealed, limits::MAX_INDEX_BYTES, "its index")?;
        let index = minicbor::decode(&plain).map_err(|_| TrailError::Damaged { what: "its index" })?;
        Ok(Self { seal, file, header, index, held: None })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    fn block(&mut self, number: u32) -> Result<&[Group], TrailError> {
        if self.held.as_ref().is_none_or(|(held, _)| *held != number) {
            let groups = self.read_block(number)?;
            self.held = Some((number, groups));
        }
        Ok(self.held.as_ref().map_or(&[], |(_, groups)| groups.as_slice()))
    }

    fn read_block(&self, number: u32) -> Result<Vec<Group>, TrailError> {
        let damaged = || TrailError::Damaged { what: "a block" };
        let block = usize::try_from(number).ok().and_then(|number| self.index.blocks.get(number));
        let block = block.ok_or_else(damaged)?;
        let sealed = read_piece(&self.file, block.offset, block.sealed_bytes, self.header.index_offset)?;
        let context = block_context(self.header.after, number);
        let plain = Bytes::from(unpack(&*self.seal, &context, &sealed, limits::MAX_BLOCK_BYTES, "a block")?);
        parse_groups(&plain)
    }

    /// Up to `limit` records behind `after`, whole positions; none when the chunk is at its end.
    pub(crate) fn read(&mut self, after: Position, limit: usize) -> Result<Vec<Group>, TrailError> {
        let mut found: Vec<Group> = Vec::new();
        let mut count = 0;
        let start = self.index.blocks.partition_point(|block| block.last <= after.0);
        for number in start..self.index.blocks.len() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let groups = self.block(number)?;
            let from = groups.partition_point(|(position, _)| *position <= after);
            for group in groups.iter().skip(from) {
                count += group.1.len();
                if count > limit && !found.is_empty() {
                    return Ok(found);
                }
                found.push(group.clone());
            }
        }
        Ok(found)
    }

    /// The blocks that may hold what one of `fingerprints` names (all blocks if none is given), and times in the
    /// range, behind `after`.
    pub(crate) fn candidates(&self, fingerprints: &[u64], times: (i64, i64), after: Position) -> Vec<u32> {
        let named: Option<BTreeSet<u32>> = (!fingerprints.is_empty())
            .then(|| fingerprints.iter().flat_map(|one| self.blocks_of(*one)).collect());
        (0..)
            .zip(&self.index.blocks)
            .filter_map(|(number, block)| {
                let fits = block.last > after.0
                    && block.first_time <= times.1
                    && block.last_time >= times.0
                    && named.as_ref().is_none_or(|named| named.contains(&number));
                fits.then_some(number)
            })
            .collect()
    }

    fn blocks_of(&self, fingerprint: u64) -> Vec<u32> {
        let (entries, _) = self.index.entries.as_chunks::<ENTRY_BYTES>();
        let key_of = |entry: &[u8; ENTRY_BYTES]| {
            entry.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
        };
        let start = entries.partition_point(|entry| key_of(entry) < fingerprint);
        let matching = entries.iter().skip(start).take_while(|entry| key_of(entry) == fingerprint);
        matching.filter_map(|entry| entry.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))).collect()
    }

    /// The records of a block.
    pub(crate) fn groups(&mut self, number: u32) -> Result<Vec<Group>, TrailError> {
        self.block(number).map(<[Group]>::to_vec)
    }
}

fn parse_groups(plain: &Bytes) -> Result<Vec<Group>, TrailError> {
    let damaged = || TrailError::Damaged { what: "a block" };
    let mut groups: Vec<Group> = Vec::new();
    let mut fields = Fields(plain);
    while !fields.0.is_empty() {
        let position = Position(fields.take().map(u64::from_be_bytes).ok_or_else(damaged)?);
        let length = fields.take().map(u32::from_be_bytes).ok_or_else(damaged)?;
        let record = usize::try_from(length).ok().and_then(|length| fields.slice(length));
        let record = plain.slice_ref(record.ok_or_else(damaged)?);
        match groups.last_mut() {
            Some((last, records)) if *last == position => records.push(record),
            Some(_) | None => groups.push((position, vec![record])),
        }
    }
    Ok(groups)
}

fn read_piece(file: &File, offset: u64, length: u64, end: u64) -> Result<Vec<u8>, TrailError> {
    if offset.checked_add(length).is_none_or(|to| to > end) {
        return Err(TrailError::Damaged { what: "it points outside of itself" });
    }
    let length = usize::try_from(length).map_err(|_| TrailError::Damaged { what: "its length" })?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(TrailError::io("reading a chunk"))?;
    Ok(bytes)
}

/// Fuzz entry: a file of any bytes is read or refused, without a panic. Nothing is sealed, so that all is reached.
#[doc(hidden)]
pub fn fuzz_chunk(data: &[u8]) {
    struct Plain;
    impl ChunkSeal for Plain {
        fn seal(&self, _: &[u8], plain: &[u8]) -> Vec<u8> {
            plain.to_vec()
        }
        fn open(&self, _: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
            Ok(sealed.to_vec())
        }
    }
    if let Some(Ok(header)) = data.first_chunk().map(Header::decode) {
        assert_eq!(Some(&header.encode()), data.first_chunk());
    }
    let _ = parse_groups(&Bytes::copy_from_slice(data));
    let _ = minicbor::decode::<Index>(data);
    if let Ok(plain) = unpack(&Plain, b"", data, 1 << 20, "fuzz") {
        let _ = parse_groups(&Bytes::from(plain));
    }
}

#[cfg(test)]
mod tests;
