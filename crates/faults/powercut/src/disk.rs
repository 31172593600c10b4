//! The disk behind a record: what every process sees, what is durable, and what is only on its way there.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::cut::State;
use crate::trace::Event;

/// Bytes that the kernel writes out together.
pub const PAGE_BYTES: usize = 4096;

const CREATE: i32 = 0o100;
const TRUNCATE: i32 = 0o1000;

pub(crate) type Node = usize;
pub(crate) type Name = Vec<u8>;
pub(crate) type Names = BTreeMap<Name, Node>;
pub(crate) type Page = Arc<[u8; PAGE_BYTES]>;

/// The directory that is watched.
pub(crate) const ROOT: Node = 0;

/// A file's bytes, by pages; a page that was never written is absent and reads as zeros.
#[derive(Clone, Default, Debug)]
pub(crate) struct Content {
    pub(crate) length: u64,
    pub(crate) pages: Vec<Option<Page>>,
}

/// The part of a write that falls into one page.
pub(crate) struct Piece<'a> {
    pub(crate) page: usize,
    pub(crate) at: usize,
    pub(crate) bytes: &'a [u8],
}

/// A write, cut at the ends of pages.
pub(crate) fn pieces(offset: u64, data: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut rest = data;
    std::iter::from_fn(move || {
        let (page, at) = (offset / PAGE_BYTES, offset % PAGE_BYTES);
        let (bytes, later) = rest.split_at(rest.len().min(PAGE_BYTES - at));
        rest = later;
        offset += bytes.len();
        (!bytes.is_empty()).then_some(Piece { page, at, bytes })
    })
}

impl Content {
    pub(crate) fn put(&mut self, piece: &Piece<'_>) {
        if self.pages.len() <= piece.page {
            self.pages.resize(piece.page + 1, None);
        }
        let Some(place) = self.pages.get_mut(piece.page) else { return };
        let page = Arc::make_mut(place.get_or_insert_with(|| Arc::new([0; PAGE_BYTES])));
        if let Some(place) = page.get_mut(piece.at..piece.at + piece.bytes.len()) {
            place.copy_from_slice(piece.bytes);
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        pieces(offset, data).for_each(|piece| self.put(&piece));
        self.length = self.length.max(offset + data.len() as u64);
    }

    /// Sets the length; bytes behind it read as zeros if it grows again.
    pub(crate) fn resize(&mut self, length: u64) {
        self.length = length;
        self.trim();
    }

    /// Forgets what lies behind the length.
    pub(crate) fn trim(&mut self) {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        self.pages.truncate(length.div_ceil(PAGE_BYTES));
        if let (Some(Some(last)), tail @ 1..) = (self.pages.get_mut(length / PAGE_BYTES), length % PAGE_BYTES)
        {
            Arc::make_mut(last).iter_mut().skip(tail).for_each(|byte| *byte = 0);
        }
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(length.next_multiple_of(PAGE_BYTES));
        for page in &self.pages {
            match page {
                Some(page) => bytes.extend_from_slice(page.as_slice()),
                None => bytes.resize(bytes.len() + PAGE_BYTES, 0),
            }
        }
        bytes.resize(length, 0);
        bytes
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write { offset: u64, data: Arc<[u8]> },
    Resize(u64),
}

#[derive(Default, Debug)]
pub(crate) struct File {
    /// Length as processes see it.
    length: u64,
    pub(crate) durable: Content,
    /// Pages that a failed sync left in doubt, as they were before.
    pub(crate) doubts: BTreeMap<usize, Option<Page>>,
    /// What was done since the last sync, with its place in the order of everything.
    pub(crate) pending: VecDeque<(u64, Change)>,
}

impl File {
    fn change(&mut self, sequence: u64, change: Change) {
        match &change {
            Change::Write { offset, data } => self.length = self.length.max(offset + data.len() as u64),
            Change::Resize(length) => self.length = *length,
        }
        self.pending.push_back((sequence, change));
    }

    fn take_before(&mut self, sequence: u64) -> Option<Change> {
        let (at, _) = self.pending.front()?;
        if *at >= sequence {
            return None;
        }
        self.pending.pop_front().map(|(_, change)| change)
    }

    /// A sync that began at `sequence` has succeeded.
    fn settle(&mut self, sequence: u64) {
        while let Some(change) = self.take_before(sequence) {
            match change {
                Change::Write { offset, data } => {
                    self.durable.write(offset, &data);
                    for piece in pieces(offset, &data) {
                        self.doubts.remove(&piece.page);
                    }
                }
                Change::Resize(length) => self.durable.resize(length),
            }
        }
    }

    /// It has failed: the bytes are in doubt, the length is as unsynced as it was.
    fn doubt(&mut self, sequence: u64) {
        let mut length = self.durable.length;
        let (before, mut shrank) = (length, false);
        for (_, change) in self.pending.iter().take_while(|(at, _)| *at < sequence) {
            match change {
                Change::Write { offset, data } => length = length.max(offset + data.len() as u64),
                Change::Resize(to) => {
                    shrank |= *to < length;
                    length = *to;
                }
            }
        }
        // What was cut off lies in blocks that are freed with the new length: nothing is in doubt before that is synced.
        if shrank {
            return;
        }
        while let Some(change) = self.take_before(sequence) {
            let Change::Write { offset, data } = change else { continue };
            for piece in pieces(offset, &data) {
                let old = self.durable.pages.get(piece.page).cloned().flatten();
                self.doubts.entry(piece.page).or_insert(old);
                self.durable.put(&piece);
            }
        }
        if length != before {
            self.pending.push_front((sequence - 1, Change::Resize(length)));
        }
    }
}

#[derive(Default, Debug)]
pub(crate) struct Directory {
    visible: Names,
    pub(crate) durable: Names,
}

#[derive(Debug)]
pub(crate) enum Entry {
    File(File),
    Directory(Directory),
}

/// Names that change together, or not at all.
#[derive(Debug)]
pub(crate) struct Naming {
    sequence: u64,
    /// Directory, name, and what the name stands for afterwards.
    pub(crate) names: Vec<(Node, Name, Option<Node>)>,
}

impl Naming {
    fn shares_a_name_with(&self, other: &Self) -> bool {
        self.names.iter().any(|(directory, name, _)| {
            other.names.iter().any(|(in_directory, called, _)| in_directory == directory && called == name)
        })
    }
}

/// The state of a disk, as far as events have been replayed.
pub struct Disk {
    pub(crate) entries: Vec<Entry>,
    pub(crate) namings: Vec<Naming>,
    descriptors: HashMap<i32, Node>,
    /// By token: what is synced, and when that began.
    syncs: HashMap<u32, (Node, u64)>,
    sequence: u64,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|byte| *byte == b'/');
    at.map_or((&[], path), |at| (path.get(..at).unwrap_or(&[]), path.get(at + 1..).unwrap_or(&[])))
}

impl Disk {
    /// An empty directory, durably there.
    pub fn new() -> Self {
        Self {
            entries: vec![Entry::Directory(Directory::default())],
            namings: Vec::new(),
            descriptors: HashMap::new(),
            syncs: HashMap::new(),
            sequence: 0,
        }
    }

