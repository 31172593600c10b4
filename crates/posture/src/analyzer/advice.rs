//! What is valid and unwise.
//!
//! Source: IAM User Guide, "IAM policy validation check reference", security warnings and suggestions.

use strongroom_api_accessanalyzer::ValidatePolicyFindingType as Weight;
use strongroom_policy::condition::SetOperator;
use strongroom_policy::document::{Effect, Statement, Word};
use strongroom_policy::{Document, wildcard_match};

use super::issue::Issue;

/// Condition keys that have one value at most: with ForAllValues, a request without the key passes.
/// Source: IAM User Guide, "AWS global condition context keys".
const SINGLE_VALUED: [&str; 16] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:username",
];

/// The most patterns of one statement that are held against each other.
const MAX_COMPARED: usize = 200;

/// Finds what is unwise, each with the word that it is about.
pub(super) fn advice(document: &Document) -> Vec<(Issue, &Word)> {
    let mut found = Vec::new();
    for statement in document.statements() {
        if statement.effect == Effect::Allow {
            found.extend(pass_role(statement));
            found.extend(for_all_values(statement));
        }
        found.extend(redundant(
            &statement.action.patterns,
            "REDUNDANT_ACTION",
            "action",
            str::to_ascii_lowercase,
        ));
        let resources = statement.resource.iter().flat_map(|resource| {
            redundant(&resource.patterns, "REDUNDANT_RESOURCE", "resource", str::to_owned)
        });
        found.extend(resources);
    }
    found
}

fn warning(code: &'static str, details: impl Into<String>) -> Issue {
    Issue { weight: Weight::SecurityWarning, code, details: details.into() }
}

/// Any role may be handed to any service: whoever has this can take every role's rights.
fn pass_role(statement: &Statement) -> Option<(Issue, &Word)> {
    let bound = statement
        .conditions
        .iter()
        .any(|condition| condition.key.as_str().eq_ignore_ascii_case("iam:PassedToService"));
    let resource = statement.resource.as_ref().filter(|resource| !resource.negated)?;
    let everything = resource.patterns.iter().find(|pattern| pattern.as_str() == "*")?;
    if bound || statement.action.negated {
        return None;
    }
    let action = statement.action.patterns.iter().find(|action| {
        let action = action.as_str().to_ascii_lowercase();
        action.starts_with("iam:") && wildcard_match(&action, "iam:passrole")
    })?;
    Some(if action.as_str().contains(['*', '?']) {
        let details = "A wildcard in the action and in the resource lets any role be passed to any service. Name the roles, or \
                       add the condition key iam:PassedToService.";
        (warning("PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", details), action)
    } else {
        let details = "iam:PassRole with a wildcard in the resource lets any role be passed. Name the roles, or add the \
                       condition key iam:PassedToService.";
        (warning("PASS_ROLE_WITH_STAR_IN_RESOURCE", details), everything)
    })
}

/// A request without the key passes: the statement allows more than it seems to.
fn for_all_values(statement: &Statement) -> impl Iterator<Item = (Issue, &Word)> {
    let single = statement.conditions.iter().filter(|condition| {
        condition.operator.set == SetOperator::ForAllValues
            && SINGLE_VALUED.contains(&condition.key.as_str().to_ascii_lowercase().as_str())
    });
    single.map(|condition| {
        let key = condition.key.as_str();
        let details = format!("ForAllValues with the single-valued condition key {key} also allows requests that have no such key.");
        (warning("FORALLVALUES_WITH_SINGLE_VALUED_KEY", details), &condition.key)
    })
}

/// Patterns that another one of the same list covers.
fn redundant<'a>(
    patterns: &'a [Word],
    code: &'static str,
    what: &'static str,
    spelled: fn(&str) -> String,
) -> impl Iterator<Item = (Issue, &'a Word)> {
    let compared = patterns.get(..patterns.len().min(MAX_COMPARED)).unwrap_or_default();
    let spelled: Vec<String> = compared.iter().map(|pattern| spelled(pattern.as_str())).collect();
    let covers = move |other: usize, this: usize| {
        let (Some(wide), Some(narrow)) = (spelled.get(other), spelled.get(this)) else { return false };
        let same = wide == narrow;
        // By its text a pattern fits another that takes all of what it takes; but `?` takes the text `*` for one letter.
        let by_text = same || !wide.contains('?') || !narrow.contains(['*', '?']);
        other != this && by_text && wildcard_match(wide, narrow) && (!same || other < this)
    };
    compared.iter().enumerate().filter_map(move |(this, pattern)| {
        let other = (0..compared.len()).find(|other| covers(*other, this))?;
        let wide = compared.get(other)?;
        let details = format!("The {what} {} is part of {}.", pattern.as_str(), wide.as_str());
        Some((Issue { weight: Weight::Suggestion, code, details }, pattern))
    })
}
