//! Types of policy.

use minicbor::{Decode, Encode};
use strongroom_api_organizations::{EffectivePolicyType, PolicyType};
use strongroom_policy::Kind;

use crate::limits;

/// A type of policy that this store enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum PolicyKind {
    /// What the users and roles of accounts may do at most.
    #[n(0)]
    ServiceControl,
    /// What may be done to the resources of accounts at most.
    #[n(1)]
    ResourceControl,
    /// Block Public Access of accounts' buckets.
    #[n(2)]
    S3,
}

/// A policy that is there from the beginning and cannot be changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AwsPolicy {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: PolicyKind,
    pub(crate) description: &'static str,
    pub(crate) content: &'static str,
}

/// Source: Organizations User Guide, "SCP evaluation" and "Resource control policies", which show both.
static FULL_ACCESS: AwsPolicy = AwsPolicy {
    id: "p-FullAWSAccess",
    name: "FullAWSAccess",
    kind: PolicyKind::ServiceControl,
    description: "Allows access to every operation",
    content: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
};

static RCP_FULL_ACCESS: AwsPolicy = AwsPolicy {
    id: "p-RCPFullAWSAccess",
    name: "RCPFullAWSAccess",
    kind: PolicyKind::ResourceControl,
    description: "Allows access to every operation",
    content: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
};

impl AwsPolicy {
    /// All of them.
    pub(crate) const ALL: [&'static Self; 2] = [&FULL_ACCESS, &RCP_FULL_ACCESS];

    /// The one with an id.
    pub(crate) fn find(id: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|policy| policy.id == id)
    }
}

impl PolicyKind {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::ServiceControl, Self::ResourceControl, Self::S3];

    /// The one that a request names; `None` for types that have nothing to do with what this store keeps.
    pub(crate) fn of(asked: PolicyType) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.shape() == asked)
    }

    /// As [`PolicyKind::of`], among those of which an account has an effective policy.
    pub(crate) fn of_effective(asked: EffectivePolicyType) -> Option<Self> {
        (asked == EffectivePolicyType::S3Policy).then_some(Self::S3)
    }

    /// As answers show it.
    pub(crate) fn shape(self) -> PolicyType {
        match self {
            Self::ServiceControl => PolicyType::ServiceControlPolicy,
            Self::ResourceControl => PolicyType::ResourceControlPolicy,
            Self::S3 => PolicyType::S3Policy,
        }
    }

    /// The byte that stands for it in row keys.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::ServiceControl => b's',
            Self::ResourceControl => b'r',
            Self::S3 => b'3',
        }
    }

    /// The policy that every root, unit and account has from the beginning.
    pub(crate) fn default_policy(self) -> Option<&'static AwsPolicy> {
        match self {
            Self::ServiceControl => Some(&FULL_ACCESS),
            Self::ResourceControl => Some(&RCP_FULL_ACCESS),
            Self::S3 => None,
        }
    }

    /// The language of its policies, as customers may write them; `None`: not IAM's.
    pub(crate) fn language(self) -> Option<Kind> {
        match self {
            Self::ServiceControl => Some(Kind::ServiceControl),
            Self::ResourceControl => Some(Kind::ResourceControl),
            Self::S3 => None,
        }
    }

    /// Characters of a policy.
    pub(crate) fn max_chars(self) -> usize {
        match self {
            Self::ServiceControl => limits::SERVICE_CONTROL_MAX_CHARS,
            Self::ResourceControl => limits::RESOURCE_CONTROL_MAX_CHARS,
            Self::S3 => limits::S3_POLICY_MAX_CHARS,
        }
    }

    /// Policies attached to one root, unit or account.
    pub(crate) fn max_attached(self) -> usize {
        match self {
            Self::ServiceControl => limits::SERVICE_CONTROL_ATTACHED,
            Self::ResourceControl => limits::RESOURCE_CONTROL_ATTACHED,
            Self::S3 => limits::S3_ATTACHED,
        }
    }

    /// Policies that customers have made.
    pub(crate) fn max_policies(self) -> u32 {
        match self {
            Self::ServiceControl => limits::SERVICE_CONTROL_POLICIES,
            Self::ResourceControl => limits::RESOURCE_CONTROL_POLICIES,
            Self::S3 => limits::S3_POLICIES,
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_policy::Document;

    use super::*;

    #[test]
    fn the_policies_of_the_beginning_are_what_they_should_be() {
        for (policy, language) in
            AwsPolicy::ALL.into_iter().zip([Kind::ServiceControl, Kind::FullResourceControl])
        {
            assert!(Document::parse(policy.content.as_bytes(), language).is_ok(), "{}", policy.id);
            assert_eq!(AwsPolicy::find(policy.id), Some(policy));
            assert_eq!(policy.kind.default_policy(), Some(policy));
        }
    }
}
