//! AWS-managed policies: those that people attach, under AWS's names and ARNs.
//!
//! The documents are ours. Each allows what AWS documents its policy to allow, as far as this store has the services
//! (Source: AWS Managed Policy Reference Guide, the page of each policy). They have one version each and change with the
//! program alone.

use std::sync::LazyLock;

use strongroom_api_iam as api;
use strongroom_crypto::Sha256Digest;
use strongroom_types::Timestamp;

use super::entity::{Kind, base32};
use super::shape::{self, Usage};

/// The ARN of the policy that allows everything.
pub(crate) const ADMINISTRATOR_ARN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// The ARN of what all AWS-managed policies begin with.
const PREFIX: &str = "arn:aws:iam::aws:policy";

/// The path of policies that services give their own roles.
const SERVICE_ROLES: &str = "/aws-service-role/";

/// When the documents were written: 24 November 2026.
const CREATED_MILLIS: i64 = 1_795_478_400_000;

/// An AWS-managed policy.
#[derive(Debug)]
pub(crate) struct ManagedPolicy {
    /// Its name.
    pub(crate) name: &'static str,
    path: &'static str,
    description: &'static str,
    /// Its document.
    pub(crate) document: &'static str,
}

impl ManagedPolicy {
    /// Its ARN.
    pub(crate) fn arn(&self) -> String {
        format!("{PREFIX}{}{}", self.path, self.name)
    }

    /// Whether identities may have it: all but those that services give their own roles.
    pub(crate) fn is_attachable(&self) -> bool {
        self.path != SERVICE_ROLES
    }

    /// The same in every installation.
    fn id(&self) -> String {
        let digest = Sha256Digest::of(self.arn().as_bytes());
        let letters = base32(digest.as_bytes().iter().copied().take(17));
        Kind::Policy.id_prefix().chars().chain(letters).collect()
    }

    /// As answers show it.
    pub(crate) fn shape(&self, usage: Usage) -> api::Policy {
        api::Policy {
            policy_name: Some(self.name.to_owned()),
            policy_id: Some(self.id()),
            arn: Some(self.arn()),
            path: Some(self.path.to_owned()),
            default_version_id: Some("v1".to_owned()),
            attachment_count: Some(shape::count(usage.attached)),
            permissions_boundary_usage_count: Some(shape::count(usage.bounding)),
            is_attachable: Some(self.is_attachable()),
            description: Some(self.description.to_owned()),
            create_date: Some(Timestamp::from_millis(CREATED_MILLIS)),
            update_date: Some(Timestamp::from_millis(CREATED_MILLIS)),
            tags: None,
        }
    }

    /// As answers show its one version.
    pub(crate) fn version(&self, with_document: bool) -> api::PolicyVersion {
        api::PolicyVersion {
            document: with_document.then(|| shape::document(self.document)),
            version_id: Some("v1".to_owned()),
            is_default_version: Some(true),
            create_date: Some(Timestamp::from_millis(CREATED_MILLIS)),
        }
    }
}

macro_rules! policies {
    ($($path:literal { $($name:literal: $description:literal,)* })*) => {
        /// All of them, by path.
        const POLICIES: &[ManagedPolicy] = &[$($(
            ManagedPolicy {
                name: $name,
                path: $path,
                description: $description,
                document: include_str!(concat!("managed/", $name, ".json")),
            },
        )*)*];
    };
}

