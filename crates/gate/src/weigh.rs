//! One question, put to every policy that has a say.

use std::sync::{Arc, Mutex, PoisonError};

use strongroom_policy::Context;
use strongroom_policy::evaluate::{
    AclGrant, Attached, Decision, Level, Missing, PolicySets, Principal, Request, ResourceSide, Source,
    evaluate,
};
use strongroom_storage::{Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{AccountId, BucketId, ObjectKey, VersionId};

use crate::acl::{AclPermission, Listed, listed};
use crate::context::{RequestContext, ResourceContext};
use crate::facts::{AccountFacts, BucketFacts, ControlLevel, NamedPolicy, PrincipalFacts};
use crate::{AccessControlList, BucketAcls, Caller, Facts, RequestFacts, Target};

/// What is known of the caller, gathered once for a decision.
pub(crate) struct Bearings {
    principal: Principal,
    facts: Arc<PrincipalFacts>,
    account: Arc<AccountFacts>,
    /// Other accounts, looked up once for a decision, however many questions it has.
    others: Mutex<Vec<(AccountId, Arc<AccountFacts>)>>,
}

/// May the caller do `action` to `resource`?
pub(crate) struct Question<'a> {
    pub(crate) action: &'a str,
    /// ARN, or `*`.
    pub(crate) resource: &'a str,
    /// The account that owns it.
    pub(crate) owner: AccountId,
    /// What it is, or lies in, if that is a bucket.
    pub(crate) bucket: Option<&'a BucketFacts>,
    /// Where it is an object.
    pub(crate) object: Option<(&'a ObjectKey, Option<VersionId>)>,
}

/// A request, and where what it depends on is found.
pub(crate) struct Scales<'a> {
    pub(crate) facts: &'a dyn Facts,
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a RequestFacts,
    pub(crate) target: &'a Target,
    pub(crate) operation: &'a str,
    /// Condition keys that are taken as given, whatever the request is; none but where nobody made it.
    pub(crate) supposed: Option<&'a (dyn Context + Sync)>,
}

/// What the evaluator is asked for: a decision, or more.
pub(crate) trait Answer: From<Decision> {
    fn decision(&self) -> &Decision;
}

impl Answer for Decision {
    fn decision(&self) -> &Decision {
        self
    }
}

/// An object on whose owner and list a decision rests, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) bucket: BucketId,
    pub(crate) key: ObjectKey,
    /// The version, if one was named.
    pub(crate) version: Option<VersionId>,
    /// Which commit wrote it; `None` if it was not there.
    pub(crate) row: Option<RowVersion>,
}

/// A decision, and the object that it rests on.
pub(crate) struct Weighed {
    pub(crate) decision: Decision,
    pub(crate) seen: Option<Seen>,
}

/// What access control lists say of a question.
struct Lists {
    grant: AclGrant,
    /// The account that owns the object, where it is not the bucket's.
    owner: Option<AccountId>,
    seen: Option<Seen>,
}

impl Lists {
    const SILENT: Self = Self { grant: AclGrant::None, owner: None, seen: None };
}

/// Operations on a bucket's policy that nothing but the owner's root can be sure of: even a policy that denies all to
/// everybody can be taken away. Source: S3 User Guide, "Bucket policies for Amazon S3".
const POLICY_ACTIONS: [&str; 3] = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

const OBJECT_TAGS: &str = "s3:existingobjecttag/";

impl Bearings {
    /// What must still hold, in a partition, for what is known of the caller to be true.
    pub(crate) fn guard(&self) -> Option<(Partition, Precondition)> {
        self.facts.guard.clone()
    }

