"""Other people's clients: programs in `clients/`, each with its own libraries, over TLS that they verify by our CA."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import MIB, ROOT, Server

FOLDER = pathlib.Path(__file__).with_name("clients")
CACHE = ROOT / ".cache"


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    path = tmp_path_factory.mktemp("body") / "body"
    path.write_bytes(os.urandom(20 * MIB + 3))
    return path


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    """The authority of an installation that is not the one that answers."""
    return Server(tmp_path_factory.mktemp("other")).ca


@pytest.fixture
def agrees(server, alice, s3, name, body, other_ca):
    """Runs one client's program, then reads with boto3 what it left in the bucket."""

    def run(*command, host="localhost", environment=(), cwd=None, make=False, leaves=True):
        if make:
            s3.create_bucket(Bucket=name)
        given = {
            "ENDPOINT": server.endpoint(host=host),
            "REGION": server.region,
            "ACCESS_KEY": alice.access_key,
            "SECRET_KEY": alice.secret_key,
            "CA": server.ca,
            "OTHER_CA": other_ca,
            "BUCKET": name,
            "BODY": str(body),
        }
        command = [str(part) for part in command]
        given = server.environment() | given | dict(environment)
        done = subprocess.run(command, env=given, cwd=cwd, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        assert done.stdout.splitlines()[-1] == "all agree", done.stdout[-3000:]
        if not leaves:
            return
        bytes_of = body.read_bytes()
        kept = {
            "kept/big": bytes_of,
            "kept/empty": b"",
            "kept/odd ü+&%=~ (1).bin": bytes_of[:70_000],
            "kept/small": bytes_of[:1000],
        }
        listed = s3.list_objects_v2(Bucket=name)
        assert [item["Key"] for item in listed.get("Contents", [])] == list(kept)
        for key, wanted in kept.items():
            assert s3.get_object(Bucket=name, Key=key)["Body"].read() == wanted, key

    return run


def python_of(venv):
    python = CACHE / venv / "bin" / "python"
    if not (CACHE / venv / "wanted").exists():
        pytest.skip(f"{python} is not there with all its packages; script/test installs them")
    return python


@pytest.mark.parametrize("venv", ["venv", "venv-clients-boto3-1.40", "venv-clients-boto3-newest"])
def test_boto3_agrees(agrees, venv):
    agrees(sys.executable if venv == "venv" else python_of(venv), FOLDER / "use_boto3.py")


@pytest.mark.parametrize("client", ["minio", "s3fs", "pyarrow"])
def test_python_client_agrees(agrees, client):
    agrees(python_of("venv-clients"), FOLDER / f"use_{client}.py")


def test_obstore_agrees(agrees):
    agrees(python_of("venv-clients"), FOLDER / "use_obstore.py", make=True)


def test_s3torchconnector_agrees(agrees, server):
    """The Common Runtime reads its authorities from one file of the system, so it sees another file there.

    It has no way not to verify. Where it cannot, it tries for a minute and a half, so that is not shown here.
    """
    command = [python_of("venv-clients"), FOLDER / "use_s3torchconnector.py"]
    agrees(*with_system_ca(server.ca), *command, make=True)


def test_duckdb_agrees(agrees, s3, name, tmp_path):
    """DuckDB deletes nothing and writes no empty object; what it writes to a bucket is what it writes to a file."""
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="tables/empty")
    file = tmp_path / "big.parquet"
    program = FOLDER / "use_duckdb.py"
    agrees(python_of("venv-clients"), program, environment={"FILE": str(file)}, leaves=False)
    whole = s3.get_object(Bucket=name, Key="tables/big.parquet")
    assert whole["ContentLength"] > 20 * MIB
    assert int(whole["ETag"].strip('"').split("-")[1]) > 1
    assert whole["Body"].read() == file.read_bytes()
    listed = {item["Key"]: item["Size"] for item in s3.list_objects_v2(Bucket=name)["Contents"]}
    assert "odd & (1) +%25 =~ '日本.csv" in listed
    assert {key.split("/")[1] for key in listed if key.startswith("days ü 1/")} == {f"day={day}" for day in range(5)}


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_javascript_agrees(agrees, style):
    node = installed("node")
    modules = CACHE / "npm" / "node_modules"
    if not (CACHE / "npm" / "wanted").exists():
        pytest.skip(f"{modules} is not there; script/test installs it")
    styled(agrees, style, node, FOLDER / "js" / "client.cjs", environment={"NODE_PATH": str(modules)})


def test_java_agrees(agrees):
    java = installed("java")
    if not (CACHE / "java" / "wanted").exists():
        pytest.skip(f"{CACHE / 'java'} is not there; script/test installs it")
    source = FOLDER / "java" / "Client.java"
    # Compiled as it starts; the JVM's own warming up is what takes its time.
    options = ["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", f"{CACHE / 'java' / 'lib'}/*"]
    agrees(java, *options, source, environment={"LC_ALL": "C.UTF-8"})


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_go_agrees(agrees, style):
    styled(agrees, style, installed("go"), "run", "./aws", cwd=FOLDER.with_name("go"))


def installed(program):
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def styled(agrees, style, *command, environment=(), **options):
    """Runs a program that knows both ways to name a bucket."""
    host = "s3.localhost" if style == "virtual" else "localhost"
    agrees(*command, host=host, environment={"STYLE": style} | dict(environment), **options)


def with_system_ca(path):
    """The start of a command that runs the rest where `path` stands in for the system's authorities."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    script = 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"'
    command = [*namespace, "sh", "-c", script, path]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        pytest.skip("a mount namespace to put our authority in the system's place is not to be had here")
    return command
