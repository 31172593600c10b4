//! Formats what was generated, and writes it or compares it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Outcome;

/// Writes `files` (paths relative to `root`) and removes what else lies in their folders; with `check` only compares.
pub(crate) fn all(root: &Path, files: Vec<(PathBuf, String)>, check: bool) -> Outcome<()> {
    let mut differing = Vec::new();
    let mut known = BTreeSet::new();
    for (path, text) in files {
        let wanted = format(root, &text).map_err(|error| format!("{}: {error}", path.display()))?;
        let full = root.join(&path);
        if std::fs::read_to_string(&full).ok().as_deref() != Some(wanted.as_str()) {
            if !check {
                std::fs::create_dir_all(full.parent().unwrap_or(root))?;
                std::fs::write(&full, wanted)?;
            }
            differing.push(path.display().to_string());
        }
        known.insert(full);
    }
    let folders: BTreeSet<&Path> = known.iter().filter_map(|path| path.parent()).collect();
    for folder in folders {
        for entry in folder.read_dir().into_iter().flatten() {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs")
                && !known.contains(&path)
                && stale(&path)
            {
                if !check {
                    std::fs::remove_file(&path)?;
                }
                differing.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
            }
        }
    }
    if check && !differing.is_empty() {
        return Err(format!("not what `cargo xtask generate` writes:\n  {}", differing.join("\n  ")).into());
    }
    println!(
        "{} of {} generated files {}",
        differing.len(),
        known.len(),
        if check { "differ" } else { "changed" }
    );
    Ok(())
}

/// A file that says it is generated, and no longer is. (Hand-written files may stand beside the table of actions.)
fn stale(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(super::emit::HEADER))
}

fn format(root: &Path, text: &str) -> Outcome<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout", "--quiet", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let input = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "the writer failed")??;
    if !output.status.success() {
        return Err("rustfmt refuses it".into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
