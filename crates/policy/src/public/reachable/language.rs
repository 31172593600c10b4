//! Elements of a statement as languages.

use std::rc::Rc;

use super::word::{Class, Language, Symbol, symbols};
use crate::condition::{Condition, Texts};
use crate::context::Context;
use crate::document::Patterns;
use crate::pattern::{ArnMatcher, Matcher, owned, parts};
use crate::variable::{Piece, Template, Token, resolve};

/// A text fits if it is of the language, or, where `wanted` is false, if it is not.
#[derive(Clone)]
pub(super) struct Test {
    pub(super) language: Rc<Language>,
    pub(super) wanted: bool,
}

impl Test {
    pub(super) fn new(language: Language, wanted: bool) -> Self {
        Self { language: Rc::new(language), wanted }
    }

    /// The same test, or its opposite.
    pub(super) fn turned(self, holds: bool) -> Self {
        Self { wanted: self.wanted == holds, ..self }
    }
}

/// The texts that fit, and those of which nobody can tell since a variable stands for nothing.
#[derive(Default)]
struct Fitting {
    yes: Language,
    unresolved: Language,
}

impl Fitting {
    /// What is unknown is decided against access: see [`Condition::holds`].
    fn test(mut self, negated: bool, denies: bool) -> Test {
        if negated && !denies {
            self.yes.add(self.unresolved);
        }
        Test::new(self.yes, !negated)
    }

    fn template(&mut self, template: &Template, context: &dyn Context, fold: bool) {
        let Some(text) = template.text(context) else { return self.unresolved.add(Language::all()) };
        let symbol = if fold { Symbol::Fold } else { Symbol::Exact };
        self.yes.push(text.chars().map(symbol).collect());
    }

    fn arn(&mut self, matcher: &ArnMatcher, context: &dyn Context) {
        match matcher {
            ArnMatcher::Any => self.yes.add(Language::all()),
            ArnMatcher::Parts(parts) => self.arn_parts(parts, context),
            ArnMatcher::Whole(tokens) => {
                let owned =
                    |pieces: &[Piece<'_>]| pieces.iter().map(owned).map(Token::Piece).collect::<Vec<_>>();
                match resolve(tokens, context, owned).as_deref().map(parts) {
                    Some(Some(parts)) => self.arn_parts(&parts.map(Matcher::new), context),
                    Some(None) => {}
                    None => self.unresolved.add(Language::form("arn:%:%:%:%:*")),
                }
            }
        }
    }

    /// Joins the parts of an ARN; one that cannot be told makes the whole such.
    fn arn_parts(&mut self, parts: &[Matcher; 6], context: &dyn Context) {
        let mut all = Vec::new();
        let mut known = true;
        for (index, part) in parts.iter().enumerate() {
            let last = index == 5;
            let (pattern, resolved) = matcher(part, context, if last { Class::Any } else { Class::NoColon });
            // What a variable stands for is no more than its part.
            if !last && pattern.contains(&Symbol::Exact(':')) {
                return;
            }
            known &= resolved;
            all.extend(pattern);
            all.extend((!last).then_some(Symbol::Exact(':')));
        }
        if known { self.yes.push(all) } else { self.unresolved.push(all) }
    }
}

/// A pattern, and whether its variables stand for something; if not, the texts that begin as it does.
fn matcher(matcher: &Matcher, context: &dyn Context, class: Class) -> (Vec<Symbol>, bool) {
    let exact = |text: &str| text.chars().map(Symbol::Exact).collect::<Vec<_>>();
    let many = Symbol::Many(class);
    let known = match matcher {
        Matcher::Any => vec![many],
        Matcher::Exact(text) => exact(text),
        Matcher::Prefix(text) => [exact(text), vec![many]].concat(),
        Matcher::Suffix(text) => [vec![many], exact(text)].concat(),
        Matcher::Pieces(pieces) => symbols(pieces, class),
        Matcher::Dynamic(tokens) => match resolve(tokens, context, |pieces| symbols(pieces, class)) {
            Some(pattern) => pattern,
            None => {
                let start = match tokens.first() {
                    Some(Token::Piece(Piece::Text(text))) => exact(text),
                    Some(Token::Piece(Piece::One | Piece::Many) | Token::Variable(_)) | None => Vec::new(),
                };
                return ([start, vec![many]].concat(), false);
            }
        },
    };
    (known, true)
}

/// Which single values make a condition hold; none for conditions that compare no texts.
pub(super) fn of_condition(condition: &Condition, context: &dyn Context, denies: bool) -> Option<Test> {
    let mut fitting = Fitting::default();
    match condition.texts()? {
        Texts::Exact(all) => all.iter().for_each(|template| fitting.template(template, context, false)),
        Texts::IgnoreCase(all) => all.iter().for_each(|template| fitting.template(template, context, true)),
        Texts::Like(all) => {
            for one in all {
                let (pattern, known) = matcher(one, context, Class::Any);
                if known { fitting.yes.push(pattern) } else { fitting.unresolved.push(pattern) }
            }
        }
        Texts::Arn(all) => all.iter().for_each(|arn| fitting.arn(arn, context)),
    }
    Some(fitting.test(condition.operator.negated, denies))
}

/// Which resources a statement is about.
pub(super) fn of_resources(resources: &Patterns, context: &dyn Context, denies: bool) -> Test {
    let mut fitting = Fitting::default();
    for arn in &resources.arns {
        fitting.arn(arn, context);
    }
    fitting.test(resources.negated, denies)
}

/// Which actions, in lower case, a statement is about.
pub(super) fn of_actions(actions: &Patterns) -> Test {
    let mut language = Language::none();
    for word in &actions.patterns {
        let lower = word.as_str().to_ascii_lowercase();
        let wild = |c: char, class| match c {
            '*' => Symbol::Many(class),
            '?' => Symbol::One(class),
            other => Symbol::Exact(other),
        };
        language.push(match lower.split_once(':') {
            None => lower.chars().map(|c| wild(c, Class::Any)).collect(),
            Some((service, name)) => {
                let service = service.chars().map(|c| wild(c, Class::NoColon));
                service.chain([Symbol::Exact(':')]).chain(name.chars().map(|c| wild(c, Class::Any))).collect()
            }
        });
    }
    Test::new(language, !actions.negated)
}

/// A test of an account's number as one of the ARN that the number stands in.
pub(super) fn lifted(test: &Test) -> Test {
    let mut language = Language::none();
    for pattern in test.language.patterns() {
        let digits = pattern.iter().map(|symbol| match *symbol {
            Symbol::Exact(c) | Symbol::Fold(c) => Symbol::Exact(c),
            Symbol::One(_) => Symbol::One(Class::Digit),
            Symbol::Many(_) => Symbol::Many(Class::Digit),
        });
        let before = "arn:aws:".chars().map(Symbol::Exact);
        let service = [Symbol::Many(Class::NoColon), Symbol::Exact(':'), Symbol::Exact(':')];
        let behind = [Symbol::Exact(':'), Symbol::Many(Class::Any)];
        language.push(before.chain(service).chain(digits).chain(behind).collect());
    }
    Test::new(language, test.wanted)
}
