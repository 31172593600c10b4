//! Errors that any service can answer with, and what each protocol calls them.
//!
//! # Source
//! "Common Error Types" of the IAM, STS, KMS and EC2 API References; "Error responses" of the S3 API Reference.

use crate::{Fault, Protocol};

/// An error before or around an operation; the operation's own errors are in its service's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CommonError {
    /// The caller may not do this.
    AccessDenied,
    /// The session token, or a presigned URL's credential, is past its time.
    ExpiredToken,
    /// The signature lacks a part.
    IncompleteSignature,
    /// We failed.
    InternalFailure,
    /// No such access key.
    InvalidClientTokenId,
    /// A value is of the wrong form, or parameters contradict each other.
    InvalidParameterValue,
    /// The query string or form cannot be read.
    MalformedQueryString,
    /// The request is not signed.
    MissingAuthenticationToken,
    /// A required parameter is missing.
    MissingParameter,
    /// The operation is known, and not built.
    NotImplemented,
    /// The request's date is too far from now.
    RequestExpired,
    /// The body is larger than the service takes.
    RequestTooLarge,
    /// The body cannot be read.
    Serialization,
    /// Not now; a retry may succeed.
    ServiceUnavailable,
    /// The signature is not the one that the secret key gives.
    SignatureDoesNotMatch,
    /// Too many requests.
    Throttling,
    /// There is no such operation.
    UnknownOperation,
    /// A constraint of the model is broken.
    Validation,
}

/// The protocols, as far as common errors differ.
#[derive(Clone, Copy)]
enum Family {
    Xml,
    Query,
    Ec2,
    Json,
    RestJson,
}

