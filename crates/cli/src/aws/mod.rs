//! The environment that AWS's tools read: variables first, then the shared files.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "Environment variables".

mod ini;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use strongroom_types::{AccessKeyId, Region, SecretAccessKey};

use self::ini::Profiles;

/// Bytes of a shared file that are read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why the environment says nothing usable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    /// No credentials anywhere.
    #[error(
        "there are no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE \
         and AWS_PROFILE"
    )]
    NoCredentials,
    /// An access key id that cannot be one.
    #[error("the access key id has not the form of one; check AWS_ACCESS_KEY_ID or the credentials file")]
    AccessKeyId,
    /// No URL anywhere.
    #[error("it is not said which server to ask; give --endpoint URL or set AWS_ENDPOINT_URL")]
    NoEndpoint,
    /// A region that cannot be one.
    #[error("{0:?} is not the name of a region; set AWS_REGION to one such as us-east-1")]
    Region(String),
    /// A shared file that is named but cannot be read.
    #[error("cannot read {path}; check AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// An access key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Its id.
    pub(crate) id: AccessKeyId,
    /// Its secret.
    pub(crate) secret: SecretAccessKey,
    /// The token of temporary credentials.
    pub(crate) session_token: Option<String>,
}

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The region to sign for.
    pub(crate) region: Region,
    /// The server's URL.
    pub(crate) endpoint: String,
    /// Certificates of the authorities that are trusted.
    pub(crate) ca_bundle: Option<PathBuf>,
}

impl Place {
    /// Reads the process's environment for where to send what is not signed; `endpoint` is what the command line says.
    ///
    /// # Errors
    /// [`EnvironmentError`].
    pub(crate) fn load(endpoint: Option<&str>) -> Result<Self, EnvironmentError> {
        Files::read(&|name| std::env::var_os(name))?.place(endpoint)
    }
}

/// What is needed to sign a request and to send it.
#[derive(Debug)]
pub(crate) struct Environment {
    /// The key to sign with.
    pub(crate) key: Key,
    /// Where to.
    pub(crate) place: Place,
}

impl Environment {
    /// Reads the process's environment; `endpoint` is what the command line says.
    ///
    /// # Errors
    /// [`EnvironmentError`].
    pub(crate) fn load(endpoint: Option<&str>) -> Result<Self, EnvironmentError> {
        Self::from(endpoint, &|name| std::env::var_os(name))
    }

    fn from(endpoint: Option<&str>, variable: Variables<'_>) -> Result<Self, EnvironmentError> {
        let files = Files::read(variable)?;
        Ok(Self { key: files.key()?, place: files.place(endpoint)? })
    }
}

/// The process's environment.
type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The environment and the profile of the shared files that it names.
struct Files<'a> {
    variable: Variables<'a>,
    profile: String,
    config: Profiles,
    credentials: Profiles,
}

