//! Records as CloudTrail's events, one a line.
//!
//! Source: CloudTrail User Guide, "CloudTrail record contents"; S3 User Guide, "Amazon S3 CloudTrail events" and
//! "CloudTrail log file entries for Amazon S3 and S3 on Outposts".
//!
//! DEVIATION: AWS writes nothing for requests that it cannot attribute. Here each request has its event: one whose
//! operation was not recognised is an `UnknownOperation`. An answer that did not reach its end is told in
//! `additionalEventData.outcome`: `interrupted` (the server stopped, or the request still ran after the wait for its
//! end) or `aborted` (the client went away).

mod identity;
mod names;
mod text;

use serde::Serialize;
use serde_json::{Map, Value, json};
use strongroom_record::{
    CallerKind, Coalesced, Completed, Continued, Decided, Effect, EffectKind, Outcome, ResourceRecord,
    Verdict,
};
use strongroom_types::Timestamp;

use crate::fingerprint;
use crate::join::{Ending, Event, Joined};
use crate::limits::cloudtrail::{EVENT_BYTES, PARAMETERS_BYTES, RESOURCES, TEXT_BYTES};
use identity::UserIdentity;
use text::{cut, cut_arn, cut_short, harmless};

/// The version of the shape.
const EVENT_VERSION: &str = "1.11";

/// Index of the event that amends another, in ids derived from it.
const AMENDMENT: u32 = u32::MAX;

/// An event in AWS's order of members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    event_version: &'static str,
    user_identity: UserIdentity<'a>,
    event_time: String,
    event_source: String,
    event_name: &'a str,
    aws_region: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: &'a str,
    user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    request_parameters: Option<Map<String, Value>>,
    response_elements: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    additional_event_data: Map<String, Value>,
    #[serde(rename = "requestID")]
    request_id: &'a str,
    #[serde(rename = "eventID")]
    event_id: String,
    read_only: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource<'a>>,
    event_type: &'static str,
    management_event: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_event_details: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_endpoint_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_endpoint_account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addendum: Option<Map<String, Value>>,
    event_category: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    tls_details: Map<String, Value>,
}

#[derive(Serialize, Clone)]
struct Resource<'a> {
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(rename = "ARNPrefix", skip_serializing_if = "Option::is_none")]
    arn_prefix: Option<String>,
}

/// Whether CloudTrail takes requests for this operation for data events, of which there are many.
pub fn is_data_event(service: &str, operation: &str, has_key: bool) -> bool {
    names::is_data(service, names::event_name(service, operation, true), has_key)
}

/// The events of a request: one, and for DeleteObjects one more, `DeleteObject`, for each key. Ids depend on the record
/// alone, so that lines delivered twice are told by `eventID`.
///
/// # Limits
/// Those of CloudTrail: an event is at most 256 KB, fields are cut or left out at their sizes.
pub fn render(decided: &Decided, continued: &[Continued], completed: Option<&Completed>) -> Vec<String> {
    let main = main_line(decided, completed);
    let mut lines = vec![write(main)];
    if decided.operation == "DeleteObjects" && names::is_s3(&decided.service) {
        let effects = decided.effects.iter().chain(continued.iter().flat_map(|part| &part.effects));
        let keys = (0..).zip(effects.filter(|effect| effect.key.is_some()));
        lines.extend(keys.map(|(index, effect)| write(key_line(decided, completed, effect, index))));
    }
    lines
}

/// The event that corrects the one of a request which was given out before its end.
pub fn render_amended(decided: &Decided, completed: &Completed) -> String {
    let mut line = main_line(decided, Some(completed));
    let fields = "eventTime,errorCode,errorMessage,responseElements,additionalEventData";
    let addendum = json!({
        "reason": "UPDATED_DATA",
        "updatedFields": fields,
        "originalRequestID": cut(&decided.request_id),
        "originalEventID": cut(&decided.event_id),
    });
    line.event_id = fingerprint::uuid(&decided.event_id, AMENDMENT);
    line.addendum = object(addendum);
    write(line)
}

