//! GetObject and HeadObject.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use strongroom_api_s3::{
    ChecksumMode, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, ServerSideEncryption,
    StorageClass, op,
};
use strongroom_gate::{Authorized, Caller, ErrorReply, Handle, Reply, ReplyBody};
use strongroom_record::EffectKind;
use strongroom_storage::{Partition, StoreError};
use strongroom_types::{BucketId, ObjectKey, VersionId};

use super::checksums::{quoted, show_checksums};
use super::conditions::{Outcome, ReadConditions};
use super::customer::{Customer, confirm_customer, customer_headers};
use super::versions::{Object, effect};
use super::{metadata, range};
use crate::S3;
use crate::error;
use crate::limits::{MAX_PART_NUMBER, MAX_READ_TRIES};
use crate::row::{self, ChecksumRow, Content, PartRow};

/// What a read asks for beside the object.
struct Asked<'a> {
    conditions: ReadConditions<'a>,
    range: Option<&'a str>,
    part_number: Option<i32>,
    checksums: bool,
    version_id: Option<VersionId>,
    customer: Option<Arc<Customer>>,
}

/// Members that the inputs of both operations have.
macro_rules! asked {
    ($request:expr, $customer:expr) => {{
        let input = $request.input();
        Asked {
            conditions: ReadConditions {
                if_match: input.if_match.as_deref(),
                if_none_match: input.if_none_match.as_deref(),
                if_modified_since: input.if_modified_since,
                if_unmodified_since: input.if_unmodified_since,
            },
            range: input.range.as_deref(),
            part_number: input.part_number,
            checksums: input.checksum_mode == Some(ChecksumMode::Enabled),
            version_id: $request.target().version_id,
            customer: $customer.clone(),
        }
    }};
}

/// Refuses what reads of both kinds cannot have.
macro_rules! check_input {
    ($request:expr) => {{
        let input = $request.input();
        let overrides = [
            ("response-cache-control", &input.response_cache_control),
            ("response-content-disposition", &input.response_content_disposition),
            ("response-content-encoding", &input.response_content_encoding),
            ("response-content-language", &input.response_content_language),
            ("response-content-type", &input.response_content_type),
        ];
        check_overrides(&overrides, input.response_expires.is_some(), $request.caller())?;
    }};
}

/// Checks the headers that a request chooses for its answer.
///
/// # Errors
/// `InvalidRequest` for a caller who did not sign; `InvalidArgument` for what cannot be a header.
fn check_overrides(
    overrides: &[(&'static str, &Option<String>)],
    expires: bool,
    caller: &Caller,
) -> Result<(), ErrorReply> {
    let given = || overrides.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    if (expires || given().next().is_some()) && *caller == Caller::Anonymous {
        let message = "Request specific response headers cannot be used for anonymous GET requests.";
        return Err(error::invalid_request(message));
    }
    match given().find(|(_, value)| value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control())) {
        Some((name, value)) => {
            Err(error::invalid_argument(name, value.escape_default().to_string(), "Invalid header value."))
        }
        None => Ok(()),
    }
}

/// What of an object is shown.
struct View {
    object: Object,
    range: Range<u64>,
    /// `Content-Range`, for an answer of status 206.
    content_range: Option<String>,
    /// Checksums of what is shown.
    checksums: Vec<ChecksumRow>,
    /// Number of parts, where one was asked for.
    parts_count: Option<i32>,
    version_id: Option<String>,
}

/// Members that the outputs of both operations have.
macro_rules! fill_output {
    ($output:expr, $view:expr, $input:expr, $asked:expr) => {{
        let (content, view, input) = (&$view.object.content, $view, $input);
        let (shown, missing) = metadata::show(&content.metadata);
        $output.accept_ranges = Some("bytes".to_owned());
        $output.last_modified = Some(view.object.modified);
        $output.content_length = i64::try_from(view.range.end - view.range.start).ok();
        $output.content_range = view.content_range.clone();
        $output.etag = Some(quoted(&content.etag));
        $output.version_id = view.version_id.clone();
        $output.metadata = shown;
        $output.missing_meta = missing;
        $output.server_side_encryption = ServerSideEncryption::parse(&content.encryption);
        confirm_customer!($output, $asked.customer.as_deref());
        $output.storage_class = content.storage_class.as_deref().and_then(StorageClass::parse);
        $output.website_redirect_location = content.website_redirect.clone();
        $output.tag_count = i32::try_from(content.tags.len()).ok().filter(|count| *count > 0);
        $output.parts_count = view.parts_count;
        show_checksums!($output, &view.checksums);
        let headers = content.headers.clone();
        $output.content_type =
            Some(input.response_content_type.clone().unwrap_or_else(|| headers.shown_content_type()));
        $output.content_encoding = input.response_content_encoding.clone().or(headers.content_encoding);
        $output.content_disposition =
            input.response_content_disposition.clone().or(headers.content_disposition);
        $output.content_language = input.response_content_language.clone().or(headers.content_language);
        $output.cache_control = input.response_cache_control.clone().or(headers.cache_control);
        $output.expires = input.response_expires.map(|expires| expires.to_http_date()).or(headers.expires);
    }};
}

#[async_trait]
impl Handle<op::GetObject> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<GetObjectInput>,
    ) -> Result<Reply<GetObjectOutput>, ErrorReply> {
        check_input!(request);
        let customer = customer_headers!(request.input()).read(request.request().secure_transport)?;
        for _ in 0..MAX_READ_TRIES {
            let object = self.decided_object(&mut request, "GET").await?;
            let (bucket, key) = (request.bucket()?, request.key()?);
            let asked = asked!(request, customer);
            let view = self.view(bucket.id(), key, object, &asked).await?;
            let (content, range) = (&view.object.content, view.range.clone());
            let bytes = match self.open_range(bucket.id(), key, content, range, asked.customer.as_ref()).await
            {
                Ok(bytes) => bytes,
                // Replaced between the look at its row and the look at its bytes: the next look finds the new one.
                Err(StoreError::NoSuchBlob(_)) => continue,
                Err(error) => return Err(ErrorReply::from(&error)),
            };
            let mut output = GetObjectOutput::default();
            fill_output!(output, &view, request.input(), &asked);
            let length = view.range.end - view.range.start;
            request.note(effect(EffectKind::Read, key, shown_id(&view), Some(view.object.content.size)));
            return Ok(Reply {
                body: Some(ReplyBody { length, bytes }),
                status: view.content_range.is_some().then_some(206),
                object_size: Some(view.object.content.size),
                ..Reply::new(output)
            });
        }
        Err(error::internal())
    }
}

