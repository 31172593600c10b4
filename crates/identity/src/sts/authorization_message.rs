//! Encoded authorization messages: what a denial does not tell the caller, sealed, so that only who may call
//! DecodeAuthorizationMessage in the caller's account reads it.
//!
//! Source: STS API Reference, DecodeAuthorizationMessage: "The message is encoded because the details of the authorization
//! status can contain privileged information that the user who requested the operation should not see."

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use strongroom_gate::{Attempt, Denied};
use strongroom_policy::evaluate::Decision;
use strongroom_types::{AccountId, Timestamp};

use crate::{Identity, row};

/// What a message begins with: how the rest is to be read. It also keeps every message from beginning with a hyphen,
/// which commands would take for an option.
const FORMAT: u8 = 1;

/// What a message is bound to, its format included, so that no other sealed text is taken for one, nor one for another.
const CONTEXT: &[u8] = b"authorization-message:1";

/// How long a message can be decoded. AWS does not say.
const LIFETIME: Duration = Duration::from_hours(24);

/// Bytes of a message before it is sealed; sealed and encoded it is a third longer. It may travel in a header of an answer,
/// of which proxies take 8 KiB.
const MAX_PLAIN_BYTES: usize = 4096;

/// Characters of an encoded message at most. Source: STS API Reference, DecodeAuthorizationMessage.
const MAX_CHARS: usize = 10_240;

/// Bytes of the ARN of a caller, or of a policy, or its name. Paths have 512, names of policies 128.
const MAX_NAME_BYTES: usize = 704;

/// Bytes of a resource's ARN. Keys of objects have 1024.
const MAX_RESOURCE_BYTES: usize = 1200;

/// Bytes of every other text: ids, names of users, actions, Sids.
const MAX_SHORT_BYTES: usize = 128;

/// Bytes that CBOR puts around a text at most, its place in a map included.
const FRAME_BYTES: usize = 4;

/// Bytes that all but the condition keys take at most: two names, a resource, six short texts, and around them frames and
/// numbers.
const MAX_BYTES_BUT_CONDITIONS: usize =
    2 * MAX_NAME_BYTES + MAX_RESOURCE_BYTES + 6 * MAX_SHORT_BYTES + 20 * FRAME_BYTES;

const _: () = assert!(MAX_BYTES_BUT_CONDITIONS < MAX_PLAIN_BYTES);
// Format, epoch, nonce and tag take less than 64 bytes.
const _: () = assert!((MAX_PLAIN_BYTES + 64) * 4 / 3 + 4 < MAX_CHARS);

/// A denial, before it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct MessageRow {
    #[n(0)]
    account: u64,
    #[n(1)]
    at_millis: i64,
    #[n(2)]
    request_id: String,
    #[n(3)]
    principal_id: Option<String>,
    #[n(4)]
    user_name: Option<String>,
    #[n(5)]
    principal_arn: String,
    #[n(6)]
    action: String,
    #[n(7)]
    resource: String,
    /// What denied it explicitly.
    #[n(8)]
    statement: Option<StatementRow>,
    #[n(9)]
    conditions: Vec<ConditionRow>,
}

/// The statement that decided.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct StatementRow {
    /// The kind of its policy.
    #[n(0)]
    source: String,
    /// Policy and statement, where the caller's account may know them.
    #[n(1)]
    policy: Option<String>,
    #[n(2)]
    id: Option<String>,
}

/// A condition key and its values.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct ConditionRow {
    #[n(0)]
    key: String,
    #[n(1)]
    values: Vec<String>,
}

impl Identity {
    /// The encoded message on a denial; `None` for callers of whom no account is known.
    ///
    /// # Limits
    /// However long what was asked for, a message has less than 6 KiB.
    pub fn authorization_message(&self, denied: &Denied, request_id: &str) -> Option<String> {
        let row = MessageRow::of(denied, denied.attempt.as_deref()?, request_id);
        let sealed = self.keys.seal_token(CONTEXT, &row::encode(&row));
        Some(URL_SAFE_NO_PAD.encode([&[FORMAT], sealed.as_slice()].concat()))
    }

    /// What a message says, as JSON; `None` for whatever is not one of this installation to this account, and not older
    /// than a day. Why not, is told to nobody: it would tell of other accounts.
    pub(super) fn decode_authorization_message(
        &self,
        message: &str,
        account: AccountId,
        now: Timestamp,
    ) -> Option<String> {
        let sealed = sealed_part(message)?;
        let opened = self.keys.open_token(CONTEXT, &sealed).ok()?;
        let row: MessageRow = row::decode(&opened).ok()?;
        let is_in_time = now.since(Timestamp::from_millis(row.at_millis)) < LIFETIME;
        (row.account == account.as_u64() && is_in_time).then(|| row.to_json().to_string())
    }
}

/// The sealed bytes of a message.
fn sealed_part(message: &str) -> Option<Vec<u8>> {
    if message.len() > MAX_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(message).ok()?;
    bytes.strip_prefix(&[FORMAT]).map(<[u8]>::to_vec)
}

