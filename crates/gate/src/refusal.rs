//! Why a request went no further than the gate.

use strongroom_policy::evaluate::Decision;
use strongroom_storage::StoreError;
use strongroom_types::{BucketName, Region};

use crate::{AccessPointAddress, Attempt, ErrorReply, SecondFactor, TargetError};

/// A decision against a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The decision.
    pub decision: Decision,
    /// The action that was denied.
    pub action: &'static str,
    /// The ARN of its resource.
    pub resource: String,
    /// The caller's ARN; `None` for anonymous callers.
    pub caller: Option<String>,
    /// Where the bucket lies, which AWS tells even those whom it denies.
    pub bucket_region: Option<Region>,
    /// What else is known of the request, where it is denied as a whole to one whose account is known.
    pub attempt: Option<Box<Attempt>>,
}

impl Denied {
    /// AWS's sentence for a denial. Source: IAM User Guide, "Troubleshoot access denied error messages".
    pub fn message(&self) -> String {
        let Some(caller) = &self.caller else {
            // Source: IAM User Guide, "Troubleshoot OIDC federation": the sentence has no principal.
            return if self.action == "sts:AssumeRoleWithWebIdentity" {
                format!("Not authorized to perform {}", self.action)
            } else {
                "Access Denied".to_owned()
            };
        };
        let mut because = self.decision.because(self.action).unwrap_or_default();
        if let Some(arn) = self.policy_arn() {
            because = format!("{because}: {arn}");
        }
        let Self { action, resource, .. } = self;
        // S3 alone puts the resource in quotes, and EC2 names none where the action is on no resource.
        let on_resource = match resource.as_str() {
            "*" if action.starts_with("ec2:") => String::new(),
            resource if action.starts_with("s3:") => format!(" on resource: \"{resource}\""),
            resource => format!(" on resource: {resource}"),
        };
        format!("User: {caller} is not authorized to perform: {action}{on_resource} {because}")
    }

    /// The policy that denies, where it has an ARN and the caller's account may know it.
    fn policy_arn(&self) -> Option<&str> {
        let Decision::ExplicitDeny(statement) = &self.decision else { return None };
        let known = self.attempt.as_ref().is_some_and(|attempt| attempt.knows_statement);
        Some(statement.policy.as_str()).filter(|policy| known && policy.starts_with("arn:"))
    }
}

/// Why there is no [`crate::Authorized`].
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The decision was no.
    Denied(Box<Denied>),
    /// The request names no valid target.
    Target(TargetError),
    /// The bucket does not exist.
    NoSuchBucket(BucketName),
    /// The access point's bucket does not exist any more; holds what the caller calls the access point.
    NothingBehind(String),
    /// The access point does not exist.
    NoSuchAccessPoint(AccessPointAddress),
    /// The operation cannot go through an access point.
    NotThroughAccessPoint,
    /// The bucket's policy is read and written by its owner's account alone, whatever it allows others.
    ForeignPolicy,
    /// The bucket lies in another region.
    WrongRegion {
        /// The bucket, or the access point that leads to it, as the caller knows it.
        place: String,
        /// Its region.
        region: Region,
    },
    /// The bucket's owner is not the one that the caller expected.
    UnexpectedOwner,
    /// The account that the request names is not the caller's.
    WrongAccount,
    /// The bucket's requesters pay, and this one did not say that he knows.
    RequesterPays,
    /// The second factor that the request shows was not taken.
    SecondFactor(SecondFactor),
    /// The facts could not be read.
    Store(StoreError),
}

impl Refusal {
    /// The answer to the caller. Source: S3 API Reference, "Error responses".
    pub fn reply(&self) -> ErrorReply {
        match self {
            Self::Denied(denied) => {
                // EC2 says so before it says why. Source: EC2 API Reference, "Error codes", UnauthorizedOperation.
                let of_ec2 = denied.action.starts_with("ec2:");
                let before = if of_ec2 { "You are not authorized to perform this operation. " } else { "" };
                let mut reply = ErrorReply::new(403, "AccessDenied", format!("{before}{}", denied.message()));
                reply.denied = denied.attempt.is_some().then(|| denied.clone());
                match &denied.bucket_region {
                    Some(region) => reply.header("x-amz-bucket-region", region.as_str()),
                    None => reply,
                }
            }
            Self::Target(error) => target_reply(error),
            Self::NoSuchBucket(bucket) => {
                ErrorReply::new(404, "NoSuchBucket", "The specified bucket does not exist")
                    .member("BucketName", bucket.as_str())
            }
            Self::NothingBehind(place) => {
                ErrorReply::new(404, "NoSuchBucket", "The specified bucket does not exist")
                    .member("BucketName", place)
            }
            Self::NoSuchAccessPoint(AccessPointAddress::Id(id)) => {
                ErrorReply::new(404, "NoSuchAccessPoint", "The specified accesspoint does not exist")
                    .member("AccessPointName", id.name.as_str())
            }
            // To whoever uses it, an alias is a bucket.
            Self::NoSuchAccessPoint(AccessPointAddress::Alias(alias)) => {
                ErrorReply::new(404, "NoSuchBucket", "The specified bucket does not exist")
                    .member("BucketName", alias.as_str())
            }
            // Source: S3 User Guide, "Access point compatibility".
            Self::NotThroughAccessPoint => method_not_allowed().member("ResourceType", "ACCESS_POINT"),
            // Source: S3 API Reference, "PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy".
            Self::ForeignPolicy => method_not_allowed(),
            Self::WrongRegion { place, region } => ErrorReply::new(
                301,
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified endpoint. \
                 Please send all future requests to this endpoint.",
            )
            .member("Bucket", place)
            .member("Region", region.as_str())
            .header("x-amz-bucket-region", region.as_str()),
            Self::UnexpectedOwner | Self::WrongAccount => {
                ErrorReply::new(403, "AccessDenied", "Access Denied")
            }
            // AWS says no more than "Access Denied".
            Self::RequesterPays => ErrorReply::new(
                403,
                "AccessDenied",
                "Access Denied: this bucket's requesters pay. Sign the request and send x-amz-request-payer: requester",
            ),
            Self::SecondFactor(outcome) => ErrorReply::new(403, "AccessDenied", factor_message(*outcome)),
            Self::Store(error) => ErrorReply::from(error),
        }
    }
}

