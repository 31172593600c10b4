//! Actions and resources of STS.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Security Token Service".

use strongroom_types::Arn;

use super::{Access, Resource, action_of};
use crate::generated::STS;
use crate::{Caller, Target};

pub(super) fn requirements(operation: &str, target: &Target, caller: &Caller) -> Vec<Access> {
    let resource = match operation {
        // "No permissions are required". Source: STS API Reference, GetCallerIdentity; IAM User Guide, "Granting
        // permissions to create temporary security credentials", of GetSessionToken.
        "GetCallerIdentity" | "GetSessionToken" => Resource::Caller,
        "AssumeRole" | "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity" => {
            target.parameters.member("RoleArn").map_or(Resource::Account, Resource::of_arn)
        }
        "AssumeRoot" => target.parameters.member("TargetPrincipal").map_or(Resource::Account, root),
        "GetFederationToken" => federated_user(target, caller).map_or(Resource::Account, Resource::Arn),
        _ => Resource::Account,
    };
    let mut all = vec![Access::new(action_of(&STS, "sts:*", operation), resource.clone())];
    if matches!(resource, Resource::Arn(_)) {
        all.extend(passed_on(target, caller).map(|action| Access::new(action, resource.clone())));
    }
    all
}

/// What a session hands on needs an action of its own, whether the request names it, an earlier session or a token.
/// Source: IAM User Guide, "Pass session tags in AWS STS" and "Monitor and control actions taken with assumed roles".
fn passed_on(target: &Target, caller: &Caller) -> impl Iterator<Item = &'static str> {
    let parameters = &target.parameters;
    let session = caller.session();
    let web = if let Caller::WebIdentity(web) = caller { Some(web) } else { None };
    let tags = !parameters.tags.is_empty()
        || session.is_some_and(|session| !session.transitive_tags.is_empty())
        || web.is_some_and(|web| !web.tags.is_empty());
    let identity = parameters.member("SourceIdentity").is_some()
        || session.is_some_and(|session| session.source_identity.is_some())
        || web.is_some_and(|web| web.source_identity.is_some());
    [(tags, "sts:TagSession"), (identity, "sts:SetSourceIdentity")]
        .into_iter()
        .filter_map(|(asked, action)| asked.then_some(action))
}

/// The root user of an account, which is named by its ARN or by the account's id.
fn root(principal: &str) -> Resource {
    if principal.starts_with("arn:") {
        return Resource::of_arn(principal);
    }
    Resource::Arn(Arn::new("iam", "", principal, "root"))
}

fn federated_user(target: &Target, caller: &Caller) -> Option<Arn> {
    let name = target.parameters.member("Name")?;
    Some(Arn::new("sts", "", &caller.account()?.to_string(), &format!("federated-user/{name}")))
}
