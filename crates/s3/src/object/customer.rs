//! Keys that customers bring with their requests (SSE-C): how they are read, and what reads and writes make of them.
//!
//! What brings a key is the three headers of a request; what is kept of it is nothing. That a key is the right one shows
//! when it unwraps: an object's in the row of its blob, that of an upload in the row of the upload, which hands it on to
//! the object.
//!
//! Source: S3 User Guide, "Using server-side encryption with customer-provided keys (SSE-C)" and "Specifying server-side
//! encryption with customer-provided keys (SSE-C)". Codes and messages are those that S3 is seen to send.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api_s3::ServerSideEncryption;
use strongroom_crypto::{
    BlobBinding, CustomerKey, CustomerPlace, Md5Digest, SecretBytes, WrapError, WrappedKey,
};
use strongroom_gate::{Authorized, ErrorReply};
use strongroom_shape::{Input, Operation as _};
use strongroom_types::{BucketId, ObjectKey, UploadId};
use zeroize::Zeroizing;

use crate::S3;
use crate::error;
use crate::row::{Content, StateRow, UploadRow};

/// The algorithm, the only one there is; also how an object under SSE-S3 is named.
pub(crate) const AES256: &str = "AES256";

/// The name under which S3 complains about any of the headers.
const ARGUMENT: &str = "x-amz-server-side-encryption";

/// The headers, as they came. Those of a copy's source have names of their own and the same meaning.
#[derive(Clone, Copy, Default)]
pub(crate) struct CustomerHeaders<'a> {
    pub(crate) algorithm: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) key_md5: Option<&'a str>,
}

/// Takes the headers from an input: the members have the same names everywhere.
macro_rules! customer_headers {
    ($input:expr) => {
        $crate::object::customer::CustomerHeaders {
            algorithm: $input.sse_customer_algorithm.as_deref(),
            key: $input.sse_customer_key.as_deref(),
            key_md5: $input.sse_customer_key_md5.as_deref(),
        }
    };
}
pub(crate) use customer_headers;

/// Takes those that open the source of a copy.
macro_rules! source_customer_headers {
    ($input:expr) => {
        $crate::object::customer::CustomerHeaders {
            algorithm: $input.copy_source_sse_customer_algorithm.as_deref(),
            key: $input.copy_source_sse_customer_key.as_deref(),
            key_md5: $input.copy_source_sse_customer_key_md5.as_deref(),
        }
    };
}
pub(crate) use source_customer_headers;

/// Sets the members by which an output confirms the key of its request.
macro_rules! confirm_customer {
    ($output:expr, $customer:expr) => {
        if let Some(customer) = $customer {
            $output.sse_customer_algorithm = Some("AES256".to_owned());
            $output.sse_customer_key_md5 = Some(customer.key_md5().to_owned());
        }
    };
}
pub(crate) use confirm_customer;

/// A customer's key, for as long as its request lasts.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    key: CustomerKey,
    key_md5: String,
}

impl Customer {
    /// The key.
    pub(crate) fn key(&self) -> &CustomerKey {
        &self.key
    }

    /// The MD5 of the key in base64, as the request brought it and the answer confirms it.
    pub(crate) fn key_md5(&self) -> &str {
        &self.key_md5
    }
}

impl CustomerHeaders<'_> {
    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.algorithm.is_some() || self.key.is_some() || self.key_md5.is_some()
    }

    /// Reads them: all three or none. `secure`: whether the request came over TLS; where it did not, the key is to be
    /// thought of as known to others.
    ///
    /// # Errors
    /// `InvalidRequest` without TLS; `InvalidArgument` and `InvalidEncryptionAlgorithmError`, none of which says anything of
    /// the key.
    pub(crate) fn read(&self, secure: bool) -> Result<Option<Arc<Customer>>, ErrorReply> {
        if !self.any() {
            return Ok(None);
        }
        if !secure {
            return Err(error::invalid_request(
                "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure \
                 connection.",
            ));
        }
        match self.algorithm {
            None => return Err(unusable("must provide a valid encryption algorithm.")),
            Some(AES256) => {}
            Some(other) => return Err(unknown_algorithm(other)),
        }
        let key = self.key.ok_or_else(|| unusable("must provide an appropriate secret key."))?;
        let stated = self
            .key_md5
            .ok_or_else(|| unusable("must provide the client calculated MD5 of the secret key."))?;
        let invalid = || argument("The secret key was invalid for the specified algorithm.");
        let decoded = Zeroizing::new(STANDARD.decode(key).map_err(|_| invalid())?);
        let md5 = Md5Digest::of(&decoded);
        if Md5Digest::parse_base64(stated) != Some(md5) {
            return Err(argument(
                "The calculated MD5 hash of the key did not match the hash that was provided.",
            ));
        }
        let secret = SecretBytes::from_slice(&decoded).ok_or_else(invalid)?;
        let customer = Customer { key: CustomerKey::from_secret(secret), key_md5: md5.to_base64() };
        Ok(Some(Arc::new(customer)))
    }
}

