//! What one client does in a round, and what came of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::client::{Client, Failure, Page, Space};
use crate::histogram::Histogram;
use crate::limits::{DELETE_BATCH_KEYS, MAX_FILL_FAILURES, PAUSE_AFTER_ERROR, REQUEST_TIMEOUT};
use crate::plan::{Op, Size};
use crate::stop::Stop;

/// Objects that a client of mixed operations has put and not deleted yet, at most.
const MAX_PASSING: usize = 1000;

/// What came of the operations of one or many clients.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How long those took that succeeded.
    pub latencies: Histogram,
    /// Bytes of objects that went over the wire in them.
    pub bytes: u64,
    /// Operations that failed.
    pub errors: u64,
    /// What the first failure was.
    pub first_error: Option<String>,
    /// Connections that were made anew because the server had closed them.
    pub reconnects: u64,
}

impl Tally {
    /// Operations that succeeded.
    pub fn ops(&self) -> u64 {
        self.latencies.total()
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        self.latencies.merge(&other.latencies);
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.reconnects += other.reconnects;
    }

    fn succeeded(&mut self, latency: Duration, bytes: u64) {
        self.latencies.record(latency);
        self.bytes += bytes;
    }

    pub(crate) fn failed(&mut self, failure: String) {
        self.errors += 1;
        self.first_error.get_or_insert(failure);
    }
}

/// What all clients of a side do together.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) size: Size,
    /// Keys of the key space of that size.
    pub(crate) keys: u64,
    /// How many clients there are.
    pub(crate) clients: u64,
    pub(crate) stop: Stop,
}

/// How long it is done.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Connect.
    Connect,
    /// An operation, chosen anew each time, until then.
    Until { op: Op, end: Instant },
    /// Put the objects `0..keys` of a space, each client the next one.
    Fill { space: Space, next: Arc<AtomicU64> },
    /// Delete the objects `0..keys` by 100, each client the next request.
    Delete { next: Arc<AtomicU64> },
}

/// Takes the next so many of `end` numbers that are shared by all clients.
fn claim(next: &AtomicU64, count: u64, end: u64) -> Option<Range<u64>> {
    let start = next.fetch_add(count, Ordering::Relaxed);
    (start < end).then(|| start..end.min(start.saturating_add(count)))
}

/// Does a client's part of a job. Gives the client back, with its connection.
pub(crate) async fn run(mut client: Client, job: Job) -> (Client, Tally) {
    let mut tally = Tally::default();
    client.take_reconnects();
    match &job.kind {
        Kind::Connect => {
            if let Err(failure) = client.head_bucket().await {
                tally.failed(failure.to_string());
            }
            client.take_reconnects();
        }
        Kind::Until { op, end } => until(&mut client, &job, *op, *end, &mut tally).await,
        Kind::Fill { space, next } => fill(&mut client, &job, *space, next, &mut tally).await,
        Kind::Delete { next } => delete(&mut client, &job, next, &mut tally).await,
    }
    tally.reconnects = client.take_reconnects();
    (client, tally)
}

