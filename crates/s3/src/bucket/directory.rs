//! Which bucket has a name: the gate's view of buckets.

use std::sync::Arc;

use strongroom_api_s3::Tagging;
use strongroom_gate::{
    AccessControlList, BucketAccess, BucketAcls, BucketFacts, NamedPolicy, PublicAccessBlock,
};
use strongroom_policy::{Kind, PolicyCache};
use strongroom_storage::{MetaStore, Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{AccountId, BucketName, CanonicalUserId};

use super::defaults::NewBuckets;
use super::document;
use super::limits::MAX_TRIES;
use super::public_access::effective;
use super::settings::name;
use crate::acl::Ownership;
use crate::control::AccountBlockRow;
use crate::row::{self, BucketRow, Coded, NameRow, StateRow};

/// Finds buckets by name. The server implements [`strongroom_gate::Facts`] with it.
///
/// A name whose bucket's own row is gone (a crash in the middle of DeleteBucket) names no bucket.
#[derive(Clone)]
pub struct BucketDirectory {
    store: Arc<dyn MetaStore>,
    policies: Arc<PolicyCache>,
    policy_name: Arc<str>,
    new_buckets: NewBuckets,
}

impl BucketDirectory {
    /// A directory over the store that [`crate::S3`] writes to.
    pub fn new(store: Arc<dyn MetaStore>) -> Self {
        Self {
            store,
            policies: Arc::new(PolicyCache::new()),
            policy_name: "bucket policy".into(),
            new_buckets: NewBuckets::default(),
        }
    }

    /// The same, where accounts that set nothing block what they did at that time.
    #[must_use]
    pub(crate) fn with_new_buckets(mut self, new_buckets: NewBuckets) -> Self {
        self.new_buckets = new_buckets;
        self
    }

    /// What an account blocks.
    ///
    /// # Errors
    /// Those of [`AccountBlockRow::of`].
    pub(crate) async fn account_block(&self, account: AccountId) -> Result<AccountBlockRow, StoreError> {
        AccountBlockRow::of(&*self.store, account, self.new_buckets).await
    }

    /// The bucket of this name, with the rows that a change of it must find untouched: its incarnation and its state.
    ///
    /// # Errors
    /// [`StoreError`] of the store; [`StoreError::Corrupt`] for a row that is not what its key says.
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
        let Some((named, _)) = self.name_row(name).await? else { return Ok(None) };
        let partition = Partition::Bucket(named.id());
        let Some((_, incarnation)) = self.read::<BucketRow>(partition, row::BUCKET).await? else {
            return Ok(None);
        };
        let (owner, owner_canonical, region) = named.parsed().map_err(|_| corrupt())?;
        let Some((generation, access)) = self.access(partition, (owner, owner_canonical)).await? else {
            // Its state was removed together with the incarnation; a bucket without it is damaged, unless it went just now.
            let gone = self.store.get(partition, row::BUCKET).await?.is_none();
            return if gone { Ok(None) } else { Err(corrupt()) };
        };
        let guards = vec![
            Precondition::RowIs(row::BUCKET.to_vec(), incarnation),
            Precondition::RowIs(row::STATE.to_vec(), generation),
        ];
        Ok(Some(BucketFacts {
            id: named.id(),
            owner,
            owner_canonical,
            region,
            guards,
            access,
            organization_block: PublicAccessBlock::default(),
            access_point_block: PublicAccessBlock::default(),
        }))
    }

    /// Who may reach the bucket beside its account, and the version of its state; `None` without a state. Most buckets
    /// have no policy, disable lists and let no tags decide, and are read no further.
    ///
    /// State, policy and tags are rows of their own: they belong together if the state is the same before and after the
    /// others were read.
    async fn access(
        &self,
        partition: Partition,
        (owner, canonical): (AccountId, CanonicalUserId),
    ) -> Result<Option<(RowVersion, Arc<BucketAccess>)>, StoreError> {
        let Some((mut state, mut generation)) = self.read::<StateRow>(partition, row::STATE).await? else {
            return Ok(None);
        };
        for _ in 0..MAX_TRIES {
            let acls = acls(&state, canonical);
            let is_plain = acls == BucketAcls::Disabled && !state.abac && !state.requester_pays;
            if state.public_policy.is_none() && is_plain {
                return Ok(Some((generation, Arc::default())));
            }
            let policy = match state.public_policy {
                Some(_) => self.store.get(partition, &row::config(name::POLICY)).await?,
                None => None,
            };
            let tags = if state.abac { self.tags(partition).await? } else { Vec::new() };
            let is_alone = state.public_policy.is_none() && !state.abac;
            let again = if is_alone {
                Some((state.clone(), generation))
            } else {
                self.read::<StateRow>(partition, row::STATE).await?
            };
            let Some((after, version)) = again else { return Ok(None) };
            if version == generation {
                let access = BucketAccess {
                    policy: policy.map(|row| self.compiled(&row.value)).transpose()?,
                    is_public: state.public_policy == Some(true),
                    acls,
                    block: effective(state.public_access_block, self.account_block(owner).await?),
                    tags,
                    requester_pays: state.requester_pays,
                };
                if access.policy.is_some() != state.public_policy.is_some() {
                    return Err(corrupt());
                }
                return Ok(Some((generation, Arc::new(access))));
            }
            (state, generation) = (after, version);
        }
        Err(StoreError::Conflict)
    }

    async fn tags(&self, partition: Partition) -> Result<Vec<(String, String)>, StoreError> {
        let Some(stored) = self.store.get(partition, &row::config(name::TAGGING)).await? else {
            return Ok(Vec::new());
        };
        let tags: Tagging = document::decode(&stored.value).map_err(|_| corrupt())?;
        Ok(tags.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    fn compiled(&self, text: &[u8]) -> Result<NamedPolicy, StoreError> {
        let text = std::str::from_utf8(text).map_err(|_| corrupt())?;
        let policy = self.policies.get(&text.into(), Kind::Bucket).map_err(|_| corrupt())?;
        Ok(NamedPolicy { name: self.policy_name.clone(), policy })
    }

    /// The row of a name, whether or not its bucket is still there.
    pub(crate) async fn name_row(
        &self,
        name: &BucketName,
    ) -> Result<Option<(NameRow, RowVersion)>, StoreError> {
        self.read::<NameRow>(Partition::Names, &row::name(name)).await
    }

    /// Whether the bucket that a name's row speaks of is still there.
    pub(crate) async fn exists(&self, named: &NameRow) -> Result<bool, StoreError> {
        Ok(self.store.get(Partition::Bucket(named.id()), row::BUCKET).await?.is_some())
    }

    /// Where its rows are.
    pub(crate) fn store(&self) -> &dyn MetaStore {
        &*self.store
    }

    /// Policies that were compiled already.
    pub(crate) fn policies(&self) -> &PolicyCache {
        &self.policies
    }

    pub(crate) async fn read<T: Coded>(
        &self,
        partition: Partition,
        key: &[u8],
    ) -> Result<Option<(T, RowVersion)>, StoreError> {
        let row = self.store.get(partition, key).await?;
        row.map(|row| Ok((T::decode(&row.value).map_err(|_| corrupt())?, row.version))).transpose()
    }
}

/// Whether lists have a say, and the bucket's.
fn acls(state: &StateRow, owner: CanonicalUserId) -> BucketAcls {
    match Ownership::of(state) {
        Ownership::BucketOwnerEnforced => BucketAcls::Disabled,
        Ownership::BucketOwnerPreferred | Ownership::ObjectWriter => {
            let list = state.acl.as_ref().map(AccessControlList::from);
            BucketAcls::Enabled(list.unwrap_or_else(|| AccessControlList::private(owner)))
        }
    }
}

/// A row that does not read.
pub(crate) fn corrupt() -> StoreError {
    StoreError::Corrupt { what: "a bucket's row".into() }
}
