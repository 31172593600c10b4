//! VPCs. Source: EC2 API Reference, CreateVpc, DescribeVpcs, DeleteVpc.

use std::net::Ipv4Addr;

use strongroom_api_ec2 as api;

use crate::error::Ec2Error;
use crate::filter::{Filtered, keep, named, page};
use crate::row::{Place, TagRow, VpcRow};
use crate::view::{Change, View};
use crate::{id, limits, tag};

/// Bits of the network in a VPC's block. Source: Amazon VPC User Guide, "VPC CIDR blocks": from /16 to /28.
const PREFIX_BITS: std::ops::RangeInclusive<u32> = 16..=28;

/// A block in its canonical form: "If you specify 100.68.0.18/18, we modify it to 100.68.0.0/18."
fn block(text: &str) -> Result<String, Ec2Error> {
    let invalid = || {
        let message =
            format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
        Ec2Error::Value(message)
    };
    let (address, bits) = text.split_once('/').ok_or_else(invalid)?;
    let address: Ipv4Addr = address.parse().map_err(|_| invalid())?;
    // Digits alone: neither a sign nor zeros before them.
    let plain = !bits.starts_with(['+', '0']) || bits == "0";
    let bits: u32 = bits.parse().ok().filter(|bits| plain && *bits <= 32).ok_or_else(invalid)?;
    if !PREFIX_BITS.contains(&bits) {
        return Err(Ec2Error::Range(text.to_owned()));
    }
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    Ok(format!("{}/{bits}", Ipv4Addr::from_bits(address.to_bits() & mask)))
}

/// Refuses what asks for addresses other than a block that is named.
fn check(input: &api::CreateVpcInput) -> Result<(), Ec2Error> {
    let unsupported = [
        ("Ipv6Pool", input.ipv6_pool.is_some()),
        ("Ipv6CidrBlock", input.ipv6_cidr_block.is_some()),
        ("Ipv4IpamPoolId", input.ipv4_ipam_pool_id.is_some()),
        ("Ipv6IpamPoolId", input.ipv6_ipam_pool_id.is_some()),
        ("Ipv4NetmaskLength", input.ipv4_netmask_length.is_some()),
        ("Ipv6NetmaskLength", input.ipv6_netmask_length.is_some()),
        ("Ipv6CidrBlockNetworkBorderGroup", input.ipv6_cidr_block_network_border_group.is_some()),
        ("VpcEncryptionControl", input.vpc_encryption_control.is_some()),
        ("AmazonProvidedIpv6CidrBlock", input.amazon_provided_ipv6_cidr_block == Some(true)),
        ("InstanceTenancy", input.instance_tenancy.is_some_and(|tenancy| tenancy != api::Tenancy::Default)),
    ];
    match unsupported.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Ec2Error::Unsupported(name)),
        None => Ok(()),
    }
}

pub(crate) async fn create_vpc(
    change: &mut Change,
    input: &api::CreateVpcInput,
) -> Result<api::CreateVpcOutput, Ec2Error> {
    check(input)?;
    let (ec2, region) = (&change.view.ec2, &change.view.place.region);
    if !ec2.regions.contains(region) {
        return Err(Ec2Error::Value(format!("The region {region} is none of this installation.")));
    }
    let cidr = block(input.cidr_block.as_deref().ok_or(Ec2Error::Missing("cidrBlock"))?)?;
    let tags = tag::new_tags(input.tag_specifications.as_deref(), api::ResourceType::Vpc)?;
    if change.view.vpcs().await?.len() >= limits::VPCS {
        return Err(Ec2Error::Limit { code: "VpcLimitExceeded", of: "VPCs", most: limits::VPCS });
    }
    let vpc = VpcRow {
        id: id::new(&*change.view.ec2.entropy, "vpc-"),
        cidr,
        tags,
        created_millis: change.view.now.as_millis(),
        // What AWS's new VPCs have. Source: Amazon VPC User Guide, "DNS attributes for your VPC".
        dns_support: true,
        dns_hostnames: false,
        usage_metrics: false,
    };
    change.put_vpc(&vpc);
    let vpc = Some(Box::new(shown(&change.view.place, &vpc)));
    Ok(api::CreateVpcOutput { vpc })
}