    /// Whether the caller's account is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.account.is_closed
    }

    /// What is known of an account, the caller's or another.
    ///
    /// # Errors
    /// Those of the facts.
    pub(crate) async fn account_of(
        &self,
        owner: AccountId,
        caller: &Caller,
        facts: &dyn Facts,
    ) -> Result<Arc<AccountFacts>, StoreError> {
        if caller.account() == Some(owner) && !matches!(caller, Caller::Service(_)) {
            return Ok(self.account.clone());
        }
        let others = || self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let known = others().iter().find(|(account, _)| *account == owner).map(|(_, facts)| facts.clone());
        if let Some(known) = known {
            return Ok(known);
        }
        let found = facts.account(owner).await?;
        others().push((owner, found.clone()));
        Ok(found)
    }

    /// What is known of a caller.
    ///
    /// # Errors
    /// Those of the facts.
    pub(crate) async fn of(caller: &Caller, facts: &dyn Facts) -> Result<Self, StoreError> {
        let principal = caller.principal();
        let has_policies = matches!(caller, Caller::User(_) | Caller::Role(_) | Caller::Federated(_));
        let own = if has_policies || caller.session().is_some() {
            facts.principal(caller).await?
        } else {
            Arc::default()
        };
        let account = match (caller, caller.account()) {
            (Caller::Anonymous | Caller::Service(_), _) | (_, None) => Arc::default(),
            (_, Some(account)) => facts.account(account).await?,
        };
        Ok(Self { principal, facts: own, account, others: Mutex::default() })
    }
}

