//! Conditions of reads and writes.
//!
//! Source: RFC 9110, section 13.2.2 (precedence), section 8.8.3.2 (comparison); S3 User Guide, "Conditional reads",
//! "Conditional writes", "Conditional deletes".

use strongroom_gate::ErrorReply;
use strongroom_types::{ObjectKey, Timestamp};

use super::versions::CurrentFound;
use crate::error;

/// Whether a list of entity tags (`*`, or tags with or without quotes, weak or not) names `etag`. `weak` tags count only
/// where comparison is weak (`If-None-Match`). S3 takes tags without quotes too.
fn names(list: &str, etag: &str, weak: bool) -> bool {
    list.split(',').map(str::trim).any(|tag| {
        let tag = match tag.strip_prefix("W/") {
            Some(tag) if weak => tag,
            Some(_) => return false,
            None => tag,
        };
        tag == "*" || tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag) == etag
    })
}

/// How a failed condition is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All hold.
    Proceed,
    /// This one, by its name in the answer, does not hold.
    Failed(&'static str),
    /// What the client has is still good, says this condition.
    NotModified(&'static str),
}

/// Conditions of a read, or of reading the source of a copy.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_field_names, reason = "the names of the headers")]
pub(crate) struct ReadConditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions<'_> {
    /// Evaluates them in RFC 9110's order: a tag's condition outweighs its date's.
    pub(crate) fn evaluate(&self, etag: &str, modified: Timestamp) -> Outcome {
        let modified = modified.truncated_to_seconds();
        match (self.if_match, self.if_unmodified_since) {
            (Some(list), _) if !names(list, etag, false) => return Outcome::Failed("If-Match"),
            (None, Some(since)) if modified > since => return Outcome::Failed("If-Unmodified-Since"),
            _ => {}
        }
        match (self.if_none_match, self.if_modified_since) {
            (Some(list), _) if names(list, etag, true) => Outcome::NotModified("If-None-Match"),
            (None, Some(since)) if modified <= since => Outcome::NotModified("If-Modified-Since"),
            _ => Outcome::Proceed,
        }
    }
}

/// Conditions of a write or delete, on the current object.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteConditions {
    if_match: Option<String>,
    if_none_match: bool,
}

impl WriteConditions {
    /// Reads them. `If-None-Match` knows only `*`.
    ///
    /// # Errors
    /// `NotImplemented`, as S3 answers, for a tag in `If-None-Match` and for both at once.
    pub(crate) fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, ErrorReply> {
        let message = "A header you provided implies functionality that is not implemented";
        match if_none_match.map(str::trim) {
            None => {}
            Some("*") if if_match.is_none() => {}
            Some(_) => return Err(error::not_implemented("If-None-Match", message)),
        }
        Ok(Self { if_match: if_match.map(str::to_owned), if_none_match: if_none_match.is_some() })
    }

    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        self.if_none_match || self.if_match.is_some()
    }

    /// Evaluates them. The commit that relies on the result demands that the current row is unchanged, so that of two
    /// racing writers one finds the other's object.
    ///
    /// # Errors
    /// `PreconditionFailed`; `NoSuchKey` for `If-Match` where there is nothing.
    pub(crate) fn check(&self, key: &ObjectKey, current: &CurrentFound) -> Result<(), ErrorReply> {
        match (&self.if_match, current) {
            (Some(_), None) => return Err(error::no_such_key(key)),
            (Some(list), Some((current, _))) if !names(list, &current.etag, false) => {
                return Err(error::precondition_failed("If-Match"));
            }
            _ => {}
        }
        if self.if_none_match && current.is_some() {
            return Err(error::precondition_failed("If-None-Match"));
        }
        Ok(())
    }

    /// The answer once no further try is made.
    pub(crate) fn gave_up(&self, key: &ObjectKey) -> ErrorReply {
        if self.if_none_match {
            error::conditional_request_conflict("If-None-Match", key)
        } else if self.if_match.is_some() {
            error::conditional_request_conflict("If-Match", key)
        } else {
            error::slow_down()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "0cc175b9c0f1b6a831c399e269772661";

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000 + 500)
    }

    #[test]
    fn tags_match_with_and_without_quotes_and_in_lists() {
        for list in [ETAG, &format!("\"{ETAG}\""), &format!("\"x\", \"{ETAG}\""), "*"] {
            assert!(names(list, ETAG, false), "{list}");
        }
        assert!(!names("\"x\"", ETAG, true));
        assert!(!names(&format!("W/\"{ETAG}\""), ETAG, false));
        assert!(names(&format!("W/\"{ETAG}\""), ETAG, true));
    }

    #[test]
    fn a_tag_that_matches_outweighs_a_date_that_does_not() {
        let conditions = ReadConditions {
            if_match: Some(ETAG),
            if_unmodified_since: Some(Timestamp::from_secs(1)),
            ..ReadConditions::default()
        };
        assert_eq!(conditions.evaluate(ETAG, at(9)), Outcome::Proceed);
        let conditions = ReadConditions {
            if_none_match: Some("other"),
            if_modified_since: Some(Timestamp::from_secs(100)),
            ..ReadConditions::default()
        };
        assert_eq!(conditions.evaluate(ETAG, at(9)), Outcome::Proceed);
    }

    #[test]
    fn dates_are_compared_in_whole_seconds() {
        let since = Some(Timestamp::from_secs(9));
        let modified = ReadConditions { if_modified_since: since, ..ReadConditions::default() };
        assert_eq!(modified.evaluate(ETAG, at(9)), Outcome::NotModified("If-Modified-Since"));
        assert_eq!(modified.evaluate(ETAG, at(10)), Outcome::Proceed);
        let unmodified = ReadConditions { if_unmodified_since: since, ..ReadConditions::default() };
        assert_eq!(unmodified.evaluate(ETAG, at(9)), Outcome::Proceed);
        assert_eq!(unmodified.evaluate(ETAG, at(10)), Outcome::Failed("If-Unmodified-Since"));
    }

    #[test]
    fn a_failed_match_comes_before_a_match_of_none() {
        let conditions = ReadConditions {
            if_match: Some("other"),
            if_none_match: Some(ETAG),
            ..ReadConditions::default()
        };
        assert_eq!(conditions.evaluate(ETAG, at(1)), Outcome::Failed("If-Match"));
    }
}
