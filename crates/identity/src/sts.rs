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
            user_id: caller.user_id(),
            account,
            arn: caller.arn().map(|arn| arn.to_string()),
        }))
    }
}
