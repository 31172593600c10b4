//! Conditions.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators"; "Condition operators with multiple context
//! keys or values"; "Single-valued vs. multivalued context keys".

use std::net::IpAddr;

use base64::Engine as _;
use serde_json::Value;

use super::text::{Keys, Perhaps, arn, before_variable, like, marks, one_of};

pub(crate) fn texts(value: &Value) -> Vec<String> {
    if let Some(all) = value.as_array() {
        return all.iter().flat_map(texts).collect();
    }
    vec![value.as_str().map_or_else(|| value.to_string(), str::to_owned)]
}

/// Whether all conditions of a statement hold.
pub(crate) fn all_hold(statement: &Value, variables: bool, keys: &Keys) -> bool {
    let denies = statement["Effect"] == "Deny";
    let Some(conditions) = statement["Condition"].as_object() else { return true };
    conditions.iter().all(|(operator, tests)| {
        let mut tests = tests.as_object().unwrap().iter();
        tests.all(|(key, wanted)| {
            let found = keys.get(&key.to_lowercase()).cloned().unwrap_or_default();
            holds(&operator.to_lowercase(), &found, &texts(wanted), denies, variables, keys)
        })
    })
}

fn holds(
    operator: &str,
    found: &[String],
    wanted: &[String],
    denies: bool,
    variables: bool,
    keys: &Keys,
) -> bool {
    if operator == "null" {
        return wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case("true") == found.is_empty());
    }
    let (set, plain) = operator.split_once(':').unwrap_or(("", operator));
    let (plain, if_exists) = plain.strip_suffix("ifexists").map_or((plain, false), |plain| (plain, true));
    let negated = plain.contains("not");
    let plain = plain.replace("not", "");
    let only_empty = found.iter().all(String::is_empty);
    if found.is_empty() {
        return if_exists || set == "forallvalues" || set.is_empty() && negated;
    }
    let mut each = found.iter().map(|found| {
        let fits = one_of(wanted.iter().map(|wanted| fits(&plain, found, wanted, variables, keys)));
        match fits {
            Some(fits) => fits != negated,
            None => negated && denies,
        }
    });
    match set {
        "forallvalues" => only_empty || each.all(|one| one),
        "foranyvalue" => !only_empty && each.any(|one| one),
        _ if negated => each.all(|one| one),
        _ => each.any(|one| one),
    }
}

fn fits(operator: &str, found: &str, wanted: &str, variables: bool, keys: &Keys) -> Perhaps {
    let whole = |wild: bool| marks(wanted, wild, variables, keys);
    match operator {
        "stringequals" => whole(false).map(|marks| like(&marks, found)),
        "stringequalsignorecase" => whole(false).map(|marks| {
            let text: String = marks
                .iter()
                .map(|mark| if let super::text::Mark::Char(c) = mark { *c } else { '?' })
                .collect();
            text.to_lowercase() == found.to_lowercase()
        }),
        "stringlike" => match whole(true) {
            None if !found.starts_with(before_variable(wanted)) => Some(false),
            marks => marks.map(|marks| like(&marks, found)),
        },
        "arnequals" | "arnlike" => arn(wanted, found, variables, keys),
        "bool" => Some(found.eq_ignore_ascii_case(wanted)),
        "binaryequals" => {
            let bytes = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
            Some(bytes(found).is_some() && bytes(found) == bytes(wanted))
        }
        "ipaddress" => Some(in_network(found, wanted)),
        _ => {
            let (kind, order) = operator.split_at(if operator.starts_with("date") { 4 } else { 7 });
            let read = if kind == "date" { seconds } else { |text: &str| text.parse::<f64>().ok() };
            let (Some(found), Some(wanted)) = (read(found), read(wanted)) else { return Some(false) };
            Some(match order {
                "equals" => found.total_cmp(&wanted).is_eq(),
                "lessthan" => found < wanted,
                "lessthanequals" => found <= wanted,
                "greaterthan" => found > wanted,
                "greaterthanequals" => found >= wanted,
                other => panic!("{other}"),
            })
        }
    }
}

/// `2026-01-31`, `2026-01-31T10:20:30Z`, or seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn seconds(text: &str) -> Option<f64> {
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let numbers = text.split(['-', 'T', ':', 'Z']).filter(|part| !part.is_empty());
    let numbers = numbers.map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
    let part = |at: usize| numbers.get(at).copied().unwrap_or_default();
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let months = |year| [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut days: u64 = (1970..part(0)).map(|year| if leap(year) { 366 } else { 365 }).sum();
    days += months(part(0)).iter().take(usize::try_from(part(1)).ok()? - 1).sum::<u64>() + part(2) - 1;
    Some((days * 86_400 + part(3) * 3_600 + part(4) * 60 + part(5)) as f64)
}

fn in_network(found: &str, wanted: &str) -> bool {
    let (network, width) = wanted.split_once('/').unwrap_or((wanted, "128"));
    let bits = |address: IpAddr| match address {
        IpAddr::V4(four) => four.octets().iter().map(|byte| format!("{byte:08b}")).collect::<String>(),
        IpAddr::V6(six) => six.octets().iter().map(|byte| format!("{byte:08b}")).collect::<String>(),
    };
    let (Ok(found), Ok(network)) = (found.parse::<IpAddr>(), network.parse::<IpAddr>()) else { return false };
    let (found, network) = (bits(found), bits(network));
    let width = width.parse::<usize>().unwrap().min(network.len());
    found.len() == network.len() && found[..width] == network[..width]
}
