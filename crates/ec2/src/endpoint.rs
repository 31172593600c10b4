//! VPC endpoints. Source: EC2 API Reference, CreateVpcEndpoint, ModifyVpcEndpoint, DescribeVpcEndpoints,
//! DeleteVpcEndpoints.
//!
//! An endpoint has no subnets, route tables or security groups, since the VPC has none: connections become its by the
//! listener that they come in on, or by what a balancer says of them.

use async_trait::async_trait;
use strongroom_api_ec2 as api;
use strongroom_api_ec2::op;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_types::Timestamp;

use crate::error::{Ec2Error, Named};
use crate::filter::{Filtered, Page, keep, named, page};
use crate::offer::{offers, type_of};
use crate::operations::sure;
use crate::row::{EndpointKind, EndpointRow, Place, TagRow};
use crate::view::{Change, View, asker};
use crate::{Ec2, id, limits, policy, tag};

/// Refuses what names parts of a network.
fn no_parts(
    subnets: [Option<&[String]>; 2],
    route_tables: [Option<&[String]>; 2],
    groups: [Option<&[String]>; 2],
) -> Result<(), Ec2Error> {
    for (named, lists) in
        [(Named::Subnet, subnets), (Named::RouteTable, route_tables), (Named::SecurityGroup, groups)]
    {
        if let Some(id) = lists.into_iter().flatten().flatten().next() {
            return Err(Ec2Error::NotFound { named, id: id.clone() });
        }
    }
    Ok(())
}

/// Refuses what there is not here.
fn unsupported(given: &[(&'static str, bool)]) -> Result<(), Ec2Error> {
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Ec2Error::Unsupported(name)),
        None => Ok(()),
    }
}

fn check(input: &api::CreateVpcEndpointInput, place: &Place) -> Result<(), Ec2Error> {
    no_parts(
        [input.subnet_ids.as_deref(), None],
        [input.route_table_ids.as_deref(), None],
        [input.security_group_ids.as_deref(), None],
    )?;
    unsupported(&[
        ("PrivateDnsEnabled", input.private_dns_enabled == Some(true)),
        ("DnsOptions", input.dns_options.is_some()),
        ("SubnetConfiguration", input.subnet_configurations.as_ref().is_some_and(|all| !all.is_empty())),
        ("ServiceNetworkArn", input.service_network_arn.is_some()),
        ("ResourceConfigurationArn", input.resource_configuration_arn.is_some()),
        (
            "ServiceRegion",
            input.service_region.as_ref().is_some_and(|region| *region != place.region.as_str()),
        ),
    ])?;
    if input.client_token.as_ref().is_some_and(|token| token.chars().count() > limits::CLIENT_TOKEN_CHARS) {
        let most = limits::CLIENT_TOKEN_CHARS;
        return Err(Ec2Error::Value(format!("A client token has at most {most} characters.")));
    }
    Ok(())
}

/// What kind of endpoint a request asks for, and to which service.
fn kind_of(ec2: &Ec2, place: &Place, input: &api::CreateVpcEndpointInput) -> Result<EndpointKind, Ec2Error> {
    let name = input.service_name.as_deref().ok_or(Ec2Error::Missing("ServiceName"))?;
    let offers = offers(ec2, &place.region);
    let offer = offers.iter().find(|offer| offer.name == name);
    let offer = offer.ok_or_else(|| Ec2Error::ServiceName(name.to_owned()))?;
    // "VpcEndpointType: … Default: Gateway".
    let asked = input.vpc_endpoint_type.unwrap_or(api::VpcEndpointType::Gateway);
    let found = offer.kinds.iter().find(|kind| type_of(**kind) == asked);
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = offer.kinds.iter().map(|kind| type_of(*kind).as_str()).collect();
        let known = known.join(", ");
        Ec2Error::Parameter(format!(
            "Endpoint type ({asked}) does not match available service types ([{known}])."
        ))
    })
}

fn check_room(all: &[EndpointRow], kind: EndpointKind, vpc: &str) -> Result<(), Ec2Error> {
    let (most, of) = match kind {
        EndpointKind::Gateway => (limits::GATEWAY_ENDPOINTS, "gateway endpoints in a region"),
        EndpointKind::Interface => (limits::INTERFACE_ENDPOINTS, "interface endpoints of a VPC"),
    };
    let counts = |endpoint: &&EndpointRow| {
        endpoint.kind == kind && (kind == EndpointKind::Gateway || endpoint.vpc == vpc)
    };
    if all.iter().filter(counts).count() >= most {
        return Err(Ec2Error::Limit { code: "VpcEndpointLimitExceeded", of, most });
    }
    Ok(())
}

