//! CreateAccessPoint.

use async_trait::async_trait;
use strongroom_api_s3control::{
    CreateAccessPointInput, CreateAccessPointOutput, PublicAccessBlockConfiguration, op,
};
use strongroom_gate::{
    AccessPointAlias, AccessPointId, Authorized, CommitError, ErrorReply, Handle, Mutation, Reply,
};
use strongroom_storage::{Direction, Partition, RowVersion, StoreError};
use strongroom_types::BucketName;

use super::limits::{MAX_ACCESS_POINTS, MAX_TRIES, MAX_VPC_ID_CHARS};
use super::{account, id_of};
use crate::S3;
use crate::bucket::directory::corrupt;
use crate::bucket::settings::configured;
use crate::bucket::tagging;
use crate::error;
use crate::row::{self, AccessPointRow, AliasRow, Coded as _, PublicAccessBlockRow, TagRow};

/// Makes an access point. It needs no leave of the bucket's: until the bucket's own policy, or its account's, allows what
/// comes through it, it leads nowhere.
///
/// Source: S3 Control API Reference, "CreateAccessPoint"; S3 User Guide, "Creating cross-account access points".
#[async_trait]
impl Handle<op::CreateAccessPoint> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<CreateAccessPointInput>,
    ) -> Result<Reply<CreateAccessPointOutput>, ErrorReply> {
        let id = id_of(&request)?;
        let found = self.row_asked_for(&mut request, &id).await?;
        for _ in 0..MAX_TRIES {
            self.is_free(&id).await?;
            let host = self.host_is_free(&id).await?;
            let mutation = claim(&id, &found, host);
            match request.commit_in(&*self.store, Partition::Names, mutation).await {
                Ok(_) => {
                    return Ok(Reply::new(CreateAccessPointOutput {
                        access_point_arn: Some(id.arn().to_string()),
                        alias: Some(found.alias),
                    }));
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.reply()),
            }
        }
        Err(CommitError::Conflict.reply())
    }
}

