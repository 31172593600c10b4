//! Patterns with `*` and `?`, over texts and over ARNs.

use std::borrow::Cow;

use crate::context::Context;
use crate::variable::{BadVariable, Piece, Syntax, Token, resolve, tokens};
use crate::wildcard::fits;

/// Whether a text fits a pattern with variables: perhaps nobody can tell, since a variable stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    No,
    Unresolved,
}

impl Fit {
    pub(crate) fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    /// Yes if one fits, otherwise unresolved if one is.
    pub(crate) fn any(fits: impl Iterator<Item = Self>) -> Self {
        let mut all = Self::No;
        for fit in fits {
            match fit {
                Self::Yes => return Self::Yes,
                Self::Unresolved => all = Self::Unresolved,
                Self::No => {}
            }
        }
        all
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters and `?` for any one.
pub fn wildcard_match(pattern: &str, text: &str) -> bool {
    Matcher::plain(pattern).fits_plain(text)
}

/// A pattern, in the form that is quickest to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Matcher {
    Any,
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Pieces(Box<[Piece<'static>]>),
    Dynamic(Box<[Token]>),
}

impl Matcher {
    pub(crate) fn parse(text: &str, variables: bool) -> Result<Self, BadVariable> {
        Ok(Self::new(tokens(text, Syntax { wildcards: true, variables })?))
    }

    /// A pattern in which `${…}` means nothing.
    pub(crate) fn plain(text: &str) -> Self {
        Self::new(tokens(text, Syntax { wildcards: true, variables: false }).unwrap_or_default())
    }

    pub(crate) fn new(tokens: Vec<Token>) -> Self {
        use Piece::{Many, Text};
        match tokens.as_slice() {
            [] => Self::Exact("".into()),
            [Token::Piece(Many)] => Self::Any,
            [Token::Piece(Text(text))] => Self::Exact(text.as_ref().into()),
            [Token::Piece(Text(text)), Token::Piece(Many)] => Self::Prefix(text.as_ref().into()),
            [Token::Piece(Many), Token::Piece(Text(text))] => Self::Suffix(text.as_ref().into()),
            all => {
                let piece = |token: &Token| match token {
                    Token::Piece(piece) => Some(piece.clone()),
                    Token::Variable(_) => None,
                };
                match all.iter().map(piece).collect::<Option<Vec<_>>>() {
                    Some(pieces) => Self::Pieces(pieces.into()),
                    None => Self::Dynamic(tokens.into()),
                }
            }
        }
    }

    pub(crate) fn fit(&self, text: &str, context: &dyn Context) -> Fit {
        match self {
            // What begins otherwise cannot fit, whatever the variables stand for.
            Self::Dynamic(tokens) => match tokens.first() {
                Some(Token::Piece(Piece::Text(start))) if !text.starts_with(start.as_ref()) => Fit::No,
                _ => match resolve(tokens, context, |pieces| fits(pieces, text)) {
                    Some(yes) => Fit::of(yes),
                    None => Fit::Unresolved,
                },
            },
            Self::Any | Self::Exact(_) | Self::Prefix(_) | Self::Suffix(_) | Self::Pieces(_) => {
                self.fixed(text)
            }
        }
    }

    /// Whether a text fits a pattern without variables.
    pub(crate) fn fits_plain(&self, text: &str) -> bool {
        self.fixed(text) == Fit::Yes
    }

    fn fixed(&self, text: &str) -> Fit {
        Fit::of(match self {
            Self::Any => true,
            Self::Exact(exact) => **exact == *text,
            Self::Prefix(prefix) => text.starts_with(&**prefix),
            Self::Suffix(suffix) => text.ends_with(&**suffix),
            Self::Pieces(pieces) => fits(pieces, text),
            Self::Dynamic(_) => return Fit::Unresolved,
        })
    }
}

/// An ARN's six parts, or a text that is no ARN, as `*` where an action has no resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArnParts<'a> {
    parts: Option<[&'a str; 6]>,
}

impl<'a> ArnParts<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut split = text.splitn(6, ':');
        let mut part = || split.next();
        let parts = (|| Some([part()?, part()?, part()?, part()?, part()?, part()?]))();
        Self { parts: parts.filter(|[scheme, ..]| *scheme == "arn") }
    }
}

/// A pattern over ARNs: each of the six parts is matched by itself, so that a wildcard does not reach across a colon
/// into the account; only the last part, the resource, may hold colons.
///
/// Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Amazon Resource Name (ARN) condition
/// operators", and "IAM JSON policy elements: Resource".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArnMatcher {
    /// `*` alone.
    Any,
    Parts(Box<[Matcher; 6]>),
    /// A variable that may stand for several parts.
    Whole(Box<[Token]>),
}

