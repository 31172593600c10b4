//! The compression function of MD5 over 16 (AVX-512) or 8 (AVX2) messages in lockstep: a vector holds the same word of
//! every message. The only `unsafe` of this crate is here: loads and stores through references to arrays of just that
//! size, and the calls into code for a processor that was found to be there.

use std::arch::x86_64::{__m256i, __m512i};

/// One block of MD5's input.
pub(super) type Block = [u8; 64];

/// Which instructions this processor has. Only [`Width::detect`] makes one: it is the proof that the kernels rely on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width(Isa);

#[derive(Debug, Clone, Copy)]
enum Isa {
    Avx512,
    Avx2,
}

impl Width {
    /// `None` where MD5 is faster one message after the other.
    pub(super) fn detect() -> Option<Self> {
        if is_x86_feature_detected!("avx512f") { Some(Self(Isa::Avx512)) } else { Self::without_avx512() }
    }

    /// As [`Width::detect`] on an older processor.
    pub(super) fn without_avx512() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(Isa::Avx2))
    }

    /// Messages that advance together.
    pub(super) fn lanes(self) -> usize {
        match self.0 {
            Isa::Avx512 => avx512::LANES,
            Isa::Avx2 => avx2::LANES,
        }
    }

    /// Takes as many blocks of every message as the shortest has, into the state of the same place. At most
    /// [`Width::lanes`] messages; those beyond are left alone.
    pub(super) fn compress(self, messages: &mut [(&mut [u32; 4], &[Block])]) {
        match self.0 {
            // SAFETY: `Isa::Avx512` is made by `detect` alone, which found AVX-512F on this processor.
            Isa::Avx512 => unsafe { avx512::compress(messages) },
            // SAFETY: `Isa::Avx2` is made by `without_avx512` alone, which found AVX2 on this processor.
            Isa::Avx2 => unsafe { avx2::compress(messages) },
        }
    }
}

/// Source: RFC 1321, 3.4: the table T, 4294967296 times abs(sin(i)) for i from 1 to 64.
const T: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// Four steps of RFC 1321, 3.4, from step `$t` on: `a = b + ((a + f(b, c, d) + X[k] + T[t]) <<< s)`, and round about.
/// What does not hang on the step before is added first. `f` and the rest are those of the module that uses this.
macro_rules! four {
    ($v:ident, $x:ident, $f:ident, $t:literal, [$k0:literal $k1:literal $k2:literal $k3:literal], [$s0:literal $s1:literal $s2:literal $s3:literal]) => {
        let [a, b, c, d] = $v;
        let a = add(b, rotate::<$s0>(add(add(a, add($x[$k0], splat(T[$t]))), $f(b, c, d))));
        let d = add(a, rotate::<$s1>(add(add(d, add($x[$k1], splat(T[$t + 1]))), $f(a, b, c))));
        let c = add(d, rotate::<$s2>(add(add(c, add($x[$k2], splat(T[$t + 2]))), $f(d, a, b))));
        let b = add(c, rotate::<$s3>(add(add(b, add($x[$k3], splat(T[$t + 3]))), $f(c, d, a))));
        $v = [a, b, c, d];
    };
}

