//! Warnings about policies that say what no service understands.

use strongroom_policy::Document;
use strongroom_policy::document::FindingKind;
use strongroom_policy::vocabulary::AwsServices;

/// Findings that are logged of one document.
const MAX_LOGGED: usize = 5;

/// Says in the log which actions, resources and condition keys of a document no service has: such a statement does
/// nothing, and its author should hear of it. Access Analyzer's ValidatePolicy tells all of them.
pub fn warn_of_findings(document: &Document) {
    for finding in document.findings(&AwsServices).iter().take(MAX_LOGGED) {
        let what = match finding.kind {
            FindingKind::UnknownAction => "action",
            FindingKind::UnknownKey => "condition key",
            FindingKind::UnknownResource => "resource",
            FindingKind::ActionsElsewhere => "resource that none of its statement's actions is done to",
        };
        let (text, place) = (&finding.text, finding.place.to_string());
        tracing::warn!(what, text, place, "a policy names what no service has");
    }
}
