"""A server under test, and the ways to talk to it: boto3, hand-signed requests, raw bytes."""

import dataclasses
import datetime
import hashlib
import hmac
import http.client
import io
import itertools
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"


def binary():
    given = os.environ.get("STRONGROOM_BINARY")
    if given:
        return given
    return str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "strongroom")


_system_getaddrinfo = socket.getaddrinfo


def _getaddrinfo(host, *arguments, **named):
    """Names under .localhost are this machine (RFC 6761, section 6.3), also where the system does not say so."""
    if isinstance(host, str) and (host == "localhost" or host.endswith(".localhost")):
        host = "127.0.0.1"
    return _system_getaddrinfo(host, *arguments, **named)


socket.getaddrinfo = _getaddrinfo


@dataclasses.dataclass(frozen=True)
class Account:
    account_id: str
    canonical_user_id: str
    access_key: str
    secret_key: str

    @classmethod
    def of(cls, shown):
        return cls(
            shown["account_id"], shown["canonical_user_id"], shown["access_key_id"], shown["secret_access_key"]
        )


def many_sources():
    """Addresses of this machine, over and over: each is a source of its own to the server."""
    return itertools.cycle([f"127.{high}.{low}.1" for low in range(8) for high in range(1, 255)])


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Server:
    """One installation in a directory of its own, and the process that serves it."""

    def __init__(self, home, *, regions="us-east-1,eu-central-1", plaintext=True, extra=()):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.data = self.home / "data"
        self.audit_path = self.home / "audit" / "audit.jsonl"
        self.audit_path.parent.mkdir(exist_ok=True)
        self.log_path = self.home / "server.log"
        self.extra = list(extra)
        self.regions = regions
        self.process = None
        #: Where connections come from, one after the other; from the usual address if there are none.
        self.sources = None
        #: The certificate and key that our own connections show, where the server asks for one.
        self.client_certificate = None
        self.port, self.plain_port = free_ports(2)
        self.plaintext = plaintext
        self.shown = json.loads(self.run("init", "--data", str(self.data), "--output", "json").stdout)
        self.root = Account.of(self.shown)
        self.ca = self.shown["ca_path"]
        self.root_key = self.shown["root_key_path"]
        self.region = self.shown["region"]

    def environment(self, account=None):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        kept["AWS_CONFIG_FILE"] = kept["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
        kept["AWS_EC2_METADATA_DISABLED"] = "true"
        if account is not None:
            kept |= {
                "AWS_ACCESS_KEY_ID": account.access_key,
                "AWS_SECRET_ACCESS_KEY": account.secret_key,
                "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
                "AWS_CA_BUNDLE": self.ca,
                "AWS_ENDPOINT_URL": self.endpoint(),
            }
        return kept

    def run(self, *arguments, account=None, check=True, timeout=120):
        done = subprocess.run(
            [binary(), *arguments],
            env=self.environment(account),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, timeout=60):
        assert self.process is None
        arguments = [binary(), "serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}"]
        if self.plaintext:
            arguments += ["--listen-plaintext", f"127.0.0.1:{self.plain_port}"]
        arguments += ["--region", self.regions, "--audit-log", str(self.audit_path), *self.extra]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                arguments, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log()[-4000:]}")
            try:
                answer = self.http("GET", "/", timeout=5)
                if answer.status in (200, 403, 400):
                    return self
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"not serving after {timeout} s:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def stop(self):
        """As an operator does; the status must be 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        self.process = None
        return status

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)
        self.process = None

    def verify(self):
        return self.run("verify", "--data", str(self.data), "--output", "json", check=False, timeout=600)

    def create_account(self, email):
        shown = self.run(
            "account", "create", "--email", email, "--endpoint", self.endpoint(), "--output", "json", account=self.root
        )
        return Account.of(json.loads(shown.stdout))

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def endpoint(self, *, plaintext=False, host="localhost"):
        return f"http://{host}:{self.plain_port}" if plaintext else f"https://{host}:{self.port}"

    def client(
        self, account, service="s3", *, style="path", region=None, plaintext=False, host=None, **config
    ):
        virtual = style == "virtual"
        host = host or ("s3.localhost" if virtual else "localhost")
        config.setdefault("retries", {"total_max_attempts": 1})
        config.setdefault("signature_version", "s3v4" if service in ("s3", "s3control") else "v4")
        session = boto3.session.Session(
            aws_access_key_id=account.access_key if account else None,
            aws_secret_access_key=account.secret_key if account else None,
            region_name=region or self.region,
        )
        return session.client(
            service,
            endpoint_url=self.endpoint(plaintext=plaintext, host=host),
            verify=self.ca,
            config=botocore.config.Config(
                s3={"addressing_style": style}, connect_timeout=10, read_timeout=60, max_pool_connections=64, **config
            ),
        )

    def tls(self):
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols(["http/1.1"])
        if self.client_certificate:
            context.load_cert_chain(*self.client_certificate)
        return context

    def connect(self, *, plaintext=False, timeout=20, host="localhost", source=None):
        """A connection, from one of this machine's other addresses (all of 127.0.0.0/8 are its own) if one is named."""
        source = source or (next(self.sources) if self.sources else None)
        address = ("127.0.0.1", self.plain_port if plaintext else self.port)
        raw = socket.create_connection(address, timeout=timeout, source_address=source and (source, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return raw if plaintext else self.tls().wrap_socket(raw, server_hostname=host)

    def http(self, method, target, headers=(), body=b"", *, plaintext=False, timeout=20):
        """Sends exactly these headers (Host and Content-Length added where missing) and reads one answer."""
        with self.connect(plaintext=plaintext, timeout=timeout) as stream:
            stream.sendall(head(method, target, with_defaults(headers, body, self.authority(plaintext))) + body)
            return read_answer(stream, method)

    def authority(self, plaintext=False, host="localhost"):
        return f"{host}:{self.plain_port if plaintext else self.port}"

    def signed(
        self,
        account,
        method,
        path="/",
        query=(),
        headers=(),
        body=b"",
        *,
        plaintext=False,
        timeout=30,
        host="localhost",
        **options,
    ):
        """A request signed by hand in its head, for what no SDK would send."""
        signed = sign(
            account,
            method,
            path,
            query,
            dict(headers) | {"Host": self.authority(plaintext, host)},
            payload_hash=options.pop("payload_hash", hashlib.sha256(body).hexdigest()),
            region=options.pop("region", self.region),
            **options,
        )
        target = path_and_query(path, query)
        return self.http(method, target, signed, body, plaintext=plaintext, timeout=timeout)

    def audit(self):
        """Every event so far, the oldest file first."""
        events = []
        for path in sorted(self.audit_path.parent.iterdir(), key=lambda path: path.stat().st_mtime):
            # What stands behind the last line's end is still being written.
            events += [json.loads(line) for line in path.read_text().split("\n")[:-1] if line]
        return events

    def events_of(self, request_id, count=1, timeout=15):
        """The events of one request, once they are there."""
        deadline = time.monotonic() + timeout
        while True:
            found = [event for event in self.audit() if event["requestID"] == request_id]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


@dataclasses.dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self):
        text = self.body.decode(errors="replace")
        return text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else None

    @property
    def message(self):
        text = self.body.decode(errors="replace")
        return text.split("<Message>")[1].split("</Message>")[0] if "<Message>" in text else None

    def said(self):
        return self.status, self.code


def head(method, target, headers):
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8")


def with_defaults(headers, body, authority):
    headers = list(headers.items() if isinstance(headers, dict) else headers)
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        headers.insert(0, ("Host", authority))
    if body and not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(body))))
    return headers


