//! ListBuckets, HeadBucket, GetBucketLocation.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use strongroom_api_s3::{
    Bucket, BucketLocationConstraint, CreateBucketConfiguration, GetBucketLocationInput,
    GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput, ListBucketsInput, ListBucketsOutput, Owner,
    op,
};
use strongroom_gate::{AccessPointAddress, Authorized, ErrorReply, Handle, Reply};
use strongroom_storage::{Direction, Entry, Partition};
use strongroom_types::{AccountId, BucketName, Region};

use super::directory::BucketDirectory;
use super::limits::{LOOKUPS_AT_A_TIME, MAX_BUCKETS_PER_ACCOUNT, ROWS_AT_A_TIME};
use super::settings;
use crate::S3;
use crate::error;
use crate::row;

#[async_trait]
impl Handle<op::HeadBucket> for S3 {
    async fn handle(
        &self,
        request: Authorized<HeadBucketInput>,
    ) -> Result<Reply<HeadBucketOutput>, ErrorReply> {
        let by_alias = matches!(request.target().access_point, Some(AccessPointAddress::Alias(_)));
        Ok(Reply::new(HeadBucketOutput {
            bucket_arn: None,
            bucket_location_type: None,
            bucket_location_name: None,
            bucket_region: Some(request.bucket()?.region().to_string()),
            access_point_alias: Some(by_alias),
        }))
    }
}

/// Answers what CreateBucket was asked: nothing for us-east-1, and `EU` where that was asked for.
#[async_trait]
impl Handle<op::GetBucketLocation> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketLocationInput>,
    ) -> Result<Reply<GetBucketLocationOutput>, ErrorReply> {
        let region = request.bucket()?.region().clone();
        let asked = self
            .configuration::<CreateBucketConfiguration>(
                request.bucket()?.partition(),
                settings::name::LOCATION,
            )
            .await?
            .and_then(|(asked, _)| asked.location_constraint);
        let location_constraint = asked.or_else(|| BucketLocationConstraint::parse(region.as_str()));
        Ok(Reply::new(GetBucketLocationOutput { location_constraint }))
    }
}

/// A ListBuckets request, checked.
struct Query {
    account: AccountId,
    prefix: String,
    region: Option<Region>,
    most: usize,
    /// The name behind which the page begins.
    after: Option<String>,
    /// Whether the answer names regions: AWS does once a parameter was given.
    with_regions: bool,
}

impl Query {
    /// What a continuation token is good for: the same account asking for the same buckets. The size of the page may
    /// differ.
    fn token_context(&self) -> Vec<u8> {
        let region = self.region.as_ref().map_or("", Region::as_str);
        format!("ListBuckets\0{}\0{region}\0{}", self.account, self.prefix).into_bytes()
    }
}

/// Source: S3 API Reference, "ListBuckets". `DisplayName` is no longer sent, as AWS stopped doing so in 2025.
#[async_trait]
impl Handle<op::ListBuckets> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListBucketsInput>,
    ) -> Result<Reply<ListBucketsOutput>, ErrorReply> {
        let account = request.caller().account().ok_or_else(|| error::access_denied("Access Denied"))?;
        let id = request.caller().canonical().map(|id| id.to_string());
        let prefix = request.input().prefix.clone();
        let query = self.query(account, request.input())?;
        let mut buckets = self.buckets(&query).await?;
        let mut continuation_token = None;
        if buckets.len() > query.most {
            buckets.truncate(query.most);
            let last = buckets.last().and_then(|bucket| bucket.name.as_deref()).unwrap_or_default();
            let sealed = self.keys.seal_token(&query.token_context(), last.as_bytes());
            continuation_token = Some(URL_SAFE_NO_PAD.encode(sealed));
        }
        Ok(Reply::new(ListBucketsOutput {
            buckets: Some(buckets),
            owner: Some(Box::new(Owner { display_name: None, id })),
            continuation_token,
            prefix,
        }))
    }
}

