//! Buckets whose requesters pay.
//!
//! Source: S3 User Guide, "Using Requester Pays general purpose buckets for storage transfers and usage" and "Downloading
//! objects from Requester Pays buckets".

use crate::{Authorized, BucketGrant, Caller, Target};

/// Who pays for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payer {
    /// The bucket's owner.
    Owner,
    /// The caller, who said so.
    Requester,
    /// The caller would have to, and did not say that he knows, or is nobody whom one could charge.
    Nobody,
}

impl Payer {
    /// Who pays for a request to these buckets. Whoever belongs to a bucket's account pays as its owner. Operations that
    /// cannot carry `x-amz-request-payer` (those on most of a bucket's settings) ask only for a name.
    pub(crate) fn of<'a>(
        target: &Target,
        caller: &Caller,
        buckets: impl IntoIterator<Item = &'a BucketGrant>,
    ) -> Self {
        let is_charged = |bucket: &BucketGrant| {
            bucket.facts.access.requester_pays && caller.account() != Some(bucket.owner())
        };
        if buckets.into_iter().any(is_charged) {
            Self::where_requesters_pay(target, caller)
        } else {
            Self::Owner
        }
    }

    /// Who pays for a request of somebody who is not of the bucket's account.
    fn where_requesters_pay(target: &Target, caller: &Caller) -> Self {
        let confirms = target.parameters.member("RequestPayer") == Some("requester");
        match caller {
            Caller::Anonymous => Self::Nobody,
            Caller::Service(_) => Self::Owner,
            Caller::Root(_)
            | Caller::User(_)
            | Caller::Role(_)
            | Caller::Federated(_)
            | Caller::WebIdentity(_) => match (target.takes_request_payer, confirms) {
                (false, _) => Self::Owner,
                (true, true) => Self::Requester,
                (true, false) => Self::Nobody,
            },
        }
    }
}

impl<I> Authorized<I> {
    /// Whether the caller is charged for the request, which its answer says.
    pub fn is_charged_to_requester(&self) -> bool {
        let buckets =
            self.granted.bucket.iter().chain(self.granted.source.iter().map(|source| &source.bucket));
        Payer::of(&self.target, self.caller(), buckets) == Payer::Requester
    }
}

#[cfg(test)]
mod tests {
    use strongroom_api_s3::{GetBucketPolicyInput, GetObjectInput, RequestPayer};
    use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId};

    use super::*;
    use crate::{RootUser, ServicePrincipal};

    fn account() -> AccountId {
        AccountId::parse("444455556666").unwrap()
    }

    fn somebody() -> Caller {
        Caller::Root(RootUser {
            account: account(),
            canonical: CanonicalUserId::from_bytes([2; 32]),
            access_key_id: AccessKeyId::long_term([1; 16]),
            session: None,
        })
    }

    fn get(request_payer: Option<RequestPayer>) -> Target {
        let (bucket, key) = ("bucket".to_owned(), "key".to_owned());
        let input = GetObjectInput { bucket, key, request_payer, ..GetObjectInput::default() };
        Target::of("s3", &input).unwrap()
    }

    #[test]
    fn the_requester_pays_who_says_so_and_is_somebody() {
        let confirmed = get(Some(RequestPayer::Requester));
        assert_eq!(Payer::where_requesters_pay(&confirmed, &somebody()), Payer::Requester);
        assert_eq!(Payer::where_requesters_pay(&get(None), &somebody()), Payer::Nobody);
        assert_eq!(Payer::where_requesters_pay(&confirmed, &Caller::Anonymous), Payer::Nobody);
    }

    #[test]
    fn the_owner_pays_for_the_stores_own_work_and_for_what_cannot_be_charged() {
        let service = ServicePrincipal { name: "logging.s3.amazonaws.com", account: account() };
        assert_eq!(Payer::where_requesters_pay(&get(None), &Caller::Service(service)), Payer::Owner);
        let input = GetBucketPolicyInput { bucket: "bucket".to_owned(), ..GetBucketPolicyInput::default() };
        let settings = Target::of("s3", &input).unwrap();
        assert_eq!(Payer::where_requesters_pay(&settings, &somebody()), Payer::Owner);
        assert_eq!(Payer::where_requesters_pay(&settings, &Caller::Anonymous), Payer::Nobody);
    }
}
