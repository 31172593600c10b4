"""Who has no business here: callers of whom each is refused for one reason alone, and a line to send their requests on."""

import dataclasses
import datetime
import hashlib
import json
import re
import socket
import struct
import subprocess
import time

from harness import (
    Account,
    Server,
    free_ports,
    head,
    many_sources,
    path_and_query,
    read_answer,
    reader,
    sign,
    utc_now,
    with_defaults,
)
from place import ENDPOINT, Organization, Place
from samples import ALL, HARMLESS, built, policy, request


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who signs: a key, and the token of a session."""

    key: Account
    token: str | None = None

    @classmethod
    def of_session(cls, account, credentials):
        key = dataclasses.replace(
            account, access_key=credentials["AccessKeyId"], secret_key=credentials["SecretAccessKey"]
        )
        return cls(key, credentials["SessionToken"])


class Line:
    """A connection that stays, for many small requests."""

    #: Requests of one source: those whom nobody knows have a budget of their own, which is not what is tried here.
    PER_SOURCE = 50

    def __init__(self, server, endpoint=None):
        self.server, self.stream, self.reader, self.sent = server, None, None, 0
        self.sources, self.endpoint = many_sources(), endpoint

    def send(self, sample, caller, *, headers=(), query=(), path=None, now=None):
        """Signs `sample` (or does not, for nobody), and what is added to it."""
        path = sample.path if path is None else path
        query = [*sample.query, *query]
        host = f"{sample.host}:{self.server.plain_port}"
        named = [("Host", host), *sample.headers, *dict(headers).items()]
        if caller is not None:
            if caller.token:
                named.append(("x-amz-security-token", caller.token))
            named = sign(
                caller.key,
                sample.method,
                path,
                query,
                dict(named),
                payload_hash=hashlib.sha256(sample.body).hexdigest(),
                region=self.server.region,
                service=sample.signing_name,
                now=now,
            )
        named = with_defaults(named, sample.body, host)
        return self.exchange(sample.method, head(sample.method, path_and_query(path, query), named) + sample.body)

    def exchange(self, method, sent):
        if self.stream is None:
            self.stream = self.introduced() if self.endpoint else self.server.connect(plaintext=True, source=next(self.sources))
            self.reader, self.sent = reader(self.stream), 0
        self.stream.sendall(sent)
        self.sent += 1
        answer = read_answer(self.reader, method)
        if (answer.headers.get("Connection") or "").lower() == "close" or self.sent >= self.PER_SOURCE:
            self.close()
        return answer

    def introduced(self):
        """A connection that a balancer says to have come through a VPC endpoint. Source: HAProxy, "The PROXY protocol",
        section 2.2; Elastic Load Balancing, "Proxy protocol" (`PP2_TYPE_AWS`)."""
        stream = socket.create_connection(("127.0.0.1", self.server.entrance), timeout=20)
        said = b"\x01" + self.endpoint.encode()
        body = socket.inet_aton(next(self.sources)) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 40000, 80)
        body += b"\xea" + struct.pack(">H", len(said)) + said
        stream.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body)
        return stream

    def close(self):
        if self.stream is not None:
            self.stream.close()
            self.stream = self.reader = None


def code_of(answer):
    """The error's code, whatever the protocol; none where the answer has no body."""
    if answer.body.lstrip().startswith(b"{"):
        return json.loads(answer.body).get("__type") or answer.headers.get("x-amzn-ErrorType")
    if answer.headers.get("x-amzn-ErrorType"):
        return answer.headers["x-amzn-ErrorType"]
    return answer.code


def message_of(answer):
    if answer.body.lstrip().startswith(b"{"):
        said = json.loads(answer.body)
        return said.get("message") or said.get("Message") or ""
    return answer.message or ""




