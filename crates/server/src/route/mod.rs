//! Which service and operation a request asks for: by the credential scope's service first, then by host and path
//! (S3, S3 Control) or by target and form (the other services).

mod hoisted;
mod place;
mod query;

use std::borrow::Cow;

use strongroom_gate::{AccessPointAddress, ErrorReply};
use strongroom_shape::route::{Place, Request, Router, Unrouted};
use strongroom_shape::{CommonError, OperationSchema, Protocol, ServiceSchema};

pub(crate) use hoisted::hoisted;
pub(crate) use place::Locator;
pub(crate) use query::{parse_query, redacted_target};

/// The prefix of S3 Control's paths. Where the host names no bucket it decides, since both services share one credential
/// scope; no bucket can have this name (CreateBucket refuses it).
const S3_CONTROL_PREFIX: &str = "/v20180820/";

/// The services that are served beside S3 and S3 Control.
static SERVICES: [&ServiceSchema; 7] = [
    &strongroom_api_accessanalyzer::SERVICE,
    &strongroom_api_account::SERVICE,
    &strongroom_api_ec2::SERVICE,
    &strongroom_api_iam::SERVICE,
    &strongroom_api_organizations::SERVICE,
    &strongroom_api_strongroom::SERVICE,
    &strongroom_api_sts::SERVICE,
];

/// An operation, and what of the request line it is bound to.
#[derive(Debug, Clone)]
pub(crate) struct Routed {
    pub(crate) service: &'static ServiceSchema,
    pub(crate) protocol: Protocol,
    pub(crate) operation: &'static OperationSchema,
    pub(crate) labels: Vec<(&'static str, Cow<'static, str>)>,
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// An operation that the head alone names.
    Operation(Routed),
    /// A service whose operations are named in target, body or path.
    Service(&'static ServiceSchema),
    /// A service of AWS that is not served here.
    Unserved(String),
    /// A browser upload to a bucket.
    PostForm {
        /// The bucket.
        bucket: String,
    },
    /// A browser asks whether it may.
    Preflight {
        /// The bucket.
        bucket: String,
    },
}

/// What of a head decides.
pub(crate) struct RouteHead<'a> {
    pub(crate) method: &'a http::Method,
    pub(crate) raw_path: &'a str,
    pub(crate) query: &'a [(String, String)],
    pub(crate) headers: &'a http::HeaderMap,
    /// The service of the credential scope, if the request is signed.
    pub(crate) signed_service: Option<&'a str>,
}

/// The routes of all services.
pub(crate) struct Routes {
    s3: Router,
    s3control: Router,
    account: Router,
    accessanalyzer: Router,
    locator: Locator,
}

impl Routes {
    pub(crate) fn new(locator: Locator) -> Self {
        Self {
            s3: strongroom_api_s3::router(),
            s3control: strongroom_api_s3control::router(),
            account: strongroom_api_account::router(),
            accessanalyzer: strongroom_api_accessanalyzer::router(),
            locator,
        }
    }

    /// Finds where a request goes.
    ///
    /// # Errors
    /// The S3 error for a path, method or parameter that no operation has.
    pub(crate) fn resolve(&self, head: &RouteHead<'_>) -> Result<Destination, ErrorReply> {
        match head.signed_service {
            Some("s3") => self.s3(head),
            // Without a signature whoever asks shows an identity provider's token.
            None if is_form(head) && head.raw_path == "/" => {
                Ok(Destination::Service(&strongroom_api_sts::SERVICE))
            }
            None => self.s3(head),
            Some(name) => Ok(match SERVICES.iter().find(|service| service.signing_name == name) {
                Some(service) => Destination::Service(service),
                None => Destination::Unserved(name.to_owned()),
            }),
        }
    }

    fn s3(&self, head: &RouteHead<'_>) -> Result<Destination, ErrorReply> {
        if head.raw_path.starts_with(S3_CONTROL_PREFIX) && self.is_control_host(head.headers) {
            return self.control(head);
        }
        let located = self.locator.locate(head.headers, head.raw_path)?;
        if let (&http::Method::OPTIONS, Some(bucket)) = (head.method, &located.bucket) {
            return Ok(Destination::Preflight { bucket: bucket.clone() });
        }
        if let (&http::Method::POST, Some(bucket), None) = (head.method, &located.bucket, &located.key)
            && is_multipart_form(head)
        {
            // Forms upload to buckets. Source: S3 User Guide, "Access point compatibility".
            if !matches!(AccessPointAddress::parse(bucket), Ok(None)) {
                return Err(unrouted_reply(&Unrouted::MethodNotAllowed));
            }
            return Ok(Destination::PostForm { bucket: bucket.clone() });
        }
        let place = match (&located.bucket, &located.key) {
            (None, _) => Place::Service,
            (Some(_), None) => Place::Bucket,
            (Some(_), Some(_)) => Place::Object,
        };
        let operation = Self::find(&self.s3, head, place)?.operation;
        if place == Place::Object && head.method == http::Method::PUT {
            refuse_version(operation, head.query)?;
        }
        let mut labels: Vec<(&'static str, Cow<'static, str>)> = Vec::with_capacity(2);
        labels.extend(located.bucket.map(|bucket| ("Bucket", Cow::Owned(bucket))));
        labels.extend(located.key.map(|key| ("Key", Cow::Owned(key))));
        let service = &strongroom_api_s3::SERVICE;
        Ok(Destination::Operation(Routed { service, protocol: Protocol::RestXml, operation, labels }))
    }

    /// Whether the host can be S3 Control's: it names no bucket, or the account of the request. A key of a bucket by
    /// virtual host may begin as S3 Control's paths do.
    fn is_control_host(&self, headers: &http::HeaderMap) -> bool {
        let account = headers.get("x-amz-account-id").map(http::HeaderValue::as_bytes);
        self.locator.bucket_of_host(headers).is_none_or(|name| Some(name.as_bytes()) == account)
    }

