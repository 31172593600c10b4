//! The role whose credentials are handed out.

use std::fmt;

use strongroom_types::{AccountId, Arn};

use crate::AgentError;

/// The ARN of a role: `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    arn: Arn,
    account: AccountId,
    name: String,
}

impl RoleArn {
    /// Reads the ARN of a role.
    ///
    /// # Errors
    /// [`AgentError::RoleArn`] for anything else.
    ///
    /// # Source
    /// IAM User Guide, "IAM identifiers"; IAM API Reference, CreateRole, "RoleName": up to 64 of `[\w+=,.@-]`.
    pub fn parse(text: &str) -> Result<Self, AgentError> {
        Self::read(text).ok_or(AgentError::RoleArn)
    }

    fn read(text: &str) -> Option<Self> {
        let arn = Arn::parse(text).ok()?;
        let name = arn.resource().strip_prefix("role/")?.rsplit('/').next()?.to_owned();
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
        if arn.service() != "iam" || !is_name || !(1..=64).contains(&name.len()) {
            return None;
        }
        Some(Self { account: AccountId::parse(arn.account()).ok()?, arn, name })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        self.arn.as_str()
    }

    /// The account that has the role.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The role's name, without its path.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_an_account_a_path_and_a_name() {
        let role = RoleArn::parse("arn:aws:iam::123456789012:role/team/a.b/reports@x").unwrap();
        assert_eq!((role.name(), role.account().to_string().as_str()), ("reports@x", "123456789012"));
        for bad in [
            "",
            "reports",
            "arn:aws:iam::123456789012:user/reports",
            "arn:aws:iam::12:role/reports",
            "arn:aws:sts::123456789012:role/reports",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam::123456789012:role/a\r\nb",
        ] {
            assert!(RoleArn::parse(bad).is_err(), "{bad:?}");
        }
    }
}
