//! The file that `--audit-log` names: every request as a CloudTrail-shaped JSON line.

mod file;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use strongroom_storage::{Position, StoreClock};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::archive::Archive;
use crate::cloudtrail;
use crate::cursor::Cursor;
use crate::error::{TrailError, blocking};
use crate::join::Joiner;
use crate::limits::{
    AUDIT_DRAIN, AUDIT_POLL, AUDIT_SYNC_EVERY, AUDIT_WRITE_BYTES, MAX_BACKOFF, READ_RECORDS,
};
use file::LineFile;

/// The cursor's name.
const CURSOR: &str = "audit-log";

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLogSettings {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes at which it becomes `PATH.1`.
    pub max_bytes: u64,
    /// How many such files are kept.
    pub keep: u32,
}

/// Writes events to a file: at least once each, in the order in which requests ended.
///
/// Lines are written as they come, within about a second of the end of their request; the file is synced before the
/// cursor is committed, once a second while there are lines. If the file cannot be written, the cursor stays, the records
/// are kept in archive and journal, and writing is tried again.
pub struct AuditLog {
    cursor: Cursor,
    joiner: Joiner,
    clock: Arc<dyn StoreClock>,
    settings: AuditLogSettings,
    file: Option<LineFile>,
    synced_at: Instant,
    /// Lines were written that are not synced.
    dirty: bool,
}

impl AuditLog {
    /// Opens the file and the cursor. Call it before the first request is served: first parts from before this moment
    /// are those of an earlier process.
    ///
    /// # Errors
    /// [`TrailError::Io`] when the file cannot be opened: a mistake of configuration is told at start. The store's.
    pub async fn open(
        archive: &Arc<Archive>,
        clock: Arc<dyn StoreClock>,
        settings: AuditLogSettings,
    ) -> Result<Self, TrailError> {
        let cursor = Cursor::open(archive, CURSOR).await?;
        let mut log = Self {
            cursor,
            joiner: Joiner::new(archive.tail()),
            clock,
            settings,
            file: None,
            synced_at: Instant::now(),
            dirty: false,
        };
        log.file = Some(log.open_file().await?);
        Ok(log)
    }

    /// Writes until `stop` turns true (or its sender is gone), then what is there already, for at most five seconds.
    /// Stop it after the last request's record was given to the journal.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut wait = AUDIT_POLL;
        let mut stopped_at = None;
        loop {
            let stopping = stopped_at.is_some_and(|at: Instant| at.elapsed() >= AUDIT_DRAIN);
            match self.pass_and_sync().await {
                Ok(true) if !stopping => continue,
                Ok(_) if stopped_at.is_some() => return self.finish().await,
                Ok(_) => wait = AUDIT_POLL,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the audit log cannot be written; its records are kept, and it is tried again"
                    );
                    self.start_over();
                    if stopped_at.is_some() {
                        return;
                    }
                    wait = (wait * 2).min(MAX_BACKOFF);
                }
            }
            if *stop.borrow() {
                stopped_at = stopped_at.or(Some(Instant::now()));
                continue;
            }
            tokio::select! {
                changed = stop.changed() => if changed.is_err() {
                    stopped_at = stopped_at.or(Some(Instant::now()));
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn pass_and_sync(&mut self) -> Result<bool, TrailError> {
        let any = self.pass().await?;
        if self.synced_at.elapsed() >= AUDIT_SYNC_EVERY {
            self.sync().await?;
        }
        Ok(any)
    }

    async fn finish(&mut self) {
        if let Err(error) = self.sync().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the audit log could not be synced; its last lines will be written again"
            );
        }
    }

    /// Forgets what is not committed: it will be read again.
    fn start_over(&mut self) {
        self.file = None;
        self.dirty = false;
        self.cursor.rewind();
        self.joiner.clear();
    }

    /// Writes the lines of what can be read at once; false if there was nothing to read.
    ///
    /// # Errors
    /// [`TrailError`]; [`run`](Self::run) then starts over from what is committed.
    pub(crate) async fn pass(&mut self) -> Result<bool, TrailError> {
        let mut events = Vec::new();
        let records = self.cursor.next(READ_RECORDS).await?;
        let any = !records.is_empty();
        for (position, record) in records {
            self.joiner.push(position, record, &mut events);
        }
        match self.cursor.idle_at().filter(|_| !any) {
            Some(tail) => self.joiner.settle(tail, Some(self.clock.now()), &mut events),
            None => self.joiner.settle(self.cursor.read_to(), None, &mut events),
        }
        let mut lines = Vec::new();
        for event in &events {
            for line in cloudtrail::render_event(event) {
                lines.extend_from_slice(line.as_bytes());
                lines.push(b'\n');
            }
            if lines.len() >= AUDIT_WRITE_BYTES {
                self.write(std::mem::take(&mut lines)).await?;
            }
        }
        if !lines.is_empty() {
            self.write(lines).await?;
        }
        Ok(any)
    }

    /// Makes the file durable, then commits the cursor. Costs nothing when nothing was read since.
    pub(crate) async fn sync(&mut self) -> Result<(), TrailError> {
        if self.dirty {
            self.with_file(LineFile::sync).await?;
            self.dirty = false;
        }
        self.cursor.commit(self.position()).await?;
        self.synced_at = Instant::now();
        Ok(())
    }

    fn position(&self) -> Position {
        self.joiner.safe(self.cursor.read_to())
    }

    async fn write(&mut self, lines: Vec<u8>) -> Result<(), TrailError> {
        self.dirty = true;
        self.with_file(move |file| file.append(&lines)).await
    }

    async fn with_file(
        &mut self,
        work: impl FnOnce(&mut LineFile) -> io::Result<()> + Send + 'static,
    ) -> Result<(), TrailError> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open_file().await?,
        };
        let (file, done) = blocking(move || {
            let done = work(&mut file);
            (file, done)
        })
        .await?;
        done.map_err(TrailError::io("writing the audit log"))?;
        self.file = Some(file);
        Ok(())
    }

    async fn open_file(&self) -> Result<LineFile, TrailError> {
        let AuditLogSettings { path, max_bytes, keep } = self.settings.clone();
        let opened = blocking(move || LineFile::open(&path, max_bytes, keep)).await?;
        opened.map_err(TrailError::io("opening the audit log"))
    }
}

#[cfg(test)]
mod tests;
