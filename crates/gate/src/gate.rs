//! The decision.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use strongroom_policy::{Decision, Question, decide};
use strongroom_record::{ResourceRecord, Verdict};
use strongroom_shape::Input;
use strongroom_types::{AccountId, ObjectKey, Region, Timestamp, VersionId};

use crate::authorized::{Granted, KeyDecision};
use crate::requirement::{self, Access, Resource, action, requirements};
use crate::{Authorized, Body, BucketGrant, Caller, Denied, Facts, Ledger, Permit, Refusal, Target};

/// What the gate knows of a request beside its input. Filled by the pipeline from the connection and the signature,
/// never from a header of the same name.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// The service, by its name in botocore.
    pub service: &'static str,
    /// The region that the signature names, or where the request arrived.
    pub region: Region,
    /// The store clock when the head had been read.
    pub now: Timestamp,
    /// The peer's address.
    pub source_ip: IpAddr,
    /// Whether the request came over TLS.
    pub secure_transport: bool,
}

/// The one gate.
#[derive(Clone)]
pub struct Gate {
    facts: Arc<dyn Facts>,
}

impl Gate {
    /// A gate that asks `facts`.
    pub fn new(facts: Arc<dyn Facts>) -> Self {
        Self { facts }
    }

    /// Decides whether `caller` may do what `input` asks, and says so in the record.
    ///
    /// # Errors
    /// [`Refusal`], with the decision and its reason in the ledger.
    pub async fn authorize<I: Input>(
        &self,
        caller: Caller,
        request: RequestFacts,
        input: I,
        body: Option<Body>,
        ledger: &Ledger,
    ) -> Result<Authorized<I>, Refusal> {
        let target = Target::of(&input).map_err(Refusal::Target)?;
        ledger.fill(|decided| {
            decided.bucket = target.bucket.as_ref().map(ToString::to_string);
            decided.key = target.key.as_ref().map(ToString::to_string);
            decided.version_id = target.version_id.as_ref().map(ToString::to_string);
        });
        let operation = <I::Operation as strongroom_shape::Operation>::SCHEMA.name;
        let deciding = Deciding { facts: self.facts.clone(), caller, request, operation };
        let granted = deciding.decide(&target, ledger).await?;
        Ok(Authorized { input, target, granted, deciding, body, ledger: ledger.clone() })
    }
}

/// Everything that a decision is made from, kept so that it can be made again.
pub(crate) struct Deciding {
    facts: Arc<dyn Facts>,
    pub(crate) caller: Caller,
    pub(crate) request: RequestFacts,
    operation: &'static str,
}

impl Deciding {
    pub(crate) async fn decide(&self, target: &Target, ledger: &Ledger) -> Result<Granted, Refusal> {
        let accesses = requirements(self.request.service, self.operation, target).ok_or_else(|| {
            Refusal::Denied(Box::new(self.denied(
                "*",
                Decision::ImplicitDeny { missing: "identity-based policy" },
                "*".into(),
            )))
        })?;
        if let Some(first) = accesses.first() {
            ledger.fill(|decided| decided.action = Some(first.action.to_owned()));
        }
        let bucket = self.bucket(target, &accesses, ledger).await?;
        let source_bucket = self.source_bucket(target, bucket.as_ref()).await?;
        for access in &accesses {
            if self.operation == "DeleteObjects" && !target.deletes.is_empty() {
                break; // INVARIANT: each key is decided below, and the handler gets a permit for each.
            }
            let owner = self.owner(access, bucket.as_ref(), source_bucket.as_ref()).await?;
            self.one(access.action, access.resource.arn(), owner, ledger)
                .map_err(|refusal| in_region(refusal, bucket.as_ref()))?;
        }
        let deletes = match &bucket {
            Some(bucket) => self.deletes(target, bucket, ledger),
            None => Vec::new(),
        };
        let source = match (source_bucket, &target.copy_source) {
            (Some(bucket), Some(source)) => Some(Permit {
                bucket,
                key: source.key.clone(),
                version_id: source.version_id,
                action: PhantomData,
            }),
            _ => None,
        };
        Ok(Granted { bucket, source, deletes })
    }

    async fn bucket(
        &self,
        target: &Target,
        accesses: &[Access],
        ledger: &Ledger,
    ) -> Result<Option<BucketGrant>, Refusal> {
        // S3 Control's header must name the caller's own account; elsewhere an account id is what the operation is about.
        if let (Some(named), Some(account)) = (&target.account_id, self.caller.account())
            && self.request.service == "s3control"
            && *named != account.to_string()
        {
            return Err(Refusal::WrongAccount);
        }
        let Some(name) = accesses.first().and_then(|access| access.resource.bucket()) else {
            return Ok(None);
        };
        let facts = self.facts.bucket(name).await.map_err(Refusal::Store)?;
        let facts = facts.ok_or_else(|| Refusal::NoSuchBucket(name.clone()))?;
        ledger.fill(|decided| {
            decided.bucket_owner = Some(facts.owner.to_string());
            decided.bucket_owner_canonical = Some(facts.owner_canonical.to_string());
            let owner = Some(facts.owner.to_string());
            let mut resources = Vec::with_capacity(2);
            if let Some(key) = &target.key {
                let arn = format!("arn:aws:s3:::{name}/{key}");
                resources.push(ResourceRecord { arn, account: None, kind: "AWS::S3::Object".into() });
            }
            let arn = format!("arn:aws:s3:::{name}");
            resources.push(ResourceRecord { arn, account: owner, kind: "AWS::S3::Bucket".into() });
            decided.resources = resources;
        });
        if facts.region != self.request.region {
            return Err(Refusal::WrongRegion { bucket: name.clone(), region: facts.region });
        }
        expect_owner(target.expected_bucket_owner.as_deref(), facts.owner)?;
        Ok(Some(BucketGrant { name: name.clone(), facts }))
    }

