//! Keys of EC2 (`ec2:…`) that speak of VPCs and their endpoints.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".

use strongroom_policy::Values;
use strongroom_types::Arn;

use super::{RequestContext, tag, text};

/// The keys that are filled here, as the reference writes them: of its hundred others none is about anything that is here.
#[cfg(test)]
pub(crate) const KEYS: [&str; 6] = [
    "ec2:Region",
    "ec2:ResourceTag/${TagKey}",
    "ec2:VpcID",
    "ec2:VpceServiceName",
    "ec2:VpceServiceOwner",
    "ec2:VpceServiceRegion",
];

impl RequestContext<'_> {
    pub(super) fn ec2(&self, name: &str) -> Option<Values<'_>> {
        if let Some(("resourcetag", key)) = name.split_once('/') {
            return tag(self.resource.tags, key);
        }
        let member = |name: &str| self.parameters().member(name);
        match name {
            "region" => Some(Values::one(self.request.region.as_str())),
            "vpcid" => {
                let account = self.caller.account()?.to_string();
                let vpc = format!("vpc/{}", member("VpcId")?);
                Some(text(&Arn::new("ec2", self.request.region.as_str(), &account, &vpc)))
            }
            "vpceservicename" => member("ServiceName").map(Values::one),
            "vpceserviceregion" => {
                Some(Values::one(member("ServiceRegion").unwrap_or(self.request.region.as_str())))
            }
            // All services that have endpoints are the store's own.
            "vpceserviceowner" => member("ServiceName").map(|_| Values::one("amazon")),
            _ => None,
        }
    }
}