/// Makes an endpoint, or finds the one that the same request made before.
async fn create(
    change: &mut Change,
    input: &api::CreateVpcEndpointInput,
    policy: String,
) -> Result<EndpointRow, Ec2Error> {
    check(input, &change.view.place)?;
    let kind = kind_of(&change.view.ec2, &change.view.place, input)?;
    let vpc = change.view.vpc(&input.vpc_id).await?;
    let tags = tag::new_tags(input.tag_specifications.as_deref(), api::ResourceType::VpcEndpoint)?;
    let endpoint = EndpointRow {
        id: id::new(&*change.view.ec2.entropy, "vpce-"),
        vpc: vpc.id,
        service: input.service_name.clone().unwrap_or_default(),
        kind,
        policy,
        tags,
        created_millis: change.view.now.as_millis(),
        client_token: input.client_token.clone(),
        account: change.view.place.account.to_string(),
        region: change.view.place.region.to_string(),
    };
    let all = change.view.endpoints().await?;
    let made =
        all.iter().find(|made| made.client_token.is_some() && made.client_token == endpoint.client_token);
    if let Some(made) = made {
        let same = EndpointRow { id: made.id.clone(), created_millis: made.created_millis, ..endpoint };
        return if same == *made { Ok(same) } else { Err(Ec2Error::TokenUsed) };
    }
    check_room(&all, kind, &endpoint.vpc)?;
    change.put_endpoint(&endpoint);
    Ok(endpoint)
}

#[async_trait]
impl Handle<op::CreateVpcEndpoint> for Ec2 {
    async fn handle(
        &self,
        mut request: Authorized<api::CreateVpcEndpointInput>,
    ) -> Result<Reply<api::CreateVpcEndpointOutput>, ErrorReply> {
        sure(request.input().dry_run)?;
        let given = request.input().policy_document.clone().filter(|text| !text.is_empty());
        let text = given.unwrap_or_else(|| policy::DEFAULT.to_owned());
        let kept = policy::kept(&mut request, &text).await?;
        for _ in 0..limits::MAX_TRIES {
            let _turn = self.turn.lock().await;
            let asker = asker(&request)?;
            let mut change = Change::of(View::of(self, asker).await?);
            let endpoint = create(&mut change, request.input(), kept.clone()).await?;
            let place = change.view.place.clone();
            if change.commit(&mut request).await? {
                let client_token = endpoint.client_token.clone();
                let vpc_endpoint = Some(Box::new(shown(&place, endpoint, text)));
                return Ok(Reply::new(api::CreateVpcEndpointOutput { vpc_endpoint, client_token }));
            }
        }
        Err(Ec2Error::Contended.into())
    }
}

#[async_trait]
impl Handle<op::ModifyVpcEndpoint> for Ec2 {
    async fn handle(
        &self,
        mut request: Authorized<api::ModifyVpcEndpointInput>,
    ) -> Result<Reply<api::ModifyVpcEndpointOutput>, ErrorReply> {
        let input = request.input();
        sure(input.dry_run)?;
        no_parts(
            [input.add_subnet_ids.as_deref(), input.remove_subnet_ids.as_deref()],
            [input.add_route_table_ids.as_deref(), input.remove_route_table_ids.as_deref()],
            [input.add_security_group_ids.as_deref(), input.remove_security_group_ids.as_deref()],
        )?;
        unsupported(&[
            ("PrivateDnsEnabled", input.private_dns_enabled == Some(true)),
            ("DnsOptions", input.dns_options.is_some()),
            ("SubnetConfiguration", input.subnet_configurations.as_ref().is_some_and(|all| !all.is_empty())),
        ])?;
        let given = match (input.reset_policy == Some(true), input.policy_document.clone()) {
            (true, Some(_)) => {
                let message = "Give a PolicyDocument or ResetPolicy, not both.";
                return Err(Ec2Error::Parameter(message.to_owned()).into());
            }
            (true, None) => Some(policy::DEFAULT.to_owned()),
            (false, given) => given,
        };
        let kept = match given {
            Some(text) => Some(policy::kept(&mut request, &text).await?),
            None => None,
        };
        for _ in 0..limits::MAX_TRIES {
            let _turn = self.turn.lock().await;
            let asker = asker(&request)?;
            let mut change = Change::of(View::of(self, asker).await?);
            let mut endpoint = change.view.endpoint(&request.input().vpc_endpoint_id).await?;
            if let Some(kept) = &kept {
                endpoint.policy.clone_from(kept);
                change.put_endpoint(&endpoint);
            }
            if change.commit(&mut request).await? {
                return Ok(Reply::new(api::ModifyVpcEndpointOutput { r#return: Some(true) }));
            }
        }
        Err(Ec2Error::Contended.into())
    }
}

/// What is not there is told, and the rest deleted.
pub(crate) async fn delete_vpc_endpoints(
    change: &mut Change,
    input: &api::DeleteVpcEndpointsInput,
) -> Result<api::DeleteVpcEndpointsOutput, Ec2Error> {
    let mut ids = input.vpc_endpoint_ids.clone();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(Ec2Error::Missing("VpcEndpointId"));
    }
    if ids.len() > limits::DELETED_AT_ONCE {
        let most = limits::DELETED_AT_ONCE;
        return Err(Ec2Error::Value(format!("At most {most} endpoints can be deleted at once.")));
    }
    let mut unsuccessful = Vec::new();
    for id in ids {
        match change.view.endpoint(&id).await {
            Ok(endpoint) => change.delete_endpoint(&endpoint),
            Err(error @ (Ec2Error::NotFound { .. } | Ec2Error::MalformedId { .. })) => {
                let error = api::UnsuccessfulItemError {
                    code: Some("InvalidVpcEndpoint.NotFound".to_owned()),
                    message: Some(error.to_string()),
                };
                unsuccessful
                    .push(api::UnsuccessfulItem { resource_id: Some(id), error: Some(Box::new(error)) });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(api::DeleteVpcEndpointsOutput { unsuccessful: Some(unsuccessful) })
}

/// An endpoint, and where it is.
struct Placed<'a> {
    endpoint: EndpointRow,
    place: &'a Place,
}

impl Filtered for Placed<'_> {
    const NAMES: &'static [&'static str] = &[
        "ip-address-type",
        "service-name",
        "service-region",
        "vpc-endpoint-id",
        "vpc-endpoint-state",
        "vpc-endpoint-type",
        "vpc-id",
    ];

    fn values(&self, name: &str) -> Vec<String> {
        let Self { endpoint, place } = self;
        vec![match name {
            "ip-address-type" => "ipv4".to_owned(),
            "service-name" => endpoint.service.clone(),
            "service-region" => place.region.to_string(),
            "vpc-endpoint-id" => endpoint.id.clone(),
            "vpc-endpoint-state" => STATE.as_str().to_owned(),
            "vpc-endpoint-type" => type_of(endpoint.kind).as_str().to_owned(),
            _ => endpoint.vpc.clone(),
        }]
    }

    fn tags(&self) -> &[TagRow] {
        &self.endpoint.tags
    }
}

/// A page of the endpoints that a request asks for, without their policies: those are read for what is shown alone.
async fn listed<'a>(
    view: &'a View,
    input: &api::DescribeVpcEndpointsInput,
) -> Result<Page<Placed<'a>>, Ec2Error> {
    let found = match input.vpc_endpoint_ids.as_deref().unwrap_or_default() {
        [] => view.endpoints_without_policies().await?,
        ids => {
            let mut found = Vec::new();
            for id in named(ids)? {
                found.push(view.endpoint(id).await?.without_policy());
            }
            found
        }
    };
    let place = &view.place;
    let placed = found.into_iter().map(|endpoint| Placed { endpoint, place }).collect();
    let kept = keep(placed, input.filters.as_deref())?;
    page(kept, (input.next_token.as_deref(), input.max_results), |placed| placed.endpoint.id.clone())
}

