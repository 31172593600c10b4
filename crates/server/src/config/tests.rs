//! What the file may say, and what it may not.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/strongroom/server.toml"), &CommandLine::default())
}

#[test]
fn an_empty_file_is_the_secure_default() {
    let config = parse("").unwrap();
    assert_eq!(config, Config::load(None, &CommandLine::default()).unwrap());
    assert_eq!(config.listen.to_string(), DEFAULT_LISTEN);
    assert_eq!(config.admin_listen.to_string(), DEFAULT_ADMIN_LISTEN);
    assert_eq!(config.listen_plaintext, None);
    assert_eq!(config.domains, [DEFAULT_DOMAIN]);
    assert_eq!(config.home_region(), &Region::us_east_1());
    assert_eq!(config.retention, Retention { days: 90, max_bytes: None });
    assert_eq!(config.limits, ConnectionLimits::default());
    assert_eq!(config.scrub, Scrub { days: 30, min_mib_per_second: 4 });
    assert_eq!(config.new_buckets, NewBuckets::Current);
    assert_eq!(config.oidc, []);
    assert_eq!(config.entrances, []);
}

#[test]
fn listeners_are_of_an_endpoint_or_of_balancers_or_both() {
    let config = parse(
        r#"
        [[listeners]]
        listen = "10.1.0.5:443"
        interface = "eth1"
        endpoint = "vpce-0123456789abcdef0"
        [[listeners]]
        listen = "10.9.0.2:8080"
        plaintext = true
        balancers = ["10.9.0.10", "2001:db8::/64"]
        "#,
    )
    .unwrap();
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let bound = Entrance {
        listen: "10.1.0.5:443".parse().unwrap(),
        interface: Some("eth1".to_owned()),
        plaintext: false,
        endpoint: Some("vpce-0123456789abcdef0".into()),
        balancers: networks(&[]),
    };
    let balanced = Entrance {
        listen: "10.9.0.2:8080".parse().unwrap(),
        interface: None,
        plaintext: true,
        endpoint: None,
        balancers: networks(&["10.9.0.10", "2001:db8::/64"]),
    };
    assert_eq!(config.entrances, [bound, balanced]);
}

#[test]
fn issuers_have_their_keys_in_a_file_or_let_them_be_fetched() {
    let config = parse(
        r#"
        [[oidc]]
        issuer = "https://idp.example.com/realms/a/"
        jwks_file = "jwks.json"
        [[oidc]]
        issuer = "https://127.0.0.1:8443"
        fetch = true
        ca_file = "/run/ca.pem"
        private_addresses = true
        "#,
    )
    .unwrap();
    let file = OidcKeys::File("/etc/strongroom/jwks.json".into());
    let ca_file = Some("/run/ca.pem".into());
    let fetch = OidcKeys::Fetch { ca_file, private_addresses: true };
    let issuer = |url: &str, keys| OidcIssuer { url: url.to_owned(), keys };
    assert_eq!(
        config.oidc,
        [issuer("https://idp.example.com/realms/a", file), issuer("https://127.0.0.1:8443", fetch)]
    );
}

#[test]
fn every_setting_can_be_given() {
    let config = parse(
        r#"
        listen = "0.0.0.0:443"
        listen_plaintext = "127.0.0.1:8080"
        admin_listen = "[::1]:9001"
        domains = ["S3.Example.com", "s3.localhost"]
        regions = ["eu-central-1", "us-east-1"]
        new_buckets = "before-april-2023"
        [audit_log]
        path = "audit.jsonl"
        max_bytes = 1048576
        keep = 3
        [tls]
        certificate = "cert.pem"
        private_key = "/run/key.pem"
        [limits]
        max_connections = 100
        idle_timeout_seconds = 7
        max_uploads = 50
        [retention]
        days = 400
        max_bytes = 10000000
        [scrub]
        days = 7
        min_mib_per_second = 20
        "#,
    )
    .unwrap();
    assert_eq!(config.listen.port(), 443);
    assert_eq!(config.domains, ["s3.localhost", "s3.example.com"]);
    assert_eq!(config.home_region().as_str(), "eu-central-1");
    let audit_log = config.audit_log.unwrap();
    assert_eq!(audit_log.path, Path::new("/etc/strongroom/audit.jsonl"));
    assert_eq!((audit_log.max_bytes, audit_log.keep), (1_048_576, 3));
    let tls = config.tls.unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/strongroom/cert.pem"));
    assert_eq!(tls.private_key, Path::new("/run/key.pem"));
    assert_eq!(config.limits.max_connections_per_source, 100);
    assert_eq!(config.limits.max_uploads_per_account, 50);
    assert_eq!(config.limits.idle_timeout, Duration::from_secs(7));
    assert_eq!(config.retention, Retention { days: 400, max_bytes: Some(10_000_000) });
    assert_eq!(config.scrub, Scrub { days: 7, min_mib_per_second: 20 });
    assert_eq!(config.new_buckets, NewBuckets::BeforeApril2023);
}

