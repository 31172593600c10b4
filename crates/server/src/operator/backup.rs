//! `StartBackup` and `DescribeBackup`.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use strongroom_api_strongroom as api;
use strongroom_gate::{Authorized, ErrorReply, Handle, Mutation, Reply};
use strongroom_kms::EPOCHS_FILE_NAME;
use strongroom_record::{Effect, EffectKind};
use strongroom_s3::row::Coded as _;
use strongroom_storage::local::backup::{BackupError, Phase, Progress, check_place};
use strongroom_storage::{Batch, LocalStore, MetaStore, Partition, StoreClock};
use strongroom_trail::{Archive, chunk_files};
use strongroom_types::Timestamp;
use tokio::task::JoinHandle;

use super::row::{self, BackupEnd, BackupRow};
use super::{Operator, fresh_id, store_failed, wire};
use crate::installation::Installation;

/// Takes backups, one at a time.
pub(super) struct Backups {
    local: LocalStore,
    store: Arc<dyn MetaStore>,
    clock: Arc<dyn StoreClock>,
    archive: Arc<Archive>,
    data: PathBuf,
    current: Mutex<Option<Current>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The backup that is being taken, or is about to be.
#[derive(Clone)]
struct Current {
    id: String,
    progress: Arc<Progress>,
}

/// Keeps others from beginning a backup. Dropped before one was begun, it lets them.
struct Turn<'a> {
    backups: &'a Backups,
    current: Current,
    begun: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.begun {
            self.backups.current().take();
        }
    }
}

impl Backups {
    pub(super) fn new(installation: &Installation, archive: Arc<Archive>) -> Self {
        Self {
            local: installation.local.clone(),
            store: installation.store.clone(),
            clock: installation.clock.clone(),
            archive,
            data: installation.data.clone(),
            current: Mutex::default(),
            task: Mutex::default(),
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, id: String) -> Option<Turn<'_>> {
        let mut current = self.current();
        if current.is_some() {
            return None;
        }
        let taken = Current { id, progress: Arc::default() };
        *current = Some(taken.clone());
        Some(Turn { backups: self, current: taken, begun: false })
    }

    /// Ends what is under way, and waits for that.
    pub(super) async fn stop(&self) {
        if let Some(current) = self.current().as_ref() {
            current.progress.stop();
        }
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            drop(task.await);
        }
    }

    /// Starts the work of a backup whose row is durable.
    fn begin(self: &Arc<Self>, mut turn: Turn<'_>, row: BackupRow) {
        turn.begun = true;
        let (backups, current) = (self.clone(), turn.current.clone());
        let task = tokio::spawn(async move { backups.take(current, row).await });
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    async fn take(&self, current: Current, mut row: BackupRow) {
        let held = self.archive.hold().await;
        let (local, data, to) = (self.local.clone(), self.data.clone(), PathBuf::from(&row.to));
        let progress = current.progress.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let others = |instant| {
                let mut files = chunk_files(&data, instant).map_err(io::Error::other)?;
                files.push(PathBuf::from(EPOCHS_FILE_NAME));
                Ok((files, held))
            };
            local.backup(&to, others, &progress)
        });
        let now = self.clock.now().as_millis();
        let end = match taken.await.unwrap_or(Err(BackupError::Stopped)) {
            Ok(backup) => {
                tracing::info!(to = row.to, files = backup.files, bytes = backup.bytes, "a backup was taken");
                BackupEnd {
                    ended_millis: now,
                    failure: None,
                    position: backup.position.0,
                    instant_millis: backup.instant.as_millis(),
                    files: backup.files,
                    bytes: backup.bytes,
                }
            }
            Err(error) => {
                let failure = because(&error);
                tracing::error!(to = row.to, error = failure, "a backup was not taken");
                let (position, instant_millis, files, bytes) = (0, 0, 0, 0);
                BackupEnd {
                    ended_millis: now,
                    failure: Some(failure),
                    position,
                    instant_millis,
                    files,
                    bytes,
                }
            }
        };
        row.end = Some(end);
        let mut batch = Batch::new(Partition::System);
        batch.put(row::BACKUP, row.encode());
        if let Err(error) = self.store.commit(batch).await {
            tracing::warn!(%error, "how a backup ended could not be kept; its directory says it too");
        }
        self.current().take();
    }

    /// The latest backup, as the API shows it.
    async fn describe(&self) -> Result<Option<api::Backup>, ErrorReply> {
        // Before the row is read: a backup that ends in between has its end there.
        let current = self.current().clone();
        let stored = self.store.get(Partition::System, row::BACKUP).await;
        let Some(stored) = stored.map_err(|error| store_failed(&error))? else { return Ok(None) };
        let row = BackupRow::decode(&stored.value)?;
        let current = current.filter(|current| current.id == row.id);
        Ok(Some(shape(row, current.as_ref().map(|current| &*current.progress))))
    }
}

