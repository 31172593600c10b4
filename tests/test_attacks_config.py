"""Whatever is wrong with what the server is given, it does not start, rather than start with less protection.

SeaweedFS let everybody in when its IAM file was missing or malformed (#7724, #10952); RustFS and MinIO had known default
credentials (j59h, CVE-2023-28432's environment). Each setting is given wrongly, each file is taken away, cut, changed and
opened to others: the server says what is wrong and ends, and with everything put right it serves what it did before.
"""

import os
import pathlib
import shutil
import stat
import subprocess
import time

import pytest

from harness import Server, binary

#: Configurations that must not be taken, and what the error must speak of.
WRONG = {
    "no TOML": ("listen = [", "line"),
    "binary": ("\x00\x01\x02", "line"),
    "an unknown setting": ("authentication = false", "authentication"),
    "an unknown limit": ("[limits]\nmax_conections = 5", "max_conections"),
    "an unknown table": ("[auth]\nanonymous = true", "auth"),
    "a setting twice": ("domains = []\ndomains = []", "line"),
    "a limit of nothing": ("[limits]\nmax_connections = 0", "line"),
    "a limit below nothing": ("[limits]\nmax_connections = -1", "line"),
    "a limit of text": ('[limits]\nidle_timeout_seconds = "forever"', "line"),
    "a limit beyond all": ("[limits]\nidle_timeout_seconds = 99999999999", "line"),
    "a limit that is no number": ("[limits]\nidle_timeout_seconds = nan", "line"),
    "limits that contradict each other": ("[limits]\nmax_connections = 5\nmax_connections_per_source = 6", "max_connections_per_source"),
    "an address that is none": ('listen = "everywhere"', "line"),
    "an admin address for all": ('admin_listen = "0.0.0.0:0"', "admin_listen"),
    "an admin address of IPv6 for all": ('admin_listen = "[::]:0"', "admin_listen"),
    "a mapped admin address": ('admin_listen = "[::ffff:10.0.0.1]:0"', "admin_listen"),
    "one address twice": ('listen_plaintext = "127.0.0.1:1"\nadmin_listen = "127.0.0.1:1"', "same address"),
    "a region that is none": ('regions = ["Mars"]', "Mars"),
    "a region twice": ('regions = ["us-east-1", "us-east-1"]', "twice"),
    "a domain that is none": ('domains = ["*"]', "domain"),
    "a domain with a port": ('domains = ["a.example:443"]', "line"),
    "half a certificate": ('[tls]\ncertificate = "c.pem"', "private_key"),
    "a certificate that is not there": ('[tls]\ncertificate = "c.pem"\nprivate_key = "k.pem"', "c.pem"),
    "a certificate that is none": ('[tls]\ncertificate = "server.toml"\nprivate_key = "server.toml"', "server.toml"),
    "no retention": ("[retention]\ndays = 0", "days"),
    "an audit log without a path": ("[audit_log]\nkeep = 3", "path"),
    "an audit log that is a folder": ('[audit_log]\npath = "."', ""),
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """A data directory with a bucket, whose server has ended."""
    server = Server(tmp_path_factory.mktemp("installation")).start()
    server.client(server.root).create_bucket(Bucket="bucket")
    server.client(server.root).put_object(Bucket="bucket", Key="k", Body=b"precious")
    assert server.stop() == 0
    return server


@pytest.fixture
def copy(installation, tmp_path):
    """A copy of it, to be damaged."""
    data = tmp_path / "data"
    shutil.copytree(installation.data, data)
    shutil.copy2(installation.root_key, tmp_path / "data.root-key")
    return data


def start(installation, data, *arguments, environment=None):
    """Starts a server that must end by itself; its status and what it said."""
    done = subprocess.Popen(
        [binary(), "serve", "--data", str(data), "--listen", "127.0.0.1:0", *arguments],
        env=installation.environment() | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = done.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        done.kill()
        raise AssertionError(f"it serves: {done.communicate()[0]}") from None
    return done.returncode, said


def assert_refused(status, said, about=""):
    assert status not in (0, -11, -6, 101), said
    assert about in said and "panicked" not in said, said


@pytest.mark.parametrize("wrong", WRONG)
def test_a_configuration_that_is_wrong_is_no_configuration(installation, tmp_path, wrong):
    text, about = WRONG[wrong]
    config = tmp_path / "server.toml"
    config.write_text(text)
    assert_refused(*start(installation, installation.data, "--config", str(config)), about)


@pytest.mark.parametrize("what", ["missing", "a folder", "no UTF-8", "unreadable"])
def test_a_configuration_that_cannot_be_read_is_no_default(installation, tmp_path, what):
    config = tmp_path / "server.toml"
    if what == "a folder":
        config.mkdir()
    elif what == "no UTF-8":
        config.write_bytes(b"domains = ['\xff']")
    elif what == "unreadable":
        os.symlink("/proc/self/mem", config)
    assert_refused(*start(installation, installation.data, "--config", str(config)))


@pytest.mark.parametrize(
    "name",
    ["STRONGROOM_ROOT_USER", "MINIO_ROOT_USER", "AWS_ACCESS_KEY_ID", "STRONGROOM_ANONYMOUS", "STRONGROOM_CONFIG", "SSLKEYLOGFILE"],
)
def test_the_environment_lets_nobody_in(fresh, tmp_path, name):
    server = fresh()
    value = str(tmp_path / "minioadmin")
    usual = server.environment
    server.environment = lambda account=None: usual(account) | {name: value}
    server.start()
    assert server.http("GET", "/").status == 403
    assert server.signed(server.root, "GET", "/", secret=value).status == 403
    assert not pathlib.Path(value).exists()


def damage_missing(path):
    path.unlink()


def damage_empty(path):
    path.write_bytes(b"")


def damage_cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def damage_changed(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def damage_longer(path):
    path.write_bytes(path.read_bytes() + b"\x00")


def damage_zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def damage_folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = [damage_missing, damage_empty, damage_cut, damage_changed, damage_longer, damage_zeroed, damage_folder]

#: Files without which, or with other bytes in which, nothing may be served. `FORMAT` names the format; the others hold keys.
GUARDED = ["FORMAT", "keys", "../data.root-key"]


def guarded(data):
    found = {name: data / name for name in GUARDED if (data / name).is_file()}
    assert {"FORMAT", "../data.root-key"} <= set(found) and len(found) == 3, sorted(path.name for path in data.iterdir())
    return found


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__[7:])
@pytest.mark.parametrize("name", GUARDED)
def test_a_file_that_keys_hang_on_is_whole_or_nothing_is_served(installation, copy, name, damage):
    path = guarded(copy)[name]
    path.chmod(0o600)
    kept = path.read_bytes()
    damage(path)
    assert_refused(*start(installation, copy, "--root-key", f"file:{copy}.root-key"))
    # No key was made in its place, and put right it opens again.
    if damage is damage_missing:
        assert not path.exists()
    elif damage is damage_folder:
        path.rmdir()
    path.write_bytes(kept)
    path.chmod(0o600)
    again = Server.__new__(Server)
    again.__dict__ |= installation.__dict__ | {"data": copy, "process": None, "extra": ["--root-key", f"file:{copy}.root-key"]}
    again.start()
    try:
        assert again.client(again.root).get_object(Bucket="bucket", Key="k")["Body"].read() == b"precious"
    finally:
        assert again.stop() == 0


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o777])
def test_a_root_key_that_others_can_read_is_none(installation, copy, mode):
    path = copy.parent / "data.root-key"
    path.chmod(mode)
    assert_refused(*start(installation, copy))
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_root_key_by_a_link_of_others_is_none(installation, copy, tmp_path):
    path = copy.parent / "data.root-key"
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    elsewhere.chmod(0o644)
    path.symlink_to(elsewhere)
    assert_refused(*start(installation, copy))


