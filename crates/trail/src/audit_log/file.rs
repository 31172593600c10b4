//! A file of lines that is rotated by size.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes read at once when the last line's beginning is looked for.
const LOOK_BYTES: u64 = 64 << 10;

/// Appends whole lines.
pub(crate) struct LineFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
    keep: u32,
}

impl LineFile {
    /// Opens or makes the file (0600). A last line without its end is cut off: it was never acknowledged, and comes
    /// again.
    pub(crate) fn open(path: &Path, max_bytes: u64, keep: u32) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        let length = file.metadata()?.len();
        let whole = end_of_last_line(&file, length)?;
        if whole < length {
            file.set_len(whole)?;
        }
        file.sync_all()?;
        sync_parent(path)?;
        Ok(Self { path: path.to_owned(), file, bytes: whole, max_bytes, keep })
    }

    /// Appends lines; rotates first if the file is full. Not durable before [`sync`](Self::sync).
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes.saturating_add(lines.len() as u64) > self.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.bytes = self.bytes.saturating_add(lines.len() as u64);
        Ok(())
    }

    /// Makes what was appended durable, and follows when somebody else moved the file away.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let ours = self.file.metadata()?;
        let at_path = fs::metadata(&self.path);
        if !at_path.is_ok_and(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino())) {
            *self = Self::open(&self.path, self.max_bytes, self.keep)?;
        }
        Ok(())
    }

    /// `PATH.1` is the youngest. Killed between two renames, the next start finds a gap in the numbers, and no line is
    /// lost.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        for number in (1..self.keep).rev() {
            rename_if_there(&self.numbered(number), &self.numbered(number + 1))?;
        }
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, self.numbered(1))?;
        }
        *self = Self::open(&self.path, self.max_bytes, self.keep)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// The length up to and with the last line end.
fn end_of_last_line(mut file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(LOOK_BYTES);
        let mut piece = vec![0; usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(&mut piece, start)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    file.seek(SeekFrom::End(0))?;
    Ok(end)
}
