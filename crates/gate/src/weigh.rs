//! One question, put to every policy that has a say.

use std::sync::{Arc, Mutex, PoisonError};

use strongroom_policy::Context;
use strongroom_policy::evaluate::{
    AclGrant, Attached, Decision, Level, Missing, PolicySets, Principal, Request, ResourceSide, Source,
    evaluate,
};
use strongroom_storage::{Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{AccountId, Arn, BucketId, ObjectKey, VersionId};

use crate::access_point::{AccessPointContext, Through};
use crate::acl::{AclPermission, Listed, listed};
use crate::context::{RequestContext, ResourceContext};
use crate::facts::{
    AccountFacts, BucketFacts, ControlLevel, NamedPolicy, PrincipalFacts, PublicAccessBlock, ResourceFacts,
};
use crate::{AccessControlList, BucketAcls, Caller, EndpointFacts, Facts, Named, RequestFacts, Target};

/// What is known of the caller, gathered once for a decision.
pub(crate) struct Bearings {
    principal: Principal,
    facts: Arc<PrincipalFacts>,
    account: Arc<AccountFacts>,
    /// Other accounts, looked up once for a decision, however many questions it has.
    others: Mutex<Vec<(AccountId, Arc<AccountFacts>)>>,
}

/// What must still hold in a partition, if the request changes that.
pub(crate) type Guard = (Partition, Precondition);

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
    /// The access point that leads there: it must allow, too.
    pub(crate) through: Option<Through<'a>>,
    /// The access point itself that this is about, if it is.
    pub(crate) access_point: Option<AccessPointContext<'a>>,
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

/// What the evaluator answers, and what that rests on.
pub(crate) struct Weighed<A> {
    pub(crate) answer: A,
    /// The object whose owner or list had a say.
    pub(crate) seen: Option<Seen>,
    /// What must still hold in a partition for what was asked of the resource to be true.
    pub(crate) guard: Option<Guard>,
    /// An access control list allowed it, and no policy would have: `aclRequired`.
    pub(crate) acl_required: bool,
    /// The caller is of another account than the resource, which does not let him in: the answer, the resource's side
    /// alone, is for the record, and [`told`] is for him.
    pub(crate) kept_out: bool,
}

/// Whose policies may have rows of the resource looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Askers {
    /// Those of the resource, and resource control policies.
    Resource,
    /// Those of the caller and of the VPC endpoint, too.
    All,
}

/// What access control lists say of a question.
#[derive(Clone)]
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
pub(crate) const POLICY_ACTIONS: [&str; 3] =
    ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

const OBJECT_TAGS: &str = "s3:existingobjecttag/";

/// Keys whose values are those of a resource that is no bucket.
const DETAILS: [&str; 5] = [
    "aws:resourcetag/",
    "ec2:resourcetag/",
    "iam:resourcetag/",
    "iam:permissionsboundary",
    "account:accountresourceorgtags/",
];

const ACCOUNT_PATHS: &str = "account:accountresourceorgpaths";

const POLICY_TYPE: &str = "organizations:policytype";

/// What was looked up of a resource that is no bucket, since a policy asks for it.
#[derive(Debug, Default)]
pub(crate) struct Details {
    pub(crate) facts: ResourceFacts,
    /// Where the account stands in the organisation that the service `account` is asked about.
    pub(crate) account_path: Option<String>,
    /// The type of the policy that Organizations is asked about.
    pub(crate) policy_type: Option<String>,
}

impl Details {
    /// Its tags, as far as `aws:ResourceTag` speaks of them: for the service `account` those of accounts have a key of
    /// their own.
    fn tags(&self, action: &str) -> &[(String, String)] {
        if action.starts_with("account:") { &[] } else { &self.facts.tags }
    }
}

impl Bearings {
    /// What must still hold, in a partition, for what is known of the caller to be true.
    pub(crate) fn guard(&self) -> Option<Guard> {
        self.facts.guard.clone()
    }

