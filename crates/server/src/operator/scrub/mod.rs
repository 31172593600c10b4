//! The scrub: everything that lies on disk is read and checked, at a bounded rate, in the background.
//!
//! In this order: frames of the log, tables of the index, rows and the blobs that they name ([`objects`]), chunks of the
//! archive. Where it is is kept in a row ([`super::row`]), so that a restart goes on from there. One follows the other
//! after [`ScrubSettings::period`]; `StartScrub` begins one at once, or makes the one that runs faster.

mod objects;
mod pace;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use strongroom_api_strongroom as api;
use strongroom_gate::{Authorized, ErrorReply, Handle, Mutation, Reply};
use strongroom_kms::Keys;
use strongroom_record::{Effect, EffectKind};
use strongroom_s3::row::Coded as _;
use strongroom_storage::local::scrub::{Damage, LogPlace, TablePlace};
use strongroom_storage::{Batch, BlobStore, LocalStore, MetaStore, Partition, StoreClock, StoreError};
use strongroom_trail::{Archive, prove_chunk};
use strongroom_types::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::pace::Pace;
use super::row::{self, FindingRow, Place, ScrubRow};
use super::{Operator, fresh_id, wire};
use crate::installation::{ArchiveSeal, Installation};

/// Bytes read at once of a log, table or blob. Small, so that a request waits for little on a slow disk.
const PIECE_BYTES: u64 = 256 * 1024;

/// Findings that are listed one by one; the others are counted, and told in the log.
const MAX_FINDINGS: usize = 100;

/// How often the place is kept.
const SAVE_EVERY: Duration = Duration::from_mins(1);

/// How long after a start the scrub waits: starts are busy.
const START_DELAY: Duration = Duration::from_mins(1);

/// How long it waits before it tries again what the store could not do.
const RETRY: Duration = Duration::from_secs(30);

/// Blobs whose lengths are added up between two pauses, before a scrub begins.
const COUNT_PAGE: usize = 1000;

/// How often and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScrubSettings {
    /// From the beginning of one to that of the next; its rate is chosen so that it takes no longer.
    pub(crate) period: Duration,
    /// Bytes a second that it reads at least.
    pub(crate) min_bytes_per_second: u64,
}

impl From<&crate::config::Scrub> for ScrubSettings {
    fn from(config: &crate::config::Scrub) -> Self {
        Self {
            period: Duration::from_hours(u64::from(config.days) * 24),
            min_bytes_per_second: u64::from(config.min_mib_per_second) << 20,
        }
    }
}

/// Scrubs.
pub(super) struct Scrubber {
    local: LocalStore,
    store: Arc<dyn MetaStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn StoreClock>,
    keys: Arc<Keys>,
    archive: Arc<Archive>,
    data: PathBuf,
    settings: ScrubSettings,
    /// The one that runs, or the last that did.
    latest: Mutex<Option<ScrubRow>>,
    woken: Notify,
}

/// Why a scrub does not go on.
#[derive(Debug)]
enum Halt {
    /// The server ends.
    Stopped,
    /// The store could not, for now.
    Store(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Scrubber {
    pub(super) fn new(installation: &Installation, archive: Arc<Archive>, settings: ScrubSettings) -> Self {
        Self {
            local: installation.local.clone(),
            store: installation.store.clone(),
            blobs: installation.blobs.clone(),
            clock: installation.clock.clone(),
            keys: installation.keys.clone(),
            archive,
            data: installation.data.clone(),
            settings,
            latest: Mutex::default(),
            woken: Notify::new(),
        }
    }

    fn latest(&self) -> MutexGuard<'_, Option<ScrubRow>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the scrub that runs.
    fn change<T>(&self, change: impl FnOnce(&mut ScrubRow) -> T) -> Option<T> {
        self.latest().as_mut().filter(|row| row.ended_millis.is_none()).map(change)
    }

    async fn load(&self) -> Result<Option<ScrubRow>, ErrorReply> {
        let stored = self.store.get(Partition::System, row::SCRUB).await;
        let stored = stored.map_err(|error| ErrorReply::from(&error))?;
        Ok(stored.map(|stored| ScrubRow::decode(&stored.value)).transpose()?)
    }

    /// Keeps where the scrub is. What cannot be kept now is kept later.
    async fn save(&self) {
        let row = self.latest().clone();
        let Some(row) = row else { return };
        let mut batch = Batch::new(Partition::System);
        batch.put(row::SCRUB, row.encode());
        // A full disk is scrubbed too.
        batch.frees_space = true;
        if let Err(error) = self.store.commit(batch).await {
            tracing::debug!(%error, "where the scrub is could not be kept");
        }
    }

    /// Scrubs whenever it is time, until `stop` turns true.
    pub(super) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        match self.load().await {
            Ok(row) => *self.latest() = row,
            Err(error) => {
                tracing::error!(error = error.message, "the scrub's row is damaged; it begins anew");
            }
        }
        let mut not_before = Instant::now() + START_DELAY;
        loop {
            let due = not_before.max(Instant::now() + self.until_due());
            let stopped = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => true,
                () = self.woken.notified() => false,
                () = tokio::time::sleep_until(due) => false,
            };
            if stopped {
                return;
            }
            if self.until_due().is_zero() && !self.is_running() {
                let row = self.begin(None).await;
                {
                    let mut latest = self.latest();
                    // Somebody may have begun one meanwhile.
                    if latest.as_ref().is_none_or(|latest| latest.ended_millis.is_some()) {
                        *latest = Some(row);
                    }
                }
                self.save().await;
            }
            if !self.is_running() {
                continue;
            }
            let went = Pass::new(&self, stop.clone()).run().await;
            self.save().await;
            match went {
                Ok(()) => not_before = Instant::now(),
                Err(Halt::Stopped) => return,
                Err(Halt::Store(error)) => {
                    tracing::warn!(%error, "the scrub pauses");
                    not_before = Instant::now() + RETRY;
                }
            }
        }
    }

