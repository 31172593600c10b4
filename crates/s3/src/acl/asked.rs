//! What a request says of an access control list, in its three forms.

use strongroom_api_s3::{
    AccessControlPolicy, BucketCannedAcl, Grant, Grantee, ObjectCannedAcl, Permission, Type,
};
use strongroom_gate::{AclGrantee, AclPermission, ErrorReply};
use strongroom_types::CanonicalUserId;

use super::MAX_GRANTS;
use crate::error;

/// Where the groups' names begin.
pub(super) const GROUPS: [(AclGrantee, &str); 3] = [
    (AclGrantee::AllUsers, "http://acs.amazonaws.com/groups/global/AllUsers"),
    (AclGrantee::AuthenticatedUsers, "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"),
    (AclGrantee::LogDelivery, "http://acs.amazonaws.com/groups/s3/LogDelivery"),
];

/// The lists that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CannedAcl {
    Private,
    PublicRead,
    PublicReadWrite,
    AuthenticatedRead,
    AwsExecRead,
    BucketOwnerRead,
    BucketOwnerFullControl,
    LogDeliveryWrite,
}

impl From<BucketCannedAcl> for CannedAcl {
    fn from(name: BucketCannedAcl) -> Self {
        match name {
            BucketCannedAcl::Private => Self::Private,
            BucketCannedAcl::PublicRead => Self::PublicRead,
            BucketCannedAcl::PublicReadWrite => Self::PublicReadWrite,
            BucketCannedAcl::AuthenticatedRead => Self::AuthenticatedRead,
            BucketCannedAcl::LogDeliveryWrite => Self::LogDeliveryWrite,
        }
    }
}

impl From<ObjectCannedAcl> for CannedAcl {
    fn from(name: ObjectCannedAcl) -> Self {
        match name {
            ObjectCannedAcl::Private => Self::Private,
            ObjectCannedAcl::PublicRead => Self::PublicRead,
            ObjectCannedAcl::PublicReadWrite => Self::PublicReadWrite,
            ObjectCannedAcl::AuthenticatedRead => Self::AuthenticatedRead,
            ObjectCannedAcl::AwsExecRead => Self::AwsExecRead,
            ObjectCannedAcl::BucketOwnerRead => Self::BucketOwnerRead,
            ObjectCannedAcl::BucketOwnerFullControl => Self::BucketOwnerFullControl,
        }
    }
}

/// The headers `x-amz-grant-…`, by what they grant.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeaderGrants<'a> {
    pub(crate) read: Option<&'a str>,
    pub(crate) write: Option<&'a str>,
    pub(crate) read_acp: Option<&'a str>,
    pub(crate) write_acp: Option<&'a str>,
    pub(crate) full_control: Option<&'a str>,
}

/// Takes the grant headers from an input that has all five.
macro_rules! header_grants {
    ($input:expr) => {
        $crate::acl::HeaderGrants {
            read: $input.grant_read.as_deref(),
            write: $input.grant_write.as_deref(),
            read_acp: $input.grant_read_acp.as_deref(),
            write_acp: $input.grant_write_acp.as_deref(),
            full_control: $input.grant_full_control.as_deref(),
        }
    };
}
pub(crate) use header_grants;

/// Takes the grant headers from an input that makes an object: WRITE says nothing of one.
macro_rules! header_grants_of_upload {
    ($input:expr) => {
        $crate::acl::HeaderGrants {
            read: $input.grant_read.as_deref(),
            write: None,
            read_acp: $input.grant_read_acp.as_deref(),
            write_acp: $input.grant_write_acp.as_deref(),
            full_control: $input.grant_full_control.as_deref(),
        }
    };
}
pub(crate) use header_grants_of_upload;

impl<'a> HeaderGrants<'a> {
    fn named(&self) -> impl Iterator<Item = (&'static str, AclPermission, &'a str)> {
        [
            ("x-amz-grant-read", AclPermission::Read, self.read),
            ("x-amz-grant-write", AclPermission::Write, self.write),
            ("x-amz-grant-read-acp", AclPermission::ReadAcp, self.read_acp),
            ("x-amz-grant-write-acp", AclPermission::WriteAcp, self.write_acp),
            ("x-amz-grant-full-control", AclPermission::FullControl, self.full_control),
        ]
        .into_iter()
        .filter_map(|(header, permission, value)| Some((header, permission, value?)))
    }
}

/// Whom a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AskedGrantee {
    Known(AclGrantee),
    /// The account whose root user has this address.
    Email(String),
}

/// A list that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AskedAcl {
    Canned(CannedAcl),
    Entries(Vec<(AskedGrantee, AclPermission)>),
}

impl AskedAcl {
    /// What the headers of a request ask for, of one that need not ask for anything.
    ///
    /// # Errors
    /// `InvalidRequest` for both kinds of headers, `InvalidArgument` for what does not read.
    pub(crate) fn of_head(
        canned: Option<CannedAcl>,
        headers: &HeaderGrants<'_>,
    ) -> Result<Option<Self>, ErrorReply> {
        let grants = headers.named().next().is_some();
        match (canned, grants) {
            (Some(_), true) => {
                Err(error::invalid_request("Specifying both Canned ACLs and Header Grants is not allowed"))
            }
            (Some(canned), false) => Ok(Some(Self::Canned(canned))),
            (None, true) => Ok(Some(Self::Entries(of_headers(headers)?))),
            (None, false) => Ok(None),
        }
    }

