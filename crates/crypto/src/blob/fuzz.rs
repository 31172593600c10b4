//! A fuzz entry beyond arbitrary bytes: sealed blobs that somebody changed.

use super::layout::{BlobBinding, HEADER};
use super::{open_blob, seal_blob};
use crate::limits::{FRAME_PLAIN_BYTES, TAG_BYTES};
use crate::secret::{Entropy, NewDataKey};

/// The key of every such blob.
struct Threes;

impl Entropy for Threes {
    fn fill(&self, out: &mut [u8]) {
        out.fill(3);
    }
}

/// The fuzz entry for sealed blobs that were changed: `data` is the plaintext's length in steps of 1021 bytes, then orders of
/// four bytes each, that change, cut, repeat or swap sealed bytes. What opens is the plaintext, unchanged.
#[doc(hidden)]
pub fn fuzz_changed_blob(data: &[u8]) {
    let Some((&steps, orders)) = data.split_first() else { return };
    let Ok(object) = strongroom_types::ObjectKey::parse("k") else { return };
    let binding = BlobBinding {
        bucket: strongroom_types::BucketId::from_bytes([1; 16]),
        key: &object,
        blob: strongroom_types::BlobId::from_bytes([2; 16]),
    };
    let plain: Vec<u8> = (0..usize::from(steps) * 1021).map(|at| at.to_le_bytes()[0] ^ steps).collect();
    let sealed = seal_blob(NewDataKey::generate(&Threes), &binding, &plain);
    let mut changed = sealed.clone();
    for order in orders.chunks_exact(4).take(16) {
        let [kind, high, low, amount] = order else { return };
        change(&mut changed, *kind, usize::from(*high) << 8 | usize::from(*low), usize::from(*amount));
    }
    match open_blob(NewDataKey::generate(&Threes).key(), &binding, &changed) {
        Ok(opened) => assert!(opened == plain && changed == sealed, "a changed blob opened"),
        Err(_) => assert!(changed != sealed, "a sealed blob does not open"),
    }
}

/// Carries out one order of [`fuzz_changed_blob`]; `at` counts in sixteenths of a frame's tag, so that it reaches each frame.
fn change(sealed: &mut Vec<u8>, kind: u8, at: usize, amount: usize) {
    let frame = FRAME_PLAIN_BYTES + TAG_BYTES;
    let at = (at * 17) % sealed.len().max(1);
    match kind % 6 {
        0 => {
            if let Some(byte) = sealed.get_mut(at) {
                *byte ^= u8::try_from(amount).unwrap_or(1);
            }
        }
        1 => sealed.truncate(at),
        2 => sealed.extend(std::iter::repeat_n(kind, amount)),
        3 => drop(sealed.drain(at..(at + amount).min(sealed.len()))),
        4 => {
            let copy: Vec<u8> = sealed.iter().skip(at).take(amount).copied().collect();
            sealed.splice(at..at, copy);
        }
        _ => {
            // Whole frames change places.
            let (one, two) = (HEADER.len() + (amount % 4) * frame, HEADER.len() + (amount / 4 % 4) * frame);
            if one + frame <= two && two + frame <= sealed.len() {
                let (low, high) = sealed.split_at_mut(two);
                if let (Some(low), Some(high)) = (low.get_mut(one..one + frame), high.get_mut(..frame)) {
                    low.swap_with_slice(high);
                }
            }
        }
    }
}