impl MessageRow {
    fn of(denied: &Denied, attempt: &Attempt, request_id: &str) -> Self {
        let statement = match &denied.decision {
            Decision::Allow(_) | Decision::ImplicitDeny { .. } => None,
            Decision::ExplicitDeny(statement) => Some(StatementRow {
                source: statement.source.name().to_owned(),
                policy: attempt.knows_statement.then(|| cut(&statement.policy, MAX_NAME_BYTES)),
                id: attempt.knows_statement.then(|| cut(&statement.statement, MAX_SHORT_BYTES)),
            }),
        };
        let mut row = Self {
            account: attempt.account.as_u64(),
            at_millis: attempt.at.as_millis(),
            request_id: cut(request_id, MAX_SHORT_BYTES),
            principal_id: attempt.principal_id.as_deref().map(|id| cut(id, MAX_SHORT_BYTES)),
            user_name: attempt.user_name.as_deref().map(|name| cut(name, MAX_SHORT_BYTES)),
            principal_arn: cut(denied.caller.as_deref().unwrap_or_default(), MAX_NAME_BYTES),
            action: cut(denied.action, MAX_SHORT_BYTES),
            resource: cut(&denied.resource, MAX_RESOURCE_BYTES),
            statement,
            conditions: Vec::new(),
        };
        let taken = row::encode(&row).len() + FRAME_BYTES;
        row.conditions = fitting(&attempt.conditions, MAX_PLAIN_BYTES.saturating_sub(taken));
        row
    }

    /// Source: IAM User Guide and STS API Reference show only part of the form; it is that of messages that AWS decodes.
    /// DEVIATION: `requestId`, and in statements `policy` and `policyType`, are additions. What else a statement has is in
    /// the policy, at that statement.
    fn to_json(&self) -> Value {
        let statement = self.statement.as_ref().map(StatementRow::to_json);
        let conditions: Vec<Value> = self.conditions.iter().map(ConditionRow::to_json).collect();
        let mut principal = serde_json::Map::new();
        for (name, value) in [("id", &self.principal_id), ("name", &self.user_name)] {
            if let Some(value) = value {
                principal.insert(name.to_owned(), Value::String(value.clone()));
            }
        }
        principal.insert("arn".to_owned(), Value::String(self.principal_arn.clone()));
        json!({
            "allowed": false,
            "explicitDeny": statement.is_some(),
            "matchedStatements": items(statement.into_iter().collect()),
            "failures": items(Vec::new()),
            "context": {
                "principal": principal,
                "action": self.action,
                "resource": self.resource,
                "conditions": items(conditions),
            },
            "requestId": self.request_id,
        })
    }
}

impl StatementRow {
    fn to_json(&self) -> Value {
        json!({
            "statementId": self.id.as_deref().unwrap_or_default(),
            "effect": "DENY",
            "principals": items(Vec::new()),
            "principalGroups": items(Vec::new()),
            "actions": items(Vec::new()),
            "resources": items(Vec::new()),
            "conditions": items(Vec::new()),
            "policy": self.policy,
            "policyType": self.source,
        })
    }
}

impl ConditionRow {
    fn to_json(&self) -> Value {
        let values = self.values.iter().map(|value| json!({ "value": value })).collect();
        json!({ "key": self.key, "values": items(values) })
    }

    fn bytes(&self) -> usize {
        let values: usize = self.values.iter().map(|value| value.len() + FRAME_BYTES).sum();
        self.key.len() + values + 3 * FRAME_BYTES
    }
}

fn items(items: Vec<Value>) -> Value {
    Value::Object([("items".to_owned(), Value::Array(items))].into_iter().collect())
}

/// As many of the condition keys as there is room for; those that have none are left out whole, for half a value is a wrong
/// one.
fn fitting(conditions: &[(&'static str, Vec<String>)], mut room: usize) -> Vec<ConditionRow> {
    let mut kept = Vec::with_capacity(conditions.len());
    for (key, values) in conditions {
        let row = ConditionRow { key: (*key).to_owned(), values: values.clone() };
        if let Some(left) = room.checked_sub(row.bytes()) {
            room = left;
            kept.push(row);
        }
    }
    kept
}

fn cut(text: &str, bytes: usize) -> String {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().to_owned()
}

/// Reads arbitrary bytes as an encoded message and as an opened one: the fuzz entry.
///
/// # Panics
/// If a message has two texts, or says something that is no JSON, or not the same again.
#[doc(hidden)]
#[expect(clippy::expect_used, reason = "a fuzz entry: what fails here is a finding")]
pub fn fuzz_authorization_message(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(sealed) = sealed_part(&text) {
        let again = URL_SAFE_NO_PAD.encode([&[FORMAT], sealed.as_slice()].concat());
        assert_eq!(again, text, "a message has one text");
    }
    let Ok(message) = row::decode::<MessageRow>(data) else { return };
    let shown = message.to_json().to_string();
    let read: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(read.pointer("/context/action").and_then(Value::as_str), Some(message.action.as_str()));
    let again: MessageRow = row::decode(&row::encode(&message)).expect("what was just encoded");
    assert_eq!(again, message);
}

#[cfg(test)]
mod tests;
