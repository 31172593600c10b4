//! A child process works in a directory under the library; the record must rebuild that directory, and planned faults
//! must arrive.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{IoSlice, Write as _};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use strongroom_powercut::run::Watch;
use strongroom_powercut::{Call, Disk, Event, Plan, State, Trace};

const CHILD: &str = "STRONGROOM_FAULTS_SELF_TEST";

/// What the child does. Gives the first error as text.
fn work(root: &Path) -> std::io::Result<()> {
    fs::create_dir_all(root.join("d/e"))?;
    fs::remove_dir(root.join("d/e"))?;
    let mut file = File::create(root.join("a"))?;
    file.write_all(b"hello ")?;
    assert_eq!(file.write_vectored(&[IoSlice::new(b"wo"), IoSlice::new(b"rld")])?, 5);
    file.write_all_at(b"J", 0)?;
    file.set_len(20_000)?;
    file.sync_data()?;
    let mut twin = file.try_clone()?;
    drop(file);
    twin.write_all(b"!")?;
    twin.sync_all()?;
    let mut appended = OpenOptions::new().append(true).open(root.join("a"))?;
    appended.write_all(&[9; 5000])?;
    drop((twin, appended));
    fs::copy(root.join("a"), root.join("b"))?;
    fs::hard_link(root.join("a"), root.join("c"))?;
    fs::rename(root.join("b"), root.join("d/b"))?;
    fs::remove_file(root.join("a"))?;
    // These rename and allocate past libc.
    let mut temporary = tempfile::NamedTempFile::new_in(root)?;
    temporary.write_all(b"atomic")?;
    temporary.persist(root.join("f"))?;
    let reserve = File::create(root.join("g"))?;
    rustix::fs::fallocate(&reserve, rustix::fs::FallocateFlags::empty(), 0, 10_000)?;
    File::open(root)?.sync_all()
}

/// The child's part. In an ordinary run there is nothing for it to do.
#[test]
fn the_child_works_in_the_directory() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    println!("BEGIN");
    if let Err(error) = work(Path::new(&root)) {
        println!("ERROR {error}");
    }
    println!("END");
}

fn run(root: &Path, trace: &Path, plan: &str) -> (ExitStatus, Trace) {
    let plan: Plan = plan.parse().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["the_child_works_in_the_directory", "--nocapture", "--test-threads=1"]).env(CHILD, root);
    Watch { root, trace, plan: &plan, sync_micros: 0 }.over(&mut command);
    let status = command.stdout(std::process::Stdio::null()).status().unwrap();
    (status, Trace::read(trace).unwrap())
}

fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn rebuilt(trace: &Trace) -> BTreeMap<String, Vec<u8>> {
    let mut disk = Disk::new();
    trace.events().for_each(|event| disk.apply(&event));
    let directory = tempfile::tempdir().unwrap();
    State::everything(&disk).write_to(directory.path()).unwrap();
    files(directory.path())
}

/// Without the bytes in the message.
fn assert_same(left: &BTreeMap<String, Vec<u8>>, right: &BTreeMap<String, Vec<u8>>, plan: &str) {
    let lengths = |files: &BTreeMap<String, Vec<u8>>| {
        files.iter().map(|(name, bytes)| (name.clone(), bytes.len())).collect::<Vec<_>>()
    };
    assert_eq!(lengths(left), lengths(right), "{plan}");
    for (name, bytes) in left {
        let differs = bytes.iter().zip(&right[name]).position(|(left, right)| left != right);
        assert_eq!(differs, None, "{plan}: {name}");
    }
}

/// A directory to work in, and a place for the record beside it.
fn places() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (root, trace) = (directory.path().join("root"), directory.path().join("trace"));
    fs::create_dir(&root).unwrap();
    (directory, root, trace)
}

#[test]
fn the_record_rebuilds_what_the_process_did_also_past_libc() {
    let (_directory, root, trace) = places();
    let (status, trace) = run(&root, &trace, "");
    assert!(status.success(), "{status}: {}", trace.marks(trace.len()));
    assert!(!trace.marks(trace.len()).contains("ERROR"), "{}", trace.marks(trace.len()));
    let found = files(&root);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["c", "d/b", "f", "g"]);
    assert_eq!(found["c"].len(), 25_000);
    assert_eq!(found["f"], b"atomic");
    assert_same(&rebuilt(&trace), &found, "no faults");
    let renames = trace.events().filter(|event| matches!(event, Event::Rename { .. })).count();
    assert_eq!(renames, 2, "one through libc, one past it");
}

#[test]
fn planned_faults_arrive_and_are_noted() {
    let cases = [
        ("write@a:1=eio", "Input/output error", Call::Write, 5),
        ("write@a:2=enospc", "No space left", Call::Write, 28),
        ("sync@a:1=eio", "Input/output error", Call::Sync, 5),
        ("resize@a:1=eio", "Input/output error", Call::Resize, 5),
        ("rename@f:1=eio", "Input/output error", Call::Rename, 5),
        ("link@c:1=enospc", "No space left", Call::Link, 28),
        ("unlink@a:1=eio", "Input/output error", Call::Unlink, 5),
        ("mkdir@d:1=enospc", "No space left", Call::MakeDirectory, 28),
        ("rmdir@d:1=eio", "Input/output error", Call::RemoveDirectory, 5),
        ("allocate@g:1=enospc", "No space left", Call::Allocate, 28),
        ("open@b:1=eio", "Input/output error", Call::Open, 5),
    ];
    for (plan, error, call, errno) in cases {
        let (_directory, root, trace) = places();
        let (status, trace) = run(&root, &trace, plan);
        let marks = trace.marks(trace.len());
        assert!(status.success(), "{plan}: {status}");
        assert!(marks.contains("ERROR") && marks.contains(error), "{plan}: {marks}");
        let is_noted = |event: Event<'_>| matches!(event, Event::Injected { call: noted, errno: with, .. } if (noted, with) == (call, errno));
        assert_eq!(trace.events().filter(|event| is_noted(*event)).count(), 1, "{plan}");
        assert_same(&rebuilt(&trace), &files(&root), plan);
    }
}

#[test]
fn short_writes_are_taken_up_again_and_a_full_disk_has_no_room() {
    let (_directory, root, trace) = places();
    let (_, trace) = run(&root, &trace, "write@a:1=short,write@a:2=short");
    assert!(!trace.marks(trace.len()).contains("ERROR"));
    assert_same(&rebuilt(&trace), &files(&root), "");
    let (_directory, root, trace) = places();
    let (_, trace) = run(&root, &trace, "write@a:4=full");
    assert!(trace.marks(trace.len()).contains("No space left"), "{}", trace.marks(trace.len()));
    assert_same(&rebuilt(&trace), &files(&root), "");
}

#[test]
fn a_process_dies_where_it_is_told_to_and_a_second_one_goes_on() {
    let (_directory, root, path) = places();
    let (status, trace) = run(&root, &path, "rename:1=kill");
    assert!(!status.success() && !trace.marks(trace.len()).contains("END"), "{status}");
    assert!(files(&root).contains_key("b"), "the rename was not done");
    assert_same(&rebuilt(&trace), &files(&root), "");
    fs::remove_file(root.join("c")).unwrap();
    fs::remove_dir_all(root.join("d")).unwrap();
    let (_, second) = run(&root, &path, "");
    assert!(second.len() > trace.len());
    assert_eq!(second.events().filter(|event| *event == Event::Life).count(), 2);
}
