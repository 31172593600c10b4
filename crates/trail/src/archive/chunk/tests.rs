use std::fs;

use strongroom_record::{Completed, Decided, Effect, Record, encode};

use super::super::files;
use super::*;
use crate::fingerprint::{self, Kind};

/// Not a cipher: it hides nothing, but binds as one does.
struct Binding;

fn sum(parts: &[&[u8]]) -> [u8; 8] {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    parts.iter().fold(7, |hash, part| part.iter().fold(hash ^ part.len() as u64, mix)).to_be_bytes()
}

impl ChunkSeal for Binding {
    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        [sum(&[context, plain]).as_slice(), plain].concat()
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (tag, plain) = sealed.split_first_chunk::<8>().ok_or(SealError)?;
        (*tag == sum(&[context, plain])).then(|| plain.to_vec()).ok_or(SealError)
    }
}

fn decided(n: u64) -> Bytes {
    encode(&Record::Decided(Box::new(Decided {
        request_id: format!("{n:016X}"),
        decided_at_millis: 1_000_000 + i64::try_from(n).unwrap() * 1000,
        bucket: Some("photos".into()),
        key: Some(format!("key-{n}")),
        request_parameters: Some("x".repeat(1000)),
        ..Decided::default()
    })))
    .into()
}

fn built(count: u64) -> (Header, Vec<u8>) {
    let mut builder = Builder::new(Arc::new(Binding), Position(4), 0);
    for n in 0..count {
        builder.add(Position(5 + 2 * n), &[decided(n)]).unwrap();
    }
    builder.finish().unwrap().unwrap()
}

fn opened(dir: &Path, file: &[u8]) -> Result<Reader, TrailError> {
    let path = dir.join("x.chunk");
    fs::write(&path, file).unwrap();
    Reader::open(&path, Arc::new(Binding))
}

#[test]
fn a_chunk_gives_back_what_was_put_in() {
    let dir = tempfile::tempdir().unwrap();
    let (header, file) = built(2000);
    assert_eq!((header.after, header.first, header.last, header.records), (4, 5, 5 + 2 * 1999, 2000));
    assert_eq!((header.first_time, header.last_time), (1_000_000, 1_000_000 + 1_999_000));
    files::write(dir.path(), &header, &file).unwrap();
    let mut reader = Reader::open(&files::path(dir.path(), 5), Arc::new(Binding)).unwrap();
    assert!(reader.index.blocks.len() > 3, "records of 2 MB need several blocks");
    let mut at = Position(4);
    let mut seen = 0;
    loop {
        let groups = reader.read(at, 70).unwrap();
        let Some((last, _)) = groups.last() else { break };
        at = *last;
        for (position, records) in groups {
            assert_eq!((position.0, records), (5 + 2 * seen, vec![decided(seen)]));
            seen += 1;
        }
    }
    assert_eq!(seen, 2000);
}

#[test]
fn the_records_of_a_position_stay_together() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(Arc::new(Binding), Position(0), 0);
    builder.add(Position(1), &[decided(1), decided(2), decided(3)]).unwrap();
    builder.add(Position(2), &[decided(4)]).unwrap();
    let (_, file) = builder.finish().unwrap().unwrap();
    let groups = opened(dir.path(), &file).unwrap().read(Position(0), 2).unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].1.len(), 3);
}

#[test]
fn the_index_leads_to_the_blocks_of_a_request_an_object_and_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = opened(dir.path(), &built(2000).1).unwrap();
    let always = (i64::MIN, i64::MAX);
    let request = fingerprint::of(Kind::Request, &[&format!("{:016X}", 1500)]);
    let object = fingerprint::of(Kind::Object, &["photos", "key-1500"]);
    for named in [request, object] {
        let blocks = reader.candidates(&[named], always, Position(0));
        assert_eq!(blocks.len(), 1);
        assert!(reader.groups(blocks[0]).unwrap().iter().any(|(_, records)| records[0] == decided(1500)));
    }
    let all = reader.index.blocks.len();
    assert_eq!(reader.candidates(&[], always, Position(0)).len(), all);
    assert_eq!(
        reader.candidates(&[fingerprint::of(Kind::Bucket, &["photos"])], always, Position(0)).len(),
        all
    );
    assert_eq!(
        reader.candidates(&[fingerprint::of(Kind::Bucket, &["other"])], always, Position(0)),
        Vec::<u32>::new()
    );
    assert_eq!(reader.candidates(&[], (0, 1_000_000), Position(0)), vec![0]);
    assert_eq!(reader.candidates(&[], (0, 999_999), Position(0)), Vec::<u32>::new());
}

