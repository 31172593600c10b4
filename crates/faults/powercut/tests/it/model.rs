//! What the model keeps always, and what it keeps sometimes.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_powercut::{Disk, Event, Random, State};

const CREATE: i32 = 0o101;

fn played(events: &[Event<'_>]) -> Disk {
    let mut disk = Disk::new();
    for event in events {
        disk.apply(event);
    }
    disk
}

/// All states that a thousand cuts give, each as file name → bytes.
fn states(events: &[Event<'_>]) -> BTreeSet<BTreeMap<String, Vec<u8>>> {
    let disk = played(events);
    let state = |seed| {
        let state = State::cut(&disk, &mut Random::of(&[seed]));
        state.files().iter().map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes.clone())).collect()
    };
    (0..1000).map(state).collect()
}

fn names(states: &BTreeSet<BTreeMap<String, Vec<u8>>>) -> BTreeSet<String> {
    states.iter().map(|state| state.keys().cloned().collect::<Vec<_>>().join(" ")).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

fn open(fd: i32, path: &[u8]) -> Event<'_> {
    Event::Open { fd, flags: CREATE, path }
}

fn sync(token: u32, fd: i32, length: u64) -> [Event<'static>; 2] {
    [Event::SyncBegin { token, fd, length }, Event::SyncEnd { token, errno: 0 }]
}

/// The watched directory, made durable.
fn sync_root(token: u32) -> [Event<'static>; 4] {
    let [begin, end] = sync(token, 99, 0);
    [Event::Open { fd: 99, flags: 0, path: b"" }, begin, end, Event::Close { fd: 99 }]
}

#[test]
fn unsynced_names_are_kept_in_any_subset_but_those_of_one_name_in_order() {
    let events =
        [open(3, b"a"), open(4, b"b"), Event::Unlink { path: b"a" }, Event::Rename { from: b"b", to: b"c" }];
    assert_eq!(names(&states(&events)), set(["", "a", "a b", "a c", "b", "c"]));
}

#[test]
fn a_synced_directory_keeps_its_names_and_a_synced_file_its_bytes() {
    let write = Event::Write { fd: 3, offset: 0, data: b"bytes" };
    let before = [open(3, b"a"), write];
    let mut events = before.to_vec();
    events.extend(sync(1, 3, 5));
    assert_eq!(names(&states(&events)), set(["", "a"]), "a file's sync does not keep its name");
    let mut events = before.to_vec();
    events.extend(sync_root(1));
    let lengths: BTreeSet<_> = states(&events).iter().map(|state| state["a"].len()).collect();
    assert_eq!(lengths, [0, 5].into(), "a directory's sync does not keep its files' bytes");
    events.extend(sync(2, 3, 5));
    assert_eq!(states(&events), [[("a".to_owned(), b"bytes".to_vec())].into()].into());
}

#[test]
fn what_comes_after_a_sync_began_is_not_made_durable_by_it() {
    let mut events = vec![open(3, b"a")];
    events.extend(sync_root(1));
    events.extend([
        Event::Write { fd: 3, offset: 0, data: b"one" },
        Event::SyncBegin { token: 2, fd: 3, length: 3 },
        Event::Write { fd: 3, offset: 3, data: b"two" },
        Event::SyncEnd { token: 2, errno: 0 },
    ]);
    let kept: BTreeSet<_> = states(&events).iter().map(|state| state["a"].clone()).collect();
    // One page: it goes out as it stands, and the length may be that of before.
    assert!(kept.contains(b"one".as_slice()) && kept.contains(b"onetwo".as_slice()));
    assert!(kept.iter().all(|bytes| bytes.starts_with(b"one")), "{kept:?}");
}

