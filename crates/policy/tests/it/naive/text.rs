//! Patterns and variables, a character at a time.

use std::collections::BTreeMap;

/// The keys of a request, in lower case.
pub(crate) type Keys = BTreeMap<String, Vec<String>>;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mark {
    Char(char),
    Any,
    Many,
}

/// What a pattern is in a request, or that a variable stands for nothing.
pub(crate) fn marks(pattern: &str, wild: bool, variables: bool, keys: &Keys) -> Option<Vec<Mark>> {
    let chars = pattern.chars().collect::<Vec<_>>();
    let mut out = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if variables && chars[at] == '$' && chars.get(at + 1) == Some(&'{') {
            let end = at + chars[at..].iter().position(|c| *c == '}').unwrap();
            let inside: String = chars[at + 2..end].iter().collect();
            match inside.as_str() {
                "*" | "?" | "$" => out.push(Mark::Char(inside.chars().next().unwrap())),
                name => out.extend(value(name, keys)?.chars().map(Mark::Char)),
            }
            at = end + 1;
            continue;
        }
        out.push(match chars[at] {
            '*' if wild => Mark::Many,
            '?' if wild => Mark::Any,
            other => Mark::Char(other),
        });
        at += 1;
    }
    Some(out)
}

fn value(inside: &str, keys: &Keys) -> Option<String> {
    let (name, default) = match inside.split_once(',') {
        Some((name, default)) => (name, Some(default.trim().trim_matches('\'').to_owned())),
        None => (inside, None),
    };
    match keys.get(&name.trim().to_lowercase()).map(Vec::as_slice) {
        Some([one]) => Some(one.clone()),
        _ => default,
    }
}

pub(crate) fn matches(marks: &[Mark], text: &[char]) -> bool {
    match marks.split_first() {
        None => text.is_empty(),
        Some((Mark::Many, rest)) => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        Some((Mark::Any, rest)) => !text.is_empty() && matches(rest, &text[1..]),
        Some((Mark::Char(c), rest)) => text.first() == Some(c) && matches(rest, &text[1..]),
    }
}

pub(crate) fn like(marks: &[Mark], text: &str) -> bool {
    matches(marks, &text.chars().collect::<Vec<_>>())
}

/// Yes, no, or nobody can tell.
pub(crate) type Perhaps = Option<bool>;

/// Whether a text is like one of several patterns: yes if like one, unknown if one is unknown.
pub(crate) fn one_of(mut found: impl Iterator<Item = Perhaps>) -> Perhaps {
    let mut unknown = false;
    let yes = found.any(|one| {
        unknown |= one.is_none();
        one == Some(true)
    });
    if yes {
        Some(true)
    } else if unknown {
        None
    } else {
        Some(false)
    }
}

/// Part by part, and `*` alone for everything. A variable stays within its part, unless it stands for several.
pub(crate) fn arn(pattern: &str, text: &str, variables: bool, keys: &Keys) -> Perhaps {
    if pattern == "*" {
        return Some(true);
    }
    let found = text.splitn(6, ':').collect::<Vec<_>>();
    if found.len() < 6 || found[0] != "arn" {
        return Some(false);
    }
    let wanted = parts(pattern, variables);
    if wanted.len() < 6 {
        let whole = marks(pattern, true, variables, keys)?;
        let split = whole.splitn(6, |mark| *mark == Mark::Char(':')).collect::<Vec<_>>();
        let fits = split.iter().zip(&found).all(|(wanted, found)| like(wanted, found));
        return Some(split.len() == 6 && fits);
    }
    let mut unknown = false;
    for (wanted, found) in wanted.iter().zip(&found) {
        match marks(wanted, true, variables, keys) {
            Some(marks) if !like(&marks, found) => return Some(false),
            Some(_) => {}
            // What begins otherwise is not like the pattern, whatever the variable stands for.
            None if !found.starts_with(before_variable(wanted)) => return Some(false),
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(true) }
}

pub(crate) fn before_variable(pattern: &str) -> &str {
    let end = pattern.find(['$', '*', '?']).unwrap_or(pattern.len());
    &pattern[..end]
}

/// Splits at the first five colons that are not within a variable.
fn parts(pattern: &str, variables: bool) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut inside = false;
    for c in pattern.chars() {
        inside = variables && (inside || c == '{') && c != '}';
        if c == ':' && !inside && parts.len() < 6 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts
}
