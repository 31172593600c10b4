//! The authority's certificate as a file that clients can be pointed at.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::PkiError;
use super::authority::CertificateAuthority;

/// The file's name, in the folder `tls` of the data directory.
pub const CA_FILE: &str = "ca.pem";

/// Writes the authority's certificate to `DIR/tls/ca.pem` and gives back its path. The file is replaced as a whole:
/// a crash leaves the old one or the new one. It holds nothing secret; its folder is the owner's like all of DIR.
///
/// # Errors
/// [`PkiError::Write`].
pub fn publish_authority(data: &Path, authority: &CertificateAuthority) -> Result<PathBuf, PkiError> {
    let folder = data.join("tls");
    let path = folder.join(CA_FILE);
    write(&folder, &path, &authority.certificate_pem())
        .map_err(|source| PkiError::Write { path: path.clone(), source })?;
    Ok(path)
}

fn write(folder: &Path, path: &Path, pem: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let next = path.with_extension("pem.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&next, path)?;
    File::open(folder)?.sync_all()
}