fn shape(row: BackupRow, progress: Option<&Progress>) -> api::Backup {
    let mut shown = api::Backup {
        backup_id: row.id,
        to: row.to,
        started_at: Some(Timestamp::from_millis(row.started_millis)),
        ..api::Backup::default()
    };
    match (row.end, progress) {
        (Some(end), _) => {
            shown.ended_at = Some(Timestamp::from_millis(end.ended_millis));
            shown.state = Some(if end.failure.is_some() {
                api::BackupState::Failed
            } else {
                api::BackupState::Complete
            });
            if end.failure.is_none() {
                shown.instant_at = Some(Timestamp::from_millis(end.instant_millis));
                shown.position = Some(wire(end.position));
                let (files, bytes) = (Some(wire(end.files)), Some(wire(end.bytes)));
                (shown.files_done, shown.files_total) = (files, files);
                (shown.bytes_done, shown.bytes_total) = (bytes, bytes);
            }
            shown.failure_reason = end.failure;
        }
        (None, Some(progress)) => {
            let seen = progress.look();
            shown.state = Some(api::BackupState::Running);
            shown.phase = Some(match seen.phase {
                Phase::Preparing => api::BackupPhase::Preparing,
                Phase::Linking => api::BackupPhase::Linking,
                Phase::Copying => api::BackupPhase::Copying,
                Phase::Ending => api::BackupPhase::Ending,
            });
            (shown.files_done, shown.files_total) =
                (Some(wire(seen.files_done)), Some(wire(seen.files_total)));
            (shown.bytes_done, shown.bytes_total) =
                (Some(wire(seen.bytes_done)), Some(wire(seen.bytes_total)));
        }
        (None, None) => {
            shown.state = Some(api::BackupState::Failed);
            shown.failure_reason = Some(
                "the server ended before the backup did: remove the directory, and start another".to_owned(),
            );
        }
    }
    shown
}

/// An error and its causes in one line.
fn because(error: &BackupError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn unfit(message: String) -> ErrorReply {
    ErrorReply::new(400, "InvalidInputException", message).member("Reason", "INVALID_BACKUP_DIRECTORY")
}

#[async_trait]
impl Handle<api::op::StartBackup> for Operator {
    async fn handle(
        &self,
        mut request: Authorized<api::StartBackupInput>,
    ) -> Result<Reply<api::StartBackupOutput>, ErrorReply> {
        let backups = &self.backups;
        let Some(turn) = backups.turn(fresh_id(&self.keys)) else {
            let message = "A backup is being taken already; wait for its end.";
            return Err(ErrorReply::new(400, "BackupInProgressException", message));
        };
        let (data, to) = (backups.data.clone(), PathBuf::from(&request.input().to));
        let checked = tokio::task::spawn_blocking(move || check_place(&data, &to)).await;
        let to = checked.map_err(|_| super::stopping())?.map_err(|error| unfit(error.to_string()))?;
        let to = to.to_str().map(ToOwned::to_owned);
        let to = to.ok_or_else(|| unfit("the backup's directory must be a path in UTF-8".to_owned()))?;
        let started_millis = request.now().as_millis();
        let row = BackupRow { id: turn.current.id.clone(), to, started_millis, end: None };
        let mut mutation = Mutation::new();
        mutation.put(row::BACKUP, row.encode());
        mutation.effect(Effect { kind: EffectKind::Read, ..Effect::default() });
        // A backup is how one gets out of a full disk, too.
        mutation.frees_space();
        let committed = request.commit_in(&*backups.store, Partition::System, mutation).await;
        committed.map_err(|error| error.reply())?;
        let backup = shape(row.clone(), Some(&turn.current.progress));
        backups.begin(turn, row);
        Ok(Reply::new(api::StartBackupOutput { backup }))
    }
}

#[async_trait]
impl Handle<api::op::DescribeBackup> for Operator {
    async fn handle(
        &self,
        request: Authorized<api::DescribeBackupInput>,
    ) -> Result<Reply<api::DescribeBackupOutput>, ErrorReply> {
        let asked = request.input().backup_id.as_deref();
        let latest = self.backups.describe().await?;
        match latest.filter(|latest| asked.is_none_or(|asked| latest.backup_id == asked)) {
            Some(backup) => Ok(Reply::new(api::DescribeBackupOutput { backup })),
            None => {
                let message = "No such backup is known: of those that were taken, the latest is.";
                Err(ErrorReply::new(400, "BackupNotFoundException", message))
            }
        }
    }
}