/// Why a text is not a pattern over ARNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadArn {
    Variable,
    Form,
}

impl ArnMatcher {
    /// Reads a pattern. `whole` says whether a variable may stand for more than a part, as in conditions.
    pub(crate) fn parse(text: &str, variables: bool, whole: bool) -> Result<Self, BadArn> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let tokens =
            tokens(text, Syntax { wildcards: true, variables }).map_err(|BadVariable| BadArn::Variable)?;
        let dynamic = tokens.iter().any(|token| matches!(token, Token::Variable(_)));
        match parts(&tokens) {
            Some(parts) => {
                let matchers = parts.map(Matcher::new);
                let [scheme, ..] = &matchers;
                let resource = matchers.last() != Some(&Matcher::Exact("".into()));
                if resource && matches!(scheme, Matcher::Exact(scheme) if **scheme == *"arn") {
                    Ok(Self::Parts(Box::new(matchers)))
                } else {
                    Err(BadArn::Form)
                }
            }
            None if dynamic && whole => Ok(Self::Whole(tokens.into())),
            None => Err(BadArn::Form),
        }
    }

    pub(crate) fn fit(&self, arn: &ArnParts<'_>, context: &dyn Context) -> Fit {
        match (self, &arn.parts) {
            (Self::Any, _) => Fit::Yes,
            (Self::Parts(matchers), Some(parts)) => fit_parts(matchers, parts, context),
            (Self::Whole(tokens), Some(found)) => {
                let owned =
                    |pieces: &[Piece<'_>]| pieces.iter().map(owned).map(Token::Piece).collect::<Vec<_>>();
                match resolve(tokens, context, owned).as_deref().map(parts) {
                    Some(Some(wanted)) => fit_parts(&wanted.map(Matcher::new), found, context),
                    Some(None) => Fit::No,
                    None => Fit::Unresolved,
                }
            }
            (Self::Parts(_) | Self::Whole(_), None) => Fit::No,
        }
    }

    /// The service that the pattern speaks of, where it names one.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Parts(parts) => match &**parts {
                [_, _, Matcher::Exact(service), ..] => Some(service),
                _ => None,
            },
            Self::Any | Self::Whole(_) => None,
        }
    }
}

