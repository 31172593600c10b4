//! Access control lists, as decisions read them.
//!
//! Source: S3 User Guide, "Access control list (ACL) overview".

use strongroom_policy::evaluate::AclGrant;
use strongroom_storage::RowVersion;
use strongroom_types::{AccountId, CanonicalUserId};

use crate::Caller;

/// Whom an entry of a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AclGrantee {
    /// An account, by its canonical user id.
    User(CanonicalUserId),
    /// Everybody.
    AllUsers,
    /// Everybody who signs, whatever his account.
    AuthenticatedUsers,
    /// What delivers server access logs.
    LogDelivery,
}

impl AclGrantee {
    /// Whether this is one of the groups that make a list public.
    ///
    /// Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of 'public'".
    pub fn is_public(self) -> bool {
        matches!(self, Self::AllUsers | Self::AuthenticatedUsers)
    }
}

/// What an entry of a list allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AclPermission {
    /// To list a bucket, to read an object.
    Read,
    /// To put objects into a bucket.
    Write,
    /// To read the list.
    ReadAcp,
    /// To replace the list.
    WriteAcp,
    /// All of these.
    FullControl,
}

/// One entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AclEntry {
    /// Whom it names.
    pub grantee: AclGrantee,
    /// What it allows.
    pub permission: AclPermission,
}

/// The list of a bucket or an object. It only grants; who owns the thing is known beside it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessControlList {
    /// In the order in which they were given.
    pub entries: Vec<AclEntry>,
}

impl AccessControlList {
    /// What every bucket and object has to which nothing else was said: its owner's full control.
    pub fn private(owner: CanonicalUserId) -> Self {
        Self::from_iter([(AclGrantee::User(owner), AclPermission::FullControl)])
    }

    /// Whether it is nothing but that.
    pub fn is_private(&self, owner: CanonicalUserId) -> bool {
        *self == Self::private(owner)
    }

    /// Whether it gives anything to everybody, or to everybody who signs.
    pub fn is_public(&self) -> bool {
        self.entries.iter().any(|entry| entry.grantee.is_public())
    }

    /// Whether anybody but `owner` is given anything.
    pub fn grants_others(&self, owner: CanonicalUserId) -> bool {
        self.entries.iter().any(|entry| entry.grantee != AclGrantee::User(owner))
    }

    /// What it comes to while IgnorePublicAcls is on: public entries count for nothing.
    #[must_use]
    pub fn without_public(mut self) -> Self {
        self.entries.retain(|entry| !entry.grantee.is_public());
        self
    }

    /// What it gives a caller.
    pub(crate) fn grant(&self, caller: &Caller, wanted: AclPermission, ignore_public: bool) -> AclGrant {
        let mut found = AclGrant::None;
        for entry in &self.entries {
            if entry.permission != wanted && entry.permission != AclPermission::FullControl {
                continue;
            }
            match entry.grantee {
                AclGrantee::User(id) if caller.canonical() == Some(id) && found == AclGrant::None => {
                    found = AclGrant::Account;
                }
                AclGrantee::AllUsers if !ignore_public => found = AclGrant::Group,
                AclGrantee::AuthenticatedUsers if !ignore_public && caller.canonical().is_some() => {
                    found = AclGrant::Group;
                }
                AclGrantee::User(_)
                | AclGrantee::AllUsers
                | AclGrantee::AuthenticatedUsers
                // The store's own workers are decided on as such, not by lists.
                | AclGrantee::LogDelivery => {}
            }
        }
        found
    }
}

impl FromIterator<(AclGrantee, AclPermission)> for AccessControlList {
    fn from_iter<I: IntoIterator<Item = (AclGrantee, AclPermission)>>(entries: I) -> Self {
        let entry = |(grantee, permission)| AclEntry { grantee, permission };
        Self { entries: entries.into_iter().map(entry).collect() }
    }
}

/// Whether lists have a say on a bucket and its objects.
///
/// Source: S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BucketAcls {
    /// BucketOwnerEnforced: the bucket's owner owns every object, and no list is looked at.
    #[default]
    Disabled,
    /// BucketOwnerPreferred and ObjectWriter: the bucket's list, and each object's.
    Enabled(AccessControlList),
}

/// The account that owns an object, where it is not the bucket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectOwner {
    /// The account.
    pub account: AccountId,
    /// Its canonical user id.
    pub canonical: CanonicalUserId,
}

/// What a decision needs to know of an object in a bucket whose lists have a say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectAccess {
    /// Its owner; `None` for the bucket's.
    pub owner: Option<ObjectOwner>,
    /// Its list; `None` where that is its owner's full control.
    pub acl: Option<AccessControlList>,
    /// Which commit wrote its row, so that what is read is what was decided on.
    pub row: RowVersion,
}

