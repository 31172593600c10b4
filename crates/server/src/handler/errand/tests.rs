use async_trait::async_trait;
use futures_util::StreamExt as _;
use strongroom_api_s3::op;
use strongroom_api_s3::{CreateBucketInput, GetObjectInput, PutObjectInput};
use strongroom_gate::{BodyError, BodySource, ExpectedDigests, Gate, Handle, RootUser};
use strongroom_identity::NewAccount;
use strongroom_kms::RootKeySource;
use strongroom_posture::Posture;
use strongroom_record::{CallerKind, Decided, EffectKind, Verdict};
use strongroom_types::{AccountId, Timestamp};

use super::*;
use crate::gate::InstallationFacts;
use crate::installation::Installation;
use crate::operator::Operator;
use crate::record::Recorder;

const LOG_DELIVERY: &str = "logging.s3.amazonaws.com";

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

fn body(bytes: &'static [u8]) -> Body {
    let expected = ExpectedDigests { length: Some(bytes.len() as u64), ..ExpectedDigests::default() };
    Body::new(Box::new(Whole(Some(Bytes::from_static(bytes)))), expected)
}

/// An installation with a bucket `logs`, and its errands.
struct House {
    installation: Installation,
    errands: Errands,
    account: NewAccount,
    _directory: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root_key = RootKeySource::File(directory.path().join("root-key"));
        let data = directory.path().join("data");
        let (installation, made) = Installation::init(&data, &root_key, "root@example.com").await.unwrap();
        let s3 = installation.s3([Region::us_east_1()].into());
        let organizations = installation.organizations([Region::us_east_1()].into());
        let ec2 = installation.ec2([Region::us_east_1()].into(), "s3.localhost");
        let facts = InstallationFacts {
            s3: s3.clone(),
            identity: installation.identity.clone(),
            organizations: organizations.clone(),
            ec2: ec2.clone(),
        };
        let gate = Gate::new(Arc::new(facts));
        let operator = Operator::idle(&installation, &gate).await;
        let services = Arc::new(Services {
            gate,
            s3,
            identity: installation.identity.clone(),
            organizations,
            ec2,
            posture: Posture,
            operator,
        });
        let (recorder, _) = Recorder::start(installation.journal.clone());
        let registry = Arc::new(Registry {
            store: installation.store.clone(),
            clock: installation.clock.clone(),
            keys: installation.keys.clone(),
            recorder,
            home: Region::us_east_1(),
        });
        let errands = Errands { services, registry };
        let house = Self { installation, errands, account: made.account, _directory: directory };
        house.make_bucket().await;
        house
    }

    async fn make_bucket(&self) {
        let root = Caller::Root(RootUser {
            account: self.account.account,
            canonical: self.account.canonical,
            access_key_id: self.account.access_key_id.clone(),
            session: None,
        });
        let facts = RequestFacts {
            service: "s3",
            region: Region::us_east_1(),
            now: self.installation.clock.now(),
            source_ip: LOOPBACK,
            secure_transport: true,
            wire: WireFacts::default(),
        };
        let input = CreateBucketInput { bucket: "logs".to_owned(), ..CreateBucketInput::default() };
        let ledger = Ledger::new(Decided::default());
        let services = &self.errands.services;
        let allowed = services.gate.authorize(root, facts, input, None, &ledger).await.unwrap();
        Handle::<op::CreateBucket>::handle(&services.s3, allowed).await.unwrap();
    }

    fn as_service(account: AccountId) -> ServicePrincipal {
        ServicePrincipal { name: LOG_DELIVERY, account }
    }

    async fn put(&self, account: AccountId) -> Result<(), ErrorReply> {
        let input =
            PutObjectInput { bucket: "logs".to_owned(), key: "2026".to_owned(), ..PutObjectInput::default() };
        let service = Self::as_service(account);
        Dispatch::<op::PutObject>::dispatch(
            &self.errands,
            service,
            Region::us_east_1(),
            input,
            Some(body(b"line\n")),
        )
        .await
        .map(drop)
    }

    /// Both parts of every record of `operation`, once the second is durable.
    async fn records(&self, operation: &str) -> Vec<(Decided, Option<Completed>)> {
        for _ in 0..100 {
            let found = self.find(operation).await;
            if found.iter().all(|(_, completed)| completed.is_some()) && !found.is_empty() {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        self.find(operation).await
    }

    async fn find(&self, operation: &str) -> Vec<(Decided, Option<Completed>)> {
        let mut found: Vec<(Decided, Option<Completed>)> = Vec::new();
        for (_, records) in self.installation.journal.read(None, 1000).await.unwrap() {
            for record in records {
                match strongroom_record::decode(&record).unwrap() {
                    Record::Decided(decided) if decided.operation == operation => {
                        found.push((*decided, None));
                    }
                    Record::Completed(completed) => {
                        let of = |(decided, _): &&mut (Decided, Option<Completed>)| {
                            decided.request_id == completed.request_id
                        };
                        if let Some((_, second)) = found.iter_mut().find(of) {
                            *second = Some(*completed);
                        }
                    }
                    Record::Decided(_) | Record::Continued(_) | Record::Coalesced(_) => {}
                }
            }
        }
        found
    }
}

#[tokio::test]
async fn a_service_writes_through_the_gate_and_leaves_a_record() {
    let house = House::new().await;
    house.put(house.account.account).await.unwrap();
    let records = house.records("PutObject").await;
    assert_eq!(records.len(), 1);
    let (decided, completed) = &records[0];
    assert_eq!(decided.verdict, Verdict::Allow);
    assert_eq!((decided.caller.kind, decided.source_ip.as_str()), (CallerKind::AwsService, LOG_DELIVERY));
    assert_eq!(decided.action.as_deref(), Some("s3:PutObject"));
    assert_eq!(decided.effects.len(), 1);
    assert_eq!(decided.effects[0].kind, EffectKind::Write);
    let completed = completed.as_ref().unwrap();
    assert_eq!((completed.status, completed.outcome), (200, Outcome::Sent));
}

#[tokio::test]
async fn a_service_of_another_account_is_denied_and_that_is_recorded() {
    let house = House::new().await;
    let denied = house.put(AccountId::parse("999999999999").unwrap()).await.unwrap_err();
    assert_eq!((denied.status, &*denied.code), (403, "AccessDenied"));
    let records = house.records("PutObject").await;
    let (decided, completed) = &records[0];
    assert_eq!(decided.verdict, Verdict::ImplicitDeny);
    assert!(decided.effects.is_empty());
    let completed = completed.as_ref().unwrap();
    assert_eq!((completed.status, completed.error_code.as_deref()), (403, Some("AccessDenied")));
}

#[tokio::test]
async fn what_is_read_is_counted_and_an_answer_dropped_half_way_was_aborted() {
    let house = House::new().await;
    house.put(house.account.account).await.unwrap();
    for read in [true, false] {
        let input =
            GetObjectInput { bucket: "logs".to_owned(), key: "2026".to_owned(), ..GetObjectInput::default() };
        let service = House::as_service(house.account.account);
        let reply =
            Dispatch::<op::GetObject>::dispatch(&house.errands, service, Region::us_east_1(), input, None)
                .await
                .unwrap();
        let mut bytes = reply.body.unwrap().bytes;
        while read && bytes.next().await.is_some() {}
    }
    let records = house.records("GetObject").await;
    let ends: Vec<_> = records
        .iter()
        .map(|(_, completed)| completed.as_ref().map(|done| (done.outcome, done.bytes_out)))
        .collect();
    assert_eq!(ends, [Some((Outcome::Sent, 5)), Some((Outcome::Aborted, 0))]);
    assert!(records.iter().all(|(decided, _)| decided.effects.len() == 1));
    assert!(
        records.iter().all(|(decided, _)| Timestamp::from_millis(decided.received_at_millis).as_secs() > 0)
    );
}
