//! The rounds: who is asked when, and what is read before and after.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::client::{Client, Failure, Payloads, Space, Target};
use crate::disk::{self, DiskRate};
use crate::error::BenchError;
use crate::limits::{CLEAN_TRIES, DELETE_CELL_STRETCH, INTERRUPT_GRACE, REQUEST_TIMEOUT, ROUND_GRACE};
use crate::plan::{Op, Plan, Size};
use crate::process::{Process, Usage};
use crate::report::{Cell, Report, Round};
use crate::stop::Stop;
use crate::threads::Threads;
use crate::work::{Job, Kind, Tally, run as work};

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Rounds done.
    pub done: usize,
    /// Rounds of the whole run.
    pub total: usize,
    /// What is being done.
    pub what: String,
}

/// Runs a plan: makes a bucket on each side, measures, and removes everything, however it ends.
///
/// Where [`Stop`] is set, or something breaks on the way, the cells that were measured so far are reported, with what
/// broke ([`Report::into_troubles`]).
///
/// # Errors
/// [`BenchError`], if nothing could be measured and nothing is left behind. Operations that fail while they are measured
/// are counted, not an error.
pub async fn run(plan: &Plan, stop: &Stop, progress: &dyn Fn(&Progress)) -> Result<Report, BenchError> {
    plan.check()?;
    let payloads = Arc::new(Payloads::new(&plan.sizes, plan.seed));
    let mut targets = Vec::new();
    for (side, bucket) in plan.buckets() {
        let target = Arc::new(Target::find(plan, side, bucket, payloads.clone()).await?);
        side.process.map(Process::usage).transpose()?;
        targets.push(target);
    }
    let (mut made, mut tls, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    let measuring = async {
        for target in &targets {
            tls.push(make_bucket(target).await?);
            made.push(target);
        }
        let run = Run::new(plan, &targets, stop, progress)?;
        run.cells(&mut cells).await
    };
    let mut troubles: Vec<BenchError> = measuring.await.err().into_iter().collect();
    progress(&Progress { done: 0, total: 0, what: "removing the buckets".to_owned() });
    for target in made {
        troubles.extend(remove_bucket(target).await.err());
    }
    match troubles.pop() {
        Some(only) if cells.is_empty() && troubles.is_empty() => return Err(only),
        last => troubles.extend(last),
    }
    Ok(Report::new(plan, tls, cells, stop.is_set(), troubles))
}

/// The clients of one side.
struct Arena {
    target: Arc<Target>,
    clients: Vec<Client>,
}

struct Run<'a> {
    plan: &'a Plan,
    threads: Threads,
    arenas: Vec<Arena>,
    stop: &'a Stop,
    progress: &'a dyn Fn(&Progress),
    done: usize,
    total: usize,
}

impl<'a> Run<'a> {
    fn new(
        plan: &'a Plan,
        targets: &[Arc<Target>],
        stop: &'a Stop,
        progress: &'a dyn Fn(&Progress),
    ) -> Result<Self, BenchError> {
        let arena = |target: &Arc<Target>| {
            let client = |number| Client::new(target.clone(), number, plan.seed);
            Arena { target: target.clone(), clients: (0..plan.clients as u64).map(client).collect() }
        };
        let cells: usize = plan.cells().iter().map(|(_, ops)| ops.len()).sum();
        Ok(Self {
            plan,
            threads: Threads::start(plan.threads)?,
            arenas: targets.iter().map(arena).collect(),
            stop,
            progress,
            done: 0,
            total: cells * plan.rounds * targets.len(),
        })
    }

    /// All cells, one after the other. Objects of one size are gone before those of the next are put.
    async fn cells(mut self, cells: &mut Vec<Cell>) -> Result<(), BenchError> {
        for (size, ops) in self.plan.cells() {
            if ops.iter().any(|op| op.needs_fill()) {
                self.fill_sides(size).await?;
            }
            for op in ops {
                let cell = self.cell(op, size).await?;
                cells.extend(cell);
                if self.stop.is_set() {
                    return Ok(());
                }
            }
            self.tell(format!("removing the objects of {size}"));
            for arena in &self.arenas {
                let mut client = Client::new(arena.target.clone(), u64::MAX >> 40, self.plan.seed);
                let emptied = empty_bucket(&mut client).await;
                emptied.map_err(|failure| failure.into_error(&arena.target.side, "DeleteObjects"))?;
            }
        }
        Ok(())
    }

