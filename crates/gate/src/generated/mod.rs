//! The actions of AWS's services, as the Service Authorization Reference lists them. `actions.rs` is written by
//! `cargo xtask generate`; the types are written by hand.

mod actions;

pub use actions::{ACCESS_ANALYZER, ACCOUNT, EC2, IAM, ORGANIZATIONS, S3, SERVICES, STS};

/// What an action does, in the words of the Service Authorization Reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Lists resources.
    List,
    /// Reads what is in a resource.
    Read,
    /// Makes, changes or removes a resource.
    Write,
    /// Changes tags only.
    Tagging,
    /// Changes who may do what.
    PermissionsManagement,
}

/// The actions of one service.
#[derive(Debug)]
pub struct Service {
    /// Prefix in policies ("s3").
    pub prefix: &'static str,
    /// Sorted by name.
    pub actions: &'static [Action],
    /// Sorted by name.
    pub resources: &'static [ResourceType],
    /// Sorted by key.
    pub conditions: &'static [Condition],
}

/// An action.
#[derive(Debug)]
pub struct Action {
    /// As policies name it ("s3:PutObject").
    pub id: &'static str,
    /// What it does.
    pub access: Access,
    /// What it can be done to; empty: only `*`.
    pub on: &'static [On],
    /// Condition keys that hold for all resource types.
    pub condition_keys: &'static [&'static str],
}

/// A resource type that an action can be done to.
#[derive(Debug)]
pub struct On {
    /// Name of the [`ResourceType`].
    pub resource: &'static str,
    /// The action cannot be done without it.
    pub required: bool,
    /// Condition keys that hold for this resource type only.
    pub condition_keys: &'static [&'static str],
}

/// A resource type.
#[derive(Debug)]
pub struct ResourceType {
    /// Its name ("bucket").
    pub name: &'static str,
    /// Form of its ARNs, with `${Variables}`.
    pub arn: &'static str,
    /// Condition keys about the resource.
    pub condition_keys: &'static [&'static str],
}

/// A condition key of a service, or a global one that it uses.
#[derive(Debug)]
pub struct Condition {
    /// The key ("s3:prefix", "aws:RequestTag/${TagKey}").
    pub key: &'static str,
    /// Its type ("String", "ArrayOfString", "Bool", "Numeric", "Date", "ARN", "IPAddress").
    pub kind: &'static str,
}

impl Action {
    /// Name without prefix ("PutObject").
    pub fn name(&self) -> &'static str {
        self.id.split_once(':').map_or(self.id, |(_, name)| name)
    }
}

impl Service {
    /// The action of this name; the case of letters does not matter, as in policies.
    pub fn action(&self, name: &str) -> Option<&'static Action> {
        self.actions.iter().find(|action| action.name().eq_ignore_ascii_case(name))
    }

    /// The resource type of this name.
    pub fn resource(&self, name: &str) -> Option<&'static ResourceType> {
        self.resources.iter().find(|resource| resource.name == name)
    }
}

/// The table of the service with this prefix.
pub fn service(prefix: &str) -> Option<&'static Service> {
    SERVICES.iter().copied().find(|service| service.prefix.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_object_is_a_write_on_objects() {
        let action = service("S3").and_then(|service| service.action("putobject")).unwrap();
        assert_eq!(action.access, Access::Write);
        assert!(action.on.iter().any(|on| on.resource == "object"));
        assert!(action.condition_keys.contains(&"s3:x-amz-acl"));
    }

    #[test]
    fn every_resource_of_an_action_is_a_resource_type_of_its_service() {
        for service in SERVICES {
            for action in service.actions {
                for on in action.on {
                    assert!(
                        service.resource(on.resource).is_some(),
                        "{}:{} on {}",
                        service.prefix,
                        action.name(),
                        on.resource
                    );
                }
            }
        }
    }
}
