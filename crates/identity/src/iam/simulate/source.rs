//! Policies with their texts, as simulations and reports on access look at them.

use strongroom_api_iam as api;
use strongroom_policy::{Document, Kind as PolicyKind, Policy};

use super::super::entity::{Entity as _, Held, Holder};
use super::super::error::IamError;
use super::super::policy::{self, Managed};
use super::super::row::{self, GroupRow, RoleRow, UserRow, VersionRow};
use super::super::view::View;

/// A policy and where it comes from.
pub(crate) struct SourcePolicy {
    /// Its name, or its place in the request's list.
    pub(crate) id: String,
    pub(crate) kind: api::PolicySourceType,
    /// Its ARN, if it is managed.
    pub(crate) arn: Option<String>,
    /// Whose it is: name of the user, group or role on which it hangs.
    pub(crate) holder: Option<(api::PolicyOwnerEntityType, String)>,
    pub(crate) document: Document,
    pub(crate) policy: Policy,
}

impl SourcePolicy {
    fn new(id: String, kind: api::PolicySourceType, document: Document) -> Self {
        let policy = Policy::compile(&document);
        Self { id, kind, arn: None, holder: None, document, policy }
    }

    /// One of a request.
    ///
    /// # Errors
    /// `InvalidInput` with what is wrong and where.
    pub(super) fn given(id: String, kind: PolicyKind, text: &str) -> Result<Self, IamError> {
        let of_resource = kind == PolicyKind::Bucket;
        let source = if of_resource { api::PolicySourceType::Resource } else { api::PolicySourceType::None };
        let document = Document::parse(text.as_bytes(), kind)
            .map_err(|error| IamError::BadInput(format!("{id}: {error}")))?;
        Ok(Self::new(id, source, document))
    }
}

fn damaged<E>(_: E) -> IamError {
    IamError::Identity(crate::IdentityError::Damaged)
}

/// A user, group or role.
pub(crate) enum Bearer {
    User(UserRow),
    Group(GroupRow),
    Role(RoleRow),
}

impl Bearer {
    /// The user, group or role of this account that an ARN names.
    ///
    /// # Errors
    /// `NoSuchEntity`; `InvalidInput` for an ARN of something else.
    pub(crate) async fn of_arn(view: &View, arn: &str) -> Result<Self, IamError> {
        let bad = || IamError::Arn(arn.to_owned());
        let rest = arn.strip_prefix(&format!("arn:aws:iam::{}:", view.account)).ok_or_else(bad)?;
        let (kind, place) = rest.split_once('/').ok_or_else(bad)?;
        let name = place.rsplit('/').next().unwrap_or(place);
        let found = match kind {
            "user" => Self::User(view.named(name).await?),
            "group" => Self::Group(view.named(name).await?),
            "role" => Self::Role(view.named(name).await?),
            _ => return Err(bad()),
        };
        if found.arn(view) == arn { Ok(found) } else { Err(bad()) }
    }

    pub(crate) fn arn(&self, view: &View) -> String {
        match self {
            Self::User(user) => user.arn(view.account),
            Self::Group(group) => group.arn(view.account),
            Self::Role(role) => role.arn(view.account),
        }
    }

    pub(crate) fn held(&self) -> &Held {
        match self {
            Self::User(user) => &user.held,
            Self::Group(group) => &group.held,
            Self::Role(role) => &role.held,
        }
    }

    /// Its own policies, and its groups'.
    pub(crate) async fn policies(&self, view: &View) -> Result<Vec<SourcePolicy>, IamError> {
        use api::{PolicyOwnerEntityType as Owner, PolicySourceType as Source};
        let mut all = Vec::new();
        match self {
            Self::User(user) => {
                hung(view, user, (Source::User, Owner::User), &mut all).await?;
                for id in &user.groups {
                    // One that was deleted since its member was read is not there.
                    if let Some(group) = view.entity::<GroupRow>(id).await? {
                        hung(view, &group, (Source::Group, Owner::Group), &mut all).await?;
                    }
                }
            }
            Self::Group(group) => hung(view, group, (Source::Group, Owner::Group), &mut all).await?,
            Self::Role(role) => hung(view, role, (Source::Role, Owner::Role), &mut all).await?,
        }
        Ok(all)
    }

    /// Its permissions boundary.
    pub(super) async fn boundary(&self, view: &View) -> Result<Option<SourcePolicy>, IamError> {
        match &self.held().boundary {
            Some(arn) => managed(view, arn).await,
            None => Ok(None),
        }
    }
}

/// The policies that hang on an entity itself.
async fn hung<E: Holder>(
    view: &View,
    entity: &E,
    (source, owner): (api::PolicySourceType, api::PolicyOwnerEntityType),
    all: &mut Vec<SourcePolicy>,
) -> Result<(), IamError> {
    let holder = Some((owner, entity.core().name.clone()));
    for arn in &entity.held().attached {
        let found = managed(view, arn).await?;
        all.extend(found.map(|found| SourcePolicy { holder: holder.clone(), ..found }));
    }
    for entry in &entity.held().inline {
        let text: Option<String> = view.get(&row::inline(&entity.core().id, &entry.name)).await?;
        let Some(text) = text else { continue };
        let document = Document::stored(&text, E::INLINE).map_err(damaged)?;
        let policy = SourcePolicy::new(entry.name.clone(), source, document);
        all.push(SourcePolicy { holder: holder.clone(), ..policy });
    }
    Ok(())
}

/// The default version of a managed policy, if it is there.
pub(crate) async fn managed(view: &View, arn: &str) -> Result<Option<SourcePolicy>, IamError> {
    let (id, kind, text) = match policy::resolve(view, arn).await? {
        None => return Ok(None),
        Some(Managed::Aws(policy)) => {
            (policy.name.to_owned(), api::PolicySourceType::AwsManaged, policy.document.to_owned())
        }
        Some(Managed::Customer(policy)) => {
            let key = row::version(&policy.core.id, policy.default_version);
            let Some(version) = view.get::<VersionRow>(&key).await? else { return Ok(None) };
            (policy.core.name, api::PolicySourceType::UserManaged, version.document)
        }
    };
    let document = Document::stored(&text, PolicyKind::Managed).map_err(damaged)?;
    Ok(Some(SourcePolicy { arn: Some(arn.to_owned()), ..SourcePolicy::new(id, kind, document) }))
}
