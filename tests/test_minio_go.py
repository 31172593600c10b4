"""minio-go: the program in `go/`."""

import os
import pathlib
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")


@pytest.mark.parametrize("lookup", ["path", "dns"])
def test_minio_go_agrees(server, alice, name, lookup):
    environment = server.environment() | {
        "ENDPOINT": f"s3.localhost:{server.port}",
        "ACCESS_KEY": alice.access_key,
        "SECRET_KEY": alice.secret_key,
        "CA": server.ca,
        "BUCKET": name,
        "LOOKUP": lookup,
    }
    folder = pathlib.Path(__file__).with_name("go")
    done = subprocess.run(["go", "run", "."], cwd=folder, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "all agree"
    assert os.path.exists(folder / "go.sum")
