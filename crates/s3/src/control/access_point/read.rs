//! GetAccessPoint, ListAccessPoints, ListMultiRegionAccessPoints.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_api_s3control::{
    AccessPoint, GetAccessPointInput, GetAccessPointOutput, ListAccessPointsInput, ListAccessPointsOutput,
    ListMultiRegionAccessPointsInput, ListMultiRegionAccessPointsOutput, NetworkOrigin, VpcConfiguration, op,
};
use strongroom_gate::{AccessPointId, AccessPointName, Authorized, ErrorReply, Handle, Reply};
use strongroom_storage::{Direction, Partition};
use strongroom_types::{AccountId, BucketId, BucketName, Region};

use super::limits::MAX_LISTED;
use super::{account, id_of};
use crate::S3;
use crate::error;
use crate::row::{self, AccessPointRow};

fn network_origin(found: &AccessPointRow) -> NetworkOrigin {
    if found.vpc.is_some() { NetworkOrigin::Vpc } else { NetworkOrigin::Internet }
}

fn vpc_configuration(found: &AccessPointRow) -> Option<Box<VpcConfiguration>> {
    found.vpc.clone().map(|vpc_id| Box::new(VpcConfiguration { vpc_id }))
}

/// Source: S3 Control API Reference, "GetAccessPoint".
#[async_trait]
impl Handle<op::GetAccessPoint> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetAccessPointInput>,
    ) -> Result<Reply<GetAccessPointOutput>, ErrorReply> {
        let id = id_of(&request)?;
        let (found, _) = self.access_point(&id).await?;
        Ok(Reply::new(GetAccessPointOutput {
            name: Some(id.name.as_str().to_owned()),
            network_origin: Some(network_origin(&found)),
            vpc_configuration: vpc_configuration(&found),
            public_access_block_configuration: Some(Box::new(found.block.into())),
            creation_date: Some(found.created()),
            access_point_arn: Some(id.arn().to_string()),
            endpoints: Some(self.access_point_endpoints.iter().cloned().collect()),
            bucket: Some(found.bucket),
            alias: Some(found.alias),
            bucket_account_id: Some(found.bucket_account),
            data_source_id: None,
            data_source_type: None,
        }))
    }
}

/// A ListAccessPoints request, checked.
struct Query {
    most: usize,
    /// The bucket that they lead to, if one is asked for.
    bucket: Option<BucketId>,
    /// The name behind which the page begins.
    from: String,
}

/// Those of the caller's account in the region of the request, by name. Source: S3 Control API Reference,
/// "ListAccessPoints".
#[async_trait]
impl Handle<op::ListAccessPoints> for S3 {
    async fn handle(
        &self,
        request: Authorized<ListAccessPointsInput>,
    ) -> Result<Reply<ListAccessPointsOutput>, ErrorReply> {
        let (account, region) = (account(&request)?, request.request().region.clone());
        let input = request.input();
        if input.data_source_id.is_some()
            || input.data_source_type.as_deref().is_some_and(|kind| kind != "S3")
        {
            return Ok(Reply::new(ListAccessPointsOutput {
                access_point_list: Some(Vec::new()),
                next_token: None,
            }));
        }
        let context =
            format!("ListAccessPoints\0{account}\0{region}\0{}", input.bucket.as_deref().unwrap_or_default());
        let bucket = request.target().bucket.clone();
        let query = self.access_point_query(request.input().clone(), bucket, context.as_bytes()).await?;
        let names = self.access_point_names((account, &region), &query).await?;
        let next_token =
            (names.len() > query.most).then(|| names.get(query.most.saturating_sub(1))).flatten();
        let next_token = next_token.map(|last| {
            URL_SAFE_NO_PAD.encode(self.keys.seal_token(context.as_bytes(), last.as_str().as_bytes()))
        });
        let mut listed = Vec::new();
        for name in names.into_iter().take(query.most) {
            let id = AccessPointId { account, region: region.clone(), name };
            let row = self.read::<AccessPointRow>(Partition::Names, &row::access_point(&id)).await?;
            // One that went meanwhile is not listed.
            listed.extend(row.map(|(found, _)| shown(&id, found)));
        }
        Ok(Reply::new(ListAccessPointsOutput { access_point_list: Some(listed), next_token }))
    }
}

fn shown(id: &AccessPointId, found: AccessPointRow) -> AccessPoint {
    AccessPoint {
        name: id.name.as_str().to_owned(),
        network_origin: Some(network_origin(&found)),
        vpc_configuration: vpc_configuration(&found),
        access_point_arn: Some(id.arn().to_string()),
        bucket: found.bucket,
        alias: Some(found.alias),
        bucket_account_id: Some(found.bucket_account),
        data_source_id: None,
        data_source_type: None,
    }
}

impl S3 {
    async fn access_point_query(
        &self,
        input: ListAccessPointsInput,
        bucket: Option<BucketName>,
        context: &[u8],
    ) -> Result<Query, ErrorReply> {
        // Source: the model: 0 to 1000; a page of none would never end.
        let most = input.max_results.and_then(|given| usize::try_from(given).ok()).filter(|most| *most > 0);
        let most = most.unwrap_or(MAX_LISTED).min(MAX_LISTED);
        let bucket = match &bucket {
            Some(name) => Some(self.bucket_named(name).await?.0.id()),
            None => None,
        };
        let from = match input.next_token.as_deref() {
            None | Some("") => String::new(),
            Some(token) => {
                let opened = URL_SAFE_NO_PAD.decode(token).ok();
                let name = opened
                    .and_then(|sealed| self.keys.open_token(context, &sealed).ok())
                    .and_then(|name| String::from_utf8(name.to_vec()).ok());
                let name = name.ok_or_else(|| {
                    let message = "The continuation token provided is incorrect";
                    error::invalid_argument("nextToken", token, message)
                })?;
                format!("{name}\0")
            }
        };
        Ok(Query { most, bucket, from })
    }

    /// The names of a page, and one more.
    async fn access_point_names(
        &self,
        place: (AccountId, &Region),
        query: &Query,
    ) -> Result<Vec<AccessPointName>, ErrorReply> {
        let range = match query.bucket {
            Some(bucket) => row::bucket_access_points_in(bucket, place, &query.from),
            None => row::account_access_points(place.0, place.1, &query.from),
        };
        let rows = self.store.scan(Partition::Names, range, query.most + 1, Direction::Forward).await;
        let rows = rows.map_err(|error| ErrorReply::from(&error))?;
        let name = |key: &[u8]| match query.bucket {
            Some(_) => row::bucket_access_point_name(key),
            None => row::access_point_name(key),
        };
        rows.iter().map(|entry| name(&entry.key).ok_or_else(error::internal)).collect()
    }
}

/// There are none: a bucket lies in one region, and nothing spreads requests over several.
///
/// Source: S3 Control API Reference, "ListMultiRegionAccessPoints".
#[async_trait]
impl Handle<op::ListMultiRegionAccessPoints> for S3 {
    async fn handle(
        &self,
        _request: Authorized<ListMultiRegionAccessPointsInput>,
    ) -> Result<Reply<ListMultiRegionAccessPointsOutput>, ErrorReply> {
        Ok(Reply::new(ListMultiRegionAccessPointsOutput {
            access_points: Some(Vec::new()),
            next_token: None,
        }))
    }
}