fn argument(message: &str) -> ErrorReply {
    // Never the value: it may be the key.
    error::invalid_argument(ARGUMENT, "null", message)
}

fn unusable(what: &str) -> ErrorReply {
    argument(&format!("Requests specifying Server Side Encryption with Customer provided keys {what}"))
}

fn unknown_algorithm(given: &str) -> ErrorReply {
    let message = "The Encryption request you specified is not valid. Supported value: AES256.";
    ErrorReply::new(400, "InvalidEncryptionAlgorithmError", message)
        .member("ArgumentName", ARGUMENT)
        .member("ArgumentValue", given)
}

/// The answer to a customer's key beside another kind of encryption.
pub(crate) fn incompatible(method: &str) -> ErrorReply {
    error::invalid_argument(
        ARGUMENT,
        method,
        "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
    )
}

/// The answer to a customer's key, to which the bucket is closed. The words are those of the S3 User Guide,
/// "Troubleshoot access denied (403 Forbidden) errors in Amazon S3"; the action is named as the operation.
fn blocked<I: Input>(request: &Authorized<I>) -> Result<ErrorReply, ErrorReply> {
    let operation = I::Operation::SCHEMA.name;
    let caller = request.caller().arn().map(|arn| arn.to_string()).unwrap_or_default();
    let (bucket, key) = (request.bucket()?.name(), request.key()?);
    Ok(error::access_denied(format!(
        "User: {caller} is not authorized to perform: s3:{operation} on resource: \"arn:aws:s3:::{bucket}/{key}\" \
         because this bucket has blocked upload requests that specify Server Side Encryption with Customer provided \
         keys (SSE-C). Please specify a different server-side encryption type."
    )))
}

/// The answer to a read without the key.
fn key_needed() -> ErrorReply {
    error::invalid_request(
        "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to \
         retrieve the object.",
    )
}

/// The answer to a key for an object that has none.
fn not_applicable() -> ErrorReply {
    error::invalid_request("The encryption parameters are not applicable to this object.")
}

/// The answer to a read with another key.
fn wrong_key() -> ErrorReply {
    error::access_denied(
        "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.",
    )
}

/// The answer to a part whose encryption is not that of its upload.
pub(crate) fn not_of_upload() -> ErrorReply {
    error::invalid_request(
        "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate \
         encryption parameters.",
    )
}

/// The answer to a part with another key than that of its upload.
fn other_than_upload() -> ErrorReply {
    error::invalid_request("The provided encryption parameters did not match the ones used originally.")
}

impl S3 {
    /// Whether a key that a read brought is the one that the object needs: none, or the one that it was written with.
    ///
    /// # Errors
    /// `InvalidRequest` for one too many and for one that is missing, `AccessDenied` for another one.
    pub(crate) fn check_customer(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        content: &Content,
        customer: Option<&Customer>,
    ) -> Result<(), ErrorReply> {
        let customer = match (content.is_of_customer(), customer) {
            (false, None) => return Ok(()),
            (false, Some(_)) => return Err(not_applicable()),
            (true, None) => return Err(key_needed()),
            (true, Some(customer)) => customer,
        };
        let (place, wrapped) = match (&content.blob, content.upload_id(), &content.customer_proof) {
            (Some(blob), _, _) => {
                let binding = BlobBinding { bucket, key, blob: blob.id() };
                (CustomerPlace::Blob(binding), &blob.wrapped_key)
            }
            (None, Some(upload), Some(proof)) => (CustomerPlace::Upload { bucket, key, upload }, proof),
            (None, _, _) => return Err(error::internal()),
        };
        if self.unwraps(customer, &place, wrapped)? { Ok(()) } else { Err(wrong_key()) }
    }

    /// What of a key an upload keeps, to tell it from others: a wrapped key that seals nothing.
    pub(crate) fn customer_proof(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        upload: UploadId,
        customer: &Customer,
    ) -> Result<Vec<u8>, ErrorReply> {
        let place = CustomerPlace::Upload { bucket, key, upload };
        let nothing = self.keys.new_data_key();
        let wrapped = self.keys.wrap_for_customer(&customer.key, &place, nothing.key());
        Ok(wrapped.map_err(|_| error::internal())?.encode())
    }