/// `compress` of a module with `LANES`, `load`, `store`, `words`, `add`, `rotate`, `splat` and the functions `f` to `i`.
macro_rules! compress {
    ($features:literal) => {
        #[target_feature(enable = $features)]
        pub(super) fn compress(messages: &mut [(&mut [u32; 4], &[Block])]) {
            let Some((_, first)) = messages.first() else { return };
            // Places without a message go along with the first one's blocks, for nothing.
            let mut blocks = [*first; LANES];
            let mut states = [[0; LANES]; 4];
            for (place, (state, message)) in messages.iter().take(LANES).enumerate() {
                blocks[place] = message;
                (0..4).for_each(|word| states[word][place] = state[word]);
            }
            let count = blocks.iter().map(|message| message.len()).min().unwrap_or(0);
            let mut v = [load(&states[0]), load(&states[1]), load(&states[2]), load(&states[3])];
            for at in 0..count {
                v = block(v, &words(&blocks, at));
            }
            (0..4).for_each(|word| store(&mut states[word], v[word]));
            for (place, (state, _)) in messages.iter_mut().take(LANES).enumerate() {
                (0..4).for_each(|word| state[word] = states[word][place]);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn block(before: [V; 4], x: &[V; 16]) -> [V; 4] {
            let mut v = before;
            four!(v, x, f, 0, [0 1 2 3], [7 12 17 22]);
            four!(v, x, f, 4, [4 5 6 7], [7 12 17 22]);
            four!(v, x, f, 8, [8 9 10 11], [7 12 17 22]);
            four!(v, x, f, 12, [12 13 14 15], [7 12 17 22]);
            four!(v, x, g, 16, [1 6 11 0], [5 9 14 20]);
            four!(v, x, g, 20, [5 10 15 4], [5 9 14 20]);
            four!(v, x, g, 24, [9 14 3 8], [5 9 14 20]);
            four!(v, x, g, 28, [13 2 7 12], [5 9 14 20]);
            four!(v, x, h, 32, [5 8 11 14], [4 11 16 23]);
            four!(v, x, h, 36, [1 4 7 10], [4 11 16 23]);
            four!(v, x, h, 40, [13 0 3 6], [4 11 16 23]);
            four!(v, x, h, 44, [9 12 15 2], [4 11 16 23]);
            four!(v, x, i, 48, [0 7 14 5], [6 10 15 21]);
            four!(v, x, i, 52, [12 3 10 1], [6 10 15 21]);
            four!(v, x, i, 56, [8 15 6 13], [6 10 15 21]);
            four!(v, x, i, 60, [4 11 2 9], [6 10 15 21]);
            [add(v[0], before[0]), add(v[1], before[1]), add(v[2], before[2]), add(v[3], before[3])]
        }
    };
}

#[expect(
    clippy::indexing_slicing,
    reason = "places within arrays of LANES, blocks below the shortest's count"
)]
mod avx512 {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_shuffle_i32x4,
        _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
        _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };

    use super::{__m512i as V, Block, T};

    pub(super) const LANES: usize = 16;

    compress!("avx512f");

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(words: &[u32; LANES]) -> V {
        // SAFETY: 64 bytes are read through a reference to 64 bytes; the instruction asks for no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_block(block: &Block) -> V {
        // SAFETY: 64 bytes are read through a reference to 64 bytes; the instruction asks for no alignment.
        unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(words: &mut [u32; LANES], v: V) {
        // SAFETY: 64 bytes are written through a unique reference to 64 bytes, without a wish for alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), v) }
    }

    /// Block `at` of every message, turned: vector `k` holds word `k` of each. x86 is little-endian, as MD5 is.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn words(messages: &[&[Block]; LANES], at: usize) -> [V; 16] {
        let mut rows = [splat(0); LANES];
        for (row, message) in rows.iter_mut().zip(messages) {
            *row = load_block(&message[at]);
        }
        // Within the quarters of four messages: word `4q + j` of each in quarter `q` of vector `4 * group + j`.
        let mut quarters = [splat(0); LANES];
        for group in (0..LANES).step_by(4) {
            let low = _mm512_unpacklo_epi32(rows[group], rows[group + 1]);
            let high = _mm512_unpackhi_epi32(rows[group], rows[group + 1]);
            let low2 = _mm512_unpacklo_epi32(rows[group + 2], rows[group + 3]);
            let high2 = _mm512_unpackhi_epi32(rows[group + 2], rows[group + 3]);
            quarters[group] = _mm512_unpacklo_epi64(low, low2);
            quarters[group + 1] = _mm512_unpackhi_epi64(low, low2);
            quarters[group + 2] = _mm512_unpacklo_epi64(high, high2);
            quarters[group + 3] = _mm512_unpackhi_epi64(high, high2);
        }
        // Quarters of the four groups together.
        let mut words = rows;
        for j in 0..4 {
            let front = _mm512_shuffle_i32x4::<0x44>(quarters[j], quarters[4 + j]);
            let front2 = _mm512_shuffle_i32x4::<0x44>(quarters[8 + j], quarters[12 + j]);
            let back = _mm512_shuffle_i32x4::<0xee>(quarters[j], quarters[4 + j]);
            let back2 = _mm512_shuffle_i32x4::<0xee>(quarters[8 + j], quarters[12 + j]);
            words[j] = _mm512_shuffle_i32x4::<0x88>(front, front2);
            words[4 + j] = _mm512_shuffle_i32x4::<0xdd>(front, front2);
            words[8 + j] = _mm512_shuffle_i32x4::<0x88>(back, back2);
            words[12 + j] = _mm512_shuffle_i32x4::<0xdd>(back, back2);
        }
        words
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn splat(word: u32) -> V {
        _mm512_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn add(a: V, b: V) -> V {
        _mm512_add_epi32(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn rotate<const BITS: i32>(v: V) -> V {
        _mm512_rol_epi32::<BITS>(v)
    }

    // The functions of RFC 1321, 3.4, as truth tables: bit `4x + 2y + z` is the value at x, y, z.

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn f(x: V, y: V, z: V) -> V {
        _mm512_ternarylogic_epi32::<0b1100_1010>(x, y, z)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn g(x: V, y: V, z: V) -> V {
        _mm512_ternarylogic_epi32::<0b1110_0100>(x, y, z)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn h(x: V, y: V, z: V) -> V {
        _mm512_ternarylogic_epi32::<0b1001_0110>(x, y, z)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn i(x: V, y: V, z: V) -> V {
        _mm512_ternarylogic_epi32::<0b0011_1001>(x, y, z)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "places within arrays of LANES, blocks below the shortest's count"
)]
mod avx2 {
    use std::arch::x86_64::{
        _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_loadu_si256,
        _mm256_or_si256, _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_sll_epi32, _mm256_srl_epi32,
        _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
        _mm256_unpacklo_epi64, _mm256_xor_si256,
    };

    use super::{__m256i as V, Block, T};

    pub(super) const LANES: usize = 8;

    compress!("avx2");

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(words: &[u32; LANES]) -> V {
        // SAFETY: 32 bytes are read through a reference to 32 bytes; the instruction asks for no alignment.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_half(half: &[u8; 32]) -> V {
        // SAFETY: 32 bytes are read through a reference to 32 bytes; the instruction asks for no alignment.
        unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(words: &mut [u32; LANES], v: V) {
        // SAFETY: 32 bytes are written through a unique reference to 32 bytes, without a wish for alignment.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), v) }
    }

    /// Block `at` of every message, turned: vector `k` holds word `k` of each. x86 is little-endian, as MD5 is.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn words(messages: &[&[Block]; LANES], at: usize) -> [V; 16] {
        let mut words = [splat(0); 16];
        for (half, words) in words.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let mut rows = [splat(0); LANES];
            for (row, message) in rows.iter_mut().zip(messages) {
                *row = load_half(&message[at].as_chunks::<32>().0[half]);
            }
            *words = turn(&rows);
        }
        words
    }

    /// Word `k` of every row into vector `k`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn turn(rows: &[V; LANES]) -> [V; LANES] {
        // Within the halves of four rows: word `4q + j` of each in half `q` of vector `4 * group + j`.
        let mut halves = [splat(0); LANES];
        for group in (0..LANES).step_by(4) {
            let low = _mm256_unpacklo_epi32(rows[group], rows[group + 1]);
            let high = _mm256_unpackhi_epi32(rows[group], rows[group + 1]);
            let low2 = _mm256_unpacklo_epi32(rows[group + 2], rows[group + 3]);
            let high2 = _mm256_unpackhi_epi32(rows[group + 2], rows[group + 3]);
            halves[group] = _mm256_unpacklo_epi64(low, low2);
            halves[group + 1] = _mm256_unpackhi_epi64(low, low2);
            halves[group + 2] = _mm256_unpacklo_epi64(high, high2);
            halves[group + 3] = _mm256_unpackhi_epi64(high, high2);
        }
        let mut words = halves;
        for j in 0..4 {
            words[j] = _mm256_permute2x128_si256::<0x20>(halves[j], halves[4 + j]);
            words[4 + j] = _mm256_permute2x128_si256::<0x31>(halves[j], halves[4 + j]);
        }
        words
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn splat(word: u32) -> V {
        _mm256_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(a: V, b: V) -> V {
        _mm256_add_epi32(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate<const BITS: i32>(v: V) -> V {
        // The counts are constants: the compiler makes shifts by immediates of these.
        let left = _mm256_sll_epi32(v, _mm_cvtsi32_si128(BITS));
        _mm256_or_si256(left, _mm256_srl_epi32(v, _mm_cvtsi32_si128(32 - BITS)))
    }

    // The functions of RFC 1321, 3.4.

    #[inline]
    #[target_feature(enable = "avx2")]
    fn f(x: V, y: V, z: V) -> V {
        _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn g(x: V, y: V, z: V) -> V {
        _mm256_or_si256(_mm256_and_si256(x, z), _mm256_andnot_si256(z, y))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn h(x: V, y: V, z: V) -> V {
        _mm256_xor_si256(x, _mm256_xor_si256(y, z))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn i(x: V, y: V, z: V) -> V {
        let not_z = _mm256_xor_si256(z, splat(u32::MAX));
        _mm256_xor_si256(y, _mm256_or_si256(x, not_z))
    }
}
