//! STS.

use async_trait::async_trait;
use strongroom_api_sts as api;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::Identity;

#[async_trait]
impl Handle<api::op::GetCallerIdentity> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::GetCallerIdentityInput>,
    ) -> Result<Reply<api::GetCallerIdentityOutput>, ErrorReply> {
        let caller = request.caller();
        let account = caller.account().map(|account| account.to_string());
        Ok(Reply::new(api::GetCallerIdentityOutput {
            // The unique id of a root user is its account id.
            user_id: account.clone(),
            account,
            arn: caller.arn().map(|arn| arn.to_string()),
        }))
    }
}
