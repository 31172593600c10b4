//! What the gate knows of a request beside its input.

use std::net::IpAddr;
use std::sync::Arc;

use strongroom_types::{AccountId, Arn, Region, Timestamp};

use crate::facts::{NamedPolicy, OrganizationFacts};

/// What the gate knows of a request beside its input. Filled by the pipeline from the connection and the signature,
/// never from a header of the same name.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// The service, by its name in botocore.
    pub service: &'static str,
    /// The region that the signature names, or where the request arrived.
    pub region: Region,
    /// The store clock when the head had been read.
    pub now: Timestamp,
    /// The peer's address.
    pub source_ip: IpAddr,
    /// Whether the request came over TLS.
    pub secure_transport: bool,
    /// What the head says that policies may ask about.
    pub wire: WireFacts,
}

/// What policies may ask about of a request's connection, head and signature.
#[derive(Debug, Clone, Default)]
pub struct WireFacts {
    /// Version of TLS, as `s3:TlsVersion` has it: "1.2".
    pub tls_version: Option<&'static str>,
    /// `User-Agent`: whatever the client says.
    pub user_agent: Option<String>,
    /// `Referer`: whatever the client says.
    pub referer: Option<String>,
    /// How the request was signed.
    pub signature: Option<SignatureFacts>,
    /// When a code in the request proved a second factor. The gate itself fills this.
    pub second_factor: Option<Timestamp>,
    /// The VPC endpoint that the connection came through: by the listener it was accepted on, or by what a trusted
    /// balancer said of it. `None` on the public listeners.
    pub endpoint: Option<Arc<EndpointFacts>>,
    /// A browser's form, which uploads an object.
    pub is_form: bool,
}

/// The VPC endpoint that a connection came through, as it was when the request was read.
///
/// Source: Amazon VPC User Guide (AWS PrivateLink), "Control access to VPC endpoints using endpoint policies".
#[derive(Debug, Clone)]
pub struct EndpointFacts {
    /// `vpce-…`.
    pub id: String,
    /// `vpc-…`, in which it lies.
    pub vpc: String,
    /// The account that owns it.
    pub owner: AccountId,
    /// The region in which it lies.
    pub region: Region,
    /// Where that account stands in the organisation.
    pub organization: Option<OrganizationFacts>,
    /// Its policy: nothing that this does not allow goes through.
    pub policy: NamedPolicy,
    /// The services that it leads to, by their names in botocore.
    pub services: &'static [&'static str],
}

impl EndpointFacts {
    /// The ARN of its VPC, as `aws:SourceVpcArn` has it.
    pub(crate) fn vpc_arn(&self) -> Arn {
        Arn::new("ec2", self.region.as_str(), &self.owner.to_string(), &format!("vpc/{}", self.vpc))
    }
}

#[cfg(test)]
impl EndpointFacts {
    /// An endpoint of account 111122223333 with this policy.
    pub(crate) fn example(policy: &str) -> Self {
        let document =
            strongroom_policy::Document::stored(policy, strongroom_policy::Kind::Endpoint).unwrap();
        let policy = Arc::new(strongroom_policy::Policy::compile(&document));
        Self {
            id: "vpce-0123456789abcdef0".to_owned(),
            vpc: "vpc-0123456789abcdef0".to_owned(),
            owner: AccountId::parse("111122223333").unwrap(),
            region: Region::us_east_1(),
            organization: Some(OrganizationFacts {
                id: "o-example".to_owned(),
                path: "o-example/r-root/".to_owned(),
            }),
            policy: NamedPolicy { name: "vpce-0123456789abcdef0".into(), policy },
            services: &["s3", "s3control"],
        }
    }
}

/// How a request was signed.
#[derive(Debug, Clone)]
pub struct SignatureFacts {
    /// `s3:authType`: "REST-HEADER", "REST-QUERY-STRING" or "POST".
    pub auth_type: &'static str,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// `x-amz-content-sha256`, as it was signed.
    pub content_sha256: Option<String>,
}
