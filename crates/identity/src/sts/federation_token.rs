//! GetFederationToken.

use async_trait::async_trait;
use strongroom_api_sts as api;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply, Session};
use strongroom_types::Arn;

use super::credentials;
use super::parameters::{Narrowing, packed_percent, tags};
use super::session_token::Asker;
use crate::Identity;
use crate::session::{Holder, NewSession};

#[async_trait]
impl Handle<api::op::GetFederationToken> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::GetFederationTokenInput>,
    ) -> Result<Reply<api::GetFederationTokenOutput>, ErrorReply> {
        let input = request.input();
        let asker = Asker::of(request.caller(), "GetFederationToken")?;
        let lasts = asker.lasts(input.duration_seconds)?;
        let Asker { account, canonical, user_id, key } = asker;
        let narrowing =
            Narrowing::of(self, account, input.policy.as_deref(), input.policy_arns.as_deref()).await?;
        let tags = tags(input.tags.as_deref())?;
        let packed_policy_size = packed_percent(&narrowing, &tags)?;
        let session = Session {
            policy: narrowing.policy,
            policy_arns: narrowing.arns,
            // Source: IAM User Guide, "Pass session tags in AWS STS": those of GetFederationToken are not transitive.
            tags,
            ..Session::plain(request.now(), request.now().plus(lasts))
        };
        let name = input.name.clone();
        let holder = Holder::Federated { name: name.clone(), user_id, key };
        let issued = self.issue(NewSession { account, canonical, holder, session: &session })?;
        let arn = Arn::new("sts", "", &account.to_string(), &format!("federated-user/{name}")).to_string();
        Ok(Reply::new(api::GetFederationTokenOutput {
            credentials: Some(Box::new(credentials(&issued, &session))),
            federated_user: Some(Box::new(api::FederatedUser {
                federated_user_id: format!("{account}:{name}"),
                arn,
            })),
            packed_policy_size,
            session_token_utilization: None,
            session_token_size: None,
        }))
    }
}
