"""A backup of a running server, and what is made of it: operations of the service `strongroom`, and `restore` offline."""

import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

import botocore.exceptions
import pytest

from harness import MIB, binary, free_ports

SMALL, LARGE = 3_000, 900_000


def shown(done):
    return json.loads(done.stdout)


def backup(server, *arguments, account=None, check=True, output="json"):
    arguments = ("backup", *map(str, arguments), "--endpoint", server.endpoint(), "--output", output)
    return server.run(*arguments, account=account or server.root, check=check)


def restore(server, source, data, *arguments, check=True, root_key=None, output="json"):
    key = ("--root-key", f"file:{root_key or server.root_key}")
    return server.run(
        "restore", "--from", str(source), "--data", str(data), *key, *arguments, "--output", output, check=check, timeout=600
    )


def serving(server, data, home):
    """A server of its own over another data directory of the same installation."""
    other = copy.copy(server)
    other.home, other.data, other.process = pathlib.Path(home), pathlib.Path(data), None
    other.home.mkdir(exist_ok=True)
    other.audit_path, other.log_path = other.home / "audit" / "audit.jsonl", other.home / "server.log"
    other.audit_path.parent.mkdir(exist_ok=True)
    other.port, other.plain_port = free_ports(2)
    other.extra = ["--root-key", f"file:{server.root_key}"]
    return other.start()


def contents(s3, bucket):
    """Every version of every object with its bytes."""
    found = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            name = {"Key": version["Key"], "VersionId": version["VersionId"]}
            body = s3.get_object(Bucket=bucket, **name)["Body"].read()
            found[version["Key"], version["VersionId"]] = (version["IsLatest"], version["ETag"], body)
        for marker in page.get("DeleteMarkers", []):
            found[marker["Key"], marker["VersionId"]] = (marker["IsLatest"], None, None)
    return found


