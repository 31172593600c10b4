//! Texts that fit some patterns and not others: whether there is one, and a shortest one.
//!
//! The patterns of the policy language are regular: `*`, `?` and characters. What fits all of some and none of others is
//! found by walking all of them at once, a character at a time. Characters that no pattern names behave alike, so that
//! one stands for all of them, and the walk sees every case: if it finds no text, there is none.

use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use crate::variable::Piece;

/// What `*` or `?` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Any,
    Digit,
    /// All but `:`: a wildcard in an ARN does not reach across its parts.
    NoColon,
    NoSlash,
}

impl Class {
    fn has(self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::Digit => c.is_ascii_digit(),
            Self::NoColon => c != ':',
            Self::NoSlash => c != '/',
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Exact(char),
    /// The character, whatever its case.
    Fold(char),
    One(Class),
    Many(Class),
}

impl Symbol {
    fn fits(self, c: char) -> bool {
        match self {
            Self::Exact(wanted) => wanted == c,
            Self::Fold(wanted) => wanted.to_lowercase().eq(c.to_lowercase()),
            Self::One(class) | Self::Many(class) => class.has(c),
        }
    }
}

/// The texts that fit one pattern of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Language {
    patterns: Vec<Vec<Symbol>>,
}

impl Language {
    /// No text.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Every text.
    pub(super) fn all() -> Self {
        Self::of(vec![Symbol::Many(Class::Any)])
    }

    pub(super) fn of(pattern: Vec<Symbol>) -> Self {
        Self { patterns: vec![pattern] }
    }

    /// This text alone.
    pub(super) fn text(text: &str) -> Self {
        Self::of(text.chars().map(Symbol::Exact).collect())
    }

    /// A form of ours, in which `*` and `?` stand for any characters, `#` for a digit, `%` for characters without colon,
    /// `~` for characters without slash.
    pub(super) fn form(form: &str) -> Self {
        Self::of(form.chars().map(symbol).collect())
    }

    pub(super) fn add(&mut self, other: Self) {
        self.patterns.extend(other.patterns);
    }

    pub(super) fn push(&mut self, pattern: Vec<Symbol>) {
        self.patterns.push(pattern);
    }

    pub(super) fn patterns(&self) -> &[Vec<Symbol>] {
        &self.patterns
    }
}

fn symbol(c: char) -> Symbol {
    match c {
        '*' => Symbol::Many(Class::Any),
        '?' => Symbol::One(Class::Any),
        '#' => Symbol::One(Class::Digit),
        '%' => Symbol::Many(Class::NoColon),
        '~' => Symbol::Many(Class::NoSlash),
        other => Symbol::Exact(other),
    }
}

/// Pieces of a pattern whose wildcards stand for `class`.
pub(super) fn symbols(pieces: &[Piece<'_>], class: Class) -> Vec<Symbol> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend(text.chars().map(Symbol::Exact)),
            Piece::One => out.push(Symbol::One(class)),
            Piece::Many => out.push(Symbol::Many(class)),
        }
    }
    out
}

/// A language that a text must, or must not, be of.
pub(super) type Demand<'a> = (&'a Language, bool);

/// What became of a search for a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Word(String),
    /// There is none.
    None,
    /// More work than was allowed.
    TooHard,
}

/// What a step costs beside the words of its state.
const STEP: usize = 16;

/// Nodes of a state, and words of one that is given up again, that cost together what a word costs that is kept.
const CHEAP: usize = 4;

/// Words of states that one search keeps: 16 MiB, since each is kept twice.
const MAX_KEPT: usize = 1 << 20;

