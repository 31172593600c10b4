use super::*;
use crate::context::{ContextMap, NoContext};

fn condition(operator: &str, values: &[&str]) -> Condition {
    Condition::parse(Operator::parse(operator).unwrap(), "x:Key", values, true).unwrap()
}

/// Decides with the key absent (`None`) or with these values, for an Allow.
fn holds(operator: &str, wanted: &[&str], found: Option<&[&str]>) -> bool {
    let condition = condition(operator, wanted);
    match found {
        None => condition.holds(&NoContext, false),
        Some(found) => {
            let found = found.iter().map(|value| (*value).to_owned());
            condition.holds(&ContextMap::new().with_all("X:kEY", found), false)
        }
    }
}

/// For each operator: the policy's values, a value that fits, one that does not.
const PAIRS: &[(&str, &[&str], &str, &str)] = &[
    ("StringEquals", &["a", "b"], "b", "B"),
    ("StringEquals", &["a*"], "a*", "ab"),
    ("StringEqualsIgnoreCase", &["Ab"], "aB", "abc"),
    ("StringLike", &["a*", "b?"], "bc", "cb"),
    ("NumericEquals", &["10"], "10.0", "11"),
    ("NumericLessThan", &["10"], "9.9", "10"),
    ("NumericLessThanEquals", &["10"], "10", "10.1"),
    ("NumericGreaterThan", &["1.2"], "1.3", "1.2"),
    ("NumericGreaterThanEquals", &["10"], "10", "9"),
    ("DateEquals", &["2026-11-24T16:32:38Z"], "1795537958", "1795537959"),
    ("DateLessThan", &["2026-01-01"], "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
    ("DateLessThanEquals", &["2026-01-01"], "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
    ("DateGreaterThan", &["2026-01-01T00:00:00Z"], "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"),
    ("DateGreaterThanEquals", &["2026-01-01T00:00:00Z"], "2026-01-01T00:00:00Z", "2025-06-01T00:00:00Z"),
    ("Bool", &["true"], "TRUE", "false"),
    ("BinaryEquals", &["QmluYXJ5"], "QmluYXJ5", "QmluYXJ6"),
    ("IpAddress", &["203.0.113.0/24", "2001:db8::/32"], "2001:db8::7", "198.51.100.1"),
    ("ArnEquals", &["arn:aws:s3:::b*"], "arn:aws:s3:::bucket", "arn:aws:s3:::cup"),
    ("ArnLike", &["arn:aws:iam::*:role/x"], "arn:aws:iam::111111111111:role/x", "arn:aws:iam::1:a:role/x"),
];

fn negation(operator: &str) -> Option<String> {
    if operator == "IpAddress" {
        return Some("NotIpAddress".to_owned());
    }
    let kinds = ["String", "Numeric", "Date", "Arn"];
    let kind = kinds.iter().find(|kind| operator.starts_with(**kind))?;
    let negated = operator.replacen(kind, &format!("{kind}Not"), 1);
    Operator::parse(&negated).map(|_| negated)
}

#[test]
fn each_operator_tells_what_fits_from_what_does_not() {
    for (operator, wanted, fits, differs) in PAIRS {
        assert!(holds(operator, wanted, Some(&[fits])), "{operator} {fits}");
        assert!(!holds(operator, wanted, Some(&[differs])), "{operator} {differs}");
    }
}

#[test]
fn each_negation_is_the_opposite() {
    for (operator, wanted, fits, differs) in PAIRS {
        let Some(negated) = negation(operator) else { continue };
        assert!(!holds(&negated, wanted, Some(&[fits])), "{negated} {fits}");
        assert!(holds(&negated, wanted, Some(&[differs])), "{negated} {differs}");
    }
}

#[test]
fn an_absent_key_matches_nothing_so_that_only_negations_hold() {
    for (operator, wanted, ..) in PAIRS {
        assert!(!holds(operator, wanted, None), "{operator}");
        assert!(!holds(operator, wanted, Some(&[])), "{operator}");
        assert!(holds(&format!("{operator}IfExists"), wanted, None), "{operator}IfExists");
        if let Some(negated) = negation(operator) {
            assert!(holds(&negated, wanted, None), "{negated}");
            assert!(holds(&format!("{negated}IfExists"), wanted, None), "{negated}IfExists");
        }
    }
}

#[test]
fn if_exists_changes_nothing_where_the_key_exists() {
    for (operator, wanted, fits, differs) in PAIRS {
        assert!(holds(&format!("{operator}IfExists"), wanted, Some(&[fits])), "{operator}");
        assert!(!holds(&format!("{operator}IfExists"), wanted, Some(&[differs])), "{operator}");
    }
}

#[test]
fn for_all_values_wants_each_value_to_fit_and_holds_without_any() {
    let all = |found: Option<&[&str]>| holds("ForAllValues:StringEquals", &["a", "b"], found);
    assert!(all(Some(&["a", "b"])));
    assert!(!all(Some(&["a", "c"])));
    assert!(all(None));
    assert!(all(Some(&[])));
    assert!(all(Some(&[""])));
}

#[test]
fn for_any_value_wants_one_value_to_fit_and_fails_without_any() {
    let any = |found: Option<&[&str]>| holds("ForAnyValue:StringLike", &["a*"], found);
    assert!(any(Some(&["x", "ab"])));
    assert!(!any(Some(&["x"])));
    assert!(!any(None));
    assert!(!any(Some(&[""])));
    assert!(holds("ForAnyValue:StringLikeIfExists", &["a*"], None));
}

#[test]
fn set_operators_keep_their_meaning_under_negation() {
    let all = |found: Option<&[&str]>| holds("ForAllValues:StringNotEquals", &["a", "b"], found);
    assert!(all(Some(&["c", "d"])));
    assert!(!all(Some(&["c", "a"])));
    assert!(all(None));
    let any = |found: Option<&[&str]>| holds("ForAnyValue:StringNotEquals", &["a", "b"], found);
    assert!(any(Some(&["a", "c"])));
    assert!(!any(Some(&["a", "b"])));
    assert!(!any(None));
}

#[test]
fn several_values_without_a_set_operator_negate_as_a_whole() {
    assert!(holds("StringEquals", &["a"], Some(&["a", "c"])));
    assert!(!holds("StringNotEquals", &["a"], Some(&["a", "c"])));
    assert!(holds("StringNotEquals", &["a"], Some(&["b", "c"])));
}

#[test]
fn null_asks_whether_the_key_is_absent() {
    assert!(holds("Null", &["true"], None));
    assert!(!holds("Null", &["true"], Some(&["x"])));
    assert!(holds("Null", &["false"], Some(&["x"])));
    assert!(holds("Null", &["false"], Some(&[""])));
    assert!(!holds("Null", &["FALSE"], None));
    assert!(holds("Null", &["true"], Some(&[])));
    assert!(holds("Null", &["true", "false"], None));
}

#[test]
fn an_empty_list_of_values_fits_nothing() {
    assert!(!holds("StringEquals", &[], Some(&["a"])));
    assert!(holds("StringNotEquals", &[], Some(&["a"])));
}

#[test]
fn a_value_of_another_type_fits_nothing() {
    assert!(!holds("NumericLessThan", &["5"], Some(&["many"])));
    assert!(holds("NumericNotEquals", &["5"], Some(&["many"])));
    assert!(!holds("DateLessThan", &["2026-01-01"], Some(&["soon"])));
    assert!(!holds("IpAddress", &["0.0.0.0/0"], Some(&["here"])));
    assert!(!holds("Bool", &["false"], Some(&["no"])));
    assert!(!holds("ArnLike", &["arn:aws:s3:::*"], Some(&["bucket"])));
}

#[test]
fn values_that_an_operator_cannot_take_are_refused() {
    for (operator, value) in [
        ("NumericEquals", "ten"),
        ("DateEquals", "tomorrow"),
        ("Bool", "yes"),
        ("BinaryEquals", "%%"),
        ("IpAddress", "10.0.0.0/99"),
        ("ArnLike", "bucket"),
        ("Null", "maybe"),
        ("NumericEquals", "${aws:x}"),
        ("IpAddress", "${aws:x}"),
        ("StringLike", "${aws:x"),
    ] {
        let parsed = Condition::parse(Operator::parse(operator).unwrap(), "x:key", &["1", value], true);
        assert!(matches!(parsed, Err((_, Reason::Value { .. } | Reason::Variable(_)))), "{operator} {value}");
    }
}

#[test]
fn variables_take_part_in_text_arn_and_bool_comparisons() {
    let context = ContextMap::new()
        .with("x:key", "home/ann/")
        .with("aws:username", "ann")
        .with("x:flag", "true")
        .with("x:arn", "arn:aws:s3:::b");
    let decide = |operator: &str, key: &str, value: &str| {
        Condition::parse(Operator::parse(operator).unwrap(), key, &[value], true)
            .unwrap()
            .holds(&context, false)
    };
    assert!(decide("StringEquals", "x:key", "home/${aws:username}/"));
    assert!(decide("StringLike", "x:key", "*/${aws:username}/*"));
    assert!(decide("Bool", "x:flag", "${x:flag}"));
    assert!(decide("ArnEquals", "x:arn", "${x:arn}"));
    assert!(!decide("StringEquals", "x:key", "home/${aws:userid}/"));
    assert!(decide("StringEquals", "x:key", "home/${aws:userid, 'ann'}/"));
}

#[test]
fn an_unresolved_variable_in_a_negation_is_decided_against_access() {
    let condition = condition("StringNotEquals", &["${aws:userid}"]);
    let context = ContextMap::new().with("x:key", "a");
    assert!(!condition.holds(&context, false));
    assert!(condition.holds(&context, true));
}