policies! {
    "/" {
        "AWSAccountManagementFullAccess": "Everything with the settings of accounts.",
        "AWSAccountManagementReadOnlyAccess": "Reading the settings of accounts.",
        "AWSCloudTrail_FullAccess": "Everything with CloudTrail, and making what trails are delivered to.",
        "AWSCloudTrail_ReadOnlyAccess": "Reading CloudTrail.",
        "AWSConfigUserAccess": "Using Config: reading configurations, rules and tags.",
        "AWSDenyAll": "Denies everything.",
        "AWSHealthFullAccess": "Everything with Health.",
        "AWSKeyManagementServicePowerUser": "Making and describing keys, without using or deleting them.",
        "AWSOrganizationsFullAccess": "Everything with Organizations.",
        "AWSOrganizationsReadOnlyAccess": "Reading Organizations.",
        "AWSSupportAccess": "Everything with Support.",
        "AdministratorAccess": "Everything.",
        "AmazonMacieFullAccess": "Everything with Macie.",
        "AmazonMacieReadOnlyAccess": "Reading Macie.",
        "AmazonS3FullAccess": "Everything with all buckets.",
        "AmazonS3ReadOnlyAccess": "Reading all buckets.",
        "AmazonSNSFullAccess": "Everything with SNS.",
        "AmazonSNSReadOnlyAccess": "Reading SNS.",
        "AmazonSQSFullAccess": "Everything with SQS.",
        "AmazonSQSReadOnlyAccess": "Reading the attributes of queues.",
        "CloudWatchFullAccess": "Everything with CloudWatch and its logs.",
        "CloudWatchLogsFullAccess": "Everything with CloudWatch Logs.",
        "CloudWatchLogsReadOnlyAccess": "Reading CloudWatch Logs.",
        "CloudWatchReadOnlyAccess": "Reading CloudWatch and its logs.",
        "IAMAccessAnalyzerFullAccess": "Everything with Access Analyzer.",
        "IAMAccessAnalyzerReadOnlyAccess": "Reading Access Analyzer.",
        "IAMFullAccess": "Everything with IAM.",
        "IAMReadOnlyAccess": "Reading IAM.",
        "IAMUserChangePassword": "Changing one's own password.",
        "PowerUserAccess": "Everything but IAM, Organizations and the settings of accounts.",
        "ReadOnlyAccess": "Reading everything, data included.",
        "ResourceGroupsandTagEditorFullAccess": "Everything with resource groups and tags.",
        "ResourceGroupsandTagEditorReadOnlyAccess": "Reading resource groups and tags.",
        "SecurityAudit": "Reading the settings that matter to security, without data.",
    }
    "/job-function/" {
        "ViewOnlyAccess": "Seeing what there is, without settings or data.",
    }
    "/service-role/" {
        "AWS_ConfigRole": "What Config needs to record configurations.",
    }
    "/aws-service-role/" {
        "AWSConfigServiceRolePolicy": "What Config's own role may do.",
        "AWSOrganizationsServiceTrustPolicy": "What the own role of Organizations may do.",
        "AWSSupportServiceRolePolicy": "What Support's own role may do.",
        "AWSTrustedAdvisorServiceRolePolicy": "What Trusted Advisor's own role may do.",
        "AccessAnalyzerServiceRolePolicy": "What Access Analyzer's own role may do.",
        "AmazonMacieServiceRolePolicy": "What Macie's own role may do.",
        "CloudTrailServiceRolePolicy": "What CloudTrail's own role may do.",
        "ConfigRemediationServiceRolePolicy": "What the own role of Config's remediation may do.",
    }
}

static BY_ARN: LazyLock<Vec<(String, &'static ManagedPolicy)>> = LazyLock::new(|| {
    let mut all: Vec<_> = POLICIES.iter().map(|policy| (policy.arn(), policy)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
});

/// All AWS-managed policies.
pub(crate) fn all() -> &'static [ManagedPolicy] {
    POLICIES
}

/// The policy with this ARN.
pub(crate) fn find(arn: &str) -> Option<&'static ManagedPolicy> {
    let place = BY_ARN.binary_search_by(|(known, _)| known.as_str().cmp(arn)).ok()?;
    BY_ARN.get(place).map(|(_, policy)| *policy)
}

/// The ARN of a policy that a service gives its own role.
pub(crate) fn service_role_arn(name: &str) -> String {
    format!("{PREFIX}{SERVICE_ROLES}{name}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strongroom_policy::{Document, Kind as PolicyKind};

    use super::*;

    #[test]
    fn every_policy_is_found_by_its_arn_and_is_one() {
        let mut ids = BTreeSet::new();
        for policy in all() {
            assert!(std::ptr::eq(find(&policy.arn()).unwrap(), policy));
            assert!(ids.insert(policy.id()), "{}", policy.name);
            let document = Document::parse(policy.document.as_bytes(), PolicyKind::Managed);
            assert!(document.is_ok(), "{}: {document:?}", policy.name);
        }
        let names: BTreeSet<_> = all().iter().map(|policy| policy.name).collect();
        assert_eq!(names.len(), all().len(), "lists rely on names that are unique");
        assert!(find(ADMINISTRATOR_ARN).is_some());
        assert!(find("arn:aws:iam::aws:policy/Nothing").is_none());
    }
}