/// The event of refusals that were only counted.
pub fn render_coalesced(coalesced: &Coalesced) -> String {
    let name = format!("coalesced/{}/{}", coalesced.source_ip, coalesced.second);
    let details = json!({
        "refusedRequests": coalesced.refused,
        "second": Timestamp::from_secs(coalesced.second).to_iso8601_seconds(),
    });
    let caller = strongroom_record::CallerRecord::default();
    write(Line {
        event_version: EVENT_VERSION,
        user_identity: UserIdentity::of(&caller),
        event_time: Timestamp::from_secs(coalesced.second).to_iso8601_seconds(),
        event_source: event_source(""),
        event_name: "RequestsRefused",
        aws_region: "",
        source_ip_address: cut(&coalesced.source_ip),
        user_agent: String::new(),
        error_code: Some("SlowDown"),
        error_message: None,
        request_parameters: None,
        response_elements: None,
        additional_event_data: Map::new(),
        request_id: "",
        event_id: fingerprint::uuid(&name, 0),
        read_only: true,
        resources: Vec::new(),
        event_type: "AwsServiceEvent",
        management_event: true,
        recipient_account_id: None,
        service_event_details: object(details),
        vpc_endpoint_id: None,
        vpc_endpoint_account_id: None,
        addendum: None,
        event_category: "Management",
        tls_details: Map::new(),
    })
}

/// The lines of what a joiner gives out.
pub(crate) fn render_event(event: &Event) -> Vec<String> {
    match event {
        Event::Coalesced(_, coalesced) => vec![render_coalesced(coalesced)],
        Event::Request(Joined { decided, continued, ending, .. }) => match ending {
            Ending::Completed(completed) => render(decided, continued, Some(completed)),
            Ending::Interrupted => render(decided, continued, None),
            Ending::Late(completed) => vec![render_amended(decided, completed)],
        },
    }
}

fn main_line<'a>(decided: &'a Decided, completed: Option<&'a Completed>) -> Line<'a> {
    let s3 = names::is_s3(&decided.service);
    let on_bucket = decided.bucket.is_some() || names::leads_to_bucket(&decided.target);
    let event_name = names::event_name(&decided.service, cut(&decided.operation), on_bucket);
    let data = names::is_data(&decided.service, event_name, decided.key.is_some());
    let from_service = decided.caller.kind == CallerKind::AwsService;
    let ended = completed.map_or(decided.decided_at_millis, |completed| completed.completed_at_millis);
    let (error_code, error_message) = error_of(decided, completed);
    Line {
        event_version: EVENT_VERSION,
        user_identity: UserIdentity::of(&decided.caller),
        event_time: Timestamp::from_millis(ended).to_iso8601_seconds(),
        event_source: event_source(&decided.service),
        event_name,
        aws_region: cut(&decided.region),
        source_ip_address: cut(&decided.source_ip),
        user_agent: user_agent(decided),
        error_code,
        error_message,
        request_parameters: request_parameters(decided),
        response_elements: response_elements(decided, completed, error_code.is_some()),
        additional_event_data: additional_event_data(decided, completed, s3),
        request_id: cut(&decided.request_id),
        event_id: cut(&decided.event_id).to_owned(),
        read_only: decided.read_only,
        resources: resources(decided, data),
        event_type: if from_service && decided.method.is_empty() { "AwsServiceEvent" } else { "AwsApiCall" },
        management_event: !data,
        recipient_account_id: decided.bucket_owner.as_deref().or(decided.caller.account.as_deref()).map(cut),
        service_event_details: None,
        vpc_endpoint_id: decided.vpc_endpoint_id.as_deref().map(cut),
        vpc_endpoint_account_id: decided.vpc_endpoint_account.as_deref().map(cut),
        addendum: None,
        event_category: if data { "Data" } else { "Management" },
        tls_details: tls_details(decided),
    }
}

