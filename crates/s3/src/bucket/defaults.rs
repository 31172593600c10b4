//! What a new bucket is like where its maker asks for nothing.

use strongroom_api_s3::ObjectOwnership;

use crate::control::AccountBlockRow;
use crate::row::{AclRow, PublicAccessBlockRow, StateRow, Versioning};

/// Which of AWS's defaults a new bucket has. An installation's setting (`--new-buckets`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NewBuckets {
    /// Those of today: ACLs off (BucketOwnerEnforced), Block Public Access on, closed to customer-provided keys.
    ///
    /// Source: S3 User Guide, "Default settings for new S3 buckets FAQ" and "Default SSE-C setting for new buckets FAQ".
    #[default]
    Current,
    /// Those before April 2023: no ownership controls, which means ObjectWriter, no Block Public Access, neither of the
    /// bucket nor of an account that never set it, and open to customer-provided keys. For what was written for such
    /// buckets.
    BeforeApril2023,
}

impl NewBuckets {
    /// Object Ownership; `None`: no ownership controls, which means ObjectWriter.
    pub(super) fn ownership(self) -> Option<ObjectOwnership> {
        match self {
            Self::Current => Some(ObjectOwnership::BucketOwnerEnforced),
            Self::BeforeApril2023 => None,
        }
    }

    /// Block Public Access; `None`: no configuration.
    pub(super) fn public_access_block(self) -> Option<PublicAccessBlockRow> {
        match self {
            Self::Current => Some(PublicAccessBlockRow {
                block_public_acls: true,
                ignore_public_acls: true,
                block_public_policy: true,
                restrict_public_buckets: true,
            }),
            Self::BeforeApril2023 => None,
        }
    }

    /// Block Public Access of an account that never set it.
    pub(crate) fn account_block(self) -> AccountBlockRow {
        match self {
            Self::Current => AccountBlockRow::NEW,
            Self::BeforeApril2023 => AccountBlockRow { block: None },
        }
    }

    /// The state of a new bucket, with Object Ownership as asked or by default, and a list.
    pub(super) fn state(
        self,
        object_lock: bool,
        ownership: Option<ObjectOwnership>,
        acl: Option<AclRow>,
    ) -> StateRow {
        StateRow {
            // Object Lock needs versions: AWS enables versioning with it.
            versioning: if object_lock { Versioning::Enabled } else { Versioning::Off },
            mfa_delete: false,
            ownership: ownership.map(|ownership| ownership.as_str().to_owned()),
            public_access_block: self.public_access_block(),
            generation: 1,
            customer_keys_allowed: self == Self::BeforeApril2023,
            public_policy: None,
            acl,
            abac: false,
            requester_pays: false,
        }
    }
}