    fn is_running(&self) -> bool {
        self.latest().as_ref().is_some_and(|row| row.ended_millis.is_none())
    }

    /// How long until a scrub is to run.
    fn until_due(&self) -> Duration {
        match &*self.latest() {
            None => Duration::ZERO,
            Some(row) if row.ended_millis.is_none() => Duration::ZERO,
            Some(row) => self.next_at(row).since(self.clock.now()),
        }
    }

    /// When the scrub after this one begins.
    fn next_at(&self, row: &ScrubRow) -> Timestamp {
        let period = i64::try_from(self.settings.period.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(row.started_millis.saturating_add(period))
    }

    /// A scrub that begins now.
    async fn begin(&self, asked_rate: Option<u64>) -> ScrubRow {
        ScrubRow {
            id: fresh_id(&self.keys),
            started_millis: self.clock.now().as_millis(),
            ended_millis: None,
            asked_rate,
            place: Place::Log(0, 0),
            bytes_done: 0,
            bytes_total: self.bytes().await,
            findings: Vec::new(),
            findings_total: 0,
        }
    }

    /// How much there is to read, about.
    async fn bytes(&self) -> u64 {
        let extent = self.local.extent();
        let mut bytes = extent.log_bytes + extent.index_bytes + self.archive.bytes();
        let mut after = None;
        // What cannot be listed is found on the way.
        while let Ok(page) = self.local.blob_ids(after, COUNT_PAGE) {
            bytes = page.iter().fold(bytes, |sum, blob| sum.saturating_add(blob.sealed_bytes));
            after = page.last().map(|blob| blob.id);
            if page.len() < COUNT_PAGE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bytes
    }

    /// Bytes a second.
    fn rate(&self, row: &ScrubRow) -> u64 {
        row.asked_rate.unwrap_or_else(|| {
            (row.bytes_total / self.settings.period.as_secs().max(1)).max(self.settings.min_bytes_per_second)
        })
    }

    fn shape(&self, row: &ScrubRow) -> api::Scrub {
        let running = row.ended_millis.is_none();
        api::Scrub {
            scrub_id: Some(row.id.clone()),
            state: Some(if running { api::ScrubState::Running } else { api::ScrubState::Complete }),
            phase: running.then_some(match row.place {
                Place::Log(..) => api::ScrubPhase::Log,
                Place::Index | Place::Tables(..) => api::ScrubPhase::Index,
                Place::Objects(_) => api::ScrubPhase::Objects,
                Place::Archive(_) => api::ScrubPhase::Archive,
            }),
            bytes_done: Some(wire(row.bytes_done)),
            bytes_total: Some(wire(row.bytes_total.max(row.bytes_done))),
            rate_bytes_per_second: Some(wire(self.rate(row))),
            started_at: Some(Timestamp::from_millis(row.started_millis)),
            ended_at: row.ended_millis.map(Timestamp::from_millis),
            next_at: (!running).then(|| self.next_at(row)),
            findings_total: Some(wire(row.findings_total)),
            findings: Some(row.findings.iter().map(finding_shape).collect()),
        }
    }

    /// The latest scrub, as the API shows it.
    fn describe(&self) -> api::Scrub {
        let never = || api::Scrub { state: Some(api::ScrubState::Never), ..api::Scrub::default() };
        self.latest().as_ref().map_or_else(never, |row| self.shape(row))
    }
}

fn finding_shape(row: &FindingRow) -> api::ScrubFinding {
    api::ScrubFinding {
        kind: api::ScrubFindingKind::parse(&row.kind),
        message: row.message.clone(),
        bucket: row.bucket.clone(),
        key: row.key.clone(),
        version_id: row.version_id.clone(),
        upload_id: row.upload_id.clone(),
        part_number: row.part_number.map(i64::from),
        file: row.file.clone(),
        offset: row.offset.map(wire),
        found_at: Some(Timestamp::from_millis(row.found_millis)),
    }
}

/// A scrub at work.
struct Pass<'a> {
    scrubber: &'a Scrubber,
    stop: watch::Receiver<bool>,
    pace: Pace,
    saved_at: Instant,
}

impl<'a> Pass<'a> {
    fn new(scrubber: &'a Scrubber, stop: watch::Receiver<bool>) -> Self {
        Self { scrubber, stop, pace: Pace::new(), saved_at: Instant::now() }
    }

