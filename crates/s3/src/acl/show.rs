//! Lists and owners as answers show them.

use strongroom_api_s3::{Grant, Grantee, Owner, Permission, Type};
use strongroom_gate::{AccessControlList, AclEntry, AclGrantee, AclPermission};
use strongroom_types::CanonicalUserId;

use super::asked::GROUPS;

/// An owner. `DisplayName` is no longer sent, as AWS stopped doing so in 2025.
pub(crate) fn shown_owner(id: CanonicalUserId) -> Owner {
    Owner { display_name: None, id: Some(id.to_string()) }
}

/// The entries of a list.
pub(crate) fn shown_grants(list: &AccessControlList) -> Vec<Grant> {
    list.entries.iter().map(shown).collect()
}

fn shown(entry: &AclEntry) -> Grant {
    let group = GROUPS.iter().find(|(group, _)| *group == entry.grantee).map(|(_, uri)| (*uri).to_owned());
    let grantee = match entry.grantee {
        AclGrantee::User(id) => {
            Grantee { id: Some(id.to_string()), r#type: Some(Type::CanonicalUser), ..Grantee::default() }
        }
        AclGrantee::AllUsers | AclGrantee::AuthenticatedUsers | AclGrantee::LogDelivery => {
            Grantee { uri: group, r#type: Some(Type::Group), ..Grantee::default() }
        }
    };
    let permission = match entry.permission {
        AclPermission::Read => Permission::Read,
        AclPermission::Write => Permission::Write,
        AclPermission::ReadAcp => Permission::ReadAcp,
        AclPermission::WriteAcp => Permission::WriteAcp,
        AclPermission::FullControl => Permission::FullControl,
    };
    Grant { grantee: Some(Box::new(grantee)), permission: Some(permission) }
}
