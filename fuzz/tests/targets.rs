//! The targets: one for each `fuzz_*` function in the workspace.

/// Names the targets, as tests and as a list.
macro_rules! targets {
    ($($name:ident = $path:path;)*) => {
        $(
            #[test]
            fn $name() {
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
    fuzz_checksum_text = strongroom_crypto::fuzz_checksum_text;
    fuzz_keyring = strongroom_crypto::fuzz_keyring;
    fuzz_sealed_blob = strongroom_crypto::fuzz_sealed_blob;
    fuzz_sealed_row = strongroom_crypto::fuzz_sealed_row;
    fuzz_wrapped_key = strongroom_crypto::fuzz_wrapped_key;
    fuzz_root_key_text = strongroom_kms::fuzz_root_key_text;
    fuzz_record = strongroom_record::fuzz_record;
    fuzz_cors = strongroom_s3::bucket::cors::fuzz_cors;
    fuzz_document = strongroom_s3::bucket::document::fuzz_document;
    fuzz_copy_source_range = strongroom_s3::multipart::fuzz_copy_source_range;
    fuzz_metadata_value = strongroom_s3::object::fuzz_metadata_value;
    fuzz_range = strongroom_s3::object::fuzz_range;
    fuzz_tagging_header = strongroom_s3::object::fuzz_tagging_header;
    fuzz_config = strongroom_server::config::fuzz_config;
    fuzz_head_checker = strongroom_server::listener::head::fuzz_head_checker;
    fuzz_auth_input = strongroom_sigv4::fuzz_auth_input;
    fuzz_canonical = strongroom_sigv4::fuzz_canonical;
    fuzz_chunked = strongroom_sigv4::fuzz_chunked;
    fuzz_post_policy = strongroom_sigv4::fuzz_post_policy;
    fuzz_frame = strongroom_storage::local::fuzz_frame;
    fuzz_chunk = strongroom_trail::fuzz_chunk;
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
