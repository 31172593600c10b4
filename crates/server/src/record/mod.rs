//! The way of records into the journal.
//!
//! A request holds a [`Place`] from its beginning, so that there is room for its records; without one it is refused, not
//! served unrecorded. Records of changes travel in the change's own commit; the others are appended here in groups,
//! within [`LINGER`] of being given.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use strongroom_record::{Record, encode};
use strongroom_storage::{Journal, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::limits::{MAX_RECORDS_AT_ONCE, RECORD_WAIT};

pub(crate) use registry::{Opened, Registry};

mod registry;

/// Records that one request gives to the journal at most: first part, continuation, second part.
const RECORDS_A_PLACE: usize = 3;

/// Coalesced records that may be on their way: one for each source of a full table of refusals, twice.
const MAX_COALESCED: usize = 16_384;

/// How long records are gathered before they are appended: far below the 200 ms in which they must be durable.
const LINGER: Duration = Duration::from_millis(20);

/// Bytes of records after which a group is appended without further gathering. One record of the largest kind on top
/// still fits into a commit.
const GROUP_BYTES: usize = 4 << 20;

/// How often an append is tried while the queue of commits is full.
const BUSY_RETRIES: u32 = 50;

/// Gives records to the journal.
#[derive(Clone)]
pub(crate) struct Recorder {
    sender: mpsc::Sender<Given>,
    places: Arc<Semaphore>,
    broken: Arc<AtomicBool>,
}

/// An encoded record on its way, and, with the last one of a request, that request's place.
struct Given {
    record: Vec<u8>,
    place: Option<OwnedSemaphorePermit>,
}

/// Room for the records of one request.
pub(crate) struct Place {
    sender: mpsc::Sender<Given>,
    broken: Arc<AtomicBool>,
    permit: OwnedSemaphorePermit,
}

/// Why a request cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unrecordable {
    /// Records cannot be kept at all.
    Broken,
    /// Too many are on their way; later there is room again.
    Busy,
}

impl Recorder {
    /// Starts the task that appends. It ends when every recorder and place is gone and all is durable.
    pub(crate) fn start(journal: Arc<dyn Journal>) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(MAX_RECORDS_AT_ONCE * RECORDS_A_PLACE + MAX_COALESCED);
        let broken = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(append_all(journal, receiver, broken.clone()));
        (Self { sender, places: Arc::new(Semaphore::new(MAX_RECORDS_AT_ONCE)), broken }, task)
    }

    /// Room for a request's records, waited for while others have it all.
    pub(crate) async fn place(&self) -> Result<Place, Unrecordable> {
        if self.broken.load(Ordering::Acquire) {
            return Err(Unrecordable::Broken);
        }
        let permit = match self.places.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match tokio::time::timeout(RECORD_WAIT, self.places.clone().acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => return Err(Unrecordable::Busy),
            },
        };
        Ok(Place { sender: self.sender.clone(), broken: self.broken.clone(), permit })
    }

    /// Gives a record that belongs to no single request.
    pub(crate) fn give(&self, record: &Record) {
        if self.sender.try_send(Given { record: encode(record), place: None }).is_err() {
            tracing::error!("a record of refused requests could not be kept");
        }
    }

    /// Tells whether records can be kept, without keeping the channel open.
    pub(crate) fn state(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let broken = self.broken.clone();
        move || !broken.load(Ordering::Acquire)
    }
}

impl Place {
    /// Gives an encoded record to the journal; more will follow.
    pub(crate) fn give(&self, record: Vec<u8>) {
        send(&self.sender, &self.broken, Given { record, place: None });
    }

    /// Gives the last record. The place is free again once it is durable.
    pub(crate) fn give_last(self, record: Vec<u8>) {
        send(&self.sender, &self.broken, Given { record, place: Some(self.permit) });
    }
}

fn send(sender: &mpsc::Sender<Given>, broken: &AtomicBool, given: Given) {
    // INVARIANT: the channel has room for every place's records until they are durable, so this fails only after the
    // task has ended.
    if sender.try_send(given).is_err() {
        tracing::error!(
            "a record could not be given to the journal; requests are refused until the next start"
        );
        broken.store(true, Ordering::Release);
    }
}

async fn append_all(journal: Arc<dyn Journal>, mut receiver: mpsc::Receiver<Given>, broken: Arc<AtomicBool>) {
    while let Some(first) = receiver.recv().await {
        let mut bytes = first.record.len();
        let mut group = vec![first];
        let until = tokio::time::Instant::now() + LINGER;
        while bytes < GROUP_BYTES {
            let Ok(Some(next)) = tokio::time::timeout_at(until, receiver.recv()).await else { break };
            bytes += next.record.len();
            group.push(next);
        }
        let (records, places): (Vec<_>, Vec<_>) =
            group.into_iter().map(|given| (given.record, given.place)).unzip();
        if let Err(error) = append(&*journal, records).await {
            tracing::error!(%error, "records cannot be kept; requests are refused until the store is restarted");
            broken.store(true, Ordering::Release);
        }
        drop(places);
    }
}

async fn append(journal: &dyn Journal, records: Vec<Vec<u8>>) -> Result<(), StoreError> {
    let mut tries = 0;
    loop {
        match journal.append(records.clone()).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Busy) if tries < BUSY_RETRIES => {
                tries += 1;
                tokio::time::sleep(LINGER).await;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