    /// What a state holds, all of it durable: the disk after the power is back.
    pub fn of(state: &State) -> Self {
        let mut disk = Self::new();
        // A directory comes before what lies in it.
        let mut directories: Vec<_> = state.directories().iter().collect();
        directories.sort();
        for path in directories.into_iter().filter(|path| !path.as_os_str().is_empty()) {
            disk.place(path, Entry::Directory(Directory::default()));
        }
        for (path, bytes) in state.files() {
            let mut file = File { length: bytes.len() as u64, ..File::default() };
            file.durable.write(0, bytes);
            disk.place(path, Entry::File(file));
        }
        for (path, first) in state.links() {
            if let Some(node) = disk.find(first.as_os_str().as_bytes()) {
                disk.name(path, node);
            }
        }
        disk
    }

    fn place(&mut self, path: &Path, entry: Entry) {
        self.entries.push(entry);
        self.name(path, self.entries.len() - 1);
    }

    fn name(&mut self, path: &Path, node: Node) {
        let (parent, name) = split(path.as_os_str().as_bytes());
        if let Some(Entry::Directory(parent)) =
            self.find(parent).and_then(|parent| self.entries.get_mut(parent))
        {
            parent.visible.insert(name.to_vec(), node);
            parent.durable.insert(name.to_vec(), node);
        }
    }

