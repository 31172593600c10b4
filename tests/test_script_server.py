"""script/server, as a new user meets it: what it prints is typed as it stands."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from harness import ROOT, binary, free_ports


def clean_environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_", "STRONGROOM_"))}
    return kept | {
        "STRONGROOM_BIN": os.path.abspath(binary()),
        "AWS_EC2_METADATA_DISABLED": "true",
        # `aws` is the one beside this Python.
        "PATH": os.path.dirname(sys.executable) + os.pathsep + kept["PATH"],
    }


class Started:
    def __init__(self, home):
        self.home = home
        (port,) = free_ports(1)
        self.log = open(home / "server.log", "w+")
        self.process = subprocess.Popen(
            [ROOT / "script" / "server", "--listen", f"127.0.0.1:{port}"],
            cwd=home, env=clean_environment(), stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while "CA certificate" not in self.printed():
            assert self.process.poll() is None and time.monotonic() < deadline, self.printed()
            time.sleep(0.1)

    def printed(self):
        return (self.home / "server.log").read_text()

    def lines(self, *starts):
        """The printed commands that begin so, with their continuations."""
        commands = re.sub(r"\\\n\s*", "", self.printed()).splitlines()
        found = [line.strip() for line in commands if line.strip().startswith(starts)]
        assert len(found) == len(starts), (starts, found)
        return found

    def shell(self, *commands):
        done = subprocess.run(
            ["bash", "-euc", "\n".join(commands)], cwd=self.home, env=clean_environment(), capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 0, (commands, done.stdout + done.stderr)
        return done.stdout

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture
def started(tmp_path):
    (tmp_path / "README.md").write_text("read me\n")
    server = Started(tmp_path)
    yield server
    if server.process.poll() is None:
        server.stop()


def test_what_it_prints_works_as_it_stands(started):
    (export,) = started.lines("export AWS_CONFIG_FILE")
    listed = started.shell(export, *started.lines("aws s3 mb", "aws s3 cp", "aws s3 ls"))
    assert "README.md" in listed
    for name in ("config", "credentials"):
        assert (started.home / "data.aws" / name).stat().st_mode & 0o777 == 0o600
    url = started.shell(export, "aws s3 presign s3://example/README.md").strip()
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url, "boto3's presigner must use version 4"
    if shutil.which("getent") and subprocess.run(["getent", "hosts", "1.s3.localhost"], capture_output=True).returncode == 0:
        tags = started.shell(
            export,
            "account=$(aws sts get-caller-identity --query Account --output text)",
            "aws s3control tag-resource --account-id $account --resource-arn arn:aws:s3:::example --tags Key=a,Value=b",
            "aws s3api get-bucket-tagging --bucket example --query TagSet[0].Value --output text",
        )
        assert tags.strip() == "b"


@pytest.mark.skipif(shutil.which("rclone") is None, reason="rclone is not installed")
def test_its_lines_for_rclone_work(started):
    (export,) = started.lines("export AWS_CONFIG_FILE")
    started.shell(export, *started.lines("aws s3 mb"))
    started.shell(export, *started.lines("export RCLONE_CA_CERT", "AWS_CONFIG_FILE=/dev/null rclone copy"))
    assert "README.md" in started.shell(export, "aws s3 ls s3://example/")


def test_a_second_start_keeps_what_is_there(started):
    (export,) = started.lines("export AWS_CONFIG_FILE")
    started.shell(export, *started.lines("aws s3 mb"))
    credentials = (started.home / "data.aws" / "credentials").read_bytes()
    assert started.stop() == 0
    again = Started(started.home)
    try:
        assert (started.home / "data.aws" / "credentials").read_bytes() == credentials
        # The port, and with it the endpoint in the configuration, is another one; the rest is as before.
        endpoint = re.search(r"RCLONE_S3_ENDPOINT=(\S+)", again.printed())[1]
        assert "example" in again.shell(export, f"aws --endpoint-url {endpoint} s3 ls")
    finally:
        assert again.stop() == 0