    /// What a request asks for that sets the list of something that `owner` owns.
    ///
    /// # Errors
    /// Those of [`AskedAcl::of_head`]; `UnexpectedContent` for headers and a document, `MissingSecurityHeader` for
    /// neither, `MalformedACLError` for a document that is none, `AccessDenied` for one that names another owner.
    pub(crate) fn of_request(
        canned: Option<CannedAcl>,
        headers: &HeaderGrants<'_>,
        document: Option<&AccessControlPolicy>,
        owner: CanonicalUserId,
    ) -> Result<Self, ErrorReply> {
        match (Self::of_head(canned, headers)?, document) {
            (Some(_), Some(_)) => {
                Err(ErrorReply::new(400, "UnexpectedContent", "This request does not support content"))
            }
            (Some(asked), None) => Ok(asked),
            (None, Some(document)) => Ok(Self::Entries(of_document(document, owner)?)),
            (None, None) => {
                let message = "Your request was missing a required header";
                Err(ErrorReply::new(400, "MissingSecurityHeader", message)
                    .member("MissingHeaderName", "x-amz-acl"))
            }
        }
    }
}

fn of_headers(headers: &HeaderGrants<'_>) -> Result<Vec<(AskedGrantee, AclPermission)>, ErrorReply> {
    let mut entries = Vec::new();
    for (header, permission, value) in headers.named() {
        for grantee in split(value) {
            let unread = || error::invalid_argument(header, value, "Argument format not recognized");
            let (kind, name) = grantee.split_once('=').ok_or_else(unread)?;
            let name = unquoted(name.trim()).ok_or_else(unread)?;
            let grantee = match kind.trim().to_ascii_lowercase().as_str() {
                "id" => user("id", name)?,
                "uri" => group("uri", name)?,
                "emailaddress" => AskedGrantee::Email(name.to_owned()),
                _ => return Err(unread()),
            };
            entries.push((grantee, permission));
        }
    }
    if entries.len() > MAX_GRANTS {
        return Err(error::invalid_request(format!("An ACL can have up to {MAX_GRANTS} grants")));
    }
    Ok(entries)
}

/// The grantees of a header: separated by commas, which may also stand in quotes.
fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// A text without the quotes around it, or without any.
fn unquoted(text: &str) -> Option<&str> {
    let inner = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    (!inner.is_empty() && !inner.contains('"')).then_some(inner)
}

fn user(argument: &'static str, id: &str) -> Result<AskedGrantee, ErrorReply> {
    let parsed = CanonicalUserId::parse(&id.to_ascii_lowercase());
    let parsed = parsed.map_err(|_| error::invalid_argument(argument, id, "Invalid id"))?;
    Ok(AskedGrantee::Known(AclGrantee::User(parsed)))
}

fn group(argument: &'static str, uri: &str) -> Result<AskedGrantee, ErrorReply> {
    let known = GROUPS.iter().find(|(_, name)| *name == uri);
    let (grantee, _) = known.ok_or_else(|| error::invalid_argument(argument, uri, "Invalid group uri"))?;
    Ok(AskedGrantee::Known(*grantee))
}

fn malformed() -> ErrorReply {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    ErrorReply::new(400, "MalformedACLError", message)
}

fn of_document(
    document: &AccessControlPolicy,
    owner: CanonicalUserId,
) -> Result<Vec<(AskedGrantee, AclPermission)>, ErrorReply> {
    let named = document.owner.as_ref().and_then(|owner| owner.id.as_deref()).ok_or_else(malformed)?;
    let grants = document.grants.as_deref().ok_or_else(malformed)?;
    if grants.len() > MAX_GRANTS {
        return Err(malformed());
    }
    let entries = grants.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    // Whose a thing is, its list cannot change. Source: S3 API Reference, "PutBucketAcl", "PutObjectAcl".
    if !named.eq_ignore_ascii_case(&owner.to_string()) {
        return Err(error::access_denied("Access Denied"));
    }
    Ok(entries)
}

fn entry(grant: &Grant) -> Result<(AskedGrantee, AclPermission), ErrorReply> {
    let (Some(grantee), Some(permission)) = (&grant.grantee, grant.permission) else {
        return Err(malformed());
    };
    let permission = match permission {
        Permission::Read => AclPermission::Read,
        Permission::Write => AclPermission::Write,
        Permission::ReadAcp => AclPermission::ReadAcp,
        Permission::WriteAcp => AclPermission::WriteAcp,
        Permission::FullControl => AclPermission::FullControl,
    };
    Ok((self::grantee(grantee)?, permission))
}

/// A grantee says what it is by its type, and has the one name that goes with it.
fn grantee(grantee: &Grantee) -> Result<AskedGrantee, ErrorReply> {
    let Grantee { email_address, id, uri, .. } = grantee;
    match (grantee.r#type.ok_or_else(malformed)?, id, uri, email_address) {
        (Type::CanonicalUser, Some(id), ..) => user("CanonicalUser/ID", id),
        (Type::Group, _, Some(uri), _) => group("Group/URI", uri),
        (Type::AmazonCustomerByEmail, _, _, Some(address)) => Ok(AskedGrantee::Email(address.clone())),
        (Type::CanonicalUser | Type::Group | Type::AmazonCustomerByEmail, ..) => Err(malformed()),
    }
}
