//! Short stable names for index entries and derived ids: FNV-1a. Not a secret, and no proof: whoever finds an entry
//! looks at the record itself.

/// What an index entry is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A request id.
    Request = 1,
    /// A bucket.
    Bucket = 2,
    /// A bucket and a key.
    Object = 3,
    /// A key whose bucket the record does not name.
    Key = 4,
}

/// FNV-1a, 64 bits, over the kind and each part after its length.
pub(crate) fn of(kind: Kind, parts: &[&str]) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut hash = step(0xcbf2_9ce4_8422_2325, kind as u8);
    for part in parts {
        hash = (part.len() as u64).to_be_bytes().iter().fold(hash, |hash, byte| step(hash, *byte));
        hash = part.bytes().fold(hash, step);
    }
    hash
}

/// FNV-1a, 128 bits.
fn of_bytes(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

/// A UUID (RFC 9562, version 8) that depends on nothing but `name` and `index`.
pub(crate) fn uuid(name: &str, index: u32) -> String {
    let hash = of_bytes(&[name.as_bytes(), b"/", &index.to_be_bytes()].concat());
    strongroom_record::uuid(hash, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(of(Kind::Object, &["ab", "c"]), of(Kind::Object, &["a", "bc"]));
        assert_ne!(of(Kind::Bucket, &["a"]), of(Kind::Request, &["a"]));
    }

    #[test]
    fn derived_ids_are_uuids_of_version_8_and_never_change() {
        let id = uuid("8d7a1a4e-0d5b-4c6e-9d3e-3c1d5d3b9f10", 1);
        assert_eq!(id, uuid("8d7a1a4e-0d5b-4c6e-9d3e-3c1d5d3b9f10", 1));
        assert_ne!(id, uuid("8d7a1a4e-0d5b-4c6e-9d3e-3c1d5d3b9f10", 2));
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "8");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }
}
