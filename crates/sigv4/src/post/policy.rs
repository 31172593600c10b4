//! The policy of a form: what it may upload, where, and until when.

use base64::Engine as _;
use strongroom_types::{BucketName, ObjectKey, Timestamp};

use super::auth::PostField;
use super::json::{Json, with_json_escapes};
use crate::error::PostError;
use crate::limits::{MAX_POST_CONDITIONS, MAX_POST_POLICY_BYTES};

/// Where a form would put its file.
#[derive(Debug, Clone, Copy)]
pub struct PostTarget<'a> {
    /// The bucket of the request.
    pub bucket: &'a BucketName,
    /// The key that will be written: the field `key` with `${filename}` replaced.
    pub key: &'a ObjectKey,
}

/// A parsed policy.
///
/// Source: S3 API Reference, "POST Policy".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
    min_bytes: u64,
    max_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Equal,
    StartsWith,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    kind: Match,
    /// In lower case, without its dollar sign.
    field: String,
    /// As the policy has it.
    name: String,
    operand: String,
}

/// Fields that need no condition: what carries the policy and its signature, and what the page keeps for itself.
///
/// Source: S3 API Reference, "POST Policy", "Conditions".
fn needs_no_condition(name: &str) -> bool {
    matches!(name, "x-amz-signature" | "file" | "policy" | "awsaccesskeyid" | "signature")
        || name.starts_with("x-ignore-")
}

fn invalid(message: impl Into<String>) -> PostError {
    PostError::PolicyInvalid(message.into())
}