class Writer(threading.Thread):
    """Writes one key after the other, so that what a copy holds must be all of them up to one."""

    def __init__(self, s3, bucket):
        super().__init__(daemon=True)
        self.s3, self.bucket = s3, bucket
        self.acknowledged = 0
        self.ended = threading.Event()
        self.fault = None

    @staticmethod
    def body(number):
        size = LARGE if number % 5 == 0 else SMALL
        return number.to_bytes(8, "big") * (size // 8)

    def run(self):
        try:
            while not self.ended.is_set():
                number = self.acknowledged + 1
                self.s3.put_object(Bucket=self.bucket, Key=f"{number:06}", Body=self.body(number))
                self.acknowledged = number
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            self.fault = error


@pytest.fixture
def elsewhere():
    """A directory on another file system."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tempfile.gettempdir()).st_dev:
        pytest.skip("no second file system on this machine")
    path = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm", prefix="strongroom-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def house(fresh):
    """A running server with versions, uploads in parts and deletions."""
    server = fresh().start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="vault")
    s3.put_bucket_versioning(Bucket="vault", VersioningConfiguration={"Status": "Enabled"})
    for number in range(6):
        s3.put_object(Bucket="vault", Key=f"k{number % 3}", Body=os.urandom(LARGE if number % 2 else SMALL))
    s3.delete_object(Bucket="vault", Key="k0")
    upload = s3.create_multipart_upload(Bucket="vault", Key="parts")["UploadId"]
    parts = []
    for number, piece in enumerate([os.urandom(5 * MIB), os.urandom(SMALL)], 1):
        sent = s3.upload_part(Bucket="vault", Key="parts", UploadId=upload, PartNumber=number, Body=piece)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    s3.complete_multipart_upload(Bucket="vault", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    return server


@pytest.mark.parametrize("place", ["beside", "elsewhere"])
def test_a_backup_taken_while_objects_are_written_holds_all_of_them_up_to_one(house, tmp_path, elsewhere, place):
    target = (tmp_path if place == "beside" else elsewhere) / "backup"
    s3 = house.client(house.root)
    s3.create_bucket(Bucket="stream")
    writer = Writer(s3, "stream")
    writer.start()
    while writer.acknowledged < 20:
        time.sleep(0.01)
    before = writer.acknowledged
    taken = shown(backup(house, "--to", target))
    after = writer.acknowledged
    while writer.acknowledged < after + 10:
        time.sleep(0.01)
    writer.ended.set()
    writer.join(30)
    assert writer.fault is None
    vault = contents(s3, "vault")
    assert taken["state"] == "complete" and taken["to"] == str(target)
    assert taken["files_done"] == taken["files_total"] == sum(len(files) for _, _, files in os.walk(target)) - 1

    restored = shown(restore(house, target, tmp_path / "restored"))
    assert restored["sound"] is True and restored["verify"]["findings"] == []
    assert restored["position"] == taken["position"]
    # One installation is not served twice at a time.
    assert house.stop() == 0
    other = serving(house, tmp_path / "restored", tmp_path / "other")
    try:
        s3 = other.client(other.root)
        assert contents(s3, "vault") == vault
        keys = [found["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="stream") for found in page["Contents"]]
        assert keys == [f"{number:06}" for number in range(1, len(keys) + 1)], "none is missing in between"
        assert len(keys) >= before, "everything acknowledged before is there"
        for number in [1, 5, before, len(keys)]:
            assert s3.get_object(Bucket="stream", Key=f"{number:06}")["Body"].read() == Writer.body(number)
        s3.put_object(Bucket="stream", Key="later", Body=b"it goes on")
    finally:
        assert other.stop() == 0
    assert house.run("verify", "--data", str(other.data), "--root-key", f"file:{house.root_key}").returncode == 0


def test_records_are_part_of_a_backup_and_taking_one_is_recorded(house, tmp_path):
    backup(house, "--to", tmp_path / "backup")
    events = [event for event in house.audit() if event["eventName"] in ("StartBackup", "DescribeBackup")]
    deadline = time.monotonic() + 15
    while not events and time.monotonic() < deadline:
        time.sleep(0.1)
        events = [event for event in house.audit() if event["eventName"] == "StartBackup"]
    started = next(event for event in events if event["eventName"] == "StartBackup")
    assert started["eventSource"] == "strongroom.amazonaws.com"
    assert started["userIdentity"]["accountId"] == house.root.account_id
    assert started["requestParameters"]["to"] == str(tmp_path / "backup")
    restored = shown(restore(house, tmp_path / "backup", tmp_path / "restored"))
    assert restored["verify"]["records"] + restored["verify"]["archived_records"] > 10


@pytest.mark.parametrize("arguments", [("--to", "/nowhere/backup"), ("--status",)])
def test_another_account_may_neither_take_nor_see_one(server, alice, bob, arguments):
    done = backup(server, *arguments, account=bob, check=False)
    assert done.returncode == 1 and "AccessDenied" in done.stderr
    (event,) = server.events_of(re.search(r"request id ([0-9A-F]{16})", done.stderr)[1])
    assert event["errorCode"] == "AccessDenied"
    assert event["userIdentity"]["accountId"] == bob.account_id
    # The management account gets as far as the directory.
    allowed = backup(server, "--to", "/nowhere/backup", account=alice, check=False)
    assert "InvalidInputException" in allowed.stderr


def test_a_directory_that_is_not_fit_is_refused_and_what_to_do_is_said(house, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").write_text("x")
    (tmp_path / "link").symlink_to(full)
    for place, words in [
        ("relative/backup", "absolute path"),
        (f"{tmp_path}/../backup", "absolute path"),
        (full, "not empty"),
        (full / "file", "a file or a link"),
        (tmp_path / "link", "a file or a link"),
        (tmp_path / "missing" / "backup", "make it first"),
        (house.data / "backup", "inside the data directory"),
        (house.data, "inside the data directory"),
    ]:
        done = backup(house, "--to", place, check=False)
        assert done.returncode == 1
        assert "InvalidInputException" in done.stderr and words in done.stderr, (place, done.stderr)
    assert [path.name for path in full.iterdir()] == ["file"]
    assert backup(house, "--status", check=False).returncode == 1, "none was taken"
    (tmp_path / "empty").mkdir(mode=0o700)
    backup(house, "--to", tmp_path / "empty")
    again = backup(house, "--to", tmp_path / "empty", check=False)
    assert "holds a backup already" in again.stderr
    assert shown(backup(house, "--status"))["state"] == "complete"


def test_a_server_killed_in_the_middle_leaves_what_nobody_takes_for_a_backup(house, tmp_path, elsewhere):
    s3 = house.client(house.root)
    for number in range(40):
        s3.put_object(Bucket="vault", Key=f"bulk{number}", Body=os.urandom(4 * MIB))
    for number in range(20):
        target = elsewhere / f"backup-{number}"
        arguments = [binary(), "backup", "--to", str(target), "--endpoint", house.endpoint(), "--output", "json"]
        client = subprocess.Popen(
            arguments, env=house.environment(house.root), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while not (target / "BACKUP").exists() and client.poll() is None:
            time.sleep(0.001)
        house.kill()
        said = client.communicate(timeout=60)[1]
        marker = (target / "BACKUP").read_text() if (target / "BACKUP").exists() else ""
        house.start()
        if "unfinished" in marker:
            assert "goes on at the server" in said or "cannot reach" in said or said == "", said
            break
    else:
        pytest.fail("each was finished before the kill")
    done = restore(house, target, tmp_path / "restored", check=False)
    assert done.returncode == 1 and "not finished" in done.stderr
    assert not (tmp_path / "restored").exists()
    status = backup(house, "--status", check=False)
    assert status.returncode == 1 and shown(status)["state"] == "failed"
    assert "remove" in shown(status)["failure_reason"]
    again = backup(house, "--to", target, check=False)
    assert "unfinished backup" in again.stderr
    shutil.rmtree(target)
    taken = shown(backup(house, "--to", target))
    assert taken["state"] == "complete"
    deadline = time.monotonic() + 30
    while (house.data / "backup.tmp").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (house.data / "backup.tmp").exists()
    assert shown(restore(house, target, tmp_path / "restored"))["sound"] is True


def test_a_backup_is_not_served_and_stays_as_it_is(house, tmp_path):
    target = tmp_path / "backup"
    backup(house, "--to", target)
    key = ("--root-key", f"file:{house.root_key}")
    for command in ("serve", "verify", "init"):
        done = house.run(command, "--data", str(target), *key, check=False, timeout=30)
        assert done.returncode == 1, command
        assert "is a backup" in done.stderr and "strongroom restore" in done.stderr, (command, done.stderr)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()}
    s3 = house.client(house.root)
    for number in range(30):
        s3.put_object(Bucket="vault", Key=f"later{number}", Body=os.urandom(LARGE))
        s3.delete_object(Bucket="vault", Key=f"k{number % 3}")
    assert house.stop() == 0
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()} == before
    assert shown(restore(house, target, tmp_path / "restored"))["sound"] is True


def test_restore_refuses_what_it_cannot_do_and_says_what_to_do(house, tmp_path):
    target = tmp_path / "backup"
    backup(house, "--to", target)
    assert house.stop() == 0
    new = tmp_path / "new"

    def said(*arguments, **options):
        done = restore(house, *arguments, check=False, **options)
        assert done.returncode == 1 and done.stdout == ""
        return done.stderr

    assert "never writes over" in said(target, house.data)
    assert "not a backup" in said(house.data, new)
    assert "inside the backup" in said(target, target / "new")
    missing = said(target, new, root_key=tmp_path / "none")
    assert "never in the backup" in missing and "--root-key" in missing
    other = tmp_path / "other"
    house.run("init", "--data", str(other), "--output", "json")
    assert "another root key" in said(target, new, root_key=f"{other}.root-key")
    gone = next(path for path in (target / "blobs").rglob("*") if path.is_file())
    kept = gone.read_bytes()
    gone.unlink()
    assert "not whole" in said(target, new)
    assert not new.exists()

    # Of the right length, but rotten: found by the verification with which a restore ends.
    gone.write_bytes(bytes(len(kept)))
    done = restore(house, target, new, check=False)
    assert done.returncode == 1 and shown(done)["sound"] is False
    assert any(gone.name in finding["message"] for finding in shown(done)["verify"]["findings"])
    unproved = shown(restore(house, target, tmp_path / "unproved", "--no-verify"))
    assert unproved["sound"] is None and unproved["verify"] is None


def test_people_read_what_happened_and_that_the_root_key_is_not_in_it(house, tmp_path):
    done = backup(house, "--to", tmp_path / "backup", output="text")
    assert "complete" in done.stdout and "root key is not in it" in done.stdout
    names = {path.name for path in (tmp_path / "backup").rglob("*")}
    assert "data.root-key" not in names and "LOCK" not in names and "reserve" not in names
    done = restore(house, tmp_path / "backup", tmp_path / "restored", output="text")
    assert "Sound" in done.stdout
