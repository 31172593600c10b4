//! Where the statements of a policy stand in its text.

use strongroom_api_iam as api;

/// Begin and end of each statement, in bytes, of a text that is a valid policy: one statement, or a list of them.
pub(super) fn statements(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    // The member "Statement" of the outermost object, whose value is an object or a list of objects.
    let mut in_statement = false;
    let (mut found, mut began) = (Vec::new(), 0);
    let level = |list: bool| if list { 3 } else { 2 };
    let mut is_list = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                let is_name = depth == 1 && followed_by_colon(bytes, end);
                if is_name {
                    in_statement = bytes.get(at..end) == Some(b"\"Statement\"");
                    is_list = false;
                }
                at = end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if in_statement && depth == 2 && *byte == b'[' {
                    is_list = true;
                }
                if in_statement && *byte == b'{' && depth == level(is_list) {
                    began = at;
                }
            }
            b'}' | b']' => {
                if in_statement && *byte == b'}' && depth == level(is_list) {
                    found.push((began, at + 1));
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Behind the closing quotation mark of the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'\\' => end += 2,
            b'"' => return end + 1,
            _ => end += 1,
        }
    }
    end
}

fn followed_by_colon(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// Source: IAM API Reference, `Position`: "The line containing the specified position in the document" and "The column",
/// from 1.
pub(super) fn position(text: &str, at: usize) -> api::Position {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let count = |count| i32::try_from(count).ok();
    api::Position { line: count(line), column: count(column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        statements(text).into_iter().map(|(from, to)| &text[from..to]).collect()
    }

    #[test]
    fn statements_are_found_in_a_list_and_alone() {
        let list =
            r#"{"Version":"2012-10-17","Statement":[{"a":{"b":[{"c":"]}\"{"}]}}, {"d":1}],"Id":{"x":[{}]}}"#;
        assert_eq!(texts(list), [r#"{"a":{"b":[{"c":"]}\"{"}]}}"#, r#"{"d":1}"#]);
        let alone = r#"{"Id":"Statement", "Statement" : {"a":{"Statement":[{}]}} ,"Version":"x"}"#;
        assert_eq!(texts(alone), [r#"{"a":{"Statement":[{}]}}"#]);
        assert!(texts("").is_empty() && texts("{\"Statement\":\"").is_empty());
    }

    #[test]
    fn each_statement_of_every_managed_policy_is_found() {
        for policy in crate::iam::managed::all() {
            let kind = strongroom_policy::Kind::Managed;
            let document = strongroom_policy::Document::parse(policy.document.as_bytes(), kind).unwrap();
            let found = texts(policy.document);
            assert_eq!(found.len(), document.statements().len(), "{}", policy.name);
            for (text, statement) in found.iter().zip(document.statements()) {
                let alone = format!(r#"{{"Version":"2012-10-17","Statement":{text}}}"#);
                let alone = strongroom_policy::Document::parse(alone.as_bytes(), kind).unwrap();
                assert_eq!(alone.statements(), std::slice::from_ref(statement), "{}", policy.name);
            }
        }
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        let at = |at| position("ab\nçd", at);
        assert_eq!((at(0).line, at(0).column), (Some(1), Some(1)));
        assert_eq!((at(3).line, at(3).column), (Some(2), Some(1)));
        assert_eq!((at(5).line, at(5).column), (Some(2), Some(2)));
    }
}
