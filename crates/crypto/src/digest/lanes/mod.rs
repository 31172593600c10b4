//! MD5 of several messages at once. One message's MD5 is a single chain of dependent steps and leaves most of a core
//! idle; several messages side by side in the lanes of vectors take hardly longer than one of them.

use std::fmt;
use std::slice;

use bytes::Bytes;
use md5::block_api::compress;

use super::multi::Md5Digest;
use kernel::{Block, Width};

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "loads, stores, and calls into code for the processor that was found")]
mod kernel;

#[cfg(not(target_arch = "x86_64"))]
mod kernel {
    //! No lanes: MD5 is computed one message after the other.

    pub(super) type Block = [u8; 64];

    #[derive(Debug, Clone, Copy)]
    pub(super) enum Width {}

    impl Width {
        pub(super) fn detect() -> Option<Self> {
            None
        }

        pub(super) fn lanes(self) -> usize {
            match self {}
        }

        pub(super) fn compress(self, _: &mut [(&mut [u32; 4], &[Block])]) {
            match self {}
        }
    }
}

const BLOCK_BYTES: usize = 64;

/// Source: RFC 1321, 3.3.
const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// Runs of fewer blocks are hashed alone: going in and out of the lanes for them would hold up the others.
const LEAST_RUN_BLOCKS: usize = 8;

/// Fewer messages than this are hashed one after the other: a lane goes at half the speed of one message alone.
const LEAST_LANES: usize = 2;

/// An MD5 under way that can go on alone or in [`Md5Lanes`].
#[derive(Clone)]
pub struct Md5Stream {
    state: [u32; 4],
    /// Of which the first `length % 64` bytes are waiting for the rest of their block.
    block: Block,
    length: u64,
}

impl Md5Stream {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self { state: INITIAL, block: [0; BLOCK_BYTES], length: 0 }
    }

    /// Takes the next bytes, alone.
    pub fn update(&mut self, data: &[u8]) {
        let rest = self.fill(data);
        let (blocks, tail) = rest.as_chunks();
        self.take(blocks);
        self.fill(tail);
    }

    /// Ends. Source: RFC 1321, 3.1, 3.2 and 3.5.
    pub fn finalize(mut self) -> Md5Digest {
        let bits = self.length.wrapping_mul(8);
        let waiting = self.waiting();
        let zeros = if waiting < 56 { 55 - waiting } else { 119 - waiting };
        let padding = [0x80].into_iter().chain(std::iter::repeat_n(0, zeros)).chain(bits.to_le_bytes());
        self.update(&padding.collect::<Vec<u8>>());
        let mut digest = [0; 16];
        for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_le_bytes();
        }
        Md5Digest::from_bytes(digest)
    }

    /// Bytes that wait for the rest of their block.
    fn waiting(&self) -> usize {
        // Less than 64 in any case.
        usize::try_from(self.length % BLOCK_BYTES as u64).unwrap_or(0)
    }

    /// Completes the block that waits, or begins one with less than a block: the rest of `data`, which is not empty
    /// only if nothing waits any more.
    fn fill<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let waiting = self.waiting();
        if waiting == 0 && data.len() >= BLOCK_BYTES {
            return data;
        }
        let (now, later) = data.split_at(data.len().min(BLOCK_BYTES - waiting));
        self.block.iter_mut().skip(waiting).zip(now).for_each(|(to, from)| *to = *from);
        self.length = self.length.wrapping_add(now.len() as u64);
        if waiting + now.len() == BLOCK_BYTES {
            compress(&mut self.state, slice::from_ref(&self.block));
        }
        later
    }

    /// Takes whole blocks, where nothing waits.
    fn take(&mut self, blocks: &[Block]) {
        compress(&mut self.state, blocks);
        self.count(blocks.len());
    }

    fn count(&mut self, blocks: usize) {
        self.length = self.length.wrapping_add((blocks * BLOCK_BYTES) as u64);
    }
}

impl Default for Md5Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Md5Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Md5Stream").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The processor's lanes for MD5.
#[derive(Debug, Clone, Copy)]
pub struct Md5Lanes(Width);

impl Md5Lanes {
    /// `None` where the processor has no lanes that are worth it.
    pub fn detect() -> Option<Self> {
        Width::detect().map(Self)
    }

    /// The narrower lanes of processors without AVX-512.
    #[cfg(all(test, target_arch = "x86_64"))]
    fn narrow() -> Option<Self> {
        Width::without_avx512().map(Self)
    }

    /// Most messages that advance together.
    pub fn lanes(self) -> usize {
        self.0.lanes()
    }

    /// Takes the next pieces of every message, in their order.
    pub fn update<'a>(self, work: impl IntoIterator<Item = (&'a mut Md5Stream, &'a [Bytes])>) {
        let mut work = work.into_iter().map(|(stream, pieces)| Lane::new(stream, pieces));
        let mut lanes: Vec<Lane<'_>> = Vec::with_capacity(self.lanes());
        loop {
            while lanes.len() < self.lanes()
                && let Some(mut lane) = work.next()
            {
                if lane.next_run() {
                    lanes.push(lane);
                }
            }
            if lanes.len() < LEAST_LANES {
                break;
            }
            self.step(&mut lanes);
            lanes.retain_mut(Lane::next_run);
        }
        lanes.into_iter().for_each(Lane::alone);
    }

    /// As far as the shortest run goes.
    fn step(self, lanes: &mut [Lane<'_>]) {
        let count = lanes.iter().map(|lane| lane.run.len()).min().unwrap_or(0);
        let mut messages: Vec<_> = lanes.iter_mut().map(|lane| (&mut lane.stream.state, lane.run)).collect();
        self.0.compress(&mut messages);
        for lane in lanes {
            lane.stream.count(count);
            lane.run = lane.run.get(count..).unwrap_or_default();
        }
    }
}

