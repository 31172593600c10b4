//! CreateBucket.

use async_trait::async_trait;
use strongroom_api_s3::{
    BucketLocationConstraint, BucketNamespace, CreateBucketConfiguration, CreateBucketInput,
    CreateBucketOutput, ObjectOwnership, Tag, Tagging, op,
};
use strongroom_gate::{AccessPointId, Authorized, CommitError, ErrorReply, Handle, Mutation, Reply};
use strongroom_storage::{Batch, Direction, Partition, Precondition, RowVersion, StoreError};
use strongroom_types::{AccountId, BucketId, BucketName, CanonicalUserId, Region};

use super::defaults::NewBuckets;
use super::intent::Intent;
use super::limits::{MAX_BUCKETS_PER_ACCOUNT, MAX_TRIES};
use super::public_access::effective;
use super::settings::not_built;
use super::settings::{configured, name};
use super::{document, tagging};
use crate::S3;
use crate::acl::{AskedAcl, CannedAcl, blocked_public_acl, header_grants, invalid_acl_with_ownership};
use crate::control::rivals;
use crate::error;
use crate::row::{self, AclRow, BucketRow, Coded as _, NameRow};

/// Makes a bucket: first its own rows, in a partition that nobody knows, then its name, in one commit with the account's
/// index and the request's record. Killed in between, the name is still free.
///
/// Making one's own bucket again is 409 `BucketAlreadyOwnedByYou`; in us-east-1 it is 200, for clients older than the
/// other regions (S3 API Reference, "Error responses", `BucketAlreadyOwnedByYou`).
///
/// DEVIATION: AWS resets the ACL then. Here nothing changes, and a request that asks for anything but the bucket is 409
/// there too.
#[async_trait]
impl Handle<op::CreateBucket> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<CreateBucketInput>,
    ) -> Result<Reply<CreateBucketOutput>, ErrorReply> {
        let input = request.input();
        let asked = AskedAcl::of_head(input.acl.map(CannedAcl::from), &header_grants!(input))?;
        let mut plan = Plan::of(&request, &self.regions, self.new_buckets)?;
        if let Some(asked) = asked {
            plan.acl = self.acl_at_birth(&mut request, &plan, asked).await?;
        }
        if let Some(account) = plan.host_of_another() {
            let facts = request.account_facts(account);
            let facts = facts.await.map_err(|error| ErrorReply::from(&error))?;
            if facts.organization.is_some() {
                return Err(host_taken(&plan.name));
            }
        }
        self.create(&mut request, &plan).await?;
        let location = Some(format!("/{}", plan.name));
        Ok(Reply::new(CreateBucketOutput { location, bucket_arn: None }))
    }
}

/// A bucket to be made, checked.
struct Plan {
    name: BucketName,
    owner: AccountId,
    owner_canonical: CanonicalUserId,
    region: Region,
    /// The region was given as "EU".
    legacy_eu: bool,
    ownership: Option<ObjectOwnership>,
    /// Object Ownership was asked for.
    asks_ownership: bool,
    object_lock: bool,
    /// Its access control list; `None` for the owner's full control.
    acl: Option<AclRow>,
    tags: Vec<Tag>,
    defaults: NewBuckets,
}

/// Source: S3 API Reference, "Error responses", BucketAlreadyExists.
fn host_taken(name: &BucketName) -> ErrorReply {
    let message = "The requested bucket name is not available: it ends in the number of another account, whose access points \
                   are reached by such names. Please select a different name and try again.";
    ErrorReply::new(409, "BucketAlreadyExists", message).member("BucketName", name.as_str())
}

impl Plan {
    /// Whose access point the host of this name would be. What is named by an access point's ARN goes to the host
    /// `NAME-ACCOUNT`: even while the account has no such access point, somebody else's bucket must not be there.
    ///
    /// DEVIATION: on AWS access points have a domain of their own.
    fn host_of_another(&self) -> Option<AccountId> {
        let named = AccessPointId::of_host(&self.name, &self.region)?;
        (named.account != self.owner).then_some(named.account)
    }

