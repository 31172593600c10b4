//! The one source of chance.

/// A small generator whose every draw follows from its seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator for this seed, made of several numbers.
    pub fn of(parts: &[u64]) -> Self {
        let mixed = parts.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |state, part| {
            (state ^ part.wrapping_mul(0xff51_afd7_ed55_8ccd))
                .rotate_left(29)
                .wrapping_mul(0xc4ce_b9fe_1a85_ec53)
        });
        Self(mixed | 1)
    }

    /// Any number. The method is xorshift64*.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 11) % bound
    }

    /// An index of a collection of `length` elements, which must not be 0.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
