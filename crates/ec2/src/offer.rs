//! The services to which there are endpoints. Source: AWS PrivateLink Guide, "AWS services that integrate with AWS
//! PrivateLink"; EC2 API Reference, DescribeVpcEndpointServices, DescribePrefixLists.

use strongroom_api_ec2 as api;
use strongroom_types::Region;

use crate::Ec2;
use crate::error::Ec2Error;
use crate::filter::{Filtered, keep, page};
use crate::row::{EndpointKind, TagRow};

/// A service to which there are endpoints in some region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// `com.amazonaws.…`.
    pub(crate) name: String,
    region: String,
    pub(crate) kinds: &'static [EndpointKind],
}

/// Last part of the name, the services that go through by their names in botocore, the kinds of endpoints, and whether
/// there is only one of it, in the home region. On AWS that of IAM, Organizations and Account Management is us-east-1.
struct Known(&'static str, &'static [&'static str], &'static [EndpointKind], bool);

const INTERFACE: &[EndpointKind] = &[EndpointKind::Interface];

const KNOWN: [Known; 6] = [
    Known("s3", &["s3", "s3control"], &[EndpointKind::Gateway, EndpointKind::Interface], false),
    Known("sts", &["sts"], INTERFACE, false),
    Known("ec2", &["ec2"], INTERFACE, false),
    Known("iam", &["iam"], INTERFACE, true),
    Known("organizations", &["organizations"], INTERFACE, true),
    Known("account", &["account"], INTERFACE, true),
];

/// The services that go through an endpoint of this name, by their names in botocore.
pub(crate) fn services(name: &str) -> &'static [&'static str] {
    let last = name.rsplit('.').next().unwrap_or_default();
    KNOWN.iter().find(|known| known.0 == last).map_or(&[], |known| known.1)
}

/// What is on offer in a region.
pub(crate) fn offers(ec2: &Ec2, region: &Region) -> Vec<Offer> {
    let is_home = ec2.home() == Some(region);
    let is_there = ec2.regions.contains(region);
    let known = KNOWN.iter().filter(|_| is_there).filter(|Known(.., single)| is_home || !single);
    known
        .map(|Known(last, _, kinds, _)| {
            // "com.amazonaws.iam" alone has no region in its name.
            let name = match *last {
                "iam" => "com.amazonaws.iam".to_owned(),
                last => format!("com.amazonaws.{region}.{last}"),
            };
            Offer { name, region: region.to_string(), kinds }
        })
        .collect()
}

impl Offer {
    /// One kind of it, as AWS lists them.
    fn detail(&self, kind: EndpointKind) -> Detail {
        Detail { offer: self.clone(), kind }
    }
}

struct Detail {
    offer: Offer,
    kind: EndpointKind,
}

pub(crate) fn type_of(kind: EndpointKind) -> api::VpcEndpointType {
    match kind {
        EndpointKind::Gateway => api::VpcEndpointType::Gateway,
        EndpointKind::Interface => api::VpcEndpointType::Interface,
    }
}

impl Filtered for Detail {
    const NAMES: &'static [&'static str] =
        &["owner", "service-name", "service-region", "service-type", "supported-ip-address-types"];

    fn values(&self, name: &str) -> Vec<String> {
        match name {
            "owner" => vec!["amazon".to_owned()],
            "service-name" => vec![self.offer.name.clone()],
            "service-region" => vec![self.offer.region.clone()],
            "service-type" => vec![type_of(self.kind).as_str().to_owned()],
            _ => vec!["ipv4".to_owned(), "ipv6".to_owned()],
        }
    }

    fn tags(&self) -> &[TagRow] {
        &[]
    }
}

pub(crate) fn describe_vpc_endpoint_services(
    ec2: &Ec2,
    region: &Region,
    input: &api::DescribeVpcEndpointServicesInput,
) -> Result<api::DescribeVpcEndpointServicesOutput, Ec2Error> {
    let all = offers(ec2, region);
    let wanted = input.service_names.as_deref().unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| all.iter().all(|offer| offer.name != **name)) {
        return Err(Ec2Error::ServiceName(unknown.clone()));
    }
    let details = all
        .iter()
        .filter(|offer| wanted.is_empty() || wanted.contains(&offer.name))
        .flat_map(|offer| offer.kinds.iter().map(|kind| offer.detail(*kind)))
        .collect();
    let kept = keep(details, input.filters.as_deref())?;
    let key = |detail: &Detail| format!("{}/{}", detail.offer.name, type_of(detail.kind));
    let cut = page(kept, (input.next_token.as_deref(), input.max_results), key)?;
    let mut names: Vec<String> = cut.items.iter().map(|detail| detail.offer.name.clone()).collect();
    names.dedup();
    Ok(api::DescribeVpcEndpointServicesOutput {
        service_names: Some(names),
        service_details: Some(cut.items.into_iter().map(shown).collect()),
        next_token: cut.next_token,
    })
}

fn shown(detail: Detail) -> api::ServiceDetail {
    let service_type = match detail.kind {
        EndpointKind::Gateway => api::ServiceType::Gateway,
        EndpointKind::Interface => api::ServiceType::Interface,
    };
    api::ServiceDetail {
        service_name: Some(detail.offer.name),
        service_id: None,
        service_type: Some(vec![api::ServiceTypeDetail { service_type: Some(service_type) }]),
        service_region: Some(detail.offer.region),
        availability_zone_ids: Some(Vec::new()),
        availability_zones: Some(Vec::new()),
        owner: Some("amazon".to_owned()),
        // Nothing here answers questions about names: what leads to an endpoint is its listener.
        base_endpoint_dns_names: Some(Vec::new()),
        private_dns_name: None,
        private_dns_names: None,
        vpc_endpoint_policy_supported: Some(true),
        acceptance_required: Some(false),
        manages_vpc_endpoints: Some(false),
        payer_responsibility: None,
        tags: Some(Vec::new()),
        private_dns_name_verification_state: None,
        supported_ip_address_types: None,
    }
}

/// The address ranges of a gateway endpoint's service, for route tables: there are no routes, so there are no ranges.
pub(crate) fn describe_prefix_lists(
    _: &Ec2,
    _: &Region,
    input: &api::DescribePrefixListsInput,
) -> Result<api::DescribePrefixListsOutput, Ec2Error> {
    if let Some(id) = input.prefix_list_ids.iter().flatten().next() {
        return Err(Ec2Error::Value(format!("The prefix list ID '{id}' does not exist")));
    }
    Ok(api::DescribePrefixListsOutput { prefix_lists: Some(Vec::new()), next_token: None })
}
