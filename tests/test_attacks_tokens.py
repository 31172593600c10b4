"""A session is what it was given out as: no bit of its token, its key or its way here can be changed.

Ceph CVE-2026-39944: a bit flipped in a token made its bearer an administrator; RustFS ccrv, 48rf, xvfh, m77q: tokens that
their bearers had signed themselves, or without an end, were taken; MinIO CVE-2021-41266: an empty token was a session,
CVE-2025-62506: a restricted session made itself something that was not restricted; lakeFS CVE-2024-43784: whoever was made
again had his old keys. What identity providers sign is tried in `test_web_identity.py`.
"""

import base64
import dataclasses

import pytest

import intruders
import samples
from harness import Server, presign
from intruders import Caller, code_of
from samples import ALL, policy

BUCKET = "tokens-of-attacks"
GET = samples.Sample("s3", "GetObject", "GET", f"/{BUCKET}/k", (), (), b"")
WHO = samples.request("sts", "GetCallerIdentity", {})
LIST = samples.request("organizations", "ListRoots", {})


@dataclasses.dataclass
class Range:
    """A bucket, a user who may take roles, and the line to ask on."""

    line: intruders.Line
    server: object
    account: object
    user: Caller
    role: str

    def take(self, caller=None, role=None, **more):
        sts = self.server.client((caller or self.user).key, "sts")
        taken = sts.assume_role(RoleArn=role or self.role, RoleSessionName="session", **more)
        return Caller.of_session(self.account, taken["Credentials"])

    def answers(self, caller, **options):
        return [self.line.send(sample, caller, **options) for sample in (GET, WHO, LIST)]

    def refused(self, caller, **options):
        """Whether everything is refused, for the token's or the key's sake."""
        answers = self.answers(caller, **options)
        served = [answer for answer in answers if b"precious" in answer.body or answer.status < 400 or answer.status >= 500]
        return not served


@pytest.fixture(scope="module")
def range_(server, alice, s3):
    iam = server.client(alice, "iam")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"precious")
    trust = {"Effect": "Allow", "Principal": {"AWS": alice.account_id}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}
    role = iam.create_role(RoleName="tokens", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="tokens", PolicyName="all", PolicyDocument=policy(ALL))
    user = intruders.user(iam, alice, "tokens", ALL)
    line = intruders.Line(server)
    yield Range(line, server, alice, user, role)
    line.close()
    iam.delete_role_policy(RoleName="tokens", PolicyName="all")
    iam.delete_role(RoleName="tokens")
    for key in iam.list_access_keys(UserName="tokens")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="tokens", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="tokens", PolicyName="rights")
    iam.delete_user(UserName="tokens")


def test_a_session_is_let_in(range_):
    """The twin of all that is refused below."""
    assert [answer.status for answer in range_.answers(range_.take())] == [200, 200, 200]


def with_token(caller, token):
    return dataclasses.replace(caller, token=token)


def test_no_bit_of_a_token_can_be_changed(range_):
    """Each byte in turn, each of its bits at every eighth; both ends, and what says how the rest is to be read."""
    session = range_.take()
    raw = base64.b64decode(session.token)
    let_in = []
    for at in range(len(raw)):
        for bit in range(8) if at < 32 or at > len(raw) - 32 else (at % 8,):
            changed = raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]
            answer = range_.line.send(GET, with_token(session, base64.b64encode(changed).decode()))
            if (answer.status, code_of(answer)) != (400, "InvalidToken"):
                let_in.append((at, bit, answer.status, code_of(answer)))
    assert let_in == []


def spoiled(token, other):
    """Tokens that were this one."""
    raw, another = base64.b64decode(token), base64.b64decode(other)
    middle = len(raw) // 2
    made = {
        "empty": "",
        "another's": other,
        "half of another's": base64.b64encode(raw[:middle] + another[middle:]).decode(),
        "another's head": base64.b64encode(another[:middle] + raw[middle:]).decode(),
        "twice": token + token,
        "with a tail": base64.b64encode(raw + b"\0").decode(),
        "with a head": base64.b64encode(b"\1" + raw).decode(),
        "without its first byte": base64.b64encode(raw[1:]).decode(),
        "zeros": base64.b64encode(bytes(len(raw))).decode(),
        "its head alone": base64.b64encode(raw[:1]).decode(),
        "hexadecimal": raw.hex(),
        "of another alphabet": base64.urlsafe_b64encode(raw).decode().rstrip("=") + "_-",
        "in upper case": token.upper(),
        "a word": "root",
        "a number": "0",
        "null": "null",
        "of JSON": base64.b64encode(b'{"account":"root","exp":99999999999}').decode(),
        "of nobody's algorithm": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
        "very long": "A" * 8000,
    }
    made |= {f"cut at {at}": base64.b64encode(raw[:at]).decode() for at in range(0, len(raw), 7)}
    return made


def test_a_token_that_was_another_is_none(range_):
    one, two = range_.take(), range_.take()
    let_in = [name for name, token in spoiled(one.token, two.token).items() if not range_.refused(with_token(one, token))]
    assert let_in == []


