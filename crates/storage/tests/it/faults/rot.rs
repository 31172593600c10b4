//! Bits that change on the disk: found and named by the start, by reads or by the verification; never served.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use strongroom_powercut::plan::{Call, Effect, Plan, Point as Fault};
use strongroom_powercut::{Disk, Random, State};
use strongroom_storage::LocalStore;
use strongroom_storage::verify::Verifier;

use super::point::{Kind, Point, Recording};
use super::{data, points, scratch};
use crate::work::child::THIS_PROGRAM;
use crate::work::survey::Survey;
use crate::work::told::Told;
use crate::work::{SEED, SMALL, World, opened, runtime, seed};

/// Rotten copies of one state.
const COPIES: u64 = 25;

/// Parts of a data directory, each as likely to be hit as the others.
const PARTS: [&str; 6] =
    ["data/log/", "data/index/tables/", "data/index/", "data/blobs/", "data/reserve", "data/FORMAT"];

/// The directory that holds a rotten state, for the child that opens it.
const PLACE: &str = "STRONGROOM_FAULTS_ROT";
/// The first position that the damaged frame acknowledged, if it is the last one.
const LAST_FRAME: &str = "STRONGROOM_FAULTS_LAST_FRAME";

/// Nobody noticed.
const UNSEEN: &str = "in dead space";

/// How a changed bit came to light, by the part it lay in.
static OUTCOMES: Mutex<BTreeMap<(&'static str, String), u64>> = Mutex::new(BTreeMap::new());

/// The last frame of a segment or of the emergency log: where it begins, and its first position. Read from the format's
/// description (`docs/formats/log.md`), not by the engine.
fn last_frame(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut last = None;
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 68).filter(|header| header.starts_with(b"SRFRAME\x01")) {
        let length = |from: usize| u32::from_be_bytes(header[from..from + 4].try_into().unwrap()) as usize;
        last = Some((at, u64::from_be_bytes(header[24..32].try_into().unwrap())));
        at += 68 + length(48) + length(52);
    }
    last
}

/// What was done to a state.
struct Damage {
    part: &'static str,
    path: PathBuf,
    at: usize,
    bytes: usize,
    /// It lies in the last frame of the log or of the emergency log: this and what follows was acknowledged by it. A
    /// damaged last frame cannot be told from one that was never finished, and is cut off.
    last_frame: Option<u64>,
}

/// Changes some bits of one file.
fn change(state: &mut State, random: &mut Random) -> Option<Damage> {
    let part = PARTS[random.index(PARTS.len())];
    let is_in = |path: &Path| {
        let path = path.to_str().unwrap();
        path.starts_with(part) && (part != "data/index/" || !path.starts_with("data/index/tables/"))
    };
    let files = state.files();
    let hit: Vec<usize> =
        (0..files.len()).filter(|at| is_in(&files[*at].0) && !files[*at].1.is_empty()).collect();
    if hit.is_empty() {
        return None;
    }
    let file = hit[random.index(hit.len())];
    let (path, bytes) = (files[file].0.clone(), &files[file].1);
    // What is written of the reserve lies at its begin.
    let at = random.index(if part == "data/reserve" { bytes.len().min(4_000) } else { bytes.len() });
    let newest = files.iter().map(|(path, _)| path).filter(|path| path.starts_with("data/log")).max();
    let is_last = part == "data/reserve" || Some(&path) == newest;
    let last_frame =
        last_frame(bytes).filter(|(begin, _)| is_last && at >= *begin).map(|(_, position)| position);
    let damage = Damage { part, path, at, bytes: bytes.len(), last_frame };
    for _ in 0..=random.below(4) / 3 * 2 {
        state.flip(file, at * 8 + random.index(8));
    }
    Some(damage)
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of {} in {}", self.at, self.bytes, self.path.display())
    }
}

impl Damage {
    /// Whether what was hit means nothing: the case of a hexadecimal number and the line's end in `FORMAT`, and ballast.
    fn is_in_dead_space(&self) -> bool {
        match self.part {
            "data/FORMAT" => self.at >= 20,
            "data/reserve" => true,
            _ => false,
        }
    }
}

/// Random bits: whether they are found, and what is served meanwhile.
pub(super) fn look(disk: &Disk, world: World, told: &Told, random: &mut Random) -> Result<(), String> {
    let mut state = State::everything(disk);
    let Some(damage) = change(&mut state, random) else { return Ok(()) };
    examine(&state, world, told, &damage)
}

/// Every bit that makes the number of a table's parts much larger: the index's library makes room for so many before it
/// compares any checksum, and memory that is not there ends a process.
pub(super) fn look_at_lengths(disk: &Disk, world: World, told: &Told) -> Result<(), String> {
    const MAGIC: &[u8] = b"TOC!";
    let mut state = State::everything(disk);
    let tables: Vec<_> =
        (0..state.files().len()).filter(|at| state.files()[*at].0.starts_with("data/index/tables")).collect();
    for file in tables {
        let (path, bytes) = state.files()[file].clone();
        let Some(toc) = bytes.windows(MAGIC.len()).rposition(|window| window == MAGIC) else { continue };
        let at = toc + MAGIC.len() + 3;
        let damage = Damage { part: "data/index/tables/", path, at, bytes: bytes.len(), last_frame: None };
        for bit in 0..8 {
            state.flip(file, at * 8 + bit);
            examine(&state, world, told, &damage)?;
            state.flip(file, at * 8 + bit);
        }
    }
    Ok(())
}

