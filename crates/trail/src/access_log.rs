//! Records as lines of S3's server access log.
//!
//! Source: S3 User Guide, "Amazon S3 server access log format".
//!
//! DEVIATION: AWS writes what clients send between quotes as it comes. Here quotes, backslashes, control characters and
//! everything outside of printable ASCII are percent-encoded, in every field: no request can forge a field or a line.

use strongroom_record::{CallerKind, CallerRecord, Completed, Continued, Decided, Effect};
use strongroom_types::Timestamp;

/// The line of a request. `None` if AWS writes none: of other services, and of requests whose bucket is not known.
pub fn line(decided: &Decided, completed: &Completed) -> Option<String> {
    let operation = operation(decided);
    let key = decided.key.as_deref();
    let version = decided.version_id.as_deref().or(completed.version_id.as_deref());
    let fields = Fields {
        operation: &operation,
        key,
        error_code: completed.error_code.as_deref(),
        status: completed.status,
        bytes_sent: Some(completed.bytes_out),
        object_size: completed.object_size,
        version,
    };
    write(decided, completed, &fields)
}

/// All lines of a request: that of [`line`], and for DeleteObjects one for each key (`BATCH.DELETE.OBJECT`).
pub fn lines(decided: &Decided, continued: &[Continued], completed: &Completed) -> Vec<String> {
    let mut lines: Vec<String> = line(decided, completed).into_iter().collect();
    if decided.operation == "DeleteObjects" && !lines.is_empty() {
        let effects = decided.effects.iter().chain(continued.iter().flat_map(|part| &part.effects));
        lines.extend(
            effects
                .filter(|effect| effect.key.is_some())
                .filter_map(|effect| write(decided, completed, &batch_fields(effect))),
        );
    }
    lines
}

fn batch_fields(effect: &Effect) -> Fields<'_> {
    let error_code = effect.error_code.as_deref();
    Fields {
        operation: "BATCH.DELETE.OBJECT",
        key: effect.key.as_deref(),
        error_code,
        // As for a DELETE of its own.
        status: match error_code {
            None => 204,
            Some("AccessDenied") => 403,
            Some("InternalError") => 500,
            Some(_) => 400,
        },
        bytes_sent: None,
        object_size: effect.size,
        version: effect.version_id.as_deref(),
    }
}

/// What differs between the lines of one request.
struct Fields<'a> {
    operation: &'a str,
    key: Option<&'a str>,
    status: u16,
    error_code: Option<&'a str>,
    bytes_sent: Option<u64>,
    object_size: Option<u64>,
    version: Option<&'a str>,
}

fn write(decided: &Decided, completed: &Completed, fields: &Fields<'_>) -> Option<String> {
    if decided.service != "s3" {
        return None;
    }
    let owner = decided.bucket_owner_canonical.as_deref()?;
    let bucket = decided.bucket.as_deref()?;
    let signature = decided.signature.as_ref();
    let tls = decided.tls.as_ref();
    let number =
        |value: Option<u64>| value.filter(|value| *value > 0).map_or_else(dash, |value| value.to_string());
    let request = format!("{} {} HTTP/1.1", decided.method, decided.target);
    let parts: [String; 27] = [
        bare(Some(owner)),
        bare(Some(bucket)),
        time(decided.received_at_millis),
        bare(Some(&decided.source_ip)),
        bare(requester(&decided.caller)),
        bare(Some(&decided.request_id)),
        bare(Some(fields.operation)),
        fields.key.map_or_else(dash, url_encoded),
        quoted(Some(&request)),
        fields.status.to_string(),
        bare(fields.error_code),
        number(fields.bytes_sent),
        fields.object_size.map_or_else(dash, |size| size.to_string()),
        (completed.total_micros / 1000).to_string(),
        (completed.turn_around_micros / 1000).to_string(),
        quoted(decided.referer.as_deref()),
        quoted(decided.user_agent.as_deref()),
        bare(fields.version),
        bare(Some(&decided.host_id)),
        bare(signature.map(|signature| signature.version.as_str())),
        bare(tls.map(|tls| tls.cipher.as_str())),
        bare(signature.map(|signature| signature.method.as_str())),
        bare(decided.host.as_deref()),
        bare(tls.map(|tls| tls.version.as_str())),
        bare(decided.access_point_arn.as_deref()),
        if decided.acl_required { "Yes".to_owned() } else { dash() },
        // The source region of a request from another region's endpoint: there is none here.
        dash(),
    ];
    Some(parts.join(" "))
}

fn dash() -> String {
    "-".to_owned()
}