def test_key_and_token_belong_together(range_, alice, bob):
    one, two = range_.take(), range_.take()
    root = server_session(range_, alice)
    mixed = {
        "no token": with_token(one, None),
        "a long-term key with a token": with_token(range_.user, one.token),
        "the root's key with a token": with_token(Caller(alice), one.token),
        "another account's key with a token": with_token(Caller(bob), one.token),
        "the root's token": with_token(one, root.token),
        "one's key, another's secret": Caller(dataclasses.replace(one.key, secret_key=two.key.secret_key), one.token),
        "another's key, one's secret": Caller(dataclasses.replace(one.key, access_key=two.key.access_key), one.token),
        "another's key and secret": Caller(two.key, one.token),
        "the user's secret": Caller(dataclasses.replace(one.key, secret_key=range_.user.key.secret_key), one.token),
        "the key of a user": Caller(dataclasses.replace(one.key, access_key=range_.user.key.access_key), one.token),
        "a key that was made up": Caller(dataclasses.replace(one.key, access_key="ASIA" + "A" * 16), one.token),
        "a key in another case": Caller(dataclasses.replace(one.key, access_key=one.key.access_key.lower()), one.token),
        "a long-term key's letters": Caller(dataclasses.replace(one.key, access_key="AKIA" + one.key.access_key[4:]), one.token),
        "no secret": Caller(dataclasses.replace(one.key, secret_key=""), one.token),
    }
    assert [name for name, caller in mixed.items() if not range_.refused(caller)] == []


def server_session(range_, account):
    got = range_.server.client(account, "sts").get_session_token()["Credentials"]
    return Caller.of_session(account, got)


