//! Organizational units, and the tree. Source: Organizations API Reference.

use strongroom_api_organizations as api;
use strongroom_api_organizations::ConstraintViolationExceptionReason as Constraint;

use crate::error::{Clash, Missing, OrganizationsError, limit};
use crate::node::Node;
use crate::page::{Cut, Page};
use crate::row::{self, ChildKind, UnitRow, suffix};
use crate::service::defaults;
use crate::view::{Change, View};
use crate::{id, limits, tag};

async fn shape(view: &View, unit: UnitRow) -> Result<api::OrganizationalUnit, OrganizationsError> {
    Ok(api::OrganizationalUnit {
        arn: Some(view.organization.unit_arn(&unit.id)),
        path: Some(format!("{}{}/", view.entity_path(&unit.parent).await?, unit.id)),
        id: Some(unit.id),
        name: Some(unit.name),
    })
}

pub(crate) async fn create_organizational_unit(
    change: &mut Change,
    input: &api::CreateOrganizationalUnitInput,
) -> Result<api::CreateOrganizationalUnitOutput, OrganizationsError> {
    if !change.view.has_parent(&input.parent_id).await? {
        return Err(Missing::Parent.into());
    }
    // The root is no unit.
    if change.view.path(&input.parent_id).await?.len() > limits::UNIT_DEPTH {
        return Err(limit(
            Constraint::OuDepthLimitExceeded,
            limits::UNIT_DEPTH,
            "levels of organizational units",
        ));
    }
    if change.view.organization.units >= limits::UNITS {
        return Err(limit(Constraint::OuNumberLimitExceeded, limits::UNITS, "organizational units"));
    }
    take_name(change, &input.parent_id, &input.name, None).await?;
    let unit = UnitRow {
        id: id::unit(&change.view.organizations.identity, &change.view.organization.root),
        name: input.name.clone(),
        parent: input.parent_id.clone(),
        attached: defaults(&change.view.organization),
        tags: tag::new_tags(input.tags.as_deref())?,
        created_millis: change.view.now.as_millis(),
    };
    let organization = &mut change.view.organization;
    organization.units = organization.units.saturating_add(1);
    change.put(row::unit_name(&unit.parent, &unit.name), &unit.id);
    change.mark(row::child(&unit.parent, ChildKind::Unit, &unit.id));
    for attached in &unit.attached {
        change.mark(row::target(&attached.policy, &unit.id));
    }
    change.save(&Node::Unit(unit.clone()))?;
    let shape = shape(&change.view, unit).await?;
    Ok(api::CreateOrganizationalUnitOutput { organizational_unit: Some(Box::new(shape)) })
}

/// Makes sure that no other unit of the parent has a name.
async fn take_name(
    change: &Change,
    parent: &str,
    name: &str,
    own: Option<&str>,
) -> Result<(), OrganizationsError> {
    let holder: Option<String> = change.view.get(&row::unit_name(parent, name)).await?;
    match holder {
        Some(holder) if Some(holder.as_str()) != own => Err(Clash::UnitExists.into()),
        Some(_) | None => Ok(()),
    }
}

pub(crate) async fn update_organizational_unit(
    change: &mut Change,
    input: &api::UpdateOrganizationalUnitInput,
) -> Result<api::UpdateOrganizationalUnitOutput, OrganizationsError> {
    let mut unit = change.view.unit(&input.organizational_unit_id).await?;
    if let Some(name) = input.name.as_deref().filter(|name| *name != unit.name) {
        take_name(change, &unit.parent, name, Some(&unit.id)).await?;
        change.delete(row::unit_name(&unit.parent, &unit.name));
        change.put(row::unit_name(&unit.parent, name), &unit.id);
        name.clone_into(&mut unit.name);
        change.save(&Node::Unit(unit.clone()))?;
    }
    let shape = shape(&change.view, unit).await?;
    Ok(api::UpdateOrganizationalUnitOutput { organizational_unit: Some(Box::new(shape)) })
}