#[async_trait]
impl Handle<op::HeadObject> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<HeadObjectInput>,
    ) -> Result<Reply<HeadObjectOutput>, ErrorReply> {
        check_input!(request);
        let customer = customer_headers!(request.input()).read(request.request().secure_transport)?;
        let object = self.decided_object(&mut request, "HEAD").await?;
        let (bucket, key) = (request.bucket()?, request.key()?);
        let asked = asked!(request, customer);
        let view = self.view(bucket.id(), key, object, &asked).await?;
        let mut output = HeadObjectOutput::default();
        fill_output!(output, &view, request.input(), &asked);
        request.note(effect(EffectKind::Read, key, shown_id(&view), Some(view.object.content.size)));
        Ok(Reply {
            status: view.content_range.is_some().then_some(206),
            object_size: Some(view.object.content.size),
            ..Reply::new(output)
        })
    }
}

fn shown_id(view: &View) -> Option<VersionId> {
    view.version_id.is_some().then_some(view.object.id)
}

impl S3 {
    /// Looks at the customer's key, evaluates the conditions, and cuts out what is asked for.
    async fn view(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        object: Object,
        asked: &Asked<'_>,
    ) -> Result<View, ErrorReply> {
        let partition = Partition::Bucket(bucket);
        self.check_customer(bucket, key, &object.content, asked.customer.as_deref())?;
        let version_id = self.shown_version(partition, object.id, asked.version_id).await?;
        match asked.conditions.evaluate(&object.content.etag, object.modified) {
            Outcome::Proceed => {}
            Outcome::Failed(condition) => return Err(error::precondition_failed(condition)),
            Outcome::NotModified(_) => return Err(unmodified(&object, version_id)),
        }
        let size = object.content.size;
        let whole = View {
            range: 0..size,
            content_range: None,
            checksums: if asked.checksums { object.content.checksums.clone() } else { Vec::new() },
            parts_count: None,
            version_id,
            object,
        };
        match (asked.part_number, asked.range) {
            (None, None) => Ok(whole),
            (Some(_), Some(_)) => {
                Err(error::invalid_request("Cannot specify both Range header and partNumber query parameter"))
            }
            (Some(number), None) => self.part_view(partition, whole, number, asked.checksums).await,
            (None, Some(header)) => Ok(match range::resolve(header, size)? {
                None => whole,
                Some(range) => View {
                    content_range: Some(range::content_range(&range, size)),
                    range,
                    checksums: Vec::new(),
                    ..whole
                },
            }),
        }
    }

    /// One part of an object. One that came in one piece has one part, and does not say so.
    async fn part_view(
        &self,
        partition: Partition,
        whole: View,
        asked: i32,
        checksums: bool,
    ) -> Result<View, ErrorReply> {
        let number = u16::try_from(asked).ok().filter(|number| (1..=MAX_PART_NUMBER).contains(number));
        let number = number.ok_or_else(|| {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            error::invalid_argument("partNumber", asked.to_string(), message)
        })?;
        let content: &Content = &whole.object.content;
        let size = content.size;
        let Some(upload) = content.upload_id() else {
            if number != 1 {
                return Err(error::invalid_part_number(number, 1));
            }
            let content_range = (size > 0).then(|| range::content_range(&(0..size), size));
            return Ok(View { content_range, ..whole });
        };
        let layout = self.layout(partition, upload).await?;
        let count = layout.parts.len();
        let mut start = 0_u64;
        for (held, part_size) in layout.parts {
            let end = start.saturating_add(part_size);
            if held == number {
                let rows = if checksums {
                    let part = self.read::<PartRow>(partition, &row::part(upload, number)).await?;
                    let (part, _) = part.ok_or_else(error::slow_down)?;
                    part.checksums
                } else {
                    Vec::new()
                };
                let range = start..end;
                return Ok(View {
                    content_range: (!range.is_empty()).then(|| range::content_range(&range, size)),
                    range,
                    checksums: rows,
                    parts_count: i32::try_from(count).ok(),
                    ..whole
                });
            }
            start = end;
        }
        Err(error::invalid_part_number(number, count))
    }
}

/// 304, with the headers that RFC 9110, section 15.4.5, wants.
fn unmodified(object: &Object, version_id: Option<String>) -> ErrorReply {
    let headers = &object.content.headers;
    let mut reply = error::not_modified()
        .header("etag", quoted(&object.content.etag))
        .header("last-modified", object.modified.to_http_date());
    for (name, value) in [
        ("x-amz-version-id", version_id),
        ("cache-control", headers.cache_control.clone()),
        ("expires", headers.expires.clone()),
    ] {
        if let Some(value) = value {
            reply = reply.header(name, value);
        }
    }
    reply
}
