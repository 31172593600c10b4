//! AssumeRole. Whether the caller may, the gate has decided by the role's trust policy.

use async_trait::async_trait;
use strongroom_api_sts as api;
use strongroom_gate::{Authorized, Caller, ErrorReply, Handle, Reply, Session};
use strongroom_types::{AccountId, Arn, CanonicalUserId};

use super::error::StsError;
use super::parameters::{Narrowing, check_tags, duration, packed_percent, tags};
use super::{SessionParts, credentials, second_factor};
use crate::iam::entity::Entity as _;
use crate::iam::row::RoleRow;
use crate::session::{Holder, NewSession};
use crate::{Identity, IdentityError};

/// How long a session lasts unless the request says otherwise; and at most, where a role's session begins it.
/// Source: STS API Reference, AssumeRole, `DurationSeconds`; IAM User Guide, "Role chaining".
pub(super) const ONE_HOUR_SECONDS: i32 = 3_600;

/// Tags of a session, and the keys of those that go on.
struct SessionTags {
    tags: Vec<(String, String)>,
    transitive: Vec<String>,
}

#[async_trait]
impl Handle<api::op::AssumeRole> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::AssumeRoleInput>,
    ) -> Result<Reply<api::AssumeRoleOutput>, ErrorReply> {
        let (caller, input) = (request.caller(), request.input());
        check_caller(caller)?;
        let mfa_at = second_factor(&request, input.serial_number.is_some() || input.token_code.is_some())?;
        if input.provided_contexts.as_ref().is_some_and(|contexts| !contexts.is_empty()) {
            return Err(StsError::Invalid("No provider of contexts is known.".to_owned()).into());
        }
        let (account, role) = self.role_to_assume(caller, &input.role_arn).await?;
        let lasts = role_duration(caller, &role, input.duration_seconds)?;
        let narrowing =
            Narrowing::of(self, account, input.policy.as_deref(), input.policy_arns.as_deref()).await?;
        let SessionTags { tags, transitive } = session_tags(caller, input)?;
        let packed_policy_size = packed_percent(&narrowing, &tags)?;
        let session = Session {
            issued_at: request.now(),
            expires_at: request.now().plus(lasts),
            mfa_at,
            policy: narrowing.policy,
            policy_arns: narrowing.arns,
            tags,
            transitive_tags: transitive,
            source_identity: source_identity(caller, input.source_identity.as_deref())?,
            federation: None,
        };
        let SessionParts { issued, user } =
            role_session(self, account, &role, &input.role_session_name, &session).await?;
        Ok(Reply::new(api::AssumeRoleOutput {
            credentials: Some(Box::new(credentials(&issued, &session))),
            assumed_role_user: Some(Box::new(user)),
            packed_policy_size,
            source_identity: session.source_identity,
            session_token_utilization: None,
            session_token_size: None,
        }))
    }
}

/// Makes a session of a role.
pub(super) async fn role_session(
    identity: &Identity,
    account: AccountId,
    role: &RoleRow,
    name: &str,
    session: &Session,
) -> Result<SessionParts, IdentityError> {
    let canonical = identity.account(account).await?.canonical;
    let canonical = CanonicalUserId::parse(&canonical).map_err(|_| IdentityError::Damaged)?;
    let role_id = &role.core.id;
    let holder = Holder::Role { role_id: role_id.clone(), session_name: name.to_owned() };
    let issued = identity.issue(NewSession { account, canonical, holder, session })?;
    let place = format!("assumed-role/{}/{name}", role.core.name);
    let arn = Arn::new("sts", "", &account.to_string(), &place).to_string();
    Ok(SessionParts {
        issued,
        user: api::AssumedRoleUser { assumed_role_id: format!("{role_id}:{name}"), arn },
    })
}