impl S3 {
    fn query(&self, account: AccountId, input: &ListBucketsInput) -> Result<Query, ErrorReply> {
        let most = match input.max_buckets {
            None => MAX_BUCKETS_PER_ACCOUNT,
            Some(given) => usize::try_from(given)
                .ok()
                .filter(|most| (1..=MAX_BUCKETS_PER_ACCOUNT).contains(most))
                .ok_or_else(|| {
                    let message = "max-buckets must be between 1 and 10000";
                    error::invalid_argument("max-buckets", given.to_string(), message)
                })?,
        };
        let region = match input.bucket_region.as_deref() {
            None | Some("") => None,
            Some(text) => Some(Region::parse(text).map_err(|_| {
                error::invalid_argument("bucket-region", text, "The bucket region is not valid")
            })?),
        };
        let with_regions = input.max_buckets.is_some()
            || input.prefix.is_some()
            || region.is_some()
            || input.continuation_token.is_some();
        let prefix = input.prefix.clone().unwrap_or_default();
        let mut query = Query { account, prefix, region, most, after: None, with_regions };
        if let Some(token) = input.continuation_token.as_deref().filter(|token| !token.is_empty()) {
            let name = URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|sealed| self.keys.open_token(&query.token_context(), &sealed).ok())
                .and_then(|name| String::from_utf8(name.to_vec()).ok())
                .ok_or_else(|| {
                    let message = "The continuation token provided is incorrect";
                    error::invalid_argument("continuation-token", token, message)
                })?;
            query.after = Some(name);
        }
        Ok(query)
    }

    /// The buckets that a query finds, in order, up to one more than it asks for.
    async fn buckets(&self, query: &Query) -> Result<Vec<Bucket>, ErrorReply> {
        let mut found = Vec::new();
        if query.prefix.len() > 63 {
            return Ok(found); // No bucket's name is as long.
        }
        let directory = &self.directory;
        let mut from = query.after.as_ref().map_or_else(String::new, |name| format!("{name}\0"));
        loop {
            let range = row::account_buckets(query.account, &query.prefix, &from);
            let rows = self.store.scan(Partition::Names, range, ROWS_AT_A_TIME, Direction::Forward).await;
            let rows = rows.map_err(|error| ErrorReply::from(&error))?;
            let names = rows.iter().map(listed_name).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = names.last() else { return Ok(found) };
            from = format!("{last}\0");
            let full = names.len() == ROWS_AT_A_TIME;
            let page = stream::iter(names)
                .map(|name| self.listed(directory, query, name))
                .buffered(LOOKUPS_AT_A_TIME)
                .try_filter_map(|bucket| async move { Ok(bucket) })
                .take(query.most + 1 - found.len())
                .try_collect::<Vec<_>>()
                .await?;
            found.extend(page);
            if !full || found.len() > query.most {
                return Ok(found);
            }
        }
    }

    /// One bucket as a listing shows it; `None` if it is of another region, or gone.
    async fn listed(
        &self,
        directory: &BucketDirectory,
        query: &Query,
        name: BucketName,
    ) -> Result<Option<Bucket>, ErrorReply> {
        let failed = |error| ErrorReply::from(&error);
        let Some((named, _)) = directory.name_row(&name).await.map_err(failed)? else { return Ok(None) };
        let region = query.region.as_ref().map(Region::as_str);
        if region.is_some_and(|region| region != named.region) {
            return Ok(None);
        }
        if named.owner != query.account.to_string() || !directory.exists(&named).await.map_err(failed)? {
            return Ok(None);
        }
        Ok(Some(Bucket {
            name: Some(name.to_string()),
            creation_date: Some(named.created()),
            bucket_region: query.with_regions.then_some(named.region),
            bucket_arn: None,
        }))
    }
}

/// The name in a row of an account's index (`a`, 8 bytes of account, name).
fn listed_name(entry: &Entry) -> Result<BucketName, ErrorReply> {
    entry
        .key
        .get(9..)
        .and_then(|name| std::str::from_utf8(name).ok())
        .and_then(|name| BucketName::parse(name).ok())
        .ok_or_else(error::internal)
}
