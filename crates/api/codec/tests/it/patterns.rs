//! The patterns of the models of all services in the design.

use std::collections::BTreeMap;
use std::path::Path;

use strongroom_codec::pattern_is_supported;

/// Shapes whose pattern cannot be checked, since it looks ahead or back. Their services must check them.
const UNSUPPORTED: &[&str] = &["ec2.SecretArn", "iam.accountAliasType"];

/// Pattern → shapes, from botocore's models (Apache License 2.0; see `tests/patterns/README.md`).
fn patterns() -> BTreeMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/patterns/botocore.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn supports_all_patterns_of_the_models_but_those_listed() {
    let patterns = patterns();
    assert!(patterns.len() > 200);
    let unsupported: Vec<&str> = patterns
        .iter()
        .filter(|(pattern, _)| !pattern_is_supported(pattern))
        .flat_map(|(_, shapes)| shapes.iter().map(String::as_str))
        .collect();
    let mut listed = UNSUPPORTED.to_vec();
    listed.sort_unstable();
    let mut found = unsupported.clone();
    found.sort_unstable();
    assert_eq!(found, listed);
}
