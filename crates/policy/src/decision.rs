//! A question, and the decision on it.

use std::fmt;

use strongroom_types::AccountId;

/// Who asks, as far as a decision depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Nobody known.
    Anonymous,
    /// The root user of an account.
    Root(AccountId),
    /// A part of the store that works on behalf of an account, under its service's role.
    Service(AccountId),
}

/// May `principal` do `action` to `resource`?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: Principal,
    /// IAM action, as in `s3:GetObject`.
    pub action: &'a str,
    /// ARN of the resource, or `*`.
    pub resource: &'a str,
    /// The account that owns the resource.
    pub owner: AccountId,
}

/// A statement, named so that people find it: the policy and its place or Sid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Kind and name of the policy.
    pub policy: String,
    /// Sid, or index.
    pub statement: String,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.statement, self.policy)
    }
}

/// The answer, with what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Allowed by this.
    Allow(Statement),
    /// Nothing allows it: what kind of policy would have had to.
    ImplicitDeny {
        /// "resource-based policy" or "identity-based policy", as AWS's messages have it.
        missing: &'static str,
    },
    /// Denied by this, whatever else allows it.
    ExplicitDeny(Statement),
}

impl Decision {
    /// Whether the answer is yes.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

/// Decides by ownership. Source: IAM User Guide, "Policy evaluation logic" (the root user of the resource's account
/// is allowed unless a policy denies; other accounts need a resource-based policy).
pub fn decide(question: &Question<'_>) -> Decision {
    match question.principal {
        Principal::Root(account) | Principal::Service(account) if account == question.owner => {
            Decision::Allow(Statement { policy: "account ownership".into(), statement: "root user".into() })
        }
        Principal::Root(_) | Principal::Service(_) | Principal::Anonymous => {
            Decision::ImplicitDeny { missing: "resource-based policy" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owning_account_is_allowed() {
        let owner = AccountId::parse("111111111111").unwrap();
        let other = AccountId::parse("222222222222").unwrap();
        let ask = |principal| {
            let question =
                Question { principal, action: "s3:GetObject", resource: "arn:aws:s3:::b/k", owner };
            decide(&question).is_allow()
        };
        assert!(ask(Principal::Root(owner)));
        assert!(!ask(Principal::Root(other)));
        assert!(ask(Principal::Service(owner)));
        assert!(!ask(Principal::Service(other)));
        assert!(!ask(Principal::Anonymous));
    }
}
