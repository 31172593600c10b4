"""Keys, tokens, passwords, seeds and codes of identities are shown once, to whom they are for, and written nowhere.

Session tokens, STS credentials and HMAC secrets were in RustFS's logs (r54g, 8cm2, 333v), credentials in lakeFS's (26hr),
MinIO answered with its environment (CVE-2023-28432). Here secrets are made by every operation that makes one, and sent in
every member that may carry one, well and badly, allowed and not; then everything that the server wrote, at its most
talkative, is searched: logs, records, answers to others, and the data directory.
"""

import base64
import dataclasses
import json
import re
import urllib.parse

import pytest

import intruders
import samples
from harness import Server, many_sources, path_and_query, presign
from intruders import Caller
from samples import ALL, policy
from test_attacks_secrets import stored
from test_canary import files, forms, search

PASSWORD = "Canary-Password-7f3a-{}"
CODE = "canary-of-a-code-91"
ASSERTION = base64.b64encode(b"canary of an assertion " * 4).decode()
TOKEN = "eyJhbGciOiJSUzI1NiJ9." + base64.urlsafe_b64encode(b'{"canary":"of a web identity"}').decode().rstrip("=") + ".c2lnbmF0dXJlLWNhbmFyeQ"


@dataclasses.dataclass
class Told:
    """What was secret, by what it is, and the answers that had no business with it."""

    secrets: dict
    answers: list


def passwords():
    """Every operation that takes one, with one of its own."""
    for at, (operation, arguments) in enumerate(
        (
            ("CreateLoginProfile", {"UserName": "canary", "Password": "{}"}),
            ("UpdateLoginProfile", {"UserName": "canary", "Password": "{}"}),
            ("CreateLoginProfile", {"UserName": "nobody-at-all", "Password": "{}"}),
            ("CreateLoginProfile", {"UserName": "a/b", "Password": "{}"}),
            ("ChangePassword", {"OldPassword": "{}", "NewPassword": "{}"}),
            ("UpdateLoginProfile", {"UserName": "canary", "Password": "{}" * 20}),
        )
    ):
        secret = PASSWORD.format(at)
        yield secret, operation, {name: value.replace("{}", secret) for name, value in arguments.items()}


def codes():
    """Every member that takes a code or a token."""
    arn = "arn:aws:iam::111122223333:role/r"
    yield "iam", "EnableMFADevice", {"UserName": "canary", "SerialNumber": "s" * 9, "AuthenticationCode1": CODE, "AuthenticationCode2": CODE}
    yield "iam", "ResyncMFADevice", {"UserName": "canary", "SerialNumber": "s" * 9, "AuthenticationCode1": CODE, "AuthenticationCode2": CODE}
    yield "sts", "GetSessionToken", {"SerialNumber": "s" * 9, "TokenCode": CODE}
    yield "sts", "AssumeRole", {"RoleArn": arn, "RoleSessionName": "session", "SerialNumber": "s" * 9, "TokenCode": CODE}
    yield "sts", "AssumeRoleWithWebIdentity", {"RoleArn": arn, "RoleSessionName": "session", "WebIdentityToken": TOKEN}
    yield "sts", "AssumeRoleWithSAML", {"RoleArn": arn, "PrincipalArn": arn, "SAMLAssertion": ASSERTION}