def test_the_root_key_of_another_opens_nothing(installation, copy, fresh):
    other = fresh()
    shutil.copy2(other.root_key, copy.parent / "data.root-key")
    assert_refused(*start(installation, copy))


@pytest.mark.parametrize("source", ["", "file:", "env:KEY", "http://127.0.0.1/key", "file:/dev/null", "file:/dev/zero", "pkcs11:x"])
def test_a_root_key_from_nowhere_is_none(installation, copy, source):
    assert_refused(*start(installation, copy, "--root-key", source))


@pytest.mark.parametrize("source", ["0123456789abcdef" * 4, "file=0123456789abcdef0123456789abcdef"])
def test_a_root_key_given_by_mistake_is_not_repeated(installation, copy, source):
    """What is refused as the place of the root key may be the root key."""
    status, said = start(installation, copy, "--root-key", source)
    assert_refused(status, said)
    assert source not in said


@pytest.mark.parametrize("format_", ["0", "2", "999999999999999999999", "-1", "1.5"])
def test_a_format_of_the_future_is_not_opened(installation, copy, format_):
    path = copy / "FORMAT"
    path.chmod(0o600)
    text = path.read_bytes()
    # The version is the first number there is.
    start_ = next(at for at, byte in enumerate(text) if chr(byte).isdigit())
    path.write_bytes(text[:start_] + format_.encode() + text[start_ + 1 :])
    assert_refused(*start(installation, copy))


def test_two_servers_do_not_share_a_directory(installation, fresh):
    server = fresh().start()
    assert_refused(*start(server, server.data))
    assert server.http("GET", "/").status == 403


def test_an_address_that_others_can_reach_is_none_for_the_admin(installation):
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:0.0.0.0]:0"):
        assert_refused(*start(installation, installation.data, "--admin-listen", address), "loopback")


@pytest.mark.parametrize("argument", ["--no-auth", "--anonymous", "--insecure", "--root-user=minioadmin", "--log-level=nonsense,,="])
def test_there_is_no_switch_for_less(installation, argument):
    status, said = start(installation, installation.data, argument)
    assert status != 0 and "panicked" not in said


def test_an_index_that_is_gone_does_not_make_an_empty_store(installation, copy):
    """With the index taken away, what it held is found again in the log, or nothing is served: never an empty namespace."""
    for name in ("index", "log"):
        kept = copy / name
        assert kept.is_dir()
        away = copy.parent / f"away-{name}"
        kept.rename(away)
        status, said = start_and_ask(installation, copy)
        assert status == "refused" or status == b"precious", said
        if kept.exists():
            shutil.rmtree(kept)
        away.rename(kept)


def start_and_ask(installation, data):
    again = Server.__new__(Server)
    again.__dict__ |= installation.__dict__ | {"data": data, "process": None, "extra": ["--root-key", f"file:{data}.root-key"]}
    again.log_path = data.parent / "again.log"
    again.log_path.unlink(missing_ok=True)
    try:
        again.start(timeout=20)
    except AssertionError as error:
        if again.process is not None and again.process.poll() is None:
            again.kill()
        return "refused", str(error)
    try:
        answer = again.signed(again.root, "GET", "/bucket/k")
        return answer.body, again.log()
    finally:
        again.kill()
        time.sleep(0.1)
