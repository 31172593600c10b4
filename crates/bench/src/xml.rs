//! The little of S3's XML that a load generator must read and write, by searching for elements: a parser would take
//! longer for a page of a listing than the server's whole answer is to take.

use std::fmt::Write as _;

/// The text of the first element of that name.
pub(crate) fn text(document: &str, name: &str) -> Option<String> {
    next(document, name).map(|(text, _)| unescaped(text))
}

/// The texts of all elements of that name.
pub(crate) fn texts(document: &str, name: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), document);
    while let Some((text, behind)) = next(rest, name) {
        found.push(unescaped(text));
        rest = behind;
    }
    found
}

/// How many elements of that name there are.
pub(crate) fn count(document: &str, name: &str) -> usize {
    document.matches(&format!("<{name}>")).count()
}

fn next<'a>(document: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
}

/// Source: XML 1.0, section 4.6, "Predefined Entities", and section 4.1 for the numeric quotes that some servers write.
fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&#39;", "'")];
    let mut out = text.to_owned();
    for (entity, character) in entities {
        out = out.replace(entity, character);
    }
    // Last, so that nothing is unescaped twice.
    out.replace("&amp;", "&")
}

/// The document of DeleteObjects. The keys are ours and hold nothing to escape.
pub(crate) fn delete_document(keys: &[String]) -> String {
    let mut text = String::with_capacity(128 + keys.len() * 80);
    text.push_str("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for key in keys {
        // INVARIANT: writing to a String cannot fail.
        let _ = write!(text, "<Object><Key>{key}</Key></Object>");
    }
    text.push_str("</Delete>");
    text
}

/// The document of CreateBucket. A region's name holds nothing to escape.
pub(crate) fn create_document(region: &str) -> String {
    format!(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}\
         </LocationConstraint></CreateBucketConfiguration>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_name() {
        let page = "<R><KeyCount>2</KeyCount><Contents><Key>a&amp;lt;b</Key></Contents><Contents><Key>c</Key></Contents>\
                    <NextContinuationToken>x&#34;&quot;y</NextContinuationToken></R>";
        assert_eq!(text(page, "KeyCount").as_deref(), Some("2"));
        assert_eq!(text(page, "NextContinuationToken").as_deref(), Some("x\"\"y"));
        assert_eq!(texts(page, "Key"), ["a&lt;b", "c"]);
        assert_eq!(count(page, "Contents"), 2);
        assert_eq!(text(page, "Message"), None);
        assert_eq!(text("<Key>cut", "Key"), None);
    }

    #[test]
    fn documents_hold_what_is_asked_for() {
        let document = delete_document(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(texts(&document, "Key"), ["a", "b"]);
        assert_eq!(text(&create_document("eu-west-1"), "LocationConstraint").as_deref(), Some("eu-west-1"));
    }
}
