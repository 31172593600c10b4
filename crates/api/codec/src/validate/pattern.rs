//! Patterns of the models, which are Java's regular expressions, as those of the `regex` crate: without backtracking,
//! so that no text of a caller can make one slow.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use regex::{Regex, RegexBuilder};

use crate::limits;

type Cache = RwLock<HashMap<&'static str, Option<Arc<Regex>>>>;

/// Whether the whole of `text` is of the pattern. A pattern that is not supported holds for every text.
pub(super) fn holds(pattern: &'static str, text: &str) -> bool {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    let cache = CACHE.get_or_init(Cache::default);
    let known = cache.read().ok().and_then(|known| known.get(pattern).cloned());
    let compiled = known.unwrap_or_else(|| {
        let compiled = compile(pattern).map(Arc::new);
        if let Ok(mut known) = cache.write() {
            known.insert(pattern, compiled.clone());
        }
        compiled
    });
    compiled.is_none_or(|regex| regex.is_match(text))
}

/// Whether a pattern of a model can be checked. Those with look-around or back-references cannot.
pub fn pattern_is_supported(pattern: &str) -> bool {
    compile(pattern).is_some()
}

fn compile(pattern: &str) -> Option<Regex> {
    let translated = format!(r"\A(?:{})\z", translate(pattern));
    RegexBuilder::new(&translated).size_limit(limits::MAX_PATTERN_BYTES).build().ok()
}

/// Java's syntax where it differs: `\w`, `\d`, `\s` mean ASCII, `\/` and the like are allowed, pairs of surrogates stand
/// for the characters beyond U+FFFF, and `[` within a class is literal in the models that were made for JavaScript.
fn translate(pattern: &str) -> String {
    let pattern = pattern
        .replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}")
        .replace(r"\ud800\udc00-\udbff\udfff", r"\x{10000}-\x{10FFFF}");
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut class = 0_usize;
    let mut class_begins = false;
    while let Some(character) = characters.next() {
        let begins = std::mem::take(&mut class_begins);
        match character {
            '\\' => match characters.next() {
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('s') => out.push_str(r"[\t\n\x0B\f\r ]"),
                Some('S') => out.push_str(r"[^\t\n\x0B\f\r ]"),
                Some(other @ ('/' | '=' | ':' | '_' | '@' | '%' | '"' | '\'' | ',' | ';' | '!' | '`')) => {
                    out.push(other);
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if class == 0 => {
                class = 1;
                class_begins = true;
                out.push('[');
            }
            '^' if begins => {
                class_begins = true;
                out.push('^');
            }
            // An unescaped bracket within a class; `[:` would be a named class to the regex crate.
            '[' if class > 0 => out.push_str(r"\["),
            ']' if begins => out.push_str(r"\]"),
            ']' if class > 0 => {
                class = 0;
                out.push(']');
            }
            // Set operations of the regex crate that Java (`&&` aside) does not have.
            '&' | '~' | '-' if class > 0 && characters.peek() == Some(&character) => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_the_whole_text_with_java_s_ascii_classes() {
        assert!(holds(r"[\w+=,.@-]+", "alice@example.com"));
        assert!(!holds(r"[\w+=,.@-]+", "alice bob"));
        assert!(!holds(r"[\w+=,.@-]+", "é"));
        assert!(holds(r"^\d{12}$", "123456789012"));
        assert!(!holds(r"^\d{12}$", "1234567890123"));
        assert!(!holds(r"^\d{12}$", "123456789012\n"));
        assert!(holds(r"arn:[\w+=\/,.@-]+:[^:]*", "arn:a/b:c"));
    }

    #[test]
    fn surrogate_pairs_are_characters_beyond_the_basic_plane() {
        let pattern = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*";
        assert!(pattern_is_supported(pattern));
        assert!(holds(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\u{1f600}"));
        assert!(!holds(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\u{1}"));
    }

    #[test]
    fn look_around_is_not_supported() {
        assert!(!pattern_is_supported(r"^(?!aws:).*$"));
    }
}
