//! Keys of IAM, STS and Organizations.

use strongroom_policy::Values;

use super::{RequestContext, tag};

/// Keys that are members of the request, as (service, key in lower case, member).
const MEMBERS: [(&str, &str, &str); 10] = [
    ("iam", "awsservicename", "AWSServiceName"),
    ("iam", "permissionsboundary", "PermissionsBoundary"),
    ("iam", "policyarn", "PolicyArn"),
    ("sts", "awsservicename", "AWSServiceName"),
    ("sts", "externalid", "ExternalId"),
    ("sts", "rolesessionname", "RoleSessionName"),
    ("sts", "sourceidentity", "SourceIdentity"),
    ("organizations", "policytype", "PolicyType"),
    ("organizations", "serviceprincipal", "ServicePrincipal"),
    ("sts", "durationseconds", "DurationSeconds"),
];

impl RequestContext<'_> {
    pub(super) fn iam(&self, service: &str, name: &str) -> Option<Values<'_>> {
        if let Some((family, key)) = name.split_once('/') {
            return match family {
                "resourcetag" => tag(self.resource.tags, key),
                _ => None,
            };
        }
        match (service, name, self.web_identity()) {
            ("sts", "transitivetagkeys", Some(web)) => return super::many(web.transitive_tags.clone()),
            ("sts", "transitivetagkeys", None) => {
                return super::many(self.parameters().transitive_tags.clone());
            }
            ("sts", "sourceidentity", Some(web)) => return web.source_identity.as_deref().map(Values::one),
            _ => {}
        }
        let (_, _, member) = MEMBERS.iter().find(|(of, key, _)| *of == service && *key == name)?;
        self.parameters().member(member).map(Values::one)
    }
}
