//! S3's error codes; the model does not have them.

/// Declares the codes: each line is a code, its HTTP status, and AWS's message.
macro_rules! error_codes {
    ($($code:ident $status:literal $message:literal)*) => {
        /// An error code of S3, with its status and the message that is used when there is nothing better to say.
        ///
        /// # Source
        /// Amazon S3 API Reference, "Error responses", lists of error codes, of replication-related and of
        /// tagging-related error codes; the errors of single operations.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $(
                #[doc = concat!("`", stringify!($code), "`, ", stringify!($status), ": ", $message)]
                $code,
            )*
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$code => $status,)* }
            }

            /// What is said if there is nothing better to say.
            pub const fn default_message(self) -> &'static str {
                match self { $(Self::$code => $message,)* }
            }
        }
    };
}

error_codes! {
    AccessControlListNotSupported 400 "The bucket does not allow ACLs"
    AccessDenied 403 "Access Denied"
    AccessPointAlreadyOwnedByYou 409 "An access point with an identical name already exists in your account."
    AccountProblem 403 "There is a problem with your account that prevents the operation from completing successfully."
    AllAccessDisabled 403 "All access to this object has been disabled"
    AmbiguousGrantByEmailAddress 400 "The e-mail address you provided is associated with more than one account."
    AuthorizationHeaderMalformed 400 "The authorization header is malformed."
    AuthorizationQueryParametersError 400 "The authorization query parameters that you provided are not valid."
    BadDigest 400 "The Content-MD5 or checksum value that you specified did not match what the server received."
    BadRequest 400 "The request is not valid."
    BucketAlreadyExists 409 "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
    BucketAlreadyOwnedByYou 409 "Your previous request to create the named bucket succeeded and you already own it."
    BucketHasAccessPointsAttached 400 "The bucket you tried to delete has access points attached."
    BucketNotEmpty 409 "The bucket you tried to delete is not empty."
    ClientTokenConflict 409 "Your Multi-Region Access Point idempotency token was already used for a different request."
    ConditionalRequestConflict 409 "The conditional request cannot succeed due to a conflicting operation against this resource."
    ConnectionClosedByRequester 400 "The connection was closed by the requester."
    CredentialsNotSupported 400 "This request does not support credentials."
    CrossLocationLoggingProhibited 403 "Cross-Region logging is not allowed."
    DeviceNotActiveError 400 "The device is not currently active."
    EncryptionTypeMismatch 400 "You specified encryption type for the object does not match the object's encryption type."
    EndpointNotFound 400 "Direct requests to the correct endpoint."
    EntityTooLarge 400 "Your proposed upload exceeds the maximum allowed size"
    EntityTooSmall 400 "Your proposed upload is smaller than the minimum allowed size"
    ExpiredToken 400 "The provided token has expired."
    IdempotencyParameterMismatch 400 "The parameters of this request differ from those of an earlier one with the same client token."
    IllegalLocationConstraintException 400 "The location constraint is incompatible for the region specific endpoint this request was sent to."
    IllegalVersioningConfigurationException 400 "The versioning configuration specified in the request is invalid."
    IncompleteBody 400 "You did not provide the number of bytes specified by the Content-Length HTTP header."
    IncompleteSignature 400 "The request signature does not conform to AWS standards."
    IncorrectEndpoint 400 "The specified bucket exists in another Region. Direct requests to the correct endpoint."
    IncorrectNumberOfFilesInPostRequest 400 "POST requires exactly one file upload per request."
    InlineDataTooLarge 400 "The inline data exceeds the maximum allowed size."
    InsufficientStorage 507 "There is not enough storage to complete the request."
    InternalError 500 "We encountered an internal error. Please try again."
    InvalidAccessKeyId 403 "The AWS Access Key Id you provided does not exist in our records."
    InvalidAccessPoint 400 "The specified access point name or account is not valid."
    InvalidAccessPointAliasError 400 "The specified access point alias name is not valid."
    InvalidAddressingHeader 400 "You must specify the Anonymous role."
    InvalidArgument 400 "Invalid Argument"
    InvalidBucketAclWithObjectOwnership 400 "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
    InvalidBucketName 400 "The specified bucket is not valid."
    InvalidBucketOwnerAWSAccountID 400 "The value of the expected bucket owner parameter must be an AWS account ID."
    InvalidBucketState 409 "The request is not valid with the current state of the bucket."
    InvalidDigest 400 "The Content-MD5 you specified was invalid."
    InvalidEncryptionAlgorithmError 400 "The encryption request you specified is not valid. The valid value is AES256."
    InvalidHostHeader 400 "The host headers provided in the request used the incorrect style addressing."
    InvalidHttpMethod 400 "The request was sent using an unexpected HTTP method."
    InvalidLocationConstraint 400 "The specified location-constraint is not valid"
    InvalidObjectState 403 "The operation is not valid for the object's storage class"
    InvalidPart 400 "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    InvalidPartNumber 416 "The requested partnumber is not satisfiable"
    InvalidPartOrder 400 "The list of parts was not in ascending order. Parts must be ordered by part number."
    InvalidPayer 403 "All access to this object has been disabled."
    InvalidPolicyDocument 400 "The content of the form does not meet the conditions specified in the policy document."
    InvalidRange 416 "The requested range is not satisfiable"
    InvalidRegion 403 "You attempted to create a Multi-Region Access Point in a Region that is not valid."
    InvalidRequest 400 "The request is not valid."
    InvalidSOAPRequest 400 "The SOAP request body is invalid."
    InvalidSecurity 403 "The provided security credentials are not valid."
    InvalidSessionException 400 "The session does not exist anymore because it timed out or expired."
    InvalidSignature 400 "The request signature that the server calculated does not match the signature that you provided."
    InvalidStorageClass 400 "The storage class you specified is not valid"
    InvalidTag 400 "The TagValue you have provided is invalid"
    InvalidTargetBucketForLogging 400 "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate grants for the log-delivery group."
    InvalidToken 400 "The provided token is malformed or otherwise invalid."
    InvalidTokenId 403 "The token does not match the account."
    InvalidURI 400 "Couldn't parse the specified URI."
    InvalidWriteOffset 400 "The write offset value that you specified does not match the current object size."
    KMSDisabledException 400 "The KMS key is disabled."
    KMSInvalidKeyUsageException 400 "The KMS key cannot be used for this operation."
    KMSInvalidStateException 400 "The KMS key is in a state that does not allow this operation."
    KMSNotFoundException 400 "The KMS key does not exist."
    KeyTooLongError 400 "Your key is too long"
    MalformedACLError 400 "The ACL that you provided was not well formed or did not validate against our published schema."
    MalformedPOSTRequest 400 "The body of your POST request is not well-formed multipart/form-data."
    MalformedPolicy 400 "Policy has invalid resource"
    MalformedXML 400 "The XML you provided was not well-formed or did not validate against our published schema"
    MaxMessageLengthExceeded 400 "Your request was too large."
    MaxPostPreDataLengthExceededError 400 "Your POST request fields preceding the upload file were too large."
    MetadataTooLarge 400 "Your metadata headers exceed the maximum allowed metadata size"
    MethodNotAllowed 405 "The specified method is not allowed against this resource."
    MissingAttachment 400 "A SOAP attachment was expected, but none was found."
    MissingAuthenticationToken 403 "The request was not signed."
    MissingContentLength 411 "You must provide the Content-Length HTTP header."
    MissingRequestBodyError 400 "Request Body is empty"
    MissingSecurityElement 400 "The SOAP 1.1 request is missing a security element."
    MissingSecurityHeader 400 "Your request was missing a required header"
    NoLoggingStatusForKey 400 "There is no such thing as a logging status subresource for a key."
    NoSuchAccessPoint 404 "The specified accesspoint does not exist"
    NoSuchAccessPointPolicy 404 "The specified accesspoint policy does not exist"
    NoSuchAsyncRequest 404 "The specified request was not found."
    NoSuchBucket 404 "The specified bucket does not exist"
    NoSuchBucketPolicy 404 "The bucket policy does not exist"
    NoSuchCORSConfiguration 404 "The CORS configuration does not exist"
    NoSuchConfiguration 404 "The specified configuration does not exist."
    NoSuchKey 404 "The specified key does not exist."
    NoSuchLifecycleConfiguration 404 "The lifecycle configuration does not exist"
    NoSuchMultiRegionAccessPoint 404 "The specified Multi-Region Access Point does not exist."
    NoSuchObjectLockConfiguration 404 "The specified object does not have a ObjectLock configuration"
    NoSuchPublicAccessBlockConfiguration 404 "The public access block configuration was not found"
    NoSuchResource 404 "The specified resource does not exist."
    NoSuchTagSet 404 "The TagSet does not exist"
    NoSuchTagSetError 404 "There is no tag set associated with the bucket."
    NoSuchUpload 404 "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    NoSuchVersion 404 "The specified version does not exist."
    NoSuchWebsiteConfiguration 404 "The specified bucket does not have a website configuration"
    NotDeviceOwnerError 400 "The device that generated the token is not owned by the authenticated user."
    NotImplemented 501 "A header you provided implies functionality that is not implemented"
    NotModified 304 "Not Modified"
    NotSignedUp 403 "Your account is not signed up for the Amazon S3 service. You must sign up before you can use Amazon S3."
    ObjectAlreadyInActiveTierError 403 "Restore is not allowed, as object's storage class is not GLACIER or DEEP_ARCHIVE."
    ObjectLockConfigurationNotFoundError 404 "Object Lock configuration does not exist for this bucket"
    ObjectNotInActiveTierError 403 "The source object of the COPY operation is not in the active tier."
    OperationAborted 409 "A conflicting conditional operation is currently in progress against this resource. Please try again."
    OwnershipControlsNotFoundError 404 "The bucket ownership controls were not found"
    PermanentRedirect 301 "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint."
    PreconditionFailed 412 "At least one of the pre-conditions you specified did not hold"
    Redirect 307 "Please re-send this request to the specified temporary endpoint. Continue to use the original request endpoint for future requests."
    ReplicationConfigurationNotFoundError 404 "The replication configuration was not found"
    ReplicationParameterValueError 400 "The replication parameter value is not valid."
    RequestHeaderSectionTooLarge 400 "Your request header section exceeds the maximum allowed size"
    RequestIsNotMultiPartContent 400 "Bucket POST must be of the enclosure-type multipart/form-data."
    RequestTimeTooSkewed 403 "The difference between the request time and the current time is too large."
    RequestTimeout 400 "Your socket connection to the server was not read from or written to within the timeout period."
    RequestTorrentOfBucketError 400 "Requesting the torrent file of a bucket is not permitted."
    ResponseInterrupted 400 "Returned when a data connection is interrupted."
    RestoreAlreadyInProgress 409 "Object restore is already in progress"
    ServerSideEncryptionConfigurationNotFoundError 404 "The server side encryption configuration was not found"
    ServiceUnavailable 503 "Service is unable to handle request."
    SignatureDoesNotMatch 403 "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    SlowDown 503 "Please reduce your request rate."
    TagPolicyException 400 "The tag policy does not allow the specified value for the following tag key."
    TemporaryRedirect 307 "You are being redirected to the bucket while the DNS server is being updated."
    TokenCodeInvalidError 400 "The serial number and/or token code you provided is not valid."
    TokenRefreshRequired 400 "The provided token must be refreshed."
    TooManyAccessPoints 400 "You have attempted to create more access points than are allowed for an account."
    TooManyBuckets 400 "You have attempted to create more buckets than allowed"
    TooManyMultiRegionAccessPointregionsError 400 "You have attempted to create a Multi-Region Access Point with more Regions than are allowed."
    TooManyMultiRegionAccessPoints 400 "You have attempted to create more Multi-Region Access Points than are allowed for an account."
    TooManyParts 400 "You have attempted to add more parts than the maximum of 10000 that are allowed for this object."
    UnauthorizedAccessError 403 "The request is not allowed in this Region."
    UnexpectedContent 400 "This request contains unsupported content."
    UnexpectedIPError 403 "This request was rejected because the IP was unexpected."
    UnresolvableGrantByEmailAddress 400 "The e-mail address you provided does not match any account on record."
    UnsupportedArgument 400 "The request contained an unsupported argument."
    UnsupportedSignature 400 "The provided request is signed with an unsupported STS Token version or the signature version is not supported."
    UserKeyMustBeSpecified 400 "The bucket POST must contain the specified field name. If it is specified, please check the order of the fields."
    XAmzContentChecksumMismatch 400 "The provided 'x-amz-checksum' header does not match what was computed."
    XAmzContentSHA256Mismatch 400 "The provided 'x-amz-content-sha256' header does not match what was computed."
}

impl ErrorCode {
    /// The code of this name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == code)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_404_but_for_parts() {
        for code in ErrorCode::ALL.iter().filter(|code| code.as_str().starts_with("NoSuch")) {
            assert_eq!(code.status(), 404, "{code}");
        }
        assert_eq!(ErrorCode::InvalidPart.status(), 400);
    }

    #[test]
    fn codes_are_read_back_exactly() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
        }
        assert_eq!(ErrorCode::parse("nosuchkey"), None);
    }

    #[test]
    fn the_modelled_errors_have_the_same_status_here() {
        for error in crate::SERVICE.operations.iter().flat_map(|operation| operation.errors) {
            if let Some(code) = ErrorCode::parse(error.code) {
                assert_eq!(code.status(), error.status, "{code}");
            }
        }
    }
}