pub(crate) async fn delete_organizational_unit(
    change: &mut Change,
    input: &api::DeleteOrganizationalUnitInput,
) -> Result<api::DeleteOrganizationalUnitOutput, OrganizationsError> {
    let unit = change.view.unit(&input.organizational_unit_id).await?;
    for kind in [ChildKind::Account, ChildKind::Unit] {
        if change.view.any(&row::children(&unit.id, kind)).await? {
            return Err(Clash::UnitNotEmpty.into());
        }
    }
    for attached in &unit.attached {
        change.delete(row::target(&attached.policy, &unit.id));
    }
    change.delete(row::child(&unit.parent, ChildKind::Unit, &unit.id));
    change.delete(row::unit_name(&unit.parent, &unit.name));
    change.delete(row::unit(&unit.id));
    change.touch(change.view.organization.unit_arn(&unit.id));
    let organization = &mut change.view.organization;
    organization.units = organization.units.saturating_sub(1);
    Ok(api::DeleteOrganizationalUnitOutput {})
}

pub(crate) async fn describe_organizational_unit(
    view: &View,
    input: &api::DescribeOrganizationalUnitInput,
) -> Result<api::DescribeOrganizationalUnitOutput, OrganizationsError> {
    let unit = view.unit(&input.organizational_unit_id).await?;
    let shape = shape(view, unit).await?;
    Ok(api::DescribeOrganizationalUnitOutput { organizational_unit: Some(Box::new(shape)) })
}

/// Ids of what lies in a root or unit.
pub(crate) async fn children(
    view: &View,
    parent: &str,
    kind: ChildKind,
    page: &Page,
) -> Result<Cut<String>, OrganizationsError> {
    if !view.has_parent(parent).await? {
        return Err(Missing::Parent.into());
    }
    let prefix = row::children(parent, kind);
    page.rows(view, &prefix, |entry| suffix(&prefix, entry).map(Some)).await
}

pub(crate) async fn list_organizational_units_for_parent(
    view: &View,
    input: &api::ListOrganizationalUnitsForParentInput,
) -> Result<api::ListOrganizationalUnitsForParentOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let cut = children(view, &input.parent_id, ChildKind::Unit, &page).await?;
    let mut units = Vec::with_capacity(cut.items.len());
    for id in &cut.items {
        // One that was deleted since the list was read is not there.
        if let Some(unit) = view.get(&row::unit(id)).await? {
            units.push(shape(view, unit).await?);
        }
    }
    let next_token = cut.next_token;
    Ok(api::ListOrganizationalUnitsForParentOutput { organizational_units: Some(units), next_token })
}

pub(crate) async fn list_children(
    view: &View,
    input: &api::ListChildrenInput,
) -> Result<api::ListChildrenOutput, OrganizationsError> {
    let page = Page::of(input.next_token.as_deref(), input.max_results)?;
    let kind = match input.child_type {
        Some(api::ChildType::OrganizationalUnit) => ChildKind::Unit,
        Some(api::ChildType::Account) | None => ChildKind::Account,
    };
    let cut = children(view, &input.parent_id, kind, &page).await?;
    let child = |id| api::Child { id: Some(id), r#type: input.child_type };
    let children = cut.items.into_iter().map(child).collect();
    Ok(api::ListChildrenOutput { children: Some(children), next_token: cut.next_token })
}

pub(crate) async fn list_parents(
    view: &View,
    input: &api::ListParentsInput,
) -> Result<api::ListParentsOutput, OrganizationsError> {
    let node = view.node(&input.child_id).await?;
    let parent = node.as_ref().and_then(Node::parent).ok_or(Missing::Child)?;
    let is_root = parent == view.organization.root;
    let r#type = if is_root { api::ParentType::Root } else { api::ParentType::OrganizationalUnit };
    let parent = api::Parent { id: Some(parent.to_owned()), r#type: Some(r#type) };
    Ok(api::ListParentsOutput { parents: Some(vec![parent]), next_token: None })
}
