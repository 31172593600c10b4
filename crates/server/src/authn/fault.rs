//! Failures of authentication, as AWS answers them.

use strongroom_gate::ErrorReply;
use strongroom_identity::SessionError;
use strongroom_sigv4::{AuthError, BodyError, Code, PostError, SignatureMismatch};
use strongroom_types::AccessKeyId;

/// The status of a code. Source: S3 API Reference, "Error responses"; IAM API Reference, "Common Errors".
fn status(code: Code) -> u16 {
    match code {
        Code::AccessDenied
        | Code::InvalidAccessKeyId
        | Code::InvalidClientTokenId
        | Code::RequestTimeTooSkewed
        | Code::SignatureDoesNotMatch => 403,
        Code::MissingContentLength => 411,
        Code::InternalError => 500,
        Code::AuthorizationHeaderMalformed
        | Code::AuthorizationQueryParametersError
        | Code::EntityTooLarge
        | Code::EntityTooSmall
        | Code::IncompleteBody
        | Code::IncompleteSignature
        | Code::InvalidArgument
        | Code::InvalidChunkSizeError
        | Code::InvalidPolicyDocument
        | Code::InvalidRequest
        | Code::InvalidToken
        | Code::InvalidURI
        | Code::MalformedTrailerError
        | Code::MaxPostPreDataLengthExceededError
        | Code::XAmzContentSHA256Mismatch => 400,
    }
}

/// The answer to a failed authentication of a head.
pub(crate) fn auth_reply(error: &AuthError, is_s3: bool) -> ErrorReply {
    let code = if is_s3 { error.code() } else { error.code_of_other_services() };
    let reply = ErrorReply::new(status(code), code.as_str(), error.to_string());
    if !is_s3 {
        return reply;
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "most errors show nothing beside their message")]
    match error {
        AuthError::SignatureDoesNotMatch(mismatch) => with_mismatch(reply, mismatch),
        AuthError::RequestTimeTooSkewed { request_time, server_time, max_skew } => reply
            .member("RequestTime", request_time.to_amz_date())
            .member("ServerTime", server_time.to_iso8601_seconds())
            .member("MaxAllowedSkewMilliseconds", max_skew.as_millis().to_string()),
        AuthError::Expired { expires_seconds, expires, server_time } => reply
            .member("X-Amz-Expires", expires_seconds.to_string())
            .member("Expires", expires.to_iso8601_seconds())
            .member("ServerTime", server_time.to_iso8601_seconds()),
        AuthError::HeadersNotSigned(names) => reply.member("HeadersNotSigned", names.join(", ")),
        AuthError::ContentSha256Mismatch { client, server } => with_digests(reply, client, server),
        error => match error.expected_region() {
            Some(region) => {
                reply.member("Region", region.as_str()).header("x-amz-bucket-region", region.as_str())
            }
            None => reply,
        },
    }
}

fn with_mismatch(reply: ErrorReply, mismatch: &SignatureMismatch) -> ErrorReply {
    reply
        .member("AWSAccessKeyId", mismatch.access_key_id.as_str())
        .member("StringToSign", mismatch.string_to_sign.clone())
        .member("SignatureProvided", mismatch.signature_provided.clone())
        .member("StringToSignBytes", mismatch.string_to_sign_bytes())
        .member("CanonicalRequest", mismatch.canonical_request_text())
        .member("CanonicalRequestBytes", mismatch.canonical_request_bytes())
}

fn with_digests(reply: ErrorReply, client: &[u8; 32], server: &[u8; 32]) -> ErrorReply {
    reply
        .member("ClientComputedContentSHA256", hex::encode(client))
        .member("S3ComputedContentSHA256", hex::encode(server))
}

/// The answer to a form that is refused.
pub(crate) fn post_reply(error: &PostError) -> ErrorReply {
    let reply = |error: &PostError| {
        let code = error.code();
        ErrorReply::new(status(code), code.as_str(), error.to_string())
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "most errors show nothing beside their message")]
    match error {
        PostError::Auth(error) => auth_reply(error, true),
        PostError::EntityTooSmall { proposed_bytes, min_bytes } => reply(error)
            .member("ProposedSize", proposed_bytes.to_string())
            .member("MinSizeAllowed", min_bytes.to_string()),
        PostError::EntityTooLarge { proposed_bytes, max_bytes } => reply(error)
            .member("ProposedSize", proposed_bytes.to_string())
            .member("MaxSizeAllowed", max_bytes.to_string()),
        error => reply(error),
    }
}

/// The answer to a body that is not what its head says.
pub(crate) fn body_reply(error: BodyError) -> ErrorReply {
    let code = error.code();
    let reply = ErrorReply::new(status(code), code.as_str(), error.to_string());
    let BodyError::Sha256Mismatch { client, server } = error else { return reply };
    with_digests(reply, &client, &server)
}

/// The answer to a key that is unknown or inactive.
pub(crate) fn unknown_key(id: &AccessKeyId, is_s3: bool) -> ErrorReply {
    if is_s3 {
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        ErrorReply::new(403, "InvalidAccessKeyId", message).member("AWSAccessKeyId", id.as_str())
    } else {
        ErrorReply::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    }
}

/// The answer to a session token that is not good. Source: S3 API Reference, "Error responses", `InvalidToken` and
/// `ExpiredToken`; STS API Reference, "Common Errors".
pub(crate) fn session_reply(error: SessionError, is_s3: bool) -> ErrorReply {
    match (error, is_s3) {
        (SessionError::Invalid, true) => {
            ErrorReply::new(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        }
        (SessionError::Invalid, false) => {
            let message = "The security token included in the request is invalid.";
            ErrorReply::new(403, "InvalidClientTokenId", message)
        }
        (SessionError::Expired, true) => {
            ErrorReply::new(400, "ExpiredToken", "The provided token has expired.")
        }
        (SessionError::Expired, false) => {
            let message = "The security token included in the request is expired.";
            ErrorReply::new(403, "ExpiredToken", message)
        }
        (SessionError::Identity(error), _) => error.into(),
    }
}