#[test]
fn pages_are_kept_each_for_itself_and_lengths_too() {
    let mut events = vec![open(3, b"a")];
    events.extend(sync_root(1));
    let data = vec![7; 3 * 4096];
    events.push(Event::Write { fd: 3, offset: 0, data: &data });
    let states = states(&events);
    let whole = |state: &BTreeMap<String, Vec<u8>>| {
        state["a"].chunks(4096).map(|page| page.iter().all(|byte| *byte == 7)).collect::<Vec<_>>()
    };
    let kept: BTreeSet<_> = states.iter().map(whole).collect();
    for middle_only in [vec![true, true, true], vec![false, true, false], vec![true], vec![]] {
        assert!(kept.contains(&middle_only), "{middle_only:?}");
    }
    let torn = |state: &BTreeMap<String, Vec<u8>>| {
        state["a"].chunks(4096).any(|page| page[..512] == [0; 512] && page[512..1024] == [7; 512])
    };
    assert!(states.iter().any(torn), "no page was torn");
}

#[test]
fn a_failed_sync_leaves_doubt_that_a_later_one_does_not_end() {
    let mut events = vec![open(3, b"a")];
    events.extend(sync_root(1));
    events.extend([
        Event::Write { fd: 3, offset: 0, data: &[1; 4096] },
        Event::SyncBegin { token: 2, fd: 3, length: 4096 },
        Event::SyncEnd { token: 2, errno: 5 },
        Event::Write { fd: 3, offset: 4096, data: &[2; 4096] },
    ]);
    events.extend(sync(3, 3, 8192));
    let kept: BTreeSet<_> = states(&events).iter().map(|state| (state["a"][0], state["a"][4096])).collect();
    assert_eq!(kept, [(0, 2), (1, 2)].into());
    events.push(Event::Write { fd: 3, offset: 0, data: &[3; 10] });
    events.extend(sync(4, 3, 8192));
    let kept: BTreeSet<_> = states(&events).iter().map(|state| (state["a"][0], state["a"][20])).collect();
    assert_eq!(kept, [(3, 1)].into(), "a page written anew and synced is certain again");
}

#[test]
fn a_truncation_that_is_not_kept_takes_what_follows_with_it() {
    let mut events = vec![open(3, b"a"), Event::Write { fd: 3, offset: 0, data: b"old bytes" }];
    events.extend(sync(1, 3, 9));
    events.extend(sync_root(2));
    events.extend([Event::Resize { fd: 3, length: 0 }, Event::Write { fd: 3, offset: 0, data: b"new" }]);
    let kept: BTreeSet<_> = states(&events).iter().map(|state| state["a"].clone()).collect();
    let garbage = |bytes: &&Vec<u8>| bytes.len() == 3 && ***bytes != *b"new" && ***bytes != [0; 3];
    assert_eq!(
        kept.iter().filter(|bytes| !garbage(bytes)).cloned().collect::<BTreeSet<_>>(),
        [b"old bytes".to_vec(), vec![], b"new".to_vec(), vec![0; 3]].into()
    );
}

#[test]
fn a_process_that_died_leaves_its_unsynced_work_unsynced() {
    let events = [open(3, b"a"), Event::Life, open(3, b"b")];
    let disk = played(&events);
    assert_eq!(State::everything(&disk).files().len(), 2);
    assert_eq!(names(&states(&events)), set(["", "a", "a b", "b"]));
}

#[test]
fn a_state_written_out_reads_back_as_all_durable() {
    let mut events = vec![Event::MakeDirectory { path: b"d" }, open(3, b"d/a")];
    events.push(Event::Write { fd: 3, offset: 5000, data: b"end" });
    events.push(Event::Link { from: b"d/a", to: b"b" });
    let directory = tempfile::tempdir().unwrap();
    let state = State::everything(&played(&events));
    state.write_to(directory.path()).unwrap();
    let again = State::cut(&Disk::of(&State::read(directory.path()).unwrap()), &mut Random::of(&[1]));
    let directory = tempfile::tempdir().unwrap();
    again.write_to(directory.path()).unwrap();
    for name in ["d/a", "b"] {
        let bytes = std::fs::read(directory.path().join(name)).unwrap();
        assert!(bytes == [vec![0; 5000], b"end".to_vec()].concat(), "{name}");
    }
}
