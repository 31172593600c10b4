//! What is advised would allow.

use proptest::prelude::*;
use strongroom_policy::evaluate::{Change, Principal, Source, advise};
use strongroom_policy::{Decision, Policy};

use crate::case::case;
use crate::cases;

/// The slots to which one more statement can be added.
const SLOTS: [(Source, usize); 2] = [(Source::Resource, 3), (Source::Identity, 4)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(4_000)))]

    #[test]
    fn there_is_advice_for_every_denial_and_none_where_nothing_is_denied(case in case()) {
        let policies = case.documents().iter().map(Policy::compile).collect::<Vec<_>>();
        // A bucket's policy cannot name whoever has a token of a provider, and nobody's policy lets workers out.
        let is_beyond = matches!(case.principal, Principal::Worker { .. } | Principal::WebIdentity(_));
        let (decision, advice) =
            case.asked(&policies, |request, sets| (case.decision(&policies), advise(request, sets)));
        match (decision, advice) {
            (Decision::Allow(_), advice) => prop_assert_eq!(advice, Some(Vec::new())),
            (_, None) => prop_assert!(is_beyond, "no advice: {case:?}"),
            (_, Some(changes)) => prop_assert!(!changes.is_empty()),
        }
    }

    #[test]
    fn where_one_statement_is_advised_the_policy_with_it_allows(case in case()) {
        let policies = case.documents().iter().map(Policy::compile).collect::<Vec<_>>();
        let advice = case.asked(&policies, advise);
        if let Some([Change::Allow { source, statement, .. }]) = advice.as_deref()
            && let Some((_, slot)) = SLOTS.into_iter().find(|(slot, _)| slot == source)
            // Escapes came with the newer version of the language.
            && case.newer[slot]
        {
            let more = case.with(slot, |statements| statements.push(statement.clone()));
            prop_assert!(more.allowed(), "{statement} in {more:?}");
        }
    }
}
