//! How much room the disk has, and the reserve that is given back when it has none.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use super::limits;
use crate::contract::StoreError;
use crate::locked;

/// Reads the disk's free and total bytes. Tests pass one of their own.
pub(crate) type Statvfs = Box<dyn Fn(&Path) -> std::io::Result<(u64, u64)> + Send + Sync>;

pub(crate) fn real_statvfs(path: &Path) -> std::io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(path)?;
    Ok((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}

/// Free bytes under which writes stop, on a disk of so many.
fn low_water_bytes(total: u64) -> u64 {
    (total / 20).clamp(*limits::LOW_WATER_BYTES.start(), *limits::LOW_WATER_BYTES.end())
}

/// Watches the free space of the data directory's disk.
pub(crate) struct Space {
    directory: PathBuf,
    low_water_bytes: Option<u64>,
    statvfs: Statvfs,
    last: Mutex<Option<(Instant, u64, u64)>>,
}

impl Space {
    pub(crate) fn new(directory: PathBuf, low_water_bytes: Option<u64>, statvfs: Statvfs) -> Self {
        Self { directory, low_water_bytes, statvfs, last: Mutex::new(None) }
    }

    /// Free bytes, and those under which writes stop.
    fn look(&self) -> (u64, u64) {
        let mut last = locked(&self.last);
        if let Some((at, free, low)) = *last
            && at.elapsed() < limits::SPACE_AGE
        {
            return (free, low);
        }
        // A disk that cannot say how much room it has is taken as full: writing would fail next.
        let (free, total) = (self.statvfs)(&self.directory).unwrap_or((0, 0));
        let low = self.low_water_bytes.unwrap_or_else(|| low_water_bytes(total));
        *last = Some((Instant::now(), free, low));
        (free, low)
    }

    /// Whether writes will stop soon, or have: what gives space back holds nothing back then.
    pub(crate) fn is_short(&self) -> bool {
        let (free, low) = self.look();
        free < low.saturating_mul(2)
    }

    /// Whether there is room for writes that do not free any.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let (free_bytes, low_water_bytes) = self.look();
        if free_bytes < low_water_bytes {
            return Err(StoreError::DiskFull { free_bytes, low_water_bytes });
        }
        Ok(())
    }

    /// The error of a write that found no room, whatever the last look said.
    pub(crate) fn full(&self) -> StoreError {
        *locked(&self.last) = None;
        let (free_bytes, low_water_bytes) = self.look();
        StoreError::DiskFull { free_bytes, low_water_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::low_water_bytes;

    #[test]
    fn writes_stop_at_five_percent_but_a_large_disk_does_not_go_to_waste() {
        assert_eq!(low_water_bytes(0), 1 << 30);
        assert_eq!(low_water_bytes(40 << 30), 2 << 30);
        assert_eq!(low_water_bytes(8 << 40), 4 << 30);
    }
}