/// One key of a DeleteObjects.
fn key_line<'a>(
    decided: &'a Decided,
    completed: Option<&'a Completed>,
    effect: &'a Effect,
    index: u32,
) -> Line<'a> {
    let mut line = main_line(decided, completed);
    let key = effect.key.as_deref().unwrap_or_default();
    line.event_name = "DeleteObject";
    line.event_id = fingerprint::uuid(&decided.event_id, index);
    line.error_message = None;
    line.error_code = match (effect.error_code.as_deref(), effect.kind) {
        (Some(code), _) => Some(cut(code)),
        (None, EffectKind::Denied) => Some("AccessDenied"),
        (None, _) => None,
    };
    let mut parameters = Map::new();
    add_place(&mut parameters, decided);
    parameters.insert("key".to_owned(), cut(key).into());
    let mut response = Map::new();
    match (effect.kind, effect.version_id.as_deref()) {
        (EffectKind::DeleteMarker, version) => {
            response.insert("x-amz-delete-marker".to_owned(), "true".into());
            if let Some(version) = version {
                response.insert("x-amz-version-id".to_owned(), cut(version).into());
            }
        }
        (_, Some(version)) => {
            parameters.insert("versionId".to_owned(), cut(version).into());
        }
        (_, None) => {}
    }
    line.request_parameters = Some(parameters);
    line.response_elements = (!response.is_empty()).then_some(response);
    line.additional_event_data.retain(|name, _| !name.starts_with("bytesTransferred"));
    line.read_only = false;
    (line.management_event, line.event_category) = (false, "Data");
    let bucket = effect.bucket.as_deref().or(decided.bucket.as_deref()).unwrap_or_default();
    line.resources.retain(|resource| resource.kind != OBJECT);
    line.resources.insert(
        0,
        Resource { account_id: None, kind: OBJECT, arn: Some(object_arn(bucket, key)), arn_prefix: None },
    );
    line
}

fn event_source(service: &str) -> String {
    let name = if names::is_s3(service) { "s3" } else { cut(service) };
    format!("{name}.amazonaws.com")
}

/// S3 puts the header between brackets.
fn user_agent(decided: &Decided) -> String {
    let agent = decided.user_agent.as_deref().unwrap_or_default();
    if decided.caller.kind == CallerKind::AwsService {
        return cut(&decided.source_ip).to_owned();
    }
    if !names::is_s3(&decided.service) {
        return cut(agent).to_owned();
    }
    let most = agent.floor_char_boundary(TEXT_BYTES - 2);
    format!("[{}]", agent.get(..most).unwrap_or_default())
}

fn error_of<'a>(decided: &Decided, completed: Option<&'a Completed>) -> (Option<&'a str>, Option<&'a str>) {
    let denied = matches!(decided.verdict, Verdict::ImplicitDeny | Verdict::ExplicitDeny);
    let Some(completed) = completed else { return (denied.then_some("AccessDenied"), None) };
    let code = completed.error_code.as_deref().map(cut).or(match completed.status {
        403 => Some("AccessDenied"),
        404 => Some("NotFound"),
        412 => Some("PreconditionFailed"),
        400..=499 => Some("BadRequest"),
        500.. => Some("InternalError"),
        _ => None,
    });
    (code, completed.error_message.as_deref().map(cut))
}

fn request_parameters(decided: &Decided) -> Option<Map<String, Value>> {
    let text = decided.request_parameters.as_deref().unwrap_or("{}");
    let mut parameters = match serde_json::from_str(text) {
        Ok(Value::Object(parameters)) => parameters,
        Ok(_) | Err(_) => Map::new(),
    };
    if decided.operation == "DeleteObjects" && parameters.contains_key("Delete") {
        // The keys have events of their own.
        parameters.remove("Delete");
    }
    if parameters.values().map(size_of_value).sum::<usize>() > PARAMETERS_BYTES {
        parameters = Map::new();
        parameters.insert("omitted".to_owned(), true.into());
        parameters.insert("originalSize".to_owned(), text.len().into());
        parameters.insert("reason".to_owned(), "larger than 100 KB".into());
    }
    if names::is_s3(&decided.service) {
        add_place(&mut parameters, decided);
        if let Some(key) = &decided.key {
            parameters.insert("key".to_owned(), cut(key).into());
        }
    }
    (!parameters.is_empty()).then_some(parameters)
}

/// At least as long as the value's text.
fn size_of_value(value: &Value) -> usize {
    serde_json::to_string(value).map_or(usize::MAX / 1024, |text| text.len() + 16)
}

fn add_place(parameters: &mut Map<String, Value>, decided: &Decided) {
    if let Some(bucket) = &decided.bucket {
        parameters.insert("bucketName".to_owned(), cut(bucket).into());
    }
    if let Some(host) = &decided.host {
        parameters.insert("Host".to_owned(), cut(host).into());
    }
}

fn response_elements(
    decided: &Decided,
    completed: Option<&Completed>,
    failed: bool,
) -> Option<Map<String, Value>> {
    let version = completed?.version_id.as_deref()?;
    let shown = !failed && !decided.read_only && names::is_s3(&decided.service);
    shown.then(|| Map::from_iter([("x-amz-version-id".to_owned(), cut(version).into())]))
}

