//! Attributes of a VPC, for clients that set and read them: nothing here hands out addresses or names, so nothing depends
//! on them. Source: EC2 API Reference, DescribeVpcAttribute, ModifyVpcAttribute.

use strongroom_api_ec2 as api;

use crate::error::Ec2Error;
use crate::view::{Change, View};

pub(crate) async fn describe_vpc_attribute(
    view: &View,
    input: &api::DescribeVpcAttributeInput,
) -> Result<api::DescribeVpcAttributeOutput, Ec2Error> {
    let attribute = input.attribute.ok_or(Ec2Error::Missing("Attribute"))?;
    let vpc = view.vpc(&input.vpc_id).await?;
    let mut output = api::DescribeVpcAttributeOutput {
        vpc_id: Some(vpc.id),
        ..api::DescribeVpcAttributeOutput::default()
    };
    let (place, value) = match attribute {
        api::VpcAttributeName::EnableDnsSupport => (&mut output.enable_dns_support, vpc.dns_support),
        api::VpcAttributeName::EnableDnsHostnames => (&mut output.enable_dns_hostnames, vpc.dns_hostnames),
        api::VpcAttributeName::EnableNetworkAddressUsageMetrics => {
            (&mut output.enable_network_address_usage_metrics, vpc.usage_metrics)
        }
    };
    *place = Some(Box::new(api::AttributeBooleanValue { value: Some(value) }));
    Ok(output)
}

pub(crate) async fn modify_vpc_attribute(
    change: &mut Change,
    input: &api::ModifyVpcAttributeInput,
) -> Result<api::ModifyVpcAttributeOutput, Ec2Error> {
    let mut vpc = change.view.vpc(&input.vpc_id).await?;
    let given = [
        (&mut vpc.dns_support, &input.enable_dns_support),
        (&mut vpc.dns_hostnames, &input.enable_dns_hostnames),
        (&mut vpc.usage_metrics, &input.enable_network_address_usage_metrics),
    ];
    let mut changes = false;
    for (kept, value) in given {
        if let Some(value) = value.as_ref().and_then(|value| value.value) {
            *kept = value;
            changes = true;
        }
    }
    if !changes {
        return Err(Ec2Error::Missing(
            "EnableDnsSupport, EnableDnsHostnames or EnableNetworkAddressUsageMetrics",
        ));
    }
    change.put_vpc(&vpc);
    Ok(api::ModifyVpcAttributeOutput {})
}
