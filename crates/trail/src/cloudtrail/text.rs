//! Text that fits its field and its line.

use crate::limits::cloudtrail::{ARN_BYTES, SHORT_BYTES, TEXT_BYTES};

/// At most 1 KB of it.
pub(crate) fn cut(text: &str) -> &str {
    cut_to(text, TEXT_BYTES)
}

/// At most half a KB of it.
pub(crate) fn cut_short(text: &str) -> &str {
    cut_to(text, SHORT_BYTES)
}

/// At most what an object's ARN can take.
pub(crate) fn cut_arn(text: &str) -> &str {
    cut_to(text, ARN_BYTES)
}

fn cut_to(text: &str, most_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(most_bytes)).unwrap_or_default()
}

/// Escapes, in JSON text, what serde_json leaves alone and a terminal or a line reader might act on: DEL and C1
/// controls, line and paragraph separators, and marks that turn the direction of writing.
pub(crate) fn harmless(json: String) -> String {
    use std::fmt::Write as _;

    if json.is_ascii() && !json.contains('\u{7f}') {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match character {
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}
