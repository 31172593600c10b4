//! One question, put to every policy that has a say.

use std::sync::Arc;

use strongroom_policy::evaluate::{
    AclGrant, Attached, Decision, Level, Missing, PolicySets, Principal, Request, ResourceSide, Source,
    evaluate,
};
use strongroom_storage::StoreError;
use strongroom_types::{AccountId, ObjectKey, VersionId};

use crate::context::{RequestContext, ResourceContext};
use crate::facts::{AccountFacts, BucketFacts, ControlLevel, NamedPolicy, PrincipalFacts};
use crate::{Caller, Facts, RequestFacts, Target};

/// What is known of the caller, gathered once for a decision.
pub(crate) struct Bearings {
    principal: Principal,
    facts: Arc<PrincipalFacts>,
    account: Arc<AccountFacts>,
}

/// May the caller do `action` to `resource`?
pub(crate) struct Question<'a> {
    pub(crate) action: &'static str,
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
}

/// Operations on a bucket's policy that nothing but the owner's root can be sure of: even a policy that denies all to
/// everybody can be taken away. Source: S3 User Guide, "Bucket policies for Amazon S3".
const POLICY_ACTIONS: [&str; 3] = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

const OBJECT_TAGS: &str = "s3:existingobjecttag/";

impl Bearings {
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
        Ok(Self { principal, facts: own, account })
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
    ) -> Result<Decision, StoreError> {
        let owner = if self.caller.account() == Some(question.owner) {
            bearings.account.clone()
        } else {
            self.facts.account(question.owner).await?
        };
        let own = self.own_policy(question).await?;
        let policy = question.bucket.and_then(|bucket| bucket.access.policy.as_ref()).or(own.as_ref());
        let policy = policy.filter(|_| !self.is_beyond_policy(question));
        let object_tags = self.object_tags(bearings, question, policy, &owner).await?;
        let context = RequestContext {
            caller: self.caller,
            request: self.request,
            target: self.target,
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
        let resource = ResourceSide {
            policy: policy.map(NamedPolicy::attached),
            acl: AclGrant::None,
            restricted: question
                .bucket
                .is_some_and(|bucket| bucket.access.is_public && bucket.access.block.restrict_public_buckets),
            // Who may take a role is for its trust policy to say.
            must_allow: own.is_some(),
            ..ResourceSide::NONE
        };
        Ok(decide(&request, bearings, &owner, resource))
    }

    fn is_beyond_policy(&self, question: &Question<'_>) -> bool {
        let owns = matches!(self.caller, Caller::Root(root) if root.account == question.owner);
        owns && POLICY_ACTIONS.contains(&question.action)
    }

    /// The policy of a resource that is no bucket.
    async fn own_policy(&self, question: &Question<'_>) -> Result<Option<NamedPolicy>, StoreError> {
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

fn decide(
    request: &Request<'_>,
    bearings: &Bearings,
    owner: &AccountFacts,
    resource: ResourceSide<'_>,
) -> Decision {
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
    evaluate(request, &sets)
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