#[test]
fn the_command_line_wins_over_the_file() {
    let command_line = CommandLine {
        listen: Some("127.0.0.1:1".parse().unwrap()),
        listen_plaintext: Some("127.0.0.1:2".parse().unwrap()),
        admin_listen: Some("127.0.0.1:3".parse().unwrap()),
        domains: vec!["b.example".to_owned()],
        regions: vec![Region::parse("eu-west-1").unwrap()],
        audit_log: Some(PathBuf::from("here.jsonl")),
        new_buckets: Some(NewBuckets::Current),
    };
    let text = "listen = '127.0.0.1:9'\ndomains = ['a.example']\nregions = ['us-east-1']\n\
                new_buckets = 'before-april-2023'\n[audit_log]\npath = 'there.jsonl'\nkeep = 2";
    let config = Config::parse(text, Path::new("x/server.toml"), &command_line).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.listen_plaintext.unwrap().port(), 2);
    assert_eq!(config.admin_listen.port(), 3);
    assert_eq!(config.domains, ["s3.localhost", "b.example"]);
    assert_eq!(config.home_region().as_str(), "eu-west-1");
    assert_eq!(config.new_buckets, NewBuckets::Current);
    let audit_log = config.audit_log.unwrap();
    assert_eq!((audit_log.path.as_path(), audit_log.keep), (Path::new("here.jsonl"), 2));
}

#[test]
fn an_error_names_the_line_and_what_is_wrong() {
    for (text, line, words) in [
        ("listen = '127.0.0.1:1'\nlisten_plain = 'x'", 2, "unknown field `listen_plain`"),
        ("[limits]\nmax_conections = 3", 2, "unknown field `max_conections`"),
        ("[limits]\n\nidle_timeout_seconds = 0", 3, "0 is not between 1 and 86400 seconds"),
        ("\nregions = ['us-east-1', 'Nowhere!']", 2, "\"Nowhere!\" is not the name of a region"),
        ("domains = ['*.example.com']", 1, "is not a DNS name"),
        ("listen = 'localhost:9000'", 1, "socket address"),
        ("[tls]\ncertificate = 'a'", 1, "missing field `private_key`"),
        ("listen = ", 1, ""),
        ("[retention]\ndays = 0", 2, "0 is not between"),
        ("[scrub]\nmin_mib_per_second = 0", 2, "0 is not between 1 and 10000 MiB/s"),
        ("[[oidc]]\nissuer = 'http://idp.example'\nfetch = true", 2, "is not the URL of an issuer"),
        ("[[oidc]]\nfetch = true", 1, "missing field `issuer`"),
        ("[[listeners]]\nendpoint = 'vpce-0123456789abcdef0'", 1, "missing field `listen`"),
        ("[[listeners]]\nlisten = '[::1]:1'\ninterface = 'a b'", 3, "is not the name of a network interface"),
        ("[[listeners]]\nlisten = '[::1]:1'\nendpoint = 'front'", 3, "is not the id of a VPC endpoint"),
        (
            "[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['lb.example']",
            3,
            "is neither an address nor a network",
        ),
        ("[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['0.0.0.0/0']", 3, "is everybody"),
        ("[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['0.0.0.0/00']", 3, "is everybody"),
        ("[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['::ffff:0.0.0.0/96']", 3, "is everybody"),
        (
            "\n[[listeners]]\nlisten = '[::1]:1'\nbalancers = ['0.0.0.0/1', '128.0.0.0/1']",
            2,
            "are everybody together",
        ),
        ("\n[[listeners]]\nlisten = '127.0.0.1:7'", 2, "has an endpoint"),
        (
            "listen = '127.0.0.1:7'\n[[listeners]]\nlisten = '127.0.0.1:7'\nbalancers = ['10.0.0.1']",
            2,
            "same address",
        ),
        (
            "[[listeners]]\nlisten = '[::1]:7'\nbalancers = ['10.0.0.1']\n\n\
             [[listeners]]\nlisten = '[::1]:7'\nendpoint = 'vpce-0123456789abcdef0'",
            5,
            "same address",
        ),
        ("new_buckets = 'old'", 1, "\"old\" is neither current nor before-april-2023"),
    ] {
        match parse(text) {
            Err(ConfigError::Invalid { line: found, message, .. }) => {
                assert_eq!(found, line, "{text:?}: {message}");
                assert!(message.contains(words), "{text:?}: {message}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn refuses_settings_that_contradict_each_other() {
    for text in [
        "admin_listen = '0.0.0.0:9001'",
        "listen = '127.0.0.1:9'\nlisten_plaintext = '127.0.0.1:9'",
        "[limits]\nmax_connections = 5\nmax_connections_per_source = 6",
        "[limits]\nmax_uploads = 5\nmax_uploads_per_account = 6",
        "[limits]\nmax_downloads = 5\nmax_downloads_per_account = 6",
        "regions = ['us-east-1', 'us-east-1']",
        "[[oidc]]\nissuer = 'https://a'",
        "[[oidc]]\nissuer = 'https://a'\nfetch = true\njwks_file = 'x'",
        "[[oidc]]\nissuer = 'https://a'\nca_file = 'y'\njwks_file = 'x'",
        "[[oidc]]\nissuer = 'https://a'\nfetch = true\n[[oidc]]\nissuer = 'https://a/'\nfetch = true",
    ] {
        assert!(matches!(parse(text), Err(ConfigError::Contradiction(_))), "{text:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Some(Path::new("/nowhere/x.toml")), &CommandLine::default()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/x.toml"));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        fuzz_config(text.as_bytes());
    }
}
