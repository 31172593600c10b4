//! A store that was opened after a fault, compared with what had been acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use strongroom_storage::{
    BlobStore, Direction, Journal, LocalStore, MetaStore, StoreClock, StoreError, prefix_range,
};
use strongroom_types::BlobId;

use super::told::{Author, Told};
use super::{World, blob_bytes, blob_id, numbers, place, slot_key};

/// What was found.
#[derive(Default, Debug)]
pub(crate) struct Survey {
    /// What is there, as acknowledgements.
    pub(crate) found: Told,
    /// What is not as it must be: lost, half there, or other than it was written.
    pub(crate) wrong: Vec<String>,
    /// What the store itself refused to give.
    pub(crate) damaged: Vec<String>,
    /// Blobs whose bytes are not theirs: callers find this by the seal.
    pub(crate) unsealed: Vec<String>,
    /// Blobs that rows name.
    named: BTreeSet<BlobId>,
}

impl Survey {
    /// Looks at everything that tasks have written.
    pub(crate) async fn of(store: &LocalStore, world: World, told: &Told) -> Self {
        let mut survey = Self::default();
        for task in 0..world.scale.tasks {
            if let Err(error) = survey.task(store, world, task, told).await {
                survey.damaged.push(format!("task {task}: {error}"));
            }
        }
        if let Err(error) = survey.records(store, told).await {
            survey.damaged.push(format!("records: {error}"));
        }
        if let Err(error) = survey.blobs(store) {
            survey.damaged.push(format!("blobs: {error}"));
        }
        let now = StoreClock::now(store).as_millis();
        if told.millis > 0 && now <= told.millis {
            survey.wrong.push(format!("store time {now} is not after {}", told.millis));
        }
        survey.found.trimmed = told.trimmed;
        survey.found.millis = told.millis;
        survey
    }

    /// Whether everything is there as it was written.
    pub(crate) fn is_sound(&self) -> bool {
        self.wrong.is_empty() && self.damaged.is_empty() && self.unsealed.is_empty()
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }

    async fn task(
        &mut self,
        store: &LocalStore,
        world: World,
        task: u64,
        told: &Told,
    ) -> Result<(), StoreError> {
        let author = Author::Task(task);
        let counter = store.get(place(task), b"n").await?;
        let last = counter.as_ref().map(|row| numbers(&row.value)[0]);
        let acknowledged = told.last.get(&author).copied();
        // One operation may have been under way: it is there whole, or not at all.
        let next = Some(acknowledged.map_or(0, |number| number + 1));
        self.expect([acknowledged, next].contains(&last), || {
            format!("task {task}: acknowledged {acknowledged:?}, found {last:?}")
        });
        if let (Some(row), Some(last)) = (&counter, last) {
            self.found.acknowledge(author, last, row.version.0);
        }
        let changes = store.scan(place(task), prefix_range(b"chg|"), usize::MAX, Direction::Forward).await?;
        let changes: Vec<_> = changes.iter().map(|entry| numbers(&entry.row.value)[0]).collect();
        let count = last.map_or(0, |last| last + 1);
        self.expect(changes.iter().copied().eq(0..count), || {
            format!("task {task}: changes {changes:?}, and {count} operations")
        });
        let objects = store.scan(place(task), prefix_range(b"o|"), usize::MAX, Direction::Forward).await?;
        let objects: BTreeMap<Vec<u8>, Vec<u64>> =
            objects.iter().map(|entry| (entry.key.to_vec(), numbers(&entry.row.value))).collect();
        let expected = last.map_or(BTreeMap::new(), |last| world.model(task, last));
        self.expect(objects.len() == expected.len(), || format!("task {task}: {} objects", objects.len()));
        for (slot, (number, parts)) in expected {
            let Some(value) = objects.get(&slot_key(slot)) else {
                self.wrong.push(format!("task {task}: slot {slot} is missing"));
                continue;
            };
            if value.get(1..) != Some(&[&[number], parts.as_slice()].concat()) {
                self.wrong.push(format!("task {task}, slot {slot}: {value:?}, not {number} {parts:?}"));
                continue;
            }
            for (part, length) in (0..).zip(parts) {
                self.blob(store, blob_id(value[0], task, number, part), length).await;
            }
        }
        Ok(())
    }

