//! STS: who one is, and temporary credentials.
//!
//! Source: STS API Reference, and IAM User Guide, "Compare AWS STS credentials", of which credentials may call what.

mod assume_role;
pub(crate) mod authorization_message;
mod error;
mod federation_token;
mod parameters;
mod session_token;
#[cfg(test)]
mod tests;
pub(crate) mod web_identity;

use async_trait::async_trait;
use strongroom_api_sts as api;
use strongroom_gate::{Authorized, Caller, ErrorReply, Handle, IamUser, Reply, RootUser};
use strongroom_storage::Partition;
use strongroom_types::{AccessKeyId, Timestamp};

use crate::iam::entity::account_of;
use crate::row::{self, AccessKeyRow};
use crate::session::Issued;
use crate::{Identity, IdentityError};
use error::StsError;

#[async_trait]
impl Handle<api::op::GetCallerIdentity> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::GetCallerIdentityInput>,
    ) -> Result<Reply<api::GetCallerIdentityOutput>, ErrorReply> {
        let caller = request.caller();
        let account = caller.account().map(|account| account.to_string());
        Ok(Reply::new(api::GetCallerIdentityOutput {
            user_id: caller.user_id(),
            account,
            arn: caller.arn().map(|arn| arn.to_string()),
        }))
    }
}

/// Long-term keys and roles' sessions may call all of STS that they are allowed; what GetSessionToken gave may call
/// AssumeRole and GetCallerIdentity, what GetFederationToken gave GetCallerIdentity alone.
fn check_may_ask(caller: &Caller, operation: &'static str) -> Result<(), StsError> {
    match caller {
        Caller::Role(_)
        | Caller::User(IamUser { session: None, .. })
        | Caller::Root(RootUser { session: None, .. }) => Ok(()),
        Caller::Anonymous
        | Caller::User(_)
        | Caller::Root(_)
        | Caller::Federated(_)
        | Caller::WebIdentity(_)
        | Caller::Service(_) => Err(StsError::SessionCredentials(operation)),
    }
}

#[async_trait]
impl Handle<api::op::GetAccessKeyInfo> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::GetAccessKeyInfoInput>,
    ) -> Result<Reply<api::GetAccessKeyInfoOutput>, ErrorReply> {
        check_may_ask(request.caller(), "GetAccessKeyInfo")?;
        let unknown = || StsError::Invalid("No account is known for this access key id.".to_owned());
        let id = AccessKeyId::parse(&request.input().access_key_id).map_err(|_| unknown())?;
        let account = if id.as_str().starts_with("ASIA") {
            let account = account_of(id.as_str()).ok_or_else(unknown)?;
            self.account(account).await.map_err(|_| unknown())?.id
        } else {
            let row =
                self.store.get(Partition::Org, &row::access_key(&id)).await.map_err(IdentityError::from)?;
            let row: AccessKeyRow = row::decode(&row.ok_or_else(unknown)?.value)?;
            row.account
        };
        Ok(Reply::new(api::GetAccessKeyInfoOutput { account: Some(account) }))
    }
}

#[async_trait]
impl Handle<api::op::DecodeAuthorizationMessage> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::DecodeAuthorizationMessageInput>,
    ) -> Result<Reply<api::DecodeAuthorizationMessageOutput>, ErrorReply> {
        let caller = request.caller();
        check_may_ask(caller, "DecodeAuthorizationMessage")?;
        let account = caller.account().ok_or(StsError::AuthorizationMessage)?;
        let message = &request.input().encoded_message;
        let decoded = self.decode_authorization_message(message, account, request.now());
        let decoded_message = Some(decoded.ok_or(StsError::AuthorizationMessage)?);
        Ok(Reply::new(api::DecodeAuthorizationMessageOutput { decoded_message }))
    }
}

/// When the second factor was proved that a request shows. The gate took the code, before it decided.
///
/// # Errors
/// `AccessDenied` where one is shown and was not proved: a session must not come out weaker than it was asked for.
fn second_factor<I>(request: &Authorized<I>, shown: bool) -> Result<Option<Timestamp>, StsError> {
    let proved = request.request().wire.second_factor;
    if shown && proved.is_none() { Err(StsError::Mfa) } else { Ok(proved) }
}

/// A session of a role, as it was made.
struct SessionParts {
    issued: Issued,
    user: api::AssumedRoleUser,
}

/// As answers show credentials, the only time that they are shown.
fn credentials(issued: &Issued, session: &strongroom_gate::Session) -> api::Credentials {
    api::Credentials {
        access_key_id: issued.id.to_string(),
        secret_access_key: issued.secret.expose().to_owned(),
        session_token: issued.token.clone(),
        expiration: Some(session.expires_at),
    }
}
