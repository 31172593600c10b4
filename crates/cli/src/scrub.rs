//! `strongroom scrub`: the background check of everything on a running server's disk, through its API.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use strongroom_api_strongroom::{DescribeScrubInput, Scrub, ScrubFinding, ScrubState, StartScrubInput};
use strongroom_types::Timestamp;

use crate::args::{Output, RemoteArgs};
use crate::client::Client;
use crate::error::CliError;
use crate::{output, progress};

/// Between the first two looks at how far it is, and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// `strongroom scrub`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom scrub --rate 200 --wait --endpoint https://localhost:9000\n\n\
    A server scrubs by itself, slowly, about once a month: this begins a scrub now, or sets the rate of the one that runs.\n\
    To end this command does not end the scrub. Exit status 1 when something is damaged."
)]
pub(crate) struct ScrubArgs {
    /// MiB a second to read, 1 to 10000, until this scrub ends [default: what the server's configuration says]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    rate: Option<i32>,
    /// Wait for its end
    #[arg(long, conflicts_with = "status")]
    wait: bool,
    /// Show the scrub that runs, or the last one; start none
    #[arg(long, conflicts_with = "rate")]
    status: bool,
    /// Which server, and how to print.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Starts a scrub, waits for it if asked to, and shows it.
pub(crate) async fn run(args: &ScrubArgs) -> Result<ExitCode, CliError> {
    let client = Client::of(&args.remote)?;
    let mut scrub = if args.status {
        client.call(&DescribeScrubInput {}).await?.scrub
    } else {
        client.call(&StartScrubInput { rate_mib_per_second: args.rate }).await?.scrub
    };
    if args.wait {
        scrub = follow(&client, scrub).await?;
    }
    match args.remote.output {
        Output::Json => output::print_json(&to_json(&scrub))?,
        Output::Text => output::print(&to_text(&scrub))?,
    }
    let sound = scrub.findings_total.unwrap_or(0) == 0;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for the end of a scrub.
async fn follow(client: &Client, mut scrub: Scrub) -> Result<Scrub, CliError> {
    let positive = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    let bar = progress::bytes("scrub", positive(scrub.bytes_total));
    let mut pause = LOOKS.0;
    while scrub.state == Some(ScrubState::Running) {
        bar.set_length(positive(scrub.bytes_total));
        bar.set_position(positive(scrub.bytes_done));
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOKS.1);
        let looked = client.call(&DescribeScrubInput {}).await;
        scrub = looked.map_err(|source| CliError::Unwatched { what: "scrub", source })?.scrub;
    }
    bar.finish_and_clear();
    Ok(scrub)
}

fn to_json(scrub: &Scrub) -> Value {
    let time = |time: Option<Timestamp>| time.map(Timestamp::to_iso8601_seconds);
    json!({
        "scrub_id": scrub.scrub_id,
        "state": scrub.state.map(|state| state.as_str().to_lowercase()),
        "phase": scrub.phase.map(|phase| phase.as_str().to_lowercase()),
        "bytes_done": scrub.bytes_done,
        "bytes_total": scrub.bytes_total,
        "rate_bytes_per_second": scrub.rate_bytes_per_second,
        "started_at": time(scrub.started_at),
        "ended_at": time(scrub.ended_at),
        "next_at": time(scrub.next_at),
        "findings_total": scrub.findings_total,
        "findings": scrub.findings.iter().flatten().map(finding_json).collect::<Vec<_>>(),
    })
}

fn finding_json(finding: &ScrubFinding) -> Value {
    json!({
        "kind": finding.kind.map(|kind| kind.as_str().to_lowercase()),
        "message": finding.message,
        "bucket": finding.bucket,
        "key": finding.key,
        "version_id": finding.version_id,
        "upload_id": finding.upload_id,
        "part_number": finding.part_number,
        "file": finding.file,
        "offset": finding.offset,
        "found_at": finding.found_at.map(Timestamp::to_iso8601_seconds),
    })
}

fn to_text(scrub: &Scrub) -> String {
    if scrub.state == Some(ScrubState::Never) {
        return "There was no scrub yet; the server begins one soon after its start.\n".to_owned();
    }
    let time = |time: Option<Timestamp>| time.map(Timestamp::to_iso8601_seconds).unwrap_or_default();
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let word = |word: Option<&'static str>| word.map(str::to_lowercase).unwrap_or_default();
    let mib = scrub.rate_bytes_per_second.unwrap_or(0) >> 20;
    let found = scrub.findings_total.unwrap_or(0);
    let mut text = output::pairs(&[
        ("Scrub", scrub.scrub_id.as_deref().unwrap_or_default()),
        ("State", &word(scrub.state.map(strongroom_api_strongroom::ScrubState::as_str))),
        ("Reading", &word(scrub.phase.map(strongroom_api_strongroom::ScrubPhase::as_str))),
        ("Bytes read", &number(scrub.bytes_done)),
        ("Of about", &number(scrub.bytes_total)),
        ("MiB a second", &mib.to_string()),
        ("Begun", &time(scrub.started_at)),
        ("Ended", &time(scrub.ended_at)),
        ("Next", &time(scrub.next_at)),
        ("Damaged", &found.to_string()),
    ]);
    let listed = scrub.findings.as_deref().unwrap_or_default();
    for finding in listed {
        text.push_str(&output::visible(&finding_text(finding)));
        text.push('\n');
    }
    if found > i64::try_from(listed.len()).unwrap_or(i64::MAX) {
        text.push_str("and more, which the server's log has\n");
    }
    if found > 0 {
        text.push_str("Restore what is named from a backup, and look at the disk: it does not give back what was written.\n");
    }
    text
}

fn finding_text(finding: &ScrubFinding) -> String {
    let place = match (&finding.bucket, &finding.key, &finding.file) {
        (Some(bucket), Some(key), _) => {
            let version = finding.version_id.as_ref().map(|id| format!(", version {id}"));
            let upload = finding.upload_id.as_ref().map(|id| {
                let part = finding.part_number.map(|number| format!(", part {number}")).unwrap_or_default();
                format!(", upload {id}{part}")
            });
            format!("{bucket}/{key}{}{}", version.unwrap_or_default(), upload.unwrap_or_default())
        }
        (_, _, Some(file)) => {
            let offset = finding.offset.map(|offset| format!(", offset {offset}")).unwrap_or_default();
            format!("{file}{offset}")
        }
        (bucket, _, None) => bucket.clone().unwrap_or_else(|| "the store".to_owned()),
    };
    format!("{place}: {}", finding.message)
}

#[cfg(test)]
mod tests {
    use strongroom_api_strongroom::ScrubFindingKind;

