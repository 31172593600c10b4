//! GetSessionToken.

use std::time::Duration;

use async_trait::async_trait;
use strongroom_api_sts as api;
use strongroom_gate::{Authorized, Caller, ErrorReply, Handle, IamUser, Reply, RootUser, Session};
use strongroom_types::{AccountId, CanonicalUserId};

use super::error::StsError;
use super::parameters::duration;
use super::{credentials, second_factor};
use crate::Identity;
use crate::session::{Holder, NewSession};

/// How long a session lasts unless the request says otherwise. Source: STS API Reference, GetSessionToken.
const DEFAULT_SECONDS: i32 = 43_200;
/// How long it lasts at most. Source: as above.
const MAX_SECONDS: i32 = 129_600;
/// How long a root user's lasts at most; asked for more, it lasts so long. Source: as above.
const MAX_ROOT_SECONDS: i32 = 3_600;

/// A user or root user who signed with a long-term key, which alone may ask for sessions of its own.
pub(super) struct Asker {
    pub(super) account: AccountId,
    pub(super) canonical: CanonicalUserId,
    /// Its unique id; `None` for the root user.
    pub(super) user_id: Option<String>,
    pub(super) key: String,
}

impl Asker {
    /// # Errors
    /// `AccessDenied` for all others.
    pub(super) fn of(caller: &Caller, operation: &'static str) -> Result<Self, StsError> {
        match caller {
            Caller::Root(RootUser { account, canonical, access_key_id, session: None }) => Ok(Self {
                account: *account,
                canonical: *canonical,
                user_id: None,
                key: access_key_id.to_string(),
            }),
            Caller::User(IamUser { account, canonical, user_id, access_key_id, session: None, .. }) => {
                Ok(Self {
                    account: *account,
                    canonical: *canonical,
                    user_id: Some(user_id.clone()),
                    key: access_key_id.to_string(),
                })
            }
            Caller::Anonymous
            | Caller::Root(_)
            | Caller::User(_)
            | Caller::Role(_)
            | Caller::Federated(_)
            | Caller::WebIdentity(_)
            | Caller::Service(_) => Err(StsError::SessionCredentials(operation)),
        }
    }

    /// How long a session that it asks for lasts.
    pub(super) fn lasts(&self, asked: Option<i32>) -> Result<Duration, StsError> {
        let seconds = asked.unwrap_or(DEFAULT_SECONDS);
        let too_long = "DurationSeconds must be at most 129600.";
        let lasts = duration(seconds, MAX_SECONDS, too_long)?;
        let most = Duration::from_secs(u64::try_from(MAX_ROOT_SECONDS).unwrap_or(0));
        Ok(if self.user_id.is_none() { lasts.min(most) } else { lasts })
    }
}

#[async_trait]
impl Handle<api::op::GetSessionToken> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::GetSessionTokenInput>,
    ) -> Result<Reply<api::GetSessionTokenOutput>, ErrorReply> {
        let input = request.input();
        let asker = Asker::of(request.caller(), "GetSessionToken")?;
        let mfa_at = second_factor(&request, input.serial_number.is_some() || input.token_code.is_some())?;
        let lasts = asker.lasts(input.duration_seconds)?;
        let session = Session { mfa_at, ..Session::plain(request.now(), request.now().plus(lasts)) };
        let Asker { account, canonical, user_id, key } = asker;
        let holder = match user_id {
            Some(user_id) => Holder::User { user_id, key },
            None => Holder::Root { key },
        };
        let issued = self.issue(NewSession { account, canonical, holder, session: &session })?;
        Ok(Reply::new(api::GetSessionTokenOutput {
            credentials: Some(Box::new(credentials(&issued, &session))),
            session_token_utilization: None,
            session_token_size: None,
        }))
    }
}
