"""Memory stays bounded: by what is under way, not by how large bodies are, and not by how many objects there are."""

import os
import pathlib
import shutil
import threading
import time

from harness import MIB, UNSIGNED, head, path_and_query, read_answer, reader, sign

GIB = 1024 * MIB
STREAMS = 64
#: What a server may hold while so many uploads and as many downloads are under way.
MOST_BYTES = 512 * MIB
#: The length that every upload names; none gets so far.
DECLARED_BYTES = 5 * GIB


def memory(server, field):
    """A line of proc_pid_status(5): `VmRSS` is resident now, `VmHWM` the most that ever was."""
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {field}")


def mib(count):
    return round(count / MIB)


def request(server, method, path, headers=()):
    signed = sign(
        server.root,
        method,
        path,
        (),
        dict(headers) | {"Host": server.authority()},
        payload_hash=UNSIGNED,
        region=server.region,
        unsigned=("Content-Length",),
    )
    return head(method, path_and_query(path, ()), signed)


def in_threads(count, work):
    """Runs `work(number)` in threads; a failure of any is one of the test."""
    failures = []

    def run(number):
        try:
            work(number)
        except BaseException as error:  # noqa: B902: told below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()

    def join(timeout):
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        assert not failures, failures[0]
        assert not any(thread.is_alive() for thread in threads), "not done in time"

    return join


class Gate:
    """Those who arrive wait until it is opened; others wait until enough have arrived."""

    def __init__(self, expected):
        self.expected = expected
        self.arrived = threading.Semaphore(0)
        self.opened = threading.Event()

    def arrive(self, timeout):
        self.arrived.release()
        assert self.opened.wait(timeout), "the others never came"

    def wait_for_all(self, timeout):
        deadline = time.monotonic() + timeout
        for _ in range(self.expected):
            assert self.arrived.acquire(timeout=max(0.0, deadline - time.monotonic())), "some never came so far"


def bytes_below(directory):
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                pass
    return total


def test_64_uploads_and_64_downloads_of_gigabytes_hold_half_a_gibibyte_at_most(fresh, mode):
    server = fresh()
    # More than all buffers hold, and in a long run as much of the whole as the disk lets in.
    sent_bytes = 24 * MIB
    if mode == "long":
        sent_bytes = min(DECLARED_BYTES, shutil.disk_usage(server.home).free // 3 // STREAMS) // MIB * MIB
    server.start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="large")
    piece = os.urandom(MIB)
    large_bytes = 64 * MIB
    s3.put_object(Bucket="large", Key="large", Body=piece * (large_bytes // MIB))
    patience = 40 if mode != "long" else 3600
    gate = Gate(2 * STREAMS)

    def upload(number):
        with server.connect(timeout=patience) as stream:
            stream.sendall(request(server, "PUT", f"/large/up-{number}", {"Content-Length": str(DECLARED_BYTES)}))
            for _ in range(sent_bytes // MIB):
                stream.sendall(piece)
            gate.arrive(patience)

    def download(number):
        with server.connect(timeout=patience) as stream:
            stream.sendall(request(server, "GET", "/large/large"))
            # Now the server reads ahead and fills what it has, and nobody takes it.
            gate.arrive(patience)
            answer = read_answer(reader(stream))
            assert (answer.status, len(answer.body)) == (200, large_bytes)
            assert answer.body[-MIB:] == piece

    def work(number):
        (upload if number < STREAMS else download)(number)

    join = in_threads(2 * STREAMS, work)
    gate.wait_for_all(patience)
    stalled = memory(server, "VmRSS")
    gate.opened.set()
    join(patience)
    peak = memory(server, "VmHWM")
    print(f"{STREAMS} uploads and downloads: {mib(stalled)} MiB while they stall, {mib(peak)} MiB at most")
    assert peak <= MOST_BYTES, f"{mib(peak)} MiB"

    # What was cut off leaves nothing.
    deadline = time.monotonic() + 20
    while bytes_below(server.data / "blobs") > 2 * large_bytes and time.monotonic() < deadline:
        time.sleep(0.2)
    assert bytes_below(server.data / "blobs") <= 2 * large_bytes
    assert s3.list_objects_v2(Bucket="large")["KeyCount"] == 1
    assert server.stop() == 0


def test_objects_that_are_stored_are_not_held_in_memory(fresh, mode):
    server = fresh().start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="many")
    clients = 8
    objects = 200_000 if mode == "long" else 8_000
    body = os.urandom(512)

    def put(first, count):
        def work(number):
            with server.connect() as stream:
                answers = reader(stream)
                for at in range(first + number, first + count, clients):
                    stream.sendall(
                        request(server, "PUT", f"/many/{at * 2654435761 % 2**32:08x}", {"Content-Length": str(len(body))})
                        + body
                    )
                    assert read_answer(answers).status == 200

        in_threads(clients, work)(600)

    put(0, objects // 2)
    half = memory(server, "VmRSS")
    put(objects // 2, objects // 2)
    whole = memory(server, "VmRSS")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="many")
    assert sum(page["KeyCount"] for page in pages) == objects
    print(f"{objects // 2} objects: {mib(half)} MiB; {objects}: {mib(whole)} MiB")
    # Memtables and caches fill at first, then they are full.
    assert whole <= 256 * MIB, f"{mib(whole)} MiB"
    assert whole - half <= 48 * MIB, f"{mib(half)} MiB, then {mib(whole)} MiB"
    assert server.stop() == 0