/// Where the list that an action depends on is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// On the bucket.
    Bucket(AclPermission),
    /// On the object.
    Object(AclPermission),
    /// On the bucket, and the object there must be the caller's.
    OwnObject,
    /// Nowhere yet: it is set with the object, which is its maker's.
    NewObject,
    /// Nowhere: who began an upload may look at it and end it.
    Upload,
}

/// The list that has a say on an action, by AWS's table. `operation` tells whether an object's list is set while the
/// object is made.
///
/// Source: S3 User Guide, "Access control list (ACL) overview", "Mapping of ACL permissions and access policy
/// permissions": WRITE lets others make objects, and replace and delete their own. (Replacing is one action with making,
/// so that it is not held to one's own objects, as on AWS.)
pub(crate) fn listed(action: &str, operation: &str) -> Option<Listed> {
    Some(match action {
        "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => {
            Listed::Bucket(AclPermission::Read)
        }
        "s3:PutObject" => Listed::Bucket(AclPermission::Write),
        "s3:DeleteObject" => Listed::OwnObject,
        "s3:GetBucketAcl" => Listed::Bucket(AclPermission::ReadAcp),
        "s3:PutBucketAcl" if operation != "CreateBucket" => Listed::Bucket(AclPermission::WriteAcp),
        "s3:GetObject" | "s3:GetObjectVersion" | "s3:GetObjectTorrent" | "s3:GetObjectVersionTorrent" => {
            Listed::Object(AclPermission::Read)
        }
        "s3:GetObjectAcl" | "s3:GetObjectVersionAcl" => Listed::Object(AclPermission::ReadAcp),
        "s3:PutObjectAcl" if operation != "PutObjectAcl" => Listed::NewObject,
        "s3:PutObjectAcl" | "s3:PutObjectVersionAcl" => Listed::Object(AclPermission::WriteAcp),
        "s3:AbortMultipartUpload" | "s3:ListMultipartUploadParts" => Listed::Upload,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use strongroom_types::AccessKeyId;

    use super::*;
    use crate::RootUser;

    fn canonical(byte: u8) -> CanonicalUserId {
        CanonicalUserId::from_bytes([byte; 32])
    }

    fn root(byte: u8) -> Caller {
        Caller::Root(RootUser {
            account: AccountId::parse("111122223333").unwrap(),
            canonical: canonical(byte),
            access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            session: None,
        })
    }

    #[test]
    fn an_entry_gives_its_grantee_its_permission_and_full_control_gives_all() {
        let list = AccessControlList::from_iter([
            (AclGrantee::User(canonical(1)), AclPermission::Read),
            (AclGrantee::User(canonical(2)), AclPermission::FullControl),
        ]);
        let grant = |caller: &Caller, wanted| list.grant(caller, wanted, false);
        assert_eq!(grant(&root(1), AclPermission::Read), AclGrant::Account);
        assert_eq!(grant(&root(1), AclPermission::Write), AclGrant::None);
        assert_eq!(grant(&root(2), AclPermission::WriteAcp), AclGrant::Account);
        assert_eq!(grant(&root(3), AclPermission::Read), AclGrant::None);
        assert_eq!(grant(&Caller::Anonymous, AclPermission::Read), AclGrant::None);
    }

    #[test]
    fn groups_are_everybody_and_everybody_who_signs_unless_public_lists_are_ignored() {
        let list = |grantee| AccessControlList::from_iter([(grantee, AclPermission::Read)]);
        let (all, signed) = (list(AclGrantee::AllUsers), list(AclGrantee::AuthenticatedUsers));
        let read = AclPermission::Read;
        assert_eq!(all.grant(&Caller::Anonymous, read, false), AclGrant::Group);
        assert_eq!(all.grant(&Caller::Anonymous, read, true), AclGrant::None);
        assert_eq!(signed.grant(&Caller::Anonymous, read, false), AclGrant::None);
        assert_eq!(signed.grant(&root(9), read, false), AclGrant::Group);
        assert_eq!(signed.grant(&root(9), read, true), AclGrant::None);
        assert!(all.is_public() && signed.is_public());
        assert!(!list(AclGrantee::LogDelivery).is_public());
    }

    #[test]
    fn a_list_set_with_the_object_is_its_makers() {
        assert_eq!(listed("s3:PutObjectAcl", "PutObject"), Some(Listed::NewObject));
        assert_eq!(listed("s3:PutObjectAcl", "PutObjectAcl"), Some(Listed::Object(AclPermission::WriteAcp)));
        assert_eq!(listed("s3:PutBucketAcl", "CreateBucket"), None);
        assert_eq!(listed("s3:GetBucketPolicy", "GetBucketPolicy"), None);
    }
}
