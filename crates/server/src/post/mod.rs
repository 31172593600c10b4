//! Browser uploads: a form whose fields are a request's head, and whose file is its body.
//!
//! Source: S3 API Reference, "POST Object" and "Browser-based uploads using POST (AWS Signature Version 4)".

mod after;
mod file;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use multer::Multipart;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_api_s3 as api;
use strongroom_codec::RequestHead;
use strongroom_gate::{Body, ErrorReply};
use strongroom_shape::{Operation as _, Protocol};
use strongroom_sigv4::{PostField, PostTarget, VerifiedPost};
use strongroom_types::{BucketName, ObjectKey};

use crate::authn::post_reply;
use crate::decode::{self, Owner, Placed, Room};
use crate::http::IncomingBody;
use crate::limits::{MAX_FORM_BOUNDARY_BYTES, MAX_FORM_FIELDS, MAX_FORM_FIELDS_BYTES};
use crate::route::Routed;

pub(crate) use after::AfterUpload;
use file::{Allowance, FormFile, pieces};

/// A form, read up to its file.
pub(crate) struct PostForm {
    fields: Vec<(String, String)>,
    file_name: String,
    file: FormFile,
}

/// A form as an upload.
pub(crate) struct Upload {
    pub(crate) routed: Routed,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) after: AfterUpload,
}

impl PostForm {
    /// Reads the fields of a form up to its file.
    ///
    /// # Errors
    /// `MalformedPOSTRequest`, `MaxPostPreDataLengthExceededError`, `IncorrectNumberOfFilesInPostRequest`.
    pub(crate) async fn read(headers: &HeaderMap, body: IncomingBody) -> Result<Self, ErrorReply> {
        let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary =
            content_type.and_then(|value| multer::parse_boundary(value).ok()).ok_or_else(malformed)?;
        if boundary.len() > MAX_FORM_BOUNDARY_BYTES {
            return Err(malformed());
        }
        let allowance = Allowance::new();
        let unread = |_| if allowance.is_spent() { fields_too_large() } else { malformed() };
        let mut form = Multipart::new(pieces(body, allowance.clone()), boundary);
        let mut fields = Vec::new();
        let mut bytes = 0;
        while let Some(mut field) = form.next_field().await.map_err(unread)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name.eq_ignore_ascii_case("file") {
                allowance.file_begins();
                let file_name = field.file_name().unwrap_or_default();
                let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
                return Ok(Self { fields, file_name, file: FormFile::new(form, field) });
            }
            let mut value = Vec::new();
            while let Some(piece) = field.chunk().await.map_err(unread)? {
                bytes += piece.len();
                if bytes > MAX_FORM_FIELDS_BYTES {
                    return Err(fields_too_large());
                }
                value.extend_from_slice(&piece);
            }
            bytes += name.len();
            if fields.len() == MAX_FORM_FIELDS || bytes > MAX_FORM_FIELDS_BYTES {
                return Err(fields_too_large());
            }
            fields.push((name, String::from_utf8(value).map_err(|_| malformed())?));
        }
        Err(ErrorReply::new(
            400,
            "IncorrectNumberOfFilesInPostRequest",
            "POST requires exactly one file upload per request.",
        ))
    }

    /// The fields before the file.
    pub(crate) fn fields(&self) -> Vec<PostField<'_>> {
        self.fields.iter().map(|(name, value)| PostField { name, value }).collect()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Checks the form against its policy and makes it a PutObject.
    ///
    /// # Errors
    /// Conditions that do not hold; fields that cannot be headers.
    pub(crate) fn into_upload(
        self,
        bucket: &str,
        policy: Option<VerifiedPost>,
        (room, owner): (&Arc<Room>, Owner),
    ) -> Result<Upload, ErrorReply> {
        let key = self.field("key").ok_or_else(|| {
            let message = "Bucket POST must contain a field named 'key'.  If it is specified, please check the order \
                           of the fields.";
            ErrorReply::new(400, "InvalidArgument", message).member("ArgumentName", "key")
        })?;
        let key = key.replace("${filename}", &self.file_name);
        if let Some(policy) = &policy {
            let bucket = BucketName::parse(bucket).map_err(|_| no_such_bucket(bucket))?;
            let key = ObjectKey::parse(&key)
                .map_err(|error| ErrorReply::new(400, "InvalidArgument", error.to_string()))?;
            let target = PostTarget { bucket: &bucket, key: &key };
            policy.check(&self.fields(), &target).map_err(|error| post_reply(&error))?;
        }
        let headers = self.headers()?;
        let after = AfterUpload::new(bucket, &key, |name| self.field(name).map(str::to_owned));
        let routed = Routed {
            service: &api::SERVICE,
            protocol: Protocol::RestXml,
            operation: api::op::PutObject::SCHEMA,
            labels: vec![("Bucket", Cow::Owned(bucket.to_owned())), ("Key", Cow::Owned(key))],
        };
        let expected = decode::expected_digests(&headers, None, true)?;
        let body = Body::new(Box::new(Placed::new(self.file.under(policy), room, owner)), expected);
        Ok(Upload { routed, headers, body, after })
    }

    /// The fields that PutObject has as headers.
    fn headers(&self) -> Result<HeaderMap, ErrorReply> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.fields {
            let lower = name.to_ascii_lowercase();
            let (header, value) = match lower.as_str() {
                "acl" => ("x-amz-acl", Cow::Borrowed(value.as_str())),
                "tagging" => ("x-amz-tagging", Cow::Owned(tags_as_query(value)?)),
                "cache-control"
                | "content-type"
                | "content-disposition"
                | "content-encoding"
                | "content-language"
                | "expires"
                | "content-md5" => (lower.as_str(), Cow::Borrowed(value.as_str())),
                other if other.starts_with("x-amz-") && !is_signature_field(other) => {
                    (other, Cow::Borrowed(value.as_str()))
                }
                _ => continue,
            };
            let invalid = || {
                ErrorReply::new(
                    400,
                    "InvalidArgument",
                    format!("The field {name} has a value that is not allowed."),
                )
            };
            let header = HeaderName::try_from(header).map_err(|_| invalid())?;
            headers.append(header, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid())?);
        }
        Ok(headers)
    }
}

