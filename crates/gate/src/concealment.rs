//! Whether a caller may know that an object is not there.
//!
//! Source: S3 API Reference, "GetObject": "If the object that you request doesn't exist, the error that Amazon S3 returns
//! depends on whether you also have the s3:ListBucket permission": with it 404, without it 403.

use crate::gate::Deciding;
use crate::weigh::{Bearings, Question};
use crate::{Authorized, BucketGrant, Caller, ErrorReply, Target};

/// Answers that tell that there is nothing under a key.
const TELLING: [&str; 3] = ["NoSuchKey", "NoSuchVersion", "NotFound"];

/// Stands between a handler's error and a caller who may read objects but may not learn which there are.
pub struct Concealment {
    deciding: Deciding,
    target: Target,
    /// Those where what is missing may be: of a copy the source's and, for its conditions, the destination's.
    buckets: Vec<BucketGrant>,
}

impl<I> Authorized<I> {
    /// What has to be asked before an error of this request is answered; `None` where the caller may list the bucket
    /// anyway, since it is his account's and nothing restricts him; of a copy, both buckets.
    pub fn concealment(&self) -> Option<Concealment> {
        self.target.key.as_ref()?;
        let source = self.granted.source.as_ref().map(|permit| &permit.bucket);
        let all = source.into_iter().chain(&self.granted.bucket);
        let buckets: Vec<_> = all.filter(|bucket| !self.may_list_anyway(bucket)).cloned().collect();
        if buckets.is_empty() {
            return None;
        }
        Some(Concealment { deciding: self.deciding.clone(), target: self.target.clone(), buckets })
    }

    fn may_list_anyway(&self, bucket: &BucketGrant) -> bool {
        let owns = match &self.deciding.caller {
            Caller::Root(root) => root.account == bucket.owner(),
            Caller::Service(service) => service.account == bucket.owner(),
            Caller::Anonymous
            | Caller::User(_)
            | Caller::Role(_)
            | Caller::Federated(_)
            | Caller::WebIdentity(_) => false,
        };
        // Whatever else has a say may deny the listing, to owners too.
        let straight = bucket.through.is_none() && self.deciding.request.wire.endpoint.is_none();
        owns && straight && bucket.facts.access.policy.is_none()
    }
}

impl Concealment {
    /// The error as the caller may see it.
    pub async fn of(&self, reply: ErrorReply) -> ErrorReply {
        if reply.status != 404 || !TELLING.contains(&&*reply.code) {
            return reply;
        }
        match self.may_list().await {
            Ok(true) => reply,
            Ok(false) => ErrorReply::new(403, "AccessDenied", "Access Denied"),
            Err(error) => ErrorReply::from(&error),
        }
    }

    async fn may_list(&self) -> Result<bool, strongroom_storage::StoreError> {
        let bearings = Bearings::of(&self.deciding.caller, &*self.deciding.facts).await?;
        for bucket in &self.buckets {
            let (resource, bucket_arn) = bucket.arns(None);
            let question = Question {
                action: "s3:ListBucket",
                resource: &resource,
                owner: bucket.owner(),
                bucket: Some(&bucket.facts),
                object: None,
                through: bucket.through(bucket_arn.as_deref()),
                access_point: None,
            };
            let weighed = self.deciding.scales(&self.target).weigh(&bearings, &question).await?;
            if !weighed.answer.is_allow() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
