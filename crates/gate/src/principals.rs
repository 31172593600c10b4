//! Principals of policies on resources: kept by unique id, shown by ARN.

use std::collections::HashMap;

use strongroom_policy::document::{AwsPrincipal, PrincipalEntry};
use strongroom_policy::evaluate::Decision;
use strongroom_policy::{Document, Policy};

use crate::facts::{Kept, NamedPolicy};
use crate::{Authorized, ErrorReply};

impl<I> Authorized<I> {
    /// The policy as it is kept: users and roles by their unique ids, so that one who is made again under the same name
    /// has nothing of what was granted before.
    ///
    /// # Errors
    /// `MalformedPolicy` for a principal that does not exist; errors of the store.
    pub async fn keep_principals(&mut self, document: &Document) -> Result<Document, ErrorReply> {
        let mut ids = HashMap::new();
        for entry in document.principals() {
            let PrincipalEntry::Aws(principal) = entry else { continue };
            let kept = self.deciding.facts.keep_principal(principal).await;
            match kept.map_err(|error| ErrorReply::from(&error))? {
                Kept::Unknown => {
                    let message = "Invalid principal in policy";
                    return Err(ErrorReply::new(400, "MalformedPolicy", message)
                        .member("Detail", format!("\"AWS\" : \"{principal}\"")));
                }
                Kept::AsItIs => {}
                Kept::ByUniqueId(id) => {
                    ids.insert(principal.clone(), AwsPrincipal::UniqueId(id));
                }
            }
        }
        let kept = document.replace_principals(|principal| ids.get(principal).cloned());
        kept.map_err(|error| ErrorReply::new(400, "MalformedPolicy", error.to_string()))
    }

    /// A policy that is kept, as it is shown: with ARNs in the place of unique ids, but for those who are gone.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn show_principals(&mut self, document: &Document) -> Result<Document, ErrorReply> {
        let mut shown = HashMap::new();
        for entry in document.principals() {
            let PrincipalEntry::Aws(AwsPrincipal::UniqueId(id)) = entry else { continue };
            let found = self.deciding.facts.show_principal(id).await;
            if let Some(principal) = found.map_err(|error| ErrorReply::from(&error))? {
                shown.insert(id.clone(), principal);
            }
        }
        let replace = |principal: &AwsPrincipal| {
            if let AwsPrincipal::UniqueId(id) = principal { shown.get(id).cloned() } else { None }
        };
        document.replace_principals(replace).map_err(|_| crate::authorized::internal())
    }

    /// Checks that the caller may still do `action` to the bucket under its new policy, so that nobody locks himself out
    /// unawares. Source: S3 API Reference, "PutBucketPolicy", `ConfirmRemoveSelfBucketAccess`.
    ///
    /// # Errors
    /// `MalformedPolicy` if the new policy would deny it; errors of the store.
    pub async fn keeps_itself(
        &mut self,
        action: &'static str,
        document: &Document,
    ) -> Result<(), ErrorReply> {
        let policy = NamedPolicy { name: "bucket policy".into(), policy: Policy::compile(document).into() };
        let decision = self.deciding.under(policy, action, &self.target, self.bucket()?).await;
        match decision.map_err(|error| ErrorReply::from(&error))? {
            Decision::ExplicitDeny(statement) => {
                let message = format!(
                    "The new policy denies {action} to you ({statement}), so that you could not change it again. \
                     Send x-amz-confirm-remove-self-bucket-access: true to put it all the same."
                );
                Err(ErrorReply::new(400, "MalformedPolicy", message))
            }
            Decision::Allow(_) | Decision::ImplicitDeny { .. } => Ok(()),
        }
    }
}