class _Stream:
    def __init__(self, stream):
        self.file = stream.makefile("rb") if hasattr(stream, "makefile") else stream

    def makefile(self, _mode):
        return _Unclosed(self.file)


class _Unclosed(io.RawIOBase):
    """HTTPResponse closes its file at the end of a body; the connection goes on."""

    def __init__(self, file):
        self.file = file

    def readable(self):
        return True

    def read(self, size=-1):
        return self.file.read(size)

    def readline(self, size=-1):
        return self.file.readline(size)

    def read1(self, size=-1):
        return self.file.read1(size)

    def readinto(self, buffer):
        data = self.file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def read_answer(stream, method="GET"):
    response = http.client.HTTPResponse(stream if isinstance(stream, _Stream) else _Stream(stream), method=method)
    response.begin()
    return Answer(response.status, response.headers, response.read())


def reader(stream):
    """For reading several answers off one connection."""
    return _Stream(stream)


def quote(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


def path_and_query(path, query):
    encoded = quote(path, "/-_.~")
    pairs = "&".join(quote(name) + ("=" + quote(value) if value is not None else "") for name, value in query)
    return encoded + ("?" + pairs if pairs else "")


def amz_date(moment):
    return moment.strftime("%Y%m%dT%H%M%SZ")


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def signing_key(secret, date, region, service):
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def canonical_request(method, path, query, headers, names, payload_hash, double=False):
    canonical_path = quote(path, "/-_.~")
    if double:
        canonical_path = quote(canonical_path, "/-_.~")
    pairs = sorted((quote(name), quote(value or "")) for name, value in query)
    lowered = {}
    for name, value in headers:
        lowered.setdefault(name.lower(), []).append(" ".join(str(value).split()))
    return "\n".join(
        [
            method,
            canonical_path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{','.join(lowered[name])}" for name in names),
            "",
            ";".join(names),
            payload_hash,
        ]
    )


def sign(
    account,
    method,
    path,
    query,
    headers,
    *,
    payload_hash,
    region,
    service="s3",
    now=None,
    unsigned=(),
    secret=None,
    terminator="aws4_request",
    scope_date=None,
    send_hash=True,
):
    """Headers of a request with an AWS Signature Version 4. `unsigned`: names that are sent but not signed."""
    now = now or utc_now()
    headers = [(name, value) for name, value in dict(headers).items()]
    present = {name.lower() for name, _ in headers}
    if "x-amz-date" not in present:
        headers.append(("x-amz-date", amz_date(now)))
    if send_hash and "x-amz-content-sha256" not in present:
        headers.append(("x-amz-content-sha256", payload_hash))
    skipped = {name.lower() for name in unsigned}
    names = sorted({name.lower() for name, _ in headers} - skipped)
    request = canonical_request(method, path, query, headers, names, payload_hash, double=service != "s3")
    date = scope_date or now.strftime("%Y%m%d")
    scope = f"{date}/{region}/{service}/{terminator}"
    to_sign = f"AWS4-HMAC-SHA256\n{amz_date(now)}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = signing_key(account.secret_key if secret is None else secret, date, region, service)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers.append(
        (
            "Authorization",
            f"AWS4-HMAC-SHA256 Credential={account.access_key}/{scope}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}",
        )
    )
    return headers


