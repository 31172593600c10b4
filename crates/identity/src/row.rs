//! Rows of the partition `Org`.
//!
//! | key | value |
//! |---|---|
//! | `a` account (8 bytes) | [`AccountRow`] |
//! | `e` e-mail address, lower case | account id |
//! | `k` access key id | [`AccessKeyRow`] |
//! | `K` account (8 bytes) | [`RootKeysRow`] |
//! | `l` alias of an account | account id |
//! | `L` account (8 bytes) | its alias |
//! | `m` | id of the management account |

use minicbor::{Decode, Encode};
use strongroom_types::{AccessKeyId, AccountId};

use crate::IdentityError;

const FORMAT: u8 = 1;

pub(crate) const MANAGEMENT: &[u8] = b"m";

pub(crate) fn account(id: AccountId) -> Vec<u8> {
    [b"a", id.as_u64().to_be_bytes().as_slice()].concat()
}

pub(crate) fn email(address: &str) -> Vec<u8> {
    [b"e", address.to_lowercase().as_bytes()].concat()
}

pub(crate) fn access_key(id: &AccessKeyId) -> Vec<u8> {
    [b"k", id.as_str().as_bytes()].concat()
}

pub(crate) fn root_keys(id: AccountId) -> Vec<u8> {
    [b"K", id.as_u64().to_be_bytes().as_slice()].concat()
}

pub(crate) fn alias(alias: &str) -> Vec<u8> {
    [b"l", alias.as_bytes()].concat()
}

pub(crate) fn alias_of(id: AccountId) -> Vec<u8> {
    [b"L", id.as_u64().to_be_bytes().as_slice()].concat()
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AccountRow {
    #[n(0)]
    pub(crate) id: String,
    #[n(1)]
    pub(crate) email: String,
    #[n(2)]
    pub(crate) name: Option<String>,
    #[n(3)]
    pub(crate) canonical: String,
    #[n(4)]
    pub(crate) created_millis: i64,
}

/// An access key of a root user; or, for one of an IAM user, where it is: the account and the user. A user's key exists
/// only while its own row does, in the partition `Iam` of the account; what is here of it may be left over.
///
/// The secret is sealed, bound to the key's id; empty for users' keys.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AccessKeyRow {
    #[n(0)]
    pub(crate) account: String,
    #[n(1)]
    pub(crate) canonical: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(crate) sealed_secret: Vec<u8>,
    #[n(3)]
    pub(crate) created_millis: i64,
    #[n(4)]
    pub(crate) active: bool,
    /// Unique id of the IAM user whose key it is; `None` for the root user's.
    #[n(5)]
    pub(crate) user_id: Option<String>,
}

/// The access keys of an account's root user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RootKeysRow {
    #[n(0)]
    pub(crate) ids: Vec<String>,
}

pub(crate) fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    let mut out = vec![FORMAT];
    // INVARIANT: writing to a vector does not fail, and no row has a failing encoder.
    if minicbor::encode(row, &mut out).is_err() {
        out.clear();
    }
    out
}

pub(crate) fn decode<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, IdentityError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => minicbor::decode(rest).map_err(|_| IdentityError::Damaged),
        _ => Err(IdentityError::Damaged),
    }
}
