//! What a request is, as condition keys see it: filled from what the gate knows, never from a header of the same name.
//!
//! Source: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference, condition keys of
//! Amazon S3, of STS and of IAM.

mod account;
pub(crate) mod ec2;
mod global;
mod iam;
mod s3;

use strongroom_policy::{Context, Values};
use strongroom_types::{AccountId, VersionId};

use crate::access_point::AccessPointContext;
use crate::facts::{OrganizationFacts, PrincipalFacts};
use crate::weigh::Details;
use crate::{Caller, Parameters, RequestFacts, Target};

/// The condition keys of one access: computed when a policy asks for them.
pub(crate) struct RequestContext<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a RequestFacts,
    pub(crate) target: &'a Target,
    /// What is decided on, as in `s3:PutObject`.
    pub(crate) action: &'a str,
    /// The operation for whose sake.
    pub(crate) operation: &'a str,
    /// Keys that are taken as given.
    pub(crate) supposed: Option<&'a (dyn Context + Sync)>,
    pub(crate) principal: &'a PrincipalFacts,
    /// Where the caller's account stands in the organisation.
    pub(crate) organization: Option<&'a OrganizationFacts>,
    pub(crate) resource: ResourceContext<'a>,
}

/// What of the context belongs to the resource.
#[derive(Clone, Copy, Default)]
pub(crate) struct ResourceContext<'a> {
    /// The account that owns it.
    pub(crate) account: Option<AccountId>,
    /// Where that account stands in the organisation.
    pub(crate) organization: Option<&'a OrganizationFacts>,
    /// Tags of the resource (`aws:ResourceTag`), where it has tags that count for access.
    pub(crate) tags: &'a [(String, String)],
    /// It is a user or role of IAM.
    pub(crate) is_entity: bool,
    /// What was looked up of it, where it is no bucket.
    pub(crate) details: Option<&'a Details>,
    /// The version that is asked about, where it is an object.
    pub(crate) version: Option<VersionId>,
    /// Tags of the bucket that it is or lies in (`s3:BucketTag`), likewise.
    pub(crate) bucket_tags: &'a [(String, String)],
    /// Tags of the object (`s3:ExistingObjectTag`), where it is there.
    pub(crate) object_tags: Option<&'a [(String, String)]>,
    /// The access point that the request goes through, or is about.
    pub(crate) access_point: Option<AccessPointContext<'a>>,
}

impl RequestContext<'_> {
    fn parameters(&self) -> &Parameters {
        &self.target.parameters
    }
}

impl Context for RequestContext<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        if let Some(values) = self.supposed.and_then(|supposed| supposed.values(key)) {
            return Some(values);
        }
        let (service, name) = key.split_once(':')?;
        match service {
            "aws" => self.global(name),
            "s3" => self.s3(name),
            "ec2" => self.ec2(name),
            "iam" | "sts" | "organizations" => self.iam(service, name),
            "account" => self.account_management(name),
            _ => self.federated(key),
        }
    }
}

/// The value of the tag whose key, in lower case, is `key`.
fn tag<'a>(tags: &'a [(String, String)], key: &str) -> Option<Values<'a>> {
    let found = tags.iter().find(|(name, _)| name.to_lowercase() == key);
    found.map(|(_, value)| Values::one(value))
}

fn text<'a>(value: &impl ToString) -> Values<'a> {
    Values::One(value.to_string().into())
}

fn truth<'a>(value: bool) -> Values<'a> {
    Values::one(if value { "true" } else { "false" })
}

fn many<'a>(values: Vec<String>) -> Option<Values<'a>> {
    (!values.is_empty()).then(|| Values::Many(values.into()))
}

#[cfg(test)]
mod tests;