def user(iam, account, name, *statements, boundary=None):
    """A user of this account with these rights."""
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy(*statements))
    if boundary:
        iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Caller(dataclasses.replace(account, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"]))


#: The services that are reached through VPC endpoints, and what those are called.
ENDPOINTS = {
    "s3": "com.amazonaws.us-east-1.s3",
    "s3control": "com.amazonaws.us-east-1.s3",
    "sts": "com.amazonaws.us-east-1.sts",
    "ec2": "com.amazonaws.us-east-1.ec2",
    "iam": "com.amazonaws.iam",
    "organizations": "com.amazonaws.us-east-1.organizations",
    "account": "com.amazonaws.us-east-1.account",
}

#: The policy that hangs on everything from the beginning.
FULL = "p-FullAWSAccess"

#: Stands between a program and its clock.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t which, struct timespec *told) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, told);
    if (result == 0 && which == CLOCK_REALTIME) told->tv_sec += atol(getenv("CLOCK_OFFSET"));
    return result;
}
"""


class Shifted(Server):
    """An installation that believes for a while that it is earlier."""

    def __init__(self, home, offset):
        home.mkdir(parents=True, exist_ok=True)
        self.offset, self.shim = offset, home / "clock.so"
        source = home / "clock.c"
        source.write_text(CLOCK)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.shim, source, "-ldl"], check=True, timeout=60)
        self.entrance, = free_ports(1)
        config = home / "strongroom.toml"
        config.write_text(f'[[listeners]]\nlisten = "127.0.0.1:{self.entrance}"\nplaintext = true\nbalancers = ["127.0.0.0/8"]\n')
        super().__init__(home, extra=["--config", str(config)])

    def environment(self, account=None):
        shifted = {"LD_PRELOAD": str(self.shim), "CLOCK_OFFSET": str(self.offset)} if self.offset else {}
        return super().environment(account) | shifted


class House:
    """One installation: places, and who is kept out of them, by what keeps him out."""

    def __init__(self, home):
        self.server = Shifted(home, -7200).start()
        self.line = Line(self.server)
        self.callers, self.places, self.accounts, self.bound = {}, {}, {}, {}
        self.events, self.read = {}, 0
        ended = self._session_of_earlier()
        assert self.server.stop() == 0
        self.line.close()
        self.server.offset = 0
        self.server.start()
        root = self.server.root
        self.organization = Organization(self.server, "house")
        self.home = Place(self.server, root, "home", self.organization)
        self.iam = self.home.iam
        self.taker = user(self.iam, root, "taker", ALL)
        self.callers["expired"] = ended
        self._policies()
        self._identities()
        self._members()
        self._endpoints()

    def _session_of_earlier(self):
        """A role's session that has ended, though the role is there and may do everything."""
        root, past = Caller(self.server.root), utc_now() + datetime.timedelta(seconds=self.server.offset)
        trust = {"Effect": "Allow", "Principal": {"AWS": root.key.account_id}, "Action": "sts:AssumeRole"}

        def ask(caller, service, operation, **arguments):
            answer = self.line.send(request(service, operation, arguments), caller, now=past)
            assert answer.status == 200, answer.body
            return dict(re.findall(r"<(\w+)>([^<]+)</", answer.body.decode()))

        ask(root, "iam", "CreateUser", UserName="early")
        ask(root, "iam", "PutUserPolicy", UserName="early", PolicyName="all", PolicyDocument=policy(ALL))
        key = ask(root, "iam", "CreateAccessKey", UserName="early")
        early = Caller(dataclasses.replace(root.key, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"]))
        role = ask(root, "iam", "CreateRole", RoleName="early", AssumeRolePolicyDocument=policy(trust))
        ask(root, "iam", "PutRolePolicy", RoleName="early", PolicyName="all", PolicyDocument=policy(ALL))
        got = ask(early, "sts", "AssumeRole", RoleArn=role["Arn"], RoleSessionName="early", DurationSeconds=3600)
        return Caller.of_session(root.key, got)

    def role(self, name, *statements):
        trust = {"Effect": "Allow", "Principal": {"AWS": self.server.root.account_id}, "Action": "sts:AssumeRole"}
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]
        self.iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=policy(*statements))
        return role["Arn"]

    def session(self, role, **more):
        sts = self.server.client(self.taker.key, "sts")
        taken = sts.assume_role(RoleArn=role, RoleSessionName="session", **more)["Credentials"]
        return Caller.of_session(self.server.root, taken)

    def _policies(self):
        """Callers of the same account, each short of one thing."""
        iam, root, callers = self.iam, self.server.root, self.callers
        elsewhere = [
            "arn:aws:s3:::elsewhere*",
            "arn:aws:s3:::home-bucket2",
            "arn:aws:s3:::home-bucket2/*",
            "arn:aws:s3:::home-bucke",
            "arn:aws:s3:::home-bucket/k2",
            "arn:aws:s3:::home-bucket/k/*",
            f"arn:aws:iam::{root.account_id}:*/elsewhere*",
            f"arn:aws:iam::{root.account_id}:user/home-user2",
            f"arn:aws:iam::{root.account_id}:*/home-*/*",
            "arn:aws:iam::000000000000:*",
            f"arn:aws:sts::{root.account_id}:federated-user/elsewhere",
            f"arn:aws:organizations::{root.account_id}:*/elsewhere*",
            "arn:aws:account::000000000000:account*",
        ]
        boundary = iam.create_policy(PolicyName="narrow", PolicyDocument=HARMLESS)["Policy"]["Arn"]
        callers["nobody"] = None
        callers["wrong secret"] = Caller(dataclasses.replace(root, secret_key="x" * 40))
        callers["no permission"] = user(iam, root, "nobody")
        callers["wrong resource"] = user(iam, root, "visitor", ALL | {"Resource": elsewhere})
        callers["boundary"] = user(iam, root, "bounded", ALL, boundary=boundary)
        callers["explicit deny"] = user(iam, root, "denied", ALL, ALL | {"Effect": "Deny"})
        wide = self.role("wide", ALL)
        callers["session policy"] = self.session(wide, Policy=HARMLESS)
        callers["managed session policy"] = self.session(wide, PolicyArns=[{"arn": boundary}])
        callers["revoked"] = self.session(self.role("revoked", ALL))
        # What the console's "Revoke active sessions" does. Source: IAM User Guide, "Revoke IAM role temporary security
        # credentials".
        time.sleep(1.1)
        before = {"DateLessThan": {"aws:TokenIssueTime": utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")}}
        revoke = policy(ALL | {"Effect": "Deny", "Condition": before})
        iam.put_role_policy(RoleName="revoked", PolicyName="AWSRevokeOlderSessions", PolicyDocument=revoke)
        iam.create_group(GroupName="left")
        iam.put_group_policy(GroupName="left", PolicyName="all", PolicyDocument=policy(ALL))
        callers["left the group"] = user(iam, root, "left")
        iam.add_user_to_group(GroupName="left", UserName="left")
        iam.remove_user_from_group(GroupName="left", UserName="left")

    def _identities(self):
        """Callers whose identity is no more."""
        iam, root, callers = self.iam, self.server.root, self.callers
        for name in ("deleted user", "deleted user's session", "disabled key", "disabled key's session"):
            short = name.replace(" ", "-").replace("'", "")
            caller = user(iam, root, short, ALL)
            session = self.server.client(caller.key, "sts").get_federation_token(Name="guest", Policy=policy(ALL))
            callers[name] = Caller.of_session(root, session["Credentials"]) if "session" in name else caller
            if "disabled" in name:
                iam.update_access_key(UserName=short, AccessKeyId=caller.key.access_key, Status="Inactive")
                continue
            iam.delete_access_key(UserName=short, AccessKeyId=caller.key.access_key)
            iam.delete_user_policy(UserName=short, PolicyName="rights")
            iam.delete_user(UserName=short)
            # Whoever is made again under the name has nothing of the old one's.
            user(iam, root, short, ALL)
        role = self.role("gone", ALL)
        callers["deleted role"] = self.session(role)
        iam.delete_role_policy(RoleName="gone", PolicyName="rights")
        iam.delete_role(RoleName="gone")
        self.role("gone", ALL)
        callers["another's token"] = dataclasses.replace(callers["session policy"], token=callers["revoked"].token)

    def member(self, name):
        """Another account, and its administrator."""
        root = self.server.create_account(f"{name}@example.com")
        self.accounts[name] = root
        return root, user(self.server.client(root, "iam"), root, "administrator", ALL)

    def _members(self):
        """Callers of other accounts: strangers, and those whom the organisation bounds in their own."""
        organizations, callers = self.organization.client, self.callers
        _, callers["other account"] = self.member("other")
        denies = self.organization.control(policy(ALL | {"Effect": "Deny"}), "denies")
        little = self.organization.control(HARMLESS, "little")
        for name, control in (("SCP that denies", denies), ("SCP that does not allow", little)):
            short = control.replace("-", "")
            root, callers[name] = self.member(short)
            self.places[name] = self.places[f"root, {name}"] = Place(self.server, root, short, self.organization)
            callers[f"root, {name}"] = Caller(root)
            if control == little:
                organizations.attach_policy(PolicyId=little, TargetId=root.account_id)
                self.bound[root.account_id] = (FULL, False)
            else:
                self.bound[root.account_id] = (denies, True)
            self.bind(root.account_id)
        self._open()
        root, callers["closed account"] = self.member("closed")
        self.places["closed account"] = Place(self.server, root, "closed", self.organization)
        organizations.close_account(AccountId=root.account_id)

    def _endpoints(self):
        """Those whom a VPC endpoint does not let through, though they may do everything."""
        self.lines = {}
        for service, name in ENDPOINTS.items():
            kind = "Gateway" if service.startswith("s3") else "Interface"
            endpoint = self.home.make_endpoint(name, VpcEndpointType=kind, PolicyDocument=ENDPOINT)
            self.lines["endpoint policy", service] = Line(self.server, endpoint)
        # These would let everything through, were they of this service.
        of_s3, of_ec2 = (
            Line(self.server, self.home.make_endpoint(ENDPOINTS[service], VpcEndpointType="Interface"))
            for service in ("s3", "ec2")
        )
        none = Line(self.server, "vpce-0123456789abcdef0")
        for service in built():
            self.lines["endpoint of another service", service] = of_s3 if service == "ec2" else of_ec2
            self.lines["endpoint that is none", service] = none
        for kind in ("endpoint policy", "endpoint of another service", "endpoint that is none"):
            self.callers[kind] = self.taker

    def _open(self):
        """Those whom a public policy lets into a bucket, while it is blocked."""
        root, _ = self.member("open")
        place = Place(self.server, root, "open", self.organization)
        place.control.delete_public_access_block(AccountId=root.account_id)
        place.s3.delete_public_access_block(Bucket=place.bucket)
        everything = [f"arn:aws:s3:::{place.bucket}", f"arn:aws:s3:::{place.bucket}/*"]
        place.s3.put_bucket_policy(Bucket=place.bucket, Policy=policy(ALL | {"Principal": "*", "Resource": everything}))
        for name, caller in (("nobody", None), ("other account", self.callers["other account"])):
            self.callers[f"public access blocked, {name}"] = caller
            self.places[f"public access blocked, {name}"] = place
        self.open = place

    def block(self, blocked=True):
        """Blocks what the public policy gives, or not."""
        self.open.s3.put_public_access_block(
            Bucket=self.open.bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": blocked}
        )

    def send(self, kind, sample):
        """A sample as this caller sends it."""
        return self.lines.get((kind, sample.service), self.line).send(sample, self.callers[kind])

    def close(self):
        for line in {id(each): each for each in (self.line, *self.lines.values())}.values():
            line.close()

    def bind(self, account, bound=True):
        """Lets the organisation bound an account, or not."""
        control, attached = self.bound[account]
        change = self.organization.client.attach_policy if attached == bound else self.organization.client.detach_policy
        change(PolicyId=control, TargetId=account)

    def state(self, kind):
        """What could have changed of the place that this caller is about."""
        place = self.places.get(kind, self.home)
        account = place.root.account_id
        if kind == "closed account":
            return self.organization.state()
        if account not in self.bound:
            return place.state()
        self.bind(account, False)
        kept = place.state()
        self.bind(account)
        return kept

    def events_of(self, request_ids, timeout=15):
        """The events of these requests, by request; they come within the second."""
        deadline, found = time.monotonic() + timeout, {}
        while True:
            with open(self.server.audit_path, "rb") as lines:
                lines.seek(self.read)
                whole, _, _ = lines.read().rpartition(b"\n")
            self.read += len(whole) + 1 if whole else 0
            for line in whole.split(b"\n") if whole else ():
                event = json.loads(line)
                self.events.setdefault(event["requestID"], []).append(event)
            found = {each: self.events.get(each, []) for each in request_ids}
            if all(found.values()) or time.monotonic() > deadline:
                return found
            time.sleep(0.02)
