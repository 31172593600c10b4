//! What the tree is made of: the root, units, and accounts as its leaves.

use strongroom_api_organizations::TargetType;

use crate::kind::PolicyKind;
use crate::row::{AttachmentRow, MemberRow, OrganizationRow, RootRow, TagRow, UnitRow};

/// The root, a unit, or an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Root(RootRow),
    Unit(UnitRow),
    Account(MemberRow),
}

impl Node {
    /// Its id.
    pub(crate) fn id<'a>(&'a self, organization: &'a OrganizationRow) -> &'a str {
        match self {
            Self::Root(_) => &organization.root,
            Self::Unit(unit) => &unit.id,
            Self::Account(member) => &member.id,
        }
    }

    /// Its ARN.
    pub(crate) fn arn(&self, organization: &OrganizationRow) -> String {
        match self {
            Self::Root(_) => organization.root_arn(),
            Self::Unit(unit) => organization.unit_arn(&unit.id),
            Self::Account(member) => organization.account_arn(&member.id),
        }
    }

    /// The root or unit in which it lies.
    pub(crate) fn parent(&self) -> Option<&str> {
        match self {
            Self::Root(_) => None,
            Self::Unit(unit) => Some(&unit.parent),
            Self::Account(member) => Some(&member.parent),
        }
    }

    /// The policies on it.
    pub(crate) fn attached(&self) -> &Vec<AttachmentRow> {
        match self {
            Self::Root(root) => &root.attached,
            Self::Unit(unit) => &unit.attached,
            Self::Account(member) => &member.attached,
        }
    }

    /// As [`Node::attached`].
    pub(crate) fn attached_mut(&mut self) -> &mut Vec<AttachmentRow> {
        match self {
            Self::Root(root) => &mut root.attached,
            Self::Unit(unit) => &mut unit.attached,
            Self::Account(member) => &mut member.attached,
        }
    }

    /// Ids of the policies of a type on it.
    pub(crate) fn policies(&self, kind: PolicyKind) -> impl Iterator<Item = &str> {
        self.attached().iter().filter(move |row| row.kind == kind).map(|row| row.policy.as_str())
    }

    /// Its tags.
    pub(crate) fn tags(&self) -> &[TagRow] {
        match self {
            Self::Root(root) => &root.tags,
            Self::Unit(unit) => &unit.tags,
            Self::Account(member) => &member.tags,
        }
    }

    /// As [`Node::tags`].
    pub(crate) fn tags_mut(&mut self) -> &mut Vec<TagRow> {
        match self {
            Self::Root(root) => &mut root.tags,
            Self::Unit(unit) => &mut unit.tags,
            Self::Account(member) => &mut member.tags,
        }
    }

    /// As answers call it.
    pub(crate) fn target_type(&self) -> TargetType {
        match self {
            Self::Root(_) => TargetType::Root,
            Self::Unit(_) => TargetType::OrganizationalUnit,
            Self::Account(_) => TargetType::Account,
        }
    }
}