impl PostPolicy {
    /// Parses the Base64 text of a policy.
    ///
    /// # Errors
    /// [`PostError::PolicyTooLarge`], [`PostError::PolicyInvalid`]. Keys that occur twice, keys that are not
    /// defined and conditions of other forms are refused.
    pub fn parse(base64_text: &str) -> Result<Self, PostError> {
        if base64_text.len() > MAX_POST_POLICY_BYTES {
            return Err(PostError::PolicyTooLarge);
        }
        let bytes = base64::engine::general_purpose::STANDARD.decode(base64_text);
        let bytes = bytes.map_err(|_| invalid("the policy is not Base64"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid("the policy is not UTF-8"))?;
        let Json::Object(members) = Json::parse(&with_json_escapes(text)).map_err(invalid)? else {
            return Err(invalid("the policy is not a JSON object"));
        };
        let (mut expiration, mut conditions) = (None, None);
        for (name, value) in members {
            match (name.as_str(), value) {
                ("expiration", Json::String(text)) => expiration = Some(text),
                ("conditions", Json::Array(items)) => conditions = Some(items),
                ("expiration" | "conditions", _) => {
                    return Err(invalid(format!("'{name}' is of the wrong type")));
                }
                _ => return Err(invalid(format!("Unexpected: '{name}'"))),
            }
        }
        let expiration = expiration.ok_or_else(|| invalid("Policy missing expiration."))?;
        let conditions = conditions.ok_or_else(|| invalid("Policy missing conditions."))?;
        Self::of_conditions(&expiration, conditions)
    }

    fn of_conditions(expiration: &str, items: Vec<Json>) -> Result<Self, PostError> {
        let expiration = Timestamp::parse_iso8601(expiration);
        let expiration =
            expiration.map_err(|_| invalid("Invalid 'expiration' value: not an ISO 8601 time"))?;
        let mut policy = Self { expiration, conditions: Vec::new(), min_bytes: 0, max_bytes: u64::MAX };
        for item in items {
            match item {
                Json::Object(members) if !members.is_empty() => {
                    for (name, value) in members {
                        let Json::String(operand) = value else {
                            return Err(invalid("Invalid Simple-Condition: value must be a string."));
                        };
                        policy.push(Match::Equal, name, operand)?;
                    }
                }
                Json::Array(parts) => policy.push_array(parts)?,
                Json::Object(_) | Json::String(_) | Json::Whole(_) | Json::Other => {
                    return Err(invalid("Invalid Condition: must be a non-empty object or an array."));
                }
            }
        }
        Ok(policy)
    }

    fn push(&mut self, kind: Match, name: String, operand: String) -> Result<(), PostError> {
        if self.conditions.len() == MAX_POST_CONDITIONS {
            return Err(invalid("the policy has too many conditions"));
        }
        if name.is_empty() {
            return Err(invalid("Invalid Condition: the field has no name."));
        }
        self.conditions.push(Condition { kind, field: name.to_ascii_lowercase(), name, operand });
        Ok(())
    }

    fn push_array(&mut self, parts: Vec<Json>) -> Result<(), PostError> {
        let shape =
            || invalid("Invalid Condition: must be [operator, $field, value] or a content-length-range.");
        let [operator, first, second] = <[Json; 3]>::try_from(parts).map_err(|_| shape())?;
        let Json::String(operator) = operator else { return Err(shape()) };
        let kind = match operator.to_ascii_lowercase().as_str() {
            "eq" => Match::Equal,
            "starts-with" => Match::StartsWith,
            "content-length-range" => return self.push_range(&first, &second),
            _ => return Err(invalid(format!("Invalid Condition: unknown operator '{operator}'"))),
        };
        let (Json::String(field), Json::String(operand)) = (first, second) else { return Err(shape()) };
        let name =
            field.strip_prefix('$').ok_or_else(|| invalid("Invalid Condition: a field begins with '$'."))?;
        self.push(kind, name.to_owned(), operand)
    }

    fn push_range(&mut self, min: &Json, max: &Json) -> Result<(), PostError> {
        let bound = |json: &Json| match json {
            Json::Whole(number) => Some(*number),
            Json::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Json::String(_) | Json::Array(_) | Json::Object(_) | Json::Other => None,
        };
        match (bound(min), bound(max)) {
            (Some(min), Some(max)) if min <= max => {
                self.min_bytes = self.min_bytes.max(min);
                self.max_bytes = self.max_bytes.min(max);
                Ok(())
            }
            _ => Err(invalid("Invalid content-length-range: must be two lengths, the smaller first.")),
        }
    }

    /// When the policy ends.
    pub fn expiration(&self) -> Timestamp {
        self.expiration
    }

    /// The largest file that the policy allows, in bytes: a cap for reading it.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Checks the form: every condition holds, and bucket, key and every field have a condition.
    ///
    /// `fields` are all fields that precede the file, as they came. A condition on `key` is about the key that is
    /// written; one that equals a text with `${filename}` may also equal the field as it came.
    ///
    /// # Errors
    /// [`PostError::ConditionFailed`], [`PostError::ExtraField`].
    pub fn check(&self, fields: &[PostField<'_>], target: &PostTarget<'_>) -> Result<(), PostError> {
        for condition in &self.conditions {
            if !condition.holds(fields, target) {
                return Err(PostError::ConditionFailed(condition.describe()));
            }
        }
        let names = fields.iter().map(|field| field.name.to_ascii_lowercase());
        let uncovered: Vec<String> = ["bucket".to_owned(), "key".to_owned()]
            .into_iter()
            .chain(names.filter(|name| name != "bucket" && name != "key"))
            .filter(|name| !needs_no_condition(name))
            .filter(|name| !self.conditions.iter().any(|condition| condition.field == *name))
            .collect();
        if !uncovered.is_empty() {
            return Err(PostError::ExtraField(uncovered.join(", ")));
        }
        let other_bucket = |field: &PostField<'_>| {
            field.name.eq_ignore_ascii_case("bucket") && field.value != target.bucket.as_str()
        };
        if fields.iter().any(other_bucket) {
            return Err(PostError::ConditionFailed(format!("[\"eq\", \"$bucket\", \"{}\"]", target.bucket)));
        }
        Ok(())
    }

    /// Checks the size of the file, in bytes.
    ///
    /// # Errors
    /// [`PostError::EntityTooSmall`], [`PostError::EntityTooLarge`].
    pub fn check_size(&self, bytes: u64) -> Result<(), PostError> {
        if bytes > self.max_bytes {
            return Err(PostError::EntityTooLarge { proposed_bytes: bytes, max_bytes: self.max_bytes });
        }
        if bytes < self.min_bytes {
            return Err(PostError::EntityTooSmall { proposed_bytes: bytes, min_bytes: self.min_bytes });
        }
        Ok(())
    }
}

impl Condition {
    fn holds(&self, fields: &[PostField<'_>], target: &PostTarget<'_>) -> bool {
        let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(&self.field));
        let as_it_came = field.map(|field| field.value).unwrap_or_default();
        match self.field.as_str() {
            "bucket" => self.matches(target.bucket.as_str()),
            "key" => {
                let names_file = self.kind == Match::Equal && self.operand.contains("${filename}");
                self.matches(target.key.as_str()) || (names_file && self.matches(as_it_came))
            }
            // A list of content types meets a prefix only if each of them does.
            "content-type" if self.kind == Match::StartsWith => {
                as_it_came.split(',').all(|one| self.matches(one.trim()))
            }
            _ => self.matches(as_it_came),
        }
    }

    fn matches(&self, value: &str) -> bool {
        match self.kind {
            Match::Equal => value == self.operand,
            Match::StartsWith => value.starts_with(&self.operand),
        }
    }

    fn describe(&self) -> String {
        let operator = match self.kind {
            Match::Equal => "eq",
            Match::StartsWith => "starts-with",
        };
        format!("[\"{operator}\", \"${}\", \"{}\"]", self.name, self.operand)
    }
}

/// Fuzz entry: the text of a policy, as it is and in Base64. What is accepted never lets a form pass that has a field
/// without a condition.
#[doc(hidden)]
pub fn fuzz_post_policy(data: &[u8]) {
    let _ = PostPolicy::parse(&String::from_utf8_lossy(data));
    let encoded = base64::engine::general_purpose::STANDARD.encode(data);
    let Ok(policy) = PostPolicy::parse(&encoded) else { return };
    let (Ok(bucket), Ok(key)) = (BucketName::parse("bucket"), ObjectKey::parse("key")) else { return };
    let stranger = "a-field-that-no-policy-names";
    let fields = [PostField { name: "key", value: "key" }, PostField { name: stranger, value: "" }];
    let covered = policy.conditions.iter().any(|condition| condition.field == stranger);
    assert!(covered || policy.check(&fields, &PostTarget { bucket: &bucket, key: &key }).is_err());
    let _ = policy.check_size(0);
}