fn is_signature_field(name: &str) -> bool {
    matches!(
        name,
        "x-amz-algorithm" | "x-amz-credential" | "x-amz-date" | "x-amz-signature" | "x-amz-security-token"
    )
}

/// The field `tagging` is a document, the header a query.
fn tags_as_query(document: &str) -> Result<String, ErrorReply> {
    let mut input = api::PutObjectTaggingInput::default();
    let labels = [("Bucket", Cow::Borrowed("bucket")), ("Key", Cow::Borrowed("key"))];
    let head =
        RequestHead { method: &http::Method::PUT, labels: &labels, query: &[], headers: &HeaderMap::new() };
    let routed = Routed {
        service: &api::SERVICE,
        protocol: Protocol::RestXml,
        operation: api::op::PutObjectTagging::SCHEMA,
        labels: Vec::new(),
    };
    decode::decode(&routed, &head, document.as_bytes(), &mut input)?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs =
        input.tagging.tag_set.iter().map(|tag| format!("{}={}", encode(&tag.key), encode(&tag.value)));
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

/// Reads arbitrary bytes as a form and makes an upload of it, twice and in pieces of different sizes: the fuzz entry. The
/// first byte says how large the pieces are, the line after it is the boundary.
#[doc(hidden)]
pub fn fuzz_post_form(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (boundary, form) = (data.get(..end).unwrap_or_default(), data.get(end + 1..).unwrap_or_default());
    let mut headers = HeaderMap::new();
    let content_type = [b"multipart/form-data; boundary=", boundary].concat();
    let Ok(content_type) = HeaderValue::from_bytes(&content_type) else { return };
    headers.insert(http::header::CONTENT_TYPE, content_type);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let read = |piece: usize| {
        let pieces: Vec<_> = form.chunks(piece).map(Bytes::copy_from_slice).collect();
        runtime.block_on(fuzz_read(&headers, pieces))
    };
    let (whole, pieces) = (read(form.len().max(1)), read(usize::from(seed % 31) + 1));
    assert_eq!(whole, pieces, "the split of the bytes changed what they say");
}

/// Headers and bytes of the upload that a form asks for; `None` for what is no form.
async fn fuzz_read(headers: &HeaderMap, pieces: Vec<Bytes>) -> Option<(HeaderMap, Vec<u8>)> {
    let form = PostForm::read(headers, IncomingBody::from_pieces(pieces)).await.ok()?;
    let owner = Owner::of(None, std::net::Ipv4Addr::LOCALHOST.into());
    let upload = form.into_upload("bucket", None, (&Room::new(1, 1), owner)).ok()?;
    let (mut body, mut bytes) = (upload.body, Vec::new());
    while let Some(piece) = body.next().await.ok()? {
        bytes.extend_from_slice(&piece);
    }
    Some((upload.headers, bytes))
}

fn malformed() -> ErrorReply {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    ErrorReply::new(400, "MalformedPOSTRequest", message)
}

fn fields_too_large() -> ErrorReply {
    let message = "Your POST request fields preceding the upload file were too large.";
    ErrorReply::new(400, "MaxPostPreDataLengthExceededError", message)
}

fn no_such_bucket(bucket: &str) -> ErrorReply {
    ErrorReply::new(404, "NoSuchBucket", "The specified bucket does not exist").member("BucketName", bucket)
}

#[cfg(test)]
mod tests;