impl CommonError {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::AccessDenied,
        Self::ExpiredToken,
        Self::IncompleteSignature,
        Self::InternalFailure,
        Self::InvalidClientTokenId,
        Self::InvalidParameterValue,
        Self::MalformedQueryString,
        Self::MissingAuthenticationToken,
        Self::MissingParameter,
        Self::NotImplemented,
        Self::RequestExpired,
        Self::RequestTooLarge,
        Self::Serialization,
        Self::ServiceUnavailable,
        Self::SignatureDoesNotMatch,
        Self::Throttling,
        Self::UnknownOperation,
        Self::Validation,
    ];

    /// The code on this wire.
    pub const fn code(self, protocol: Protocol) -> &'static str {
        self.wire(protocol).0
    }

    /// The HTTP status on this wire.
    pub const fn status(self, protocol: Protocol) -> u16 {
        self.wire(protocol).1
    }

    /// Whose fault it is.
    pub const fn fault(self) -> Fault {
        match self {
            Self::InternalFailure | Self::NotImplemented | Self::ServiceUnavailable => Fault::Receiver,
            Self::AccessDenied
            | Self::ExpiredToken
            | Self::IncompleteSignature
            | Self::InvalidClientTokenId
            | Self::InvalidParameterValue
            | Self::MalformedQueryString
            | Self::MissingAuthenticationToken
            | Self::MissingParameter
            | Self::RequestExpired
            | Self::RequestTooLarge
            | Self::Serialization
            | Self::SignatureDoesNotMatch
            | Self::Throttling
            | Self::UnknownOperation
            | Self::Validation => Fault::Sender,
        }
    }

    /// What is said if there is nothing better to say.
    pub const fn default_message(self) -> &'static str {
        match self {
            Self::AccessDenied => "You do not have sufficient access to perform this action.",
            Self::ExpiredToken => "The security token included in the request is expired",
            Self::IncompleteSignature => "The request signature does not conform to AWS standards.",
            Self::InternalFailure => "The request failed because of an internal error. Try again.",
            Self::InvalidClientTokenId => "The security token included in the request is invalid.",
            Self::InvalidParameterValue => "A parameter has a value that is not valid.",
            Self::MalformedQueryString => "The query string contains a syntax error.",
            Self::MissingAuthenticationToken => "The request must be signed with a valid access key.",
            Self::MissingParameter => "A required parameter is missing.",
            Self::NotImplemented => "This operation is not implemented.",
            Self::RequestExpired => "The request's date is too far from the current time.",
            Self::RequestTooLarge => "The request is larger than the service accepts.",
            Self::Serialization => "The body of the request cannot be read.",
            Self::ServiceUnavailable => "The service cannot answer now. Try again later.",
            Self::SignatureDoesNotMatch => {
                "The request signature we calculated does not match the signature you provided. \
                 Check your secret access key and signing method."
            }
            Self::Throttling => "Rate exceeded",
            Self::UnknownOperation => "The requested operation is not known to this service.",
            Self::Validation => "The input does not satisfy the constraints of the service.",
        }
    }

    const fn wire(self, protocol: Protocol) -> (&'static str, u16) {
        let family = match protocol {
            Protocol::RestXml => Family::Xml,
            Protocol::AwsQuery => Family::Query,
            Protocol::Ec2Query => Family::Ec2,
            Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor => Family::Json,
            Protocol::RestJson1 => Family::RestJson,
        };
        match family {
            Family::Xml => self.xml(),
            Family::Query => self.query(),
            Family::Ec2 => self.ec2(),
            Family::Json => self.json(),
            Family::RestJson => (self.json().0, self.rest_json_status()),
        }
    }

    /// S3 and S3 Control.
    const fn xml(self) -> (&'static str, u16) {
        match self {
            Self::AccessDenied | Self::MissingAuthenticationToken => ("AccessDenied", 403),
            Self::ExpiredToken => ("ExpiredToken", 400),
            Self::IncompleteSignature => ("AuthorizationHeaderMalformed", 400),
            Self::InternalFailure => ("InternalError", 500),
            Self::InvalidClientTokenId => ("InvalidAccessKeyId", 403),
            Self::InvalidParameterValue => ("InvalidArgument", 400),
            Self::MalformedQueryString => ("InvalidURI", 400),
            Self::MissingParameter | Self::Validation => ("InvalidRequest", 400),
            Self::NotImplemented => ("NotImplemented", 501),
            Self::RequestExpired => ("RequestTimeTooSkewed", 403),
            Self::RequestTooLarge => ("MaxMessageLengthExceeded", 400),
            Self::Serialization => ("MalformedXML", 400),
            Self::ServiceUnavailable => ("ServiceUnavailable", 503),
            Self::SignatureDoesNotMatch => ("SignatureDoesNotMatch", 403),
            Self::Throttling => ("SlowDown", 503),
            Self::UnknownOperation => ("MethodNotAllowed", 405),
        }
    }

    /// IAM, STS, SNS, CloudWatch.
    const fn query(self) -> (&'static str, u16) {
        match self {
            Self::AccessDenied => ("AccessDenied", 403),
            Self::ExpiredToken => ("ExpiredToken", 403),
            Self::IncompleteSignature => ("IncompleteSignature", 403),
            Self::InternalFailure => ("InternalFailure", 500),
            Self::InvalidClientTokenId => ("InvalidClientTokenId", 403),
            Self::InvalidParameterValue => ("InvalidParameterValue", 400),
            Self::MalformedQueryString | Self::Serialization => ("MalformedQueryString", 400),
            Self::MissingAuthenticationToken => ("MissingAuthenticationToken", 403),
            Self::MissingParameter => ("MissingParameter", 400),
            Self::NotImplemented => ("NotImplemented", 501),
            Self::RequestExpired => ("RequestExpired", 400),
            Self::RequestTooLarge => ("RequestEntityTooLarge", 413),
            Self::ServiceUnavailable => ("ServiceUnavailable", 503),
            Self::SignatureDoesNotMatch => ("SignatureDoesNotMatch", 403),
            Self::Throttling => ("Throttling", 400),
            Self::UnknownOperation => ("InvalidAction", 400),
            Self::Validation => ("ValidationError", 400),
        }
    }

    /// EC2, "Error codes for the Amazon EC2 API".
    const fn ec2(self) -> (&'static str, u16) {
        match self {
            Self::AccessDenied => ("UnauthorizedOperation", 403),
            Self::ExpiredToken | Self::RequestExpired => ("RequestExpired", 400),
            Self::IncompleteSignature => ("IncompleteSignature", 400),
            Self::InternalFailure => ("InternalError", 500),
            Self::InvalidClientTokenId | Self::SignatureDoesNotMatch => ("AuthFailure", 401),
            Self::InvalidParameterValue | Self::Validation => ("InvalidParameterValue", 400),
            Self::MalformedQueryString | Self::Serialization => ("MalformedQueryString", 400),
            Self::MissingAuthenticationToken => ("MissingAuthenticationToken", 403),
            Self::MissingParameter => ("MissingParameter", 400),
            Self::NotImplemented => ("NotImplemented", 501),
            Self::RequestTooLarge => ("RequestEntityTooLarge", 413),
            Self::ServiceUnavailable => ("Unavailable", 503),
            Self::Throttling => ("RequestLimitExceeded", 503),
            Self::UnknownOperation => ("InvalidAction", 400),
        }
    }

    /// JSON and CBOR services.
    const fn json(self) -> (&'static str, u16) {
        match self {
            Self::AccessDenied => ("AccessDeniedException", 400),
            Self::ExpiredToken => ("ExpiredTokenException", 400),
            Self::IncompleteSignature => ("IncompleteSignatureException", 400),
            Self::InternalFailure => ("InternalFailure", 500),
            Self::InvalidClientTokenId => ("UnrecognizedClientException", 400),
            Self::InvalidParameterValue | Self::MissingParameter | Self::Validation => {
                ("ValidationException", 400)
            }
            Self::MalformedQueryString | Self::Serialization => ("SerializationException", 400),
            Self::MissingAuthenticationToken => ("MissingAuthenticationTokenException", 400),
            Self::NotImplemented => ("NotImplemented", 501),
            Self::RequestExpired | Self::SignatureDoesNotMatch => ("InvalidSignatureException", 400),
            Self::RequestTooLarge => ("RequestEntityTooLargeException", 413),
            Self::ServiceUnavailable => ("ServiceUnavailableException", 503),
            Self::Throttling => ("ThrottlingException", 400),
            Self::UnknownOperation => ("UnknownOperationException", 400),
        }
    }

    /// REST services use the statuses of HTTP where JSON services say 400.
    const fn rest_json_status(self) -> u16 {
        match self {
            Self::AccessDenied
            | Self::ExpiredToken
            | Self::IncompleteSignature
            | Self::InvalidClientTokenId
            | Self::MissingAuthenticationToken
            | Self::RequestExpired
            | Self::SignatureDoesNotMatch => 403,
            Self::Throttling => 429,
            Self::UnknownOperation => 404,
            Self::InternalFailure
            | Self::InvalidParameterValue
            | Self::MalformedQueryString
            | Self::MissingParameter
            | Self::NotImplemented
            | Self::RequestTooLarge
            | Self::Serialization
            | Self::ServiceUnavailable
            | Self::Validation => self.json().1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denial_is_said_as_each_protocol_says_it() {
        let said =
            |protocol| (CommonError::AccessDenied.code(protocol), CommonError::AccessDenied.status(protocol));
        assert_eq!(said(Protocol::RestXml), ("AccessDenied", 403));
        assert_eq!(said(Protocol::AwsQuery), ("AccessDenied", 403));
        assert_eq!(said(Protocol::AwsJson11), ("AccessDeniedException", 400));
        assert_eq!(said(Protocol::RestJson1), ("AccessDeniedException", 403));
        assert_eq!(said(Protocol::Ec2Query), ("UnauthorizedOperation", 403));
    }

    #[test]
    fn an_expired_token_is_400_in_s3_and_403_in_sts() {
        assert_eq!(CommonError::ExpiredToken.status(Protocol::RestXml), 400);
        assert_eq!(CommonError::ExpiredToken.status(Protocol::AwsQuery), 403);
    }

    #[test]
    fn our_own_faults_and_only_those_are_500s() {
        let all = [
            Protocol::RestXml,
            Protocol::RestJson1,
            Protocol::AwsJson10,
            Protocol::AwsQuery,
            Protocol::Ec2Query,
        ];
        for error in CommonError::ALL {
            for protocol in all {
                let ours = error.fault() == Fault::Receiver;
                let slow = *error == CommonError::Throttling;
                assert!(slow || (error.status(protocol) >= 500) == ours, "{error:?} in {protocol:?}");
            }
        }
    }
}
