"""s3cmd, path style: ListObjects version 1, signed payloads, keys in URLs as it alone writes them."""

import filecmp
import os
import shutil
import subprocess

import pytest

from harness import MIB, Server

pytestmark = pytest.mark.skipif(shutil.which("s3cmd") is None, reason="s3cmd is not installed")


@pytest.fixture(scope="module")
def s3cmd(server, alice, tmp_path_factory):
    config = tmp_path_factory.mktemp("s3cmd") / "config"
    host = f"localhost:{server.port}"
    config.write_text(
        f"[default]\naccess_key = {alice.access_key}\nsecret_key = {alice.secret_key}\nhost_base = {host}\n"
        f"host_bucket = {host}\nuse_https = True\nca_certs_file = {server.ca}\ncheck_ssl_certificate = True\n"
        "bucket_location = us-east-1\nmultipart_chunk_size_mb = 5\nmax_retries = 0\nprogress_meter = False\n"
    )
    environment = server.environment() | {"LC_ALL": "C.UTF-8"}

    def run(*arguments, status=0, ca=None):
        command = ["s3cmd", f"--config={config}", *(["--ca-certs", str(ca)] if ca else []), *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == status, (arguments, done.stdout[-2000:], done.stderr[-3000:])
        return done.stdout if status == 0 else done.stderr

    return run


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    sizes = {"a.txt": 5, "empty": 0, "big": 20 * MIB + 3, "dir/ü &+%2F=~'(1)'.bin": 70_000, "dir/deep/日本 #?;": 1}
    for path, size in sizes.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(os.urandom(size))
    return root


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def same_trees(one, other):
    assert files(one) == files(other)
    for path in files(one):
        assert filecmp.cmp(one / path, other / path, shallow=False), path


def test_s3cmd_syncs_lists_copies_and_deletes(s3cmd, s3, name, tree, tmp_path):
    url = f"s3://{name}"
    s3cmd("mb", url)
    assert url in s3cmd("ls")
    s3cmd("sync", f"{tree}/", f"{url}/tree/")
    back = tmp_path / "back"
    back.mkdir()
    s3cmd("sync", f"{url}/tree/", f"{back}/")
    same_trees(tree, back)
    listed = [line.split(f"{url}/tree/", 1)[1] for line in s3cmd("ls", "--recursive", f"{url}/tree/").splitlines()]
    assert sorted(listed) == files(tree)
    assert s3cmd("ls", f"{url}/tree/dir/").split("DIR")[1].splitlines()[0].strip() == f"{url}/tree/dir/deep/"
    big = s3.get_object(Bucket=name, Key="tree/big")
    assert big["ETag"].endswith('-5"')
    assert big["Body"].read() == (tree / "big").read_bytes()
    # Nothing has changed, so nothing is sent; then one file has and one is gone.
    assert "upload:" not in s3cmd("sync", f"{tree}/", f"{url}/tree/")
    (tree / "a.txt").write_bytes(b"changed and longer")
    (tree / "empty").unlink()
    s3cmd("sync", "--delete-removed", f"{tree}/", f"{url}/tree/")
    s3cmd("sync", "--delete-removed", f"{url}/tree/", f"{back}/")
    same_trees(tree, back)

    odd = "tree/dir/ü &+%2F=~'(1)'.bin"
    # Without --acl-private it sets the ACL of each copy, which AWS too refuses where ACLs are off.
    s3cmd("cp", "--acl-private", f"{url}/{odd}", f"{url}/copied")
    s3cmd("mv", "--acl-private", f"{url}/copied", f"{url}/moved ü")
    s3cmd("get", f"{url}/moved ü", tmp_path / "moved")
    assert (tmp_path / "moved").read_bytes() == (tree / odd.removeprefix("tree/")).read_bytes()
    s3cmd("modify", "--acl-private", "--add-header=x-amz-meta-colour: blue", f"{url}/moved ü")
    assert "blue" in s3cmd("info", f"{url}/moved ü")
    # A download that goes on where it was cut: a ranged read.
    (tmp_path / "part").write_bytes((tree / "big").read_bytes()[: 7 * MIB])
    s3cmd("get", "--continue", f"{url}/tree/big", tmp_path / "part")
    assert filecmp.cmp(tmp_path / "part", tree / "big", shallow=False)
    assert f"{len(files(tree)) + 1} objects" in s3cmd("du", url)

    s3cmd("del", f"{url}/moved ü")
    assert "NoSuchKey" in s3cmd("info", f"{url}/moved ü", status=12)
    s3cmd("rb", url, status=13)
    s3cmd("del", "--recursive", "--force", f"{url}/tree/")
    assert s3cmd("ls", "--recursive", url) == ""
    s3cmd("rb", url)
    assert f"{url}\n" not in s3cmd("ls")


def test_s3cmd_learns_the_region_where_its_own_default_is_none(s3cmd, name):
    """Its default region is "US", by which it signs; told the right one in the refusal, it signs again."""
    s3cmd("--region=US", "mb", f"s3://{name}")
    assert f"s3://{name}" in s3cmd("--region=US", "ls")
    s3cmd("--region=US", "rb", f"s3://{name}")


def test_s3cmd_trusts_no_other_authority(s3cmd, tmp_path):
    assert "CERTIFICATE_VERIFY_FAILED" in s3cmd("ls", ca=Server(tmp_path / "other").ca, status=77)
