//! DescribeRegions. Source: EC2 API Reference.

use async_trait::async_trait;
use strongroom_api_ec2 as api;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::Ec2;
use crate::filter::{Filtered, keep};
use crate::operations::sure;
use crate::row::TagRow;

/// Every region of an installation is there for every account from the beginning.
const OPT_IN_STATUS: &str = "opt-in-not-required";

/// Source: EC2 API Reference, "Error codes".
fn invalid_value(message: String) -> ErrorReply {
    ErrorReply::new(400, "InvalidParameterValue", message)
}

impl Filtered for api::Region {
    const NAMES: &'static [&'static str] = &["endpoint", "opt-in-status", "region-name"];
    const HAS_TAGS: bool = false;

    fn values(&self, name: &str) -> Vec<String> {
        let value = match name {
            "endpoint" => &self.endpoint,
            "opt-in-status" => &self.opt_in_status,
            _ => &self.region_name,
        };
        value.iter().cloned().collect()
    }

    fn tags(&self) -> &[TagRow] {
        &[]
    }
}

/// The regions that a request asks for, in the order of their names.
///
/// # Errors
/// `InvalidParameterValue` for a region or filter that there is not.
fn asked(ec2: &Ec2, input: &api::DescribeRegionsInput) -> Result<Vec<api::Region>, ErrorReply> {
    let mut names: Vec<&str> = ec2.regions.iter().map(strongroom_types::Region::as_str).collect();
    names.sort_unstable();
    if let Some(wanted) = input.region_names.as_ref().filter(|wanted| !wanted.is_empty()) {
        if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(invalid_value(format!("Invalid region provided: {unknown}")));
        }
        names.retain(|name| wanted.iter().any(|wanted| wanted == name));
    }
    let regions: Vec<api::Region> = names
        .into_iter()
        .map(|name| api::Region {
            opt_in_status: Some(OPT_IN_STATUS.to_owned()),
            geography: None,
            region_name: Some(name.to_owned()),
            endpoint: Some(ec2.host.to_string()),
        })
        .collect();
    Ok(keep(regions, input.filters.as_deref())?)
}

#[async_trait]
impl Handle<api::op::DescribeRegions> for Ec2 {
    async fn handle(
        &self,
        request: Authorized<api::DescribeRegionsInput>,
    ) -> Result<Reply<api::DescribeRegionsOutput>, ErrorReply> {
        let input = request.input();
        sure(input.dry_run)?;
        // `AllRegions` adds those that are off for the account: there are none.
        Ok(Reply::new(api::DescribeRegionsOutput { regions: Some(asked(self, input)?) }))
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::Region;

    use super::*;

    fn ask(region_names: &[&str], filters: &[(&str, &[&str])]) -> Result<Vec<String>, String> {
        let regions: Vec<Region> =
            ["us-east-1", "eu-central-1", "eu-west-1"].map(|name| Region::parse(name).unwrap()).into();
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let filter = |(name, values): &(&str, &[&str])| api::Filter {
            name: Some((*name).to_owned()),
            values: Some(owned(values)),
        };
        let input = api::DescribeRegionsInput {
            region_names: Some(owned(region_names)),
            all_regions: Some(true),
            dry_run: None,
            filters: Some(filters.iter().map(filter).collect()),
        };
        let found = asked(&crate::testing::service(regions.into()), &input);
        found
            .map(|regions| regions.into_iter().filter_map(|region| region.region_name).collect())
            .map_err(|error| error.code.into_owned())
    }

    #[test]
    fn the_regions_of_the_installation_are_shown() {
        assert_eq!(ask(&[], &[]).unwrap(), ["eu-central-1", "eu-west-1", "us-east-1"]);
        assert_eq!(ask(&["us-east-1"], &[]).unwrap(), ["us-east-1"]);
        assert_eq!(ask(&["us-east-1", "us-west-1"], &[]), Err("InvalidParameterValue".to_owned()));
    }

    #[test]
    fn filters_narrow_and_know_wildcards() {
        assert_eq!(ask(&[], &[("region-name", &["eu-*"])]).unwrap(), ["eu-central-1", "eu-west-1"]);
        let both: &[(&str, &[&str])] =
            &[("region-name", &["eu-*", "us-*"]), ("endpoint", &["*.example.org"])];
        assert_eq!(ask(&[], both).unwrap(), Vec::<String>::new());
        assert_eq!(ask(&[], &[("opt-in-status", &["opted-in"])]).unwrap(), Vec::<String>::new());
        assert_eq!(ask(&[], &[("colour", &["red"])]), Err("InvalidParameterValue".to_owned()));
    }
}
