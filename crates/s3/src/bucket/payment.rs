//! GetBucketRequestPayment, PutBucketRequestPayment.
//!
//! Nobody is billed here. What AWS promises beside the bill holds all the same: who is not of the bucket's account must say
//! that he pays, nobody is anonymous, and the answer says who was charged. The gate sees to it.

use async_trait::async_trait;
use strongroom_api_s3::{
    GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput, Payer, PutBucketRequestPaymentInput,
    PutBucketRequestPaymentOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::S3;
use crate::error;

/// Source: S3 API Reference, "GetBucketRequestPayment".
#[async_trait]
impl Handle<op::GetBucketRequestPayment> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketRequestPaymentInput>,
    ) -> Result<Reply<GetBucketRequestPaymentOutput>, ErrorReply> {
        let (state, _) = self.state(request.bucket()?.partition()).await?;
        let payer = if state.requester_pays { Payer::Requester } else { Payer::BucketOwner };
        Ok(Reply::new(GetBucketRequestPaymentOutput { payer: Some(payer) }))
    }
}

/// Source: S3 API Reference, "PutBucketRequestPayment".
#[async_trait]
impl Handle<op::PutBucketRequestPayment> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketRequestPaymentInput>,
    ) -> Result<Reply<PutBucketRequestPaymentOutput>, ErrorReply> {
        let payer = request.input().request_payment_configuration.payer;
        let requester_pays = payer.ok_or_else(error::malformed_xml)? == Payer::Requester;
        self.change_state(&mut request, |state| {
            state.requester_pays = requester_pays;
            Ok(())
        })
        .await?;
        Ok(Reply::new(PutBucketRequestPaymentOutput {}))
    }
}
