//! The targets: one for each `fuzz_*` function in the workspace.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Names the targets, as tests and as a list.
macro_rules! targets {
    ($($name:ident = $path:path;)*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name), $path);
                bolero::check!().with_iterations(20_000).for_each(|data: &[u8]| $path(data));
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    fuzz_router = strongroom_api_s3::fuzz_router;
    fuzz_cbor = strongroom_codec::fuzz_cbor;
    fuzz_json = strongroom_codec::fuzz_json;
    fuzz_query = strongroom_codec::fuzz_query;
    fuzz_rest_xml = strongroom_codec::fuzz_rest_xml;
    fuzz_changed_blob = strongroom_crypto::fuzz_changed_blob;
    fuzz_checksum_text = strongroom_crypto::fuzz_checksum_text;
    fuzz_keyring = strongroom_crypto::fuzz_keyring;
    fuzz_sealed_blob = strongroom_crypto::fuzz_sealed_blob;
    fuzz_sealed_row = strongroom_crypto::fuzz_sealed_row;
    fuzz_wrapped_key = strongroom_crypto::fuzz_wrapped_key;
    fuzz_access_point = strongroom_gate::fuzz_access_point;
    fuzz_copy_source = strongroom_gate::fuzz_copy_source;
    fuzz_authorization_message = strongroom_identity::fuzz_authorization_message;
    fuzz_web_identity_token = strongroom_identity::fuzz_web_identity_token;
    fuzz_root_key_text = strongroom_kms::fuzz_root_key_text;
    fuzz_policy_document = strongroom_policy::fuzz_policy_document;
    fuzz_record = strongroom_record::fuzz_record;
    fuzz_cors = strongroom_s3::bucket::cors::fuzz_cors;
    fuzz_document = strongroom_s3::bucket::document::fuzz_document;
    fuzz_list_token = strongroom_s3::listing::fuzz_list_token;
    fuzz_copy_source_range = strongroom_s3::multipart::fuzz_copy_source_range;
    fuzz_customer_headers = strongroom_s3::object::fuzz_customer_headers;
    fuzz_metadata_value = strongroom_s3::object::fuzz_metadata_value;
    fuzz_range = strongroom_s3::object::fuzz_range;
    fuzz_tagging_header = strongroom_s3::object::fuzz_tagging_header;
    fuzz_config = strongroom_server::config::fuzz_config;
    fuzz_head_checker = strongroom_server::listener::head::fuzz_head_checker;
    fuzz_proxy_header = strongroom_server::listener::proxy::fuzz_proxy_header;
    fuzz_post_form = strongroom_server::fuzz_post_form;
    fuzz_request = strongroom_server::fuzz::fuzz_request;
    fuzz_auth_input = strongroom_sigv4::fuzz_auth_input;
    fuzz_canonical = strongroom_sigv4::fuzz_canonical;
    fuzz_chunked = strongroom_sigv4::fuzz_chunked;
    fuzz_post_policy = strongroom_sigv4::fuzz_post_policy;
    fuzz_backup_marker = strongroom_storage::local::backup::fuzz_backup_marker;
    fuzz_frame = strongroom_storage::local::fuzz_frame;
    fuzz_chunk = strongroom_trail::fuzz_chunk;
}

/// Changed copies of each corpus file that are tried; always the same ones.
const CHANGED_COPIES: u64 = 100;

/// Largest corpus file: the corpora are committed.
const MAX_FILE_BYTES: usize = 4096;

/// Runs a target on its corpus, and on copies of each file that are changed the same way each time.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let contents: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    for (at, (file, content)) in files.iter().zip(&contents).enumerate() {
        assert!(content.len() <= MAX_FILE_BYTES, "{} is too large", file.display());
        let next = contents.get(at + 1).unwrap_or(&contents[0]);
        for copy in 0..=CHANGED_COPIES {
            let data = if copy == 0 { content.clone() } else { changed(content, next, copy) };
            let outcome = catch_unwind(AssertUnwindSafe(|| target(&data)));
            assert!(
                outcome.is_ok(),
                "{name} fails on copy {copy} of {}: {}",
                file.display(),
                data.escape_ascii()
            );
        }
    }
}

/// A copy with a few bytes changed, cut out, repeated or taken from another file, as `seed` says.
fn changed(content: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut random = |below: usize| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) >> 33).unwrap() % below.max(1)
    };
    let mut data = content.to_vec();
    for _ in 0..=random(3) {
        let (from, to) = (random(data.len() + 1), random(data.len() + 1));
        let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 32));
        match random(6) {
            0 if from < data.len() => data[from] ^= 1 << random(8),
            1 if from < data.len() => data[from] = [0, 9, b'%', b'&', b'/', b'<', 0x7f, 0xff][random(8)],
            2 => drop(data.drain(from..to)),
            3 => {
                let piece = data[from..to].to_vec();
                data.splice(to..to, piece);
            }
            4 => {
                let start = random(other.len());
                let piece = other[start..(start + 16).min(other.len())].to_vec();
                data.splice(from..to, piece);
            }
            _ => data.truncate(from.max(1)),
        }
    }
    data
}

#[test]
fn every_fuzz_entry_of_the_workspace_is_a_target() {
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut folders = vec![crates];
    let mut missing = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let entries = text.lines().filter_map(|line| line.trim().strip_prefix("pub fn fuzz_"));
                let names =
                    entries.map(|rest| format!("fuzz_{}", rest.split('(').next().unwrap_or_default()));
                missing.extend(names.filter(|name| !NAMES.contains(&name.as_str())));
            }
        }
    }
    assert!(missing.is_empty(), "add these to the targets: {missing:?}");
}

#[test]
fn every_corpus_belongs_to_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora");
    for entry in std::fs::read_dir(corpora).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_folder = entry.file_type().unwrap().is_dir();
        assert!(!is_folder || NAMES.contains(&name.as_str()), "fuzz/corpora/{name} is no target's");
    }
}