    fn of(
        request: &Authorized<CreateBucketInput>,
        regions: &[Region],
        defaults: NewBuckets,
    ) -> Result<Self, ErrorReply> {
        let input = request.input();
        let denied = || error::access_denied("Access Denied");
        let name = request.target().bucket.clone().ok_or_else(error::internal)?;
        let owner = request.caller().account().ok_or_else(denied)?;
        let owner_canonical = request.caller().canonical().ok_or_else(denied)?;
        let configuration = input.create_bucket_configuration.as_deref();
        let constraint = configuration.and_then(|configuration| configuration.location_constraint);
        let region = region(constraint, &request.request().region, regions)?;
        if configuration.is_some_and(|given| given.location.is_some() || given.bucket.is_some()) {
            return Err(not_built(
                "Directory buckets are not implemented. Leave Location and Bucket out of the configuration.",
            ));
        }
        namespace(&name, input.bucket_namespace, owner, &region)?;
        let ownership = input.object_ownership.or(defaults.ownership());
        let tags = configuration.and_then(|given| given.tags.clone()).unwrap_or_default();
        tagging::check(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
        let object_lock = input.object_lock_enabled_for_bucket == Some(true);
        let legacy_eu = constraint == Some(BucketLocationConstraint::Eu);
        Ok(Self {
            name,
            owner,
            owner_canonical,
            region,
            legacy_eu,
            ownership,
            asks_ownership: input.object_ownership.is_some(),
            object_lock,
            acl: None,
            tags,
            defaults,
        })
    }

    /// Whether a bucket of the caller's that is there, in this region, is what he asks for.
    fn is_met_in(&self, region: &Region) -> bool {
        let asks = self.asks_ownership || self.acl.is_some() || self.object_lock || !self.tags.is_empty();
        !asks && self.region == *region && *region == Region::us_east_1()
    }

    /// The rows of the bucket's own partition, all of them or none.
    fn rows(&self, id: BucketId, created_millis: i64) -> Batch {
        let bucket = BucketRow {
            name: self.name.to_string(),
            owner: self.owner.to_string(),
            created_millis,
            object_lock: self.object_lock,
        };
        let state = self.defaults.state(self.object_lock, self.ownership, self.acl.clone());
        let mut batch = Batch::new(Partition::Bucket(id));
        batch.require(Precondition::RowAbsent(row::BUCKET.to_vec()));
        batch.put(row::BUCKET, bucket.encode()).put(row::STATE, state.encode());
        if !self.tags.is_empty() {
            let tags = Tagging { tag_set: self.tags.clone() };
            batch.put(row::config(name::TAGGING), document::encode(&tags));
        }
        if self.legacy_eu {
            let asked = CreateBucketConfiguration {
                location_constraint: Some(BucketLocationConstraint::Eu),
                ..CreateBucketConfiguration::default()
            };
            batch.put(row::config(name::LOCATION), document::encode(&asked));
        }
        batch
    }

    fn name_row(&self, id: BucketId, created_millis: i64) -> NameRow {
        NameRow {
            bucket_id: *id.as_bytes(),
            owner: self.owner.to_string(),
            owner_canonical: self.owner_canonical.to_string(),
            region: self.region.to_string(),
            created_millis,
        }
    }
}

/// Where the bucket is to lie. Nothing asked is us-east-1, and the request must have been sent to that region.
///
/// Source: S3 API Reference, "CreateBucket" (LocationConstraint), and "Error responses".
fn region(
    constraint: Option<BucketLocationConstraint>,
    sent_to: &Region,
    regions: &[Region],
) -> Result<Region, ErrorReply> {
    let asked = match constraint {
        None => "us-east-1",
        Some(BucketLocationConstraint::Eu) => "eu-west-1",
        Some(other) => other.as_str(),
    };
    if asked != sent_to.as_str() {
        let which = constraint.map_or("unspecified", BucketLocationConstraint::as_str);
        return Err(ErrorReply::new(
            400,
            "IllegalLocationConstraintException",
            format!(
                "The {which} location constraint is incompatible for the region specific endpoint this request \
                 was sent to."
            ),
        ));
    }
    regions
        .iter()
        .find(|region| region.as_str() == asked)
        .cloned()
        .ok_or_else(|| error::invalid_location_constraint(asked))
}

/// Names that end in an account, a region and `-an` belong to that account's own namespace; one name is nobody's.
///
/// Source: S3 User Guide, "Account regional namespace naming rules".
fn namespace(
    name: &BucketName,
    namespace: Option<BucketNamespace>,
    owner: AccountId,
    region: &Region,
) -> Result<(), ErrorReply> {
    let own = format!("-{owner}-{region}-an");
    let refused = match namespace {
        // By path it could not be told from S3 Control, whose paths begin so.
        _ if name.as_str() == "v20180820" => "The specified bucket is not valid: its name is reserved".to_owned(),
        Some(BucketNamespace::AccountRegional) if !name.as_str().ends_with(&own) => {
            format!("The specified bucket is not valid: names in your account regional namespace end in {own}")
        }
        None | Some(BucketNamespace::Global) if is_account_regional(name.as_str()) => {
            "The specified bucket is not valid: names of this form belong to an account regional namespace. Send \
             x-amz-bucket-namespace: account-regional"
                .to_owned()
        }
        Some(BucketNamespace::AccountRegional | BucketNamespace::Global) | None => return Ok(()),
    };
    Err(ErrorReply::new(400, "InvalidBucketName", refused).member("BucketName", name.as_str()))
}

/// Whether a name has the form `…-<12 digits>-<region>-an`.
fn is_account_regional(name: &str) -> bool {
    let Some(rest) = name.strip_suffix("-an") else { return false };
    let mut parts = rest.rsplitn(5, '-');
    let (Some(number), Some(place), Some(area), Some(account)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    digits(number) && letters(place) && letters(area) && account.len() == 12 && digits(account)
}

/// What stands at a name.
enum Claim {
    /// Nothing, or the row of a bucket that is gone, with that row's version and owner; and the rows of access points
    /// that would have this name as a host, which must stay absent.
    Free(Option<(RowVersion, AccountId)>, Vec<Vec<u8>>),
    Taken(ErrorReply),
    /// What is asked for.
    Met,
}

impl S3 {
    /// The list of a new bucket. `private`, and whatever says no more, is what every bucket has.
    ///
    /// Source: S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket", and "Blocking public
    /// access to your Amazon S3 storage" (new buckets block public lists; an account's block refuses them too).
    async fn acl_at_birth(
        &self,
        request: &mut Authorized<CreateBucketInput>,
        plan: &Plan,
        asked: AskedAcl,
    ) -> Result<Option<AclRow>, ErrorReply> {
        let owner = plan.owner_canonical;
        let list = asked.resolve(request).await?.list(owner, owner);
        if list.is_private(owner) {
            return Ok(None);
        }
        if plan.ownership == Some(ObjectOwnership::BucketOwnerEnforced) {
            return Err(invalid_acl_with_ownership());
        }
        if list.is_public() {
            if plan.defaults.public_access_block().is_some_and(|block| block.block_public_acls) {
                return Err(ErrorReply::new(
                    400,
                    "InvalidBucketAclWithBlockPublicAccessError",
                    "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
                ));
            }
            let account = self.directory.account_block(plan.owner).await;
            let account = account.map_err(|error| ErrorReply::from(&error))?;
            let organization = request.organization_block().unwrap_or_default();
            if effective(None, account).and(organization).block_public_acls {
                let caller = request.caller();
                return Err(blocked_public_acl(caller, "s3:CreateBucket", plan.name.as_str()));
            }
        }
        Ok(Some(AclRow::from(&list)))
    }

    async fn create(
        &self,
        request: &mut Authorized<CreateBucketInput>,
        plan: &Plan,
    ) -> Result<(), ErrorReply> {
        let id = BucketId::from_bytes(self.random());
        let created_millis = self.now().as_millis();
        let mut written = false;
        let mut outcome = Err(CommitError::Conflict.reply());
        for _ in 0..MAX_TRIES {
            let free = match self.claim(plan).await {
                Ok(Claim::Free(stale, rivals)) => (stale, rivals),
                Ok(Claim::Taken(reply)) => {
                    outcome = Err(reply);
                    break;
                }
                Ok(Claim::Met) => {
                    outcome = Ok(());
                    break;
                }
                Err(error) => {
                    outcome = Err(ErrorReply::from(&error));
                    break;
                }
            };
            if !written {
                self.intend(Intent::Create, id, &plan.name)
                    .await
                    .map_err(|error| ErrorReply::from(&error))?;
                let rows = self.store.commit(plan.rows(id, created_millis)).await;
                rows.map_err(|error| ErrorReply::from(&error))?;
                written = true;
            }
            let mutation = Self::naming(plan, id, created_millis, free);
            match request.commit_in(&*self.store, Partition::Names, mutation).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict) => {}
                // The name may stand: its bucket must stay. Which of both it is, the next start finds out.
                Err(error @ CommitError::Store(StoreError::Unknown)) => return Err(error.reply()),
                Err(error) => {
                    outcome = Err(error.reply());
                    break;
                }
            }
        }
        if written {
            // Nobody can find these rows; if they cannot be removed now, they are at the next start.
            drop(self.unmake(id).await);
        }
        outcome
    }

