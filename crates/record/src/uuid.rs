//! Ids of events.

/// The UUID of these bits, made one of a version (RFC 9562, sections 4.1 and 4.2).
pub fn uuid(bits: u128, version: u8) -> String {
    let versioned = bits & !(0xf << 76) | (u128::from(version & 0xf) << 76);
    let n = versioned & !(0b11 << 62) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        n >> 96,
        (n >> 80) & 0xffff,
        (n >> 64) & 0xffff,
        (n >> 48) & 0xffff,
        n & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn version_and_variant_are_where_they_belong() {
        assert_eq!(uuid(0, 4), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX, 8), "ffffffff-ffff-8fff-bfff-ffffffffffff");
    }
}