    /// Whether the caller's account is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.account.is_closed
    }

    /// Block Public Access as the organisation sets it for the caller's account.
    pub(crate) fn organization_block(&self) -> Option<PublicAccessBlock> {
        self.account.public_access_block
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
    ) -> Result<Weighed<Decision>, StoreError> {
        self.ask(bearings, question, &evaluate).await
    }

    /// Puts one question to the evaluator; where an access point leads to the resource, two: both must allow.
    ///
    /// # Errors
    /// Those of the facts.
    pub(crate) async fn ask<A: Answer>(
        &self,
        bearings: &Bearings,
        question: &Question<'_>,
        evaluator: &Evaluator<'_, A>,
    ) -> Result<Weighed<A>, StoreError> {
        if let Some(decision) = self.kept_out(bearings, question).await? {
            let answer = A::from(decision);
            return Ok(Weighed { answer, seen: None, guard: None, acl_required: false, kept_out: true });
        }
        let Some(through) = question.through else {
            return self.ask_resource(bearings, question, (Askers::All, evaluator)).await;
        };
        let at_point = self.ask_access_point(bearings, (question, through), (Askers::All, evaluator)).await?;
        let mut weighed = self.ask_resource(bearings, question, (Askers::All, evaluator)).await?;
        let explicit = |answer: &A| matches!(answer.decision(), Decision::ExplicitDeny(_));
        if !at_point.decision().is_allow() && !explicit(&weighed.answer) || explicit(&at_point) {
            weighed.acl_required = false;
            weighed.answer = at_point;
        }
        Ok(weighed)
    }

    /// Why a caller of another account is not let in by the bucket's side, or by that of the access point on the way
    /// there; `None` if both let him in, or are his own account's. Nothing is looked up for the caller's side before, so
    /// that time does not tell either what his conditions on the resource found. Whoever asks about a request that nobody
    /// made is told everything.
    async fn kept_out(
        &self,
        bearings: &Bearings,
        question: &Question<'_>,
    ) -> Result<Option<Decision>, StoreError> {
        if self.supposed.is_some() {
            return Ok(None);
        }
        let side: (Askers, &Evaluator<'_, Decision>) = (Askers::Resource, &resource_side);
        if self.is_stranger_to(question.owner) {
            let decision = self.ask_resource(bearings, question, side).await?.answer;
            if !lets_in(&decision) {
                return Ok(Some(decision));
            }
        }
        if let Some(through) = question.through
            && self.is_stranger_to(through.point.id.account)
        {
            let decision = self.ask_access_point(bearings, (question, through), side).await?;
            if !lets_in(&decision) {
                return Ok(Some(decision));
            }
        }
        Ok(None)
    }

    /// Whether the caller is of another account, and policies beside the resource's have a say on him.
    fn is_stranger_to(&self, account: AccountId) -> bool {
        let has_own = !matches!(self.caller, Caller::Anonymous | Caller::Service(_));
        (has_own || self.endpoint().is_some()) && self.caller.account() != Some(account)
    }

    async fn ask_resource<A: Answer>(
        &self,
        bearings: &Bearings,
        question: &Question<'_>,
        (askers, evaluator): (Askers, &Evaluator<'_, A>),
    ) -> Result<Weighed<A>, StoreError> {
        let owner = bearings.account_of(question.owner, self.caller, self.facts).await?;
        if owner.is_closed && self.caller.account() != Some(question.owner) {
            let answer = A::from(nobody_lets_in());
            return Ok(Weighed { answer, seen: None, guard: None, acl_required: false, kept_out: false });
        }
        let own = self.own_policy(question).await?;
        let policy = question.bucket.and_then(|bucket| bucket.access.policy.as_ref()).or(own.as_ref());
        let policy = policy.filter(|_| !self.is_beyond_policy(question));
        let lists = self.lists(question).await?;
        let object_tags = self.object_tags((bearings, askers), question, policy, &owner).await?;
        // Of a bucket and of what lies in it alike. Source: S3 User Guide, "Using tags with S3 general purpose buckets".
        let bucket_tags = question.bucket.map_or(&[][..], |bucket| bucket.access.tags.as_slice());
        let details = self.details((bearings, askers), question, policy, &owner).await?;
        let tags = if question.bucket.is_some() { bucket_tags } else { details.tags(question.action) };
        let context = RequestContext {
            caller: self.caller,
            request: self.request,
            target: self.target,
            action: question.action,
            operation: self.operation,
            supposed: self.supposed,
            principal: &bearings.facts,
            organization: bearings.account.organization.as_ref(),
            resource: ResourceContext {
                account: Some(question.owner),
                organization: owner.organization.as_ref(),
                tags: question.access_point.map_or(tags, |point| point.tags),
                is_entity: is_entity(question.resource),
                details: Some(&details),
                version: question.object.and_then(|(_, version)| version),
                bucket_tags,
                object_tags: object_tags.as_deref(),
                access_point: question.through.map(Through::context).or(question.access_point),
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
        let restricted = Self::is_restricted(question, |bucket| bucket.access.is_public);
        let resource = ResourceSide {
            arn: question.through.map(|through| through.bucket_arn),
            policy: policy.map(NamedPolicy::attached),
            restricted,
            // Who may take a role is for its trust policy to say.
            must_allow: own.is_some(),
            ..ResourceSide::NONE
        };
        let sides = Sides { bearings, owner: &owner, endpoint: self.endpoint() };
        let answer = self.answer(&request, sides, (resource, question, &lists), evaluator);
        let acl_required = lists.grant != AclGrant::None
            && listed(question.action, self.operation) != Some(Listed::Upload)
            && answer.decision().is_allow()
            && {
                let unlisted = Lists { grant: AclGrant::None, ..lists.clone() };
                let without = self.answer(&request, sides, (resource, question, &unlisted), evaluator);
                !without.decision().is_allow()
            };
        Ok(Weighed { answer, seen: lists.seen, guard: details.facts.guard, acl_required, kept_out: false })
    }

    /// What the access point says of what it leads to: its policy, in its owner's account, where its network lets the
    /// request in at all.
    ///
    /// Source: S3 User Guide, "Configuring IAM policies for using access points", "Creating access points restricted to a
    /// virtual private cloud".
    async fn ask_access_point<A: Answer>(
        &self,
        bearings: &Bearings,
        (question, through): (&Question<'_>, Through<'_>),
        (askers, evaluator): (Askers, &Evaluator<'_, A>),
    ) -> Result<A, StoreError> {
        let point = through.point;
        let owner = bearings.account_of(point.id.account, self.caller, self.facts).await?;
        if owner.is_closed && self.caller.account() != Some(point.id.account) {
            return Ok(A::from(nobody_lets_in()));
        }
        let vpc = self.endpoint().map(|endpoint| endpoint.vpc.as_str());
        if point.vpc.is_some() && point.vpc.as_deref() != vpc {
            return Ok(A::from(Decision::ImplicitDeny { missing: Missing::NetworkOrigin }));
        }
        let policy = point.policy.as_ref();
        let object_tags = self.object_tags((bearings, askers), question, policy, &owner).await?;
        let context = RequestContext {
            caller: self.caller,
            request: self.request,
            target: self.target,
            action: question.action,
            operation: self.operation,
            supposed: self.supposed,
            principal: &bearings.facts,
            organization: bearings.account.organization.as_ref(),
            resource: ResourceContext {
                account: Some(point.id.account),
                organization: owner.organization.as_ref(),
                tags: &point.tags,
                is_entity: false,
                details: None,
                version: question.object.and_then(|(_, version)| version),
                bucket_tags: question.bucket.map_or(&[][..], |bucket| bucket.access.tags.as_slice()),
                object_tags: object_tags.as_deref(),
                access_point: Some(through.context()),
            },
        };
        let request = Request {
            principal: &bearings.principal,
            canonical_user: self.caller.canonical(),
            action: question.action,
            resource: question.resource,
            resource_account: point.id.account,
            context: &context,
        };
        let resource = ResourceSide {
            policy: policy.map(NamedPolicy::attached),
            restricted: self.caller.account() != Some(question.owner)
                && Self::is_restricted(question, |_| point.is_public),
            ..ResourceSide::NONE
        };
        let sides = Sides { bearings, owner: &owner, endpoint: self.endpoint() };
        Ok(decide(&request, sides, resource, evaluator))
    }

    /// Whether a public policy is kept within the account of what it is attached to.
    ///
    /// DEVIATION: by AWS's words a bucket's public policy still lets in the users of an access point's owner. Anybody may
    /// own an access point to any bucket, so here it lets in those of the bucket's account alone.
    ///
    /// Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", RestrictPublicBuckets.
    fn is_restricted(question: &Question<'_>, is_public: impl Fn(&BucketFacts) -> bool) -> bool {
        let restricts = |bucket: &BucketFacts| is_public(bucket) && bucket.block().restrict_public_buckets;
        question.bucket.is_some_and(restricts)
    }

    /// The answer where lists say `lists`.
    fn answer<A: Answer>(
        &self,
        request: &Request<'_>,
        sides: Sides<'_>,
        (resource, question, lists): (ResourceSide<'_>, &Question<'_>, &Lists),
        evaluator: &Evaluator<'_, A>,
    ) -> A {
        let acl = if lists.owner.is_none() { lists.grant } else { AclGrant::None };
        let answer = decide(request, sides, ResourceSide { acl, ..resource }, evaluator);
        match (lists.owner, answer.decision()) {
            (None, _) | (Some(_), Decision::ExplicitDeny(_)) => answer,
            (Some(account), _) => {
                let request = Request { resource_account: account, ..*request };
                self.of_another(&request, sides, (question, lists), evaluator)
            }
        }
    }

    /// What the policy of the VPC endpoint alone says; `None` if the request came through none.
    pub(crate) fn through_endpoint(
        &self,
        bearings: &Bearings,
        (action, resource, owner): (&str, &str, AccountId),
    ) -> Option<Decision> {
        let endpoint = self.endpoint()?;
        let context = RequestContext {
            caller: self.caller,
            request: self.request,
            target: self.target,
            action,
            operation: self.operation,
            supposed: self.supposed,
            principal: &bearings.facts,
            organization: bearings.account.organization.as_ref(),
            resource: ResourceContext { account: Some(owner), ..ResourceContext::default() },
        };
        let request = Request {
            principal: &bearings.principal,
            canonical_user: self.caller.canonical(),
            action,
            resource,
            resource_account: owner,
            context: &context,
        };
        let sets = PolicySets {
            endpoint: Some(endpoint.policy.attached()),
            // Everybody has the rest: as if a list granted it to all.
            resource: ResourceSide { acl: AclGrant::Group, ..ResourceSide::NONE },
            ..PolicySets::NONE
        };
        Some(evaluate(&request, &sets))
    }

    /// Decides on an object that is not the bucket owner's. The bucket's policy can only deny it, and has not: what
    /// allows is the object's owner, by being the caller's account or by the object's list.
    ///
    /// Source: S3 User Guide, "How Amazon S3 authorizes a request for an object operation".
    fn of_another<A: Answer>(
        &self,
        request: &Request<'_>,
        sides: Sides<'_>,
        (question, lists): (&Question<'_>, &Lists),
        evaluator: &Evaluator<'_, A>,
    ) -> A {
        let restricted = Self::is_restricted(question, |bucket| bucket.access.is_public);
        if restricted && self.caller.account() != Some(question.owner) {
            return A::from(Decision::ImplicitDeny { missing: Missing::PublicAccessBlocked });
        }
        let arn = question.through.map(|through| through.bucket_arn);
        let resource = ResourceSide { arn, acl: lists.grant, ..ResourceSide::NONE };
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

    fn endpoint(&self) -> Option<&EndpointFacts> {
        self.request.wire.endpoint.as_deref()
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
        match Arn::parse(question.resource) {
            Ok(arn) => self.facts.resource_policy(&arn).await,
            Err(_) => Ok(None),
        }
    }

    /// What is asked of a resource that is no bucket, looked up only if a policy asks for it.
    async fn details(
        &self,
        (bearings, askers): (&Bearings, Askers),
        question: &Question<'_>,
        policy: Option<&NamedPolicy>,
        owner: &AccountFacts,
    ) -> Result<Details, StoreError> {
        let mut details = Details::default();
        if question.bucket.is_some() {
            return Ok(details);
        }
        let asks = |keys: &[&str]| self.has_asker((bearings, askers), policy, owner, keys);
        if let Ok(arn) = Arn::parse(question.resource) {
            if asks(&DETAILS) {
                details.facts = self.facts.resource(&arn).await?;
            }
            if let Some(account) = account_in(&arn).filter(|_| asks(&[ACCOUNT_PATHS])) {
                let facts = bearings.account_of(account, self.caller, self.facts).await?;
                details.account_path = facts.organization.as_ref().map(|org| org.path.clone());
            }
        }
        if question.action.starts_with("organizations:") && asks(&[POLICY_TYPE]) {
            details.policy_type = self.policy_type(question).await?;
        }
        Ok(details)
    }

    /// The type of the policy that a request to Organizations is about, by its ARN, which says it; that of the request's
    /// `PolicyId` even where another resource is asked about, as of what a policy is attached to.
    async fn policy_type(&self, question: &Question<'_>) -> Result<Option<String>, StoreError> {
        let named = ["PolicyId", "ResourceId"].iter().find_map(|name| self.target.parameters.member(name));
        let arn = match named {
            Some(id) => self.facts.arn(Named::Organization(id)).await?,
            None => Arn::parse(question.resource).ok(),
        };
        Ok(arn.as_ref().and_then(type_in))
    }

    /// The tags of the object, looked up only if a policy asks for them.
    async fn object_tags(
        &self,
        (bearings, askers): (&Bearings, Askers),
        question: &Question<'_>,
        policy: Option<&NamedPolicy>,
        owner: &AccountFacts,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        let (Some(bucket), Some((key, version))) = (question.bucket, question.object) else {
            return Ok(None);
        };
        if self.has_asker((bearings, askers), policy, owner, &[OBJECT_TAGS]) {
            self.facts.object_tags(bucket.id, key, version).await
        } else {
            Ok(None)
        }
    }

    /// Whether a policy that has a say asks for a key that begins like one of these.
    fn has_asker(
        &self,
        (bearings, askers): (&Bearings, Askers),
        policy: Option<&NamedPolicy>,
        owner: &AccountFacts,
        keys: &[&str],
    ) -> bool {
        let PrincipalFacts { identity, boundary, session, .. } = &*bearings.facts;
        let asks = |named: &NamedPolicy| keys.iter().any(|key| named.policy.asks_for(key));
        let of_levels = |levels: &[ControlLevel]| levels.iter().flat_map(|level| &level.policies).any(asks);
        if policy.is_some_and(asks) || of_levels(&owner.resource_control) {
            return true;
        }
        let mut own = self
            .endpoint()
            .map(|endpoint| &endpoint.policy)
            .into_iter()
            .chain(identity)
            .chain(boundary)
            .chain(session.iter().flatten());
        askers == Askers::All && (own.any(asks) || of_levels(&bearings.account.service_control))
    }
}

/// Whether this is the ARN of a user or role.
fn is_entity(resource: &str) -> bool {
    let of_iam = resource.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':'));
    of_iam.is_some_and(|(_, name)| name.starts_with("user/") || name.starts_with("role/"))
}

/// The account that the service `account` is asked about: `account/o-…/ID`, or `account` alone of the ARN's own.
fn account_in(arn: &Arn) -> Option<AccountId> {
    let id = match arn.resource().rsplit_once('/') {
        Some((_, id)) => id,
        None => arn.account(),
    };
    AccountId::parse(id).ok().filter(|_| arn.service() == "account")
}

/// The type of a policy of Organizations, as its API has it (`SERVICE_CONTROL_POLICY`): `policy/o-…/TYPE/p-…`, or
/// `policy/TYPE/p-…` of AWS's own.
fn type_in(arn: &Arn) -> Option<String> {
    let (place, _) = arn.resource().strip_prefix("policy/")?.rsplit_once('/')?;
    let kind = place.rsplit('/').next()?;
    (arn.service() == "organizations").then(|| kind.to_ascii_uppercase())
}

/// Whose policies have a say on a question, beside the resource's own.
#[derive(Clone, Copy)]
struct Sides<'a> {
    bearings: &'a Bearings,
    /// The account that owns the bucket.
    owner: &'a AccountFacts,
    /// The VPC endpoint that the request came through.
    endpoint: Option<&'a EndpointFacts>,
}

/// [`evaluate`], or what tells more.
type Evaluator<'a, A> = dyn Fn(&Request<'_>, &PolicySets<'_>) -> A + Sync + 'a;

fn decide<A>(
    request: &Request<'_>,
    Sides { bearings, owner, endpoint }: Sides<'_>,
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
        endpoint: endpoint.map(|endpoint| endpoint.policy.attached()),
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

/// A denial as the caller may know it. Whom the resource's side does not let in learns nothing beyond that: not whether it
/// denies him, and not what his own policies say, for their conditions ask about the resource.
///
/// Source: S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors in Amazon S3": reasons are given within an
/// account or organisation. DEVIATION: here within an account; all accounts are of the one organisation, and may be
/// strangers to each other.
pub(crate) fn told(decision: Decision, kept_out: bool) -> Decision {
    if kept_out { nobody_lets_in() } else { decision }
}

/// The answer where nobody of another account is let in.
fn nobody_lets_in() -> Decision {
    Decision::ImplicitDeny { missing: Missing::Policy(Source::Resource) }
}

/// [`evaluate`] without the policies of the caller's side.
fn resource_side(request: &Request<'_>, sets: &PolicySets<'_>) -> Decision {
    let resource_control = sets.resource_control;
    let alone = PolicySets { resource_control, resource: sets.resource, ..PolicySets::NONE };
    evaluate(request, &PolicySets { management_account: sets.management_account, ..alone })
}

/// Whether nothing is missing in an answer of [`resource_side`] but what it left out.
fn lets_in(decision: &Decision) -> bool {
    matches!(
        decision,
        Decision::Allow(_) | Decision::ImplicitDeny { missing: Missing::Policy(Source::Identity) }
    )
}

#[cfg(test)]
mod strangers;
#[cfg(test)]
mod tests;
