//! The task that moves records from the journal into chunks. It alone trims the journal.

use std::sync::Arc;
use std::time::Duration;

use strongroom_storage::{Position, StoreClock};
use strongroom_types::Timestamp;
use tokio::sync::watch;

use super::chunk::Builder;
use super::{Archive, Chunk, Header, commit_progress, files};
use crate::error::{TrailError, blocking};
use crate::limits::{
    ARCHIVER_POLL, CHUNK_AGE, CHUNK_BYTES, MAX_BACKOFF, MIN_ARCHIVE_BYTES, READ_RECORDS, RETENTION_EVERY,
};

/// How chunks are cut, and how long they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// Age of its first record at which a chunk is closed, at most [`CHUNK_AGE`].
    pub chunk_age: Duration,
    /// Bytes of records at which a chunk is closed, at most [`CHUNK_BYTES`].
    pub chunk_bytes: u64,
    /// How long records are kept after the chunk's latest.
    pub keep: Duration,
    /// Bytes of the archive, if it has a cap; at least [`MIN_ARCHIVE_BYTES`].
    pub max_bytes: Option<u64>,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self {
            chunk_age: CHUNK_AGE,
            chunk_bytes: CHUNK_BYTES,
            keep: Duration::from_hours(90 * 24),
            max_bytes: None,
        }
    }
}

/// Moves records into the archive, and applies retention.
pub struct Archiver {
    pub(super) archive: Arc<Archive>,
    pub(super) clock: Arc<dyn StoreClock>,
    pub(super) settings: ArchiveSettings,
    /// What is gathered for the next chunk, and since when.
    gathering: Option<(Builder, Timestamp)>,
    read_to: Position,
    seen_tail: Option<Position>,
    /// A chunk that lies durable, but whose row is not committed.
    written: Option<Header>,
    /// Whether the journal still holds what is archived.
    untrimmed: bool,
    retained_at: Option<Timestamp>,
}

impl Archiver {
    /// An archiver; an archive has one at a time.
    pub fn new(archive: Arc<Archive>, clock: Arc<dyn StoreClock>, settings: ArchiveSettings) -> Self {
        let settings = ArchiveSettings {
            chunk_age: settings.chunk_age.min(CHUNK_AGE),
            chunk_bytes: settings.chunk_bytes.min(CHUNK_BYTES),
            max_bytes: settings.max_bytes.map(|cap| cap.max(MIN_ARCHIVE_BYTES)),
            ..settings
        };
        Self::unchecked(archive, clock, settings)
    }

    pub(crate) fn unchecked(
        archive: Arc<Archive>,
        clock: Arc<dyn StoreClock>,
        settings: ArchiveSettings,
    ) -> Self {
        let read_to = archive.archived_through();
        Self {
            archive,
            clock,
            settings,
            gathering: None,
            read_to,
            seen_tail: None,
            written: None,
            untrimmed: read_to > Position(0),
            retained_at: None,
        }
    }

    /// Archives until `stop` turns true (or its sender is gone). What has been gathered for the next chunk stays in
    /// the journal and is gathered anew at the next start.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut wait = ARCHIVER_POLL;
        loop {
            if *stop.borrow() {
                return;
            }
            match self.step().await {
                Ok(()) => wait = ARCHIVER_POLL,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "records stay in the journal: archiving failed"
                    );
                    wait = (wait * 2).min(MAX_BACKOFF);
                }
            }
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One pass: gathers what is new, writes the chunks that are due, applies retention. Can be repeated after any
    /// error, and cut off at any point.
    ///
    /// # Errors
    /// [`TrailError`]; no record is lost by it.
    pub async fn step(&mut self) -> Result<(), TrailError> {
        self.finish_written().await?;
        self.trim().await?;
        // What comes while this pass runs (a notice of its own retention, say) is the next one's.
        let end = self.archive.tail();
        while self.gather(end).await? {
            if self.is_due() {
                self.write_chunk().await?;
            }
        }
        if self.is_due() {
            self.write_chunk().await?;
        }
        let now = self.clock.now();
        if self.retained_at.is_none_or(|at| now.since(at) >= RETENTION_EVERY) {
            self.retain().await?;
            self.retained_at = Some(now);
        }
        Ok(())
    }

    /// Reads on in the journal, up to `end`; false if there is nothing new.
    async fn gather(&mut self, end: Position) -> Result<bool, TrailError> {
        if self.seen_tail == Some(end) {
            return Ok(false);
        }
        let after = (self.read_to > Position(0)).then_some(self.read_to);
        let mut groups = self.archive.journal().read(after, READ_RECORDS).await?;
        groups.retain(|(position, _)| *position <= end);
        let Some((last, _)) = groups.last() else {
            self.seen_tail = Some(end);
            return Ok(false);
        };
        let last = *last;
        let now = self.clock.now();
        let (mut builder, since) = self.gathering.take().unwrap_or_else(|| {
            let after = self.archive.archived_through();
            (Builder::new(self.archive.seal.clone(), after, now.as_millis()), now)
        });
        let added = blocking(move || {
            for (position, records) in &groups {
                builder.add(*position, records)?;
            }
            Ok::<_, TrailError>(builder)
        });
        match added.await.and_then(|added| added) {
            Ok(builder) => self.gathering = Some((builder, since)),
            Err(error) => {
                self.start_over();
                return Err(error);
            }
        }
        self.read_to = last;
        Ok(true)
    }

    /// Forgets what was gathered: it is in the journal.
    fn start_over(&mut self) {
        self.gathering = None;
        self.read_to = self.archive.archived_through();
        self.seen_tail = None;
    }

    fn is_due(&self) -> bool {
        self.gathering.as_ref().is_some_and(|(builder, since)| {
            !builder.is_empty()
                && (builder.plain_bytes() >= self.settings.chunk_bytes
                    || self.clock.now().since(*since) >= self.settings.chunk_age)
        })
    }

    async fn write_chunk(&mut self) -> Result<(), TrailError> {
        let Some((builder, _)) = self.gathering.take() else { return Ok(()) };
        let dir = self.archive.dir.clone();
        let written = blocking(move || {
            let Some((header, bytes)) = builder.finish()? else { return Ok(None) };
            files::write(&dir, &header, &bytes)?;
            Ok::<_, TrailError>(Some(header))
        });
        match written.await.and_then(|written| written) {
            Ok(header) => self.written = header,
            Err(error) => {
                self.start_over();
                return Err(error);
            }
        }
        self.finish_written().await?;
        self.trim().await?;
        self.retain().await
    }

    /// Commits the row of a chunk that lies durable.
    async fn finish_written(&mut self) -> Result<(), TrailError> {
        let Some(header) = self.written else { return Ok(()) };
        commit_progress(&*self.archive.store, header.last, self.archive.removed_through().0).await?;
        // INVARIANT: readers know of the chunk before its records leave the journal (see `Cursor::next`).
        self.archive.change(|state| {
            state.chunks.push_back(Chunk::of(&header));
            state.through = header.last;
        });
        self.written = None;
        self.untrimmed = true;
        tracing::debug!(
            last = header.last,
            records = header.records,
            bytes = header.file_bytes(),
            "archived records"
        );
        Ok(())
    }

    async fn trim(&mut self) -> Result<(), TrailError> {
        if self.untrimmed {
            self.archive.journal().trim(self.archive.archived_through()).await?;
            self.untrimmed = false;
        }
        Ok(())
    }
}