pub(crate) fn owned(piece: &Piece<'_>) -> Piece<'static> {
    match piece {
        Piece::Text(text) => Piece::Text(Cow::Owned(text.to_string())),
        Piece::One => Piece::One,
        Piece::Many => Piece::Many,
    }
}

fn fit_parts(matchers: &[Matcher; 6], parts: &[&str; 6], context: &dyn Context) -> Fit {
    let mut all = Fit::Yes;
    // The last part tells most patterns apart.
    for (matcher, part) in matchers.iter().zip(parts).rev() {
        match matcher.fit(part, context) {
            Fit::Yes => {}
            Fit::No => return Fit::No,
            Fit::Unresolved => all = Fit::Unresolved,
        }
    }
    all
}

/// Splits tokens at the first five colons that are written out.
pub(crate) fn parts(tokens: &[Token]) -> Option<[Vec<Token>; 6]> {
    let mut parts: [Vec<Token>; 6] = Default::default();
    let mut part = 0;
    for token in tokens {
        let Token::Piece(Piece::Text(text)) = token else {
            parts.get_mut(part)?.push(token.clone());
            continue;
        };
        let mut rest = text.as_ref();
        loop {
            let (here, behind) = if part < 5 {
                rest.split_once(':').map_or((rest, None), |(a, b)| (a, Some(b)))
            } else {
                (rest, None)
            };
            if !here.is_empty() {
                parts.get_mut(part)?.push(Token::Piece(Piece::Text(Cow::Owned(here.to_owned()))));
            }
            let Some(behind) = behind else { break };
            part += 1;
            rest = behind;
        }
    }
    (part == 5).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{ContextMap, NoContext};

    #[test]
    fn wildcards_stand_for_characters() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("?", "", false),
            ("?", "ä", true),
            ("??", "ä", false),
            ("a?c*e", "abcdde", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("*ab", "aab", true),
            ("a**b", "ab", true),
            ("*?", "", false),
            ("?*", "x", true),
            ("abc", "abcd", false),
            ("*aab*", "aaaab", true),
        ] {
            assert_eq!(wildcard_match(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_in_time() {
        assert!(!wildcard_match(&"a*".repeat(500), &format!("{}b", "a".repeat(499))));
    }

    fn arn(pattern: &str, text: &str) -> bool {
        ArnMatcher::parse(pattern, true, false).unwrap().fit(&ArnParts::of(text), &NoContext) == Fit::Yes
    }

    #[test]
    fn each_part_of_an_arn_is_matched_by_itself() {
        assert!(arn("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c"));
        assert!(!arn("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket"));
        assert!(!arn("arn:aws:s3:::bucket", "arn:aws:s3:::bucket2"));
        assert!(arn("arn:aws:iam::*:role/x", "arn:aws:iam::111111111111:role/x"));
        assert!(!arn("arn:aws:sqs:*:1:q", "arn:aws:sqs:eu:2:1:q"));
        assert!(arn("arn:*:s3:::b?", "arn:aws:s3:::b1"));
        assert!(arn("*", "*"));
        assert!(!arn("arn:aws:s3:::*", "*"));
    }

    #[test]
    fn a_pattern_over_arns_has_six_parts() {
        for bad in ["", "bucket", "arn:aws:s3:::", "arn:aws:s3*", "urn:aws:s3:::b", "**", "${aws:x}"] {
            assert_eq!(ArnMatcher::parse(bad, true, false), Err(BadArn::Form), "{bad}");
        }
    }

    #[test]
    fn a_value_with_a_wildcard_or_colon_opens_nothing() {
        let context = ContextMap::new().with("aws:username", "*").with("aws:userid", "1:user/x");
        let fit = |pattern, text| {
            ArnMatcher::parse(pattern, true, false).unwrap().fit(&ArnParts::of(text), &context)
        };
        assert_eq!(fit("arn:aws:s3:::b/${aws:username}/x", "arn:aws:s3:::b/other/x"), Fit::No);
        assert_eq!(fit("arn:aws:s3:::b/${aws:username}/x", "arn:aws:s3:::b/*/x"), Fit::Yes);
        assert_eq!(fit("arn:aws:iam::${aws:userid}:x", "arn:aws:iam::1:user/x:x"), Fit::No);
        assert_eq!(fit("arn:aws:s3:::b/${aws:none}", "arn:aws:s3:::b/x"), Fit::Unresolved);
    }

    #[test]
    fn in_conditions_a_variable_may_be_a_whole_arn() {
        let context = ContextMap::new().with("aws:SourceArn", "arn:aws:s3:::b");
        let matcher = ArnMatcher::parse("${aws:SourceArn}", true, true).unwrap();
        assert_eq!(matcher.fit(&ArnParts::of("arn:aws:s3:::b"), &context), Fit::Yes);
        assert_eq!(matcher.fit(&ArnParts::of("arn:aws:s3:::c"), &context), Fit::No);
        assert_eq!(matcher.fit(&ArnParts::of("arn:aws:s3:::b"), &NoContext), Fit::Unresolved);
    }
}
