//! Why EC2 did not do as asked.
//!
//! Source: EC2 API Reference, "Error codes for the Amazon EC2 API".

use strongroom_gate::ErrorReply;
use strongroom_policy::PolicyError;
use strongroom_storage::StoreError;

/// What a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A VPC.
    Vpc,
    /// A VPC endpoint.
    Endpoint,
    /// A subnet: there are none.
    Subnet,
    /// A route table: there are none.
    RouteTable,
    /// A security group: there are none.
    SecurityGroup,
    /// Something else that could have tags.
    Other,
}

impl Named {
    fn code(self, malformed: bool) -> &'static str {
        match (self, malformed) {
            (Self::Vpc, false) => "InvalidVpcID.NotFound",
            (Self::Vpc, true) => "InvalidVpcID.Malformed",
            (Self::Endpoint, false) => "InvalidVpcEndpointId.NotFound",
            (Self::Endpoint, true) => "InvalidVpcEndpointId.Malformed",
            (Self::Subnet, _) => "InvalidSubnetID.NotFound",
            (Self::RouteTable, _) => "InvalidRouteTableID.NotFound",
            (Self::SecurityGroup, _) => "InvalidGroup.NotFound",
            (Self::Other, _) => "InvalidID",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Vpc => "vpc",
            Self::Endpoint => "Vpc Endpoint",
            Self::Subnet => "subnet",
            Self::RouteTable => "routeTable",
            Self::SecurityGroup => "security group",
            Self::Other => "resource",
        }
    }
}

/// Why EC2 did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Ec2Error {
    /// Something that the request names is not there.
    #[error("The {} ID '{id}' does not exist", .named.name())]
    NotFound {
        /// What.
        named: Named,
        /// Its id.
        id: String,
    },
    /// An id has not the form of one.
    #[error("Invalid id: \"{id}\" (expecting \"{expected}\")")]
    MalformedId {
        /// What it would be the id of.
        named: Named,
        /// The id.
        id: String,
        /// What it should begin with.
        expected: &'static str,
    },
    /// A parameter is missing.
    #[error("The request must contain the parameter {0}")]
    Missing(&'static str),
    /// A parameter cannot be as it is.
    #[error("{0}")]
    Parameter(String),
    /// A parameter's value is not one that it can have.
    #[error("{0}")]
    Value(String),
    /// A parameter asks for what there is not here.
    #[error("{0} is not supported here: a VPC has no addresses, names or routes of its own. Leave it out.")]
    Unsupported(&'static str),
    /// A CIDR block is too large or too small.
    #[error("The CIDR '{0}' is invalid: a VPC has from /16 to /28.")]
    Range(String),
    /// There is no such service, or not in this region.
    #[error("The Vpc Endpoint Service '{0}' does not exist")]
    ServiceName(String),
    /// The policy is none.
    #[error("The policy document is not valid: {0}")]
    Policy(String),
    /// What is to be deleted has something that depends on it.
    #[error("The vpc '{0}' has dependencies and cannot be deleted. Delete its endpoints first.")]
    Dependency(String),
    /// A quota would be exceeded.
    #[error("The maximum number of {of} has been reached: {most}.")]
    Limit {
        /// The error's code.
        code: &'static str,
        /// Of what there may be no more.
        of: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A client token was used with other parameters.
    #[error("The client token was used for another request. Use a new one.")]
    TokenUsed,
    /// A token of a page that was never given out.
    #[error("The pagination token is invalid. Use the NextToken of a previous answer.")]
    NextToken,
    /// It was only asked whether it would be allowed.
    #[error("Request would have succeeded, but DryRun flag is set.")]
    DryRun,
    /// Others changed the same at the same time.
    #[error("The VPCs of the account were changed by others at the same time. Try again.")]
    Contended,
    /// A stored row does not read as what it should be.
    #[error("a stored part of a VPC is damaged")]
    Damaged,
    /// The store could not.
    #[error("the store could not keep or read a VPC")]
    Store(#[from] StoreError),
}

impl From<PolicyError> for Ec2Error {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error.to_string())
    }
}

impl From<Ec2Error> for ErrorReply {
    fn from(error: Ec2Error) -> Self {
        let message = error.to_string();
        let new = |status: u16, code: &'static str| Self::new(status, code, message.clone());
        match error {
            Ec2Error::NotFound { named, .. } => new(400, named.code(false)),
            Ec2Error::MalformedId { named, .. } => new(400, named.code(true)),
            Ec2Error::Missing(_) => new(400, "MissingParameter"),
            Ec2Error::Parameter(_) => new(400, "InvalidParameter"),
            Ec2Error::Value(_) => new(400, "InvalidParameterValue"),
            Ec2Error::Unsupported(_) => new(400, "UnsupportedOperation"),
            Ec2Error::Range(_) => new(400, "InvalidVpc.Range"),
            Ec2Error::ServiceName(_) => new(400, "InvalidServiceName"),
            Ec2Error::Policy(_) => new(400, "InvalidPolicyDocument"),
            Ec2Error::Dependency(_) => new(400, "DependencyViolation"),
            Ec2Error::Limit { code, .. } => new(400, code),
            Ec2Error::TokenUsed => new(400, "IdempotentParameterMismatch"),
            Ec2Error::NextToken => new(400, "InvalidPaginationToken"),
            Ec2Error::DryRun => new(412, "DryRunOperation"),
            Ec2Error::Contended => new(503, "Unavailable"),
            Ec2Error::Damaged => new(500, "InternalError"),
            Ec2Error::Store(error) => Self::from(&error),
        }
    }
}
