//! What the measuring programs share: how rows and records of the S3 service look to the engine, and what a process and
//! a directory take.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use strongroom_storage::local::Options;
use strongroom_storage::{Batch, Partition};
use strongroom_types::{BlobId, BucketId, Timestamp};

/// The options of a server, whatever the disk's fill.
pub(crate) fn options() -> Options {
    let millis = AtomicI64::new(1_800_000_000_000);
    let clock = Arc::new(move || Timestamp::from_millis(millis.fetch_add(1, Ordering::Relaxed)));
    let mut options = Options::new(clock, Arc::new(|bytes| Random(99).fill(bytes)));
    options.low_water_bytes = Some(1 << 30);
    options
}

pub(crate) fn place() -> Partition {
    Partition::Bucket(BucketId::from_bytes([1; 16]))
}

/// Any numbers, fast. The method is xorshift64*.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 11) % bound
    }

    /// What is sealed does not compress.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes()[..chunk.len()]);
        }
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }
}

/// Spreads numbers as hashes are spread.
pub(crate) fn scatter(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A blob's id: the version makes it fresh.
pub(crate) fn blob_id(number: u64, version: u64) -> BlobId {
    let high = scatter(number.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ version);
    BlobId::from_bytes((u128::from(high) << 64 | u128::from(number)).to_be_bytes())
}

/// An object's name, as a lake of tables might have it.
pub(crate) fn object_name(number: u64) -> String {
    let spread = scatter(number);
    let (table, day) = (spread % 211, spread / 211 % 365);
    format!(
        "warehouse/table-{table:03}/year=2026/month={:02}/day={:02}/part-{spread:016x}.parquet",
        day / 31 + 1,
        day % 31 + 1
    )
}

/// Key of the row of the current version (`crates/s3/src/row/key.rs`).
pub(crate) fn current_key(name: &str) -> Vec<u8> {
    [b"k", name.as_bytes(), &[0, 1]].concat()
}

fn version_key(name: &str, version: u64) -> Vec<u8> {
    [b"v", name.as_bytes(), &[0, 1], &(!version).to_be_bytes()].concat()
}

/// Sealed lengths of the two rows and of the record of a PUT.
const CURRENT_BYTES: usize = 130;
const VERSION_BYTES: usize = 320;
const RECORD_BYTES: usize = 700;

/// The rows and the record of a PUT of version `version`, which replaces `old` (the null version, as without versioning).
pub(crate) fn put(batch: &mut Batch, name: &str, version: u64, old: Option<u64>, random: &mut Random) {
    batch.put(current_key(name), random.bytes(CURRENT_BYTES));
    batch.put(version_key(name, version), random.bytes(VERSION_BYTES));
    if let Some(old) = old {
        batch.delete(version_key(name, old));
    }
    batch.records.push(random.bytes(RECORD_BYTES));
}

/// The rows and the record of a DELETE.
pub(crate) fn delete(batch: &mut Batch, name: &str, old: Option<u64>, random: &mut Random) {
    batch.frees_space = true;
    batch.delete(current_key(name));
    if let Some(old) = old {
        batch.delete(version_key(name, old));
    }
    batch.records.push(random.bytes(RECORD_BYTES));
}

/// A field of `/proc/self/status` that counts KiB, in MiB.
pub(crate) fn memory_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Bytes that files take on the disk, sparse ones by what is allocated; 0 for what is not there.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.blocks() * 512;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.map(|entry| disk_bytes(&entry.unwrap().path())).sum()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The value behind `--name`.
pub(crate) fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    arguments.next()
}
