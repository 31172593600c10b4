//! Ids and ARNs of what is in the organisation.
//!
//! Source: Organizations API Reference, the patterns of `Id` in Organization, Root, OrganizationalUnit, PolicySummary and
//! CreateAccountStatus; Service Authorization Reference, resource types of AWS Organizations.

use strongroom_identity::Identity;

use crate::kind::{AwsPolicy, PolicyKind};
use crate::row::OrganizationRow;

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// So many random letters and digits.
fn letters(identity: &Identity, count: usize) -> String {
    let random: [u8; 32] = identity.random();
    let letter =
        |byte: u8| ALPHABET.get(usize::from(byte) % ALPHABET.len()).map_or('a', |byte| char::from(*byte));
    random.into_iter().take(count).map(letter).collect()
}

pub(crate) fn organization(identity: &Identity) -> String {
    format!("o-{}", letters(identity, 10))
}

pub(crate) fn root(identity: &Identity) -> String {
    format!("r-{}", letters(identity, 4))
}

/// A unit's id says under which root it is.
pub(crate) fn unit(identity: &Identity, root: &str) -> String {
    format!("ou-{}-{}", root.trim_start_matches("r-"), letters(identity, 8))
}

pub(crate) fn policy(identity: &Identity) -> String {
    format!("p-{}", letters(identity, 8))
}

pub(crate) fn create_account_status(identity: &Identity) -> String {
    format!("car-{}", letters(identity, 32))
}

pub(crate) fn resource_policy(identity: &Identity) -> String {
    format!("rp-{}", letters(identity, 8))
}

impl OrganizationRow {
    fn of(&self, kind: &str, id: &str) -> String {
        format!("arn:aws:organizations::{}:{kind}/{}/{id}", self.management, self.id)
    }

    /// The organisation's.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:organizations::{}:organization/{}", self.management, self.id)
    }

    /// An account's.
    pub(crate) fn account_arn(&self, id: &str) -> String {
        self.of("account", id)
    }

    /// The root's.
    pub(crate) fn root_arn(&self) -> String {
        self.of("root", &self.root)
    }

    /// A unit's.
    pub(crate) fn unit_arn(&self, id: &str) -> String {
        self.of("ou", id)
    }

    /// A policy's. Those of the beginning are AWS's.
    pub(crate) fn policy_arn(&self, kind: PolicyKind, id: &str) -> String {
        let kind = kind.shape().as_str().to_ascii_lowercase();
        match AwsPolicy::find(id) {
            Some(_) => format!("arn:aws:organizations::aws:policy/{kind}/{id}"),
            None => self.of("policy", &format!("{kind}/{id}")),
        }
    }

    /// The resource policy's.
    pub(crate) fn resource_policy_arn(&self, id: &str) -> String {
        self.of("resourcepolicy", id)
    }
}
