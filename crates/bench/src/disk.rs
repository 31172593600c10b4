//! What a disk does by itself with bytes that are appended and synced, as a measure for a server that syncs what it
//! acknowledges.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::BenchError;
use crate::limits::{DISK_GROUP_BYTES, DISK_PROBE_BYTES, DISK_PROBE_TIME};
use crate::plan::Size;
use crate::random::{Random, mix};

/// What a disk took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiskRate {
    /// Bytes that were appended before each sync.
    pub group_bytes: u64,
    /// Bytes a second.
    pub bytes_per_second: f64,
}

/// Bytes of a group in which all clients have put one object, as a server with group commit may write it.
pub(crate) fn group_bytes(size: Size, clients: usize) -> u64 {
    let bytes = size.bytes().saturating_mul(clients as u64);
    bytes.clamp(*DISK_GROUP_BYTES.start(), *DISK_GROUP_BYTES.end())
}

/// Appends groups to a file in `directory` and syncs each with fdatasync, for a while. The file has no name for longer
/// than it takes to open it, so that nothing stays whatever happens.
pub(crate) async fn probe(
    directory: &Path,
    group_bytes: u64,
    duration: Duration,
) -> Result<DiskRate, BenchError> {
    let path = directory.to_owned();
    let probing =
        tokio::task::spawn_blocking(move || append(&path, group_bytes, duration.min(DISK_PROBE_TIME)));
    let outcome = probing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    outcome.map_err(|source| BenchError::Disk { directory: directory.to_owned(), source })
}

fn append(directory: &Path, group_bytes: u64, duration: Duration) -> io::Result<DiskRate> {
    let name = format!("strongroom-bench-{:08x}-{group_bytes:x}", std::process::id());
    let path = directory.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    // Random, for disks that compress.
    let group = Random::new(mix(group_bytes)).bytes(usize::try_from(group_bytes).unwrap_or(usize::MAX));
    let (began, mut written) = (Instant::now(), 0_u64);
    loop {
        file.write_all(&group)?;
        file.sync_data()?;
        written += group_bytes;
        let elapsed = began.elapsed();
        if elapsed >= duration || written >= DISK_PROBE_BYTES {
            return Ok(DiskRate {
                group_bytes,
                bytes_per_second: crate::report::float(written) / elapsed.as_secs_f64(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_one_object_of_each_client_within_reason() {
        assert_eq!(group_bytes(Size::new(4096), 16), 65_536);
        assert_eq!(group_bytes(Size::new(0), 16), 4096);
        assert_eq!(group_bytes(Size::new(1 << 30), 4096), 4 << 20);
    }

    #[tokio::test]
    async fn a_probe_leaves_nothing_and_a_directory_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let rate = probe(directory.path(), 4096, Duration::from_millis(20)).await.unwrap();
        assert!(rate.bytes_per_second > 0.0 && rate.group_bytes == 4096);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let error = probe(&directory.path().join("x"), 4096, Duration::from_millis(1)).await.unwrap_err();
        assert!(error.to_string().contains("--disk"), "{error}");
    }
}
