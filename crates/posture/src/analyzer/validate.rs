//! ValidatePolicy.

use async_trait::async_trait;
use strongroom_api_accessanalyzer::{
    Location, PolicyType, ValidatePolicyFinding, ValidatePolicyInput, ValidatePolicyOutput,
    ValidatePolicyResourceType as ResourceType, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply, aside};
use strongroom_policy::vocabulary::AwsServices;
use strongroom_policy::{Document, Kind, PolicyError, Vocabulary};

use super::issue::Issue;
use super::place::{location, point};
use super::{advice, validation_exception};
use crate::Posture;

/// Findings of one page, if the caller does not say.
const PAGE: usize = 100;
const MAX_PAGE: i32 = 1000;
const LEARN_MORE: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html";

#[async_trait]
impl Handle<op::ValidatePolicy> for Posture {
    async fn handle(
        &self,
        request: Authorized<ValidatePolicyInput>,
    ) -> Result<Reply<ValidatePolicyOutput>, ErrorReply> {
        let input = request.input();
        let kind = kind(input.policy_type, input.validate_policy_resource_type)?;
        let text = input.policy_document.clone();
        let findings = aside(move || findings(&text, kind)).await?;
        Ok(Reply::new(page(input, findings)?))
    }
}

/// What the policy is for.
fn kind(policy: Option<PolicyType>, resource: Option<ResourceType>) -> Result<Kind, ErrorReply> {
    let no_resource = |kind| match resource {
        None => Ok(kind),
        Some(_) => Err(validation_exception(
            "validatePolicyResourceType is for policies of the type RESOURCE_POLICY.",
        )),
    };
    match policy {
        Some(PolicyType::IdentityPolicy) => no_resource(Kind::Managed),
        Some(PolicyType::ServiceControlPolicy) => no_resource(Kind::ServiceControl),
        Some(PolicyType::ResourceControlPolicy) => no_resource(Kind::ResourceControl),
        Some(PolicyType::ResourcePolicy) => match resource {
            None | Some(ResourceType::AwsS3Bucket) => Ok(Kind::Bucket),
            Some(ResourceType::AwsS3AccessPoint) => Ok(Kind::AccessPoint),
            Some(ResourceType::AwsIamAssumeRolePolicyDocument) => Ok(Kind::Trust),
            Some(
                ResourceType::AwsS3MultiRegionAccessPoint
                | ResourceType::AwsS3ObjectLambdaAccessPoint
                | ResourceType::AwsDynamoDbTable,
            ) => Err(validation_exception("There are no resources of this type here.")),
        },
        None => Err(validation_exception("policyType must be given.")),
    }
}

/// Everything that is wrong with a text, in the order of the text.
pub(super) fn findings(text: &str, kind: Kind) -> Vec<ValidatePolicyFinding> {
    match Document::parse(text.as_bytes(), kind) {
        Ok(document) => findings_of(&document),
        Err(PolicyError::Malformed { reason, place }) => {
            vec![finding(
                Issue::of_reason(&reason, &place.path),
                point(text, &place.path, place.line, place.column),
            )]
        }
        Err(error @ PolicyError::TooLarge { .. }) => {
            let issue = Issue::error("POLICY_SIZE_EXCEEDED", error.to_string());
            vec![finding(issue, location(text, "$", 0..text.len()))]
        }
    }
}

fn findings_of(document: &Document) -> Vec<ValidatePolicyFinding> {
    let source = document.as_str();
    let mut found = Vec::new();
    for unknown in document.findings(&AwsServices) {
        let service = unknown.text.split_once(':').map_or("", |(service, _)| service);
        let issue = Issue::of_finding(&unknown, AwsServices.has_action(&format!("{service}:*")));
        found.push((unknown.span.start, finding(issue, location(source, &unknown.place.path, unknown.span))));
    }
    for (issue, word) in advice::advice(document) {
        let place = location(source, &document.place(word).path, word.span());
        found.push((word.span().start, finding(issue, place)));
    }
    found.sort_by_key(|(start, _)| *start);
    found.into_iter().map(|(_, finding)| finding).collect()
}

fn finding(issue: Issue, place: Location) -> ValidatePolicyFinding {
    ValidatePolicyFinding {
        finding_details: issue.details,
        finding_type: Some(issue.weight),
        issue_code: issue.code.to_owned(),
        learn_more_link: LEARN_MORE.to_owned(),
        locations: vec![place],
    }
}

