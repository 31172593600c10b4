//! What a process has used, as Linux counts it.

use std::time::Duration;

use crate::error::BenchError;

/// A process that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    id: u32,
}

/// What a process has used since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// User and system time of all its threads, those that ended included. What the kernel's own threads did for it is
    /// not in here.
    pub cpu: Duration,
    /// The most memory that was resident at once.
    pub peak_bytes: u64,
}

impl Process {
    /// The process of that id.
    pub fn new(id: u32) -> Self {
        Self { id }
    }

    /// This very process.
    pub(crate) fn this() -> Self {
        Self { id: std::process::id() }
    }

    /// What it has used up to now.
    ///
    /// # Errors
    /// [`BenchError::Process`]: it has ended, or never was.
    ///
    /// # Source
    /// proc_pid_stat(5), fields 14 and 15; proc_pid_status(5), `VmHWM`.
    pub fn usage(self) -> Result<Usage, BenchError> {
        let read = |file: &str| {
            std::fs::read_to_string(format!("/proc/{}/{file}", self.id))
                .map_err(|source| BenchError::Process { id: self.id, source: Some(source) })
        };
        let unknown = || BenchError::Process { id: self.id, source: None };
        let ticks = cpu_ticks(&read("stat")?).ok_or_else(unknown)?;
        let peak_bytes = peak_bytes(&read("status")?).ok_or_else(unknown)?;
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(rustix::param::clock_ticks_per_second());
        Ok(Usage { cpu: Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)), peak_bytes })
    }
}

/// The name of the program, in parentheses, may hold anything; the fields are counted behind its end.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

fn peak_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 900 0 2 0 150 50 7 7 20 0 9 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(200));
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
        assert_eq!(cpu_ticks(""), None);
    }

    #[test]
    fn the_peak_is_in_bytes() {
        assert_eq!(peak_bytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(peak_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_uses_something_and_a_process_that_is_not_there_is_named() {
        assert!(Process::this().usage().unwrap().peak_bytes > 0);
        let error = Process::new(u32::MAX).usage().unwrap_err().to_string();
        assert!(error.contains("4294967295") && error.contains("--server-pid"), "{error}");
    }
}
