//! Queries of request targets.

use percent_encoding::percent_decode_str;
use strongroom_gate::ErrorReply;

use crate::limits::MAX_QUERY_PARAMETERS;

/// Decodes a query, in its order: `+` is a space, a parameter without `=` has an empty value.
///
/// # Errors
/// `InvalidURI` for what decodes to no text, or too many parameters.
pub(crate) fn parse_query(raw: &str) -> Result<Vec<(String, String)>, ErrorReply> {
    let mut pairs = Vec::new();
    for part in raw.split('&').filter(|part| !part.is_empty()) {
        if pairs.len() == MAX_QUERY_PARAMETERS {
            return Err(invalid_uri());
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        pairs.push((decode_parameter(name)?, decode_parameter(value)?));
    }
    Ok(pairs)
}

/// The first parameter of this name in a query or form, however many others there are.
pub(crate) fn parameter(raw: &str, wanted: &str) -> Option<String> {
    raw.split('&').find_map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let is_wanted = decode_parameter(name).is_ok_and(|name| name == wanted);
        if is_wanted { decode_parameter(value).ok() } else { None }
    })
}

fn decode_parameter(raw: &str) -> Result<String, ErrorReply> {
    if raw.contains('+') { decode_label(&raw.replace('+', " ")) } else { decode_label(raw) }
}

/// Decodes a path label.
///
/// # Errors
/// `InvalidURI` for what decodes to no text.
pub(crate) fn decode_label(raw: &str) -> Result<String, ErrorReply> {
    Ok(percent_decode_str(raw).decode_utf8().map_err(|_| invalid_uri())?.into_owned())
}

pub(crate) fn invalid_uri() -> ErrorReply {
    ErrorReply::new(400, "InvalidURI", "Couldn't parse the specified URI.")
}

/// The target as records keep it: the values of signatures, tokens and the like are removed, its length is bounded.
pub(crate) fn redacted_target(target: &str) -> String {
    // The keys of SSE-C have no place in a query; who puts one there has it in no record at least.
    const SECRET: [&str; 8] = [
        "x-amz-signature",
        "x-amz-security-token",
        "signature",
        "x-amz-credential",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-server-side-encryption-customer-key-md5",
        "x-amz-copy-source-server-side-encryption-customer-key",
        "x-amz-copy-source-server-side-encryption-customer-key-md5",
    ];
    const MAX_BYTES: usize = 4096;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut out = path.to_owned();
    for (at, part) in query.split('&').filter(|part| !part.is_empty()).enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        let (name, _) = part.split_once('=').unwrap_or((part, ""));
        let decoded = percent_decode_str(name).decode_utf8_lossy();
        if SECRET.iter().any(|secret| decoded.eq_ignore_ascii_case(secret)) {
            out.push_str(name);
            out.push_str("=(redacted)");
        } else {
            out.push_str(part);
        }
    }
    let end = out.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_BYTES).last().unwrap_or(0);
    if out.len() > MAX_BYTES {
        out.truncate(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_lose_their_secrets() {
        let kept = redacted_target("/b/k?X-Amz-Signature=abc&prefix=x&X-Amz-Security-Token=t");
        assert_eq!(kept, "/b/k?X-Amz-Signature=(redacted)&prefix=x&X-Amz-Security-Token=(redacted)");
        let kept =
            redacted_target("/b/k?x-amz-server-side-encryption-customer-key=abc&X-Amz%2DSignature=abc");
        assert!(!kept.contains("abc"), "{kept}");
    }

    #[test]
    fn one_parameter_is_found_among_many_and_beside_what_does_not_read() {
        let many = format!("{}%FF=x&Action=Get%55ser&Action=Other", "a=1&".repeat(5_000));
        assert_eq!(parameter(&many, "Action").as_deref(), Some("GetUser"));
        assert_eq!(parameter("Actions=x&action=y", "Action"), None);
    }

    #[test]
    fn a_plus_in_a_query_is_a_space() {
        let pairs = parse_query("prefix=a+b%2Bc&acl").unwrap();
        assert_eq!(pairs, [("prefix".into(), "a b+c".into()), ("acl".into(), String::new())]);
        assert!(parse_query("a=%ff").is_err());
    }
}