impl Scales<'_> {
    /// Decides one question.
    ///
    /// # Errors
    /// Those of the facts.
    pub(crate) async fn weigh(
        &self,
        bearings: &Bearings,
        question: &Question<'_>,
    ) -> Result<Weighed, StoreError> {
        let (decision, seen) = self.ask(bearings, question, &evaluate).await?;
        Ok(Weighed { decision, seen })
    }

    /// Puts one question to the evaluator.
    ///
    /// # Errors
    /// Those of the facts.
    pub(crate) async fn ask<A: Answer>(
        &self,
        bearings: &Bearings,
        question: &Question<'_>,
        evaluator: &Evaluator<'_, A>,
    ) -> Result<(A, Option<Seen>), StoreError> {
        let owner = bearings.account_of(question.owner, self.caller, self.facts).await?;
        if owner.is_closed && self.caller.account() != Some(question.owner) {
            return Ok((A::from(nobody_allows()), None));
        }
        let own = self.own_policy(question).await?;
        let policy = question.bucket.and_then(|bucket| bucket.access.policy.as_ref()).or(own.as_ref());
        let policy = policy.filter(|_| !self.is_beyond_policy(question));
        let lists = self.lists(question).await?;
        let object_tags = self.object_tags(bearings, question, policy, &owner).await?;
        let context = RequestContext {
            caller: self.caller,
            request: self.request,
            target: self.target,
            supposed: self.supposed,
            principal: &bearings.facts,
            organization: bearings.account.organization.as_ref(),
            resource: ResourceContext {
                account: Some(question.owner),
                organization: owner.organization.as_ref(),
                tags: &[],
                object_tags: object_tags.as_deref(),
            },
        };
        let request = Request {
            principal: &bearings.principal,
            canonical_user: self.caller.canonical(),
            action: question.action,
            resource: question.resource,
            resource_account: question.owner,
            context: &context,
        };
        let restricted = question
            .bucket
            .is_some_and(|bucket| bucket.access.is_public && bucket.block().restrict_public_buckets);
        let resource = ResourceSide {
            policy: policy.map(NamedPolicy::attached),
            acl: if lists.owner.is_none() { lists.grant } else { AclGrant::None },
            restricted,
            // Who may take a role is for its trust policy to say.
            must_allow: own.is_some(),
            ..ResourceSide::NONE
        };
        let mut answer = decide(&request, (bearings, &owner), resource, evaluator);
        if let (Some(account), false) = (lists.owner, matches!(answer.decision(), Decision::ExplicitDeny(_)))
        {
            let request = Request { resource_account: account, ..request };
            answer = self.of_another(&request, (bearings, &owner), (question, &lists), evaluator);
        }
        Ok((answer, lists.seen))
    }

    /// Decides on an object that is not the bucket owner's. The bucket's policy can only deny it, and has not: what
    /// allows is the object's owner, by being the caller's account or by the object's list.
    ///
    /// Source: S3 User Guide, "How Amazon S3 authorizes a request for an object operation".
    fn of_another<A: Answer>(
        &self,
        request: &Request<'_>,
        sides: (&Bearings, &AccountFacts),
        (question, lists): (&Question<'_>, &Lists),
        evaluator: &Evaluator<'_, A>,
    ) -> A {
        let restricted = question
            .bucket
            .is_some_and(|bucket| bucket.access.is_public && bucket.block().restrict_public_buckets);
        if restricted && self.caller.account() != Some(question.owner) {
            return A::from(Decision::ImplicitDeny { missing: Missing::PublicAccessBlocked });
        }
        let resource = ResourceSide { acl: lists.grant, ..ResourceSide::NONE };
        decide(request, sides, resource, evaluator)
    }

    /// What lists say, where they have a say. An object's row is read only then, and only for actions that depend on it.
    async fn lists(&self, question: &Question<'_>) -> Result<Lists, StoreError> {
        let Some(bucket) = question.bucket else { return Ok(Lists::SILENT) };
        let Some(place) = listed(question.action, self.operation) else { return Ok(Lists::SILENT) };
        match (place, self.caller.account()) {
            (Listed::Upload, _) => return self.upload(bucket, question).await,
            // Leave to make the object is asked for beside; the list comes with it, as its maker's own policies say.
            // Source: S3 User Guide, "Examples of Amazon S3 bucket policies" (PutObject alone lets another account upload
            // with bucket-owner-full-control).
            (Listed::NewObject, Some(account)) if account != question.owner => {
                return Ok(Lists { owner: Some(account), ..Lists::SILENT });
            }
            _ => {}
        }
        let BucketAcls::Enabled(list) = &bucket.access.acls else { return Ok(Lists::SILENT) };
        let by_bucket = |wanted| self.grant(list, wanted, bucket);
        match (place, question.object) {
            (Listed::Bucket(wanted), _) => Ok(Lists { grant: by_bucket(wanted), ..Lists::SILENT }),
            (Listed::NewObject, _) => Ok(Lists { grant: by_bucket(AclPermission::Write), ..Lists::SILENT }),
            (Listed::OwnObject, Some(object)) => {
                let grant = by_bucket(AclPermission::Write);
                if grant == AclGrant::None || self.caller.account() == Some(question.owner) {
                    return Ok(Lists { grant, ..Lists::SILENT });
                }
                self.own_object(bucket, object, grant).await
            }
            (Listed::Object(wanted), Some(object)) => self.of_object(bucket, object, wanted).await,
            (Listed::Object(_) | Listed::OwnObject, None) | (Listed::Upload, _) => Ok(Lists::SILENT),
        }
    }

    fn grant(&self, list: &AccessControlList, wanted: AclPermission, bucket: &BucketFacts) -> AclGrant {
        list.grant(self.caller, wanted, bucket.block().ignore_public_acls)
    }

    /// Leave to look at an upload and to end it, for the account that began it, whether or not lists have a say.
    ///
    /// Source: S3 User Guide, "Uploading and copying objects using multipart upload", "Multipart upload API and
    /// permissions".
    async fn upload(&self, bucket: &BucketFacts, question: &Question<'_>) -> Result<Lists, StoreError> {
        let id = self.target.parameters.member("UploadId");
        let (Some((key, _)), Some(id), Some(canonical)) = (question.object, id, self.caller.canonical())
        else {
            return Ok(Lists::SILENT);
        };
        if self.caller.account() == Some(question.owner) {
            return Ok(Lists::SILENT);
        }
        let began = self.facts.upload_initiator(bucket.id, key, id).await? == Some(canonical);
        let grant = if began { AclGrant::Account } else { AclGrant::None };
        Ok(Lists { grant, ..Lists::SILENT })
    }

    /// Leave to delete, for a caller who may write: of what is his.
    async fn own_object(
        &self,
        bucket: &BucketFacts,
        (key, version): (&ObjectKey, Option<VersionId>),
        grant: AclGrant,
    ) -> Result<Lists, StoreError> {
        let access = self.facts.object_access(bucket.id, key, version).await?;
        let owner = access.and_then(|access| access.owner);
        let is_his = owner.is_some_and(|owner| self.caller.canonical() == Some(owner.canonical));
        Ok(if is_his { Lists { grant, ..Lists::SILENT } } else { Lists::SILENT })
    }

    async fn of_object(
        &self,
        bucket: &BucketFacts,
        (key, version): (&ObjectKey, Option<VersionId>),
        wanted: AclPermission,
    ) -> Result<Lists, StoreError> {
        let access = self.facts.object_access(bucket.id, key, version).await?;
        let seen = Some(Seen {
            bucket: bucket.id,
            key: key.clone(),
            version,
            row: access.as_ref().map(|access| access.row),
        });
        let Some(access) = access else {
            // Nothing is there: who may list the bucket may know it, and is let through to be told.
            // Source: S3 API Reference, "GetObject", permissions (404 with ListBucket, 403 without).
            let grant = match &bucket.access.acls {
                BucketAcls::Enabled(list) => self.grant(list, AclPermission::Read, bucket),
                BucketAcls::Disabled => AclGrant::None,
            };
            return Ok(Lists { grant, owner: None, seen });
        };
        let grant = access.acl.as_ref().map_or(AclGrant::None, |list| self.grant(list, wanted, bucket));
        let owner = access.owner.map(|owner| owner.account).filter(|account| *account != bucket.owner);
        Ok(Lists { grant, owner, seen })
    }

    fn is_beyond_policy(&self, question: &Question<'_>) -> bool {
        let owns = matches!(self.caller, Caller::Root(root) if root.account == question.owner);
        owns && POLICY_ACTIONS.contains(&question.action)
    }

    /// The policy of a resource that is no bucket.
    async fn own_policy(&self, question: &Question<'_>) -> Result<Option<NamedPolicy>, StoreError> {
        // What the management account lets others do to the organisation. Source: Organizations User Guide, "Delegated
        // administrator for AWS Organizations".
        if question.action.starts_with("organizations:") && self.caller.account() != Some(question.owner) {
            return self.facts.organization_policy().await;
        }
        if question.bucket.is_some() || !question.action.starts_with("sts:") {
            return Ok(None);
        }
        match strongroom_types::Arn::parse(question.resource) {
            Ok(arn) => self.facts.resource_policy(&arn).await,
            Err(_) => Ok(None),
        }
    }

    /// The tags of the object, looked up only if a policy asks for them.
    async fn object_tags(
        &self,
        bearings: &Bearings,
        question: &Question<'_>,
        policy: Option<&NamedPolicy>,
        owner: &AccountFacts,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        let (Some(bucket), Some((key, version))) = (question.bucket, question.object) else {
            return Ok(None);
        };
        let PrincipalFacts { identity, boundary, session, .. } = &*bearings.facts;
        let controls = [&bearings.account.service_control, &owner.resource_control];
        let mut all = policy
            .into_iter()
            .chain(identity)
            .chain(boundary)
            .chain(session.iter().flatten())
            .chain(controls.into_iter().flatten().flat_map(|level| &level.policies));
        if all.any(|named| named.policy.asks_for(OBJECT_TAGS)) {
            self.facts.object_tags(bucket.id, key, version).await
        } else {
            Ok(None)
        }
    }
}

