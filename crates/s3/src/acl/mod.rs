//! Access control lists: what requests ask for, what becomes of it, and how it is shown.
//!
//! In reading order: `asked` reads a canned name, headers or a document; `wanted` finds the accounts that it names and
//! makes the list of a bucket or an object out of it, under the bucket's Object Ownership and Block Public Access; `show`
//! writes a list into an answer. How lists decide is the gate's (`strongroom_gate::AccessControlList`).
//!
//! Source: S3 User Guide, "Access control list (ACL) overview" and "Controlling ownership of objects and disabling ACLs for
//! your bucket".

mod asked;
mod show;
mod wanted;

#[cfg(test)]
mod tests;

pub(crate) use asked::{AskedAcl, CannedAcl, HeaderGrants, header_grants, header_grants_of_upload};
pub(crate) use show::{shown_grants, shown_owner};
pub(crate) use wanted::{Ownership, WantedAcl, blocked_public_acl, invalid_acl_with_ownership};

/// Most entries of a list. Source: S3 User Guide, "Access control list (ACL) overview".
pub(crate) const MAX_GRANTS: usize = 100;