/// One message's place: its next run of whole blocks, and what follows.
struct Lane<'a> {
    stream: &'a mut Md5Stream,
    run: &'a [Block],
    tail: &'a [u8],
    pieces: slice::Iter<'a, Bytes>,
}

impl<'a> Lane<'a> {
    fn new(stream: &'a mut Md5Stream, pieces: &'a [Bytes]) -> Self {
        Self { stream, run: &[], tail: &[], pieces: pieces.iter() }
    }

    /// Whether there is a run; a new one is begun where the one before has ended. What lies between two runs is hashed
    /// on the way.
    fn next_run(&mut self) -> bool {
        while self.run.is_empty() {
            self.stream.fill(self.tail);
            self.tail = &[];
            let Some(piece) = self.pieces.next() else { return false };
            let (blocks, tail) = self.stream.fill(piece).as_chunks();
            self.tail = tail;
            if blocks.len() < LEAST_RUN_BLOCKS {
                self.stream.take(blocks);
            } else {
                self.run = blocks;
            }
        }
        true
    }

    /// All that is left, without the lanes.
    fn alone(self) {
        self.stream.take(self.run);
        self.stream.fill(self.tail);
        self.pieces.for_each(|piece| self.stream.update(piece));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(data: &[u8]) -> String {
        let mut stream = Md5Stream::new();
        stream.update(data);
        stream.finalize().to_hex()
    }

    #[test]
    fn known_answers() {
        // RFC 1321, A.5.
        let letters = "abcdefghijklmnopqrstuvwxyz";
        for (text, md5) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (letters, "c3fcd3d76192e4007dfb496cca67e13b"),
            (&(letters.to_uppercase() + letters + "0123456789"), "d174ab98d277d9f5a5611c2c9f419d9f"),
            (&"1234567890".repeat(8), "57edf4a22be3c955ac49da2e2107b67a"),
        ] {
            assert_eq!(digest(text.as_bytes()), md5, "{text:?}");
        }
    }

    #[test]
    fn every_length_around_the_block_is_padded_as_it_should_be() {
        for length in 0..300 {
            let data = vec![0xa5; length];
            assert_eq!(digest(&data), Md5Digest::of(&data).to_hex(), "{length}");
        }
    }

    /// Every kind of lanes that this processor has.
    fn widths() -> Vec<Md5Lanes> {
        #[cfg(target_arch = "x86_64")]
        return [Md5Lanes::detect(), Md5Lanes::narrow()].into_iter().flatten().collect();
        #[cfg(not(target_arch = "x86_64"))]
        Vec::new()
    }

    /// Bytes of which no two blocks are alike, in any two messages.
    fn message(seed: u64, length: usize) -> Vec<u8> {
        let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x.to_le_bytes()[3]
        };
        (0..length).map(|_| next()).collect()
    }

    /// Cuts at the lengths given, again and again.
    fn cut(data: &[u8], lengths: &[usize]) -> Vec<Bytes> {
        let (mut rest, mut pieces) = (data, Vec::new());
        for length in lengths.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at(rest.len().min(*length));
            pieces.push(Bytes::copy_from_slice(piece));
            rest = later;
        }
        pieces
    }

    #[test]
    fn every_lane_has_its_own_digest() {
        for lanes in widths() {
            let all: Vec<Vec<u8>> =
                (0..lanes.lanes() as u64).map(|seed| message(seed + 1, 64 * 40)).collect();
            let pieces: Vec<[Bytes; 1]> = all.iter().map(|data| [Bytes::from(data.clone())]).collect();
            let mut streams = vec![Md5Stream::new(); all.len()];
            lanes.update(streams.iter_mut().zip(&pieces).map(|(stream, pieces)| (stream, &pieces[..])));
            for (stream, data) in streams.into_iter().zip(&all) {
                assert_eq!(stream.finalize(), Md5Digest::of(data), "{lanes:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn messages_of_any_length_in_any_pieces_and_any_company_have_the_md5_of_the_library(
            lengths in prop::collection::vec(0usize..20_000, 0..40),
            cuts in prop::collection::vec(1usize..6_000, 1..6),
            rounds in 1usize..4,
        ) {
            let all: Vec<Vec<u8>> =
                lengths.iter().enumerate().map(|(at, length)| message(at as u64 + 1, *length)).collect();
            for lanes in widths() {
                let mut streams = vec![Md5Stream::new(); all.len()];
                let cut: Vec<Vec<Bytes>> = all.iter().map(|data| cut(data, &cuts)).collect();
                for round in 0..rounds {
                    let part = |pieces: &'_ [Bytes]| {
                        let (from, to) = (pieces.len() * round / rounds, pieces.len() * (round + 1) / rounds);
                        from..to
                    };
                    lanes.update(streams.iter_mut().zip(&cut).map(|(stream, all)| (stream, &all[part(all)])));
                }
                for (stream, data) in streams.into_iter().zip(&all) {
                    prop_assert_eq!(stream.finalize(), Md5Digest::of(data));
                }
            }
        }
    }
}
