//! Which actions an operation needs, on which resources.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS services", whose tables
//! [`crate::generated`] holds.

mod account;
mod ec2;
mod iam;
mod organizations;
mod s3;
mod sts;

use strongroom_types::{AccountId, Arn, BucketName, ObjectKey};

use crate::generated::{ACCESS_ANALYZER, Service};
use crate::{Caller, Target};

pub(crate) use s3::{BYPASS, delete_action, tags_of_copy};

/// What an action is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A bucket.
    Bucket(BucketName),
    /// A bucket that is to be made, by the caller's account.
    NewBucket(BucketName),
    /// An object.
    Object(BucketName, ObjectKey),
    /// The object that a copy is made of.
    Source(BucketName, ObjectKey),
    /// What has this ARN. It belongs to the account that the ARN names; without one (policies of AWS) to the caller's.
    Arn(Arn),
    /// An entity of IAM that is named without its path.
    Iam(IamName),
    /// What an entity of IAM is to be called, in the place where it is.
    IamRenamed {
        /// The entity.
        from: IamName,
        /// Its new name.
        name: String,
    },
    /// Something of the organisation by its id (an account, `ou-…`, `r-…`, `p-…`), or without one the whole of it.
    Organization {
        /// The id.
        id: Option<String>,
        /// Whose users may be allowed this.
        authority: Authority,
    },
    /// Another account than the caller's, as the service `account` shows it to the management account.
    MemberAccount(String),
    /// What the caller's account has in the region of the request.
    Regional {
        /// The service, as ARNs have it.
        service: &'static str,
        /// What it is, as in `vpc/vpc-…`.
        resource: String,
    },
    /// The caller's own account (`*`).
    Account,
    /// The installation, which the management account owns (`*`).
    Installation,
    /// Nothing: any authenticated caller may.
    Caller,
}

/// An entity of IAM, named without its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IamName {
    /// The account in which it is.
    pub account: AccountId,
    /// What it is.
    pub kind: IamKind,
    /// Its name.
    pub name: String,
}

/// What an entity of IAM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IamKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
    /// An instance profile.
    InstanceProfile,
    /// A server certificate.
    ServerCertificate,
    /// The role of the service of this name (`config.amazonaws.com`, perhaps with a suffix behind a slash), which
    /// chooses what its role is called.
    ServiceLinkedRole,
    /// The user whose access key has this id.
    UserOfAccessKey,
}

impl IamKind {
    /// Its type, as ARNs have it.
    pub fn arn_type(self) -> &'static str {
        match self {
            Self::User | Self::UserOfAccessKey => "user",
            Self::Group => "group",
            Self::Role | Self::ServiceLinkedRole => "role",
            Self::InstanceProfile => "instance-profile",
            Self::ServerCertificate => "server-certificate",
        }
    }
}

impl IamName {
    /// The ARN of what has this name and is not there: that of one at the root path.
    pub(crate) fn arn_at_root(&self) -> Arn {
        let path = match self.kind {
            IamKind::ServiceLinkedRole => "/aws-service-role/",
            IamKind::User
            | IamKind::Group
            | IamKind::Role
            | IamKind::InstanceProfile
            | IamKind::ServerCertificate
            | IamKind::UserOfAccessKey => "/",
        };
        let resource = format!("{}{path}{}", self.kind.arn_type(), self.name);
        Arn::new("iam", "", &self.account.to_string(), &resource)
    }
}

