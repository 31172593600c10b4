"""A data directory that an earlier version wrote is served and verified.

`fixtures/format-1.tar.gz` has the directory (without `reserve` and `LOCK`, which every start makes), the root key, which
protects nothing but this, and `expected.json`, which says what was put there. To make it anew, while there is no release:

    STRONGROOM_WRITE_FIXTURE=1 .cache/venv/bin/python -m pytest -c tests/pytest.ini --rootdir tests tests/test_format.py
"""

import copy
import hashlib
import json
import os
import shutil
import tarfile

import botocore.exceptions
import pytest

from harness import ROOT, Account, Server, free_ports

FIXTURE = ROOT / "tests" / "fixtures" / "format-1.tar.gz"
#: The engine makes these at each start.
MADE_ANEW = {"LOCK", "reserve"}
ATTRIBUTES = ("ETag", "ContentLength", "ContentType", "CacheControl", "Metadata", "ChecksumCRC64NVME", "ChecksumSHA256")


def fill(server):
    """A little of what a data directory can hold."""
    s3, other = server.client(server.root), server.create_account("other@example.com")
    s3.create_bucket(Bucket="plain")
    s3.put_bucket_tagging(Bucket="plain", Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    s3.put_object(Bucket="plain", Key="empty", Body=b"")
    s3.put_object(
        Bucket="plain",
        Key="ordner/ähre\n.txt",
        Body=b"grain" * 100,
        ContentType="text/plain",
        CacheControl="no-store",
        Metadata={"origin": "field"},
        Tagging="kind=seed&season=3",
        ChecksumAlgorithm="SHA256",
    )
    s3.put_object(Bucket="plain", Key="gone", Body=b"soon")
    s3.delete_object(Bucket="plain", Key="gone")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second" * 500):
        s3.put_object(Bucket="versions", Key="a", Body=body)
    s3.put_object(Bucket="versions", Key="marked", Body=b"marked")
    s3.delete_object(Bucket="versions", Key="marked")
    upload = s3.create_multipart_upload(Bucket="versions", Key="parts")["UploadId"]
    part = {"Bucket": "versions", "Key": "parts", "UploadId": upload, "PartNumber": 1}
    etag = s3.upload_part(**part, Body=b"part" * 1000)["ETag"]
    whole = {"Parts": [{"ETag": etag, "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket="versions", Key="parts", UploadId=upload, MultipartUpload=whole)
    s3.create_multipart_upload(Bucket="versions", Key="under way")
    theirs = server.client(other)
    theirs.create_bucket(Bucket="theirs")
    theirs.put_object(Bucket="theirs", Key="secret", Body=b"not yours")
    return other


def contents(server, accounts):
    """Everything that can be asked about, as JSON has it."""
    found = {}
    for account in accounts:
        s3 = server.client(account)
        for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
            listed = s3.list_object_versions(Bucket=bucket)
            objects = []
            for version in listed.get("Versions", []):
                name = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
                answer = s3.get_object(**name, ChecksumMode="ENABLED")
                attributes = {each: answer[each] for each in ATTRIBUTES if each in answer}
                tags = s3.get_object_tagging(**name)["TagSet"]
                body = hashlib.sha256(answer["Body"].read()).hexdigest()
                objects.append([version["Key"], version["VersionId"], version["IsLatest"], body, attributes, tags])
            markers = [[each["Key"], each["VersionId"], each["IsLatest"]] for each in listed.get("DeleteMarkers", [])]
            uploads = [each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
            try:
                tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
            except botocore.exceptions.ClientError as error:
                tags = error.response["Error"]["Code"]
            versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
            found[bucket] = {
                "owner": account.account_id,
                "objects": objects,
                "markers": markers,
                "uploads": uploads,
                "tags": tags,
                "versioning": versioning,
            }
    return found


def write(home):
    """Makes the fixture."""
    server = Server(home).start()
    accounts = [server.root, fill(server)]
    # Without warning, so that a start has something to recover; and before all is read, for reads are recorded too.
    server.kill()
    kept = server.home / "kept"
    shutil.copytree(server.data, kept, ignore=lambda _, names: MADE_ANEW.intersection(names))
    server.start()
    expected = {
        "accounts": [vars(account) for account in accounts],
        "region": server.region,
        "regions": server.regions,
        "contents": contents(server, accounts),
    }
    server.kill()
    described = server.home / "expected.json"
    described.write_text(json.dumps(expected, indent=1, sort_keys=True))

    def plain(entry):
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    FIXTURE.parent.mkdir(exist_ok=True)
    with tarfile.open(FIXTURE, "w:gz", compresslevel=9) as archive:
        for path, name in ((kept, "data"), (server.root_key, "root-key"), (described, "expected.json")):
            archive.add(path, name, filter=plain)


def serve(server, home, data, root_key, expected):
    """A server of today over an older directory."""
    old = copy.copy(server)
    old.home, old.data, old.process, old.root_key = home, data, None, str(root_key)
    old.audit_path, old.log_path = home / "audit" / "audit.jsonl", home / "server.log"
    old.audit_path.parent.mkdir(exist_ok=True)
    old.port, old.plain_port = free_ports(2)
    old.extra = ["--root-key", f"file:{root_key}"]
    old.region, old.regions, old.ca = expected["region"], expected["regions"], str(data / "tls" / "ca.pem")
    old.root = Account(**expected["accounts"][0])
    return old.start()


def test_what_the_first_format_wrote_is_served_and_verified(server, tmp_path):
    if os.environ.get("STRONGROOM_WRITE_FIXTURE"):
        write(tmp_path / "writer")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path / "old", filter="data")
    data, root_key = tmp_path / "old" / "data", tmp_path / "old" / "root-key"
    for path in (root_key, data, *data.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    expected = json.loads((tmp_path / "old" / "expected.json").read_text())
    accounts = [Account(**account) for account in expected["accounts"]]
    verify = ("verify", "--data", str(data), "--root-key", f"file:{root_key}", "--output", "json")

    server.run(*verify)
    old = serve(server, tmp_path, data, root_key, expected)
    try:
        assert contents(old, accounts) == expected["contents"]
        members = old.client(old.root, "organizations").list_accounts()["Accounts"]
        assert {each["Id"] for each in members} == {account.account_id for account in accounts}
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
            old.client(old.root).get_object(Bucket="theirs", Key="secret")
        old.client(old.root).put_object(Bucket="plain", Key="new", Body=b"today")
        assert old.stop() == 0
    finally:
        if old.process is not None:
            old.kill()
    server.run(*verify)
