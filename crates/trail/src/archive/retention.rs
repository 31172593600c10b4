//! What is removed from the archive, and that nothing is removed unseen.

use strongroom_record::{CallerKind, CallerRecord, Completed, Decided, Outcome, Record, Verdict, encode};
use strongroom_storage::{Direction, Partition, prefix_range};

use super::{Archiver, Chunk, commit_progress, decode_positions, files};
use crate::cursor::CURSORS;
use crate::error::{TrailError, blocking};
use crate::fingerprint;
use crate::limits::MAX_CURSORS;

impl Archiver {
    /// Removes the chunks that are past their time or above the cap, oldest first. Before a chunk goes that a cursor
    /// has not passed, that is recorded, durably.
    pub(super) async fn retain(&self) -> Result<(), TrailError> {
        // Whoever holds the archive does so for a moment: the chunks go in a later pass.
        let Ok(_removing) = self.archive.removing.try_lock() else { return Ok(()) };
        let doomed = self.doomed();
        let Some(last) = doomed.last().map(|chunk| chunk.last) else { return Ok(()) };
        for (name, position) in self.lagging(last).await? {
            tracing::warn!(
                cursor = name,
                position,
                removed_through = last,
                "retention overtakes a reader of records"
            );
            let records = self.notice(&name, position, last);
            self.archive.journal().append(records.iter().map(encode).collect()).await?;
        }
        commit_progress(&*self.archive.store, self.archive.archived_through().0, last).await?;
        self.archive.change(|state| {
            state.removed = last;
            state.chunks.retain(|chunk| chunk.last > last);
        });
        tracing::info!(chunks = doomed.len(), removed_through = last, "removed records past their retention");
        let dir = self.archive.dir.clone();
        blocking(move || {
            doomed.iter().try_for_each(|chunk| files::remove(&files::path(&dir, chunk.first)))?;
            files::sync_dir(&dir)
        })
        .await?
    }

    fn doomed(&self) -> Vec<Chunk> {
        let now = self.clock.now().as_millis();
        let keep = i64::try_from(self.settings.keep.as_millis()).unwrap_or(i64::MAX);
        self.archive.read(|state| {
            let mut bytes: u64 = state.chunks.iter().map(|chunk| chunk.bytes).sum();
            let newest = state.chunks.back().map_or(0, |chunk| chunk.first);
            state
                .chunks
                .iter()
                .take_while(|chunk| {
                    let expired = chunk.last_time.saturating_add(keep) < now;
                    // The newest is kept whatever the cap: it is what cursors read next.
                    let above =
                        self.settings.max_bytes.is_some_and(|cap| bytes > cap) && chunk.first != newest;
                    bytes = bytes.saturating_sub(chunk.bytes);
                    expired || above
                })
                .copied()
                .collect()
        })
    }

    /// The cursors that have not passed `last`, with their positions.
    async fn lagging(&self, last: u64) -> Result<Vec<(String, u64)>, TrailError> {
        let range = prefix_range(CURSORS);
        let rows =
            self.archive.store().scan(Partition::System, range, MAX_CURSORS, Direction::Forward).await?;
        let mut lagging = Vec::new();
        for row in rows {
            let [position] = decode_positions::<1>(&row.row.value)?;
            if position < last {
                let name = row.key.get(CURSORS.len()..).unwrap_or_default();
                lagging.push((String::from_utf8_lossy(name).into_owned(), position));
            }
        }
        Ok(lagging)
    }

    /// The record that says so. Its ids depend on cursor and place alone: a repetition after a crash is the same event.
    fn notice(&self, cursor: &str, position: u64, last: u64) -> [Record; 2] {
        let from = position.max(self.archive.removed_through().0);
        let name = format!("retention/{cursor}/{last}");
        let request_id = format!("{:016X}", fingerprint::of(fingerprint::Kind::Request, &[&name]));
        let now = self.clock.now().as_millis();
        let parameters = serde_json::json!({
            "cursor": cursor, "removedAfterPosition": from, "removedThroughPosition": last,
        });
        let decided = Decided {
            request_id: request_id.clone(),
            event_id: fingerprint::uuid(&name, 0),
            received_at_millis: now,
            decided_at_millis: now,
            caller: CallerRecord {
                kind: CallerKind::AwsService,
                name: Some("cloudtrail.amazonaws.com".to_owned()),
                ..CallerRecord::default()
            },
            service: "strongroom".to_owned(),
            operation: "RemoveUndeliveredRecords".to_owned(),
            verdict: Verdict::Allow,
            reason: Some("the retention of records".to_owned()),
            source_ip: "cloudtrail.amazonaws.com".to_owned(),
            request_parameters: Some(parameters.to_string()),
            ..Decided::default()
        };
        let completed = Completed {
            request_id,
            completed_at_millis: now,
            status: 200,
            outcome: Outcome::Sent,
            ..Completed::default()
        };
        [Record::Decided(Box::new(decided)), Record::Completed(Box::new(completed))]
    }
}
