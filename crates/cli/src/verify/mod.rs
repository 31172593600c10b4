//! `strongroom verify`: proves offline that every frame of every blob opens, that every row opens and points at blobs
//! that exist, that no blob is left over, and that every record opens, those of the archive included. Blobs that only a
//! customer's key opens (SSE-C) are proved to have the bytes that were sealed, and are counted apart.

mod finding;
mod rows;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_kms::Keys;
use strongroom_server::installation::{Installation, InstallationError, refuse_backup, store_options};
use strongroom_storage::verify::{Looked, Verifier};

use self::finding::{Finding, Findings};
use self::rows::Walk;
use crate::args::{Output, VerifyArgs};
use crate::error::CliError;
use crate::{output, progress};

/// Ids of blobs held at once; with more blobs than these the rows are read once more for each such number. 16 bytes
/// each.
const MAX_IDS: u64 = 4_000_000;

/// What was looked at.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    engine: Looked,
    rows: u64,
    records: u64,
    archived: u64,
    blobs: u64,
    blobs_of_customers: u64,
    frames: u64,
}

/// What was looked at and found.
pub(crate) struct Report {
    seen: Seen,
    findings: Findings,
}

/// Verifies the directory and prints what was found.
pub(crate) async fn run(args: &VerifyArgs) -> Result<ExitCode, CliError> {
    let data = args.data.data();
    refuse_backup(&data)?;
    if !data.join("FORMAT").exists() {
        return Err(InstallationError::NotInitialised { path: data }.into());
    }
    let root = args.data.root_key().load()?;
    let report = prove(&data, Arc::new(Keys::open(&data, &root)?)).await?;
    match args.output {
        Output::Json => output::print_json(&report.to_json())?,
        Output::Text => output::print(&report.to_text())?,
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Verifies the directory.
pub(crate) async fn prove(data: &Path, keys: Arc<Keys>) -> Result<Report, CliError> {
    let verifier = Verifier::open(data, store_options())?;
    let installation = Installation::assemble(data, verifier.store().clone(), keys);
    let (seen, findings) = verify(&verifier, &installation).await?;
    Ok(Report { seen, findings })
}

async fn verify(verifier: &Verifier, installation: &Installation) -> Result<(Seen, Findings), CliError> {
    let mut findings = Findings::default();
    let mut seen = Seen::default();
    let bar = progress::bytes("log", verifier.log_bytes()?);
    seen.engine = verifier.run(|bytes| bar.inc(bytes), |finding| findings.add(Finding::Engine(finding)))?;
    bar.finish_and_clear();

    let bar = progress::bytes("blobs", seen.engine.blob_bytes);
    let passes = seen.engine.blobs.div_ceil(MAX_IDS).max(1);
    for pass in 0..passes {
        let mut walk = Walk::new(installation, &bar, (pass, passes));
        walk.partitions(verifier, &mut findings).await?;
        if pass == 0 {
            (seen.rows, seen.blobs, seen.frames) = (walk.rows, walk.blobs, walk.frames);
            seen.blobs_of_customers = walk.blobs_of_customers;
        }
        walk.find_orphans(verifier, &mut findings);
    }
    bar.finish_and_clear();
    seen.records = rows::records(installation, &mut findings).await?;
    match installation.prove_archive().await {
        Ok(proof) => {
            seen.archived = proof.records;
            for fault in proof.faults {
                findings.add(Finding::Archive { after: fault.after, what: fault.what });
            }
        }
        Err(error) => findings.add(Finding::Archive { after: 0, what: error.to_string() }),
    }
    Ok((seen, findings))
}

impl Report {
    /// Whether nothing was found.
    pub(crate) fn is_sound(&self) -> bool {
        self.findings.is_sound()
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        report_json(&self.seen, &self.findings)
    }

    /// For people.
    pub(crate) fn to_text(&self) -> String {
        report_text(&self.seen, &self.findings)
    }
}

fn report_json(seen: &Seen, findings: &Findings) -> Value {
    json!({
        "sound": findings.is_sound(),
        "log_frames": seen.engine.frames,
        "log_bytes": seen.engine.log_bytes,
        "rows": seen.rows,
        "records": seen.records,
        "archived_records": seen.archived,
        "blobs": seen.engine.blobs,
        "blobs_opened": seen.blobs,
        "blobs_under_customer_keys": seen.blobs_of_customers,
        "blob_frames_opened": seen.frames,
        "blob_bytes": seen.engine.blob_bytes,
        "findings": findings.listed().iter().map(Finding::to_json).collect::<Vec<_>>(),
        "findings_not_listed": findings.not_listed(),
    })
}

fn report_text(seen: &Seen, findings: &Findings) -> String {
    let lines = findings.listed().iter().map(|finding| output::visible(&finding.to_string()) + "\n");
    let mut text: String = lines.collect();
    if findings.not_listed() > 0 {
        text.push_str(&format!("and {} more\n", findings.not_listed()));
    }
    let verdict = match (findings.is_sound(), seen.blobs_of_customers) {
        (true, 0) => "Sound: everything opens, nothing is missing, nothing is left over.".to_owned(),
        (true, closed) => format!(
            "Sound: everything opens but {closed} blobs that need their customers' keys (SSE-C); these have the bytes that \
             were sealed. Nothing is missing, nothing is left over."
        ),
        (false, _) => "NOT SOUND: see the list above. Restore a backup into another directory and verify that; keep this \
                       one as it is."
            .to_owned(),
    };
    let counts = output::pairs(&[
        ("log frames", &seen.engine.frames.to_string()),
        ("rows", &seen.rows.to_string()),
        ("records", &seen.records.to_string()),
        ("archived records", &seen.archived.to_string()),
        ("blobs", &seen.engine.blobs.to_string()),
        ("blobs under customers' keys", &seen.blobs_of_customers.to_string()),
        ("blob frames", &seen.frames.to_string()),
        ("blob bytes", &seen.engine.blob_bytes.to_string()),
    ]);
    text.push_str(&counts);
    text.push_str(&verdict);
    text.push('\n');
    text
}