    /// The rounds of one cell, alternating between the sides; none if it was interrupted before both had one.
    async fn cell(&mut self, op: Op, size: Size) -> Result<Option<Cell>, BenchError> {
        let mut rounds: Vec<Vec<Round>> = self.arenas.iter().map(|_| Vec::new()).collect();
        for number in 1..=self.plan.rounds {
            let mut of_round = Vec::new();
            let disk = self.probe_disk(op, size).await?;
            for side in 0..self.arenas.len() {
                self.tell(format!("{op} {size}, round {number}, {}", self.url(side)));
                let mut round = self.round(side, op, size).await?;
                round.disk = disk.filter(|_| side == 0);
                if self.stop.is_set() {
                    break;
                }
                of_round.push(round);
                self.done += 1;
            }
            // A round that one side alone has had would compare different moments.
            if of_round.len() < rounds.len() {
                break;
            }
            for (all, round) in rounds.iter_mut().zip(of_round) {
                all.push(round);
            }
        }
        let is_measured = rounds.iter().all(|rounds| !rounds.is_empty());
        Ok(is_measured.then(|| Cell::new(op, size, rounds)))
    }

    /// What the disk does by itself, before a round of puts.
    async fn probe_disk(&self, op: Op, size: Size) -> Result<Option<DiskRate>, BenchError> {
        match &self.plan.disk {
            Some(directory) if op.is_put() => {
                let group_bytes = disk::group_bytes(size, self.plan.clients);
                disk::probe(directory, group_bytes, self.plan.duration).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn round(&mut self, side: usize, op: Op, size: Size) -> Result<Round, BenchError> {
        self.connect(side, size).await?;
        let duration = self.plan.duration;
        if op != Op::Delete {
            let limit = duration + ROUND_GRACE;
            let keys = self.plan.keys_of(size);
            return self
                .measure(side, size, keys, limit, |began| Kind::Until { op, end: began + duration })
                .await;
        }
        let (began, mut round) = (Instant::now(), Round::default());
        let keys = self.plan.keys_to_delete();
        loop {
            self.fill(side, Space::Doomed, size, keys, "delete").await?;
            let limit = duration + ROUND_GRACE;
            let next = Arc::new(AtomicU64::new(0));
            round.merge(self.measure(side, size, keys, limit, |_| Kind::Delete { next }).await?);
            let is_over = round.elapsed >= duration || began.elapsed() >= duration * DELETE_CELL_STRETCH;
            if is_over || self.stop.is_set() {
                return Ok(round);
            }
        }
    }

    /// Lets the clients of a side do something, and reads the clocks before and after.
    async fn measure(
        &mut self,
        side: usize,
        size: Size,
        keys: u64,
        limit: Duration,
        kind: impl FnOnce(Instant) -> Kind,
    ) -> Result<Round, BenchError> {
        let server = self.arenas.get(side).and_then(|arena| arena.target.side.process);
        let usage = || -> Result<(Option<Usage>, Usage), BenchError> {
            Ok((server.map(Process::usage).transpose()?, Process::this().usage()?))
        };
        let before = usage()?;
        let began = Instant::now();
        let tally = self.spread(side, size, keys, limit, kind(began)).await;
        let elapsed = began.elapsed();
        let after = usage()?;
        let spent = |(before, after): (Usage, Usage)| after.cpu.saturating_sub(before.cpu);
        Ok(Round {
            elapsed,
            tally,
            server_cpu: before.0.zip(after.0).map(spent),
            server_peak_bytes: after.0.map(|usage| usage.peak_bytes),
            client_cpu: spent((before.1, after.1)),
            disk: None,
        })
    }

    /// Every client has a connection that works.
    async fn connect(&mut self, side: usize, size: Size) -> Result<(), BenchError> {
        let tally = self.spread(side, size, 0, REQUEST_TIMEOUT, Kind::Connect).await;
        if tally.errors > 0 && !self.stop.is_set() {
            let failure = tally.first_error.unwrap_or_default();
            let endpoint = self.url(side).to_owned();
            return Err(BenchError::Lost { endpoint, failure });
        }
        Ok(())
    }

    async fn fill_sides(&mut self, size: Size) -> Result<(), BenchError> {
        let keys = self.plan.keys_of(size);
        for side in 0..self.arenas.len() {
            self.tell(format!("putting {keys} objects of {size} to {}", self.url(side)));
            self.fill(side, Space::Kept, size, keys, "the run").await?;
            if self.stop.is_set() {
                return Ok(());
            }
            self.read_back(side, size).await?;
        }
        Ok(())
    }

    async fn fill(
        &mut self,
        side: usize,
        space: Space,
        size: Size,
        keys: u64,
        what: &'static str,
    ) -> Result<(), BenchError> {
        let kind = Kind::Fill { space, next: Arc::default() };
        // Each request has a time limit of its own here.
        let tally = self.spread(side, size, keys, Duration::MAX, kind).await;
        match tally.first_error {
            Some(failure) if !self.stop.is_set() => {
                Err(BenchError::Fill { endpoint: self.url(side).to_owned(), what, failure })
            }
            _ => Ok(()),
        }
    }

    /// One object comes back as it was put; in the rounds only lengths are looked at.
    async fn read_back(&mut self, side: usize, size: Size) -> Result<(), BenchError> {
        let Some(arena) = self.arenas.get_mut(side) else { return Ok(()) };
        let target = arena.target.clone();
        let expected = target.payloads.object(size);
        let mut client = Client::new(target.clone(), 0, self.plan.seed);
        let got = timely(client.get(Space::Kept, size, 0, Some(expected))).await;
        match got {
            Err(Failure::Wrong(what)) => {
                Err(BenchError::Corrupt { endpoint: target.side.endpoint.url().to_owned(), what })
            }
            other => other.map(|_| ()).map_err(|failure| failure.into_error(&target.side, "GetObject")),
        }
    }

    /// Lets all clients of a side do their part, for no longer than `limit` or shortly after a stop; those that are not
    /// done then are replaced, and count as failures.
    async fn spread(&mut self, side: usize, size: Size, keys: u64, limit: Duration, kind: Kind) -> Tally {
        let Some(arena) = self.arenas.get_mut(side) else { return Tally::default() };
        let clients = std::mem::take(&mut arena.clients);
        let job = Job { kind, size, keys, clients: clients.len() as u64, stop: self.stop.clone() };
        let mut working: Vec<JoinHandle<(Client, Tally)>> = Vec::with_capacity(clients.len());
        for (index, client) in clients.into_iter().enumerate() {
            // INVARIANT: the plan has a thread at least.
            if let Some(thread) = self.threads.of(index) {
                working.push(thread.spawn(work(client, job.clone())));
            }
        }
        let (mut done, mut tally) = (Vec::with_capacity(working.len()), Tally::default());
        let patience = async {
            tokio::select! {
                () = tokio::time::sleep(limit) => {}
                () = async { self.stop.wait().await; tokio::time::sleep(INTERRUPT_GRACE).await } => {}
            }
        };
        let mut patience = std::pin::pin!(patience);
        let mut is_over = false;
        for (number, mut client) in working.into_iter().enumerate() {
            let joined = if is_over {
                client.abort();
                client.await.ok()
            } else {
                tokio::select! {
                    biased;
                    joined = &mut client => joined.ok(),
                    () = &mut patience => {
                        is_over = true;
                        client.abort();
                        client.await.ok()
                    }
                }
            };
            let (client, of_client) = joined.unwrap_or_else(|| {
                let mut lost = Tally::default();
                lost.failed("a request had no answer in time, or was cut off".to_owned());
                (Client::new(arena.target.clone(), number as u64, self.plan.seed), lost)
            });
            done.push(client);
            tally.merge(of_client);
        }
        arena.clients = done;
        tally
    }

    fn url(&self, side: usize) -> &str {
        self.arenas.get(side).map_or("", |arena| arena.target.side.endpoint.url())
    }

    fn tell(&self, what: String) {
        (self.progress)(&Progress { done: self.done, total: self.total, what });
    }
}

/// With a time limit, for requests that are not measured.
async fn timely<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::Wrong("no answer in time".to_owned());
    tokio::time::timeout(REQUEST_TIMEOUT, asking).await.unwrap_or_else(|_| Err(late()))
}

/// Makes the bucket; tells protocol and cipher suite of the connection.
async fn make_bucket(target: &Arc<Target>) -> Result<Option<String>, BenchError> {
    let mut client = Client::new(target.clone(), 0, 0);
    let made = timely(client.create_bucket()).await;
    made.map_err(|failure| failure.into_error(&target.side, "CreateBucket"))?;
    Ok(client.tls())
}

/// Empties and removes the bucket. A write that was cut off may land after the listing, so it is tried again.
async fn remove_bucket(target: &Arc<Target>) -> Result<(), BenchError> {
    let mut client = Client::new(target.clone(), 0, 0);
    let mut tries = 1;
    loop {
        let removed = match empty_bucket(&mut client).await {
            Ok(()) => timely(client.delete_bucket()).await,
            Err(failure) => Err(failure),
        };
        match removed {
            Ok(()) => return Ok(()),
            Err(Failure::Refused { code, .. }) if code == "NoSuchBucket" => return Ok(()),
            Err(failure) if tries == CLEAN_TRIES => {
                return Err(BenchError::Clean {
                    endpoint: target.side.endpoint.url().to_owned(),
                    bucket: target.bucket.clone(),
                    source: Box::new(failure.into_error(&target.side, "DeleteBucket")),
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200) * tries).await,
        }
        tries += 1;
    }
}

async fn empty_bucket(client: &mut Client) -> Result<(), Failure> {
    loop {
        let keys = timely(client.first_keys()).await?;
        if keys.is_empty() {
            return Ok(());
        }
        timely(client.delete_keys(&keys)).await?;
    }
}
