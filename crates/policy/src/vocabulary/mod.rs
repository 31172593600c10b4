//! What the services have that policies can name: actions, resources and condition keys, as AWS's Service Authorization
//! Reference lists them.

mod generated;
mod overlap;

use crate::Vocabulary;
use crate::pattern::{Matcher, wildcard_match};
use generated::SERVICES;
use overlap::overlap;

/// The names of one service.
struct ServiceWords {
    /// In policies ("s3").
    prefix: &'static str,
    /// With a space between: name, and behind a colon the numbers of the resource types it can be done to.
    actions: &'static str,
    /// Forms of ARNs, with a space between, one a resource type.
    resources: &'static str,
    /// Condition keys, with a space between.
    keys: &'static str,
}

/// Condition keys that every request can have. Source: IAM User Guide, "AWS global condition context keys".
const GLOBAL_KEYS: [&str; 51] = [
    "assumedroot",
    "calledvia",
    "calledviafirst",
    "calledvialast",
    "chatbotsourcearn",
    "currenttime",
    "ec2instancesourceprivateipv4",
    "ec2instancesourcevpc",
    "epochtime",
    "federatedprovider",
    "multifactorauthage",
    "multifactorauthpresent",
    "principalaccount",
    "principalarn",
    "principalisawsservice",
    "principalorgid",
    "principalorgpaths",
    "principalservicename",
    "principalservicenameslist",
    "principaltag",
    "principaltype",
    "referer",
    "requestedregion",
    "requesttag",
    "resourceaccount",
    "resourceorgid",
    "resourceorgpaths",
    "resourcetag",
    "securetransport",
    "signinsessionarn",
    "sourceaccount",
    "sourcearn",
    "sourceidentity",
    "sourceip",
    "sourceorgid",
    "sourceorgpaths",
    "sourceowner",
    "sourcevpc",
    "sourcevpcarn",
    "sourcevpce",
    "tagkeys",
    "tokenissuetime",
    "useragent",
    "userid",
    "username",
    "viaawsmcpservice",
    "viaawsservice",
    "vpceaccount",
    "vpceorgid",
    "vpceorgpaths",
    "vpcsourceip",
];

/// The services of AWS.
#[derive(Debug, Clone, Copy)]
pub struct AwsServices;

impl ServiceWords {
    /// Names of the actions, and the numbers of what they can be done to.
    fn actions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.actions.split(' ').map(|word| word.split_once(':').unwrap_or((word, "")))
    }

    /// The actions whose names fit a pattern, whatever the case: as [`ServiceWords::actions`].
    fn fitting(&self, pattern: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
        let matcher = Matcher::plain(&pattern.to_ascii_lowercase());
        let mut lower = String::new();
        self.actions().filter(move |(action, _)| {
            lower.clear();
            lower.push_str(action);
            lower.make_ascii_lowercase();
            matcher.fits_plain(&lower)
        })
    }

    fn forms(&self) -> impl Iterator<Item = &'static str> {
        self.resources.split(' ').filter(|form| !form.is_empty())
    }
}

/// The service of a name like `s3:GetObject`, and the rest; `None` where the prefix can be several services'.
fn service_of(name: &str) -> Option<(Option<&'static ServiceWords>, &str)> {
    let (prefix, rest) = name.split_once(':')?;
    if prefix.contains(['*', '?']) {
        return None;
    }
    let prefix = prefix.to_lowercase();
    let found = SERVICES.binary_search_by(|service| service.prefix.cmp(&prefix)).ok();
    Some((found.and_then(|at| SERVICES.get(at)), rest))
}

/// The family of a condition key in lower case: what stands before the slash.
fn family(key: &str) -> String {
    key.split_once('/').map_or(key, |(family, _)| family).to_lowercase()
}

/// The third part of an ARN, if no wildcard reaches into it.
fn arn_service(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(4, ':');
    let (front, service) = (parts.next()?, parts.nth(1)?);
    (!front.contains(['*', '?']) && !service.contains(['*', '?', '$'])).then_some(service)
}

impl Vocabulary for AwsServices {
    fn has_action(&self, pattern: &str) -> bool {
        let Some((service, name)) = service_of(pattern) else {
            let prefix = pattern.split_once(':').map_or(pattern, |(prefix, _)| prefix).to_lowercase();
            return SERVICES.iter().any(|service| wildcard_match(&prefix, service.prefix));
        };
        service.is_some_and(|service| service.fitting(name).next().is_some())
    }

