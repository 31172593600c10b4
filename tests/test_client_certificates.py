"""Only known machines at the door: a TLS listener that asks its clients for certificates."""

import ssl
import subprocess

import pytest

from harness import Account, refused

CONFIGURATION = """
[tls]
client_ca_file = "clients.pem"
"""


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder, name):
    fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl(folder, "req", "-x509", *fresh, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    openssl(folder, "req", *fresh[:-2], "-subj", f"/CN=of {name}", "-keyout", f"of-{name}.key", "-out", "request.pem")
    (folder / "usage.cnf").write_text("extendedKeyUsage = clientAuth\n")
    openssl(
        folder, "x509", "-req", "-in", "request.pem", "-CA", f"{name}.pem", "-CAkey", f"{name}.key", "-CAcreateserial",
        "-days", "2", "-extfile", "usage.cnf", "-out", f"of-{name}.pem",
    )  # fmt: skip


@pytest.fixture
def closed(fresh, tmp_path):
    """A server that knows the clients of one authority."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    for name in ("clients", "strangers"):
        make_authority(folder, name)
    (folder / "strongroom.toml").write_text(CONFIGURATION)
    server = fresh(extra=["--config", str(folder / "strongroom.toml")])
    server.folder = folder
    server.client_certificate = pair(folder, "of-clients")
    return server.start()


def pair(folder, name):
    return str(folder / f"{name}.pem"), str(folder / f"{name}.key")


def first_bytes(server, certificate):
    """How the answer begins; nothing, or an error of TLS, where the server closed the door."""
    server.client_certificate = certificate and pair(server.folder, certificate)
    with server.connect() as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return stream.recv(12)


def test_a_client_without_a_certificate_or_with_a_stranger_s_is_kept_out(closed):
    for certificate in (None, "of-strangers"):
        try:
            answer = first_bytes(closed, certificate)
        except (ssl.SSLError, ConnectionError):
            answer = b""
        assert answer == b""
    assert first_bytes(closed, "of-clients").startswith(b"HTTP/1.1 403")


def test_a_known_client_still_signs(closed):
    s3 = closed.client(closed.root, client_cert=closed.client_certificate)
    s3.create_bucket(Bucket="known")
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["known"]
    stranger = Account(closed.root.account_id, closed.root.canonical_user_id, closed.root.access_key, "x" * 40)
    s3 = closed.client(stranger, client_cert=closed.client_certificate)
    assert refused(s3.list_buckets) == ("SignatureDoesNotMatch", 403)
