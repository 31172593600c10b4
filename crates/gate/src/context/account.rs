//! Keys of Account Management (`account:…`).
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Account Management".

use strongroom_policy::Values;

use super::{RequestContext, many, tag};

impl RequestContext<'_> {
    pub(super) fn account_management(&self, name: &str) -> Option<Values<'_>> {
        if let Some(("accountresourceorgtags", key)) = name.split_once('/') {
            return tag(&self.resource.details?.facts.tags, key);
        }
        let member = |name: &str| self.parameters().member(name);
        match name {
            "accountresourceorgpaths" => many(self.resource.details?.account_path.iter().cloned().collect()),
            "alternatecontacttypes" => many(vec![member("AlternateContactType")?.to_owned()]),
            "emailtargetdomain" => self.parameters().email_domain.as_deref().map(Values::one),
            "targetregion" => member("RegionName").map(Values::one),
            _ => None,
        }
    }
}
