//! The versions of keys against a naive model.

use proptest::prelude::*;
use strongroom_api_s3::op;
use strongroom_storage::{Direction, MetaStore as _};

use super::{code, delete_input, get, get_version, put_input};
use crate::row::{self, Coded as _, CurrentRow, VersionRow, Versioning};
use crate::testing::{Harness, body};

/// Versions of one key, the newest first: id, and bytes unless it is a delete marker.
#[derive(Debug, Default, Clone)]
struct Key(Vec<(String, Option<Vec<u8>>)>);

impl Key {
    fn write(&mut self, versioning: Versioning, id: String, bytes: Option<Vec<u8>>) {
        if versioning != Versioning::Enabled {
            self.0.retain(|(id, _)| id != "null");
        }
        self.0.insert(0, (id, bytes));
    }

    fn current(&self) -> Option<&[u8]> {
        self.0.first().and_then(|(_, bytes)| bytes.as_deref())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize),
    Delete(usize),
    /// Deletes the version at this place, counted from the newest; beyond the end: one that is not there.
    DeleteVersion(usize, usize),
    DeleteNull(usize),
    Versioning(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..2usize;
    prop_oneof![
        4 => key.clone().prop_map(Step::Put),
        3 => key.clone().prop_map(Step::Delete),
        3 => (key.clone(), 0..4usize).prop_map(|(key, place)| Step::DeleteVersion(key, place)),
        1 => key.prop_map(Step::DeleteNull),
        2 => any::<bool>().prop_map(Step::Versioning),
    ]
}

const KEYS: [&str; 2] = ["a", "a\0"];

struct Run {
    harness: Harness,
    versioning: Versioning,
    keys: [Key; 2],
    written: u32,
}

impl Run {
    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Put(key) => {
                self.written += 1;
                let bytes = self.written.to_string().into_bytes();
                let put = self.harness.call::<op::PutObject>(put_input(KEYS[key]), Some(body(&bytes))).await;
                let shown = put.unwrap().output.version_id;
                assert_eq!(shown.is_some(), self.versioning != Versioning::Off);
                assert_eq!(shown.as_deref() == Some("null"), self.versioning == Versioning::Suspended);
                self.keys[key].write(self.versioning, shown.unwrap_or_else(|| "null".into()), Some(bytes));
            }
            Step::Delete(key) => {
                let deleted =
                    self.harness.call::<op::DeleteObject>(delete_input(KEYS[key], None), None).await;
                let output = deleted.unwrap().output;
                if self.versioning == Versioning::Off {
                    assert_eq!((output.delete_marker, output.version_id), (None, None));
                    self.keys[key] = Key::default();
                } else {
                    assert_eq!(output.delete_marker, Some(true));
                    self.keys[key].write(self.versioning, output.version_id.unwrap(), None);
                }
            }
            Step::DeleteVersion(key, place) => {
                let id = self.keys[key].0.get(place).map_or_else(|| "f".repeat(32), |(id, _)| id.clone());
                self.delete_version(key, &id).await;
            }
            Step::DeleteNull(key) => self.delete_version(key, "null").await,
            Step::Versioning(enabled) => {
                self.versioning = if enabled { Versioning::Enabled } else { Versioning::Suspended };
                self.harness.set_versioning(self.versioning).await;
            }
        }
    }

    async fn delete_version(&mut self, key: usize, id: &str) {
        let deleted = self.harness.call::<op::DeleteObject>(delete_input(KEYS[key], Some(id)), None).await;
        let output = deleted.unwrap().output;
        let held = self.keys[key].0.iter().position(|(held, _)| held == id);
        let marker = held.is_some_and(|place| self.keys[key].0.remove(place).1.is_none());
        assert_eq!((output.delete_marker, output.version_id.as_deref()), (marker.then_some(true), Some(id)));
    }

    async fn compare(&self) {
        let mut blobs = 0;
        for (name, key) in KEYS.iter().zip(&self.keys) {
            match key.current() {
                Some(bytes) => assert_eq!(get(&self.harness, name).await.unwrap(), bytes),
                None => assert_eq!(code(get(&self.harness, name).await), "NoSuchKey"),
            }
            for (id, bytes) in &key.0 {
                match bytes {
                    Some(bytes) => {
                        blobs += 1;
                        assert_eq!(&get_version(&self.harness, name, id).await.unwrap().body, bytes);
                    }
                    None => {
                        assert_eq!(code(get_version(&self.harness, name, id).await), "MethodNotAllowed");
                    }
                }
            }
            self.compare_rows(name, key).await;
        }
        assert_eq!(
            self.harness.engine.live_blobs().await.len(),
            blobs,
            "each version has its blob, no other lives"
        );
    }

    /// What a listing would see.
    async fn compare_rows(&self, name: &str, key: &Key) {
        let object_key = strongroom_types::ObjectKey::parse(name).unwrap();
        let partition = self.harness.partition().await;
        let store = &self.harness.engine.inner;
        let rows =
            store.scan(partition, row::versions_of(&object_key), 1000, Direction::Forward).await.unwrap();
        let ids: Vec<_> = rows
            .iter()
            .map(|entry| {
                let (_, sequence) = row::version_key_parts(&entry.key).unwrap();
                VersionRow::decode(&entry.row.value).unwrap().id(sequence).to_string()
            })
            .collect();
        assert_eq!(ids, key.0.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
        let current = store.get(partition, &row::current(&object_key)).await.unwrap();
        let current = current.map(|row| CurrentRow::decode(&row.value).unwrap());
        assert_eq!(current.as_ref().map(|row| row.size), key.current().map(|bytes| bytes.len() as u64));
        let newest = rows.first().and_then(|entry| row::version_key_parts(&entry.key));
        if let Some(current) = current {
            assert_eq!(Some(current.sequence), newest.map(|(_, sequence)| sequence));
        }
        let pointer = store.get(partition, &row::null(&object_key)).await.unwrap();
        assert!(pointer.is_none() || key.0.iter().any(|(id, _)| id == "null"), "no pointer to nothing");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn versions_are_those_of_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let harness = Harness::new().await;
            let mut run = Run { harness, versioning: Versioning::Off, keys: Default::default(), written: 0 };
            for step in &steps {
                run.step(step).await;
                run.compare().await;
            }
        });
    }
}
