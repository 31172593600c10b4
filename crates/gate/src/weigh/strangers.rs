//! What callers of another account than a resource's learn from its denials.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use strongroom_api_s3::{Delete, DeleteObjectsInput, GetObjectInput, ObjectIdentifier};
use strongroom_policy::{Document, Kind, Policy};
use strongroom_record::{Decided, Verdict};
use strongroom_shape::Input;
use strongroom_types::{AccessKeyId, BucketName, CanonicalUserId, Region, Timestamp};

use super::*;
use crate::facts::BucketAccess;
use crate::{Gate, IamUser, Ledger, WireFacts};

const OWNER: &str = "111122223333";
const STRANGER: &str = "444455556666";
const EVERYTHING: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
const GRANT: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "*", "Resource": "arn:aws:s3:::bucket/*"}"#;

fn account(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

fn policy(kind: Kind, statements: &str) -> NamedPolicy {
    let document = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    let document = Document::stored(&document, kind).unwrap();
    NamedPolicy { name: "policy".into(), policy: Arc::new(Policy::compile(&document)) }
}

/// A bucket of [`OWNER`] whose requesters pay and whose one object is tagged `secret=yes`.
struct World {
    of_bucket: Option<NamedPolicy>,
    of_caller: NamedPolicy,
    /// How often the object's tags were looked up.
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Facts for World {
    async fn bucket(&self, _: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        let policy = self.of_bucket.clone();
        let access = BucketAccess { policy, requester_pays: true, ..BucketAccess::default() };
        Ok(Some(BucketFacts {
            id: BucketId::from_bytes([1; 16]),
            owner: account(OWNER),
            owner_canonical: CanonicalUserId::from_bytes([1; 32]),
            region: Region::us_east_1(),
            guards: Vec::new(),
            access: Arc::new(access),
            organization_block: PublicAccessBlock::default(),
            access_point_block: PublicAccessBlock::default(),
        }))
    }

    async fn management_account(&self) -> Result<AccountId, StoreError> {
        Ok(account("999999999999"))
    }

    async fn principal(&self, _: &Caller) -> Result<Arc<PrincipalFacts>, StoreError> {
        Ok(Arc::new(PrincipalFacts { identity: vec![self.of_caller.clone()], ..PrincipalFacts::default() }))
    }

    async fn object_tags(
        &self,
        _: BucketId,
        _: &ObjectKey,
        _: Option<VersionId>,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(Some(vec![("secret".to_owned(), "yes".to_owned())]))
    }
}

/// What somebody is told, what is recorded, and how often the tags were looked up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    told: Option<String>,
    verdict: Option<Verdict>,
    reason: Option<String>,
    asked: usize,
}

fn ask<I: Input>(who: &str, own: &str, of_bucket: &str, input: I) -> Outcome {
    let caller = Caller::User(IamUser {
        account: account(who),
        canonical: CanonicalUserId::from_bytes([2; 32]),
        user_id: "AIDAIOSFODNN7EXAMPLE".to_owned(),
        name: "bob".to_owned(),
        path: "/".to_owned(),
        access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        session: None,
    });
    let request = RequestFacts {
        service: "s3",
        region: Region::us_east_1(),
        now: Timestamp::from_secs(1_800_000_000),
        source_ip: IpAddr::from([127, 0, 0, 1]),
        secure_transport: true,
        wire: WireFacts::default(),
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let world = World {
        of_bucket: (!of_bucket.is_empty()).then(|| policy(Kind::Bucket, of_bucket)),
        of_caller: policy(Kind::UserInline, own),
        asked: asked.clone(),
    };
    let ledger = Ledger::new(Decided::default());
    let gate = Gate::new(Arc::new(world));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let decided = runtime.block_on(gate.authorize(caller, request, input, None, &ledger));
    let told = match decided {
        Err(refusal) => Some(refusal.reply().message),
        Ok(authorized) => {
            authorized.granted.deletes.iter().find_map(|key| Some(key.as_ref().err()?.message()))
        }
    };
    let mut outcome = Outcome { told, asked: asked.load(Ordering::Relaxed), ..Outcome::default() };
    ledger.fill(|decided| {
        (outcome.verdict, outcome.reason) = (Some(decided.verdict), decided.reason.clone());
    });
    outcome
}

fn get() -> GetObjectInput {
    GetObjectInput {
        bucket: "bucket".into(),
        key: "k".into(),
        request_payer: Some(strongroom_api_s3::RequestPayer::Requester),
        ..GetObjectInput::default()
    }
}

fn delete() -> DeleteObjectsInput {
    let objects = vec![ObjectIdentifier { key: "k".into(), ..ObjectIdentifier::default() }];
    DeleteObjectsInput {
        bucket: "bucket".into(),
        delete: Delete { objects, ..Delete::default() },
        ..DeleteObjectsInput::default()
    }
}

fn deny(key: &str, value: &str) -> String {
    format!(
        r#"{EVERYTHING}, {{"Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": {{"StringEquals": {{"{key}": "{value}"}}}}}}"#
    )
}

#[test]
fn conditions_of_a_strangers_own_policies_tell_him_nothing_and_look_nothing_up() {
    let none = ask(STRANGER, EVERYTHING, "", get());
    assert!(
        none.told.as_deref().unwrap().ends_with("no resource-based policy allows the s3:GetObject action")
    );
    for (key, values) in
        [("s3:ExistingObjectTag/secret", ["yes", "no"]), ("aws:ResourceAccount", [OWNER, STRANGER])]
    {
        for value in values {
            assert_eq!(ask(STRANGER, &deny(key, value), "", get()), none, "{key} {value}");
        }
    }
    let nothing = r#"{"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}"#;
    assert_eq!(ask(STRANGER, nothing, "", get()), none);
}

#[test]
fn who_is_of_the_resources_account_is_told_why() {
    let own = ask(OWNER, &deny("s3:ExistingObjectTag/secret", "yes"), "", get());
    assert!(own.told.unwrap().ends_with("with an explicit deny in an identity-based policy"));
    assert_eq!(own.asked, 1);
    assert_eq!(ask(OWNER, &deny("s3:ExistingObjectTag/secret", "no"), "", get()).told, None);
}

#[test]
fn a_denial_by_the_bucket_is_told_to_strangers_as_none_and_recorded_as_what_it_is() {
    let denial = GRANT.replace("Allow", "Deny");
    let denied = ask(STRANGER, EVERYTHING, &denial, get());
    assert_eq!(denied.told, ask(STRANGER, EVERYTHING, "", get()).told);
    assert_eq!(denied.verdict, Some(Verdict::ExplicitDeny));
    assert!(denied.reason.unwrap().contains("in resource-based policy policy"));
    let both = format!("{GRANT}, {denial}");
    assert_eq!(ask(STRANGER, EVERYTHING, &both, get()).told, denied.told);
    let own = ask(OWNER, EVERYTHING, &denial.replace(STRANGER, OWNER), get());
    assert!(own.told.unwrap().ends_with("with an explicit deny in a resource-based policy"));
}

#[test]
fn whom_the_bucket_lets_in_is_told_what_his_own_side_says() {
    assert_eq!(ask(STRANGER, EVERYTHING, GRANT, get()).told, None);
    let own = ask(STRANGER, &deny("s3:ExistingObjectTag/secret", "yes"), GRANT, get());
    assert!(own.told.unwrap().ends_with("with an explicit deny in an identity-based policy"));
    assert_eq!(own.asked, 1);
}

#[test]
fn that_requesters_pay_is_told_only_to_who_may_delete_some_key() {
    let denied = ask(STRANGER, EVERYTHING, "", delete()).told.unwrap();
    assert!(denied.ends_with("no resource-based policy allows the s3:DeleteObject action"), "{denied}");
    let paying = ask(STRANGER, EVERYTHING, GRANT, delete()).told.unwrap();
    assert!(paying.contains("requesters pay"), "{paying}");
}
