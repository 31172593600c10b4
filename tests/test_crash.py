"""The real process, killed under load: nothing acknowledged is lost, nothing unacknowledged is half visible."""

import hashlib
import random
import threading
import time

import botocore.exceptions
import pytest

from harness import MIB

ABSENT = None
WORKERS = 8
KEYS_EACH = 6
SIZES = [0, 1, 700, 5_000, 66_000, 400_000]


def content(key, number, size):
    seed = hashlib.sha256(f"{key}/{number}".encode()).digest()
    return (seed * (size // 32 + 1))[:size]


class Worker(threading.Thread):
    """The only writer of its keys, so that it knows what each may be."""

    def __init__(self, name, s3, bucket, state, rng):
        super().__init__(name=name, daemon=True)
        self.s3, self.bucket, self.state, self.rng = s3, bucket, state, rng
        self.acknowledged = 0
        self.fault = None
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            key = self.rng.choice(list(self.state))
            entry = self.state[key]
            entry["number"] += 1
            kind = self.rng.choices(["put", "delete", "multipart", "copy"], [10, 3, 2, 2])[0]
            size = 5 * MIB + 100 if kind == "multipart" and self.rng.random() < 0.2 else self.rng.choice(SIZES)
            wanted = ABSENT if kind == "delete" else content(key, entry["number"], size)
            before = entry["may_be"]
            entry["may_be"] = [*before, wanted]
            try:
                getattr(self, kind)(key, wanted)
            except botocore.exceptions.ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status != 503:
                    self.fault = f"{kind} {key}: {error}"
                    return
                continue
            except (botocore.exceptions.BotoCoreError, OSError):
                return
            entry["may_be"] = [wanted]
            self.acknowledged += 1

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key, _):
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def multipart(self, key, body):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        pieces = [body[: 5 * MIB], body[5 * MIB :]] if len(body) > 5 * MIB else [body]
        parts = []
        for number, piece in enumerate(pieces, 1):
            sent = self.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=number, Body=piece)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        if self.rng.random() < 0.2:
            self.s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
            upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
            sent = [
                self.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=n, Body=piece)["ETag"]
                for n, piece in enumerate(pieces, 1)
            ]
            parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(sent, 1)]
        self.s3.complete_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    def copy(self, key, body):
        source = f"source-of/{key}"
        self.s3.put_object(Bucket=self.bucket, Key=source, Body=body)
        self.s3.copy_object(Bucket=self.bucket, Key=key, CopySource={"Bucket": self.bucket, "Key": source})


def check(s3, bucket, states, when):
    """Every key is something that it may be, whole; the listing says the same."""
    seen = {}
    for state in states:
        for key, entry in state.items():
            try:
                body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                body = ABSENT
            shown = None if body is None else (len(body), hashlib.md5(body).hexdigest())
            assert body in entry["may_be"], f"{when}: {key} is {shown}, which is none of {len(entry['may_be'])} possible"
            entry["may_be"] = [body]
            if body is not None:
                seen[key] = shown
    listed, token = {}, {}
    while True:
        page = s3.list_objects_v2(Bucket=bucket, Prefix="worker", **token)
        listed |= {o["Key"]: (o["Size"], o["ETag"].strip('"')) for o in page.get("Contents", [])}
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert {key: size for key, (size, _) in listed.items()} == {key: size for key, (size, _) in seen.items()}, when
    for key, (_, etag) in listed.items():
        assert etag == seen[key][1] or etag.endswith(("-1", "-2")), (when, key)


@pytest.mark.timeout(3600)
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(fresh, mode):
    rounds = 400 if mode == "long" else 40
    seed = random.randrange(2**32)
    print(f"seed {seed}, {rounds} kills")
    rng = random.Random(seed)
    server = fresh().start()
    s3 = server.client(server.root)
    plain, versioned = "crash-plain", "crash-versioned"
    for bucket in (plain, versioned):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    states = {
        bucket: [
            {f"worker{n}/key{k}": {"may_be": [ABSENT], "number": 0} for k in range(KEYS_EACH)}
            for n in range(WORKERS // 2)
        ]
        for bucket in (plain, versioned)
    }
    acknowledged = 0
    for number in range(rounds):
        workers = [
            Worker(f"{bucket} {n}", s3, bucket, state, random.Random(rng.random()))
            for bucket, each in states.items()
            for n, state in enumerate(each)
        ]
        for worker in workers:
            worker.start()
        time.sleep(rng.uniform(0.05, 0.6))
        server.kill()
        for worker in workers:
            worker.ended.set()
            worker.join(60)
            assert not worker.is_alive()
            assert worker.fault is None, worker.fault
            acknowledged += worker.acknowledged
        server.start()
        for bucket, each in states.items():
            check(s3, bucket, each, f"seed {seed}, after kill {number + 1}")
    print(f"{rounds} kills, {acknowledged} acknowledged changes")
    assert acknowledged > rounds
    assert server.stop() == 0
    done = server.verify()
    assert done.returncode == 0, done.stdout + done.stderr


def test_killed_while_it_starts_it_starts_again(fresh):
    server = fresh().start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=b"kept")
    server.kill()
    for delay in (0, 0.005, 0.01, 0.02, 0.05, 0.1):
        try:
            server.start(timeout=delay)
        except AssertionError as still_starting:
            assert "not serving" in str(still_starting)
        server.kill()
    server.start()
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"kept"
    assert server.stop() == 0
    assert server.verify().returncode == 0


def test_acknowledged_versions_survive(fresh):
    server = fresh().start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    expected = []
    for number in range(60):
        expected.append((s3.put_object(Bucket="bucket", Key="k", Body=str(number).encode())["VersionId"], number))
        if number % 10 == 9:
            server.kill()
            server.start()
    listed = [v["VersionId"] for v in s3.list_object_versions(Bucket="bucket")["Versions"]]
    assert listed == [version for version, _ in reversed(expected)]
    for version, number in expected:
        assert s3.get_object(Bucket="bucket", Key="k", VersionId=version)["Body"].read() == str(number).encode()


def test_sigterm_finishes_what_is_in_flight(fresh):
    server = fresh().start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="bucket")
    results = []

    def upload(number):
        try:
            s3.put_object(Bucket="bucket", Key=str(number), Body=b"x" * 3_000_000)
            results.append(number)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            pass

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 12
    for thread in threads:
        thread.join()
    server.start()
    stored = {o["Key"] for o in s3.list_objects_v2(Bucket="bucket").get("Contents", [])}
    assert {str(number) for number in results} <= stored


def test_events_reach_the_audit_log_after_a_kill(fresh):
    server = fresh().start()
    s3 = server.client(server.root)
    ids = [s3.create_bucket(Bucket="bucket")["ResponseMetadata"]["RequestId"]]
    ids += [s3.put_object(Bucket="bucket", Key=str(n), Body=b"x")["ResponseMetadata"]["RequestId"] for n in range(20)]
    server.kill()
    server.start()
    for request_id in ids:
        events = server.events_of(request_id)
        assert events, request_id
        assert len({event["eventID"] for event in events}) <= 2
