"""Data changed on disk is found, never served."""

import os
import random
import shutil

import botocore.exceptions
import pytest

from harness import MIB, Server

BODIES = {f"k{size}": os.urandom(size) for size in (10, 5000, 70_000, MIB, 3 * MIB)}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A server that wrote a few objects and ended."""
    server = Server(tmp_path_factory.mktemp("tamper")).start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="bucket")
    for key, body in BODIES.items():
        s3.put_object(Bucket="bucket", Key=key, Body=body)
    assert server.stop() == 0
    shutil.copytree(server.data, server.home / "copy", symlinks=True)
    yield server
    if server.process is not None:
        server.kill()


@pytest.fixture
def damaged(stopped):
    """The same data for each test."""
    yield stopped
    if stopped.process is not None:
        stopped.kill()
    shutil.rmtree(stopped.data)
    shutil.copytree(stopped.home / "copy", stopped.data, symlinks=True)


def files(server, folder):
    return sorted(path for path in (server.data / folder).rglob("*") if path.is_file() and path.stat().st_size)


def flip(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


def nothing_wrong_is_served(server):
    """Each object is right or refused. The start may be refused too."""
    try:
        server.start(timeout=20)
    except AssertionError:
        if server.process is not None and server.process.poll() is not None:
            server.process = None
        return 0
    s3 = server.client(server.root)
    refused = 0
    for key, body in BODIES.items():
        try:
            assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == body
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, OSError):
            refused += 1
    server.stop()
    return refused


def test_undamaged_data_is_sound(damaged):
    done = damaged.verify()
    assert done.returncode == 0, done.stdout + done.stderr
    assert nothing_wrong_is_served(damaged) == 0


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_flipped_bit_in_a_blob_is_found(damaged, where):
    blobs = files(damaged, "blobs")
    assert blobs
    path = max(blobs, key=lambda path: path.stat().st_size)
    size = path.stat().st_size
    flip(path, {"first": 0, "middle": size // 2, "last": size - 1}[where], bit=3)
    done = damaged.verify()
    assert done.returncode == 1, done.stdout + done.stderr
    assert nothing_wrong_is_served(damaged) == 1


@pytest.mark.parametrize("change", ["cut", "grown", "gone", "swapped", "empty"])
def test_a_changed_blob_is_found(damaged, change):
    blobs = sorted(files(damaged, "blobs"), key=lambda path: path.stat().st_size)
    path, other = blobs[-1], blobs[-2]
    if change == "cut":
        os.truncate(path, path.stat().st_size - 65_552)
    elif change == "grown":
        with open(path, "ab") as file:
            file.write(b"\0" * 100)
    elif change == "gone":
        path.unlink()
    elif change == "empty":
        os.truncate(path, 0)
    else:
        a, b = path.read_bytes(), other.read_bytes()
        path.write_bytes(b)
        other.write_bytes(a)
    done = damaged.verify()
    assert done.returncode == 1, done.stdout + done.stderr
    nothing_wrong_is_served(damaged)


def test_swapped_frames_are_found(damaged):
    path = max(files(damaged, "blobs"), key=lambda path: path.stat().st_size)
    data = path.read_bytes()
    step = 65_536 + 16
    head = len(data) % step if len(data) % step < 64 else 4
    first, second = data[head : head + step], data[head + step : head + 2 * step]
    path.write_bytes(data[:head] + second + first + data[head + 2 * step :])
    assert damaged.verify().returncode == 1
    assert nothing_wrong_is_served(damaged) == 1


@pytest.mark.parametrize("place", range(6))
def test_a_flipped_bit_in_the_log_is_found(damaged, place):
    rng = random.Random(place)
    path = max(files(damaged, "log"), key=lambda path: path.stat().st_size)
    used = len(path.read_bytes().rstrip(b"\0"))
    flip(path, rng.randrange(64, max(65, used * 2 // 3)), bit=rng.randrange(8))
    done = damaged.verify()
    assert done.returncode == 1, done.stdout + done.stderr
    nothing_wrong_is_served(damaged)


def test_a_blob_that_no_row_names_is_an_orphan(damaged):
    path = files(damaged, "blobs")[0]
    shutil.copy(path, path.with_name("f" * len(path.name)))
    assert damaged.verify().returncode == 1


def test_verify_says_what_is_wrong(damaged):
    path = max(files(damaged, "blobs"), key=lambda path: path.stat().st_size)
    path.unlink()
    done = damaged.verify()
    assert done.returncode == 1
    assert path.name in done.stdout or "k3145728" in done.stdout, done.stdout
