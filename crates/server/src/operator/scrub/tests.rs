//! Scrubs over an installation whose files are damaged underneath it.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use strongroom_api_s3 as s3;
use strongroom_gate::{
    Body, BodyError, BodySource, Caller, ExpectedDigests, Gate, Ledger, RequestFacts, RootUser, WireFacts,
};
use strongroom_kms::RootKeySource;
use strongroom_record::Decided;
use strongroom_shape::Input;
use strongroom_storage::{Direction, Entry, prefix_range};
use strongroom_types::Region;

use super::*;
use crate::gate::InstallationFacts;

/// Small enough to lie in the log, and too large for it.
const SMALL: usize = 5000;
const LARGE: usize = 700_000;

struct Whole(Option<Bytes>);

#[async_trait]
impl BodySource for Whole {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.take())
    }
    fn trailers(&self) -> &[(String, String)] {
        &[]
    }
}

/// An installation with a bucket `vault`.
struct House {
    installation: Installation,
    archive: Arc<Archive>,
    gate: Gate,
    root: Caller,
    s3: strongroom_s3::S3,
    _directory: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root_key = RootKeySource::File(directory.path().join("root-key"));
        let data = directory.path().join("data");
        let (installation, made) = Installation::init(&data, &root_key, "root@example.com").await.unwrap();
        let facts = InstallationFacts {
            s3: installation.s3([Region::us_east_1()].into()),
            identity: installation.identity.clone(),
            organizations: installation.organizations([Region::us_east_1()].into()),
            ec2: installation.ec2([Region::us_east_1()].into(), "s3.localhost"),
        };
        let account = made.account;
        let root = Caller::Root(RootUser {
            account: account.account,
            canonical: account.canonical,
            access_key_id: account.access_key_id,
            session: None,
        });
        let archive = super::super::archive(&installation).await;
        let s3 = installation.s3([Region::us_east_1()].into());
        let house =
            Self { installation, archive, gate: Gate::new(Arc::new(facts)), root, s3, _directory: directory };
        house
            .ask::<s3::op::CreateBucket>(
                s3::CreateBucketInput { bucket: "vault".to_owned(), ..Default::default() },
                None,
            )
            .await;
        house
    }

    async fn ask<O: strongroom_shape::Operation>(&self, input: O::Input, bytes: Option<Bytes>) -> O::Output
    where
        strongroom_s3::S3: Handle<O>,
        O::Input: Input,
    {
        let facts = RequestFacts {
            service: "s3",
            region: Region::us_east_1(),
            now: self.installation.clock.now(),
            source_ip: [127, 0, 0, 1].into(),
            secure_transport: true,
            wire: WireFacts::default(),
        };
        let body = bytes.map(|bytes| {
            let expected = ExpectedDigests { length: Some(bytes.len() as u64), ..ExpectedDigests::default() };
            Body::new(Box::new(Whole(Some(bytes))), expected)
        });
        let ledger = Ledger::new(Decided::default());
        let allowed = self.gate.authorize(self.root.clone(), facts, input, body, &ledger).await.unwrap();
        Handle::<O>::handle(&self.s3, allowed).await.unwrap().output
    }

    async fn put(&self, key: &str, bytes: usize) {
        let body: Vec<u8> = (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let input =
            s3::PutObjectInput { bucket: "vault".to_owned(), key: key.to_owned(), ..Default::default() };
        self.ask::<s3::op::PutObject>(input, Some(body.into())).await;
    }

    fn scrubber(&self) -> Scrubber {
        let settings = ScrubSettings::from(&crate::config::Scrub::default());
        Scrubber::new(&self.installation, self.archive.clone(), settings)
    }

    /// A scrub from its beginning to its end.
    async fn scrub(&self) -> ScrubRow {
        let scrubber = self.scrubber();
        let row = scrubber.begin(Some(1 << 40)).await;
        *scrubber.latest() = Some(row);
        let (_stop, stopped) = watch::channel(false);
        Pass::new(&scrubber, stopped).run().await.unwrap();
        scrubber.latest().clone().unwrap()
    }

    fn data(&self) -> &Path {
        &self.installation.data
    }

    /// The rows of the bucket whose keys begin with `kind`.
    async fn rows(&self, kind: &[u8]) -> Vec<(Partition, Entry)> {
        let mut found = Vec::new();
        for partition in self.installation.local.partitions().unwrap() {
            if let Partition::Bucket(_) = partition {
                let rows = self
                    .installation
                    .local
                    .scan(partition, prefix_range(kind), 100, Direction::Forward)
                    .await;
                found.extend(rows.unwrap().into_iter().map(|entry| (partition, entry)));
            }
        }
        found
    }

    /// The only file of a blob.
    fn blob_file(&self) -> PathBuf {
        let mut files = Vec::new();
        for folder in std::fs::read_dir(self.data().join("blobs")).unwrap() {
            files.extend(std::fs::read_dir(folder.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
        }
        assert_eq!(files.len(), 1);
        files.remove(0)
    }
}

fn flip(path: &Path, at: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[tokio::test]
async fn a_sound_installation_is_read_whole_and_nothing_is_found() {
    let house = House::new().await;
    house.put("small", SMALL).await;
    house.put("large", LARGE).await;
    house.installation.local.checkpoint().await.unwrap();
    let row = house.scrub().await;
    assert_eq!(row.findings, []);
    assert!(row.ended_millis.is_some());
    let extent = house.installation.local.extent();
    let least = extent.log_bytes + extent.index_bytes + (SMALL + LARGE) as u64;
    assert!(row.bytes_done >= least && row.bytes_done < least + 60_000, "{row:?}, {least}");
    assert!(row.bytes_total.abs_diff(row.bytes_done) < 60_000);
}

#[tokio::test]
async fn a_changed_bit_in_an_object_is_found_and_the_object_is_named() {
    let house = House::new().await;
    house.put("small", SMALL).await;
    house.put("a large one", LARGE).await;
    flip(&house.blob_file(), 300_000);
    let row = house.scrub().await;
    let [finding] = &row.findings[..] else { panic!("{row:?}") };
    assert_eq!((finding.kind.as_str(), finding.bucket.as_deref()), ("BLOB", Some("vault")));
    assert_eq!((finding.key.as_deref(), finding.version_id.as_deref()), (Some("a large one"), Some("null")));
    assert!(finding.message.contains("do not open"), "{}", finding.message);

    std::fs::remove_file(house.blob_file()).unwrap();
    let row = house.scrub().await;
    let [finding] = &row.findings[..] else { panic!("{row:?}") };
    assert_eq!(finding.key.as_deref(), Some("a large one"));
}

#[tokio::test]
async fn a_changed_bit_in_the_log_is_found_and_the_object_that_lies_there_is_named() {
    let house = House::new().await;
    house.put("small", SMALL).await;
    let length = house.installation.local.extent().log_bytes;
    let segment = std::fs::read_dir(house.data().join("log")).unwrap().next().unwrap().unwrap();
    house.put("other", SMALL).await;
    flip(&segment.path(), length - 100);
    let row = house.scrub().await;
    let [log, blob] = &row.findings[..] else { panic!("{row:?}") };
    assert_eq!(log.kind, "LOG");
    assert_eq!(log.file.as_deref(), Some("log/0000000000000001.seg"));
    assert!(log.offset.unwrap() < length);
    assert_eq!((blob.kind.as_str(), blob.key.as_deref()), ("BLOB", Some("small")));
}

#[tokio::test]
async fn a_row_that_does_not_open_is_found_and_the_others_are_looked_at() {
    let house = House::new().await;
    house.put("first", LARGE).await;
    house.put("second", SMALL).await;
    let (partition, row) = house.rows(b"v").await.into_iter().next_back().unwrap();
    let mut forged = row.row.value.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut batch = Batch::new(partition);
    batch.put(row.key.to_vec(), forged);
    house.installation.local.commit(batch).await.unwrap();
    flip(&house.blob_file(), 9);
    let row = house.scrub().await;
    let [blob, forged] = &row.findings[..] else { panic!("{row:?}") };
    assert_eq!((blob.kind.as_str(), blob.key.as_deref()), ("BLOB", Some("first")));
    assert_eq!((forged.kind.as_str(), forged.key.as_deref()), ("ROW", Some("second")));
    assert_eq!(forged.bucket.as_deref(), Some("vault"));
}

#[tokio::test]
async fn what_is_deleted_while_it_is_read_is_no_finding() {
    let house = House::new().await;
    house.put("gone", LARGE).await;
    let (partition, met) = house.rows(b"v").await.remove(0);
    std::fs::remove_file(house.blob_file()).unwrap();
    let scrubber = house.scrubber();
    *scrubber.latest() = Some(scrubber.begin(Some(1 << 40)).await);
    let (_stop, stopped) = watch::channel(false);
    let mut pass = Pass::new(&scrubber, stopped);
    let input =
        s3::DeleteObjectInput { bucket: "vault".to_owned(), key: "gone".to_owned(), ..Default::default() };
    house.ask::<s3::op::DeleteObject>(input, None).await;
    pass.entry(partition, "vault", &met).await.unwrap();
    // Written anew meanwhile: the row that is there now is not the one that was met.
    house.put("gone", SMALL).await;
    let mut later = house.rows(b"v").await.remove(0).1;
    later.row.version = met.row.version;
    pass.entry(partition, "vault", &later).await.unwrap();
    assert_eq!(scrubber.latest().as_ref().unwrap().findings_total, 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_rate_is_read_and_a_change_of_it_counts_at_once() {
    let house = House::new().await;
    for n in 0..8 {
        house.put(&format!("object-{n}"), LARGE).await;
    }
    let rate = 100_000;
    let scrubber = Arc::new(house.scrubber());
    *scrubber.latest() = Some(scrubber.begin(Some(rate)).await);
    let (_stop, stopped) = watch::channel(false);
    let began = Instant::now();
    let (passing, task) = (scrubber.clone(), scrubber.clone());
    let pass = tokio::spawn(async move { Pass::new(&task, stopped).run().await });
    let done = || passing.latest().as_ref().map_or(0, |row| row.bytes_done);
    while began.elapsed() < Duration::from_secs(20) {
        let allowed = rate * (began.elapsed().as_secs() + 1) + PIECE_BYTES + 100_000;
        assert!(done() <= allowed, "{} bytes after {:?}", done(), began.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(done() > rate * 15 && !pass.is_finished());
    scrubber.change(|row| row.asked_rate = Some(1 << 30));
    pass.await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_scrub_goes_on_after_a_restart_where_it_was() {
    let house = House::new().await;
    for n in 0..40 {
        house.put(&format!("small-{n:02}"), 60_000).await;
    }
    house.put("large", LARGE).await;
    house.put("more", SMALL).await;
    house.installation.local.checkpoint().await.unwrap();
    flip(&house.blob_file(), 600_000);
    let whole = house.scrub().await;
    let first = house.scrubber();
    *first.latest() = Some(first.begin(Some(1_000_000)).await);
    first.save().await;
    let mut places = Vec::new();
    // Each life lasts a little longer than the largest blob takes.
    let life = Duration::from_millis(900);
    let last = loop {
        let scrubber = house.scrubber();
        let loaded = scrubber.load().await.unwrap();
        *scrubber.latest() = loaded;
        let (_stop, stopped) = watch::channel(false);
        drop(tokio::time::timeout(life, Pass::new(&scrubber, stopped).run()).await);
        scrubber.save().await;
        let row = scrubber.latest().clone().unwrap();
        places.push(row.place.clone());
        if row.ended_millis.is_some() {
            break row;
        }
        assert!(places.len() < 1000, "{places:?}");
    };
    assert_eq!((last.findings.len(), last.findings_total), (1, 1), "found once");
    assert_eq!(last.findings[0].message, whole.findings[0].message);
    assert!(places.iter().any(|place| matches!(place, Place::Log(..))), "{places:?}");
    assert!(places.iter().filter(|place| matches!(place, Place::Objects(_))).count() > 2, "{places:?}");
    // What was being read is read again, and no more.
    let again = places.len() as u64 * LARGE as u64;
    assert!(last.bytes_done < whole.bytes_done + again, "{} of {}", last.bytes_done, whole.bytes_done);
}

#[tokio::test(start_paused = true)]
async fn it_begins_by_itself_and_again_only_after_its_period() {
    let house = House::new().await;
    house.put("small", SMALL).await;
    let scrubber = Arc::new(house.scrubber());
    assert_eq!(scrubber.describe().state, Some(api::ScrubState::Never));
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(scrubber.clone().run(stopped));
    tokio::time::sleep(START_DELAY.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(scrubber.describe().state, Some(api::ScrubState::Never));
    let ended = |shown: &api::Scrub| shown.state == Some(api::ScrubState::Complete);
    // Tokio's clock leaps while the store's own threads work, which take what real time they take.
    for _ in 0..60_000 {
        if ended(&scrubber.describe()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let first = scrubber.describe();
    assert!(ended(&first) && first.next_at > first.ended_at, "the next one comes later");
    tokio::time::sleep(Duration::from_hours(24)).await;
    assert_eq!(scrubber.describe().scrub_id, first.scrub_id);
    stop.send(true).unwrap();
    running.await.unwrap();
}
