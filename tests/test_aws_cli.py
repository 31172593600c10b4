"""aws-cli, as people type it."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.parse

import pytest

from harness import MIB

AWS = str(pathlib.Path(sys.executable).with_name("aws"))


@pytest.fixture(scope="module")
def aws(server, alice, tmp_path_factory):
    folder = tmp_path_factory.mktemp("aws")
    config = folder / "config"
    config.write_text("[default]\ns3 =\n    signature_version = s3v4\n    addressing_style = path\n")
    environment = server.environment(alice) | {"AWS_CONFIG_FILE": str(config), "AWS_PAGER": ""}

    def run(*arguments, status=0, stdin=None):
        done = subprocess.run([AWS, *map(str, arguments)], env=environment, input=stdin, capture_output=True, timeout=200)
        assert done.returncode == status, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout.decode() if status == 0 else done.stderr.decode()

    return run


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    for name, size in {"a.txt": 10, "b b/ü.bin": 70_000, "b b/c/empty": 0, "big": 9 * MIB}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return root


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_high_level_commands(aws, name, tree, tmp_path):
    url = f"s3://{name}"
    aws("s3", "mb", url)
    assert name in aws("s3", "ls")
    aws("s3", "sync", tree, f"{url}/tree")
    assert "big" in aws("s3", "ls", "--recursive", url)
    back = tmp_path / "back"
    aws("s3", "sync", f"{url}/tree", back)
    assert contents(back) == contents(tree)
    assert aws("s3", "sync", tree, f"{url}/tree") == ""
    (tree / "a.txt").write_bytes(b"changed and longer")
    (tree / "b b/c/empty").unlink()
    aws("s3", "sync", "--delete", tree, f"{url}/tree")
    aws("s3", "sync", "--delete", f"{url}/tree", back)
    assert contents(back) == contents(tree)
    aws("s3", "cp", "-", f"{url}/stdin", stdin=b"from a pipe")
    assert aws("s3", "cp", f"{url}/stdin", "-") == "from a pipe"
    aws("s3", "cp", f"{url}/tree/big", f"{url}/copied")
    aws("s3", "mv", f"{url}/copied", f"{url}/moved")
    aws("s3", "cp", f"{url}/moved", tmp_path / "moved")
    assert (tmp_path / "moved").read_bytes() == (tree / "big").read_bytes()
    assert "BucketNotEmpty" in aws("s3", "rb", url, status=1)
    aws("s3", "rm", "--recursive", url)
    aws("s3", "rb", url)
    assert name not in aws("s3", "ls")


def test_a_presigned_url_is_good_for_anybody(aws, server, bucket):
    aws("s3", "cp", "-", f"s3://{bucket}/some key", stdin=b"shared")
    url = urllib.parse.urlsplit(aws("s3", "presign", f"s3://{bucket}/some key", "--expires-in", "60").strip())
    answer = server.http("GET", f"{url.path}?{url.query}", {"Host": url.netloc})
    assert (answer.status, answer.body) == (200, b"shared")


def test_s3api(aws, name, tmp_path):
    def api(*arguments, **named):
        out = aws("s3api", *arguments, "--bucket", name, "--output", "json", **named)
        return json.loads(out) if out and "status" not in named else out

    api("create-bucket")
    api("put-bucket-versioning", "--versioning-configuration", "Status=Enabled")
    body = tmp_path / "body"
    body.write_bytes(b"one")
    first = api("put-object", "--key", "k", "--body", body, "--metadata", "a=1", "--checksum-algorithm", "SHA256")
    body.write_bytes(b"two")
    api("put-object", "--key", "k", "--body", body)
    api("get-object", "--key", "k", "--version-id", first["VersionId"], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"one"
    assert api("head-object", "--key", "k", "--version-id", first["VersionId"])["Metadata"] == {"a": "1"}
    assert len(api("list-object-versions")["Versions"]) == 2
    assert api("list-objects-v2")["Contents"][0]["Key"] == "k"
    assert api("list-objects")["Contents"][0]["Key"] == "k"
    api("put-bucket-tagging", "--tagging", "TagSet=[{Key=a,Value=b}]")
    assert api("get-bucket-tagging")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert "NoSuchBucketPolicy" in api("get-bucket-policy", status=255)
    assert "NoSuchKey" in api("get-object", "--key", "none", tmp_path / "out", status=255)
    upload = api("create-multipart-upload", "--key", "m")["UploadId"]
    etag = api("upload-part", "--key", "m", "--upload-id", upload, "--part-number", "1", "--body", body)["ETag"]
    api("complete-multipart-upload", "--key", "m", "--upload-id", upload, "--multipart-upload", json.dumps({"Parts": [{"PartNumber": 1, "ETag": etag}]}))
    assert api("get-object-attributes", "--key", "m", "--object-attributes", "ObjectSize")["ObjectSize"] == 3
    deleted = api("delete-objects", "--delete", json.dumps({"Objects": [{"Key": "k"}, {"Key": "m"}]}))
    assert all(each["DeleteMarker"] for each in deleted["Deleted"])


def test_sts(aws, alice):
    assert json.loads(aws("sts", "get-caller-identity", "--output", "json"))["Account"] == alice.account_id
