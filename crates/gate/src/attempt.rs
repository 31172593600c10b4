//! What a denied caller asked for, kept for the message that tells those who look after the caller's account.

use strongroom_policy::evaluate::{Decision, Source};
use strongroom_policy::{Context, Values};
use strongroom_types::{AccountId, Timestamp};

use crate::context::{RequestContext, ResourceContext};
use crate::gate::Deciding;
use crate::{Caller, Denied, PrincipalFacts, Target};

/// Condition keys that are known without a look at anything, as AWS writes them; what may be long comes last. None of
/// what a client makes up and may hide secrets in (`aws:Referer`, values of tags) is among them.
const KEYS: [&str; 25] = [
    "aws:CurrentTime",
    "aws:SecureTransport",
    "aws:SourceIp",
    "aws:VpcSourceIp",
    "aws:SourceVpce",
    "aws:SourceVpc",
    "aws:VpceAccount",
    "aws:RequestedRegion",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:MultiFactorAuthPresent",
    "aws:MultiFactorAuthAge",
    "aws:TokenIssueTime",
    "aws:ResourceAccount",
    "s3:authType",
    "s3:TlsVersion",
    "s3:VersionId",
    "s3:delimiter",
    "s3:max-keys",
    "aws:userid",
    "aws:username",
    "aws:SourceIdentity",
    "aws:FederatedProvider",
    "aws:PrincipalArn",
    "s3:prefix",
];

/// What a denied request was, beside its action and its resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The caller's account.
    pub account: AccountId,
    /// The caller's unique id, as `aws:userid` has it.
    pub principal_id: Option<String>,
    /// The name of an IAM user.
    pub user_name: Option<String>,
    /// When it was asked.
    pub at: Timestamp,
    /// Condition keys, as AWS writes them, with their values.
    pub conditions: Vec<(&'static str, Vec<String>)>,
    /// Whether the caller's account may know by which statement of which policy it was denied: not by that of another
    /// account.
    pub knows_statement: bool,
}

impl Deciding {
    /// What was asked, where one is denied whose account is known. `owner` is the account that all policies of the
    /// resource belong to; `None` if there are several, or none.
    pub(crate) fn attempt(
        &self,
        target: &Target,
        denied: &Denied,
        owner: Option<AccountId>,
    ) -> Option<Box<Attempt>> {
        denied.caller.as_ref()?;
        let account = self.caller.account()?;
        let owner = owner.filter(|owner| *owner == account);
        let principal = PrincipalFacts::default();
        let context = RequestContext {
            caller: &self.caller,
            request: &self.request,
            target,
            action: denied.action,
            operation: self.operation,
            supposed: None,
            principal: &principal,
            organization: None,
            resource: ResourceContext {
                // Whose a resource is, is not told to other accounts.
                account: owner,
                version: target.version_id,
                ..ResourceContext::default()
            },
        };
        let of_s3 = denied.action.starts_with("s3:");
        let keys = KEYS.iter().filter(|key| of_s3 || !key.starts_with("s3:"));
        let known = keys.filter_map(|key| Some((*key, owned(context.values(&key.to_ascii_lowercase())?))));
        Some(Box::new(Attempt {
            account,
            principal_id: self.caller.user_id(),
            user_name: if let Caller::User(user) = &self.caller { Some(user.name.clone()) } else { None },
            at: self.request.now,
            conditions: known.collect(),
            knows_statement: self.knows_statement(&denied.decision, account, owner.is_some()),
        }))
    }

    fn knows_statement(&self, decision: &Decision, account: AccountId, owns: bool) -> bool {
        match decision {
            Decision::Allow(_) | Decision::ImplicitDeny { .. } => false,
            Decision::ExplicitDeny(statement) => match statement.source {
                Source::ResourceControl | Source::Resource | Source::AccessControlList => owns,
                Source::Endpoint => {
                    self.request.wire.endpoint.as_ref().is_some_and(|endpoint| endpoint.owner == account)
                }
                // What bounds an account, and what its own users have, is no secret to it.
                Source::ServiceControl
                | Source::Identity
                | Source::Boundary
                | Source::Session
                | Source::Ownership => true,
            },
        }
    }
}

fn owned(values: Values<'_>) -> Vec<String> {
    match values {
        Values::One(value) => vec![value.into_owned()],
        Values::Many(values) => values.into_owned(),
    }
}