    /// Whether the key that a request about an upload brought is the one that the upload was begun with, or neither has
    /// one.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub(crate) fn check_upload_customer(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        (upload, row): (UploadId, &UploadRow),
        customer: Option<&Customer>,
    ) -> Result<(), ErrorReply> {
        match (&row.customer_proof, customer) {
            (None, None) => Ok(()),
            (None, Some(_)) | (Some(_), None) => Err(not_of_upload()),
            (Some(proof), Some(customer)) => {
                let place = CustomerPlace::Upload { bucket, key, upload };
                if self.unwraps(customer, &place, proof)? { Ok(()) } else { Err(other_than_upload()) }
            }
        }
    }

    /// Whether a customer's key unwraps what was wrapped for `place`. What is damaged fails the request.
    fn unwraps(
        &self,
        customer: &Customer,
        place: &CustomerPlace<'_>,
        wrapped: &[u8],
    ) -> Result<bool, ErrorReply> {
        let wrapped = WrappedKey::decode(wrapped).map_err(|_| error::internal())?;
        match self.keys.unwrap_for_customer(&customer.key, place, &wrapped) {
            Ok(_) => Ok(true),
            Err(WrapError::OtherCustomerKey) => Ok(false),
            Err(WrapError::Open(_) | WrapError::OtherWrapper) => Err(error::internal()),
        }
    }
}

/// Refuses to write under a customer's key where the bucket is closed to them. To be asked again before each commit, which
/// relies on the bucket's state: it may have been closed since the request began.
///
/// # Errors
/// `AccessDenied`.
pub(crate) fn refuse_blocked<I: Input>(request: &Authorized<I>, state: &StateRow) -> Result<(), ErrorReply> {
    if state.customer_keys_allowed { Ok(()) } else { Err(blocked(request)?) }
}

/// How an object's encryption is named in its row.
pub(crate) fn encryption_name(customer: Option<&Customer>) -> String {
    if customer.is_some() { Content::OF_CUSTOMER } else { AES256 }.to_owned()
}

/// How answers show it: nothing of SSE-C, which has headers of its own.
pub(crate) fn shown_encryption(customer: Option<&Customer>) -> Option<ServerSideEncryption> {
    customer.is_none().then_some(ServerSideEncryption::Aes256)
}

/// Whether the checksums of an upload's parts are shown or compared only with its customer's key: it asked for some
/// and was begun with a key. Source: S3 API Reference, "ListParts" and "CompleteMultipartUpload": these headers are
/// "needed only when the object was created using a checksum algorithm".
pub(crate) fn checksums_need_customer(upload: &UploadRow) -> bool {
    upload.customer_proof.is_some() && upload.checksum_algorithm.is_some()
}