def test_a_token_of_another_installation_is_none_here(range_, tmp_path):
    """Each has keys of its own; an account, a user and a role of the same names make no difference."""
    other = Server(tmp_path / "other").start()
    try:
        iam = other.client(other.root, "iam")
        user = intruders.user(iam, other.root, "tokens", ALL)
        trust = {"Effect": "Allow", "Principal": {"AWS": other.root.account_id}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName="tokens", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        taken = other.client(user.key, "sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    finally:
        other.kill()
    assert range_.refused(Caller.of_session(other.root, taken))
    mine = range_.take()
    assert range_.refused(with_token(mine, taken["SessionToken"]))


def test_a_token_is_said_once_and_signed(range_):
    """In a head twice, in head and query, unsigned: none of it lets a token be put beside another's signature."""
    one, two = range_.take(), range_.take()
    server, path = range_.server, f"/{BUCKET}/k"

    def get(caller, headers=(), unsigned=()):
        return server.signed(caller.key, "GET", path, headers=dict(headers), unsigned=list(unsigned))

    token = {"x-amz-security-token": one.token}
    assert get(one, token).body == b"precious"
    let_in = {
        "not signed": get(one, token, ["x-amz-security-token"]),
        "another's, not signed": get(two, token, ["x-amz-security-token"]),
        "under another name": get(one, {"x-amz-session-token": one.token}),
        "as a cookie": get(one, {"Cookie": f"x-amz-security-token={one.token}"}),
    }
    for name, answer in let_in.items():
        assert answer.status in (400, 403) and b"precious" not in answer.body, name
    url = presign(one.key, "GET", path, [("X-Amz-Security-Token", one.token)], {"host": server.authority()}, region="us-east-1")

    def follow(pairs, headers=()):
        return server.http("GET", intruders.path_and_query(path, pairs), dict(headers))

    assert follow(url).body == b"precious"
    plain = presign(one.key, "GET", path, [], {"host": server.authority()}, region="us-east-1")
    others = [(name, two.token if name == "X-Amz-Security-Token" else value) for name, value in url]
    tries = {
        "added to a URL": follow([*plain, ("X-Amz-Security-Token", one.token)]),
        "added in the head of a URL": follow(plain, token),
        "another's in a URL": follow(others),
        "twice in a URL": follow([*url, ("X-Amz-Security-Token", two.token)]),
        "first another's in a URL": follow([("X-Amz-Security-Token", two.token), *url]),
        "another's in the head of a URL": follow(url, {"x-amz-security-token": two.token}),
        "taken from a URL": follow([(name, value) for name, value in url if name != "X-Amz-Security-Token"]),
        "empty in a URL": follow([(name, "" if name == "X-Amz-Security-Token" else value) for name, value in url]),
    }
    for name, answer in tries.items():
        assert answer.status in (400, 403) and b"precious" not in answer.body, (name, answer.status, answer.body)


def test_a_restricted_session_makes_nothing_that_is_not(range_, alice):
    """MinIO CVE-2025-62506, CVE-2022-24842: neither a key, nor another session, nor another policy."""
    narrow = range_.take(Policy=policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": range_.role}))
    for service, operation, arguments in (
        ("iam", "CreateAccessKey", {"UserName": "tokens"}),
        ("iam", "CreateAccessKey", {}),
        ("iam", "CreateUser", {"UserName": "made-by-a-session"}),
        ("iam", "PutRolePolicy", {"RoleName": "tokens", "PolicyName": "more", "PolicyDocument": policy(ALL)}),
        ("iam", "UpdateAssumeRolePolicy", {"RoleName": "tokens", "PolicyDocument": policy(ALL)}),
        ("sts", "GetFederationToken", {"Name": "guest", "Policy": policy(ALL)}),
        ("sts", "GetSessionToken", {}),
        ("strongroom", "ExplainDecision", {"Principal": "anonymous", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/k"}),
    ):
        answer = range_.line.send(samples.request(service, operation, arguments), narrow)
        assert code_of(answer) in ("AccessDenied", "AccessDeniedException", "ValidationError"), (operation, answer.body)
    assert code_of(range_.line.send(GET, narrow)) == "AccessDenied"


def test_a_session_of_a_user_has_no_more_than_its_user(range_, server, alice):
    """What GetFederationToken gives is the intersection, what GetSessionToken gives the same, whatever is asked for."""
    iam = server.client(alice, "iam")
    reads = {"Effect": "Allow", "Action": ["s3:ListBucket", "sts:*"], "Resource": "*"}
    plain = intruders.user(iam, alice, "tokens-plain", reads)
    sts = server.client(plain.key, "sts")
    for got in (sts.get_federation_token(Name="guest", Policy=policy(ALL)), sts.get_federation_token(Name="guest"), sts.get_session_token()):
        session = Caller.of_session(alice, got["Credentials"])
        assert code_of(range_.line.send(GET, session)) == "AccessDenied"
        assert code_of(range_.line.send(LIST, session)) == "AccessDeniedException"
    federated = Caller.of_session(alice, sts.get_federation_token(Name="guest", Policy=policy(ALL))["Credentials"])
    for operation, arguments in (
        ("AssumeRole", {"RoleArn": range_.role, "RoleSessionName": "session"}),
        ("GetFederationToken", {"Name": "again", "Policy": policy(ALL)}),
        ("GetSessionToken", {}),
    ):
        answer = range_.line.send(samples.request("sts", operation, arguments), federated)
        assert code_of(answer) == "AccessDenied", (operation, answer.body)


NAMES = ["../admin", "a/b", "a b", "a:b", "s\n", "s\0", "", "x" * 257, "\u00e4", "*", "${aws:username}", "root\r\nX: y"]


@pytest.mark.parametrize("member", ["RoleSessionName", "SourceIdentity", "ExternalId"])
def test_a_session_s_name_is_no_path_and_no_pattern(range_, member):
    """It stands in ARNs and in records, and policies compare it."""
    for name in NAMES:
        if member == "ExternalId" and name in ("a/b", "../admin", "a:b", "x" * 257):
            continue
        arguments = {"RoleArn": range_.role, "RoleSessionName": "session"} | {member: name}
        answer = range_.line.send(samples.request("sts", "AssumeRole", arguments), range_.user)
        assert (answer.status, code_of(answer)) == (400, "ValidationError"), (name, answer.body)


def test_tags_of_a_session_are_not_those_of_aws_and_not_said_twice(range_):
    for tags in (
        [{"Key": "aws:PrincipalArn", "Value": "x"}],
        [{"Key": "AWS:username", "Value": "root"}],
        [{"Key": "team", "Value": "a"}, {"Key": "team", "Value": "b"}],
        [{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": "b"}],
        [{"Key": "", "Value": "a"}],
        [{"Key": "team", "Value": "a\0b"}],
        [{"Key": "*", "Value": "${aws:username}\n"}],
    ):
        arguments = {"RoleArn": range_.role, "RoleSessionName": "session", "Tags": tags}
        answer = range_.line.send(samples.request("sts", "AssumeRole", arguments), range_.user)
        assert answer.status == 400, (tags, answer.body)


def test_whoever_is_made_again_has_nothing_of_the_one_before(range_, server, alice, s3, name):
    """lakeFS CVE-2024-43784; and a bucket's policy that named the old one grants the new one nothing."""
    iam = server.client(alice, "iam")
    old = intruders.user(iam, alice, name, ALL)
    session = server_session(range_, old.key)
    arn = f"arn:aws:iam::{alice.account_id}:user/{name}"
    grant = ALL | {"Principal": {"AWS": arn}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(grant))
    iam.delete_access_key(UserName=name, AccessKeyId=old.key.access_key)
    iam.delete_user_policy(UserName=name, PolicyName="rights")
    assert range_.line.send(GET, old).status == 403 and range_.line.send(GET, session).status == 400
    iam.delete_user(UserName=name)
    new = intruders.user(iam, alice, name)
    try:
        assert range_.refused(old) and range_.refused(session)
        assert code_of(range_.line.send(GET, new)) == "AccessDenied"
        s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(grant))
        assert range_.line.send(GET, new).body == b"precious"
    finally:
        s3.delete_bucket_policy(Bucket=BUCKET)
        iam.delete_access_key(UserName=name, AccessKeyId=new.key.access_key)
        iam.delete_user(UserName=name)