/// `[24/Nov/2026:16:32:38 +0000]`.
fn time(millis: i64) -> String {
    let date = Timestamp::from_millis(millis).to_http_date();
    let mut words = date.split(' ').skip(1);
    let mut word = || words.next().unwrap_or_default();
    let (day, month, year, clock) = (word(), word(), word(), word());
    format!("[{day}/{month}/{year}:{clock} +0000]")
}

/// The canonical id of an account's root user; the ARN of everyone else; nobody is `-`.
fn requester(caller: &CallerRecord) -> Option<&str> {
    match caller.kind {
        CallerKind::Anonymous => None,
        CallerKind::Root => caller.canonical_user_id.as_deref(),
        CallerKind::IamUser
        | CallerKind::AssumedRole
        | CallerKind::FederatedUser
        | CallerKind::WebIdentityUser => caller.arn.as_deref(),
        CallerKind::AwsService => caller.name.as_deref(),
    }
}

/// `REST.METHOD.RESOURCE`.
fn operation(decided: &Decided) -> String {
    let method = match decided.operation.as_str() {
        "CopyObject" | "UploadPartCopy" => "COPY".to_owned(),
        _ => decided
            .method
            .chars()
            .filter(char::is_ascii_alphabetic)
            .take(16)
            .collect::<String>()
            .to_ascii_uppercase(),
    };
    let resource = resource(&decided.operation, decided.key.is_some());
    if method.is_empty() { format!("S3.{resource}") } else { format!("REST.{method}.{resource}") }
}

/// The resource of an operation, without what of it is the method.
fn resource(operation: &str, has_key: bool) -> &'static str {
    const NAMES: [(&str, &str); 23] = [
        ("Accelerate", "ACCELERATE"),
        ("Acl", "ACL"),
        ("Analytics", "ANALYTICS"),
        ("Attributes", "ATTRIBUTES"),
        ("Cors", "CORS"),
        ("Encryption", "ENCRYPTION"),
        ("IntelligentTiering", "INTELLIGENT_TIERING"),
        ("Inventory", "INVENTORY"),
        ("LegalHold", "LEGAL_HOLD"),
        ("Lifecycle", "LIFECYCLE"),
        ("Location", "LOCATION"),
        ("Logging", "LOGGING_STATUS"),
        ("Metrics", "METRICS"),
        ("Notification", "NOTIFICATION"),
        ("ObjectLock", "OBJECT_LOCK_CONFIGURATION"),
        ("OwnershipControls", "OWNERSHIP_CONTROLS"),
        ("PolicyStatus", "POLICY_STATUS"),
        ("PublicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
        ("Replication", "REPLICATION"),
        ("RequestPayment", "REQUEST_PAYMENT"),
        ("Retention", "RETENTION"),
        ("Versioning", "VERSIONING"),
        ("Website", "WEBSITE"),
    ];
    match operation {
        "CreateMultipartUpload" | "ListMultipartUploads" => "UPLOADS",
        "CompleteMultipartUpload" | "AbortMultipartUpload" | "ListParts" => "UPLOAD",
        "UploadPart" | "UploadPartCopy" => "PART",
        "DeleteObjects" => "MULTI_OBJECT_DELETE",
        "ListObjectVersions" => "BUCKETVERSIONS",
        "GetBucketPolicy" | "PutBucketPolicy" | "DeleteBucketPolicy" => "BUCKETPOLICY",
        "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging" => "OBJECT_TAGGING",
        "GetBucketTagging" | "PutBucketTagging" | "DeleteBucketTagging" => "TAGGING",
        "SelectObjectContent" => "SELECT",
        _ => NAMES
            .iter()
            .find(|(part, _)| operation.contains(part))
            .map_or(if has_key || operation == "PostObject" { "OBJECT" } else { "BUCKET" }, |(_, name)| name),
    }
}

/// A field without quotes: neither spaces nor anything that is encoded between quotes, nor the time's brackets.
fn bare(value: Option<&str>) -> String {
    match value {
        None | Some("") => dash(),
        Some(value) => {
            encoded(value, |byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'[' | b']'))
        }
    }
}

fn quoted(value: Option<&str>) -> String {
    let value = value.filter(|value| !value.is_empty()).unwrap_or("-");
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    format!("\"{}\"", encoded(value, plain))
}

fn url_encoded(key: &str) -> String {
    encoded(key, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/'))
}

fn encoded(value: &str, plain: impl Fn(u8) -> bool) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::with_capacity(value.len()), |mut out, byte| {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests;