/// Source: STS API Reference, AssumeRole: "You cannot use AWS account root user credentials".
fn check_caller(caller: &Caller) -> Result<(), StsError> {
    match caller {
        Caller::User(_) | Caller::Role(_) => Ok(()),
        Caller::Root(_) => Err(StsError::RootAssumes),
        Caller::Anonymous | Caller::Federated(_) | Caller::WebIdentity(_) | Caller::Service(_) => {
            Err(StsError::SessionCredentials("AssumeRole"))
        }
    }
}

impl Identity {
    /// The role that has this ARN. One that is not there is refused as one that may not be taken.
    pub(super) async fn role_to_assume(
        &self,
        caller: &Caller,
        arn: &str,
    ) -> Result<(AccountId, RoleRow), StsError> {
        let none = || StsError::NoRole {
            caller: caller.arn().map(|arn| arn.to_string()).unwrap_or_default(),
            role: arn.to_owned(),
        };
        let parsed = Arn::parse(arn).map_err(|_| StsError::Invalid(format!("{arn} is invalid")))?;
        let account = AccountId::parse(parsed.account()).map_err(|_| none())?;
        let name = parsed.resource().rsplit('/').next().unwrap_or_default();
        let role = self.named::<RoleRow>(account, name).await?.ok_or_else(none)?;
        if role.arn(account) == arn { Ok((account, role)) } else { Err(none()) }
    }
}

fn role_duration(
    caller: &Caller,
    role: &RoleRow,
    asked: Option<i32>,
) -> Result<std::time::Duration, StsError> {
    let seconds = asked.unwrap_or(ONE_HOUR_SECONDS);
    if matches!(caller, Caller::Role(_)) {
        let too_long = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return duration(seconds, ONE_HOUR_SECONDS, too_long);
    }
    let too_long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    duration(seconds, role.max_session_seconds, too_long)
}

/// The tags of the session: the transitive ones of the caller's session, and the request's.
fn session_tags(caller: &Caller, input: &api::AssumeRoleInput) -> Result<SessionTags, StsError> {
    let given = tags(input.tags.as_deref())?;
    let is = |keys: &[String], key: &str| {
        let key = key.to_lowercase();
        keys.iter().any(|known| known.to_lowercase() == key)
    };
    let mut all = Vec::new();
    let mut transitive = Vec::new();
    if let Some(session) = caller.session() {
        let inherited = session.tags.iter().filter(|(key, _)| is(&session.transitive_tags, key));
        all.extend(inherited.cloned());
        transitive.extend(all.iter().map(|(key, _)| key.clone()));
    }
    let asked = input.transitive_tag_keys.as_deref().unwrap_or_default();
    if given.iter().any(|(key, _)| is(&transitive, key)) || asked.iter().any(|key| is(&transitive, key)) {
        return Err(StsError::Tags(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
             from the calling session.",
        ));
    }
    let keys: Vec<String> = given.iter().map(|(key, _)| key.clone()).collect();
    if !asked.iter().all(|key| is(&keys, key)) {
        return Err(StsError::Tags(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    transitive.extend(keys.into_iter().filter(|key| is(asked, key)));
    all.extend(given);
    check_tags(&all)?;
    Ok(SessionTags { tags: all, transitive })
}

/// The source identity, which a chain keeps. Source: IAM User Guide, "Monitor and control actions taken with assumed
/// roles", "Things to know about setting source identity".
fn source_identity(caller: &Caller, asked: Option<&str>) -> Result<Option<String>, StsError> {
    if asked.is_some_and(|asked| asked.to_lowercase().starts_with("aws:")) {
        return Err(StsError::Invalid("SourceIdentity must not begin with \"aws:\".".to_owned()));
    }
    let kept = caller.session().and_then(|session| session.source_identity.as_deref());
    match (kept, asked) {
        (Some(kept), Some(asked)) if kept != asked => Err(StsError::SourceIdentity),
        (kept, asked) => Ok(kept.or(asked).map(ToOwned::to_owned)),
    }
}