#[async_trait]
impl Handle<op::DescribeVpcEndpoints> for Ec2 {
    async fn handle(
        &self,
        mut request: Authorized<api::DescribeVpcEndpointsInput>,
    ) -> Result<Reply<api::DescribeVpcEndpointsOutput>, ErrorReply> {
        sure(request.input().dry_run)?;
        let asker = asker(&request)?;
        let view = View::of(self, asker).await?;
        let mut cut = listed(&view, request.input()).await?;
        let (mut vpc_endpoints, mut bytes) = (Vec::new(), 0);
        let mut items = cut.items.into_iter();
        while let Some(Placed { endpoint, place }) = items.next() {
            // One that was deleted meanwhile is none.
            let Some(EndpointRow { policy, .. }) = view.endpoint_if_there(&endpoint.id).await? else {
                continue;
            };
            let policy = policy::shown(&mut request, &policy).await?;
            let id = endpoint.id.clone();
            bytes += policy.len();
            vpc_endpoints.push(shown(place, endpoint, policy));
            if bytes >= limits::PAGE_POLICY_BYTES && items.len() > 0 {
                cut.next_token = Some(id);
                break;
            }
        }
        let vpc_endpoints = Some(vpc_endpoints);
        Ok(Reply::new(api::DescribeVpcEndpointsOutput { vpc_endpoints, next_token: cut.next_token }))
    }
}

/// An endpoint is ready as soon as it is made.
const STATE: api::State = api::State::Available;

fn shown(place: &Place, endpoint: EndpointRow, policy: String) -> api::VpcEndpoint {
    api::VpcEndpoint {
        vpc_endpoint_id: Some(endpoint.id),
        vpc_endpoint_type: Some(type_of(endpoint.kind)),
        vpc_id: Some(endpoint.vpc),
        service_name: Some(endpoint.service),
        state: Some(STATE),
        policy_document: Some(policy),
        route_table_ids: Some(Vec::new()),
        subnet_ids: Some(Vec::new()),
        groups: Some(Vec::new()),
        ip_address_type: Some(api::IpAddressType::Ipv4),
        dns_options: None,
        private_dns_enabled: Some(false),
        requester_managed: Some(false),
        network_interface_ids: Some(Vec::new()),
        dns_entries: Some(Vec::new()),
        creation_timestamp: Some(Timestamp::from_millis(endpoint.created_millis)),
        tags: Some(tag::shown(&endpoint.tags)),
        owner_id: Some(place.account.to_string()),
        last_error: None,
        ipv4_prefixes: None,
        ipv6_prefixes: None,
        failure_reason: None,
        service_network_arn: None,
        resource_configuration_arn: None,
        service_region: Some(place.region.to_string()),
        payer_responsibilities: None,
    }
}
