use async_trait::async_trait;
use bytes::Bytes;
use strongroom_record::{Coalesced, decode};
use strongroom_storage::Position;
use tokio::sync::Mutex;

use super::*;

/// A journal that appends only while its gate is open.
#[derive(Default)]
struct Slow {
    gate: Mutex<()>,
    appended: std::sync::Mutex<Vec<Vec<u8>>>,
}

#[async_trait]
impl Journal for Slow {
    async fn append(&self, records: Vec<Vec<u8>>) -> Result<Position, StoreError> {
        let _open = self.gate.lock().await;
        self.appended.lock().unwrap().extend(records);
        Ok(Position(1))
    }
    async fn read(&self, _: Option<Position>, _: usize) -> Result<Vec<(Position, Vec<Bytes>)>, StoreError> {
        Ok(Vec::new())
    }
    async fn trim(&self, _: Position) -> Result<(), StoreError> {
        Ok(())
    }
    fn tail(&self) -> Position {
        Position(0)
    }
}

fn record(number: i64) -> Vec<u8> {
    encode(&Record::Coalesced(Coalesced { source_ip: "192.0.2.1".into(), second: number, refused: 1 }))
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_holds_requests_up_and_loses_no_record() {
    let journal = Arc::new(Slow::default());
    let (recorder, task) = Recorder::start(journal.clone());
    let closed = journal.gate.lock().await;
    let mut given = 0;
    let refused = loop {
        match recorder.place().await {
            Ok(place) => {
                place.give(record(given));
                place.give(record(given + 1));
                place.give_last(record(given + 2));
                given += 3;
            }
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, Unrecordable::Busy, "the journal stands still");
    assert_eq!(given, i64::try_from(MAX_RECORDS_AT_ONCE * RECORDS_A_PLACE).unwrap());
    drop(closed);
    recorder.place().await.unwrap().give_last(record(given));
    assert!(recorder.state()(), "waiting is no failure");
    drop(recorder);
    task.await.unwrap();
    let appended = journal.appended.lock().unwrap();
    let numbers: Vec<_> = appended
        .iter()
        .map(|bytes| match decode(bytes).unwrap() {
            Record::Coalesced(coalesced) => coalesced.second,
            other @ (Record::Decided(_) | Record::Completed(_) | Record::Continued(_)) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, (0..=given).collect::<Vec<_>>());
}