def presign(account, method, path, query, headers, *, region, expires=300, now=None, service="s3", signed=None):
    """The query of a presigned URL, as pairs. `signed`: header names to sign; all by default."""
    now = now or utc_now()
    scope = f"{now.strftime('%Y%m%d')}/{region}/{service}/aws4_request"
    headers = list(dict(headers).items())
    names = sorted(signed if signed is not None else {name.lower() for name, _ in headers})
    query = [
        *query,
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", f"{account.access_key}/{scope}"),
        ("X-Amz-Date", amz_date(now)),
        ("X-Amz-Expires", str(expires)),
        ("X-Amz-SignedHeaders", ";".join(names)),
    ]
    request = canonical_request(method, path, query, headers, names, UNSIGNED)
    to_sign = f"AWS4-HMAC-SHA256\n{amz_date(now)}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = signing_key(account.secret_key, now.strftime("%Y%m%d"), region, service)
    return [*query, ("X-Amz-Signature", hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest())]


class ChunkSigner:
    """Bodies of the signed aws-chunked forms."""

    def __init__(self, account, region, headers, now):
        self.date, self.scope_date, self.region = amz_date(now), now.strftime("%Y%m%d"), region
        self.key = signing_key(account.secret_key, self.scope_date, region, "s3")
        authorization = dict(headers)["Authorization"]
        self.previous = authorization.rsplit("Signature=", 1)[1]

    def _sign(self, *lines):
        scope = f"{self.scope_date}/{self.region}/s3/aws4_request"
        text = "\n".join([lines[0], self.date, scope, self.previous, *lines[1:]])
        self.previous = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()
        return self.previous

    def chunk(self, data):
        signature = self._sign("AWS4-HMAC-SHA256-PAYLOAD", EMPTY_SHA256, hashlib.sha256(data).hexdigest())
        return b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), signature.encode(), data)

    def end(self, trailers=None):
        signature = self._sign("AWS4-HMAC-SHA256-PAYLOAD", EMPTY_SHA256, EMPTY_SHA256)
        tail = b"0;chunk-signature=%s\r\n" % signature.encode()
        if trailers is None:
            return tail + b"\r\n"
        text = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        signature = self._sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(text.encode()).hexdigest())
        lines = "".join(f"{name}:{value}\r\n" for name, value in trailers.items())
        return tail + f"{lines}x-amz-trailer-signature:{signature}\r\n\r\n".encode()


def refused(call, *positional, **arguments):
    """The code, status and answer of a call that must fail."""
    try:
        call(*positional, **arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"{call.__name__}({arguments}) was not refused")


def failure(call, *positional, **arguments):
    """The whole error answer of a call that must fail."""
    try:
        call(*positional, **arguments)
    except botocore.exceptions.ClientError as error:
        return error.response
    raise AssertionError(f"{call.__name__}({arguments}) was not refused")
