//! The engine against the suite, and what only it has: recovery, reclaim, failing disks.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use strongroom_types::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::conformance::{self, Harness};

fn options() -> Options {
    static MILLIS: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    let mut options = Options::new(
        Arc::new(|| Timestamp::from_millis(MILLIS.fetch_add(1, Ordering::Relaxed))),
        Arc::new(|bytes| bytes.fill(7)),
    );
    options.low_water_bytes = Some(0);
    options.reserve_bytes = 1 << 20;
    options
}

struct LocalHarness {
    options: Options,
    directories: Mutex<Vec<TempDir>>,
}

#[async_trait]
impl Harness for LocalHarness {
    type Store = LocalStore;

    async fn fresh(&self) -> LocalStore {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path(), self.options.clone()).unwrap();
        locked(&self.directories).push(directory);
        store
    }

    async fn reopen(&self, store: LocalStore) -> LocalStore {
        let directory = store.shared().directory.clone();
        drop(store);
        LocalStore::open(directory, self.options.clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_engine_keeps_the_contracts() {
    conformance::all(&LocalHarness { options: options(), directories: Mutex::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_engine_keeps_the_contracts_with_tiny_segments_and_memtables() {
    let mut options = options();
    options.segment_bytes = 20_000;
    options.memtable_bytes = 10_000;
    conformance::all(&LocalHarness { options, directories: Mutex::default() }).await;
}
