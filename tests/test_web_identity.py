"""AssumeRoleWithWebIdentity by boto3: an issuer of our own, whose keys are in a file or behind HTTPS.

Source: STS API Reference, AssumeRoleWithWebIdentity; OpenID Connect Core and Discovery 1.0.
"""

import base64
import http.server
import json
import ssl
import subprocess
import threading
import time

import boto3
import botocore
import botocore.config
import pytest
import rsa

from harness import failure, refused

ISSUER = "https://idp.example.com/realms/a"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def part(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return part(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Issuer:
    """Signs tokens, and says by which keys."""

    def __init__(self, url, kid="k1"):
        self.url, self.kid = url, kid
        self.public, self.private = rsa.newkeys(2048, poolsize=2)

    def key_set(self):
        n, e = number(self.public.n), number(self.public.e)
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": e}]}

    def token(self, header=(), sign=True, **claims):
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": self.kid} | dict(header)
        payload = {"iss": self.url, "sub": "ann", "aud": "app", "iat": now, "exp": now + 300} | claims
        signed = f"{part(header)}.{part(payload)}"
        return f"{signed}.{part(rsa.sign(signed.encode(), self.private, 'SHA-256') if sign else b'')}"


@pytest.fixture(scope="module")
def issuer():
    return Issuer(ISSUER)


class Served:
    """An issuer's documents behind HTTPS, with a certificate of its own."""

    def __init__(self, folder, kid="k1"):
        self.certificate = folder / "ca.pem"
        (folder / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        fresh_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for arguments in (
            ["req", "-x509", *fresh_key, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"],
            ["req", *fresh_key, "-subj", "/CN=localhost", "-keyout", "idp.key", "-out", "idp.csr"],
            ["x509", "-req", "-in", "idp.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
            + ["-extfile", "extensions", "-out", "idp.pem"],
        ):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "idp.pem", folder / "idp.key")
        served, self.asked, self.answers = self, [], {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                served.asked.append(self.path)
                status, headers, body = served.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}"
        self.issuer = Issuer(self.url, kid)
        self.serve()

    def answer(self, path, body, status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path] = (status, headers, body)

    def serve(self, **discovery):
        found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | discovery
        self.answer("/.well-known/openid-configuration", found)
        self.answer("/keys", self.issuer.key_set())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    serving = Served(tmp_path_factory.mktemp("issuer"))
    yield serving
    serving.close()


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """Another one, whose address is private and which the operator did not say may be so."""
    serving = Served(tmp_path_factory.mktemp("hidden"))
    yield serving
    serving.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, issuer, served, hidden):
    from harness import Server

    home = tmp_path_factory.mktemp("web-identity")
    (home / "keys.json").write_text(json.dumps(issuer.key_set()))
    (home / "server.toml").write_text(
        f"""
        [[oidc]]
        issuer = "{ISSUER}"
        jwks_file = "keys.json"
        [[oidc]]
        issuer = "{served.url}"
        fetch = true
        ca_file = "{served.certificate}"
        private_addresses = true
        [[oidc]]
        issuer = "{hidden.url}"
        fetch = true
        ca_file = "{hidden.certificate}"
        """
    )
    running = Server(home / "data", extra=["--config", str(home / "server.toml")]).start()
    iam = running.client(running.root, "iam")
    for url in (ISSUER, served.url, hidden.url, "https://unknown.example.com"):
        iam.create_open_id_connect_provider(Url=url, ClientIDList=["app"], ThumbprintList=["0" * 40])
    yield running
    assert running.stop() == 0


@pytest.fixture
def role(server, name):
    """Makes roles that trust a provider."""

    def make(url=ISSUER, actions="sts:AssumeRoleWithWebIdentity", **statement):
        iam = server.client(server.root, "iam")
        arn = f"arn:aws:iam::{server.root.account_id}:oidc-provider/{url.removeprefix('https://')}"
        trust = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": actions, **statement}
        made = iam.create_role(RoleName=f"{name}-{time.monotonic_ns()}", AssumeRolePolicyDocument=policy(trust))["Role"]
        iam.put_role_policy(
            RoleName=made["RoleName"],
            PolicyName="list",
            PolicyDocument=policy({"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}),
        )
        return made["Arn"]

    return make


@pytest.fixture(scope="module")
def sts(server):
    """Nobody has signed what this client sends."""
    return boto3.session.Session(region_name=server.region).client(
        "sts",
        endpoint_url=server.endpoint(),
        verify=server.ca,
        config=botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}),
    )


def take(sts, role, token, **more):
    asked = {"RoleArn": role, "RoleSessionName": "session", "WebIdentityToken": token}
    return sts.assume_role_with_web_identity(**asked, **more)


def code(sts, role, token, **more):
    asked = {"RoleArn": role, "RoleSessionName": "session", "WebIdentityToken": token}
    return refused(sts.assume_role_with_web_identity, **asked, **more)


def test_a_token_gives_a_session_of_the_role_that_trusts_it(server, sts, issuer, role):
    arn = role()
    taken = take(sts, arn, issuer.token())
    assert taken["SubjectFromWebIdentityToken"] == "ann" and taken["Audience"] == "app"
    assert taken["Provider"].endswith(":oidc-provider/idp.example.com/realms/a")
    assert taken["AssumedRoleUser"]["Arn"].endswith("/session")
    credentials = taken["Credentials"]
    s3 = boto3.client(
        "s3",
        endpoint_url=server.endpoint(),
        verify=server.ca,
        region_name=server.region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    assert s3.list_buckets()["Buckets"] == []
    assert refused(s3.create_bucket, Bucket="not-allowed")[0] == "AccessDenied"


def test_the_trust_policy_asks_what_the_token_says(sts, issuer, role):
    key = ISSUER.removeprefix("https://")
    arn = role(Condition={"StringEquals": {f"{key}:aud": "app", f"{key}:sub": "ann"}})
    assert take(sts, arn, issuer.token())
    assert code(sts, arn, issuer.token(sub="eve")) == ("AccessDenied", 403)
    message = failure(
        sts.assume_role_with_web_identity, RoleArn=arn, RoleSessionName="session", WebIdentityToken=issuer.token(sub="eve")
    )["Error"]["Message"]
    assert message == "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def test_tokens_that_are_not_good_are_refused(sts, issuer, role):
    arn, now = role(), int(time.time())
    none = f"{part({'alg': 'none'})}.{issuer.token().split('.')[1]}."
    assert code(sts, arn, issuer.token(exp=now - 1)) == ("ExpiredTokenException", 400)
    for bad in [
        issuer.token(aud="other"),
        issuer.token(azp="other"),
        issuer.token(iss="https://elsewhere.example.com"),
        issuer.token(nbf=now + 3600),
        issuer.token({"alg": "HS256"}),
        issuer.token({"kid": "other"}),
        issuer.token(sign=False),
        Issuer(ISSUER).token(),
        none,
        "a.b.c",
    ]:
        assert code(sts, arn, bad) == ("InvalidIdentityToken", 400), bad


def test_an_issuer_that_the_operator_did_not_configure_is_not_spoken_to(sts, role):
    url = "https://unknown.example.com"
    assert code(sts, role(url), Issuer(url).token()) == ("IDPCommunicationError", 400)


def test_tags_of_the_token_become_the_session_s(sts, issuer, role):
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}}
    assert code(sts, role(), issuer.token(**tags)) == ("AccessDenied", 403)
    both = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
    arn = role(actions=both, Condition={"StringEquals": {"aws:RequestTag/team": "red"}})
    assert take(sts, arn, issuer.token(**tags))["PackedPolicySize"] >= 1


def test_keys_are_fetched_where_discovery_says(sts, served, role):
    arn = role(served.url)
    assert take(sts, arn, served.issuer.token())
    asked = len(served.asked)
    assert served.asked[:2] == ["/.well-known/openid-configuration", "/keys"]
    assert take(sts, arn, served.issuer.token(sub="bob"))
    assert len(served.asked) == asked, "keys are kept"


def test_an_issuer_in_the_private_network_is_spoken_to_only_where_the_operator_said_so(sts, hidden, role):
    assert code(sts, role(hidden.url), hidden.issuer.token()) == ("IDPCommunicationError", 400)
    assert hidden.asked == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("redirect", "it does not answer 200"),
        ("size", "its answer breaks off or is too long"),
        ("issuer", "its discovery document is another issuer's"),
        ("elsewhere", "its host has no address that may be spoken to"),
        ("plain", "its jwks_uri is no https URL"),
        ("certificate", "its certificate is not trusted"),
    ],
)
def test_an_issuer_that_leads_elsewhere_is_not_followed(fresh, tmp_path, fault, why):
    serving = Served(tmp_path)
    certificate = serving.certificate
    if fault == "redirect":
        serving.answer("/keys", b"", 302, Location="/others")
        serving.answer("/others", serving.issuer.key_set())
    elif fault == "size":
        serving.answer("/keys", serving.issuer.key_set() | {"x": "x" * 300_000})
    elif fault == "issuer":
        serving.serve(issuer="https://idp.example.com")
    elif fault == "elsewhere":
        serving.serve(jwks_uri=serving.url.replace("localhost", "127.0.0.1") + "/keys")
    elif fault == "plain":
        serving.serve(jwks_uri=serving.url.replace("https", "http") + "/keys")
    else:
        (tmp_path / "other").mkdir()
        other = Served(tmp_path / "other")
        certificate = other.certificate
        other.close()
    config = tmp_path / "server.toml"
    config.write_text(
        f'[[oidc]]\nissuer = "{serving.url}"\nfetch = true\nca_file = "{certificate}"\nprivate_addresses = true\n'
    )
    server = fresh(extra=["--config", str(config)]).start()
    iam = server.client(server.root, "iam")
    arn = iam.create_open_id_connect_provider(Url=serving.url, ClientIDList=["app"])["OpenIDConnectProviderArn"]
    trust = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
    made = iam.create_role(RoleName="r", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    sts = boto3.session.Session(region_name=server.region).client(
        "sts",
        endpoint_url=server.endpoint(),
        verify=server.ca,
        config=botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}),
    )
    asked = {"RoleArn": made, "RoleSessionName": "session", "WebIdentityToken": serving.issuer.token()}
    error = failure(sts.assume_role_with_web_identity, **asked)["Error"]
    assert error["Code"] == "IDPCommunicationError" and error["Message"].endswith(why), error
    assert "/others" not in serving.asked
    serving.close()


def test_a_token_is_in_no_record(server, sts, issuer, role):
    token = issuer.token()
    taken = take(sts, role(), token)
    request_id = taken["ResponseMetadata"]["RequestId"]
    events = server.events_of(request_id)
    assert events and events[0]["eventName"] == "AssumeRoleWithWebIdentity"
    identity = events[0]["userIdentity"]
    assert identity["type"] == "WebIdentityUser" and identity["userName"] == "ann"
    assert identity["principalId"].startswith(f"{identity['identityProvider']}:")
    told = json.dumps(server.audit()) + server.log()
    assert token not in told and token.rsplit(".", 1)[1] not in told
    assert "ann" in json.dumps(events)


def test_providers_are_made_read_and_deleted(server):
    iam = server.client(server.root, "iam")
    arn = iam.create_open_id_connect_provider(Url="https://a.example.com", ClientIDList=["x"])["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="y")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="x")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["f" * 40])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (got["Url"], got["ClientIDList"], got["ThumbprintList"]) == ("a.example.com", ["y"], ["f" * 40])
    assert arn in [found["Arn"] for found in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refused(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn) == ("NoSuchEntity", 404)


