//! The names that AWS has for what can be wrong with a policy.
//!
//! Source: IAM User Guide, "IAM policy validation check reference".

use strongroom_api_accessanalyzer::ValidatePolicyFindingType as Weight;
use strongroom_policy::Reason;
use strongroom_policy::document::{Finding, FindingKind};

/// What is wrong, with its weight, AWS's code, and words for it.
pub(super) struct Issue {
    pub(super) weight: Weight,
    pub(super) code: &'static str,
    pub(super) details: String,
}

impl Issue {
    pub(super) fn error(code: &'static str, details: impl Into<String>) -> Self {
        Self { weight: Weight::Error, code, details: details.into() }
    }

    /// Of a text that is no policy of its kind, for what stands at `path`.
    pub(super) fn of_reason(reason: &Reason, path: &str) -> Self {
        let code = match reason {
            Reason::Json(_) | Reason::Duplicate(_) => "JSON_SYNTAX_ERROR",
            Reason::Unknown(_) | Reason::Prohibited(_) => "INVALID_POLICY_ELEMENT",
            Reason::Type(_) => "DATA_TYPE_MISMATCH",
            Reason::Missing("Effect") => "MISSING_EFFECT",
            Reason::Missing("Principal") => "MISSING_PRINCIPAL",
            Reason::Missing("Resource") | Reason::NoResources => "MISSING_RESOURCE",
            Reason::Missing("Action") | Reason::NoActions => "MISSING_ACTION",
            Reason::Missing(_) | Reason::NoStatements => "MISSING_STATEMENT",
            Reason::PrincipalProhibited => "UNSUPPORTED_PRINCIPAL",
            Reason::Both(..) => "UNSUPPORTED_ELEMENT_COMBINATION",
            Reason::Version | Reason::OldVersion => "INVALID_VERSION",
            Reason::Effect(_) => "INVALID_EFFECT",
            Reason::SidCharacters => "UNSUPPORTED_SID",
            Reason::SidTwice => "UNIQUE_SIDS_REQUIRED",
            Reason::Principal(_) => "INVALID_PRINCIPAL_FORMAT",
            Reason::Vendor if path.contains(".Condition") => "INVALID_CONDITION_KEY_FORMAT",
            Reason::Vendor | Reason::Action(_) => "INVALID_ACTION",
            Reason::ForeignAction { .. } | Reason::TrustAction => "UNSUPPORTED_ACTION_IN_POLICY",
            Reason::Resource(_) => "INVALID_ARN_PREFIX",
            Reason::ForeignResource(_) => "UNSUPPORTED_RESOURCE_ARN_IN_POLICY",
            Reason::Operator(_) => "INVALID_CONDITION_OPERATOR",
            Reason::Value { .. } => "DATA_TYPE_MISMATCH",
            Reason::Variable(_) => "INVALID_VARIABLE_FOR_OPERATOR",
            Reason::ControlAllow => "RCP_SYNTAX_ERROR_ALLOW",
            Reason::ControlPrincipal => "RCP_SYNTAX_ERROR_PRINCIPAL",
            Reason::ControlAction => "RCP_SYNTAX_ERROR_ACTION_WILDCARD",
            Reason::AllowNotPrincipal => {
                let (weight, code) = (Weight::SecurityWarning, "ALLOW_WITH_NOT_PRINCIPAL");
                return Self { weight, code, details: reason.to_string() };
            }
        };
        Self::error(code, reason.to_string())
    }

    /// Of something that no service has.
    pub(super) fn of_finding(finding: &Finding, has_service: bool) -> Self {
        let text = &finding.text;
        match finding.kind {
            FindingKind::UnknownAction if has_service => {
                Self::error("INVALID_ACTION", format!("The action {text} does not exist."))
            }
            FindingKind::UnknownAction => {
                let service = text.split_once(':').map_or(text.as_str(), |(service, _)| service);
                Self::error("INVALID_SERVICE_IN_ACTION", format!("The service {service} does not exist."))
            }
            FindingKind::UnknownKey if !text.contains(':') => {
                let details = "The condition key format is not valid. Write it as service:keyname.";
                Self::error("INVALID_CONDITION_KEY_FORMAT", details)
            }
            FindingKind::UnknownKey => {
                let global = text.to_ascii_lowercase().starts_with("aws:");
                let code =
                    if global { "INVALID_GLOBAL_CONDITION_KEY" } else { "INVALID_SERVICE_CONDITION_KEY" };
                Self::error(code, format!("The condition key {text} does not exist."))
            }
            FindingKind::UnknownResource => Self::error(
                "INVALID_ARN_RESOURCE",
                format!("The resource {text} has not the form of any resource's ARN."),
            ),
            FindingKind::ActionsElsewhere => {
                let details = format!("None of the statement's actions can be done to {text}.");
                Self { weight: Weight::Warning, code: "UNSUPPORTED_RESOURCE_ARN_IN_POLICY", details }
            }
        }
    }
}
