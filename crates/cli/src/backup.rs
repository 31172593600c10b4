//! `strongroom backup`: a backup of a running server, through its API.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use strongroom_api_strongroom::{Backup, BackupPhase, BackupState, DescribeBackupInput, StartBackupInput};
use strongroom_types::Timestamp;

use crate::args::{Output, RemoteArgs};
use crate::client::Client;
use crate::error::CliError;
use crate::{output, progress};

/// Between the first two looks at how far it is, and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// `strongroom backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom backup --to /srv/backups/2027-01-31 --endpoint https://localhost:9000\n\n\
    The server goes on meanwhile. On the data directory's file system the files get second names there, which takes little\n\
    time and room; on another one they are copied. The root key is not in the backup: keep a copy of it elsewhere. To end\n\
    this command does not end the backup. Exit status 1 when the backup failed."
)]
pub(crate) struct BackupArgs {
    /// Directory on the server's machine, absolute; must not exist, or be empty
    #[arg(long, value_name = "DIR", required_unless_present = "status")]
    to: Option<String>,
    /// Show the latest backup, running or done; start none
    #[arg(long, conflicts_with = "to")]
    status: bool,
    /// Which server, and how to print.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Starts a backup and waits for its end, or shows the latest.
pub(crate) async fn run(args: &BackupArgs) -> Result<ExitCode, CliError> {
    let client = Client::of(&args.remote)?;
    let backup = match &args.to {
        None => client.call(&DescribeBackupInput { backup_id: None }).await?.backup,
        Some(to) => {
            let started = client.call(&StartBackupInput { to: to.clone() }).await?.backup;
            follow(&client, started).await?
        }
    };
    match args.remote.output {
        Output::Json => output::print_json(&to_json(&backup))?,
        Output::Text => output::print(&to_text(&backup))?,
    }
    Ok(if backup.state == Some(BackupState::Failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Waits for the end of a backup.
async fn follow(client: &Client, mut backup: Backup) -> Result<Backup, CliError> {
    let mut shown: Option<(BackupPhase, ProgressBar)> = None;
    let mut pause = LOOKS.0;
    while backup.state == Some(BackupState::Running) {
        show(&mut shown, &backup);
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOKS.1);
        let asked = DescribeBackupInput { backup_id: Some(backup.backup_id.clone()) };
        let looked = client.call(&asked).await;
        backup = looked.map_err(|source| CliError::Unwatched { what: "backup", source })?.backup;
    }
    if let Some((_, bar)) = shown {
        bar.finish_and_clear();
    }
    Ok(backup)
}

fn show(shown: &mut Option<(BackupPhase, ProgressBar)>, backup: &Backup) {
    let Some(phase) = backup.phase else { return };
    let positive = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    let by_bytes = positive(backup.bytes_total) > 0;
    let (done, total) = if by_bytes {
        (positive(backup.bytes_done), positive(backup.bytes_total))
    } else {
        (positive(backup.files_done), positive(backup.files_total))
    };
    if shown.as_ref().is_none_or(|(of, _)| *of != phase) {
        let what = match phase {
            BackupPhase::Preparing => "prepare",
            BackupPhase::Linking => "link",
            BackupPhase::Copying => "copy",
            BackupPhase::Ending => "sync",
        };
        let bar = if by_bytes { progress::bytes(what, total) } else { progress::count(what, total) };
        if let Some((_, before)) = shown.replace((phase, bar)) {
            before.finish_and_clear();
        }
    }
    if let Some((_, bar)) = shown {
        bar.set_length(total);
        bar.set_position(done);
    }
}

fn to_json(backup: &Backup) -> Value {
    let time = |time: Option<Timestamp>| time.map(Timestamp::to_iso8601_seconds);
    json!({
        "backup_id": backup.backup_id,
        "to": backup.to,
        "state": backup.state.map(|state| state.as_str().to_lowercase()),
        "phase": backup.phase.map(|phase| phase.as_str().to_lowercase()),
        "files_done": backup.files_done,
        "files_total": backup.files_total,
        "bytes_done": backup.bytes_done,
        "bytes_total": backup.bytes_total,
        "started_at": time(backup.started_at),
        "ended_at": time(backup.ended_at),
        "instant": time(backup.instant_at),
        "position": backup.position,
        "failure_reason": backup.failure_reason,
    })
}

fn to_text(backup: &Backup) -> String {
    let time = |time: Option<Timestamp>| time.map(Timestamp::to_iso8601_seconds).unwrap_or_default();
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let state = backup.state.map(|state| state.as_str().to_lowercase()).unwrap_or_default();
    let text = output::pairs(&[
        ("Backup", &backup.backup_id),
        ("Directory", &backup.to),
        ("State", &state),
        ("Begun", &time(backup.started_at)),
        ("Ended", &time(backup.ended_at)),
        ("Holds all up to", &time(backup.instant_at)),
        ("Files", &number(backup.files_done)),
        ("Bytes", &number(backup.bytes_done)),
    ]);
    match (backup.state, &backup.failure_reason) {
        (Some(BackupState::Failed), reason) => {
            let reason = output::visible(reason.as_deref().unwrap_or("the server does not say why"));
            format!("{text}\nNo backup was taken: {reason}\nWhat lies in the directory can be removed.\n")
        }
        (Some(BackupState::Complete), _) => {
            format!(
                "{text}\nThe root key is not in it. Keep a copy of that elsewhere: without it nothing opens.\n"
            )
        }
        (Some(BackupState::Running) | None, _) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(state: BackupState) -> Backup {
        Backup {
            backup_id: "ab12".to_owned(),
            to: "/b".to_owned(),
            state: Some(state),
            started_at: Some(Timestamp::from_secs(1_700_000_000)),
            files_done: Some(3),
            ..Backup::default()
        }
    }

    #[test]
    fn a_backup_is_printed_with_what_programs_rely_on() {
        let shown = to_json(&backup(BackupState::Complete));
        assert_eq!(shown["backup_id"], "ab12");
        assert_eq!(shown["state"], "complete");
        assert_eq!(shown["files_done"], 3);
        assert!(shown["failure_reason"].is_null());
        assert!(to_text(&backup(BackupState::Complete)).contains("root key is not in it"));
    }

    #[test]
    fn a_failure_says_why_and_what_to_do() {
        let mut failed = backup(BackupState::Failed);
        failed.failure_reason = Some("no room\u{1b}[2J".to_owned());
        let text = to_text(&failed);
        assert!(text.contains("no room\u{fffd}[2J") && text.contains("can be removed"), "{text}");
    }
}
