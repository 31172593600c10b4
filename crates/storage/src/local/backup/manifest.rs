//! The file `BACKUP`: what makes a directory a backup, and says whether it is one that was finished.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use strongroom_types::Timestamp;

use super::super::log::sync_directory;
use crate::contract::Position;

/// Name of the file. Where it lies, nothing is opened as a data directory.
pub(crate) const MARKER: &str = "BACKUP";

/// The format that this version writes.
const FORMAT: u32 = 1;

/// Bytes of the file that are read at most; it has about 200.
const MAX_BYTES: usize = 4096;

/// A backup that was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// The installation that it was taken of.
    pub instance_id: [u8; 16],
    /// The last commit in it: everything up to here, and nothing behind.
    pub position: Position,
    /// The store clock at that instant.
    pub instant: Timestamp,
    /// Its files, the marker not counted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Whether `directory` is a backup, finished or not, and so is not opened as a data directory.
pub fn is_backup(directory: &Path) -> bool {
    directory.join(MARKER).symlink_metadata().is_ok()
}

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    /// Being taken, or what an interruption left of that.
    Unfinished,
    /// Whole.
    Complete(Backup),
}

/// Why a marker says nothing.
#[derive(Debug)]
pub(crate) enum Unmarked {
    /// There is none.
    Missing,
    /// Of another format.
    Unknown(String),
    /// Not what was written.
    Damaged,
    Io(io::Error),
}

impl Marked {
    fn encode(&self) -> String {
        let mut lines = format!("strongroom backup {FORMAT}\n");
        match self {
            Self::Unfinished => lines.push_str("state unfinished\n"),
            Self::Complete(backup) => {
                let Backup { instance_id, position, instant, files, bytes } = backup;
                let instance = u128::from_be_bytes(*instance_id);
                lines.push_str("state complete\n");
                lines.push_str(&format!("instance {instance:032x}\nposition {}\n", position.0));
                lines.push_str(&format!("instant {}\nfiles {files}\nbytes {bytes}\n", instant.as_millis()));
            }
        }
        let check = crc32c::crc32c(lines.as_bytes());
        lines.push_str(&format!("check {check:08x}\n"));
        lines
    }

    fn decode(text: &str) -> Result<Self, Unmarked> {
        let first = text.lines().next().unwrap_or_default();
        match first.strip_prefix("strongroom backup ") {
            Some(format) if format == FORMAT.to_string() => {}
            Some(format) => return Err(Unmarked::Unknown(format.chars().take(20).collect())),
            None => return Err(Unmarked::Damaged),
        }
        let (lines, check) = text.rsplit_once("check ").ok_or(Unmarked::Damaged)?;
        if check != format!("{:08x}\n", crc32c::crc32c(lines.as_bytes())) {
            return Err(Unmarked::Damaged);
        }
        let mut rest = lines.lines().skip(1);
        let mut field = |name: &str| {
            let line = rest.next().ok_or(Unmarked::Damaged)?;
            line.strip_prefix(name).and_then(|line| line.strip_prefix(' ')).ok_or(Unmarked::Damaged)
        };
        fn number<N: std::str::FromStr>(text: &str) -> Result<N, Unmarked> {
            text.parse().map_err(|_| Unmarked::Damaged)
        }
        match field("state")? {
            "unfinished" => Ok(Self::Unfinished),
            "complete" => Ok(Self::Complete(Backup {
                instance_id: u128::from_str_radix(field("instance")?, 16)
                    .map_err(|_| Unmarked::Damaged)?
                    .to_be_bytes(),
                position: Position(number(field("position")?)?),
                instant: Timestamp::from_millis(number(field("instant")?)?),
                files: number(field("files")?)?,
                bytes: number(field("bytes")?)?,
            })),
            _ => Err(Unmarked::Damaged),
        }
    }

    /// Puts the marker into `directory`, durably: the old one is there, or the new one.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let temporary = directory.join("BACKUP.tmp");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(self.encode().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, directory.join(MARKER))?;
        sync_directory(directory)
    }

    /// Reads the marker of `directory`.
    pub(crate) fn read(directory: &Path) -> Result<Self, Unmarked> {
        let bytes = match std::fs::read(directory.join(MARKER)) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Unmarked::Missing);
            }
            Err(error) => return Err(Unmarked::Io(error)),
        };
        let text = str::from_utf8(bytes.get(..MAX_BYTES.min(bytes.len())).unwrap_or_default());
        Self::decode(text.map_err(|_| Unmarked::Damaged)?)
    }
}

/// Fuzz entry: any bytes are read as a marker or refused; what is read is written back the same.
#[doc(hidden)]
pub fn fuzz_backup_marker(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data)
        && let Ok(marked) = Marked::decode(text)
    {
        // Digits may be capital, and numbers may have a sign or zeros before them: what they say is the same.
        assert_eq!(Marked::decode(&marked.encode()).ok(), Some(marked), "a marker reads back");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete() -> Marked {
        Marked::Complete(Backup {
            instance_id: [0xab; 16],
            position: Position(77),
            instant: Timestamp::from_millis(1_700_000_000_123),
            files: 3,
            bytes: 4096,
        })
    }

    #[test]
    fn a_marker_reads_back_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Marked::read(directory.path()), Err(Unmarked::Missing)));
        for marked in [Marked::Unfinished, complete()] {
            marked.write(directory.path()).unwrap();
            assert_eq!(Marked::read(directory.path()).unwrap(), marked);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_changed_marker_is_refused() {
        let text = complete().encode();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Marked::decode(&changed).is_err(), "byte {at}");
            assert!(Marked::decode(&text[..at]).is_err(), "cut at {at}");
        }
        let newer = text.replace("strongroom backup 1", "strongroom backup 2");
        assert!(matches!(Marked::decode(&newer), Err(Unmarked::Unknown(format)) if format == "2"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_marker_or_refused(data in prop::collection::vec(any::<u8>(), 0..200), lines in "[a-z0-9 \n]{0,120}") {
            fuzz_backup_marker(&data);
            let text = format!("strongroom backup 1\nstate complete\n{lines}");
            fuzz_backup_marker(format!("{text}check {:08x}\n", crc32c::crc32c(text.as_bytes())).as_bytes());
        }
    }
}
