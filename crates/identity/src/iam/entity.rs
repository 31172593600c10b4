//! What users, groups, roles, customer-managed policies and instance profiles have in common: a name, unique whatever
//! its case, a path, and an id that no other ever had.

use minicbor::{Decode, Encode};
use strongroom_types::{AccountId, Arn, Timestamp};

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
    Policy,
    InstanceProfile,
}

impl Kind {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] =
        [Self::User, Self::Group, Self::Role, Self::Policy, Self::InstanceProfile];

    /// The byte that stands for it in row keys.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::User => b'u',
            Self::Group => b'g',
            Self::Role => b'r',
            Self::Policy => b'p',
            Self::InstanceProfile => b'i',
        }
    }

    /// The first letters of its unique ids. Source: IAM User Guide, "IAM identifiers", "Understanding unique ID
    /// prefixes".
    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
            Self::Policy => "ANPA",
            Self::InstanceProfile => "AIPA",
        }
    }

    /// As ARNs and messages name it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::InstanceProfile => "instance-profile",
        }
    }
}

/// What every entity has.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Core {
    /// Unique id, as in `AIDA…`.
    #[n(0)]
    pub(crate) id: String,
    /// Name, in the case in which it was given.
    #[n(1)]
    pub(crate) name: String,
    /// Path, with a slash at both ends.
    #[n(2)]
    pub(crate) path: String,
    #[n(3)]
    pub(crate) created_millis: i64,
}

impl Core {
    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created_millis)
    }
}

/// A managed policy attached to an entity, its inline policies, its boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Held {
    /// ARNs of attached policies, in their order.
    #[n(0)]
    pub(crate) attached: Vec<String>,
    /// Inline policies; their documents have rows of their own.
    #[n(1)]
    pub(crate) inline: Vec<InlineEntry>,
    /// ARN of the permissions boundary.
    #[n(2)]
    pub(crate) boundary: Option<String>,
}

/// An inline policy, but for its document.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct InlineEntry {
    #[n(0)]
    pub(crate) name: String,
    /// Characters of its document, white space not counted.
    #[n(1)]
    pub(crate) chars: u32,
}

/// A key and a value.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TagRow {
    #[n(0)]
    pub(crate) key: String,
    #[n(1)]
    pub(crate) value: String,
}

/// A row that is an entity.
pub(crate) trait Entity:
    Encode<()> + for<'b> Decode<'b, ()> + Clone + PartialEq + Send + Sync
{
    /// What it is.
    const KIND: Kind;

    /// What it has in common with others.
    fn core(&self) -> &Core;

    /// As [`Entity::core`].
    fn core_mut(&mut self) -> &mut Core;

    /// Whether a service alone may change it.
    fn is_protected(&self) -> bool {
        false
    }

    /// Its ARN.
    fn arn(&self, account: AccountId) -> String {
        arn(account, Self::KIND, &self.core().path, &self.core().name)
    }
}

/// An entity that policies hang on.
pub(crate) trait Holder: Entity {
    /// What its inline policies are to the policy language.
    const INLINE: strongroom_policy::Kind;
    /// The quota's name for its attached policies.
    const ATTACHED_QUOTA: &'static str;

    /// Its policies.
    fn held(&self) -> &Held;

    /// As [`Holder::held`].
    fn held_mut(&mut self) -> &mut Held;
}

/// An entity that has tags.
pub(crate) trait Tagged: Entity {
    /// The quota's name for its tags.
    const TAGS_QUOTA: &'static str;

    /// Its tags.
    fn tags(&self) -> &[TagRow];

    /// As [`Tagged::tags`].
    fn tags_mut(&mut self) -> &mut Vec<TagRow>;
}

/// The ARN of an entity.
pub(crate) fn arn(account: AccountId, kind: Kind, path: &str, name: &str) -> String {
    Arn::new("iam", "", &account.to_string(), &format!("{}{path}{name}", kind.noun())).to_string()
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Characters of a unique id that say in which account it was made.
const ACCOUNT_CHARS: usize = 8;

/// A character for each number, of which five bits count.
pub(crate) fn base32(numbers: impl IntoIterator<Item = u8>) -> impl Iterator<Item = char> {
    // INVARIANT: five bits always index the alphabet of 32.
    let letter = |number: u8| BASE32.get(usize::from(number & 31)).map_or('A', |letter| char::from(*letter));
    numbers.into_iter().map(letter)
}

/// A unique id: four letters that say of what, eight that say of which account (so that whoever has an id finds what it
/// is of), nine at random.
pub(crate) fn unique_id(kind: Kind, account: AccountId, random: [u8; 9]) -> String {
    let account = account.as_u64();
    let places = (0..ACCOUNT_CHARS).rev().map(|place| account >> (5 * place));
    let places = places.map(|bits| u8::try_from(bits & 31).unwrap_or(0));
    kind.id_prefix().chars().chain(base32(places)).chain(base32(random)).collect()
}

/// The account in which a unique id was made.
pub(crate) fn account_of(id: &str) -> Option<AccountId> {
    let places = id.as_bytes().get(4..4 + ACCOUNT_CHARS)?;
    let mut account: u64 = 0;
    for letter in places {
        let bits = BASE32.iter().position(|known| known == letter)?;
        account = account << 5 | u64::try_from(bits).ok()?;
    }
    AccountId::parse(&format!("{account:012}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_aws_s_and_name_their_account() {
        for account in ["100000000000", "123456789012", "999999999999"] {
            let account = AccountId::parse(account).unwrap();
            for kind in Kind::ALL {
                let id = unique_id(kind, account, [0xff; 9]);
                assert_eq!(id.len(), 21);
                assert!(id.starts_with(kind.id_prefix()) && id.ends_with("777777777"), "{id}");
                assert_eq!(account_of(&id), Some(account));
            }
        }
        assert_eq!(account_of("AIDA"), None);
        assert_eq!(account_of("AIDA11111111AAAAAAAAA"), None);
        assert_eq!(account_of("AIDA77777777AAAAAAAAA"), None, "more than twelve digits");
    }

    #[test]
    fn arns_have_the_path_before_the_name() {
        let account = AccountId::parse("123456789012").unwrap();
        assert_eq!(arn(account, Kind::Role, "/a/b/", "r"), "arn:aws:iam::123456789012:role/a/b/r");
        assert_eq!(arn(account, Kind::User, "/", "u"), "arn:aws:iam::123456789012:user/u");
    }
}