/// What a request names by less than its ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// An entity of IAM, without its path.
    Iam(&'a IamName),
    /// Something of the organisation, by its id.
    Organization(&'a str),
    /// An account of the organisation, as the service `account` shows it.
    MemberAccount(&'a str),
}

/// Whose users may be allowed something of the organisation; its owner is the management account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Those of the management account.
    Management,
    /// Those of accounts that are delegated administrators, too.
    Delegated,
    /// Those of every account, each for itself.
    Member,
}

impl Resource {
    /// What policies and messages name, as far as the request says it.
    pub fn arn(&self) -> String {
        match self {
            Self::Bucket(bucket) | Self::NewBucket(bucket) => format!("arn:aws:s3:::{bucket}"),
            Self::Object(bucket, key) | Self::Source(bucket, key) => format!("arn:aws:s3:::{bucket}/{key}"),
            Self::Arn(arn) => arn.to_string(),
            Self::Iam(name) => name.arn_at_root().to_string(),
            Self::IamRenamed { from, name } => renamed(&from.arn_at_root(), name).to_string(),
            Self::Regional { service, resource } => format!("arn:aws:{service}:*:*:{resource}"),
            Self::Organization { .. }
            | Self::MemberAccount(_)
            | Self::Account
            | Self::Installation
            | Self::Caller => "*".to_owned(),
        }
    }

    /// The bucket in which it lies, if it is there already.
    pub fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::Bucket(bucket) | Self::Object(bucket, _) | Self::Source(bucket, _) => Some(bucket),
            Self::NewBucket(_)
            | Self::Arn(_)
            | Self::Iam(_)
            | Self::IamRenamed { .. }
            | Self::Organization { .. }
            | Self::MemberAccount(_)
            | Self::Regional { .. }
            | Self::Account
            | Self::Installation
            | Self::Caller => None,
        }
    }

    /// The key, if it is an object.
    pub(crate) fn object(&self) -> Option<&ObjectKey> {
        if let Self::Object(_, key) | Self::Source(_, key) = self { Some(key) } else { None }
    }

    /// The resource of this ARN; one that is none stands for everything of the account.
    fn of_arn(text: &str) -> Self {
        Arn::parse(text).map_or(Self::Account, Self::Arn)
    }
}

/// The ARN of something that is beside `arn` and has another name.
pub(crate) fn renamed(arn: &Arn, name: &str) -> Arn {
    let place = arn.resource().rsplit_once('/').map_or("", |(place, _)| place);
    Arn::new(arn.service(), arn.region(), arn.account(), &format!("{place}/{name}"))
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// IAM action.
    pub action: &'static str,
    /// Resource.
    pub resource: Resource,
}

impl Access {
    fn new(action: &'static str, resource: Resource) -> Self {
        Self { action, resource }
    }
}

/// Actions for which a handler may hold a [`crate::Permit`] beside its own.
pub mod action {
    /// Reading the object that a copy takes from.
    #[derive(Debug)]
    pub enum GetObject {}
    /// Deleting one of the keys of a DeleteObjects request.
    #[derive(Debug)]
    pub enum DeleteObject {}
}

/// Everything that `operation` of `service` needs, given its target and who asks. `None`: no such operation is known,
/// nobody may. The first access is the one that records name.
pub fn requirements(service: &str, operation: &str, target: &Target, caller: &Caller) -> Option<Vec<Access>> {
    Some(match service {
        "s3" => return s3::s3(operation, target),
        "s3control" => s3::s3control(operation, target),
        "sts" => sts::requirements(operation, target, caller),
        "iam" => iam::requirements(operation, target, caller),
        "organizations" => organizations::requirements(operation, target, caller),
        "account" => vec![account::requirement(operation, target, caller)],
        "ec2" => ec2::requirements(operation, target),
        // What is built of it is done to nothing that is stored.
        "accessanalyzer" => {
            vec![Access::new(action_of(&ACCESS_ANALYZER, "access-analyzer:*", operation), Resource::Account)]
        }
        "strongroom" => {
            let action = match operation {
                "CreateAccount" => "strongroom:CreateAccount",
                "ListAccounts" => "strongroom:ListAccounts",
                "DescribeAccount" => "strongroom:DescribeAccount",
                "StartBackup" => "strongroom:StartBackup",
                "DescribeBackup" => "strongroom:DescribeBackup",
                "StartScrub" => "strongroom:StartScrub",
                "DescribeScrub" => "strongroom:DescribeScrub",
                "ExplainDecision" => "strongroom:ExplainDecision",
                "ListWhoCan" => "strongroom:ListWhoCan",
                _ => return None,
            };
            vec![Access::new(action, Resource::Installation)]
        }
        _ => return None,
    })
}

/// The action of the operation's name. An operation that is newer than the tables needs `all` of its service.
fn action_of(service: &'static Service, all: &'static str, operation: &str) -> &'static str {
    service.action(operation).map_or(all, |action| action.id)
}

/// Whether an operation only reads, as CloudTrail's `readOnly` says.
pub fn is_read_only(operation: &str) -> bool {
    ["Get", "Head", "List", "Describe", "Select"].iter().any(|verb| operation.starts_with(verb))
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
