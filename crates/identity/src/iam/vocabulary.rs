//! Warnings about policies that say what no service understands.
//!
//! The tables know the services that this store serves. Of others nothing is said: whoever writes a policy for several
//! places may well name services that are not here.

use strongroom_gate::generated::{self, SERVICES, Service};
use strongroom_policy::document::FindingKind;
use strongroom_policy::{Document, Vocabulary, wildcard_match};

/// Findings that are logged of one document.
const MAX_LOGGED: usize = 5;

/// The services that are known.
struct Known;

/// The services that a pattern's first part can mean; `None` if it means others, too.
fn services(prefix: &str) -> Option<Vec<&'static Service>> {
    if prefix.contains(['*', '?']) {
        return None;
    }
    generated::service(prefix).map(|service| vec![service])
}

impl Vocabulary for Known {
    fn has_action(&self, pattern: &str) -> bool {
        let Some((prefix, name)) = pattern.split_once(':') else { return true };
        let Some(services) = services(prefix) else { return true };
        let name = name.to_lowercase();
        let mut actions = services.iter().flat_map(|service| service.actions);
        actions.any(|action| wildcard_match(&name, &action.name().to_lowercase()))
    }

    fn has_resource(&self, pattern: &str) -> bool {
        // Forms of ARNs have variables in every place; a pattern may leave any of them out.
        let _ = pattern;
        true
    }

    fn has_key(&self, key: &str) -> bool {
        let Some((prefix, _)) = key.split_once(':') else { return false };
        if prefix.eq_ignore_ascii_case("aws") || services(prefix).is_none() {
            return true;
        }
        let family = |key: &str| key.split_once('/').map_or(key, |(family, _)| family).to_lowercase();
        let wanted = family(key);
        let keys = SERVICES.iter().flat_map(|service| service.conditions);
        keys.into_iter().any(|condition| family(condition.key) == wanted)
    }

    fn applies(&self, _action: &str, _resource: &str) -> bool {
        true
    }
}

/// Says in the log which actions and condition keys of a document no service has: such a statement does nothing, and its
/// author should hear of it.
pub(crate) fn warn(document: &Document) {
    let findings = document.findings(&Known);
    for finding in findings.iter().take(MAX_LOGGED) {
        let what = match finding.kind {
            FindingKind::UnknownAction => "action",
            FindingKind::UnknownKey => "condition key",
            FindingKind::UnknownResource | FindingKind::ActionsElsewhere => continue,
        };
        let (text, place) = (&finding.text, finding.place.to_string());
        tracing::warn!(what, text, place, "a policy names what no service has");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_keys_of_services_that_are_here_are_known_or_not() {
        for known in ["s3:GetObject", "S3:get*", "iam:*", "*", "s3:*Object*", "lambda:Anything", "s*:Foo"] {
            assert!(Known.has_action(known), "{known}");
        }
        for unknown in ["s3:GetObjekt", "iam:Frobnicate", "sts:Assume"] {
            assert!(!Known.has_action(unknown), "{unknown}");
        }
        for known in
            ["aws:SourceIp", "s3:prefix", "S3:ExistingObjectTag/team", "idp.example.com:aud", "lambda:x"]
        {
            assert!(Known.has_key(known), "{known}");
        }
        for unknown in ["s3:prefiks", "prefix", "sts:NoSuchKey"] {
            assert!(!Known.has_key(unknown), "{unknown}");
        }
    }
}