fn additional_event_data(decided: &Decided, completed: Option<&Completed>, s3: bool) -> Map<String, Value> {
    let mut data = Map::new();
    let mut add = |name: &str, value: Value| {
        data.insert(name.to_owned(), value);
    };
    if s3 && !decided.method.is_empty() {
        if let Some(signature) = &decided.signature {
            add("SignatureVersion", cut_short(&signature.version).into());
            add("AuthenticationMethod", cut_short(&signature.method).into());
        }
        if let Some(tls) = &decided.tls {
            add("CipherSuite", cut_short(&tls.cipher).into());
        }
        add("bytesTransferredIn", completed.map_or(0, |completed| completed.bytes_in).into());
        add("bytesTransferredOut", completed.map_or(0, |completed| completed.bytes_out).into());
        add("x-amz-id-2", cut_short(&decided.host_id).into());
        if decided.acl_required {
            add("aclRequired", "Yes".into());
        }
    }
    match completed.map(|completed| completed.outcome) {
        Some(Outcome::Sent) => {}
        Some(Outcome::Aborted) => add("outcome", "aborted".into()),
        Some(Outcome::Interrupted) | None => add("outcome", "interrupted".into()),
    }
    data
}

fn tls_details(decided: &Decided) -> Map<String, Value> {
    let Some(tls) = &decided.tls else { return Map::new() };
    let mut details = Map::new();
    let mut add = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            details.insert(name.to_owned(), cut(value).into());
        }
    };
    add("tlsVersion", Some(&tls.version));
    add("cipherSuite", Some(&tls.cipher));
    add("clientProvidedHostHeader", decided.host.as_ref());
    add("keyExchange", tls.key_exchange.as_ref());
    details
}

const OBJECT: &str = "AWS::S3::Object";
const BUCKET: &str = "AWS::S3::Bucket";

fn object_arn(bucket: &str, key: &str) -> String {
    cut_arn(&format!("arn:aws:s3:::{bucket}/{key}")).to_owned()
}

/// The record's resources; for S3 with the object (or, of a bucket's data events, the prefix) first and the bucket last.
fn resources(decided: &Decided, data: bool) -> Vec<Resource<'_>> {
    let shown = |resource: &'_ ResourceRecord| Some(cut_arn(&resource.arn).to_owned());
    let mut resources: Vec<Resource<'_>> = decided
        .resources
        .iter()
        .take(RESOURCES)
        .map(|resource| Resource {
            account_id: resource.account.as_deref().map(cut),
            kind: cut(&resource.kind),
            arn: shown(resource),
            arn_prefix: None,
        })
        .collect();
    let Some(bucket) = decided.bucket.as_deref().map(cut).filter(|_| names::is_s3(&decided.service)) else {
        return resources;
    };
    let has = |resources: &[Resource<'_>], kind| resources.iter().any(|resource| resource.kind == kind);
    if data && !has(&resources, OBJECT) {
        let (arn, arn_prefix) = match &decided.key {
            Some(key) => (Some(object_arn(bucket, key)), None),
            None => (None, Some(object_arn(bucket, ""))),
        };
        resources.insert(0, Resource { account_id: None, kind: OBJECT, arn, arn_prefix });
    }
    if !has(&resources, BUCKET) {
        let account_id = decided.bucket_owner.as_deref().map(cut);
        let arn = Some(format!("arn:aws:s3:::{bucket}"));
        resources.push(Resource { account_id, kind: BUCKET, arn, arn_prefix: None });
    }
    resources
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn write(mut line: Line<'_>) -> String {
    let text = to_text(&line);
    if text.len() <= EVENT_BYTES {
        return text;
    }
    // What is larger is left out, the largest first.
    line.request_parameters = object(json!({"omitted": true, "reason": "the event is larger than 256 KB"}));
    let text = to_text(&line);
    if text.len() <= EVENT_BYTES {
        return text;
    }
    line.resources.clear();
    to_text(&line)
}

fn to_text(line: &Line<'_>) -> String {
    // INVARIANT: texts, numbers and maps with text keys always have a JSON form.
    harmless(serde_json::to_string(line).unwrap_or_default())
}

#[cfg(test)]
mod tests;