    use super::*;

    #[test]
    fn what_is_damaged_is_named_by_bucket_key_and_version() {
        let finding = ScrubFinding {
            kind: Some(ScrubFindingKind::Blob),
            message: "its bytes do not open".to_owned(),
            bucket: Some("b".to_owned()),
            key: Some("k\u{1b}".to_owned()),
            version_id: Some("null".to_owned()),
            ..ScrubFinding::default()
        };
        let scrub = Scrub {
            state: Some(ScrubState::Complete),
            findings_total: Some(2),
            findings: Some(vec![finding]),
            ..Scrub::default()
        };
        let text = to_text(&scrub);
        assert!(text.contains("b/k\u{fffd}, version null: its bytes do not open"), "{text}");
        assert!(text.contains("and more"), "{text}");
        let shown = to_json(&scrub);
        assert_eq!(shown["findings"][0]["kind"], "blob");
        assert_eq!(shown["state"], "complete");
        let place =
            ScrubFinding { file: Some("log/1.seg".into()), offset: Some(9), ..ScrubFinding::default() };
        assert!(finding_text(&place).starts_with("log/1.seg, offset 9: "));
        let part = ScrubFinding {
            bucket: Some("b".into()),
            key: Some("k".into()),
            upload_id: Some("u".into()),
            part_number: Some(4),
            ..ScrubFinding::default()
        };
        assert!(finding_text(&part).starts_with("b/k, upload u, part 4: "));
    }
}