/// Finds a shortest text that meets all demands. `budget` is how much may be looked at, and is used up.
pub(super) fn find(demands: &[Demand<'_>], budget: &Cell<usize>) -> Found {
    let automaton = Automaton::new(demands);
    if !spend(budget, automaton.nodes.len()) {
        return Found::TooHard;
    }
    let alphabet = alphabet(demands);
    let mut walk = Walk { seen: HashSet::new(), states: Vec::new() };
    walk.visit(automaton.start(), 0, None);
    let mut at = 0;
    while let Some((state, ..)) = walk.states.get(at).cloned() {
        if automaton.accepts(&state) {
            return Found::Word(walk.word(at));
        }
        let set = state.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        let cost = STEP + (state.len() + set) / CHEAP;
        for c in &alphabet {
            if !spend(budget, cost) {
                return Found::TooHard;
            }
            if let Some(next) = automaton.step(&state, *c) {
                if !spend(budget, next.len()) {
                    return Found::TooHard;
                }
                walk.visit(next, at, Some(*c));
            }
        }
        if walk.states.len().saturating_mul(state.len()) > MAX_KEPT {
            return Found::TooHard;
        }
        at += 1;
    }
    Found::None
}

/// Takes work off a budget; false where it is not enough, and then nothing is left.
pub(super) fn spend(budget: &Cell<usize>, work: usize) -> bool {
    let left = budget.get().checked_sub(work);
    budget.set(left.unwrap_or_default());
    left.is_some()
}

/// States in the order in which they were met, each with the one before it and the character between.
struct Walk {
    seen: HashSet<State>,
    states: Vec<(State, usize, Option<char>)>,
}

impl Walk {
    fn visit(&mut self, state: State, from: usize, c: Option<char>) {
        if self.seen.insert(state.clone()) {
            self.states.push((state, from, c));
        }
    }

    fn word(&self, end: usize) -> String {
        let mut letters = Vec::new();
        let mut at = end;
        while let Some((_, from, Some(c))) = self.states.get(at) {
            letters.push(*c);
            at = *from;
        }
        letters.iter().rev().collect()
    }
}

/// One character for each that behaves in a way of its own, those that nobody names first.
fn alphabet(demands: &[Demand<'_>]) -> Vec<char> {
    let mut named = BTreeSet::new();
    let all = demands.iter().flat_map(|(language, _)| language.patterns.iter().flatten());
    for symbol in all {
        match *symbol {
            Symbol::Exact(c) => {
                named.insert(c);
            }
            Symbol::Fold(c) => {
                named.extend(c.to_lowercase().chain(c.to_uppercase()));
                // The sign of Kelvin is the one character beside them whose lower case is a Latin letter.
                if c.eq_ignore_ascii_case(&'k') {
                    named.insert('\u{212A}');
                }
            }
            Symbol::One(class) | Symbol::Many(class) => match class {
                Class::Any => {}
                Class::Digit => named.extend('0'..='9'),
                Class::NoColon => {
                    named.insert(':');
                }
                Class::NoSlash => {
                    named.insert('/');
                }
            },
        }
    }
    let letters = ('x'..='z').chain('a'..='w').chain('A'..='Z').chain('\u{A1}'..='\u{FFFF}');
    let unnamed = letters.filter(|c| !named.contains(c)).take(1).collect::<Vec<_>>();
    unnamed.into_iter().chain(named.iter().copied()).collect()
}

/// One bit for each node of the automaton.
type State = Box<[u64]>;

enum Node {
    Symbol(Symbol),
    End,
}

/// All patterns, one behind the other; a node leads to the one behind it.
struct Automaton {
    nodes: Vec<Node>,
    starts: Vec<usize>,
    /// For each language: its nodes, the ends among them, and whether a text must be of it.
    languages: Vec<(Range<usize>, Vec<usize>, bool)>,
}

fn has(state: &State, node: usize) -> bool {
    state.get(node / 64).is_some_and(|word| word >> (node % 64) & 1 == 1)
}

fn has_any(state: &State, nodes: &Range<usize>) -> bool {
    let Some(end) = nodes.end.checked_sub(1).filter(|_| !nodes.is_empty()) else { return false };
    let (first, last) = (nodes.start / 64, end / 64);
    state.iter().enumerate().take(last + 1).skip(first).any(|(at, word)| {
        let from = if at == first { u64::MAX << (nodes.start % 64) } else { u64::MAX };
        let to = if at == last { u64::MAX >> (63 - end % 64) } else { u64::MAX };
        word & from & to != 0
    })
}

fn set(state: &mut State, node: usize) {
    if let Some(word) = state.get_mut(node / 64) {
        *word |= 1 << (node % 64);
    }
}

fn bits(state: &State) -> impl Iterator<Item = usize> {
    state.iter().enumerate().flat_map(|(at, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(at * 64 + bit)
        })
    })
}