pub(crate) async fn delete_vpc(
    change: &mut Change,
    input: &api::DeleteVpcInput,
) -> Result<api::DeleteVpcOutput, Ec2Error> {
    let vpc = change.view.vpc(&input.vpc_id).await?;
    if change.view.endpoints().await?.iter().any(|endpoint| endpoint.vpc == vpc.id) {
        return Err(Ec2Error::Dependency(vpc.id));
    }
    change.delete_vpc(&vpc);
    Ok(api::DeleteVpcOutput {})
}

/// A VPC, and whose it is.
struct Owned {
    vpc: VpcRow,
    owner: String,
}

impl Filtered for Owned {
    const NAMES: &'static [&'static str] = &[
        "cidr",
        "cidr-block-association.association-id",
        "cidr-block-association.cidr-block",
        "cidr-block-association.state",
        "dhcp-options-id",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.ipv6-pool",
        "ipv6-cidr-block-association.state",
        "is-default",
        "isDefault",
        "owner-id",
        "state",
        "vpc-id",
    ];

    fn values(&self, name: &str) -> Vec<String> {
        match name {
            "cidr" | "cidr-block-association.cidr-block" => vec![self.vpc.cidr.clone()],
            "cidr-block-association.association-id" => vec![association(&self.vpc)],
            "cidr-block-association.state" => vec!["associated".to_owned()],
            "dhcp-options-id" => vec![NO_OPTIONS.to_owned()],
            "is-default" | "isDefault" => vec!["false".to_owned()],
            "owner-id" => vec![self.owner.clone()],
            "state" => vec!["available".to_owned()],
            "vpc-id" => vec![self.vpc.id.clone()],
            // No VPC has a block of IPv6.
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> &[TagRow] {
        &self.vpc.tags
    }
}

pub(crate) async fn describe_vpcs(
    view: &View,
    input: &api::DescribeVpcsInput,
) -> Result<api::DescribeVpcsOutput, Ec2Error> {
    let found = match input.vpc_ids.as_deref().unwrap_or_default() {
        [] => view.vpcs().await?,
        ids => {
            let mut found = Vec::new();
            for id in named(ids)? {
                found.push(view.vpc(id).await?);
            }
            found
        }
    };
    let owner = view.place.account.to_string();
    let owned = found.into_iter().map(|vpc| Owned { vpc, owner: owner.clone() }).collect();
    let kept = keep(owned, input.filters.as_deref())?;
    let asked = (input.next_token.as_deref(), input.max_results);
    let cut = page(kept, asked, |owned| owned.vpc.id.clone())?;
    let vpcs = cut.items.iter().map(|owned| shown(&view.place, &owned.vpc)).collect();
    Ok(api::DescribeVpcsOutput { vpcs: Some(vpcs), next_token: cut.next_token })
}

/// What AWS says where no set of DHCP options is.
const NO_OPTIONS: &str = "default";

/// A VPC has one block, whose association has the VPC's digits.
fn association(vpc: &VpcRow) -> String {
    format!("vpc-cidr-assoc-{}", vpc.id.trim_start_matches("vpc-"))
}

fn shown(place: &Place, vpc: &VpcRow) -> api::Vpc {
    let associated =
        api::VpcCidrBlockState { state: Some(api::VpcCidrBlockStateCode::Associated), status_message: None };
    api::Vpc {
        owner_id: Some(place.account.to_string()),
        instance_tenancy: Some(api::Tenancy::Default),
        ipv6_cidr_block_association_set: None,
        cidr_block_association_set: Some(vec![api::VpcCidrBlockAssociation {
            association_id: Some(association(vpc)),
            cidr_block: Some(vpc.cidr.clone()),
            cidr_block_state: Some(Box::new(associated)),
        }]),
        is_default: Some(false),
        encryption_control: None,
        tags: (!vpc.tags.is_empty()).then(|| tag::shown(&vpc.tags)),
        block_public_access_states: None,
        network_firewall_associations: None,
        vpc_id: Some(vpc.id.clone()),
        state: Some(api::VpcState::Available),
        cidr_block: Some(vpc.cidr.clone()),
        dhcp_options_id: Some(NO_OPTIONS.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn a_block_is_brought_to_its_canonical_form() {
        assert_eq!(block("100.68.0.18/18").unwrap(), "100.68.0.0/18");
        assert_eq!(block("10.0.0.0/28").unwrap(), "10.0.0.0/28");
        for bad in
            ["", "10.0.0.0", "10.0.0.0/", "10.0.0/16", "10.0.0.0/33", "10.0.0.0/15", "::/64", "10.0.0.0/29"]
        {
            assert!(block(bad).is_err(), "{bad}");
        }
    }
}
