"""Plaintext, secrets and key material appear nowhere: everything that the server writes is searched."""

import base64
import binascii
import gzip
import pathlib

from harness import MIB

CANARY = b"canary-4f0c7e1b-the-bytes-that-must-not-show"


def forms(secret):
    """A secret as it could be written down."""
    shown = {secret, binascii.hexlify(secret), binascii.hexlify(secret).upper(), secret[::-1]}
    for offset in range(3):
        # The middle of each base64 alignment.
        text = base64.b64encode(b"x" * offset + secret)
        shown.add(text[8:-8] if len(text) > 24 else text)
    shown.add(secret.decode("latin-1").encode("utf-16-le"))
    return {form for form in shown if len(form) >= 12}


def key_material(path):
    """What a root key file holds: its words, and what they say in hexadecimal or base64."""
    found = set()
    for word in pathlib.Path(path).read_bytes().split():
        for candidate in (word, word.split(b":")[-1], word.split(b"=")[-1]):
            # The shorter word is the key's public id.
            if len(candidate) >= 43:
                found.add(candidate)
                for decode in (binascii.unhexlify, lambda text: base64.b64decode(text + b"==", validate=False)):
                    try:
                        found.add(decode(candidate))
                    except (binascii.Error, ValueError):
                        pass
    return {each for each in found if len(each) >= 16}


def files(*roots):
    for root in roots:
        root = pathlib.Path(root)
        yield from [root] if root.is_file() else (path for path in root.rglob("*") if path.is_file())


def search(needles, paths):
    hits = []
    for path in paths:
        data = path.read_bytes()
        variants = [data]
        if data[:2] == b"\x1f\x8b":
            variants.append(gzip.decompress(data))
        hits += [(str(path), name) for each in variants for name, shown in needles.items() for form in shown if form in each]
    return hits


def test_nothing_secret_is_written_anywhere(fresh):
    server = fresh(extra=["--log-level", "trace"]).start()
    alice = server.root
    bob = server.create_account("bob@example.com")
    s3 = server.client(alice)
    s3.create_bucket(Bucket="canaries")
    s3.put_bucket_tagging(Bucket="canaries", Tagging={"TagSet": [{"Key": "t", "Value": "tag-" + CANARY.decode()}]})
    for size in (1, 100, 70_000, 2 * MIB):
        s3.put_object(Bucket="canaries", Key=f"k{size}", Body=CANARY * (size // len(CANARY) + 1))
    s3.put_object(Bucket="canaries", Key="zeros", Body=bytes(MIB))
    s3.put_object(Bucket="canaries", Key="meta", Body=b"", Metadata={"m": "meta-" + CANARY.decode()}, Tagging="t=tag-" + CANARY.decode())
    upload = s3.create_multipart_upload(Bucket="canaries", Key="m")["UploadId"]
    s3.upload_part(Bucket="canaries", Key="m", UploadId=upload, PartNumber=1, Body=CANARY * 3000)
    assert s3.get_object(Bucket="canaries", Key="k70000")["Body"].read().startswith(CANARY)
    # A secret in the wrong place is a client's mistake that must not be written down either.
    server.signed(alice, "GET", "/canaries/k1", secret="wrong")
    url = s3.generate_presigned_url("get_object", {"Bucket": "canaries", "Key": "k1"})
    assert server.http("GET", "/" + url.split("/", 3)[3]).status == 200
    signature = url.split("X-Amz-Signature=")[1][:64].encode()
    assert server.stop() == 0
    secrets = {
        "canary": forms(CANARY),
        "secret of the first account": forms(alice.secret_key.encode()),
        "secret of the second account": forms(bob.secret_key.encode()),
        "root key": set().union(*(forms(each) for each in key_material(server.root_key))),
        "signature of a presigned URL": {signature},
        "private key": {b"PRIVATE KEY"},
    }
    inside = list(files(server.data))
    assert len(inside) > 3
    assert search(secrets, inside) == []
    audit = {name: shown for name, shown in secrets.items() if name != "canary"}
    body_only = {"canary as a body": {CANARY * 2}}
    assert search(audit | body_only, files(server.log_path, server.audit_path.parent)) == []
    assert search({"canary": forms(CANARY)}, files(server.log_path)) == []


def test_the_root_key_lies_outside_with_its_owner_only(fresh):
    server = fresh()
    path = pathlib.Path(server.root_key)
    assert server.data not in path.parents
    assert path == server.data.with_name("data.root-key")
    assert path.stat().st_mode & 0o777 == 0o600
    assert server.data.stat().st_mode & 0o077 == 0


def test_without_its_root_key_nothing_opens(fresh, tmp_path):
    server = fresh().start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="bucket")
    assert server.stop() == 0
    path = pathlib.Path(server.root_key)
    kept = path.read_bytes()
    path.unlink()
    done = server.run("serve", "--data", str(server.data), "--listen", "127.0.0.1:0", check=False, timeout=30)
    assert done.returncode != 0 and "root" in done.stderr
    assert not path.exists()
    other = fresh()
    path.write_bytes(pathlib.Path(other.root_key).read_bytes())
    path.chmod(0o600)
    done = server.run("serve", "--data", str(server.data), "--listen", "127.0.0.1:0", check=False, timeout=30)
    assert done.returncode != 0
    path.write_bytes(kept)
    server.start()
    assert s3.head_bucket(Bucket="bucket")
