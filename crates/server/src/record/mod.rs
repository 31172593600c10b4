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

pub(crate) use registry::{Opened, Registry};

mod registry;

/// Requests whose records may be on their way at once.
const MAX_PLACES: usize = 16_384;

/// Records that one request gives to the journal at most: first part, continuation, second part.
const RECORDS_A_PLACE: usize = 3;

/// How long records are gathered before they are appended: far below the 200 ms in which they must be durable.
const LINGER: Duration = Duration::from_millis(20);

/// Records appended at once.
const MAX_GROUP: usize = 512;

/// How often an append is tried while the queue of commits is full.
const BUSY_RETRIES: u32 = 50;

/// Gives records to the journal.
#[derive(Clone)]
pub(crate) struct Recorder {
    sender: mpsc::Sender<Vec<u8>>,
    places: Arc<Semaphore>,
    broken: Arc<AtomicBool>,
}

/// Room for the records of one request.
pub(crate) struct Place {
    sender: mpsc::Sender<Vec<u8>>,
    broken: Arc<AtomicBool>,
    _permit: OwnedSemaphorePermit,
}

impl Recorder {
    /// Starts the task that appends. It ends when every recorder and place is gone and all is durable.
    pub(crate) fn start(journal: Arc<dyn Journal>) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(MAX_PLACES * RECORDS_A_PLACE);
        let broken = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(append_all(journal, receiver, broken.clone()));
        (Self { sender, places: Arc::new(Semaphore::new(MAX_PLACES)), broken }, task)
    }

    /// Room for a request's records; `None` when there is none or when records cannot be kept.
    pub(crate) fn place(&self) -> Option<Place> {
        if self.broken.load(Ordering::Acquire) {
            return None;
        }
        let permit = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { sender: self.sender.clone(), broken: self.broken.clone(), _permit: permit })
    }

    /// Gives a record that belongs to no single request.
    pub(crate) fn give(&self, record: &Record) {
        if self.sender.try_send(encode(record)).is_err() {
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
    /// Gives an encoded record to the journal.
    pub(crate) fn give(&self, record: Vec<u8>) {
        // INVARIANT: the channel has room for every place's records, so this fails only after the task has ended.
        if self.sender.try_send(record).is_err() {
            self.broken.store(true, Ordering::Release);
        }
    }
}

async fn append_all(
    journal: Arc<dyn Journal>,
    mut receiver: mpsc::Receiver<Vec<u8>>,
    broken: Arc<AtomicBool>,
) {
    let mut group = Vec::with_capacity(MAX_GROUP);
    while receiver.recv_many(&mut group, MAX_GROUP).await > 0 {
        tokio::time::sleep(LINGER).await;
        while group.len() < MAX_GROUP {
            match receiver.try_recv() {
                Ok(record) => group.push(record),
                Err(_) => break,
            }
        }
        if let Err(error) = append(&*journal, std::mem::take(&mut group)).await {
            tracing::error!(%error, "records cannot be kept; requests are refused until the store is restarted");
            broken.store(true, Ordering::Release);
        }
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
