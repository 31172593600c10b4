"""The background check of everything on disk: found, named to those who may know, and never in anybody's way."""

import json
import os
import re
import time
import urllib.request

import pytest

from harness import MIB

LARGE = 700_000


def shown(done):
    return json.loads(done.stdout)


def scrub(server, *arguments, account=None, check=True, output="json"):
    arguments = ("scrub", *map(str, arguments), "--endpoint", server.endpoint(), "--output", output)
    return server.run(*arguments, account=account or server.root, check=check)


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 4]))


def files(server, folder):
    return {path for path in (server.data / folder).rglob("*") if path.is_file()}


def is_ready(server):
    address = re.search(r"http://127\.0\.0\.1:\d+/-/ready", server.log())[0]
    with urllib.request.urlopen(address, timeout=5) as answer:
        return answer.status == 200


@pytest.fixture
def house(fresh):
    server = fresh().start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="vault")
    s3.put_bucket_versioning(Bucket="vault", VersioningConfiguration={"Status": "Enabled"})
    return server


def new_blob(server, write):
    """What `write` gives, and the file that it made."""
    before = files(server, "blobs")
    given = write()
    (made,) = files(server, "blobs") - before
    return given, made


def test_a_sound_store_is_read_whole(house):
    s3 = house.client(house.root)
    for number in range(20):
        s3.put_object(Bucket="vault", Key=f"k{number}", Body=os.urandom(LARGE if number % 2 else 5000))
    assert shown(scrub(house, "--status"))["state"] == "never"
    done = shown(scrub(house, "--rate", 1000, "--wait"))
    assert done["state"] == "complete" and done["findings_total"] == 0 and done["findings"] == []
    assert done["bytes_done"] >= 10 * LARGE
    assert done["next_at"] > done["ended_at"]
    assert shown(scrub(house, "--status")) == done
    assert "Damaged" in scrub(house, "--status", output="text").stdout