    async fn blob(&mut self, store: &LocalStore, id: BlobId, length: u64) {
        self.named.insert(id);
        match BlobStore::read(store, id, 0..length).await {
            Ok(bytes) if bytes == blob_bytes(id, length) => {}
            Ok(_) => self.unsealed.push(format!("blob {id} has other bytes")),
            Err(StoreError::NoSuchBlob(id)) => self.wrong.push(format!("blob {id} is gone")),
            Err(error) => self.damaged.push(format!("blob {id}: {error}")),
        }
    }

    /// Every acknowledged record is there, at its position, unless it may have been trimmed; each author's are in order.
    async fn records(&mut self, store: &LocalStore, told: &Told) -> Result<(), StoreError> {
        let mut found: BTreeMap<u64, Vec<(Author, u64)>> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = Journal::read(store, after, 500).await?;
            let Some((position, _)) = page.last() else { break };
            after = Some(*position);
            for (position, records) in &page {
                let records = records.iter().map(|record| numbers(record));
                let records = records.map(|record| (Author::from_code(record[0]), record[1]));
                found.entry(position.0).or_default().extend(records);
            }
        }
        for (position, record) in told.positions.range(told.trimmed + 1..) {
            let there = found.get(position).is_some_and(|records| records.contains(record));
            self.expect(there, || {
                format!("record {record:?} at {position} is missing: {:?}", found.get(position))
            });
        }
        let mut last: BTreeMap<Author, u64> = BTreeMap::new();
        for (position, records) in found {
            for (author, number) in records {
                let before = last.insert(author, number);
                let follows = match (author, before) {
                    (_, None) => true,
                    (Author::Task(_), Some(before)) => number == before + 1,
                    // It may be there twice: in a frame whose sync failed, and in the emergency log.
                    (Author::Reader, Some(before)) => number == before || number == before + 1,
                };
                self.expect(follows, || {
                    format!("record {author:?} {number} at {position} follows {before:?}")
                });
                if author == Author::Reader {
                    self.found.acknowledge(author, number, position);
                }
            }
        }
        for (author, number) in last {
            let most = match author {
                Author::Task(_) => self.found.last.get(&author).copied(),
                Author::Reader => Some(told.last.get(&author).map_or(0, |number| number + 1)),
            };
            // Of a row that cannot be read nothing is known.
            let unread = !self.damaged.is_empty();
            self.expect(unread || Some(number) <= most, || {
                format!("record {author:?} {number}, and its row is {most:?}")
            });
        }
        Ok(())
    }

    /// The store knows the blobs that rows name, and no others.
    fn blobs(&mut self, store: &LocalStore) -> Result<(), StoreError> {
        let mut committed = BTreeSet::new();
        let mut after = None;
        loop {
            let page = store.blob_ids(after, 100)?;
            committed.extend(page.iter().map(|info| info.id));
            let Some(info) = page.last() else { break };
            after = Some(info.id);
        }
        let differ: Vec<_> = committed.symmetric_difference(&self.named).copied().collect();
        let explained = differ.is_empty() || !self.damaged.is_empty();
        self.expect(explained, || format!("blobs without rows, or rows without blobs: {differ:?}"));
        Ok(())
    }

    /// Waits until no file is left in `blobs/` that no row names: the sweep runs beside the first requests.
    pub(crate) async fn await_sweep(&self, directory: &Path) -> Result<(), String> {
        let files = || -> BTreeSet<BlobId> {
            let folders = std::fs::read_dir(directory.join("blobs")).unwrap();
            let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
            files.map(|file| BlobId::parse(file.unwrap().file_name().to_str().unwrap()).unwrap()).collect()
        };
        for _ in 0..10_000 {
            if files().is_subset(&self.named) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err("files without a blob are left".to_owned())
    }
}