#[test]
fn keys_of_effects_are_indexed() {
    let mut builder = Builder::new(Arc::new(Binding), Position(0), 0);
    let effect = |key: &str, bucket: Option<&str>| Effect {
        key: Some(key.into()),
        bucket: bucket.map(str::to_owned),
        ..Effect::default()
    };
    let record = Record::Decided(Box::new(Decided {
        bucket: Some("target".into()),
        effects: vec![effect("a", None), effect("b", Some("source"))],
        ..Decided::default()
    }));
    builder.add(Position(1), &[encode(&record).into()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let reader = opened(dir.path(), &builder.finish().unwrap().unwrap().1).unwrap();
    let known = |parts: &[&str]| !reader.blocks_of(fingerprint::of(Kind::Object, parts)).is_empty();
    assert!(known(&["target", "a"]));
    assert!(known(&["source", "b"]));
    assert!(!known(&["target", "b"]));
}

#[test]
fn a_chunk_that_was_changed_anywhere_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let (header, file) = built(300);
    let whole =
        |bytes: &[u8]| opened(dir.path(), bytes).and_then(|mut reader| reader.read(Position(4), 1000));
    assert_eq!(whole(&file).unwrap().len(), 300);
    for at in (0..HEADER_BYTES).chain((HEADER_BYTES..file.len()).step_by(97)) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(whole(&changed).is_err(), "byte {at} of {}", header.file_bytes());
    }
    for end in [0, 1, HEADER_BYTES - 1, HEADER_BYTES, file.len() / 2, file.len() - 1] {
        assert!(whole(&file[..end]).is_err(), "cut at {end}");
    }
    assert!(whole(&[file.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn a_block_of_another_chunk_does_not_open_in_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let (_, file) = built(3);
    let mut other = Builder::new(Arc::new(Binding), Position(3), 0);
    (0..3).for_each(|n| other.add(Position(5 + 2 * n), &[decided(n)]).unwrap());
    let (_, other) = other.finish().unwrap().unwrap();
    let reader = opened(dir.path(), &file).unwrap();
    let end = usize::try_from(reader.header.index_offset).unwrap();
    let mixed = [&file[..HEADER_BYTES], &other[HEADER_BYTES..end], &file[end..]].concat();
    assert_eq!(mixed.len(), file.len());
    let mut reader = opened(dir.path(), &mixed).unwrap();
    assert!(matches!(reader.read(Position(4), 10), Err(TrailError::Damaged { what: "a block" })));
}

#[test]
fn chunk_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (header, file) = built(1);
    files::write(dir.path(), &header, &file).unwrap();
    let mode = fs::metadata(files::path(dir.path(), 5)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn records_that_cannot_be_read_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(Arc::new(Binding), Position(0), 77);
    builder.add(Position(1), &[Bytes::from_static(b"\xffnot a record")]).unwrap();
    let (header, file) = builder.finish().unwrap().unwrap();
    assert_eq!((header.first_time, header.last_time), (77, 77));
    let groups = opened(dir.path(), &file).unwrap().read(Position(0), 9).unwrap();
    assert_eq!(groups, [(Position(1), vec![Bytes::from_static(b"\xffnot a record")])]);
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(data: Vec<u8>) {
        fuzz_chunk(&data);
        let dir = tempfile::tempdir().unwrap();
        let _ = opened(dir.path(), &data);
    }

    #[test]
    fn any_groups_come_back(sizes in proptest::collection::vec(1_usize..4, 1..40)) {
        let mut builder = Builder::new(Arc::new(Binding), Position(0), 0);
        let completed = |n: usize| Bytes::from(encode(&Record::Completed(Box::new(Completed {
            request_id: n.to_string(), ..Completed::default()
        }))));
        let groups: Vec<Group> = sizes.iter().zip(1_u64..).map(|(size, n)| {
            (Position(n * 3), (0..*size).map(completed).collect())
        }).collect();
        for (position, records) in &groups {
            builder.add(*position, records).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let mut reader = opened(dir.path(), &builder.finish().unwrap().unwrap().1).unwrap();
        assert_eq!(reader.read(Position(0), 1000).unwrap(), groups);
    }
}
