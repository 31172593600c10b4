//! What values an outsider can have for a condition key.
//!
//! Keys are taken as independent of each other, but for the account and the ARN of one caller. What is not listed here
//! may be absent, or have any value, or several: an outsider chooses tags, headers and parameters freely.

use strongroom_types::AccountId;

use super::fixed::Fixed;
use super::word::Language;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody known.
    Anonymous,
    /// Somebody of an account that no Allow fixes; the account allows everything.
    Foreign,
    /// Whoever a provider of identities that an Allow names vouches for.
    Bearer(String),
}

/// The values that a key can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    None,
    OneOf(Vec<String>),
    /// Those of a form, less what the grants fix.
    Free {
        form: Language,
        forbidden: Language,
    },
}

pub(super) struct Traits {
    pub(super) values: Values,
    pub(super) may_be_absent: bool,
    pub(super) may_be_many: bool,
}

impl Traits {
    fn fixed(values: &[&str], may_be_absent: bool) -> Self {
        let values = Values::OneOf(values.iter().map(|value| (*value).to_owned()).collect());
        Self { values, may_be_absent, may_be_many: false }
    }

    const NEVER: Self = Self { values: Values::None, may_be_absent: true, may_be_many: false };

    /// The traits of `key`, in lower case.
    pub(super) fn of(key: &str, who: &Who, fixed: &Fixed, owner: AccountId) -> Self {
        match key {
            "aws:securetransport" => return Self::fixed(&["true", "false"], false),
            "aws:viaawsservice" => return Self::fixed(&["false", "true"], false),
            "aws:principalisawsservice" => return Self::fixed(&["false"], false),
            "aws:principalservicename" | "aws:principalservicenameslist" => return Self::NEVER,
            "aws:resourceaccount" | "s3:resourceaccount" => return Self::fixed(&[&owner.to_string()], false),
            _ => {}
        }
        let foreign = *who == Who::Foreign;
        if !foreign && is_of_the_caller(key) {
            return match (key, who) {
                ("aws:userid", Who::Anonymous) => Self::fixed(&["anonymous"], false),
                ("aws:principaltype", Who::Anonymous) => Self::fixed(&["Anonymous"], false),
                _ => Self::NEVER,
            };
        }
        match key {
            "aws:principaltype" => Self::fixed(&["User", "AssumedRole", "FederatedUser", "Account"], false),
            "aws:multifactorauthpresent" => Self::fixed(&["true", "false"], true),
            _ => Self {
                values: Values::Free { form: form(key), forbidden: fixed.forbidden(key) },
                may_be_absent: key != "aws:userid",
                may_be_many: is_multivalued(key),
            },
        }
    }
}

/// Keys that only a caller with an account has.
fn is_of_the_caller(key: &str) -> bool {
    let named = [
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principaltype",
        "aws:userid",
        "aws:username",
        "aws:sourceidentity",
        "aws:federatedprovider",
        "aws:tokenissuetime",
        "aws:multifactorauthpresent",
        "aws:multifactorauthage",
        "aws:assumedroot",
    ];
    named.contains(&key) || key.starts_with("aws:principaltag/")
}

/// Source: IAM User Guide, "AWS global condition context keys", value type of each key; of the keys of other services
/// and of providers of identities nothing is assumed.
fn is_multivalued(key: &str) -> bool {
    let several = [
        "aws:tagkeys",
        "aws:principalorgpaths",
        "aws:sourceorgpaths",
        "aws:resourceorgpaths",
        "aws:calledvia",
    ];
    several.contains(&key) || !(key.starts_with("aws:") || key.starts_with("s3:"))
}

/// What every value of a key looks like.
fn form(key: &str) -> Language {
    Language::form(match key {
        "aws:sourcevpc" => "vpc-?*",
        "aws:sourcevpce" => "vpce-?*",
        "aws:sourceaccount" | "aws:sourceowner" | "s3:dataaccesspointaccount" => "############",
        "aws:principalorgid" | "aws:sourceorgid" | "aws:resourceorgid" => "o-?*",
        "aws:principalorgpaths" | "aws:sourceorgpaths" | "aws:resourceorgpaths" => "o-~/*",
        "aws:sourcearn" => "arn:%:%:%:%:?*",
        "s3:dataaccesspointarn" => "arn:aws:s3:%:############:accesspoint/%",
        _ => "*",
    })
}
