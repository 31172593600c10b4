//! Writing results: aligned text for people, one JSON object for programs; and new credentials, shown once.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use strongroom_server::installation::Made;
use strongroom_types::Region;

use crate::error::CliError;

/// Writes text to standard output and flushes it.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Writes one JSON object and a newline to standard output.
pub(crate) fn print_json(value: &Value) -> Result<(), CliError> {
    print(&format!("{value}\n"))
}

/// Pairs, the values aligned.
pub(crate) fn pairs(pairs: &[(&str, &str)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name:<width$}  {}\n", visible(value))).collect();
    lines.concat()
}

/// A table with a line of titles, the columns aligned.
pub(crate) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| visible(cell))).collect();
    let titles = titles.map(ToOwned::to_owned);
    let mut widths = [0; N];
    for row in std::iter::once(&titles).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(&rows) {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What a server or a file says, without the bytes that would steer a terminal.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The new installation as `init --output json` prints it.
pub(crate) fn made_json(made: &Made, region: &Region) -> Value {
    serde_json::json!({
        "account_id": made.account.account.to_string(),
        "canonical_user_id": made.account.canonical.to_string(),
        "access_key_id": made.account.access_key_id.as_str(),
        "secret_access_key": made.account.secret_access_key.expose(),
        "ca_path": made.ca_path.to_string_lossy(),
        "root_key_path": made.root_key_path.to_string_lossy(),
        "region": region.as_str(),
    })
}

/// The new installation for people.
pub(crate) fn made_text(made: &Made, region: &Region) -> String {
    let mut text = pairs(&[
        ("Account id", &made.account.account.to_string()),
        ("Canonical user id", &made.account.canonical.to_string()),
        ("Access key id", made.account.access_key_id.as_str()),
        ("Secret access key", made.account.secret_access_key.expose()),
        ("CA certificate", &made.ca_path.to_string_lossy()),
        ("Root key", &made.root_key_path.to_string_lossy()),
        ("Region", region.as_str()),
    ]);
    text.push_str(
        "\nThe secret access key is not shown again. Keep a copy of the root key apart from the data.\n",
    );
    text
}

/// Where `serve` puts the credentials of an installation that it makes.
pub(crate) enum Showing {
    /// On the terminal.
    Terminal,
    /// Into a file, created before there is anything to lose.
    File(PathBuf, File),
}

impl Showing {
    /// The terminal, if standard output is one and is not read by a program; otherwise the file `DIR.credentials`.
    ///
    /// # Errors
    /// [`CliError::CredentialsFile`] when there is one already: it is never overwritten.
    pub(crate) fn choose(data: &Path, for_program: bool) -> Result<Self, CliError> {
        if !for_program && io::stdout().is_terminal() {
            return Ok(Self::Terminal);
        }
        let path = credentials_path(data);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file {
            Ok(file) => Ok(Self::File(path, file)),
            Err(source) => Err(CliError::CredentialsFile { path, source }),
        }
    }

    /// Shows the credentials of `made`; gives the file, where they are in one.
    pub(crate) fn show(self, made: &Made, region: &Region) -> Result<Option<PathBuf>, CliError> {
        match self {
            Self::Terminal => print(&made_text(made, region)).map(|()| None),
            Self::File(path, mut file) => {
                let text = credentials_text(
                    "default",
                    made.account.access_key_id.as_str(),
                    made.account.secret_access_key.expose(),
                );
                let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
                match written {
                    Ok(()) => Ok(Some(path)),
                    Err(source) => Err(CliError::CredentialsFile { path, source }),
                }
            }
        }
    }

    /// Nothing was made: the empty file goes.
    pub(crate) fn withdraw(self) {
        if let Self::File(path, file) = self {
            drop(file);
            // The next start would refuse it and name it, so that this is no more than tidiness.
            drop(std::fs::remove_file(path));
        }
    }
}

/// The sibling `DIR.credentials` of a data directory.
fn credentials_path(data: &Path) -> PathBuf {
    let mut name: std::ffi::OsString = data.components().collect::<PathBuf>().into();
    name.push(".credentials");
    name.into()
}

/// A section of a credentials file, as AWS's tools read it.
pub(crate) fn credentials_text(profile: &str, access_key_id: &str, secret: &str) -> String {
    format!("[{profile}]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret}\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn columns_are_aligned_and_steer_no_terminal() {
        let rows = [["1".to_owned(), "long one".to_owned()], ["22222".to_owned(), "\u{1b}[2J".to_owned()]];
        assert_eq!(table(["ID", "NAME"], &rows), "ID     NAME\n1      long one\n22222  \u{fffd}[2J\n");
        assert_eq!(pairs(&[("a", "1"), ("bcd", "2")]), "a    1\nbcd  2\n");
    }

    #[test]
    fn credentials_lie_beside_the_data_directory_in_a_file_of_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data/");
        let Ok(Showing::File(path, file)) = Showing::choose(&data, true) else { panic!("no file") };
        assert_eq!(path, directory.path().join("data.credentials"));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        let refused = Showing::choose(&data, true);
        assert!(
            matches!(refused, Err(CliError::CredentialsFile { .. })),
            "a file that is there is never overwritten"
        );
        Showing::File(path.clone(), file).withdraw();
        assert!(!path.exists());
    }
}
