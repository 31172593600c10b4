//! Access points: CreateAccessPoint, GetAccessPoint, ListAccessPoints, DeleteAccessPoint, their policies, and
//! ListMultiRegionAccessPoints.
//!
//! An access point's rows lie beside the names of buckets, since it claims three names in one commit: its own in its
//! account and region, its alias, which stands wherever a bucket's name does, and its host, `NAME-ACCOUNT`, which a bucket
//! could have, too. It leads to one incarnation of a bucket: one that is made again under the name is not reached.
//!
//! Source: S3 User Guide, "Managing access to shared datasets with access points"; S3 Control API Reference.

mod create;
mod delete;
mod directory;
mod limits;
mod policy;
mod read;

pub(crate) use create::rivals;

use strongroom_gate::{AccessPointId, AccessPointName, Authorized, ErrorReply};
use strongroom_policy::PolicyError;
use strongroom_storage::{Partition, RowVersion};
use strongroom_types::AccountId;

use crate::S3;
use crate::error;
use crate::row::{self, AccessPointRow};

/// The account that a request is about: the gate lets through the caller's own only.
fn account<I>(request: &Authorized<I>) -> Result<AccountId, ErrorReply> {
    request.caller().account().ok_or_else(|| error::access_denied("Access Denied"))
}

/// The access point of the caller's account, in the request's region, that a request names.
fn id_of<I>(request: &Authorized<I>) -> Result<AccessPointId, ErrorReply> {
    let name = request.target().access_point_name.as_deref().unwrap_or_default();
    let name = AccessPointName::parse(name).map_err(|reason| error::invalid_request(reason.to_string()))?;
    Ok(AccessPointId { account: account(request)?, region: request.request().region.clone(), name })
}

fn no_such_access_point(id: &AccessPointId) -> ErrorReply {
    ErrorReply::new(404, "NoSuchAccessPoint", "The specified accesspoint does not exist")
        .member("AccessPointName", id.name.as_str())
}

fn no_such_policy(id: &AccessPointId) -> ErrorReply {
    ErrorReply::new(404, "NoSuchAccessPointPolicy", "The specified accesspoint policy does not exist")
        .member("AccessPointName", id.name.as_str())
}

fn malformed(error: &PolicyError) -> ErrorReply {
    ErrorReply::new(400, "MalformedPolicy", error.to_string())
}

impl S3 {
    /// The row of an access point, and its version.
    pub(super) async fn access_point(
        &self,
        id: &AccessPointId,
    ) -> Result<(AccessPointRow, RowVersion), ErrorReply> {
        let found = self.read::<AccessPointRow>(Partition::Names, &row::access_point(id)).await?;
        found.ok_or_else(|| no_such_access_point(id))
    }
}
