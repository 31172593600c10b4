//! Which types of policy are in force. Source: Organizations API Reference, EnablePolicyType and DisablePolicyType;
//! Organizations User Guide, "Enabling a policy type" and "Disabling a policy type".

use strongroom_api_organizations as api;

use crate::attachment::reset;
use crate::error::{Clash, Missing, OrganizationsError};
use crate::kind::{AwsPolicy, PolicyKind};
use crate::limits;
use crate::node::Node;
use crate::organization::root;
use crate::policy::kind_of;
use crate::row::{MEMBERS, MemberRow, ROOT, UNITS, UnitRow, decode};
use crate::view::{Change, View};

pub(crate) async fn enable_policy_type(
    change: &mut Change,
    input: &api::EnablePolicyTypeInput,
) -> Result<api::EnablePolicyTypeOutput, OrganizationsError> {
    check_root(&change.view, &input.root_id)?;
    let kind = kind_of(input.policy_type)?;
    if change.view.organization.has(kind) {
        return Err(Clash::TypeEnabled.into());
    }
    // "When you enable a policy type, the full access policy is attached to the root and every OU and account."
    reset_all(change, kind, kind.default_policy()).await?;
    let enabled = &mut change.view.organization.enabled;
    enabled.push(kind);
    enabled.sort_unstable();
    Ok(api::EnablePolicyTypeOutput { root: Some(Box::new(root(&change.view.organization))) })
}

/// "All policies of the type are detached from all entities in the root, and cannot be brought back by enabling it
/// again."
pub(crate) async fn disable_policy_type(
    change: &mut Change,
    input: &api::DisablePolicyTypeInput,
) -> Result<api::DisablePolicyTypeOutput, OrganizationsError> {
    check_root(&change.view, &input.root_id)?;
    let kind = kind_of(input.policy_type)?;
    if !change.view.organization.has(kind) {
        return Err(Clash::TypeNotEnabled.into());
    }
    reset_all(change, kind, None).await?;
    change.view.organization.enabled.retain(|enabled| *enabled != kind);
    Ok(api::DisablePolicyTypeOutput { root: Some(Box::new(root(&change.view.organization))) })
}

fn check_root(view: &View, id: &str) -> Result<(), OrganizationsError> {
    if view.organization.root == id { Ok(()) } else { Err(Missing::Root.into()) }
}

/// Quotas bound how much one commit rewrites: so many accounts and units of some hundred bytes each.
async fn reset_all(
    change: &mut Change,
    kind: PolicyKind,
    default: Option<&AwsPolicy>,
) -> Result<(), OrganizationsError> {
    let mut root = Node::Root(change.view.must(ROOT).await?);
    reset(change, &mut root, kind, default)?;
    for prefix in [UNITS, MEMBERS] {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = change.view.scan(prefix, after.as_deref(), limits::SCAN_ROWS).await?;
            for entry in &rows {
                let mut node = if prefix == UNITS {
                    Node::Unit(decode::<UnitRow>(&entry.row.value)?)
                } else {
                    Node::Account(decode::<MemberRow>(&entry.row.value)?)
                };
                reset(change, &mut node, kind, default)?;
                after = Some(entry.key.get(prefix.len()..).unwrap_or_default().to_vec());
            }
            if rows.len() < limits::SCAN_ROWS {
                break;
            }
        }
    }
    // Where nothing hung on anything the organisation changes all the same.
    change.save(&root)
}
