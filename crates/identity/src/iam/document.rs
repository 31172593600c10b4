//! Policy documents: what IAM demands of them before it keeps them.

use strongroom_gate::Kept;
use strongroom_policy::document::{AwsPrincipal, PrincipalEntry};
use strongroom_policy::{Document, Kind, PolicyError};

use super::error::IamError;
use crate::{Identity, IdentityError};

/// Reads a document of a kind.
///
/// # Errors
/// `MalformedPolicyDocument`; `LimitExceeded` for one that is too long.
pub(crate) fn parse(kind: Kind, text: &str) -> Result<Document, IamError> {
    let document = Document::parse(text.as_bytes(), kind).map_err(|error| match error {
        PolicyError::Malformed { .. } => IamError::MalformedDocument(error.to_string()),
        PolicyError::TooLarge { limit, .. } => {
            let quota = if kind == Kind::Trust { "ACLSizePerRole" } else { "PolicySize" };
            IamError::Limit { quota, limit }
        }
    })?;
    strongroom_gate::warn_of_findings(&document);
    Ok(document)
}

/// A trust policy as it is kept: users and roles by their unique ids, so that one who is made again under the same name
/// has nothing of what was granted before. Source: IAM User Guide, "AWS JSON policy elements: Principal".
///
/// # Errors
/// As [`parse`]; `MalformedPolicyDocument` for a principal that does not exist.
pub(crate) async fn kept_trust(identity: &Identity, text: &str) -> Result<String, IamError> {
    let document = parse(Kind::Trust, text)?;
    let mut ids = Vec::new();
    for entry in document.principals() {
        let PrincipalEntry::Aws(principal) = entry else { continue };
        match identity.keep_principal(principal).await? {
            Kept::Unknown => {
                let message = format!("Invalid principal in policy: \"AWS\":\"{principal}\"");
                return Err(IamError::MalformedDocument(message));
            }
            Kept::AsItIs => {}
            Kept::ByUniqueId(id) => ids.push((principal.clone(), AwsPrincipal::UniqueId(id))),
        }
    }
    let id_of = |principal: &AwsPrincipal| ids.iter().find(|(known, _)| known == principal);
    let kept = document.replace_principals(|principal| id_of(principal).map(|(_, id)| id.clone()));
    Ok(kept.map_err(|_| IamError::Identity(IdentityError::Damaged))?.as_str().to_owned())
}

/// A trust policy as it is shown: with ARNs in the place of unique ids, but for those of users and roles that are gone.
pub(crate) async fn shown_trust(identity: &Identity, kept: &str) -> Result<String, IamError> {
    let damaged = || IamError::Identity(IdentityError::Damaged);
    let document = Document::stored(kept, Kind::Trust).map_err(|_| damaged())?;
    let mut arns = Vec::new();
    for entry in document.principals() {
        let PrincipalEntry::Aws(AwsPrincipal::UniqueId(id)) = entry else { continue };
        if let Some(principal) = identity.show_principal(id).await? {
            arns.push((id.clone(), principal));
        }
    }
    let shown = document.replace_principals(|principal| match principal {
        AwsPrincipal::UniqueId(id) => arns.iter().find(|(known, _)| known == id).map(|(_, arn)| arn.clone()),
        AwsPrincipal::Everyone
        | AwsPrincipal::Account(_)
        | AwsPrincipal::Root(_)
        | AwsPrincipal::User(..)
        | AwsPrincipal::Role(..)
        | AwsPrincipal::AssumedRole { .. }
        | AwsPrincipal::FederatedUser(..) => None,
    });
    Ok(shown.map_err(|_| damaged())?.as_str().to_owned())
}