fn method_not_allowed() -> ErrorReply {
    ErrorReply::new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

/// AWS's sentences; but for the last, for AWS does not say what it does about guessing.
fn factor_message(outcome: SecondFactor) -> &'static str {
    match outcome {
        SecondFactor::Proved | SecondFactor::NoDevice => {
            "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial number is \
             valid and associated with this user."
        }
        SecondFactor::WrongCode => "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        SecondFactor::Locked => {
            "MultiFactorAuthentication failed: too many MFA one time pass codes were invalid. Wait up to an hour, then \
             try again."
        }
    }
}

fn target_reply(error: &TargetError) -> ErrorReply {
    let message = error.to_string();
    match error {
        TargetError::BucketName { name, .. } => {
            ErrorReply::new(400, "InvalidBucketName", format!("The specified bucket is not valid: {message}"))
                .member("BucketName", name)
        }
        TargetError::Key(strongroom_types::ObjectKeyError::TooLong) => {
            ErrorReply::new(400, "KeyTooLongError", "Your key is too long")
        }
        TargetError::Key(_) => ErrorReply::new(400, "InvalidURI", "Couldn't parse the specified URI."),
        TargetError::VersionId(id) => ErrorReply::new(400, "InvalidArgument", message)
            .member("ArgumentName", "versionId")
            .member("ArgumentValue", id),
        TargetError::CopySource => {
            ErrorReply::new(400, "InvalidArgument", message).member("ArgumentName", "x-amz-copy-source")
        }
        TargetError::ResourceArn => ErrorReply::new(400, "InvalidRequest", message),
        TargetError::AccessPointArn => ErrorReply::new(400, "InvalidAccessPoint", message),
        TargetError::AccessPointAlias => ErrorReply::new(400, "InvalidAccessPointAliasError", message),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_policy::evaluate::{Missing, Source, Statement};
    use strongroom_types::{AccountId, Timestamp};

    use super::*;
    use crate::Attempt;

    fn denied(action: &'static str, resource: &str, decision: Decision, knows_statement: bool) -> Denied {
        let attempt = Attempt {
            account: AccountId::parse("111122223333").unwrap(),
            principal_id: None,
            user_name: None,
            at: Timestamp::from_secs(1_800_000_000),
            conditions: Vec::new(),
            knows_statement,
        };
        Denied {
            decision,
            action,
            resource: resource.to_owned(),
            caller: Some("U".to_owned()),
            bucket_region: None,
            attempt: Some(Box::new(attempt)),
        }
    }

    #[test]
    fn a_denial_is_said_as_the_service_says_it() {
        let nothing = || Decision::ImplicitDeny { missing: Missing::Policy(Source::Identity) };
        let said = |action, resource| denied(action, resource, nothing(), false).message();
        let because = |action| format!("because no identity-based policy allows the {action} action");
        assert_eq!(
            said("s3:GetObject", "arn:aws:s3:::b/k"),
            format!(
                "User: U is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" {}",
                because("s3:GetObject")
            )
        );
        assert_eq!(
            said("iam:GetUser", "arn:aws:iam::1:user/u"),
            format!(
                "User: U is not authorized to perform: iam:GetUser on resource: arn:aws:iam::1:user/u {}",
                because("iam:GetUser")
            )
        );
        assert_eq!(
            said("ec2:DescribeRegions", "*"),
            format!(
                "User: U is not authorized to perform: ec2:DescribeRegions {}",
                because("ec2:DescribeRegions")
            )
        );
    }

    #[test]
    fn a_policy_that_denies_is_named_to_those_who_may_know_it() {
        let deny = |policy: &str, knows| {
            let statement =
                Statement { source: Source::Boundary, policy: policy.to_owned(), statement: "0".to_owned() };
            denied("iam:GetUser", "R", Decision::ExplicitDeny(statement), knows).message()
        };
        let arn = "arn:aws:iam::111122223333:policy/b";
        let end = "with an explicit deny in a permissions boundary";
        assert!(deny(arn, true).ends_with(&format!("{end}: {arn}")));
        assert!(deny(arn, false).ends_with(end));
        assert!(deny("p of user u", true).ends_with(end), "an inline policy has no ARN");
    }
}
