//! Text with policy variables and wildcards, as pieces.
//!
//! Source: IAM User Guide, "IAM policy elements: Variables and tags".

use std::borrow::Cow;

use crate::context::{Context, Values};

/// What a pattern is made of once its variables have values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Exactly this.
    Text(Cow<'a, str>),
    /// `?`: any one character.
    One,
    /// `*`: any characters, or none.
    Many,
}

/// `${key}` or `${key, 'default'}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// In lower case.
    pub(crate) key: Box<str>,
    pub(crate) default: Option<Box<str>>,
}

/// What a pattern is made of as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Piece(Piece<'static>),
    Variable(Variable),
}

/// A variable that is not closed, or names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadVariable;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// `*` and `?` stand for other characters.
    pub(crate) wildcards: bool,
    /// `${…}` has a meaning: since version 2012-10-17 of the language.
    pub(crate) variables: bool,
}

/// Takes a text apart.
pub(crate) fn tokens(text: &str, syntax: Syntax) -> Result<Vec<Token>, BadVariable> {
    let mut tokens = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if syntax.variables && rest.starts_with("${") {
            let (reference, behind) = reference(rest.get(2..).unwrap_or_default())?;
            rest = behind;
            match reference {
                Reference::Literal(c) => plain.push(c),
                Reference::Variable(variable) => {
                    flush(&mut plain, &mut tokens);
                    tokens.push(Token::Variable(variable));
                }
            }
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '*' if syntax.wildcards => {
                flush(&mut plain, &mut tokens);
                if tokens.last() != Some(&Token::Piece(Piece::Many)) {
                    tokens.push(Token::Piece(Piece::Many));
                }
            }
            '?' if syntax.wildcards => {
                flush(&mut plain, &mut tokens);
                tokens.push(Token::Piece(Piece::One));
            }
            _ => plain.push(c),
        }
    }
    flush(&mut plain, &mut tokens);
    Ok(tokens)
}

fn flush(plain: &mut String, tokens: &mut Vec<Token>) {
    if !plain.is_empty() {
        tokens.push(Token::Piece(Piece::Text(Cow::Owned(std::mem::take(plain)))));
    }
}

enum Reference {
    Literal(char),
    Variable(Variable),
}

/// Reads what stands behind `${`, up to and with the closing brace.
fn reference(text: &str) -> Result<(Reference, &str), BadVariable> {
    for literal in ['*', '?', '$'] {
        if let Some(rest) = text.strip_prefix(literal).and_then(|rest| rest.strip_prefix('}')) {
            return Ok((Reference::Literal(literal), rest));
        }
    }
    let end = text.find([',', '}', '$', '{', '\'']).ok_or(BadVariable)?;
    let (key, rest) = text.split_at(end);
    let key = key.trim();
    if key.is_empty() {
        return Err(BadVariable);
    }
    let (default, rest) = match rest.strip_prefix(',') {
        None => (None, rest),
        Some(rest) => {
            let rest = rest.trim_start().strip_prefix('\'').ok_or(BadVariable)?;
            let (default, rest) = rest.split_once('\'').ok_or(BadVariable)?;
            (Some(default.into()), rest.trim_start())
        }
    };
    let rest = rest.strip_prefix('}').ok_or(BadVariable)?;
    Ok((Reference::Variable(Variable { key: key.to_lowercase().into(), default }), rest))
}

impl Variable {
    /// What the variable stands for in a request; `None` where it stands for nothing.
    pub(crate) fn value<'a>(&'a self, context: &'a dyn Context) -> Option<Cow<'a, str>> {
        let found = context.values(&self.key).and_then(Values::single);
        found.or_else(|| self.default.as_deref().map(Cow::Borrowed))
    }
}

/// Patterns of more pieces than this need memory of their own while they are matched.
const FEW: usize = 8;

