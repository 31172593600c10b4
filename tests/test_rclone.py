"""rclone with provider Other: path style, ListObjects version 1, no listing encoding."""

import os
import shutil
import subprocess

import pytest

from harness import MIB

pytestmark = pytest.mark.skipif(shutil.which("rclone") is None, reason="rclone is not installed")


@pytest.fixture(scope="module")
def rclone(server, alice, tmp_path_factory):
    config = tmp_path_factory.mktemp("rclone") / "rclone.conf"
    config.write_text(
        "[store]\ntype = s3\nprovider = Other\nregion = us-east-1\nforce_path_style = true\n"
        f"access_key_id = {alice.access_key}\nsecret_access_key = {alice.secret_key}\nendpoint = {server.endpoint()}\n"
        # rclone 1.60 sends "private" where nothing is said, which AWS refuses where ACLs are off.
        "acl = bucket-owner-full-control\nbucket_acl = private\nchunk_size = 5Mi\nupload_cutoff = 8Mi\n"
    )

    def run(*arguments, status=0):
        command = ["rclone", "--config", str(config), "--ca-cert", server.ca, "--retries", "1", "--low-level-retries", "1"]
        done = subprocess.run([*command, *map(str, arguments)], env=server.environment(), capture_output=True, text=True, timeout=200)
        assert done.returncode == status, (arguments, done.stdout[-2000:] + done.stderr[-3000:])
        return done.stdout

    return run


def test_rclone_copies_checks_lists_and_deletes(rclone, name, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    sizes = {"a.txt": 5, "dir/ü &+%.bin": 70_000, "dir/deep/x": 1, "big": 20 * MIB + 3}
    sizes |= {f"many/{number:04}": number for number in range(300)}
    for path, size in sizes.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(os.urandom(size))
    rclone("mkdir", f"store:{name}")
    assert f"{name}/" in rclone("lsf", "store:").split()
    rclone("copy", source, f"store:{name}/tree")
    rclone("check", source, f"store:{name}/tree")
    rclone("check", "--download", source, f"store:{name}/tree")
    listed = rclone("lsf", "-R", "--files-only", f"store:{name}/tree").splitlines()
    assert sorted(listed) == sorted(sizes)
    assert rclone("lsf", f"store:{name}/tree/dir").splitlines() == ["deep/", "ü &+%.bin"]
    rclone("copy", f"store:{name}/tree", back)
    for path in sizes:
        assert (back / path).read_bytes() == (source / path).read_bytes(), path
    (source / "a.txt").write_bytes(b"changed")
    shutil.rmtree(source / "dir")
    rclone("sync", source, f"store:{name}/tree")
    rclone("check", source, f"store:{name}/tree")
    rclone("moveto", f"store:{name}/tree/big", f"store:{name}/moved")
    assert rclone("lsf", f"store:{name}").splitlines() == ["moved", "tree/"]
    rclone("deletefile", f"store:{name}/moved")
    rclone("delete", f"store:{name}/tree")
    assert rclone("lsf", "-R", "--files-only", f"store:{name}") == ""
    rclone("rmdir", f"store:{name}")
    assert f"{name}/" not in rclone("lsf", "store:").split()
