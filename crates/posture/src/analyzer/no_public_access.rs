//! CheckNoPublicAccess.

use async_trait::async_trait;
use strongroom_api_accessanalyzer::{
    AccessCheckResourceType as ResourceType, CheckNoPublicAccessInput, CheckNoPublicAccessOutput,
    CheckNoPublicAccessResult, ReasonSummary, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply, assess};
use strongroom_policy::public::Exposure;
use strongroom_policy::{Document, Kind, PolicyError};

use super::validation_exception;
use crate::Posture;

/// Whether a policy gives access to the public, by AWS's rule or by a request that an outsider can make: what Block Public
/// Access would refuse, told beforehand.
///
/// Source: Access Analyzer API Reference, "CheckNoPublicAccess".
#[async_trait]
impl Handle<op::CheckNoPublicAccess> for Posture {
    async fn handle(
        &self,
        request: Authorized<CheckNoPublicAccessInput>,
    ) -> Result<Reply<CheckNoPublicAccessOutput>, ErrorReply> {
        let input = request.input();
        let owner = request.caller().account();
        let owner = owner.ok_or_else(|| ErrorReply::new(403, "AccessDenied", "Access Denied"))?;
        let document = read(&input.policy_document, kind(input.resource_type)?)?;
        let exposure = assess(&document, owner).await?;
        Ok(Reply::new(told(&document, exposure.as_ref())))
    }
}

fn kind(resource: Option<ResourceType>) -> Result<Kind, ErrorReply> {
    match resource {
        Some(ResourceType::AwsS3Bucket) => Ok(Kind::Bucket),
        Some(ResourceType::AwsS3AccessPoint) => Ok(Kind::AccessPoint),
        Some(ResourceType::AwsIamAssumeRolePolicyDocument) => Ok(Kind::Trust),
        Some(ResourceType::AwsKmsKey) => Ok(Kind::Key),
        Some(_) => Err(validation_exception("There are no resources of this type here.")),
        None => Err(validation_exception("resourceType must be given.")),
    }
}

fn read(text: &str, kind: Kind) -> Result<Document, ErrorReply> {
    Document::parse(text.as_bytes(), kind).map_err(|error| match error {
        // Source: as above, "Errors".
        PolicyError::Malformed { .. } | PolicyError::TooLarge { .. } => {
            ErrorReply::new(400, "InvalidParameterException", error.to_string())
        }
    })
}

fn told(document: &Document, exposure: Option<&Exposure>) -> CheckNoPublicAccessOutput {
    let Some(exposure) = exposure else {
        return CheckNoPublicAccessOutput {
            result: Some(CheckNoPublicAccessResult::Pass),
            message: Some("The resource policy does not allow public access.".to_owned()),
            reasons: None,
        };
    };
    let by_rule = exposure.by_rule.as_ref().map(|granted| &granted.statement);
    let statement = by_rule.or_else(|| exposure.by_reach.as_ref().map(|reached| &reached.statement));
    let named = |name: &str| {
        document.statements().iter().position(|statement| statement.sid.as_deref() == Some(name))
    };
    let index = statement.and_then(|name| named(name).or_else(|| name.parse().ok()));
    let reason = ReasonSummary {
        description: Some(exposure.to_string()),
        statement_index: index.and_then(|index| i32::try_from(index).ok()),
        statement_id: statement.filter(|name| named(name).is_some()).cloned(),
    };
    CheckNoPublicAccessOutput {
        result: Some(CheckNoPublicAccessResult::Fail),
        message: Some("The resource policy allows public access.".to_owned()),
        reasons: Some(vec![reason]),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_policy::public;
    use strongroom_types::AccountId;

    use super::*;

    fn check(text: &str, kind: Kind, owner: AccountId) -> Result<CheckNoPublicAccessOutput, ErrorReply> {
        let document = read(text, kind)?;
        Ok(told(&document, public::assess(&document, owner).as_ref()))
    }

    fn owner() -> AccountId {
        AccountId::parse("111122223333").unwrap()
    }

    #[test]
    fn a_public_policy_fails_with_its_statement() {
        let policy = r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"Own","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::b"},
            {"Sid":"All","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}"#;
        let failed = check(policy, Kind::Bucket, owner()).unwrap();
        assert_eq!(failed.result, Some(CheckNoPublicAccessResult::Fail));
        let reason = &failed.reasons.unwrap()[0];
        assert_eq!((reason.statement_id.as_deref(), reason.statement_index), (Some("All"), Some(1)));
    }

    #[test]
    fn a_policy_for_an_account_passes_and_a_text_that_is_none_is_refused() {
        let policy = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}"#;
        let passed = check(policy, Kind::Bucket, owner()).unwrap();
        assert_eq!(passed.result, Some(CheckNoPublicAccessResult::Pass));
        assert!(passed.reasons.is_none());
        assert_eq!(check("{", Kind::Bucket, owner()).err().unwrap().code, "InvalidParameterException");
    }
}