    /// From where it is to the end.
    async fn run(mut self) -> Result<(), Halt> {
        while self.scrubber.is_running() {
            self.step().await?;
        }
        if let Some(row) = &*self.scrubber.latest() {
            let (bytes, findings) = (row.bytes_done, row.findings_total);
            tracing::info!(bytes, findings, "everything on disk was read and checked");
        }
        Ok(())
    }

    /// From one place to the next.
    async fn step(&mut self) -> Result<(), Halt> {
        let Some(place) = self.scrubber.change(|row| row.place.clone()) else { return Ok(()) };
        let next = match place {
            Place::Log(segment, offset) => Some(self.log(LogPlace { segment, offset }).await?),
            Place::Index => Some(self.index().await?),
            Place::Tables(from, through) => Some(self.table(TablePlace { from, through }).await?),
            Place::Objects(after) => {
                self.objects(&after).await?;
                Some(Place::Archive(0))
            }
            Place::Archive(from) => self.chunk(from).await?,
        };
        let now = self.scrubber.clock.now().as_millis();
        self.scrubber.change(|row| match next {
            Some(next) => row.place = next,
            None => row.ended_millis = Some(now),
        });
        Ok(())
    }

    /// So many bytes were read: waits until the next may be, and keeps the place from time to time.
    async fn pay(&mut self, bytes: u64) -> Result<(), Halt> {
        let rate = self.scrubber.change(|row| {
            row.bytes_done = row.bytes_done.saturating_add(bytes);
            self.scrubber.rate(row)
        });
        let until = self.pace.spend(bytes, rate.unwrap_or(self.scrubber.settings.min_bytes_per_second));
        if self.saved_at.elapsed() >= SAVE_EVERY {
            self.saved_at = Instant::now();
            self.scrubber.save().await;
        }
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => Err(Halt::Stopped),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }

    /// Takes down what was found.
    async fn found(&mut self, mut finding: FindingRow) {
        // After a restart the scrub goes on from a little before where it was.
        let same = |listed: &FindingRow| FindingRow { found_millis: 0, ..listed.clone() } == finding;
        if self.scrubber.change(|row| row.findings.iter().any(same)) == Some(true) {
            return;
        }
        finding.found_millis = self.scrubber.clock.now().as_millis();
        let FindingRow { kind, message, bucket, key, version_id, file, offset, .. } = &finding;
        tracing::error!(
            kind,
            message,
            bucket,
            key,
            version_id,
            file,
            offset,
            "what lies on disk is not what was written: restore it from a backup, and look at the disk"
        );
        self.scrubber.change(|row| {
            row.findings_total += 1;
            if row.findings.len() < MAX_FINDINGS {
                row.findings.push(finding);
            }
        });
        self.scrubber.save().await;
    }

    async fn damage(&mut self, damage: Option<Damage>) {
        let finding = match damage {
            None => return,
            Some(Damage::Log { place, what }) => FindingRow {
                kind: "LOG".to_owned(),
                message: what.to_owned(),
                file: Some(format!("log/{:016x}.seg", place.segment)),
                offset: Some(place.offset),
                ..FindingRow::default()
            },
            Some(Damage::Index { file, what }) => FindingRow {
                kind: "INDEX".to_owned(),
                message: what,
                file: Some(file),
                ..FindingRow::default()
            },
        };
        self.found(finding).await;
    }