/// The fuzz entry for the headers: what is read is 32 bytes whose MD5 was stated; nothing shows them.
#[doc(hidden)]
pub fn fuzz_customer_headers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n').map(|line| (!line.is_empty()).then_some(line));
    let mut next = || lines.next().flatten();
    let headers = CustomerHeaders { algorithm: next(), key: next(), key_md5: next() };
    match headers.read(true) {
        Ok(None) => assert!(!headers.any()),
        Ok(Some(customer)) => {
            let key = STANDARD.decode(headers.key.unwrap_or_default()).unwrap_or_default();
            assert_eq!((headers.algorithm, key.len()), (Some(AES256), 32));
            assert_eq!(headers.key_md5, Some(Md5Digest::of(&key).to_base64().as_str()));
            let shown = format!("{customer:?}");
            assert!(headers.key.is_some_and(|key| !shown.contains(key)), "{shown}");
        }
        Err(reply) => {
            assert_eq!(reply.status, 400);
            let shown = format!("{reply:?}");
            // Short texts are in the messages anyway, and so may be what the other headers say, or our own words.
            let secret = headers.key.filter(|key| key.len() > 20);
            let other = CustomerHeaders { key: headers.key.map(|_| "another"), ..headers }.read(true);
            let anyway = other.err().map(|reply| format!("{reply:?}")).unwrap_or_default();
            assert!(secret.is_none_or(|key| anyway.contains(key) || !shown.contains(key)), "{shown}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "pO3upElrwuEXSoFwCfnZPdSsmt/xWeFa0N9KgDijwVs=";
    const MD5: &str = "DWygnHRtgiJ77HCm+1rvHw==";

    fn headers<'a>(
        algorithm: Option<&'a str>,
        key: Option<&'a str>,
        key_md5: Option<&'a str>,
    ) -> CustomerHeaders<'a> {
        CustomerHeaders { algorithm, key, key_md5 }
    }

    fn refused(headers: CustomerHeaders<'_>) -> (String, String) {
        let reply = headers.read(true).unwrap_err();
        assert_eq!(reply.status, 400);
        assert!(reply.members.contains(&("ArgumentName", ARGUMENT.to_owned())), "{reply:?}");
        assert!(!format!("{reply:?}").contains(KEY), "{reply:?}");
        (reply.code.into_owned(), reply.message)
    }

    #[test]
    fn three_headers_that_agree_are_a_key() {
        let customer = headers(Some("AES256"), Some(KEY), Some(MD5)).read(true).unwrap().unwrap();
        assert_eq!(customer.key_md5(), MD5);
        assert!(headers(None, None, None).read(false).unwrap().is_none());
        let shown = format!("{customer:?}");
        assert!(shown.contains("redacted") && !shown.contains(KEY), "{shown}");
    }

    #[test]
    fn every_other_combination_is_refused_in_the_words_of_s3() {
        let (algorithm, key, md5) = (Some("AES256"), Some(KEY), Some(MD5));
        // 32 bytes of zeros, and 31 and 33 with their MD5s.
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let short = STANDARD.encode([0; 31]);
        let long = STANDARD.encode([0; 33]);
        let md5_of = |text: &str| Md5Digest::of(&STANDARD.decode(text).unwrap()).to_base64();
        let (short_md5, long_md5) = (md5_of(&short), md5_of(&long));
        for (headers, words) in [
            (headers(None, key, md5), "valid encryption algorithm"),
            (headers(None, key, None), "valid encryption algorithm"),
            (headers(None, None, md5), "valid encryption algorithm"),
            (headers(algorithm, None, md5), "an appropriate secret key"),
            (headers(algorithm, None, None), "an appropriate secret key"),
            (headers(algorithm, key, None), "client calculated MD5"),
            (headers(algorithm, Some(zeros), md5), "MD5 hash of the key did not match"),
            (headers(algorithm, key, Some("x")), "MD5 hash of the key did not match"),
            (headers(algorithm, key, Some("")), "MD5 hash of the key did not match"),
            (headers(algorithm, Some("not base64!"), md5), "secret key was invalid"),
            (headers(algorithm, Some(&short), Some(&short_md5)), "secret key was invalid"),
            (headers(algorithm, Some(&long), Some(&long_md5)), "secret key was invalid"),
            (headers(algorithm, Some(""), Some("1B2M2Y8AsgTpgAmY7PhCfg==")), "secret key was invalid"),
        ] {
            let (code, message) = refused(headers);
            assert!(code == "InvalidArgument" && message.contains(words), "{code} {message}");
        }
        for other in ["aws:kms", "AES128", "aes256", ""] {
            let (code, message) = refused(headers(Some(other), key, md5));
            assert_eq!(code, "InvalidEncryptionAlgorithmError");
            assert!(message.ends_with("Supported value: AES256."));
        }
    }

    #[test]
    fn no_header_is_taken_without_tls() {
        for (algorithm, key, md5) in
            [(Some("AES256"), Some(KEY), Some(MD5)), (None, Some(KEY), None), (Some("x"), None, None)]
        {
            let reply = headers(algorithm, key, md5).read(false).unwrap_err();
            assert_eq!((reply.status, reply.code.as_ref()), (400, "InvalidRequest"));
            assert!(reply.message.contains("must be made over a secure connection"));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_headers_are_read_or_refused(text in "(AES256|\\PC{0,8})?\n[A-Za-z0-9+/=]{0,60}\n[A-Za-z0-9+/=]{0,30}") {
            fuzz_customer_headers(text.as_bytes());
        }

        #[test]
        fn every_key_of_32_bytes_is_read(key in any::<[u8; 32]>(), change in 0usize..24) {
            let (text, md5) = (STANDARD.encode(key), Md5Digest::of(&key).to_base64());
            fuzz_customer_headers(format!("AES256\n{text}\n{md5}").as_bytes());
            prop_assert!(headers(Some("AES256"), Some(&text), Some(&md5)).read(true).unwrap().is_some());
            let mut other = md5.into_bytes();
            other[change] ^= 1;
            let other = String::from_utf8(other).unwrap();
            prop_assert!(headers(Some("AES256"), Some(&text), Some(&other)).read(true).is_err());
        }
    }
}
