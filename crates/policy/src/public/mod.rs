//! Is a policy public? Two verdicts: AWS's published rule, and whether an outsider has a request that is allowed.

mod aws;
mod reachable;

use std::fmt;

use strongroom_types::AccountId;

pub use aws::{Opening, aws_public};
pub use reachable::{BUDGET, Reach, Witness, reachable};

use crate::document::Document;

/// Why a policy is public: by one of the verdicts at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// By AWS's rule.
    pub by_rule: Option<Granted>,
    /// By what an outsider can do.
    pub by_reach: Option<Reached>,
}

/// A statement that grants access to the public, by AWS's rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Sid, or index from 0.
    pub statement: String,
    /// Whom it lets in, in words.
    pub who: &'static str,
}

/// A statement that allows an outsider something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Sid, or index from 0.
    pub statement: String,
    /// A request that it allows; none where it could not be told whether there is one.
    pub witness: Option<Box<Witness>>,
}

/// For people: the statement, and what it lets happen.
impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by_rule, by_reach } = self;
        if let Some(Granted { statement, who }) = by_rule {
            write!(
                f,
                "Statement {statement} is public: it grants access to {who}, and its conditions fix no account, \
                 organization, network or source"
            )?;
            f.write_str(if by_reach.is_some() { ". " } else { "." })?;
        }
        match (by_reach, by_rule) {
            (None, _) => Ok(()),
            (Some(Reached { statement, witness: Some(witness) }), Some(_)) => {
                write!(f, "By statement {statement}, {witness}.")
            }
            (Some(Reached { statement, witness: Some(witness) }), None) => {
                write!(
                    f,
                    "Statement {statement} lets outsiders in although it names fixed values: {witness}."
                )
            }
            (Some(Reached { statement, witness: None }), _) => write!(
                f,
                "Statement {statement} cannot be shown to keep outsiders out, since it depends on policy variables or \
                 on many patterns at once; name fixed values instead."
            ),
        }
    }
}

/// Whether the policy of a resource of `owner` gives access to the public, by either verdict, and why.
pub fn assess(document: &Document, owner: AccountId) -> Option<Exposure> {
    let name = |index: usize| {
        let statement = document.statements().get(index);
        statement.and_then(|statement| statement.sid.clone()).unwrap_or_else(|| index.to_string())
    };
    let by_rule =
        aws_public(document).map(|Opening { statement, who }| Granted { statement: name(statement), who });
    let by_reach = match reachable(document, owner) {
        Reach::Unreachable => None,
        Reach::Reachable { statement, witness } => {
            Some(Reached { statement: name(statement), witness: Some(witness) })
        }
        Reach::Undecided { statement } => Some(Reached { statement: name(statement), witness: None }),
    };
    (by_rule.is_some() || by_reach.is_some()).then_some(Exposure { by_rule, by_reach })
}

#[cfg(test)]
mod tests;
