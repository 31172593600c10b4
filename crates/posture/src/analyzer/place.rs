//! Where in a document a finding is, as Access Analyzer says it.

use std::ops::Range;

use strongroom_api_accessanalyzer::{Location, PathElement, Position, Span};

fn number(value: usize) -> Option<i32> {
    i32::try_from(value).ok()
}

/// The position of a byte: lines from 1, columns and offsets from 0, in characters.
fn position(source: &str, byte: usize) -> Position {
    let before = source.get(..byte).unwrap_or(source);
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count();
    Position {
        line: number(before.matches('\n').count() + 1),
        column: number(column),
        offset: number(before.chars().count()),
    }
}

/// The elements of a path like `$.Statement[0].Condition`.
fn elements(path: &str) -> Vec<PathElement> {
    let mut elements = Vec::new();
    for part in path.trim_start_matches('$').split('.').filter(|part| !part.is_empty()) {
        let (name, indices) = part.split_once('[').unwrap_or((part, ""));
        elements.push(PathElement { value: Some(name.to_owned()), ..PathElement::default() });
        for index in indices.split(['[', ']']).filter_map(|index| index.parse().ok()) {
            elements.push(PathElement { index: Some(index), ..PathElement::default() });
        }
    }
    elements
}

/// The place of these bytes of a document, in the element of that path.
pub(super) fn location(source: &str, path: &str, span: Range<usize>) -> Location {
    let (start, end) = (position(source, span.start), position(source, span.end));
    Location { path: elements(path), span: Span { start, end } }
}

/// The place of a fault, of which only the beginning is known.
pub(super) fn point(source: &str, path: &str, line: usize, column: usize) -> Location {
    let start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    let byte = start + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>();
    location(source, path, byte..byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters() {
        let source = "{\n \"é\": \"b\"}";
        let found = location(source, "$.Statement[1].Action", 9..12);
        assert_eq!(source.get(9..12), Some("\"b\""));
        let numbers = |position: &Position| (position.line, position.column, position.offset);
        assert_eq!(numbers(&found.span.start), (Some(2), Some(6), Some(8)));
        assert_eq!(numbers(&found.span.end), (Some(2), Some(9), Some(11)));
        let path: Vec<_> =
            found.path.iter().map(|element| (element.value.as_deref(), element.index)).collect();
        assert_eq!(path, [(Some("Statement"), None), (None, Some(1)), (Some("Action"), None)]);
        assert_eq!(point(source, "$", 2, 7).span.start.offset, Some(8));
        assert_eq!(point(source, "$", 9, 9).span.start.offset, Some(12));
    }
}
