"""restic: a repository whose every object is written once, read in ranges, listed and deleted."""

import hashlib
import os
import shutil
import subprocess

import pytest

from harness import MIB, Server

pytestmark = pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed")


@pytest.fixture
def restic(server, alice, name, tmp_path):
    environment = server.environment(alice) | {
        "RESTIC_REPOSITORY": f"s3:{server.endpoint()}/{name}/backups of ü",
        "RESTIC_PASSWORD": "only a test",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }

    def run(*arguments, status=0, ca=server.ca):
        command = ["restic", "--cacert", ca, "-o", "s3.bucket-lookup=path", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == status, (arguments, done.stdout[-2000:], done.stderr[-3000:])
        return done.stdout if status == 0 else done.stderr

    return run


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_restic_backs_up_checks_restores_and_prunes(restic, s3, name, tmp_path):
    source = tmp_path / "source"
    sizes = {"empty": 0, "small": 10, "big": 20 * MIB + 3, "dir/ü &+%.bin": 70_000}
    sizes |= {f"many/{number:03}": 4000 + number for number in range(100)}
    for path, size in sizes.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(os.urandom(size))
    first = contents(source)

    # init makes the bucket too.
    restic("init")
    restic("backup", "--tag", "first", source)
    (source / "big").write_bytes(os.urandom(6 * MIB))
    shutil.rmtree(source / "dir")
    second = contents(source)
    restic("backup", "--tag", "second", source)
    restic("check", "--read-data", "--no-cache")
    for tag, wanted in (("first", first), ("second", second)):
        restic("restore", "latest", "--tag", tag, "--target", tmp_path / tag, "--verify", "--no-cache")
        assert contents(tmp_path / tag / source.relative_to("/")) == wanted

    def stored():
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
        return {item["Key"]: item["Size"] for page in pages for item in page["Contents"]}

    before = stored()
    assert sum(before.values()) > 26 * MIB
    restic("forget", "--tag", "first", "--keep-tag", "none", "--prune", "--max-unused", "0")
    restic("check", "--read-data", "--no-cache")
    restic("restore", "latest", "--target", tmp_path / "after", "--no-cache")
    assert contents(tmp_path / "after" / source.relative_to("/")) == second
    after = stored()
    assert sum(after.values()) < sum(before.values()) - 19 * MIB
    # An object of the repository, but for its configuration, is named by its own SHA-256.
    hashed = [key for key in after if key != "backups of ü/config"]
    assert {key.split("/")[1] for key in hashed} == {"data", "index", "keys", "snapshots"}
    for key in hashed:
        body = s3.get_object(Bucket=name, Key=key)["Body"].read()
        assert hashlib.sha256(body).hexdigest() == key.rsplit("/", 1)[1]


def test_restic_trusts_no_other_authority(restic, tmp_path):
    said = restic("snapshots", "--no-lock", ca=Server(tmp_path / "other").ca, status=1)
    assert "certificate signed by unknown authority" in said