impl Automaton {
    fn new(demands: &[Demand<'_>]) -> Self {
        let mut automaton = Self { nodes: Vec::new(), starts: Vec::new(), languages: Vec::new() };
        for (language, wanted) in demands {
            let from = automaton.nodes.len();
            let mut ends = Vec::new();
            for pattern in &language.patterns {
                automaton.starts.push(automaton.nodes.len());
                automaton.nodes.extend(pattern.iter().copied().map(Node::Symbol));
                ends.push(automaton.nodes.len());
                automaton.nodes.push(Node::End);
            }
            automaton.languages.push((from..automaton.nodes.len(), ends, *wanted));
        }
        automaton
    }

    fn start(&self) -> State {
        let mut state: State = vec![0; self.nodes.len().div_ceil(64)].into();
        for start in &self.starts {
            self.enter(&mut state, *start);
        }
        state
    }

    /// Sets a node and what a `*` there lets be passed over.
    fn enter(&self, state: &mut State, mut node: usize) {
        while !has(state, node) {
            set(state, node);
            match self.nodes.get(node) {
                Some(Node::Symbol(Symbol::Many(_))) => node += 1,
                Some(Node::Symbol(_) | Node::End) | None => return,
            }
        }
    }

    /// `None` where a text that must be of a language can no longer be.
    fn step(&self, state: &State, c: char) -> Option<State> {
        let mut next: State = vec![0; state.len()].into();
        for node in bits(state) {
            match self.nodes.get(node) {
                Some(Node::Symbol(symbol)) if symbol.fits(c) => {
                    let stays = matches!(symbol, Symbol::Many(_));
                    self.enter(&mut next, if stays { node } else { node + 1 });
                }
                Some(Node::Symbol(_) | Node::End) | None => {}
            }
        }
        let hopeless = self.languages.iter().any(|(nodes, _, wanted)| *wanted && !has_any(&next, nodes));
        (!hopeless).then_some(next)
    }

    fn accepts(&self, state: &State) -> bool {
        let fits = |ends: &[usize]| ends.iter().any(|end| has(state, *end));
        self.languages.iter().all(|(_, ends, wanted)| fits(ends) == *wanted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pattern::wildcard_match;

    fn word(demands: &[(&str, bool)]) -> Option<String> {
        let languages =
            demands.iter().map(|(form, wanted)| (Language::form(form), *wanted)).collect::<Vec<_>>();
        let demands = languages.iter().map(|(language, wanted)| (language, *wanted)).collect::<Vec<_>>();
        match find(&demands, &Cell::new(1 << 22)) {
            Found::Word(word) => Some(word),
            Found::None => None,
            Found::TooHard => panic!("too hard"),
        }
    }

    #[test]
    fn a_shortest_text_meets_all_demands() {
        assert_eq!(word(&[("a*", true)]).unwrap(), "a");
        assert_eq!(word(&[("a*", true), ("a", false)]).unwrap(), "ax");
        assert_eq!(word(&[("a*", true), ("*b", true), ("ab", false)]).unwrap(), "axb");
        assert_eq!(word(&[("?*", true), ("x*", false)]).unwrap(), "y");
        assert_eq!(word(&[("vpc-##", true), ("vpc-00", false), ("vpc-?1", true)]).unwrap(), "vpc-01");
        assert_eq!(word(&[("a%:b", true), ("a*:*:*", true)]), None);
    }

    #[test]
    fn where_there_is_no_text_none_is_found() {
        assert_eq!(word(&[("a", true), ("b", true)]), None);
        assert_eq!(word(&[("a*", true), ("*", false)]), None);
        assert_eq!(word(&[("?", true), ("??*", true)]), None);
        assert_eq!(word(&[("a?*", true), ("a", false), ("a*", false)]), None);
        assert_eq!(word(&[("", false), ("?*", false)]), None);
    }

    #[test]
    fn case_is_folded_where_it_is_asked_for() {
        let folded = Language::of("ab".chars().map(Symbol::Fold).collect());
        let (lower, mixed) = (Language::text("ab"), Language::text("aB"));
        let demands = [(&folded, true), (&lower, false), (&mixed, false)];
        assert_eq!(find(&demands, &Cell::new(10_000)), Found::Word("AB".to_owned()));
    }

    #[test]
    fn a_search_that_is_too_hard_says_so() {
        let forms = (0..20).map(|n| format!("*a{}b*", "?".repeat(n))).collect::<Vec<_>>();
        let languages = forms.iter().map(|form| Language::form(form)).collect::<Vec<_>>();
        let demands = languages.iter().map(|language| (language, true)).collect::<Vec<_>>();
        assert_eq!(find(&demands, &Cell::new(2_000)), Found::TooHard);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// All texts over three letters, one of which no pattern names, up to a length beyond which nothing is new.
        #[test]
        fn a_text_is_found_exactly_where_there_is_one(
            demands in prop::collection::vec(("[ab*?]{0,4}", any::<bool>()), 1..4),
        ) {
            let pairs = demands.iter().map(|(form, wanted)| (form.as_str(), *wanted)).collect::<Vec<_>>();
            let meets = |text: &str| pairs.iter().all(|(form, wanted)| wildcard_match(form, text) == *wanted);
            let found = word(&pairs);
            prop_assert!(found.as_deref().is_none_or(meets), "{pairs:?} {found:?}");
            let mut texts = vec![String::new()];
            let mut exists = false;
            for _ in 0..7 {
                exists |= texts.iter().any(|text| meets(text));
                texts = texts.iter().flat_map(|text| ["a", "b", "x"].map(|c| format!("{text}{c}"))).collect();
                if exists { break }
            }
            prop_assert!(found.is_some() || !exists, "{pairs:?}");
            prop_assert_eq!(found.is_some_and(|word| word.len() < 7), exists, "{:?}", pairs);
        }
    }
}