/// Hands the pieces that a pattern has in a request to `use_them`; `None` where a variable stands for nothing.
pub(crate) fn resolve<R>(
    tokens: &[Token],
    context: &dyn Context,
    use_them: impl FnOnce(&[Piece<'_>]) -> R,
) -> Option<R> {
    let piece = |token| match token {
        &Token::Piece(Piece::Text(ref text)) => Some(Piece::Text(Cow::Borrowed(text.as_ref()))),
        Token::Piece(Piece::One) => Some(Piece::One),
        Token::Piece(Piece::Many) => Some(Piece::Many),
        // What a variable stands for is text: a `*` in a tag opens nothing.
        Token::Variable(variable) => variable.value(context).map(Piece::Text),
    };
    let mut few = [const { Piece::Many }; FEW];
    match few.get_mut(..tokens.len()) {
        Some(pieces) => {
            for (slot, token) in pieces.iter_mut().zip(tokens) {
                *slot = piece(token)?;
            }
            Some(use_them(pieces))
        }
        None => Some(use_them(&tokens.iter().map(piece).collect::<Option<Vec<_>>>()?)),
    }
}

/// Text without wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Template {
    Fixed(Box<str>),
    Dynamic(Box<[Token]>),
}

impl Template {
    pub(crate) fn parse(text: &str, variables: bool) -> Result<Self, BadVariable> {
        let tokens = tokens(text, Syntax { wildcards: false, variables })?;
        Ok(match tokens.as_slice() {
            [] => Self::Fixed("".into()),
            [Token::Piece(Piece::Text(text))] => Self::Fixed(text.as_ref().into()),
            _ => Self::Dynamic(tokens.into()),
        })
    }

    pub(crate) fn text<'a>(&'a self, context: &'a dyn Context) -> Option<Cow<'a, str>> {
        match self {
            Self::Fixed(text) => Some(Cow::Borrowed(text)),
            Self::Dynamic(tokens) => match &**tokens {
                [Token::Variable(variable)] => variable.value(context),
                all => resolve(all, context, joined).map(Cow::Owned),
            },
        }
    }
}

fn joined(pieces: &[Piece<'_>]) -> String {
    let mut out = String::new();
    for piece in pieces {
        if let Piece::Text(text) = piece {
            out.push_str(text);
        }
    }
    out
}

/// The keys that a text's variables name, in lower case.
pub(crate) fn keys(text: &str) -> Vec<Box<str>> {
    let tokens = tokens(text, Syntax { wildcards: false, variables: true }).unwrap_or_default();
    let key = |token| match token {
        Token::Variable(variable) => Some(variable.key),
        Token::Piece(_) => None,
    };
    tokens.into_iter().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ContextMap;

    fn text(template: &str, context: &ContextMap) -> Option<String> {
        Template::parse(template, true).unwrap().text(context).map(Cow::into_owned)
    }

    #[test]
    fn variables_take_their_values_from_the_request() {
        let context = ContextMap::new().with("aws:username", "ann").with("aws:PrincipalTag/team", "red");
        assert_eq!(text("home/${aws:username}/x", &context).unwrap(), "home/ann/x");
        assert_eq!(text("${AWS:UserName}${aws:principaltag/Team}", &context).unwrap(), "annred");
        assert_eq!(text("home/${aws:userid}", &context), None);
    }

    #[test]
    fn a_default_stands_in_for_a_missing_value() {
        let context = ContextMap::new().with("aws:username", "ann");
        assert_eq!(text("${aws:PrincipalTag/team, 'company-wide'}", &context).unwrap(), "company-wide");
        assert_eq!(text("${aws:username, 'nobody'}", &context).unwrap(), "ann");
        assert_eq!(text("${aws:userid, ''}", &context).unwrap(), "");
        assert_eq!(text("${aws:userid,'a}b'}c", &context).unwrap(), "a}bc");
    }

    #[test]
    fn escapes_are_the_characters_themselves() {
        assert_eq!(text("${*}${?}${$}{x}", &ContextMap::new()).unwrap(), "*?${x}");
        let escaped = tokens("a${*}", Syntax { wildcards: true, variables: true }).unwrap();
        assert_eq!(escaped, [Token::Piece(Piece::Text("a*".into()))]);
    }

    #[test]
    fn without_variables_a_dollar_is_a_dollar() {
        let template = Template::parse("${aws:username}", false).unwrap();
        assert_eq!(template, Template::Fixed("${aws:username}".into()));
    }

    #[test]
    fn broken_variables_are_refused() {
        for bad in
            ["${", "${}", "${a", "${a:b, c}", "${a:b, 'c}", "${a:b 'c'}", "${a${b}}", "${ }", "${a:b, 'c' x}"]
        {
            assert!(Template::parse(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_keys_of_variables_are_listed() {
        assert_eq!(
            keys("${aws:UserName}/${*}/${s3:prefix, 'x'}"),
            ["aws:username".into(), "s3:prefix".into()]
        );
    }
}