/// [`evaluate`], or what tells more.
type Evaluator<'a, A> = dyn Fn(&Request<'_>, &PolicySets<'_>) -> A + Sync + 'a;

fn decide<A>(
    request: &Request<'_>,
    (bearings, owner): (&Bearings, &AccountFacts),
    resource: ResourceSide<'_>,
    evaluator: &Evaluator<'_, A>,
) -> A {
    let facts = &bearings.facts;
    let identity = attached(&facts.identity);
    let session = facts.session.as_deref().map(attached);
    let service_control = Levels::of(&bearings.account.service_control);
    let resource_control = Levels::of(&owner.resource_control);
    let sets = PolicySets {
        resource_control: &resource_control.levels(),
        service_control: &service_control.levels(),
        resource,
        identity: &identity,
        boundary: facts.boundary.as_ref().map(NamedPolicy::attached),
        session: session.as_deref(),
        ..PolicySets::NONE
    };
    evaluator(request, &sets)
}

fn attached(policies: &[NamedPolicy]) -> Vec<Attached<'_>> {
    policies.iter().map(NamedPolicy::attached).collect()
}

/// Control policies in the form of the evaluator.
struct Levels<'a>(Vec<(&'a str, Vec<Attached<'a>>)>);

impl<'a> Levels<'a> {
    fn of(levels: &'a [ControlLevel]) -> Self {
        let level = |level: &'a ControlLevel| (level.target.as_str(), attached(&level.policies));
        Self(levels.iter().map(level).collect())
    }

    fn levels(&self) -> Vec<Level<'_>> {
        self.0.iter().map(|(target, policies)| Level { target, policies }).collect()
    }
}

/// The answer where there is nobody whose policies could allow.
pub(crate) fn nobody_allows() -> Decision {
    Decision::ImplicitDeny { missing: Missing::Policy(Source::Identity) }
}