    fn control(&self, head: &RouteHead<'_>) -> Result<Destination, ErrorReply> {
        let service = &strongroom_api_s3control::SERVICE;
        Ok(Destination::Operation(Self::by_path(service, &self.s3control, head)?))
    }

    fn by_path(
        service: &'static ServiceSchema,
        router: &Router,
        head: &RouteHead<'_>,
    ) -> Result<Routed, ErrorReply> {
        let found = Self::find(router, head, Place::Path(head.raw_path))?;
        let mut labels: Vec<(&'static str, Cow<'static, str>)> = Vec::with_capacity(found.labels.len());
        for (name, raw) in &found.labels {
            labels.push((name, Cow::Owned(query::decode_label(raw)?)));
        }
        Ok(Routed { service, protocol: protocol(service), operation: found.operation, labels })
    }

    /// The operation that a request to one of [`SERVICES`] names: in a header (`X-Amz-Target`), a parameter (`Action`),
    /// or by its path.
    ///
    /// # Errors
    /// The service's error for an unknown or missing name.
    pub(crate) fn operation(
        &self,
        service: &'static ServiceSchema,
        head: &RouteHead<'_>,
        body: &[u8],
    ) -> Result<Routed, ErrorReply> {
        let protocol = protocol(service);
        let name = match protocol {
            Protocol::RestXml | Protocol::RestJson1 => {
                let router = if service.name == "account" { &self.account } else { &self.accessanalyzer };
                return Self::by_path(service, router, head).map_err(|_| unknown(protocol));
            }
            Protocol::AwsQuery | Protocol::Ec2Query => action(head.query, body),
            Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor => target(service, head.headers),
        };
        let named = |operation: &&&OperationSchema| Some(operation.name) == name.as_deref();
        let operation = service.operations.iter().find(named).ok_or_else(|| unknown(protocol))?;
        Ok(Routed { service, protocol, operation, labels: Vec::new() })
    }

    fn find<'a>(
        router: &Router,
        head: &'a RouteHead<'_>,
        place: Place<'a>,
    ) -> Result<strongroom_shape::route::Found<'a>, ErrorReply> {
        let pairs: Vec<(&str, &str)> =
            head.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let has_header = |name: &str| head.headers.contains_key(name);
        let request = Request { method: head.method.as_str(), place, query: &pairs, has_header: &has_header };
        let found = router.resolve(&request).map_err(|unrouted| unrouted_reply(&unrouted))?;
        // Labels borrow from the path; the pairs above end here.
        let labels = match place {
            Place::Path(path) => found
                .labels
                .iter()
                .filter_map(|(name, raw)| Some((*name, path.get(offset(path, raw)?)?)))
                .collect(),
            Place::Service | Place::Bucket | Place::Object => Vec::new(),
        };
        Ok(strongroom_shape::route::Found { operation: found.operation, labels })
    }
}

/// S3 does not ignore the id of a version where a new one would be written.
fn refuse_version(operation: &OperationSchema, query: &[(String, String)]) -> Result<(), ErrorReply> {
    let taken = operation.input.members.iter().any(|member| member.wire_name == "versionId");
    match query.iter().find(|(name, _)| name == "versionId") {
        Some((_, id)) if !taken => {
            Err(ErrorReply::new(400, "InvalidArgument", "This operation does not accept a version-id.")
                .member("ArgumentName", "versionId")
                .member("ArgumentValue", id.as_str()))
        }
        _ => Ok(()),
    }
}

/// Where `part`, a slice of `whole`, lies in it.
fn offset(whole: &str, part: &str) -> Option<std::ops::Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    Some(start..start + part.len())
}

fn is_form(head: &RouteHead<'_>) -> bool {
    head.method == http::Method::POST && has_content_type(head, "application/x-www-form-urlencoded")
}

fn is_multipart_form(head: &RouteHead<'_>) -> bool {
    has_content_type(head, "multipart/form-data")
}

fn has_content_type(head: &RouteHead<'_>, expected: &str) -> bool {
    head.headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(expected))
}

fn unrouted_reply(unrouted: &Unrouted) -> ErrorReply {
    match unrouted {
        Unrouted::NoSuchPath | Unrouted::MethodNotAllowed => ErrorReply::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ),
        Unrouted::Conflict { .. } | Unrouted::Missing { .. } => {
            ErrorReply::new(400, "InvalidArgument", unrouted.to_string())
        }
    }
}

/// The protocol of a service. Each that is served lists one.
pub(crate) fn protocol(service: &ServiceSchema) -> Protocol {
    service.protocols.first().copied().unwrap_or(Protocol::AwsJson11)
}

/// The name in `Action`.
fn action(query: &[(String, String)], body: &[u8]) -> Option<String> {
    const ACTION: &str = "Action";
    let of_query = || query.iter().find(|(name, _)| name == ACTION).map(|(_, name)| name.clone());
    // What else is wrong with a body is found when it is decoded.
    query::parameter(&String::from_utf8_lossy(body), ACTION).or_else(of_query)
}

/// The name in `X-Amz-Target`, behind the service's.
fn target(service: &ServiceSchema, headers: &http::HeaderMap) -> Option<String> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    Some(target.strip_prefix(service.target_prefix?)?.strip_prefix('.')?.to_owned())
}

/// The error for a request that names no operation of its service.
fn unknown(protocol: Protocol) -> ErrorReply {
    let error = CommonError::UnknownOperation;
    ErrorReply::new(error.status(protocol), error.code(protocol), error.default_message())
}

#[cfg(test)]
mod tests;
