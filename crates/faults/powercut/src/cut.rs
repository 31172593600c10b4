//! One legal state after a power cut, drawn from what is durable and what is not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{
    Change, Content, Disk, Entry, File, Name, Names, Node, PAGE_BYTES, Piece, ROOT, pieces, set,
};
use crate::random::Random;

/// Bytes that a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// How a cut treats what is not durable.
#[derive(Clone, Copy, Debug)]
struct Temper {
    /// Of ten unsynced things, about so many are kept.
    kept_of_ten: u64,
    /// Whether pages that were never written out hold anything instead of zeros.
    garbage: bool,
    /// Whether pages may be torn.
    torn: bool,
    /// Whether what a failed sync left in doubt is as it was meant to be: always, while the power holds.
    trusting: bool,
}

impl Temper {
    fn draw(random: &mut Random) -> Self {
        let kept_of_ten = match random.below(8) {
            0 => 0,
            1 => 10,
            2 | 3 => 9,
            4 | 5 => 1,
            _ => 5,
        };
        Self { kept_of_ten, garbage: random.one_in(4), torn: random.one_in(2), trusting: false }
    }

    /// How many of `count` things in a row are kept.
    fn prefix(self, random: &mut Random, count: usize) -> usize {
        match random.below(10) {
            draw if draw < self.kept_of_ten => count,
            _ if self.kept_of_ten == 0 || random.one_in(2) => 0,
            _ => random.index(count + 1),
        }
    }
}

/// Files and directories as a power cut leaves them.
pub struct State {
    directories: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
    /// A further name of a file: (name, first name).
    links: Vec<(PathBuf, PathBuf)>,
}

impl State {
    /// Draws one.
    pub fn cut(disk: &Disk, random: &mut Random) -> Self {
        let temper = Temper::draw(random);
        Self::with(disk, random, temper)
    }

    /// What processes see while the power holds: everything.
    pub fn everything(disk: &Disk) -> Self {
        let all = Temper { kept_of_ten: 10, garbage: false, torn: false, trusting: true };
        Self::with(disk, &mut Random::of(&[0]), all)
    }

    fn with(disk: &Disk, random: &mut Random, temper: Temper) -> Self {
        let names = draw_names(disk, random, temper);
        let mut state = Self { directories: Vec::new(), files: Vec::new(), links: Vec::new() };
        let mut first_names = HashMap::new();
        let mut waiting = vec![(ROOT, PathBuf::new())];
        while let Some((node, path)) = waiting.pop() {
            match disk.entries.get(node) {
                Some(Entry::Directory(directory)) => {
                    let children = names.get(&node).unwrap_or(&directory.durable);
                    for (name, child) in children {
                        waiting.push((*child, path.join(OsStr::from_bytes(name))));
                    }
                    state.directories.push(path);
                }
                Some(Entry::File(file)) => match first_names.get(&node) {
                    Some(first) => state.links.push((path, PathBuf::clone(first))),
                    None => {
                        first_names.insert(node, path.clone());
                        state.files.push((path, draw_bytes(file, random, temper)));
                    }
                },
                None => {}
            }
        }
        state
    }

    /// What lies in `directory`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let mut state = Self { directories: Vec::new(), files: Vec::new(), links: Vec::new() };
        let mut first_names = HashMap::new();
        let mut waiting = vec![PathBuf::new()];
        while let Some(path) = waiting.pop() {
            for found in fs::read_dir(directory.join(&path))? {
                let found = found?;
                let (name, metadata) = (path.join(found.file_name()), found.metadata()?);
                if metadata.is_dir() {
                    waiting.push(name);
                } else if let Some(first) = first_names.get(&metadata.ino()) {
                    state.links.push((name, PathBuf::clone(first)));
                } else {
                    first_names.insert(metadata.ino(), name.clone());
                    state.files.push((name, fs::read(found.path())?));
                }
            }
            state.directories.push(path);
        }
        Ok(state)
    }

    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    pub(crate) fn links(&self) -> &[(PathBuf, PathBuf)] {
        &self.links
    }

    /// The files, with their bytes; one with several names once.
    pub fn files(&self) -> &[(PathBuf, Vec<u8>)] {
        &self.files
    }

    /// Inverts one bit of a file.
    pub fn flip(&mut self, file: usize, bit: usize) {
        if let Some(byte) = self.files.get_mut(file).and_then(|(_, bytes)| bytes.get_mut(bit / 8)) {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Writes everything into `directory`, which must be empty.
    ///
    /// # Errors
    /// If it cannot.
    pub fn write_to(&self, directory: &Path) -> io::Result<()> {
        for path in &self.directories {
            if !path.as_os_str().is_empty() {
                DirBuilder::new().mode(0o700).create(directory.join(path))?;
            }
        }
        for (path, bytes) in &self.files {
            let path = directory.join(path);
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)?;
        }
        for (path, first) in &self.links {
            fs::hard_link(directory.join(first), directory.join(path))?;
        }
        Ok(())
    }
}