impl<'a> Files<'a> {
    fn read(variable: Variables<'a>) -> Result<Self, EnvironmentError> {
        let config = shared_file(variable, "AWS_CONFIG_FILE", "config")?.unwrap_or_default();
        let credentials =
            shared_file(variable, "AWS_SHARED_CREDENTIALS_FILE", "credentials")?.unwrap_or_default();
        let files = Self { variable, profile: String::new(), config, credentials };
        let profile = files.text("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
        Ok(Self { profile, ..files })
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    }

    fn of_config(&self, name: &str) -> Option<String> {
        self.config.config(&self.profile, name).map(ToOwned::to_owned)
    }

    fn of_either(&self, name: &str) -> Option<String> {
        let of_credentials = self.credentials.credentials(&self.profile, name).map(ToOwned::to_owned);
        of_credentials.or_else(|| self.of_config(name))
    }

    fn key(&self) -> Result<Key, EnvironmentError> {
        let (id, secret, session_token) =
            match (self.text("AWS_ACCESS_KEY_ID"), self.text("AWS_SECRET_ACCESS_KEY")) {
                (Some(id), Some(secret)) => (id, secret, self.text("AWS_SESSION_TOKEN")),
                _ => match (self.of_either("aws_access_key_id"), self.of_either("aws_secret_access_key")) {
                    (Some(id), Some(secret)) => (id, secret, self.of_either("aws_session_token")),
                    _ => return Err(EnvironmentError::NoCredentials),
                },
            };
        Ok(Key {
            id: AccessKeyId::parse(&id).map_err(|_| EnvironmentError::AccessKeyId)?,
            secret: SecretAccessKey::new(secret),
            session_token,
        })
    }

    fn place(&self, endpoint: Option<&str>) -> Result<Place, EnvironmentError> {
        let region = self.text("AWS_REGION").or_else(|| self.text("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| self.of_config("region"));
        let region = region.unwrap_or_else(|| Region::us_east_1().as_str().to_owned());
        let endpoint = endpoint.map(ToOwned::to_owned).or_else(|| self.text("AWS_ENDPOINT_URL"));
        Ok(Place {
            region: Region::parse(&region).map_err(|_| EnvironmentError::Region(region))?,
            endpoint: endpoint
                .or_else(|| self.of_config("endpoint_url"))
                .ok_or(EnvironmentError::NoEndpoint)?,
            ca_bundle: self.text("AWS_CA_BUNDLE").or_else(|| self.of_config("ca_bundle")).map(PathBuf::from),
        })
    }
}

/// A shared file: the one that `name` names must be there, the one in `~/.aws` may.
fn shared_file(
    variable: Variables<'_>,
    name: &str,
    default: &str,
) -> Result<Option<Profiles>, EnvironmentError> {
    let named = variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let is_named = named.is_some();
    let home = || variable("HOME").map(|home| Path::new(&home).join(".aws").join(default));
    let Some(path) = named.or_else(home) else { return Ok(None) };
    let read = || -> std::io::Result<String> {
        let mut text = Vec::new();
        std::fs::File::open(&path)?.take(MAX_FILE_BYTES).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    match read() {
        Ok(text) => Ok(Some(Profiles::parse(&text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(source) => Err(EnvironmentError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";

    fn load(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Environment::from(endpoint, &|name| variables.get(name).map(OsString::from))
    }

    #[test]
    fn variables_go_before_the_shared_files() {
        let directory = tempfile::tempdir().unwrap();
        let (config, credentials) = (directory.path().join("config"), directory.path().join("credentials"));
        std::fs::write(
            &config,
            "[default]\nregion = eu-west-1\nca_bundle = /ca.pem\nendpoint_url = https://localhost:9000\n\
             s3 =\n  signature_version = s3v4\n[profile two]\nregion = us-west-2\nendpoint_url = https://two:1\n",
        )
        .unwrap();
        std::fs::write(
            &credentials,
            format!(
                "[default]\naws_access_key_id = {ID}\naws_secret_access_key = of file\n\
                     [two]\naws_access_key_id={ID}\naws_secret_access_key=of two\n"
            ),
        )
        .unwrap();
        let files = [
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap()),
        ];
        let from_files = load(None, &files).unwrap();
        assert_eq!(from_files.key.secret.expose(), "of file");
        assert_eq!(from_files.place.region.as_str(), "eu-west-1");
        assert_eq!(from_files.place.endpoint, "https://localhost:9000");
        assert_eq!(from_files.place.ca_bundle, Some(PathBuf::from("/ca.pem")));

        let two = load(None, &[&files[..], &[("AWS_PROFILE", "two")]].concat()).unwrap();
        assert_eq!((two.key.secret.expose(), two.place.region.as_str()), ("of two", "us-west-2"));
        assert_eq!(two.place.endpoint, "https://two:1");

        let variables = [
            ("AWS_ACCESS_KEY_ID", ID),
            ("AWS_SECRET_ACCESS_KEY", "of variable"),
            ("AWS_REGION", "ap-south-1"),
            ("AWS_ENDPOINT_URL", "https://variable:1"),
            ("AWS_CA_BUNDLE", "/other.pem"),
        ];
        let both = load(None, &[&files[..], &variables].concat()).unwrap();
        assert_eq!((both.key.secret.expose(), both.place.region.as_str()), ("of variable", "ap-south-1"));
        assert_eq!(both.place.endpoint, "https://variable:1");
        assert_eq!(both.place.ca_bundle, Some(PathBuf::from("/other.pem")));
        let flag = load(Some("https://flag:1"), &[&files[..], &variables].concat()).unwrap();
        assert_eq!(flag.place.endpoint, "https://flag:1");
    }

    #[test]
    fn what_is_missing_is_named() {
        let key = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", "x")];
        assert!(matches!(load(Some("https://h"), &[]), Err(EnvironmentError::NoCredentials)));
        assert!(matches!(load(None, &key), Err(EnvironmentError::NoEndpoint)));
        let bad = [("AWS_ACCESS_KEY_ID", "no key!"), ("AWS_SECRET_ACCESS_KEY", "x")];
        assert!(matches!(load(Some("https://h"), &bad), Err(EnvironmentError::AccessKeyId)));
        let region = [&key[..], &[("AWS_REGION", "Nowhere!")]].concat();
        assert!(matches!(load(Some("https://h"), &region), Err(EnvironmentError::Region(_))));
        let file = [&key[..], &[("AWS_CONFIG_FILE", "/nowhere/config")]].concat();
        let error = load(Some("https://h"), &file).unwrap_err();
        assert!(error.to_string().contains("/nowhere/config"), "a file that is named must be there");
        let home = [&key[..], &[("HOME", "/nowhere")]].concat();
        assert_eq!(load(Some("https://h"), &home).unwrap().place.region.as_str(), "us-east-1");
    }

    #[test]
    fn the_secret_is_not_shown_by_debug() {
        let key = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")];
        let environment = load(Some("https://h"), &key).unwrap();
        assert!(!format!("{environment:?}").contains("hunter2"));
    }
}