    async fn log(&mut self, place: LogPlace) -> Result<Place, Halt> {
        let step = self.scrubber.local.scrub_log(place, PIECE_BYTES).await?;
        self.damage(step.damage).await;
        self.pay(step.bytes).await?;
        Ok(step.next.map_or(Place::Index, |next| Place::Log(next.segment, next.offset)))
    }

    async fn index(&mut self) -> Result<Place, Halt> {
        let step = self.scrubber.local.scrub_index().await?;
        self.damage(step.damage).await;
        self.pay(step.bytes).await?;
        Ok(step.next.map_or(Place::Objects(Vec::new()), |next| Place::Tables(next.from, next.through)))
    }

    async fn table(&mut self, place: TablePlace) -> Result<Place, Halt> {
        let Some((next, opened)) = self.scrubber.local.scrub_table(place).await? else {
            return Ok(Place::Objects(Vec::new()));
        };
        let mut reading = match opened {
            Ok(table) => Some(table),
            Err(damage) => {
                self.damage(Some(damage)).await;
                None
            }
        };
        while let Some(table) = reading {
            let step = table.step(PIECE_BYTES).await?;
            self.damage(step.damage).await;
            self.pay(step.bytes).await?;
            reading = step.next;
        }
        Ok(Place::Tables(next.from, next.through))
    }

    async fn chunk(&mut self, from: u64) -> Result<Option<Place>, Halt> {
        let seal = Arc::new(ArchiveSeal(self.scrubber.keys.clone()));
        let proof = match prove_chunk(&self.scrubber.data, seal, from).await {
            Ok(Some(proof)) => proof,
            Ok(None) => return Ok(None),
            Err(error) => {
                let message = error.to_string();
                self.found(FindingRow { kind: "ARCHIVE".to_owned(), message, ..FindingRow::default() }).await;
                return Ok(None);
            }
        };
        for fault in proof.faults {
            let finding = FindingRow {
                kind: "ARCHIVE".to_owned(),
                message: format!("records behind position {}: {}", fault.after, fault.what),
                file: Some(proof.file.to_string_lossy().into_owned()),
                ..FindingRow::default()
            };
            self.found(finding).await;
        }
        self.pay(proof.bytes).await?;
        Ok(Some(Place::Archive(proof.next)))
    }
}

#[async_trait]
impl Handle<api::op::StartScrub> for Operator {
    async fn handle(
        &self,
        mut request: Authorized<api::StartScrubInput>,
    ) -> Result<Reply<api::StartScrubOutput>, ErrorReply> {
        let scrubber = &self.scrubber;
        let asked = request.input().rate_mib_per_second.and_then(|rate| u64::try_from(rate).ok());
        let asked_rate = asked.map(|rate| rate << 20);
        let running = scrubber.latest().clone().filter(|row| row.ended_millis.is_none());
        let row = match running {
            Some(row) => ScrubRow { asked_rate: asked_rate.or(row.asked_rate), ..row },
            None => scrubber.begin(asked_rate).await,
        };
        let mut mutation = Mutation::new();
        mutation.put(row::SCRUB, row.encode());
        mutation.effect(Effect { kind: EffectKind::Configure, ..Effect::default() });
        mutation.frees_space();
        let committed = request.commit_in(&*scrubber.store, Partition::System, mutation).await;
        committed.map_err(|error| error.reply())?;
        {
            let mut latest = scrubber.latest();
            match latest.as_mut().filter(|latest| latest.ended_millis.is_none()) {
                // It has gone on meanwhile, or another has begun.
                Some(latest) => latest.asked_rate = asked_rate.or(latest.asked_rate),
                None => *latest = Some(row),
            }
        }
        scrubber.woken.notify_one();
        Ok(Reply::new(api::StartScrubOutput { scrub: scrubber.describe() }))
    }
}

#[async_trait]
impl Handle<api::op::DescribeScrub> for Operator {
    async fn handle(
        &self,
        _request: Authorized<api::DescribeScrubInput>,
    ) -> Result<Reply<api::DescribeScrubOutput>, ErrorReply> {
        Ok(Reply::new(api::DescribeScrubOutput { scrub: self.scrubber.describe() }))
    }
}