    async fn source_bucket(
        &self,
        target: &Target,
        bucket: Option<&BucketGrant>,
    ) -> Result<Option<BucketGrant>, Refusal> {
        let Some(source) = &target.copy_source else { return Ok(None) };
        let grant = match bucket {
            Some(bucket) if bucket.name == source.bucket => bucket.clone(),
            _ => {
                let facts = self.facts.bucket(&source.bucket).await.map_err(Refusal::Store)?;
                let facts = facts.ok_or_else(|| Refusal::NoSuchBucket(source.bucket.clone()))?;
                BucketGrant { name: source.bucket.clone(), facts }
            }
        };
        expect_owner(target.expected_source_bucket_owner.as_deref(), grant.owner())?;
        Ok(Some(grant))
    }

    /// The account that owns what an access is about; `None` where being somebody is enough.
    async fn owner(
        &self,
        access: &Access,
        bucket: Option<&BucketGrant>,
        source: Option<&BucketGrant>,
    ) -> Result<Option<AccountId>, Refusal> {
        Ok(match &access.resource {
            Resource::Bucket(name) | Resource::Object(name, _) => [bucket, source]
                .into_iter()
                .flatten()
                .find(|grant| grant.name == *name)
                .map(BucketGrant::owner),
            Resource::NewBucket(_) | Resource::Account | Resource::Caller => self.caller.account(),
            Resource::Installation => Some(self.facts.management_account().await.map_err(Refusal::Store)?),
        })
    }

    fn one(
        &self,
        action: &'static str,
        resource: String,
        owner: Option<AccountId>,
        ledger: &Ledger,
    ) -> Result<(), Refusal> {
        let decision = match owner {
            Some(owner) => {
                let principal = self.caller.principal();
                decide(&Question { principal, action, resource: &resource, owner })
            }
            None => Decision::ImplicitDeny { missing: "identity-based policy" },
        };
        record(ledger, &decision, action);
        if decision.is_allow() {
            Ok(())
        } else {
            Err(Refusal::Denied(Box::new(self.denied(action, decision, resource))))
        }
    }

    fn denied(&self, action: &'static str, decision: Decision, resource: String) -> Denied {
        let caller = self.caller.arn().map(|arn| arn.to_string());
        Denied { decision, action, resource, caller, bucket_region: None }
    }

    fn deletes(&self, target: &Target, bucket: &BucketGrant, ledger: &Ledger) -> Vec<KeyDecision> {
        if self.operation != "DeleteObjects" {
            return Vec::new();
        }
        target.deletes.iter().map(|entry| self.delete(entry, bucket, ledger)).collect()
    }

    fn delete(&self, entry: &crate::KeyVersion, bucket: &BucketGrant, ledger: &Ledger) -> KeyDecision {
        let action = requirement::delete_action(entry.version_id.is_some());
        let resource = format!("arn:aws:s3:::{}/{}", bucket.name, entry.key);
        let question = Question {
            principal: self.caller.principal(),
            action,
            resource: &resource,
            owner: bucket.owner(),
        };
        let decision = decide(&question);
        record(ledger, &decision, action);
        let version_id = entry.version_id.as_deref().map(VersionId::parse).transpose();
        match (decision.is_allow(), ObjectKey::parse(&entry.key), version_id) {
            (true, Ok(key), Ok(version_id)) => Ok(Permit {
                bucket: bucket.clone(),
                key,
                version_id,
                action: PhantomData::<action::DeleteObject>,
            }),
            _ => Err(Box::new(self.denied(action, decision, resource))),
        }
    }
}

fn in_region(refusal: Refusal, bucket: Option<&BucketGrant>) -> Refusal {
    let Refusal::Denied(mut denied) = refusal else { return refusal };
    denied.bucket_region = bucket.map(|bucket| bucket.region().clone());
    Refusal::Denied(denied)
}

fn record(ledger: &Ledger, decision: &Decision, action: &'static str) {
    let (verdict, reason) = match decision {
        Decision::Allow(statement) => (Verdict::Allow, statement.to_string()),
        Decision::ImplicitDeny { missing } => {
            (Verdict::ImplicitDeny, format!("no {missing} allows {action}"))
        }
        Decision::ExplicitDeny(statement) => (Verdict::ExplicitDeny, statement.to_string()),
    };
    ledger.fill(|decided| {
        decided.verdict = verdict;
        decided.reason = Some(reason);
    });
}

fn expect_owner(expected: Option<&str>, owner: AccountId) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != owner.to_string() => Err(Refusal::UnexpectedOwner),
        _ => Ok(()),
    }
}
