//! The service and what it stands on.

use std::sync::Arc;

use strongroom_crypto::Entropy as _;
use strongroom_gate::ErrorReply;
use strongroom_kms::Keys;
use strongroom_storage::{BlobStore, MetaStore, Partition, RowVersion, StoreClock};
use strongroom_types::{BlobId, Region, Timestamp};

use crate::bucket::defaults::NewBuckets;
use crate::bucket::directory::BucketDirectory;
use crate::object::{Buffers, KeyLocks, Md5Combiner};
use crate::row::Coded;

/// The S3 and S3 Control services of an installation.
#[derive(Clone)]
pub struct S3 {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) clock: Arc<dyn StoreClock>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) regions: Arc<[Region]>,
    pub(crate) new_buckets: NewBuckets,
    pub(crate) directory: BucketDirectory,
    /// Under which domain access points are hosts, as GetAccessPoint tells it.
    pub(crate) access_point_endpoints: Arc<[(String, String)]>,
    pub(crate) key_locks: Arc<KeyLocks>,
    pub(crate) buffers: Buffers,
    /// Where the processor has lanes for it.
    pub(crate) md5_combiner: Option<Arc<Md5Combiner>>,
}

impl S3 {
    /// A service over a store whose rows are sealed by it (`store`) and whose blobs are sealed here. `regions` are those
    /// of the installation, its home first; never empty.
    pub fn new(
        store: Arc<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn StoreClock>,
        keys: Arc<Keys>,
        regions: Arc<[Region]>,
    ) -> Self {
        Self {
            directory: BucketDirectory::new(store.clone()),
            store,
            blobs,
            clock,
            keys,
            regions,
            new_buckets: NewBuckets::default(),
            access_point_endpoints: Arc::default(),
            key_locks: Arc::new(KeyLocks::new()),
            buffers: Buffers::new(),
            md5_combiner: Md5Combiner::new(),
        }
    }

    /// The same, whose new buckets are like these.
    #[must_use]
    pub fn with_new_buckets(mut self, new_buckets: NewBuckets) -> Self {
        self.new_buckets = new_buckets;
        self.directory = self.directory.with_new_buckets(new_buckets);
        self
    }

    /// The same, whose access points are hosts under this domain: `NAME-ACCOUNT.DOMAIN`.
    #[must_use]
    pub fn with_access_point_domain(mut self, domain: &str) -> Self {
        self.access_point_endpoints = Arc::new([("ipv4".to_owned(), domain.to_owned())]);
        self
    }

    /// Which bucket has a name.
    pub fn directory(&self) -> &BucketDirectory {
        &self.directory
    }

    /// The store clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fresh random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.keys.entropy().fill(&mut out);
        out
    }

    /// A fresh blob id.
    pub(crate) fn new_blob_id(&self) -> BlobId {
        BlobId::from_bytes(self.random())
    }

    /// Reads and decodes one row, with the version that a commit can name as unchanged.
    pub(crate) async fn read<T: Coded>(
        &self,
        partition: Partition,
        key: &[u8],
    ) -> Result<Option<(T, RowVersion)>, ErrorReply> {
        let row = self.store.get(partition, key).await.map_err(|error| ErrorReply::from(&error))?;
        row.map(|row| Ok((T::decode(&row.value)?, row.version))).transpose()
    }
}
