use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use strongroom_record::encode;
use strongroom_storage::Journal as _;

use super::*;
use crate::testing::{AT_ONCE, Store, request};

fn settings(dir: &Path) -> AuditLogSettings {
    AuditLogSettings { path: dir.join("audit.jsonl"), max_bytes: 1 << 20, keep: 2 }
}

async fn opened(store: &Store, dir: &Path) -> AuditLog {
    let archive = store.archive(dir).await;
    AuditLog::open(&archive, Arc::new(store.inner.clone()), settings(dir)).await.unwrap()
}

async fn drain(log: &mut AuditLog) {
    while log.pass().await.unwrap() {}
}

/// The request ids of a file's lines, each of which must be whole.
fn ids(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'));
    let id =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["requestID"].as_str().unwrap().to_owned();
    text.lines().map(id).collect()
}

fn id(n: u64) -> String {
    format!("{n:016X}")
}

#[tokio::test]
async fn every_request_is_a_line() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let mut log = opened(&store, dir.path()).await;
    for n in 0..5 {
        store.record(n).await;
    }
    drain(&mut log).await;
    let path = settings(dir.path()).path;
    assert_eq!(ids(&path), (0..5).map(id).collect::<Vec<_>>());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn lines_that_were_not_committed_come_again_after_a_crash_and_others_do_not() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let path = settings(dir.path()).path;
    let mut log = opened(&store, dir.path()).await;
    store.record(0).await;
    drain(&mut log).await;
    log.sync().await.unwrap();
    store.record(1).await;
    drain(&mut log).await;
    drop(log);
    // The crash left half a line.
    let mut text = fs::read(&path).unwrap();
    text.truncate(text.len() - 7);
    fs::write(&path, text).unwrap();
    let mut log = opened(&store, dir.path()).await;
    drain(&mut log).await;
    assert_eq!(ids(&path), [id(0), id(1)]);
    log.sync().await.unwrap();
    let mut log = opened(&store, dir.path()).await;
    drain(&mut log).await;
    assert_eq!(ids(&path), [id(0), id(1)]);
}

#[tokio::test]
async fn a_request_that_died_with_its_process_is_a_line_too() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let path = settings(dir.path()).path;
    let mut log = opened(&store, dir.path()).await;
    let [decided, _] = request(7, 1_800_000_000_000);
    store.inner.append(vec![encode(&decided)]).await.unwrap();
    drain(&mut log).await;
    log.sync().await.unwrap();
    assert_eq!(ids(&path), Vec::<String>::new(), "it may still end");
    let mut log = opened(&store, dir.path()).await;
    drain(&mut log).await;
    let line: Value = serde_json::from_str(fs::read_to_string(&path).unwrap().trim()).unwrap();
    assert_eq!(line["additionalEventData"]["outcome"], "interrupted");
    log.sync().await.unwrap();
    drain(&mut opened(&store, dir.path()).await).await;
    assert_eq!(ids(&path), [id(7)]);
}

#[tokio::test]
async fn a_full_file_is_rotated_and_the_oldest_goes() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let mut log = opened(&store, dir.path()).await;
    log.file = None;
    log.settings.max_bytes = 1500;
    for n in 0..4 {
        store.record(n).await;
        drain(&mut log).await;
        log.sync().await.unwrap();
    }
    let path = settings(dir.path()).path;
    let numbered = |n: u32| dir.path().join(format!("audit.jsonl.{n}"));
    let kept: Vec<String> = [numbered(2), numbered(1), path].iter().flat_map(|path| ids(path)).collect();
    assert!(kept.len() >= 3, "{kept:?}");
    assert!(kept.is_sorted());
    assert_eq!(kept.last(), Some(&id(3)));
    assert!(!numbered(3).exists());
}

#[tokio::test]
async fn while_the_file_cannot_be_written_nothing_is_committed_and_nothing_lost() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let place = dir.path().join("logs");
    fs::create_dir(&place).unwrap();
    let archive = store.archive(dir.path()).await;
    let mut log = AuditLog::open(&archive, Arc::new(store.inner.clone()), settings(&place)).await.unwrap();
    fs::remove_dir_all(&place).unwrap();
    log.file = None;
    store.record(1).await;
    assert!(matches!(log.pass().await, Err(TrailError::Io { .. })));
    log.start_over();
    // Even archiving does not lose it.
    store.archiver(&archive, AT_ONCE).step().await.unwrap();
    assert!(matches!(log.pass().await, Err(TrailError::Io { .. })));
    log.start_over();
    fs::create_dir(&place).unwrap();
    drain(&mut log).await;
    assert_eq!(ids(&settings(&place).path), [id(1)]);
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_anew() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let path = settings(dir.path()).path;
    let mut log = opened(&store, dir.path()).await;
    store.record(0).await;
    drain(&mut log).await;
    fs::rename(&path, dir.path().join("elsewhere")).unwrap();
    log.dirty = true;
    log.sync().await.unwrap();
    store.record(1).await;
    drain(&mut log).await;
    assert_eq!(ids(&path), [id(1)]);
}

#[tokio::test]
async fn an_idle_log_commits_nothing() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let mut log = opened(&store, dir.path()).await;
    store.record(0).await;
    drain(&mut log).await;
    log.sync().await.unwrap();
    let tail = store.inner.tail();
    for _ in 0..20 {
        drain(&mut log).await;
        log.sync().await.unwrap();
    }
    assert_eq!(store.inner.tail(), tail);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_appear_while_it_runs_and_stopping_writes_the_rest() {
    let (store, dir) = (Store::new(), tempfile::tempdir().unwrap());
    let path = settings(dir.path()).path;
    let log = opened(&store, dir.path()).await;
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(log.run(stopped));
    store.record(0).await;
    while ids(&path).is_empty() {
        tokio::task::yield_now().await;
    }
    store.record(1).await;
    stop.send(true).unwrap();
    task.await.unwrap();
    assert_eq!(ids(&path), [id(0), id(1)]);
    let archive = store.archive(dir.path()).await;
    let mut cursor = Cursor::open(&archive, CURSOR).await.unwrap();
    assert_eq!(cursor.next(10).await.unwrap(), [], "it was committed");
}
