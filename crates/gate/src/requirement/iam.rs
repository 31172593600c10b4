//! Actions and resources of IAM. The definitions say of each action what type its resource has; this page says which
//! members of a request name something of that type.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
//! Management".

use strongroom_types::{AccountId, Arn};

use super::{Access, IamKind, IamName, Resource, action_of};
use crate::generated::IAM;
use crate::{Caller, Target};

pub(super) fn requirements(operation: &str, target: &Target, caller: &Caller) -> Vec<Access> {
    let action = action_of(&IAM, "iam:*", operation);
    let Some(account) = caller.account() else { return vec![Access::new(action, Resource::Account)] };
    let asked = Asked { operation, target, caller, account };
    let mut all = vec![Access::new(action, asked.resource())];
    all.extend(asked.renamed().map(|resource| Access::new(action, resource)));
    all.extend(asked.besides());
    all
}

/// A request, and whose account it is about.
struct Asked<'a> {
    operation: &'a str,
    target: &'a Target,
    caller: &'a Caller,
    account: AccountId,
}

impl Asked<'_> {
    fn resource(&self) -> Resource {
        if let Some(resource) = self.exception() {
            return resource;
        }
        let types = IAM.action(self.operation).map_or(&[][..], |action| action.on);
        let found = types.iter().find_map(|on| self.of_type(on.resource));
        found.unwrap_or(Resource::Account)
    }

    /// What the request names of this type.
    fn of_type(&self, kind: &str) -> Option<Resource> {
        let target = self.target;
        match kind {
            "user" => Some(match target.parameters.member("UserName") {
                Some(_) => self.entity(IamKind::User, "UserName")?,
                // "If a user name is not included, it defaults to the user making the request."
                None => Resource::Arn(self.caller.arn()?),
            }),
            "group" => self.entity(IamKind::Group, "GroupName"),
            "role" => self.entity(IamKind::Role, "RoleName"),
            "instance-profile" => self.entity(IamKind::InstanceProfile, "InstanceProfileName"),
            "server-certificate" => self.entity(IamKind::ServerCertificate, "ServerCertificateName"),
            "policy" => match target.parameters.member("PolicyName") {
                Some(name) => Some(self.made("policy", name)),
                None => target.parameters.member("PolicyArn").map(Resource::of_arn),
            },
            "mfa" => match (
                target.parameters.member("VirtualMFADeviceName"),
                target.parameters.member("SerialNumber"),
            ) {
                (Some(name), _) => Some(self.made("mfa", name)),
                (None, Some(serial)) if serial.starts_with("arn:") => Some(Resource::of_arn(serial)),
                (None, serial) => serial.map(|serial| self.plain("mfa", serial)),
            },
            "oidc-provider" => target.parameters.member("OpenIDConnectProviderArn").map(Resource::of_arn),
            "saml-provider" => match target.parameters.member("SAMLProviderArn") {
                Some(arn) => Some(Resource::of_arn(arn)),
                None => target.parameters.member("Name").map(|name| self.plain("saml-provider", name)),
            },
            "delegation-request" => {
                target.parameters.member("DelegationRequestId").map(|id| self.plain("delegation-request", id))
            }
            "access-report" => {
                target.parameters.member("EntityPath").map(|path| self.plain("access-report", path))
            }
            _ => None,
        }
    }

    /// Operations whose resource is named otherwise than their type is elsewhere.
    fn exception(&self) -> Option<Resource> {
        let member = |name| self.target.parameters.member(name);
        match self.operation {
            "CreateOpenIDConnectProvider" => {
                let url = member("Url")?;
                let name = url.split_once("://").map_or(url, |(_, rest)| rest);
                Some(self.plain("oidc-provider", name.trim_end_matches('/')))
            }
            "CreateServiceLinkedRole" => {
                let service = member("AWSServiceName")?;
                let suffix = member("CustomSuffix").map(|suffix| format!("/{suffix}")).unwrap_or_default();
                Some(Resource::Iam(self.name(IamKind::ServiceLinkedRole, format!("{service}{suffix}"))))
            }
            // "task/aws-service-role/<service-principal-name>/<role-name>/<task-uuid>"
            "GetServiceLinkedRoleDeletionStatus" => {
                let role = member("DeletionTaskId")?.strip_prefix("task/")?.rsplit_once('/')?.0;
                Some(self.plain("role", role))
            }
            "GetAccessKeyLastUsed" => {
                let key = member("AccessKeyId")?.to_owned();
                Some(Resource::Iam(self.name(IamKind::UserOfAccessKey, key)))
            }
            "GetHumanReadableSummary" => member("EntityArn").map(Resource::of_arn),
            "GenerateServiceLastAccessedDetails" | "ListPoliciesGrantingServiceAccess" => {
                member("Arn").map(Resource::of_arn)
            }
            "GetContextKeysForPrincipalPolicy" | "SimulatePrincipalPolicy" => {
                member("PolicySourceArn").map(Resource::of_arn)
            }
            _ => None,
        }
    }

    /// "You must have appropriate permissions on both the source object and the target object." Source: IAM API
    /// Reference, UpdateUser, UpdateGroup, UpdateServerCertificate.
    fn renamed(&self) -> Option<Resource> {
        let (kind, old, new) = match self.operation {
            "UpdateUser" => (IamKind::User, "UserName", "NewUserName"),
            "UpdateGroup" => (IamKind::Group, "GroupName", "NewGroupName"),
            "UpdateServerCertificate" => {
                (IamKind::ServerCertificate, "ServerCertificateName", "NewServerCertificateName")
            }
            _ => return None,
        };
        let (old, new) = (self.target.parameters.member(old)?, self.target.parameters.member(new));
        match (self.target.parameters.member("NewPath"), new) {
            (Some(path), new) => {
                Some(self.plain(kind.arn_type(), &format!("{}{}", inner(path), new.unwrap_or(old))))
            }
            (None, Some(new)) => {
                let from = self.name(kind, old.to_owned());
                Some(Resource::IamRenamed { from, name: new.to_owned() })
            }
            (None, None) => None,
        }
    }

    /// Further actions that the request needs.
    fn besides(&self) -> Option<Access> {
        if self.operation == "AddRoleToInstanceProfile" {
            // "The caller of this operation must be granted the PassRole permission on the IAM role."
            return Some(Access::new("iam:PassRole", self.entity(IamKind::Role, "RoleName")?));
        }
        // Source: IAM User Guide, "Tags for AWS Identity and Access Management resources": tags at creation need the
        // action that tags, too.
        let action = match self.operation {
            "CreateInstanceProfile" => "iam:TagInstanceProfile",
            "CreateOpenIDConnectProvider" => "iam:TagOpenIDConnectProvider",
            "CreatePolicy" => "iam:TagPolicy",
            "CreateRole" => "iam:TagRole",
            "CreateSAMLProvider" => "iam:TagSAMLProvider",
            "CreateUser" => "iam:TagUser",
            "CreateVirtualMFADevice" => "iam:TagMFADevice",
            "UploadServerCertificate" => "iam:TagServerCertificate",
            _ => return None,
        };
        (!self.target.parameters.tags.is_empty()).then(|| Access::new(action, self.resource()))
    }

    /// The entity that this member names: where it is to be made with the path that is asked for, else where it is.
    fn entity(&self, kind: IamKind, member: &str) -> Option<Resource> {
        let name = self.target.parameters.member(member)?;
        Some(if makes(self.operation, kind) {
            self.made(kind.arn_type(), name)
        } else {
            Resource::Iam(self.name(kind, name.to_owned()))
        })
    }

    fn name(&self, kind: IamKind, name: String) -> IamName {
        IamName { account: self.account, kind, name }
    }

    /// Something new, with the path that the request gives it.
    fn made(&self, kind: &str, name: &str) -> Resource {
        let path = self.target.parameters.member("Path").unwrap_or("/");
        self.plain(kind, &format!("{}{name}", inner(path)))
    }

    fn plain(&self, kind: &str, rest: &str) -> Resource {
        Resource::Arn(Arn::new("iam", "", &self.account.to_string(), &format!("{kind}/{rest}")))
    }
}

/// A path without its first slash, as ARNs have it behind the type.
fn inner(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

/// Whether this operation makes an entity of this kind.
fn makes(operation: &str, kind: IamKind) -> bool {
    matches!(
        (operation, kind),
        ("CreateUser", IamKind::User)
            | ("CreateGroup", IamKind::Group)
            | ("CreateRole", IamKind::Role)
            | ("CreateInstanceProfile", IamKind::InstanceProfile)
            | ("UploadServerCertificate", IamKind::ServerCertificate)
    )
}