impl S3 {
    /// The row of what is asked for, checked.
    async fn row_asked_for(
        &self,
        request: &mut Authorized<CreateAccessPointInput>,
        id: &AccessPointId,
    ) -> Result<AccessPointRow, ErrorReply> {
        let input = request.input();
        if input.scope.is_some() {
            return Err(error::invalid_request("Only access points of directory buckets have a scope."));
        }
        let tags = input.tags.clone().unwrap_or_default();
        tagging::check(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
        tagging::check_case(tags.iter().map(|tag| tag.key.as_str()))?;
        let vpc = input.vpc_configuration.as_ref().map(|given| given.vpc_id.clone());
        if vpc.as_deref().is_some_and(|vpc| !is_vpc_id(vpc)) {
            return Err(error::invalid_request(
                "The VPC id is not valid: it looks like vpc-0123456789abcdef0.",
            ));
        }
        let block = block_of(input.public_access_block_configuration.as_deref());
        let name = request.target().bucket.clone().ok_or_else(error::internal)?;
        let (named, _) = self.bucket_named(&name).await?;
        let (owner, _, region) = named.parsed().map_err(|_| error::internal())?;
        let expected = match &input.bucket_account_id {
            Some(given) => given.clone(),
            None => account(request)?.to_string(),
        };
        if owner.to_string() != expected {
            return Err(error::access_denied("Access Denied"));
        }
        if region != id.region {
            let message = format!("The bucket is in {region}. Send the request to that region.");
            return Err(error::invalid_request(message));
        }
        Ok(AccessPointRow {
            bucket: name.to_string(),
            bucket_id: named.bucket_id,
            bucket_account: owner.to_string(),
            alias: AccessPointAlias::new(&id.name, self.random()).as_str().to_owned(),
            vpc,
            block,
            created_millis: self.now().as_millis(),
            policy: None,
            tags: tags.into_iter().map(|tag| TagRow { key: tag.key, value: tag.value }).collect(),
        })
    }

    /// The bucket that has a name now.
    pub(super) async fn bucket_named(
        &self,
        name: &BucketName,
    ) -> Result<(row::NameRow, RowVersion), ErrorReply> {
        let failed = |error: StoreError| ErrorReply::from(&error);
        let found = self.directory.name_row(name).await.map_err(failed)?;
        let Some(found) = found else { return Err(error::no_such_bucket(name)) };
        if self.directory.exists(&found.0).await.map_err(failed)? {
            Ok(found)
        } else {
            Err(error::no_such_bucket(name))
        }
    }

    /// Whether a name, and one more access point, can be had.
    async fn is_free(&self, id: &AccessPointId) -> Result<(), ErrorReply> {
        let failed = |error: StoreError| ErrorReply::from(&error);
        let key = row::access_point(id);
        if self.store.get(Partition::Names, &key).await.map_err(failed)?.is_some() {
            let message =
                "Your previous request to create the named accesspoint succeeded and you already own it.";
            return Err(ErrorReply::new(409, "AccessPointAlreadyOwnedByYou", message)
                .member("AccessPointName", id.name.as_str()));
        }
        let all = row::account_access_points(id.account, &id.region, "");
        let owned = self.store.scan(Partition::Names, all, MAX_ACCESS_POINTS, Direction::Forward).await;
        if owned.map_err(failed)?.len() >= MAX_ACCESS_POINTS {
            let message = "You have attempted to create more access points than allowed";
            return Err(ErrorReply::new(400, "TooManyAccessPoints", message));
        }
        Ok(())
    }

    /// Whether no bucket is called as the access point's host: nobody gets what is sent to somebody else. Gives the row
    /// of that name as it must still be; a name that cannot be a bucket's is always free.
    ///
    /// DEVIATION: AWS has a domain of its own for access points, and no such question.
    async fn host_is_free(
        &self,
        id: &AccessPointId,
    ) -> Result<Option<(BucketName, Option<RowVersion>)>, ErrorReply> {
        let Ok(host) = BucketName::parse(&id.host()) else { return Ok(None) };
        let failed = |error: StoreError| ErrorReply::from(&error);
        let Some((named, version)) = self.directory.name_row(&host).await.map_err(failed)? else {
            return Ok(Some((host, None)));
        };
        if self.directory.exists(&named).await.map_err(failed)? {
            let message = format!(
                "There is a bucket called {host}, so that requests to this access point could not be told from requests \
                 to it. Choose another name."
            );
            return Err(error::invalid_request(message));
        }
        Ok(Some((host, Some(version))))
    }
}

/// The commit that makes the access point visible.
fn claim(
    id: &AccessPointId,
    found: &AccessPointRow,
    host: Option<(BucketName, Option<RowVersion>)>,
) -> Mutation {
    let mut mutation = Mutation::new();
    mutation.unchanged(row::access_point(id), None);
    if let Some((host, version)) = host {
        mutation.unchanged(row::name(&host), version);
    }
    mutation.put(row::access_point(id), found.encode());
    mutation.put(row::account_access_point(id), Vec::new());
    mutation.put(row::bucket_access_point(found.bucket_id(), id), Vec::new());
    if let Some(alias) = AccessPointAlias::parse(&found.alias) {
        let to = AliasRow {
            account: id.account.to_string(),
            region: id.region.to_string(),
            name: id.name.as_str().to_owned(),
        };
        mutation.unchanged(row::alias(&alias), None);
        mutation.put(row::alias(&alias), to.encode());
    }
    mutation.effect(configured());
    mutation
}

/// The settings are made with the access point and never change; all that is not said to be off is on.
///
/// Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", "Performing block public access operations on
/// an access point"; of a configuration that names some of them AWS does not say what the others are.
fn block_of(given: Option<&PublicAccessBlockConfiguration>) -> PublicAccessBlockRow {
    let on =
        |setting: fn(&PublicAccessBlockConfiguration) -> Option<bool>| given.and_then(setting) != Some(false);
    PublicAccessBlockRow {
        block_public_acls: on(|given| given.block_public_acls),
        ignore_public_acls: on(|given| given.ignore_public_acls),
        block_public_policy: on(|given| given.block_public_policy),
        restrict_public_buckets: on(|given| given.restrict_public_buckets),
    }
}

fn is_vpc_id(text: &str) -> bool {
    let digits = text.strip_prefix("vpc-").unwrap_or_default();
    text.len() <= MAX_VPC_ID_CHARS
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The access points that are called as a bucket of this name would be as a host, in all regions: while there is one,
/// nobody makes the bucket.
pub(crate) async fn rivals(s3: &S3, name: &BucketName) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
    let mut keys = Vec::new();
    for region in s3.regions.iter() {
        let Some(id) = AccessPointId::of_host(name, region) else { return Ok(Some(keys)) };
        let key = row::access_point(&id);
        if let Some(found) = s3.store.get(Partition::Names, &key).await? {
            AccessPointRow::decode(&found.value).map_err(|_| corrupt())?;
            return Ok(None);
        }
        keys.push(key);
    }
    Ok(Some(keys))
}