def odd(sample):
    """Other ways that a form's parameters might come."""
    yield sample
    pairs = urllib.parse.parse_qsl(sample.body.decode())
    yield dataclasses.replace(sample, method="GET", query=tuple(pairs), body=b"")
    yield dataclasses.replace(sample, query=tuple(pairs), body=b"")
    yield dataclasses.replace(sample, query=tuple(pairs))
    yield dataclasses.replace(sample, body=sample.body.replace(b"Action=", b"Action=x"))
    yield dataclasses.replace(sample, body=json.dumps(dict(pairs)).encode())
    yield dataclasses.replace(sample, path="/" + sample.body.decode()[:400])


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A server on which all of it was done, and what it was."""
    server = Server(tmp_path_factory.mktemp("identities"), extra=["--log-level", "trace"]).start()
    server.sources = many_sources()
    iam, sts = server.client(server.root, "iam"), server.client(server.root, "sts")
    secrets = {"the root's key": server.root.secret_key}
    answers = []
    bob = server.create_account("bob@example.com")
    secrets["a key of another root"] = bob.secret_key
    line = intruders.Line(server)
    caller = intruders.user(iam, server.root, "canary", ALL)
    nobody = intruders.user(iam, server.root, "nobody")
    secrets |= {"a user's key": caller.key.secret_key, "another user's key": nobody.key.secret_key}
    trust = policy({"Effect": "Allow", "Principal": {"AWS": server.root.account_id}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="canary", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    user = server.client(caller.key, "sts")
    for name, got in (
        ("AssumeRole", user.assume_role(RoleArn=role, RoleSessionName="session")),
        ("GetSessionToken", sts.get_session_token()),
        ("GetFederationToken", user.get_federation_token(Name="guest", Policy=policy(ALL))),
    ):
        credentials = got["Credentials"]
        secrets |= {f"{name}: the key": credentials["SecretAccessKey"], f"{name}: the token": credentials["SessionToken"]}
        session = Caller.of_session(server.root, credentials)
        for sample in samples_of(server):
            answers.append(line.send(sample, session))
            answers.append(line.send(sample, dataclasses.replace(session, token=credentials["SessionToken"][:-4] + "AAAA")))
        token = [("X-Amz-Security-Token", credentials["SessionToken"])]
        url = presign(session.key, "GET", "/", token, {"host": server.authority()}, region="us-east-1")
        answers.append(server.http("GET", path_and_query("/", url)))
        answers.append(server.http("GET", path_and_query("/", [*url, ("x-amz-security-toke%6e", credentials["SessionToken"])])))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="canary")["VirtualMFADevice"]
    secrets["a seed"] = device["Base32StringSeed"]
    secrets["a seed's bytes"] = base64.b32decode(device["Base32StringSeed"])
    secrets["a seed's picture"] = device["QRCodePNG"][-64:]
    for secret, operation, arguments in passwords():
        secrets[f"{operation}: {secret}"] = secret
        for sample in odd(samples.request("iam", operation, arguments)):
            for who in (caller, nobody, Caller(bob), dataclasses.replace(caller, token="x"), None):
                answers.append(line.send(sample, who))
    for service, operation, arguments in codes():
        for sample in odd(samples.request(service, operation, arguments)):
            for who in (caller, nobody, None):
                answers.append(line.send(sample, who))
    secrets |= {"a code": CODE, "a token of a provider": TOKEN, "an assertion": ASSERTION}
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    secrets["a second key"] = key["SecretAccessKey"]
    for shown in (iam.get_account_authorization_details(), iam.list_access_keys(UserName="canary"), iam.list_virtual_mfa_devices()):
        shown.pop("ResponseMetadata")
        answers.append(json.dumps(shown, default=str).encode())
    line.close()
    yield server, Told(secrets, answers)
    if server.process is not None:
        server.kill()


def samples_of(server):
    """A request of each protocol."""
    yield samples.Sample("s3", "ListBuckets", "GET", "/", (), (), b"")
    yield samples.request("sts", "GetCallerIdentity", {})
    yield samples.request("organizations", "ListRoots", {})
    yield samples.request("account", "ListRegions", {})
    yield samples.request("ec2", "DescribeRegions", {})


def needles(secrets):
    return {name: forms(secret if isinstance(secret, bytes) else secret.encode()) for name, secret in secrets.items()}


def test_no_secret_of_an_identity_is_in_any_answer_to_another(told):
    """Nor is it said back: an error names the member that was wrong, not what it said."""
    _, everything = told
    searched = needles({name: secret for name, secret in everything.secrets.items() if "token of a provider" not in name})
    found = set()
    for answer in everything.answers:
        body = answer if isinstance(answer, bytes) else answer.body + str(answer.headers).encode()
        if b"SignatureDoesNotMatch" in body or code_of_bytes(body) in ECHOES:
            continue
        found |= {(name, body[:300]) for name, shapes in searched.items() if any(form in body for form in shapes)}
    assert found == set()


#: Errors that show what a request said of itself: its path, or the operation that it asked for.
ECHOES = {"InvalidAction", "NoSuchBucket", "InvalidURI", "InvalidBucketName", "MethodNotAllowed", "AccessDenied"}


def code_of_bytes(body):
    found = re.search(rb"<Code>(\w+)</Code>", body)
    return found[1].decode() if found else None


def test_no_secret_of_an_identity_is_written_anywhere(told):
    server, everything = told
    assert server.stop() == 0
    written = [*files(server.log_path, server.audit_path.parent), *stored(server)]
    assert sum(path.stat().st_size for path in written) > 300_000
    assert {name for _, name in search(needles(everything.secrets), written)} == set()


def test_what_is_hidden_is_said_to_be_hidden(told):
    """The record of such a request is there, with its members, and says what of them it does not show."""
    server, _ = told
    events = [event for event in server.audit() if event["eventName"] in ("CreateLoginProfile", "UpdateLoginProfile", "ChangePassword")]
    assert len(events) > 20
    shown = [event["requestParameters"] for event in events if event.get("requestParameters")]
    hidden = {value for parameters in shown for name, value in parameters.items() if "assword" in name and isinstance(value, str)}
    assert shown and all("anary" not in value for value in hidden), hidden