    fn has_key(&self, key: &str) -> bool {
        let Some((prefix, name)) = key.split_once(':') else { return false };
        // The keys of an identity provider are what its tokens say: its host names them.
        if prefix.contains('.') {
            return true;
        }
        let wanted = family(key);
        if prefix.eq_ignore_ascii_case("aws") && GLOBAL_KEYS.contains(&family(name).as_str()) {
            return true;
        }
        // Services use each other's keys: all of them are looked at.
        SERVICES.iter().any(|service| service.keys.split(' ').any(|known| family(known) == wanted))
    }

    fn forms(&self, resource: &str) -> Option<Vec<&'static str>> {
        let service = arn_service(resource)?;
        let forms = SERVICES.iter().flat_map(ServiceWords::forms);
        let of_service = forms.filter(|form| arn_service(form).is_none_or(|of| of == service));
        let mut fitting: Vec<_> = of_service.filter(|form| overlap(form, resource)).collect();
        fitting.sort_unstable();
        fitting.dedup();
        Some(fitting)
    }

    fn objects(&self, actions: &[&str]) -> Option<Vec<&'static str>> {
        let mut objects = Vec::new();
        for pattern in actions {
            // A service that is none has nothing.
            let (Some(service), name) = service_of(pattern)? else { continue };
            let forms: Vec<_> = service.forms().collect();
            for (_, numbers) in service.fitting(name) {
                let numbers = numbers.split(',').filter_map(|number| number.parse::<usize>().ok());
                objects.extend(numbers.filter_map(|number| forms.get(number).copied()));
            }
            objects.sort_unstable();
            objects.dedup();
        }
        Some(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_by_service_name_and_pattern() {
        for known in
            ["s3:GetObject", "S3:get*", "iam:*", "*", "s3:*Object*", "lambda:InvokeFunction", "s*:Foo"]
        {
            assert!(AwsServices.has_action(known), "{known}");
        }
        for unknown in ["s3:GetObjekt", "iam:Frobnicate", "sts:Assume", "lamda:*", "zz*:Get"] {
            assert!(!AwsServices.has_action(unknown), "{unknown}");
        }
    }

    #[test]
    fn condition_keys_are_known_by_their_family() {
        for known in [
            "aws:SourceIp",
            "AWS:sourcevpce",
            "aws:PrincipalTag/team",
            "s3:prefix",
            "S3:ExistingObjectTag/team",
            "idp.example.com:aud",
            "kms:ViaService",
            "saml:aud",
            "ec2:ResourceTag/x",
        ] {
            assert!(AwsServices.has_key(known), "{known}");
        }
        for unknown in ["s3:prefiks", "prefix", "sts:NoSuchKey", "aws:SourceIpAddress", "lamda:x"] {
            assert!(!AwsServices.has_key(unknown), "{unknown}");
        }
    }

    #[test]
    fn resources_are_known_by_the_forms_of_their_arns() {
        let known = |resource| AwsServices.forms(resource).is_none_or(|forms| !forms.is_empty());
        for some in [
            "arn:aws:s3:::bucket",
            "arn:aws:s3:::bucket/key",
            "arn:aws:s3:::*/*",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::*:role/${aws:username}",
            "arn:aws:s3:us-east-1:111122223333:accesspoint/ap/object/*",
            "arn:aws:ec2:*:*:vpc-endpoint/*",
            "arn:aws*",
            "arn:*:s3:::*",
        ] {
            assert!(known(some), "{some}");
        }
        for none in
            ["arn:aws:iam::111122223333:user", "arn:aws:s4:::bucket", "arn:aws:iam::111122223333:usr/ann"]
        {
            assert!(!known(none), "{none}");
        }
    }

    #[test]
    fn actions_know_what_they_are_done_to() {
        let objects = AwsServices.objects(&["s3:GetObject", "s3:ListAllMyBuckets"]).unwrap();
        assert!(objects.contains(&"arn:${Partition}:s3:::${BucketName}/${ObjectName}"), "{objects:?}");
        assert!(!objects.contains(&"arn:${Partition}:s3:::${BucketName}"), "{objects:?}");
        assert_eq!(AwsServices.objects(&["s3:ListAllMyBuckets"]), Some(Vec::new()));
        assert_eq!(AwsServices.objects(&["s3:GetObject", "*"]), None);
    }

    #[test]
    fn every_number_of_an_action_is_that_of_a_resource_type() {
        for service in SERVICES {
            let forms = service.forms().count();
            for (action, numbers) in service.actions() {
                for number in numbers.split(',').filter(|number| !number.is_empty()) {
                    assert!(number.parse::<usize>().unwrap() < forms, "{}:{action}", service.prefix);
                }
            }
        }
        assert!(SERVICES.is_sorted_by(|one, next| one.prefix < next.prefix));
    }
}
