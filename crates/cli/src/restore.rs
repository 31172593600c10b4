//! `strongroom restore`: a data directory out of a backup, offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use strongroom_kms::{Keys, RootKeySource};
use strongroom_storage::local::backup::{Backup, Phase, Progress, RestoreError, look_at, restore};

use crate::args::{DataArgs, Output};
use crate::error::CliError;
use crate::verify::{self, Report};
use crate::{output, progress};

/// How often the bar is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// `strongroom restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom restore --from /srv/backups/2027-01-31 --data /srv/restored --root-key file:/mnt/keys/strongroom.root-key\n\n\
    Everything is copied, so that the backup stays as it is. The root key must be the one of the installation that the\n\
    backup was taken of; it is not in the backup. Exit status 1 when the copy is not sound."
)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(long, value_name = "BACKUP")]
    from: PathBuf,
    /// Where to.
    #[command(flatten)]
    data: DataArgs,
    /// Leave out what `strongroom verify` does, with which a restore ends
    #[arg(long)]
    no_verify: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Restores and verifies.
pub(crate) async fn run(args: &RestoreArgs) -> Result<ExitCode, CliError> {
    let (data, root_key) = (args.data.data(), args.data.root_key());
    let from = std::path::absolute(&args.from).unwrap_or_else(|_| args.from.clone());
    let backup = look_at(&from)?;
    // Before hours of copying: a backup without its root key is of no use.
    check_root_key(&from, &data, &root_key)?;
    copy(&from, &data, &backup).await?;
    let report = if args.no_verify {
        None
    } else {
        let keys = Arc::new(Keys::open(&data, &root_key.load()?)?);
        Some(verify::prove(&data, keys).await?)
    };
    match args.output {
        Output::Json => output::print_json(&to_json(&data, &backup, report.as_ref()))?,
        Output::Text => output::print(&to_text(&data, &backup, report.as_ref()))?,
    }
    let sound = report.is_none_or(|report| report.is_sound());
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_root_key(from: &Path, data: &Path, root_key: &RootKeySource) -> Result<(), CliError> {
    root_key.refuse_inside(data)?;
    let root = root_key.load().map_err(CliError::RestoreRootKey)?;
    Keys::open(from, &root)?;
    Ok(())
}

async fn copy(from: &Path, data: &Path, backup: &Backup) -> Result<(), CliError> {
    let bar = progress::bytes("restore", backup.bytes);
    let progress = Arc::new(Progress::default());
    let (from, data, watched) = (from.to_owned(), data.to_owned(), progress.clone());
    let mut copying = tokio::task::spawn_blocking(move || restore(&from, &data, &watched));
    loop {
        tokio::select! {
            done = &mut copying => {
                bar.finish_and_clear();
                let done = done.unwrap_or_else(|error| {
                    Err(RestoreError::Io { operation: "go on", source: std::io::Error::other(error) })
                });
                return Ok(done.map(drop)?);
            }
            () = tokio::time::sleep(DRAW_EVERY) => {
                let seen = progress.look();
                if seen.phase == Phase::Copying {
                    bar.set_position(seen.bytes_done);
                }
            }
        }
    }
}

fn to_json(data: &Path, backup: &Backup, report: Option<&Report>) -> Value {
    json!({
        "data": data.to_string_lossy(),
        "position": backup.position.0,
        "instant": backup.instant.to_iso8601_seconds(),
        "files": backup.files,
        "bytes": backup.bytes,
        "sound": report.map(Report::is_sound),
        "verify": report.map(Report::to_json),
    })
}

fn to_text(data: &Path, backup: &Backup, report: Option<&Report>) -> String {
    let mut text = output::pairs(&[
        ("Data directory", &data.to_string_lossy()),
        ("Holds all up to", &backup.instant.to_iso8601_seconds()),
        ("Files", &backup.files.to_string()),
        ("Bytes", &backup.bytes.to_string()),
    ]);
    text.push('\n');
    match report {
        Some(report) => text.push_str(&report.to_text()),
        None => text.push_str("It was not verified; do so with: strongroom verify --data DIR\n"),
    }
    text
}
