//! `userIdentity`. Source: CloudTrail User Guide, "CloudTrail userIdentity element".

use serde::Serialize;
use serde_json::{Map, Value, json};
use strongroom_record::{CallerKind, CallerRecord};

use super::text::{cut, cut_arn};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserIdentity<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_context: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoked_by: Option<&'a str>,
}

impl<'a> UserIdentity<'a> {
    /// Of a caller; `failed` when a signature was offered that did not hold.
    pub(crate) fn of(caller: &'a CallerRecord) -> Self {
        let identity = Self {
            kind: "Unknown",
            principal_id: caller.principal_id.as_deref().map(cut),
            arn: caller.arn.as_deref().map(cut_arn),
            account_id: caller.account.as_deref().map(cut),
            access_key_id: caller.access_key_id.as_deref().map(cut),
            user_name: None,
            session_context: None,
            identity_provider: None,
            invoked_by: None,
        };
        let name = caller.name.as_deref().map(cut);
        match caller.kind {
            // AWS shows requests without credentials so.
            CallerKind::Anonymous if caller.access_key_id.is_none() => Self {
                kind: "AWSAccount",
                principal_id: Some(""),
                account_id: Some("ANONYMOUS_PRINCIPAL"),
                ..identity
            },
            // The key was named, and nobody proved to hold it.
            CallerKind::Anonymous => Self { principal_id: Some(""), ..identity },
            CallerKind::Root => Self { kind: "Root", ..identity },
            CallerKind::IamUser => Self { kind: "IAMUser", user_name: name, ..identity },
            CallerKind::AssumedRole => {
                Self { kind: "AssumedRole", session_context: role_session(caller), ..identity }
            }
            CallerKind::FederatedUser => Self { kind: "FederatedUser", ..identity },
            CallerKind::WebIdentityUser => Self {
                kind: "WebIdentityUser",
                user_name: name,
                identity_provider: caller.identity_provider.as_deref().map(cut),
                ..identity
            },
            CallerKind::AwsService => Self {
                kind: "AWSService",
                principal_id: None,
                arn: None,
                account_id: None,
                invoked_by: name,
                ..identity
            },
        }
    }
}

/// The role of a session: its unique id stands in front of the session's name, its name in the session's ARN
/// (`arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`; the role's path is not in there).
fn role_session(caller: &CallerRecord) -> Option<Map<String, Value>> {
    let arn = caller.arn.as_deref().map(cut_arn)?;
    let (front, resource) = arn.split_once(":assumed-role/")?;
    let (role, _) = resource.split_once('/')?;
    let account = front.rsplit(':').next()?;
    let partition = arn.split(':').nth(1)?;
    let id = caller.principal_id.as_deref().map(cut).unwrap_or_default();
    let issuer = json!({
        "type": "Role",
        "principalId": id.split(':').next().unwrap_or_default(),
        "arn": format!("arn:{partition}:iam::{account}:role/{role}"),
        "accountId": account,
        "userName": role,
    });
    Some(Map::from_iter([("sessionIssuer".to_owned(), issuer)]))
}