def test_rot_is_found_while_serving_and_named_by_bucket_key_and_version(house):
    s3 = house.client(house.root)
    s3.put_object(Bucket="vault", Key="sound", Body=os.urandom(LARGE))
    old, rotten = new_blob(house, lambda: s3.put_object(Bucket="vault", Key="old/ü", Body=os.urandom(LARGE))["VersionId"])
    s3.put_object(Bucket="vault", Key="old/ü", Body=b"newer")
    upload = s3.create_multipart_upload(Bucket="vault", Key="parts")["UploadId"]

    def part(number, size):
        sent = s3.upload_part(Bucket="vault", Key="parts", UploadId=upload, PartNumber=number, Body=os.urandom(size))
        return {"PartNumber": number, "ETag": sent["ETag"]}

    first, gone = new_blob(house, lambda: part(1, 5 * MIB))
    parts = [first, part(2, 1000)]
    s3.complete_multipart_upload(Bucket="vault", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    flip(rotten, 400_000)
    gone.unlink()

    done = scrub(house, "--rate", 1000, "--wait", check=False)
    assert done.returncode == 1
    told = {finding["key"]: finding for finding in shown(done)["findings"]}
    assert set(told) == {"old/ü", "parts"} and shown(done)["findings_total"] == 2
    assert (told["old/ü"]["bucket"], told["old/ü"]["version_id"]) == ("vault", old)
    assert (told["parts"]["upload_id"], told["parts"]["part_number"]) == (upload, 1)
    assert {finding["kind"] for finding in told.values()} == {"blob"}
    assert "old/ü" in house.log() and old in house.log()
    text = scrub(house, "--status", output="text", check=False).stdout
    assert f"vault/old/ü, version {old}" in text
    # It is a matter of these objects, not of the server.
    assert is_ready(house)
    assert len(s3.get_object(Bucket="vault", Key="sound")["Body"].read()) == LARGE
    s3.delete_object(Bucket="vault", Key="old/ü", VersionId=old)
    s3.delete_object(Bucket="vault", Key="parts")
    again = shown(scrub(house, "--rate", 1000, "--wait", check=False))
    assert {finding["key"] for finding in again["findings"]} == {"parts"}, "a delete marker deletes nothing"


def test_rot_in_the_log_is_found_where_it_lies_and_so_is_what_is_stored_there(house):
    s3 = house.client(house.root)
    s3.put_object(Bucket="vault", Key="before", Body=os.urandom(20_000))
    (segment,) = files(house, "log")
    end = segment.stat().st_size
    s3.put_object(Bucket="vault", Key="small", Body=os.urandom(60_000))
    time.sleep(0.3)
    flip(segment, end + 40_000)
    done = scrub(house, "--rate", 1000, "--wait", check=False)
    assert done.returncode == 1
    findings = {finding["kind"]: finding for finding in shown(done)["findings"]}
    assert findings["log"]["file"] == f"log/{segment.name}" and findings["log"]["offset"] <= end + 40_000
    assert findings["blob"]["key"] == "small"


def test_rot_in_the_index_is_found_and_the_table_is_named(house):
    s3 = house.client(house.root)
    for number in range(50):
        s3.put_object(Bucket="vault", Key=f"k{number}", Body=b"x")
    # A backup brings the index up to date, so that there is a table.
    house.run("backup", "--to", str(house.home / "backup"), "--endpoint", house.endpoint(), account=house.root)
    table = sorted(files(house, "index/tables"))[0]
    flip(table, table.stat().st_size // 3)
    done = scrub(house, "--rate", 1000, "--wait", check=False)
    assert done.returncode == 1
    assert f"index/tables/{table.name}" in {finding["file"] for finding in shown(done)["findings"]}


@pytest.mark.parametrize("arguments", [(), ("--rate", "5"), ("--status",)])
def test_another_account_may_neither_start_nor_see_one(server, alice, bob, arguments):
    done = scrub(server, *arguments, account=bob, check=False)
    assert done.returncode == 1 and "AccessDenied" in done.stderr
    (event,) = server.events_of(re.search(r"request id ([0-9A-F]{16})", done.stderr)[1])
    assert event["errorCode"] == "AccessDenied"
    assert event["eventName"] == ("DescribeScrub" if arguments == ("--status",) else "StartScrub")
    assert event["userIdentity"]["accountId"] == bob.account_id
    assert scrub(server, *arguments, account=alice, check=False).returncode == 0


def test_starting_one_is_recorded(house):
    scrub(house, "--rate", 1000, "--wait")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        started = [event for event in house.audit() if event["eventName"] == "StartScrub"]
        if started:
            break
        time.sleep(0.1)
    assert started[0]["requestParameters"] == {"rateMibPerSecond": 1000}
    assert started[0]["readOnly"] is False


def test_a_scrub_keeps_its_place_and_its_rate_over_a_restart_and_can_be_made_faster(house):
    s3 = house.client(house.root)
    for number in range(6):
        s3.put_object(Bucket="vault", Key=f"k{number}", Body=os.urandom(2 * MIB))
    begun = shown(scrub(house, "--rate", 1))
    assert begun["state"] == "running" and begun["rate_bytes_per_second"] == MIB
    deadline = time.monotonic() + 60
    while shown(scrub(house, "--status"))["bytes_done"] < 3 * MIB:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert house.stop() == 0
    house.start()
    resumed = shown(scrub(house, "--status"))
    assert resumed["scrub_id"] == begun["scrub_id"] and resumed["state"] == "running"
    assert resumed["bytes_done"] >= 3 * MIB and resumed["rate_bytes_per_second"] == MIB
    done = shown(scrub(house, "--rate", 1000, "--wait"))
    assert done["scrub_id"] == begun["scrub_id"] and done["state"] == "complete"
    # The blob that was being read is read again.
    assert done["bytes_done"] < done["bytes_total"] + 3 * MIB


def test_its_rate_is_held_and_comes_from_the_configuration(fresh, tmp_path):
    settings = tmp_path / "server.toml"
    settings.write_text("[scrub]\nmin_mib_per_second = 3\ndays = 7\n")
    house = fresh(extra=["--config", str(settings)]).start()
    s3 = house.client(house.root)
    s3.create_bucket(Bucket="vault")
    for number in range(5):
        s3.put_object(Bucket="vault", Key=f"k{number}", Body=os.urandom(2 * MIB))
    began = time.monotonic()
    done = shown(scrub(house, "--wait"))
    took = time.monotonic() - began
    assert done["rate_bytes_per_second"] == 3 * MIB
    assert done["bytes_done"] >= 10 * MIB
    # One second's worth may be read at once.
    assert took >= done["bytes_done"] / (3 * MIB) - 1.1, took