    async fn claim(&self, plan: &Plan) -> Result<Claim, StoreError> {
        let directory = &self.directory;
        let stale = match directory.name_row(&plan.name).await? {
            None => None,
            Some((named, version)) => {
                let (owner, _, region) = named.parsed().map_err(|_| super::directory::corrupt())?;
                if directory.exists(&named).await? {
                    if owner == plan.owner && plan.is_met_in(&region) {
                        return Ok(Claim::Met);
                    }
                    return Ok(Claim::Taken(taken(&plan.name, owner == plan.owner)));
                }
                Some((version, owner))
            }
        };
        let all = row::account_buckets(plan.owner, "", "");
        let owned =
            self.store.scan(Partition::Names, all, MAX_BUCKETS_PER_ACCOUNT, Direction::Forward).await?;
        if owned.len() >= MAX_BUCKETS_PER_ACCOUNT {
            return Ok(Claim::Taken(ErrorReply::new(
                400,
                "TooManyBuckets",
                "You have attempted to create more buckets than allowed",
            )));
        }
        // An access point is a host of this name already: its requests must not go elsewhere.
        match rivals(self, &plan.name).await? {
            Some(rivals) => Ok(Claim::Free(stale, rivals)),
            None => Ok(Claim::Taken(error::bucket_already_exists(&plan.name))),
        }
    }

    /// The commit that makes the bucket visible.
    fn naming(
        plan: &Plan,
        id: BucketId,
        created_millis: i64,
        (stale, rivals): (Option<(RowVersion, AccountId)>, Vec<Vec<u8>>),
    ) -> Mutation {
        let mut mutation = Mutation::new();
        for rival in rivals {
            mutation.unchanged(rival, None);
        }
        mutation.unchanged(row::name(&plan.name), stale.map(|(version, _)| version));
        if let Some((_, former)) = stale {
            mutation.delete(row::account_bucket(former, &plan.name));
        }
        mutation.put(row::name(&plan.name), plan.name_row(id, created_millis).encode());
        mutation.put(row::account_bucket(plan.owner, &plan.name), Vec::new());
        mutation.delete(row::intent(id));
        mutation.effect(configured());
        mutation
    }
}

fn taken(name: &BucketName, by_caller: bool) -> ErrorReply {
    if by_caller { error::bucket_already_owned_by_you(name) } else { error::bucket_already_exists(name) }
}