    /// Replays one event.
    pub fn apply(&mut self, event: &Event<'_>) {
        self.sequence += 1;
        match *event {
            Event::Life => {
                self.descriptors.clear();
                self.syncs.clear();
            }
            Event::Open { fd, flags, path } => self.open(fd, flags, path),
            Event::Close { fd } => {
                self.descriptors.remove(&fd);
            }
            Event::Duplicate { fd, copy } => {
                if let Some(node) = self.descriptors.get(&fd).copied() {
                    self.descriptors.insert(copy, node);
                }
            }
            Event::Write { fd, offset, data } => {
                self.change(fd, Change::Write { offset, data: data.into() });
            }
            Event::Resize { fd, length } => self.change(fd, Change::Resize(length)),
            Event::SyncBegin { token, fd, length } => {
                let Some(node) = self.descriptors.get(&fd).copied() else { return };
                // A file can grow unseen, by a call that the library does not know.
                if matches!(self.entries.get(node), Some(Entry::File(file)) if file.length != length) {
                    self.change(fd, Change::Resize(length));
                    self.sequence += 1;
                }
                self.syncs.insert(token, (node, self.sequence));
            }
            Event::SyncEnd { token, errno } => {
                if let Some((node, began)) = self.syncs.remove(&token) {
                    self.synced(node, began, errno == 0);
                }
            }
            Event::Rename { from, to } => {
                let Some(node) = self.find(from) else { return };
                self.rename(&[(from, None), (to, Some(node))]);
            }
            Event::Link { from, to } => {
                let Some(node) = self.find(from) else { return };
                self.rename(&[(to, Some(node))]);
            }
            Event::Unlink { path } | Event::RemoveDirectory { path } => self.rename(&[(path, None)]),
            Event::MakeDirectory { path } => {
                self.entries.push(Entry::Directory(Directory::default()));
                self.rename(&[(path, Some(self.entries.len() - 1))]);
            }
            Event::Mark { .. } | Event::Injected { .. } => {}
        }
    }

    fn find(&self, path: &[u8]) -> Option<Node> {
        path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).try_fold(ROOT, |node, name| {
            match self.entries.get(node)? {
                Entry::Directory(directory) => directory.visible.get(name).copied(),
                Entry::File(_) => None,
            }
        })
    }

    fn open(&mut self, fd: i32, flags: i32, path: &[u8]) {
        let node = match self.find(path) {
            Some(node) => node,
            None if flags & CREATE != 0 => {
                self.entries.push(Entry::File(File::default()));
                self.rename(&[(path, Some(self.entries.len() - 1))]);
                self.entries.len() - 1
            }
            None => return,
        };
        self.descriptors.insert(fd, node);
        if flags & TRUNCATE != 0 {
            self.change(fd, Change::Resize(0));
        }
    }

    fn change(&mut self, fd: i32, change: Change) {
        let sequence = self.sequence;
        if let Some(Entry::File(file)) =
            self.descriptors.get(&fd).and_then(|node| self.entries.get_mut(*node))
        {
            file.change(sequence, change);
        }
    }

    fn rename(&mut self, changes: &[(&[u8], Option<Node>)]) {
        let mut names = Vec::new();
        for (path, node) in changes {
            let (parent, name) = split(path);
            let Some(directory) = self.find(parent) else { return };
            names.push((directory, name.to_vec(), *node));
        }
        for (directory, name, node) in &names {
            if let Some(Entry::Directory(directory)) = self.entries.get_mut(*directory) {
                set(&mut directory.visible, name, *node);
            }
        }
        self.namings.push(Naming { sequence: self.sequence, names });
    }

    fn synced(&mut self, node: Node, began: u64, succeeded: bool) {
        match self.entries.get_mut(node) {
            Some(Entry::File(file)) if succeeded => file.settle(began),
            Some(Entry::File(file)) => file.doubt(began),
            Some(Entry::Directory(_)) if succeeded => self.names_synced(node, began),
            Some(Entry::Directory(_)) | None => {}
        }
    }

    /// A sync of a directory that began at `began` has succeeded.
    fn names_synced(&mut self, directory: Node, began: u64) {
        let inside = |naming: &Naming| naming.names.iter().any(|(parent, _, _)| *parent == directory);
        // From the end, so that what a change relies on comes after it: an earlier change of a name that is durable
        // now, in whatever directory, is durable too.
        let mut durable: Vec<Naming> = Vec::new();
        let mut kept: Vec<Naming> = Vec::new();
        for naming in std::mem::take(&mut self.namings).into_iter().rev() {
            let relied_on = durable.iter().any(|later| later.shares_a_name_with(&naming));
            if naming.sequence < began && (inside(&naming) || relied_on) {
                durable.push(naming);
            } else {
                kept.push(naming);
            }
        }
        kept.reverse();
        self.namings = kept;
        for (directory, name, node) in durable.into_iter().rev().flat_map(|naming| naming.names) {
            if let Some(Entry::Directory(directory)) = self.entries.get_mut(directory) {
                set(&mut directory.durable, &name, node);
            }
        }
    }
}

pub(crate) fn set(names: &mut Names, name: &Name, node: Option<Node>) {
    match node {
        Some(node) => names.insert(name.clone(), node),
        None => names.remove(name),
    };
}