/// The token of a page is the number of its first finding: the same policy has the same findings.
fn page(
    input: &ValidatePolicyInput,
    findings: Vec<ValidatePolicyFinding>,
) -> Result<ValidatePolicyOutput, ErrorReply> {
    let first: usize = match &input.next_token {
        None => 0,
        Some(token) => {
            token.parse().map_err(|_| validation_exception("nextToken is not one of an earlier answer."))?
        }
    };
    let most = match input.max_results {
        None => PAGE,
        Some(most @ 1..=MAX_PAGE) => usize::try_from(most).unwrap_or(PAGE),
        Some(_) => return Err(validation_exception("maxResults must be 1 to 1000.")),
    };
    let next = first.saturating_add(most);
    let next_token = (next < findings.len()).then(|| next.to_string());
    Ok(ValidatePolicyOutput { findings: findings.into_iter().skip(first).take(most).collect(), next_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str, kind: Kind) -> Vec<String> {
        findings(text, kind).into_iter().map(|finding| finding.issue_code).collect()
    }

    #[test]
    fn what_no_service_has_is_told_in_the_order_of_the_text() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObjekt","lamda:Invoke","s3:GetObject"],
            "Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b","arn:aws:iam::111122223333:usr/x"],
            "Condition":{"StringEquals":{"aws:SourceVcp":"x","s3:prefiks":"y"}}}}"#;
        assert_eq!(
            codes(text, Kind::Managed),
            [
                "INVALID_ACTION",
                "INVALID_SERVICE_IN_ACTION",
                "UNSUPPORTED_RESOURCE_ARN_IN_POLICY",
                "INVALID_ARN_RESOURCE",
                "INVALID_GLOBAL_CONDITION_KEY",
                "INVALID_SERVICE_CONDITION_KEY",
            ]
        );
    }

    #[test]
    fn a_text_that_is_no_policy_has_one_finding_with_its_place() {
        let found =
            findings("{\"Version\":\"2012-10-17\",\n\"Statement\":[{\"Effect\":\"Alow\"}]}", Kind::Managed);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].locations[0].span.start.line, Some(2));
        assert_eq!(codes("{", Kind::Managed), ["JSON_SYNTAX_ERROR"]);
        let bare = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Null":{"prefix":"true"}}}}"#;
        assert_eq!(codes(bare, Kind::Managed), ["INVALID_CONDITION_KEY_FORMAT"]);
        let not_principal = r#"{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::b"}}"#;
        assert_eq!(codes(not_principal, Kind::Bucket), ["ALLOW_WITH_NOT_PRINCIPAL"]);
        let long = format!(r#"{{"Statement":{{"Sid":"{}"}}}}"#, "x".repeat(7000));
        assert_eq!(codes(&long, Kind::Managed), ["POLICY_SIZE_EXCEEDED"]);
    }

    #[test]
    fn what_is_valid_and_unwise_is_told() {
        let statement =
            |body: &str| format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{body}}}}}"#);
        for (body, code) in [
            (r#""Action":"iam:PassRole","Resource":"*""#, "PASS_ROLE_WITH_STAR_IN_RESOURCE"),
            (r#""Action":"iam:*","Resource":"*""#, "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE"),
            (r#""Action":["s3:Get*","s3:getobject"],"Resource":"*""#, "REDUNDANT_ACTION"),
            (
                r#""Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b/c*"]"#,
                "REDUNDANT_RESOURCE",
            ),
            (
                r#""Action":"s3:GetObject","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#,
                "FORALLVALUES_WITH_SINGLE_VALUED_KEY",
            ),
        ] {
            assert_eq!(codes(&statement(body), Kind::Managed), [code], "{body}");
        }
        for sound in [
            r#""Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"s3.amazonaws.com"}}"#,
            r#""Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::c/*"]"#,
            r#""Action":"*","Resource":"*""#,
        ] {
            assert_eq!(codes(&statement(sound), Kind::Managed), Vec::<String>::new(), "{sound}");
        }
    }

    #[test]
    fn pages_follow_each_other() {
        let input = |max_results, next_token: Option<&str>| ValidatePolicyInput {
            max_results,
            next_token: next_token.map(ToOwned::to_owned),
            ..ValidatePolicyInput::default()
        };
        let found = || {
            findings(
                r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:A","s3:B","s3:C"],"Resource":"*"}}"#,
                Kind::Managed,
            )
        };
        let first = page(&input(Some(2), None), found()).unwrap();
        assert_eq!((first.findings.len(), first.next_token.as_deref()), (2, Some("2")));
        let second = page(&input(Some(2), Some("2")), found()).unwrap();
        assert_eq!((second.findings.len(), second.next_token), (1, None));
        assert!(page(&input(Some(0), None), found()).is_err());
        assert!(page(&input(None, Some("-1")), found()).is_err());
    }
}