async fn until(client: &mut Client, job: &Job, op: Op, end: Instant, tally: &mut Tally) {
    let mut passing = Vec::new();
    let mut began = Instant::now();
    while began < end && !job.stop.is_set() {
        let done = once(client, job, op, &mut passing).await;
        let now = Instant::now();
        match done {
            Ok(bytes) => tally.succeeded(now - began, bytes),
            Err(failure) => {
                tally.failed(failure.to_string());
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
        began = Instant::now();
    }
}

async fn once(client: &mut Client, job: &Job, op: Op, passing: &mut Vec<u64>) -> Result<u64, Failure> {
    let size = job.size;
    match op {
        Op::Put => {
            let number = own_number(client, job);
            client.put(Space::Kept, size, number).await
        }
        Op::PutNew => {
            let number = client.new_number();
            client.put(Space::New, size, number).await
        }
        Op::Get => {
            let number = client.random.below(job.keys);
            client.get(Space::Kept, size, number, None).await
        }
        Op::Head => {
            let number = client.random.below(job.keys);
            client.head(Space::Kept, size, number).await
        }
        Op::List => list(client, job).await,
        Op::Mixed => mixed(client, job, passing).await,
        // A cell of deletions has a job of its own, since what is gone must be put again.
        Op::Delete => Err(Failure::Wrong("deletions are no operation of a fixed time".to_owned())),
    }
}

/// A random key that no other client writes: who writes the same key at the same time waits in some servers, and where
/// there are few large objects that would be measured in place of the writing.
fn own_number(client: &mut Client, job: &Job) -> u64 {
    let own = (job.keys / job.clients.max(1)).max(1);
    client.random.below(own) * job.clients + client.number()
}

/// All pages. The number of keys must be right.
async fn list(client: &mut Client, job: &Job) -> Result<u64, Failure> {
    let (mut keys, mut token) = (0, None);
    loop {
        let page = client.list_page(Space::Kept, job.size, token.as_deref()).await?;
        keys += page.keys;
        match page {
            // Some servers say that there is more behind the last key, and then show an empty page.
            Page { next_token: Some(next), keys: 1.. } if keys <= job.keys => token = Some(next),
            Page { next_token: None, .. } if keys == job.keys => return Ok(0),
            Page { .. } => {
                return Err(Failure::Wrong(format!("a listing of {} keys told {keys}", job.keys)));
            }
        }
    }
}

/// A GET never meets a key that was deleted: what is deleted is only what this client has put beside the kept keys.
async fn mixed(client: &mut Client, job: &Job, passing: &mut Vec<u64>) -> Result<u64, Failure> {
    let size = job.size;
    match client.random.below(100) {
        0..70 => {
            let number = client.random.below(job.keys);
            client.get(Space::Kept, size, number, None).await
        }
        70..85 => {
            let number = own_number(client, job);
            client.put(Space::Kept, size, number).await
        }
        85..90 if passing.len() < MAX_PASSING => put_passing(client, size, passing).await,
        90..95 => {
            let number = client.random.below(job.keys);
            client.head(Space::Kept, size, number).await
        }
        _ => match passing.pop() {
            Some(number) => client.delete(Space::Passing, size, number).await,
            None => put_passing(client, size, passing).await,
        },
    }
}

async fn put_passing(client: &mut Client, size: Size, passing: &mut Vec<u64>) -> Result<u64, Failure> {
    let number = client.new_number();
    let bytes = client.put(Space::Passing, size, number).await?;
    passing.push(number);
    Ok(bytes)
}

async fn fill(client: &mut Client, job: &Job, space: Space, next: &AtomicU64, tally: &mut Tally) {
    while let Some(range) = claim(next, 1, job.keys) {
        let mut failures = 0;
        loop {
            if job.stop.is_set() {
                return;
            }
            let began = Instant::now();
            let failure =
                match tokio::time::timeout(REQUEST_TIMEOUT, client.put(space, job.size, range.start)).await {
                    Ok(Ok(bytes)) => {
                        tally.succeeded(began.elapsed(), bytes);
                        break;
                    }
                    Ok(Err(failure)) => failure.to_string(),
                    Err(_) => "no answer in time".to_owned(),
                };
            failures += 1;
            if failures == MAX_FILL_FAILURES {
                tally.failed(failure);
                // The others need not try either.
                next.store(job.keys, Ordering::Relaxed);
                return;
            }
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
        }
    }
}

async fn delete(client: &mut Client, job: &Job, next: &AtomicU64, tally: &mut Tally) {
    while !job.stop.is_set()
        && let Some(range) = claim(next, DELETE_BATCH_KEYS, job.keys)
    {
        let began = Instant::now();
        match client.delete_batch(Space::Doomed, job.size, range).await {
            Ok(bytes) => tally.succeeded(began.elapsed(), bytes),
            Err(failure) => {
                tally.failed(failure.to_string());
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_out_once_each() {
        let next = AtomicU64::new(0);
        assert_eq!(claim(&next, 100, 250), Some(0..100));
        assert_eq!(claim(&next, 100, 250), Some(100..200));
        assert_eq!(claim(&next, 100, 250), Some(200..250));
        assert_eq!(claim(&next, 100, 250), None);
    }

    #[test]
    fn the_first_error_is_the_one_that_is_told() {
        let mut tally = Tally::default();
        tally.succeeded(Duration::from_millis(1), 10);
        let mut other = Tally::default();
        other.failed("first".to_owned());
        other.failed("second".to_owned());
        tally.merge(other);
        assert_eq!((tally.ops(), tally.bytes, tally.errors), (1, 10, 2));
        assert_eq!(tally.first_error.as_deref(), Some("first"));
    }
}
