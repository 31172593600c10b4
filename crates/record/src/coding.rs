//! Records as bytes: a format byte and CBOR (RFC 8949).

use crate::Record;

/// The format written today.
const FORMAT: u8 = 1;

/// Most bytes of one encoded record that are read back: more than one commit can carry, so that what was kept can be
/// read.
const MAX_RECORD_BYTES: usize = 16 << 20;

/// Why bytes are not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error("record format {0} is not known to this version")]
    Format(u8),
    /// Empty, too large, or not the CBOR of a record.
    #[error("the bytes are not a record")]
    Malformed,
}

/// Encodes a record.
pub fn encode(record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(768);
    out.push(FORMAT);
    // INVARIANT: writing to a vector does not fail, and the types have no failing encoder.
    if minicbor::encode(record, &mut out).is_err() {
        out.truncate(1);
    }
    out
}

/// Reads a record back.
///
/// # Errors
/// [`RecordError`] for bytes that [`encode`] did not write.
pub fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
    minicbor::decode(body(bytes)?).map_err(|_| RecordError::Malformed)
}

/// The CBOR of an encoded record.
pub(crate) fn body(bytes: &[u8]) -> Result<&[u8], RecordError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) if rest.len() <= MAX_RECORD_BYTES => Ok(rest),
        Some((&format, _)) if format != FORMAT => Err(RecordError::Format(format)),
        _ => Err(RecordError::Malformed),
    }
}

/// Fuzz entry: decoding never panics, and what decodes encodes to something that decodes to the same.
#[doc(hidden)]
pub fn fuzz_record(data: &[u8]) {
    if let Ok(record) = decode(data) {
        assert_eq!(crate::Glance::of(data).ok(), Some(crate::Glance::of_record(&record)));
        assert_eq!(decode(&encode(&record)).ok(), Some(record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decided, Effect, EffectKind, Verdict};

    fn sample() -> Record {
        Record::Decided(Box::new(Decided {
            request_id: "ABABABABABABABAB".into(),
            verdict: Verdict::Allow,
            effects: vec![Effect { kind: EffectKind::Write, key: Some("k".into()), ..Effect::default() }],
            ..Decided::default()
        }))
    }

    #[test]
    fn records_round_trip() {
        assert_eq!(decode(&encode(&sample())).unwrap(), sample());
    }

    #[test]
    fn refuses_truncated_and_foreign_bytes() {
        let bytes = encode(&sample());
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{end}");
        }
        assert!(matches!(decode(&[9, 0]), Err(RecordError::Format(9))));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(data: Vec<u8>) {
            fuzz_record(&data);
        }
    }
}
