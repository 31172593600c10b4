//! GetBucketRequestPayment, PutBucketRequestPayment.

use async_trait::async_trait;
use strongroom_api_s3::{
    GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput, Payer, PutBucketRequestPaymentInput,
    PutBucketRequestPaymentOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use super::settings::not_built;
use crate::S3;
use crate::error;

/// Source: S3 API Reference, "GetBucketRequestPayment".
#[async_trait]
impl Handle<op::GetBucketRequestPayment> for S3 {
    async fn handle(
        &self,
        _: Authorized<GetBucketRequestPaymentInput>,
    ) -> Result<Reply<GetBucketRequestPaymentOutput>, ErrorReply> {
        Ok(Reply::new(GetBucketRequestPaymentOutput { payer: Some(Payer::BucketOwner) }))
    }
}

/// Nobody is billed here: the owner may be named, requesters cannot. Source: S3 API Reference,
/// "PutBucketRequestPayment".
#[async_trait]
impl Handle<op::PutBucketRequestPayment> for S3 {
    async fn handle(
        &self,
        request: Authorized<PutBucketRequestPaymentInput>,
    ) -> Result<Reply<PutBucketRequestPaymentOutput>, ErrorReply> {
        match request.input().request_payment_configuration.payer {
            Some(Payer::BucketOwner) => Ok(Reply::new(PutBucketRequestPaymentOutput {})),
            Some(Payer::Requester) => {
                Err(not_built("Requester Pays is not implemented. The payer is always BucketOwner."))
            }
            None => Err(error::malformed_xml()),
        }
    }
}