fn examine(state: &State, world: World, told: &Told, damage: &Damage) -> Result<(), String> {
    let place = scratch();
    state.write_to(place.path()).unwrap();
    let mut outcome =
        meet_apart(place.path(), world, told, damage).map_err(|wrong| format!("{damage}: {wrong}"))?;
    if outcome == UNSEEN {
        let rotten = state.files().iter().find(|(path, _)| *path == damage.path).map(|(_, bytes)| bytes);
        if damage.last_frame.is_some() {
            outcome = String::from("cut off as a torn last frame");
        } else if std::fs::read(place.path().join(&damage.path)).ok().as_ref() != rotten {
            outcome = String::from("in what was to go");
        } else if !damage.is_in_dead_space() {
            return Err(format!("{damage}: nobody has found it"));
        }
    }
    *OUTCOMES.lock().unwrap().entry((damage.part, outcome)).or_default() += 1;
    Ok(())
}

/// As [`meet`], in a process of its own: what cannot be caught, like memory for a length that has rotted, ends that one.
fn meet_apart(place: &Path, world: World, told: &Told, damage: &Damage) -> Result<String, String> {
    std::fs::write(place.join("told"), told.tell()).unwrap();
    let last_frame = damage.last_frame.map_or(String::new(), |position| position.to_string());
    let output = Command::new(THIS_PROGRAM)
        .args(["the_child_meets_rotten_bits", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .env(SEED, world.seed.to_string())
        .env(LAST_FRAME, last_frame)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    match said.lines().find_map(|line| line.split_once("MET ")) {
        Some((_, outcome)) => Ok(outcome.to_owned()),
        None => Err(format!("{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

/// The child's part. In an ordinary run there is nothing for it to do.
#[test]
fn the_child_meets_rotten_bits() {
    let Some(place) = std::env::var_os(PLACE).map(PathBuf::from) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>();
    let mut told = Told::default();
    told.hear(&std::fs::read_to_string(place.join("told")).unwrap());
    let directory = data(&place);
    let world = World { seed: number(SEED).unwrap(), scale: &SMALL };
    let met = meet(&directory, world, &told, number(LAST_FRAME).ok());
    match runtime().block_on(met) {
        Ok(outcome) => println!("MET {outcome}"),
        Err(wrong) => println!("{wrong}"),
    }
}

/// Opens, reads and verifies; gives what found the damage, or what is served although it is wrong.
async fn meet(
    directory: &Path,
    world: World,
    told: &Told,
    last_frame: Option<u64>,
) -> Result<&'static str, String> {
    let store = match opened(|| LocalStore::open(directory, world.scale.options(0))) {
        Ok(store) => store,
        Err(error) if error.to_string().is_empty() => return Err("refused without a word".to_owned()),
        Err(_) => return Ok("refused at the start"),
    };
    let mut survey = Survey::of(&store, world, told).await;
    if let (false, Some(position)) = (survey.wrong.is_empty(), last_frame) {
        survey = Survey::of(&store, world, &told.before(position)).await;
    }
    drop(store);
    if !survey.wrong.is_empty() {
        return Err(format!("{:#?} {:#?}", survey.wrong, survey.damaged));
    }
    let mut verified = false;
    match opened(|| Verifier::open(directory, world.scale.options(0))) {
        Ok(verifier) => verified |= verifier.run(|_| {}, |_| verified = true).is_err(),
        Err(_) => verified = true,
    }
    Ok(match (survey.damaged.is_empty(), survey.unsealed.is_empty(), verified) {
        (false, _, true) => "refused by a read, found by the verification",
        (false, _, false) => "refused by a read alone",
        (true, false, true) => "found by the verification, and by the seal",
        (true, false, false) => "found by the seal alone",
        (true, true, true) => "found by the verification alone",
        (true, true, false) => UNSEEN,
    })
}

#[test]
fn bits_that_change_are_found_and_never_served() {
    let seed = seed("rotten bits");
    let mut random = Random::of(&[seed, 3]);
    let wanted = points() * 2 / 9;
    let mut tried = 0;
    while tried < wanted {
        let mut recording = Recording::new(seed, None);
        // A life that ended well, one that was killed with much to replay, one that ended with an emergency log.
        let (call, number, effect) = match random.below(3) {
            0 => (None, u64::MAX, Effect::Kill),
            1 => (None, 900 + random.below(1_500), Effect::Kill),
            _ => (Some(Call::Sync), 20 + random.below(80), Effect::Broken),
        };
        let prefix = if call.is_some() { "data/log" } else { "" }.to_owned();
        recording.live(&Plan::of([Fault { call, prefix, number, effect }]), 40);
        let at = recording.trace.len();
        let copies = COPIES.min(wanted - tried);
        recording
            .examine((0..copies).map(|_| Point { kind: Kind::Rot, at, chance: random.draw() }).collect());
        tried += copies;
    }
    println!("{tried} rotten copies");
    for ((part, outcome), count) in OUTCOMES.lock().unwrap().iter() {
        println!("{count:>6} {part}: {outcome}");
    }
}

#[test]
fn a_length_that_has_rotted_ends_no_process() {
    let seed = seed("rotten lengths");
    let mut recording = Recording::new(seed, None);
    let (status, told) = recording.live(&Plan::default(), 40);
    assert!(status.success() && told.contains("HEALTH ready"), "{status}: {told}");
    recording.examine(vec![Point { kind: Kind::Lengths, at: recording.trace.len(), chance: 0 }]);
}
