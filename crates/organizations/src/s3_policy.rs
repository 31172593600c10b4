//! S3 policies: Block Public Access of whole branches of the organisation.
//!
//! Source: Organizations User Guide, "Amazon S3 policy syntax and examples" and "Inheritance operators".

use serde::Deserialize;
use strongroom_gate::PublicAccessBlock;

/// What a policy says of Block Public Access, all four settings together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Setting {
    /// All on.
    All,
    /// All off.
    None,
}

impl Setting {
    /// What it blocks.
    ///
    /// DEVIATION: on AWS `none` turns an account's own settings off as well. Here settings add up, and nothing that the
    /// organisation says opens what an account closed.
    pub(crate) fn block(self) -> PublicAccessBlock {
        match self {
            Self::All => PublicAccessBlock::ALL,
            Self::None => PublicAccessBlock::default(),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::None => "none",
        }
    }
}

/// What policies further down may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operator {
    #[serde(rename = "@@all")]
    All,
    #[serde(rename = "@@none")]
    None,
    #[serde(rename = "@@assign")]
    Assign,
    #[serde(rename = "@@append")]
    Append,
    #[serde(rename = "@@remove")]
    Remove,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    s3_attributes: Attributes,
    #[serde(rename = "@@operators_allowed_for_child_policies")]
    allowed: Option<Vec<Operator>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributes {
    public_access_block_configuration: Configuration,
    #[serde(rename = "@@operators_allowed_for_child_policies")]
    allowed: Option<Vec<Operator>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    #[serde(rename = "@@assign")]
    assign: Setting,
    #[serde(rename = "@@operators_allowed_for_child_policies")]
    allowed: Option<Vec<Operator>>,
}

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct S3Policy {
    setting: Setting,
    /// Policies further down may say otherwise.
    yields: bool,
}

impl S3Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_str(text)?;
        let attributes = document.s3_attributes;
        let configuration = attributes.public_access_block_configuration;
        let assigns = |allowed: &Option<Vec<Operator>>| {
            let may = |operator: &Operator| matches!(operator, Operator::All | Operator::Assign);
            allowed.as_ref().is_none_or(|allowed| allowed.iter().any(may))
        };
        let yields =
            [&document.allowed, &attributes.allowed, &configuration.allowed].into_iter().all(assigns);
        Ok(Self { setting: configuration.assign, yields })
    }
}

/// What policies come to for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effective {
    /// What holds.
    pub(crate) policy: Setting,
    /// When one of the policies was last changed.
    pub(crate) changed_millis: i64,
}

impl Effective {
    /// As DescribeEffectivePolicy shows it: without operators.
    pub(crate) fn content(self) -> String {
        let setting = self.policy.as_str();
        format!("{{\"s3_attributes\":{{\"public_access_block_configuration\":\"{setting}\"}}}}")
    }
}

/// Merges policies, level by level from the root down, each with when it was changed. Further down counts more, unless
/// a policy above does not yield; of several on one level the one that blocks counts.
pub(crate) fn effective(levels: &[Vec<(S3Policy, i64)>]) -> Option<Effective> {
    let mut found: Option<Effective> = None;
    for level in levels {
        let blocks = level.iter().any(|(policy, _)| policy.setting == Setting::All);
        if let Some(changed) = level.iter().map(|(_, changed)| *changed).max() {
            let changed_millis = found.map_or(changed, |found| found.changed_millis.max(changed));
            found =
                Some(Effective { policy: if blocks { Setting::All } else { Setting::None }, changed_millis });
        }
        if level.iter().any(|(policy, _)| !policy.yields) {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(setting: &str, children: &str) -> S3Policy {
        let text = format!(
            r#"{{"s3_attributes":{{"public_access_block_configuration":{{"@@assign":"{setting}"{children}}}}}}}"#
        );
        S3Policy::parse(&text).unwrap()
    }

    fn holds(levels: &[&[S3Policy]]) -> Option<Setting> {
        let levels: Vec<Vec<_>> =
            levels.iter().map(|level| level.iter().map(|policy| (*policy, 1)).collect()).collect();
        effective(&levels).map(|effective| effective.policy)
    }

    #[test]
    fn what_is_further_down_counts_unless_it_may_not() {
        let (all, none) = (policy("all", ""), policy("none", ""));
        let firm = policy("all", r#","@@operators_allowed_for_child_policies":["@@none"]"#);
        let soft = policy("all", r#","@@operators_allowed_for_child_policies":["@@assign"]"#);
        assert_eq!(holds(&[&[], &[], &[]]), None);
        assert_eq!(holds(&[&[all], &[], &[none]]), Some(Setting::None));
        assert_eq!(holds(&[&[none], &[all]]), Some(Setting::All));
        assert_eq!(holds(&[&[firm], &[none]]), Some(Setting::All));
        assert_eq!(holds(&[&[soft], &[none]]), Some(Setting::None));
        assert_eq!(holds(&[&[all, none]]), Some(Setting::All));
    }

    #[test]
    fn what_is_no_s3_policy_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"s3_attributes":{}}"#,
            r#"{"s3_attributes":{"public_access_block_configuration":"all"}}"#,
            r#"{"s3_attributes":{"public_access_block_configuration":{"@@assign":"some"}}}"#,
            r#"{"s3_attributes":{"public_access_block_configuration":{"@@append":"all"}}}"#,
            r#"{"s3_attributes":{"public_access_block_configuration":{"@@assign":"all"}},"x":1}"#,
            r#"{"s3_attributes":{"public_access_block_configuration":{"@@assign":"all","@@assign":"none"}}}"#,
        ] {
            assert!(S3Policy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_effective_policy_has_no_operators() {
        let effective = Effective { policy: Setting::All, changed_millis: 0 };
        let shown: serde_json::Value = serde_json::from_str(&effective.content()).unwrap();
        assert_eq!(shown["s3_attributes"]["public_access_block_configuration"], "all");
    }
}