/// The names of those directories in which some are not durable.
fn draw_names(disk: &Disk, random: &mut Random, temper: Temper) -> HashMap<Node, Names> {
    let mut changed: HashMap<Node, Names> = HashMap::new();
    // Names of which an earlier change was not kept.
    let mut left: BTreeSet<(Node, &Name)> = BTreeSet::new();
    for naming in &disk.namings {
        let follows = naming.names.iter().any(|(directory, name, _)| left.contains(&(*directory, name)));
        if follows || random.below(10) >= temper.kept_of_ten {
            left.extend(naming.names.iter().map(|(directory, name, _)| (*directory, name)));
            continue;
        }
        for (directory, name, node) in &naming.names {
            if let Some(Entry::Directory(durable)) = disk.entries.get(*directory) {
                let names = changed.entry(*directory).or_insert_with(|| durable.durable.clone());
                set(names, name, *node);
            }
        }
    }
    changed
}

fn draw_bytes(file: &File, random: &mut Random, temper: Temper) -> Vec<u8> {
    let mut content = file.durable.clone();
    for (page, before) in &file.doubts {
        if !temper.trusting
            && random.one_in(2)
            && let Some(place) = content.pages.get_mut(*page)
        {
            place.clone_from(before);
        }
    }
    let pending = file.pending.len();
    if pending > 0 {
        // Up to here truncations are kept, and writes may be.
        let horizon = temper.prefix(random, pending);
        let lengthened = temper.prefix(random, horizon);
        let mut pages = Pages { versions: BTreeMap::new(), horizon, temper };
        let changes = file.pending.iter().map(|(_, change)| change).take(horizon);
        for (at, change) in changes.enumerate() {
            match change {
                Change::Resize(length) => content.resize(*length),
                Change::Write { offset, data } => {
                    pages.write(&mut content, random, at, *offset, data);
                    lengthen(&mut content, random, *offset, data.len() as u64, at.cmp(&lengthened));
                }
            }
        }
        pages.fill(&mut content, random);
    }
    content.trim();
    content.bytes()
}

/// A write's effect on the length: whole if it comes before the last that counts, up to some page's end if it is that.
fn lengthen(content: &mut Content, random: &mut Random, offset: u64, bytes: u64, place: std::cmp::Ordering) {
    let end = offset + bytes;
    if end <= content.length {
        return;
    }
    match place {
        std::cmp::Ordering::Less => content.length = end,
        std::cmp::Ordering::Equal => {
            let (first, last) = (content.length / PAGE_BYTES as u64, end.div_ceil(PAGE_BYTES as u64));
            let page_end = (first + random.below(last - first + 1)) * PAGE_BYTES as u64;
            content.length = content.length.max(page_end.min(end));
        }
        std::cmp::Ordering::Greater => {}
    }
}

/// Which pages are as after which write.
struct Pages {
    versions: BTreeMap<usize, usize>,
    horizon: usize,
    temper: Temper,
}

impl Pages {
    fn write(
        &mut self,
        content: &mut Content,
        random: &mut Random,
        at: usize,
        offset: u64,
        data: &Arc<[u8]>,
    ) {
        for piece in pieces(offset, data) {
            let (temper, horizon) = (self.temper, self.horizon);
            let version = *self.versions.entry(piece.page).or_insert_with(|| temper.prefix(random, horizon));
            match at.cmp(&version) {
                std::cmp::Ordering::Less => content.put(&piece),
                std::cmp::Ordering::Equal if temper.torn && random.one_in(4) => tear(content, random, &piece),
                std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => {}
            }
        }
    }

    /// Pages within the length that were given room, but no bytes.
    fn fill(&self, content: &mut Content, random: &mut Random) {
        if !self.temper.garbage {
            return;
        }
        for page in self.versions.keys() {
            if (*page as u64) * (PAGE_BYTES as u64) < content.length
                && content.pages.get(*page).is_none_or(Option::is_none)
            {
                let mut bytes = [0; PAGE_BYTES];
                bytes.fill_with(|| random.draw().to_le_bytes()[0]);
                content.put(&Piece { page: *page, at: 0, bytes: &bytes });
            }
        }
    }
}

/// Some sectors of the page are written, others are not.
fn tear(content: &mut Content, random: &mut Random, piece: &Piece<'_>) {
    let mut done = 0;
    while done < piece.bytes.len() {
        let at = piece.at + done;
        let end = (done + SECTOR_BYTES - at % SECTOR_BYTES).min(piece.bytes.len());
        if random.one_in(2)
            && let Some(bytes) = piece.bytes.get(done..end)
        {
            content.put(&Piece { page: piece.page, at, bytes });
        }
        done = end;
    }
}
