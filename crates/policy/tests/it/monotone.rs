//! More denials never allow more, and fewer grants never allow more.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::case::{SLOTS, case};
use crate::{cases, world};

fn denial(slot: usize) -> impl Strategy<Value = String> {
    world::statement(SLOTS[slot]).prop_filter("a denial", |text| text.contains(r#""Effect":"Deny""#))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(2_000)))]

    #[test]
    fn adding_a_denial_never_allows(
        case in case(),
        (slot, deny) in (0..SLOTS.len()).prop_flat_map(|slot| (Just(slot), denial(slot))),
    ) {
        if !case.allowed() {
            let more = case.with(slot, |statements| statements.push(deny));
            prop_assert!(!more.allowed(), "{more:?}");
        }
    }

    #[test]
    fn removing_a_grant_never_allows(case in case(), slot in 0..SLOTS.len(), at in any::<prop::sample::Index>()) {
        let index = at.index(case.slots[slot].len());
        if !case.allowed() && case.slots[slot][index].contains(r#""Effect":"Allow""#) {
            let fewer = case.with(slot, |statements| {
                statements.remove(index);
            });
            prop_assert!(!fewer.allowed(), "{fewer:?}");
        }
    }
}

#[test]
fn the_world_is_small_enough_that_requests_are_allowed_and_denied() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut allowed = 0;
    for _ in 0..2_000 {
        let case = case().new_tree(&mut runner).unwrap().current();
        allowed += usize::from(case.allowed());
    }
    assert!((40..1_960).contains(&allowed), "{allowed} of 2000");
}
