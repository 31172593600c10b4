//! Actions and resources of EC2, as far as they are about VPCs and their endpoints.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".

use super::{Access, Resource, action_of};
use crate::Target;
use crate::generated::EC2;

/// Operations that have resources of their own here, for the page of permissions.
#[cfg(test)]
pub(super) const WITH_RESOURCES: [&str; 9] = [
    "CreateTags",
    "CreateVpc",
    "CreateVpcEndpoint",
    "DeleteTags",
    "DeleteVpc",
    "DeleteVpcEndpoints",
    "DescribeVpcAttribute",
    "ModifyVpcAttribute",
    "ModifyVpcEndpoint",
];

pub(super) fn requirements(operation: &str, target: &Target) -> Vec<Access> {
    let action = action_of(&EC2, "ec2:*", operation);
    let member = |name: &str| target.parameters.member(name).unwrap_or("*");
    let vpc = || on("vpc", member("VpcId"));
    let mut all = match operation {
        "CreateVpc" => vec![Access::new(action, on("vpc", "*"))],
        "DeleteVpc" | "DescribeVpcAttribute" | "ModifyVpcAttribute" => vec![Access::new(action, vpc())],
        "CreateVpcEndpoint" => {
            vec![Access::new(action, on("vpc-endpoint", "*")), Access::new(action, vpc())]
        }
        "ModifyVpcEndpoint" => vec![Access::new(action, on("vpc-endpoint", member("VpcEndpointId")))],
        "DeleteVpcEndpoints" | "CreateTags" | "DeleteTags" if !target.ids.is_empty() => {
            target.ids.iter().map(|id| Access::new(action, by_id(id))).collect()
        }
        _ => vec![Access::new(action, Resource::Account)],
    };
    // "If tags are specified in the resource-creating action, Amazon performs additional authorization on the
    // ec2:CreateTags action." Source: EC2 User Guide, "Grant permission to tag resources on creation".
    if !target.parameters.tags.is_empty()
        && let Some(made) = match operation {
            "CreateVpc" => Some("vpc"),
            "CreateVpcEndpoint" => Some("vpc-endpoint"),
            _ => None,
        }
    {
        all.push(Access::new("ec2:CreateTags", on(made, "*")));
    }
    all
}

fn on(kind: &'static str, id: &str) -> Resource {
    Resource::Regional { service: "ec2", resource: format!("{kind}/{id}") }
}

/// What an id is of, its prefix says. What has another is not built, and is asked for as everything.
fn by_id(id: &str) -> Resource {
    match id.rsplit_once('-') {
        Some(("vpc", _)) => on("vpc", id),
        Some(("vpce", _)) => on("vpc-endpoint", id),
        _ => Resource::Account,
    }
}
