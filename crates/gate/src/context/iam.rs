//! Keys of IAM, STS and Organizations.

use strongroom_policy::Values;
use strongroom_types::Arn;

use super::{RequestContext, tag, text};
use crate::generated;

/// Keys that are members of the request, as (service, key in lower case, member).
const MEMBERS: [(&str, &str, &str); 11] = [
    ("iam", "awsservicename", "AWSServiceName"),
    ("iam", "organizationspolicyid", "OrganizationsPolicyId"),
    ("iam", "policyarn", "PolicyArn"),
    ("iam", "servicespecificcredentialagedays", "CredentialAgeDays"),
    ("iam", "servicespecificcredentialservicename", "ServiceName"),
    ("sts", "awsservicename", "AWSServiceName"),
    ("sts", "externalid", "ExternalId"),
    ("sts", "rolesessionname", "RoleSessionName"),
    ("sts", "sourceidentity", "SourceIdentity"),
    ("organizations", "serviceprincipal", "ServicePrincipal"),
    ("sts", "durationseconds", "DurationSeconds"),
];

/// Members that name a type of policy, where the operation has this key.
const POLICY_TYPES: [&str; 3] = ["PolicyType", "Type", "Filter"];

impl RequestContext<'_> {
    pub(super) fn iam(&self, service: &str, name: &str) -> Option<Values<'_>> {
        if let Some((family, key)) = name.split_once('/') {
            return match (service, family) {
                // Of users and roles alone; other things of IAM have `aws:ResourceTag`.
                ("iam", "resourcetag") if self.resource.is_entity => tag(self.resource.tags, key),
                _ => None,
            };
        }
        match (service, name, self.web_identity()) {
            ("sts", "transitivetagkeys", Some(web)) => return super::many(web.transitive_tags.clone()),
            ("sts", "transitivetagkeys", None) => {
                return super::many(self.parameters().transitive_tags.clone());
            }
            ("sts", "sourceidentity", Some(web)) => return web.source_identity.as_deref().map(Values::one),
            ("iam", "permissionsboundary", _) => return self.permissions_boundary(),
            ("iam", "passedtoservice" | "associatedresourcearn", _) => return self.passed_role(name),
            ("organizations", "policytype", _) => return self.policy_type(),
            _ => {}
        }
        let (_, _, member) = MEMBERS.iter().find(|(of, key, _)| *of == service && *key == name)?;
        self.parameters().member(member).map(Values::one)
    }

    /// The boundary that a request sets, and where it sets none, the present one of the user or role that it is about:
    /// who delegates lets others change only who is bounded so.
    ///
    /// Source: IAM User Guide, "Permissions boundaries for IAM entities", "Delegating responsibility to others using
    /// permissions boundaries"; "IAM and AWS STS condition context keys", `iam:PermissionsBoundary`.
    fn permissions_boundary(&self) -> Option<Values<'_>> {
        if let Some(asked) = self.parameters().member("PermissionsBoundary") {
            return Some(Values::one(asked));
        }
        // What is to be made has none yet, whoever else has its name.
        let is_about_present = !self.action.starts_with("iam:Create") && self.has("iam:PermissionsBoundary");
        let details = self.resource.details.filter(|_| is_about_present)?;
        details.facts.boundary.as_deref().map(Values::one)
    }

    /// Roles are passed to EC2 alone, within an instance profile; for which instance is not known then.
    ///
    /// Source: IAM User Guide, "IAM and AWS STS condition context keys", `iam:AssociatedResourceArn`: of
    /// AddRoleToInstanceProfile "the ARN value must be arn:aws:ec2:*:CallerAccountId:instance/*".
    fn passed_role(&self, name: &str) -> Option<Values<'_>> {
        if self.action != "iam:PassRole" || self.operation != "AddRoleToInstanceProfile" {
            return None;
        }
        if name == "passedtoservice" {
            return Some(Values::one("ec2.amazonaws.com"));
        }
        let account = self.caller.account()?.to_string();
        Some(text(&Arn::new("ec2", "*", &account, "instance/*")))
    }

    /// The type of policy that a request names, or that the policy has which it is about.
    fn policy_type(&self) -> Option<Values<'_>> {
        if !self.has("organizations:PolicyType") {
            return None;
        }
        let named = POLICY_TYPES.iter().find_map(|member| self.parameters().member(member));
        named.or(self.resource.details?.policy_type.as_deref()).map(Values::one)
    }

    /// Whether the action has this key.
    fn has(&self, key: &str) -> bool {
        let action =
            self.action.split_once(':').and_then(|(prefix, name)| generated::service(prefix)?.action(name));
        action.is_some_and(|action| {
            let of_types = action.on.iter().flat_map(|on| on.condition_keys);
            action.condition_keys.iter().chain(of_types).any(|known| *known == key)
        })
    }
}
