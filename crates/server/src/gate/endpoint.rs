//! VPC endpoints, as decisions see them.

use std::sync::Arc;

use strongroom_ec2::{Ec2, Ec2Error};
use strongroom_gate::{EndpointFacts, ErrorReply, Gate};
use strongroom_organizations::Organizations;
use strongroom_storage::StoreError;

use super::organizations_error;

pub(super) fn ec2_error(error: Ec2Error) -> StoreError {
    let what = error.to_string().into();
    if let Ec2Error::Store(error) = error { error } else { StoreError::Corrupt { what } }
}

/// The endpoint of this id and its account's place in the organisation.
pub(super) async fn facts_of(
    ec2: &Ec2,
    organizations: &Organizations,
    id: &str,
) -> Result<Option<Arc<EndpointFacts>>, StoreError> {
    let Some(found) = ec2.endpoint(id).await.map_err(ec2_error)? else { return Ok(None) };
    let owner = organizations.account_facts(found.owner).await.map_err(organizations_error)?;
    if owner.is_closed {
        return Ok(None);
    }
    Ok(Some(Arc::new(EndpointFacts {
        id: found.id,
        vpc: found.vpc,
        owner: found.owner,
        region: found.region,
        organization: owner.organization.clone(),
        policy: found.policy,
        services: found.services,
    })))
}

/// The endpoint of a connection, if it is there now and leads to the service that is asked for.
///
/// # Errors
/// `AccessDenied` if it is not; errors of the store.
pub(crate) async fn endpoint_of(
    gate: &Gate,
    id: &str,
    service: &str,
) -> Result<Arc<EndpointFacts>, ErrorReply> {
    let denied = |message: String| ErrorReply::new(403, "AccessDenied", message);
    let found = gate.endpoint(id).await.map_err(|error| ErrorReply::from(&error))?;
    let found = found.ok_or_else(|| denied(format!("There is no VPC endpoint {id}.")))?;
    if found.services.contains(&service) {
        Ok(found)
    } else {
        Err(denied(format!("The VPC endpoint {id} does not lead to this service.")))
    }
}
