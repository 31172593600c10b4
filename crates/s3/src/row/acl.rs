//! Access control lists and owners, in the rows of buckets, objects and uploads.

use minicbor::{Decode, Encode};
use strongroom_gate::{AccessControlList, AclEntry, AclGrantee, AclPermission, ObjectOwner};
use strongroom_types::{AccountId, CanonicalUserId, Malformed};

/// The account that owns an object, where that is not the bucket's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct OwnerRow {
    /// The account.
    #[n(0)]
    pub account: String,
    /// Its canonical user id, 32 bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub canonical: [u8; 32],
}

/// A list. Where a row has none, the owner has full control and nobody else anything.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct AclRow(#[n(0)] pub Vec<GrantRow>);

/// One entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct GrantRow {
    /// Whom it names.
    #[n(0)]
    pub grantee: GranteeRow,
    /// What it allows.
    #[n(1)]
    pub permission: PermissionRow,
}

/// Whom an entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum GranteeRow {
    /// An account, by its canonical user id.
    #[n(0)]
    User(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]),
    /// Everybody.
    #[n(1)]
    AllUsers,
    /// Everybody who signs.
    #[n(2)]
    AuthenticatedUsers,
    /// What delivers server access logs.
    #[n(3)]
    LogDelivery,
}

/// What an entry allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PermissionRow {
    /// READ.
    #[n(0)]
    Read,
    /// WRITE.
    #[n(1)]
    Write,
    /// `READ_ACP`.
    #[n(2)]
    ReadAcp,
    /// `WRITE_ACP`.
    #[n(3)]
    WriteAcp,
    /// `FULL_CONTROL`.
    #[n(4)]
    FullControl,
}

impl OwnerRow {
    /// The owner, parsed.
    ///
    /// # Errors
    /// [`Malformed`] only for a row that this code did not write.
    pub fn parsed(&self) -> Result<ObjectOwner, Malformed> {
        let canonical = CanonicalUserId::from_bytes(self.canonical);
        Ok(ObjectOwner { account: AccountId::parse(&self.account)?, canonical })
    }
}

impl From<ObjectOwner> for OwnerRow {
    fn from(owner: ObjectOwner) -> Self {
        Self { account: owner.account.to_string(), canonical: *owner.canonical.as_bytes() }
    }
}

impl From<&AccessControlList> for AclRow {
    fn from(list: &AccessControlList) -> Self {
        let grant = |entry: &AclEntry| GrantRow {
            grantee: match entry.grantee {
                AclGrantee::User(id) => GranteeRow::User(*id.as_bytes()),
                AclGrantee::AllUsers => GranteeRow::AllUsers,
                AclGrantee::AuthenticatedUsers => GranteeRow::AuthenticatedUsers,
                AclGrantee::LogDelivery => GranteeRow::LogDelivery,
            },
            permission: match entry.permission {
                AclPermission::Read => PermissionRow::Read,
                AclPermission::Write => PermissionRow::Write,
                AclPermission::ReadAcp => PermissionRow::ReadAcp,
                AclPermission::WriteAcp => PermissionRow::WriteAcp,
                AclPermission::FullControl => PermissionRow::FullControl,
            },
        };
        Self(list.entries.iter().map(grant).collect())
    }
}

impl From<&AclRow> for AccessControlList {
    fn from(row: &AclRow) -> Self {
        let entry = |grant: &GrantRow| {
            let grantee = match grant.grantee {
                GranteeRow::User(id) => AclGrantee::User(CanonicalUserId::from_bytes(id)),
                GranteeRow::AllUsers => AclGrantee::AllUsers,
                GranteeRow::AuthenticatedUsers => AclGrantee::AuthenticatedUsers,
                GranteeRow::LogDelivery => AclGrantee::LogDelivery,
            };
            let permission = match grant.permission {
                PermissionRow::Read => AclPermission::Read,
                PermissionRow::Write => AclPermission::Write,
                PermissionRow::ReadAcp => AclPermission::ReadAcp,
                PermissionRow::WriteAcp => AclPermission::WriteAcp,
                PermissionRow::FullControl => AclPermission::FullControl,
            };
            (grantee, permission)
        };
        row.0.iter().map(entry).collect()
    }
}
