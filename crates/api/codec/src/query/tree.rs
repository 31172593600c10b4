//! The parameters of a form as the tree that their dotted names make.

use std::collections::BTreeMap;

use strongroom_shape::ReadError;

use crate::limits;

/// A name's value and what is named below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) value: Option<String>,
    pub(crate) children: BTreeMap<String, Tree>,
}

impl Tree {
    /// Makes the tree. A name that comes twice is refused.
    pub(crate) fn new<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Self, ReadError> {
        let mut root = Self::default();
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            if count >= limits::MAX_FORM_PARAMETERS {
                return Err(ReadError::syntax(format!(
                    "more than {} parameters",
                    limits::MAX_FORM_PARAMETERS
                )));
            }
            if name.split('.').take(limits::MAX_FORM_DEPTH + 2).count() > limits::MAX_FORM_DEPTH + 1 {
                return Err(ReadError::syntax(format!(
                    "more than {} dots in a parameter's name",
                    limits::MAX_FORM_DEPTH
                )));
            }
            let mut at = &mut root;
            for part in name.split('.') {
                at = at.children.entry(part.to_owned()).or_default();
            }
            if at.value.replace(value.to_owned()).is_some() {
                return Err(ReadError::syntax("a parameter is given twice"));
            }
        }
        Ok(root)
    }

    /// The children whose names are numbers, in the order of the numbers.
    pub(crate) fn numbered(&self) -> Vec<&Self> {
        let mut found: Vec<(u32, &Self)> = self
            .children
            .iter()
            .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter_map(|(name, tree)| Some((name.parse().ok()?, tree)))
            .collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, tree)| tree).collect()
    }
}

/// Reads `application/x-www-form-urlencoded`.
pub(crate) fn parse_form(body: &[u8]) -> Result<Vec<(String, String)>, ReadError> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let mut pairs = Vec::new();
    for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
        if pairs.len() >= limits::MAX_FORM_PARAMETERS {
            return Err(ReadError::syntax(format!("more than {} parameters", limits::MAX_FORM_PARAMETERS)));
        }
        let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (pair, &[][..]),
        };
        pairs.push((unescape(name)?, unescape(value)?));
    }
    Ok(pairs)
}

fn unescape(text: &[u8]) -> Result<String, ReadError> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_encoding::percent_decode(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| ReadError::syntax("the form is not UTF-8"))
}

/// Entry for fuzzing: reads arbitrary bytes as a form with recursive members of all kinds, in both dialects.
#[doc(hidden)]
pub fn fuzz_query(data: &[u8]) {
    let Ok(pairs) = parse_form(data) else { return };
    let Ok(tree) = Tree::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))) else {
        return;
    };
    for dialect in [super::Dialect::Aws, super::Dialect::Ec2] {
        let _ = super::read_request(&tree, dialect, &mut crate::sink::Sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_tree_of_dotted_names_in_the_order_of_numbers() {
        let pairs = parse_form(b"A.member.10=x&A.member.2=a+b%26&B=&C").unwrap();
        let tree = Tree::new(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))).unwrap();
        let list = tree.children["A"].children["member"].numbered();
        assert_eq!(list.iter().map(|t| t.value.as_deref().unwrap()).collect::<Vec<_>>(), ["a b&", "x"]);
        assert_eq!(tree.children["B"].value.as_deref(), Some(""));
        assert_eq!(tree.children["C"].value.as_deref(), Some(""));
    }

    #[test]
    fn refuses_names_given_twice_and_names_too_deep() {
        assert!(Tree::new([("A.b", "1"), ("A.b", "1")]).is_err());
        let deep = |dots: usize| format!("a{}", ".a".repeat(dots));
        assert!(Tree::new([(deep(limits::MAX_FORM_DEPTH).as_str(), "")]).is_ok());
        assert!(Tree::new([(deep(limits::MAX_FORM_DEPTH + 1).as_str(), "")]).is_err());
    }

    #[test]
    fn refuses_more_parameters_than_the_limit() {
        let form = |count: usize| "a&".repeat(count).into_bytes();
        assert!(parse_form(&form(limits::MAX_FORM_PARAMETERS)).is_ok());
        assert!(parse_form(&form(limits::MAX_FORM_PARAMETERS + 1)).is_err());
        assert!(parse_form(b"a=%ff").is_err());
    }
}
