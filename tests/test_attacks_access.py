"""Who may not, may not: every operation that is built × everything that keeps a caller out.

RustFS checked the wrong action (mm2q, vcwh) or authentication alone (pfcq, f5cv, 796f, xp32); Ozone forgot checks of
single operations (HDDS-14898, 14894, 14861, 14207); MinIO let sessions outgrow their policy (CVE-2025-62506); lakeFS
revived the keys of a user who was made again (CVE-2024-43784). Here each operation has a request that its account's
administrator may make, and each caller is short of one thing: it is refused as AWS documents it, for that reason, changes
nothing, and is in the records once. The twins: who may do that one thing alone is let in, who may do everything but that is
not.
"""

import dataclasses
import re

import pytest

import intruders
import samples
from intruders import code_of, message_of
from place import Organization, Place

SERVICES = list(samples.built())
OPERATIONS = [(service, operation) for service in SERVICES for operation in samples.built()[service]]

#: The protocols, as errors are said in them.
PROTOCOLS = {
    "s3": "xml",
    "s3control": "xml",
    "sts": "query",
    "iam": "query",
    "organizations": "json",
    "strongroom": "json",
    "account": "rest-json",
    "accessanalyzer": "rest-json",
    "ec2": "ec2",
}

#: Status and code of a refusal. Source: S3 API Reference, "Error responses"; IAM API Reference, "Common Errors"; EC2 API
#: Reference, "Error codes"; AWS's JSON protocols add Exception to the name.
SAID = {
    "denied": {
        "xml": (403, "AccessDenied"),
        "query": (403, "AccessDenied"),
        "json": (400, "AccessDeniedException"),
        "rest-json": (403, "AccessDeniedException"),
        "ec2": (403, "UnauthorizedOperation"),
    },
    "unknown key": {
        "xml": (403, "InvalidAccessKeyId"),
        "query": (403, "InvalidClientTokenId"),
        "json": (400, "UnrecognizedClientException"),
        "rest-json": (403, "UnrecognizedClientException"),
        "ec2": (401, "AuthFailure"),
    },
    "bad token": {
        "xml": (400, "InvalidToken"),
        "query": (403, "InvalidClientTokenId"),
        "json": (400, "UnrecognizedClientException"),
        "rest-json": (403, "UnrecognizedClientException"),
        "ec2": (401, "AuthFailure"),
    },
    "wrong secret": {
        "xml": (403, "SignatureDoesNotMatch"),
        "query": (403, "SignatureDoesNotMatch"),
        "json": (400, "InvalidSignatureException"),
        "rest-json": (403, "InvalidSignatureException"),
        "ec2": (401, "AuthFailure"),
    },
    "unsigned": {
        "xml": (403, "AccessDenied"),
        "sts": (403, "MissingAuthenticationToken"),
        # A request that nobody signed names no service: a form is taken for one of STS, the rest for S3's.
        "iam": (400, "InvalidAction"),
        "ec2": (400, "InvalidAction"),
        "json": (405, "MethodNotAllowed"),
        "rest-json": (405, "MethodNotAllowed"),
    },
    "expired": {
        "xml": (400, "ExpiredToken"),
        "query": (403, "ExpiredToken"),
        "json": (400, "ExpiredTokenException"),
        "rest-json": (403, "ExpiredTokenException"),
        "ec2": (400, "RequestExpired"),
    },
}

def request_id(answer):
    return answer.headers.get("x-amz-request-id") or answer.headers.get("x-amzn-RequestId")


def denied(answer):
    codes = {code for _, code in SAID["denied"].values()}
    return answer.status in (401, 403) or code_of(answer) in codes or b"<Code>AccessDenied</Code>" in answer.body


def assert_none(wrong):
    """Every operation that is wrong, with what is wrong, a line each."""
    found = [f"{name}: {what}"[:400] for name, what in wrong.items() if what]
    assert not found, "\n" + "\n".join(found)


# Before anybody knows who asks.
SAID["no way"] = SAID["denied"]

EXPLICIT = "with an explicit deny in an? {}"
MISSING = "because no {} allows the"

#: What keeps each caller out: how that is said, and why, where the caller may know.
KINDS = {
    "no permission": ("denied", MISSING.format("identity-based policy")),
    "left the group": ("denied", MISSING.format("identity-based policy")),
    "wrong resource": ("denied", MISSING.format("identity-based policy")),
    "boundary": ("denied", MISSING.format("permissions boundary")),
    "explicit deny": ("denied", EXPLICIT.format("identity-based policy")),
    "session policy": ("denied", MISSING.format("session policy")),
    "managed session policy": ("denied", MISSING.format("session policy")),
    "revoked": ("denied", EXPLICIT.format("identity-based policy")),
    "SCP that denies": ("denied", EXPLICIT.format("service control policy")),
    "SCP that does not allow": ("denied", MISSING.format("service control policy")),
    "root, SCP that denies": ("denied", EXPLICIT.format("service control policy")),
    "root, SCP that does not allow": ("denied", MISSING.format("service control policy")),
    "public access blocked, nobody": ("denied", None),
    "public access blocked, other account": ("denied", None),
    "endpoint policy": ("denied", MISSING.format("VPC endpoint policy")),
    "endpoint of another service": ("no way", None),
    "endpoint that is none": ("no way", None),
    "closed account": ("denied", None),
    "other account": ("denied", None),
    "nobody": ("unsigned", None),
    "wrong secret": ("wrong secret", None),
    "expired": ("expired", None),
    "deleted user": ("unknown key", None),
    "deleted user's session": ("bad token", None),
    "deleted role": ("bad token", None),
    "disabled key": ("unknown key", None),
    "disabled key's session": ("bad token", None),
    "another's token": ("bad token", None),
}


#: What only the services know that these callers are about.
OF_SERVICES = {
    "public access blocked, nobody": ["s3"],
    "public access blocked, other account": ["s3"],
    "endpoint policy": [service for service in SERVICES if service in intruders.ENDPOINTS],
}
BLOCKED = [kind for kind in KINDS if kind.startswith("public access blocked")]

#: Whoever signs may ask who he is, and a user for a session. Source: STS API Reference, GetCallerIdentity ("No permissions
#: are required"); IAM User Guide, "Permissions for GetSessionToken".
ANYBODY = {"GetCallerIdentity", "GetSessionToken"}

#: "You can call this operation from any account in an organization."
MEMBERS = {
    "AcceptHandshake",
    "CancelHandshake",
    "CreateOrganization",
    "DeclineHandshake",
    "DescribeHandshake",
    "DescribeOrganization",
    "LeaveOrganization",
    "ListHandshakesForAccount",
}

#: What another account is told of the one that it is not: whose a key is, and who manages the organisation.
TOLD = {"GetAccessKeyInfo", "DescribeOrganization"}


@dataclasses.dataclass
class Shot:
    """What became of one request."""

    sample: samples.Sample
    answer: object
    events: list

    @property
    def operation(self):
        return self.sample.service, self.sample.operation


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = intruders.House(tmp_path_factory.mktemp("house") / "server")
    yield made
    made.close()
    assert made.server.stop() == 0


@pytest.fixture(scope="module")
def shots(house):
    """By the kind of caller: what became of all operations, and what was changed."""
    made, states, wanted = {}, {}, {}

    def shoot(kind):
        if kind in made:
            return made[kind]
        if kind in BLOCKED:
            house.block()
        place = house.places.get(kind, house.home)
        if place not in wanted:
            wanted[place] = [*samples.samples(place).values(), *samples.through_access_point(place)]
        # Nothing else is done to a place, so that what one caller left is what the next one finds.
        before = states.get(place) or house.state(kind)
        services = OF_SERVICES.get(kind, SERVICES)
        answers = [(each, house.send(kind, each)) for each in wanted[place] if each.service in services]
        after = states[place] = house.state(kind)
        events = house.events_of([request_id(answer) for _, answer in answers])
        fired = [Shot(each, answer, events[request_id(answer)]) for each, answer in answers]
        made[kind] = fired, {name for name in before if before[name] != after[name]}
        return made[kind]

    return shoot


def let_in(kind, shot, caller):
    """Whether this request is none that the caller is kept from."""
    service, operation = shot.operation
    if service == "s3" and "other account" in kind:
        return operation in ("CreateBucket", "ListBuckets")
    if service != "sts" or KINDS[kind][0] != "denied" or kind in ("closed account", "endpoint policy"):
        return False
    return operation in ANYBODY and (operation == "GetCallerIdentity" or caller.token is None)


def problem(kind, shot, caller):
    """What is wrong with an answer, if anything is."""
    refusal, because = KINDS[kind]
    sample, answer = shot.sample, shot.answer
    status, code = SAID[refusal].get(sample.service) or SAID[refusal][PROTOCOLS[sample.service]]
    if b"precious" in answer.body:
        return "the object was served"
    if let_in(kind, shot, caller):
        return None if answer.status in (200, 409) else f"{answer.status} {code_of(answer)}, and anybody may"
    if shot.operation in samples.UNSIGNED and refusal in ("denied", "unsigned"):
        return None if answer.status == 400 else f"{answer.status} for a token that is none"
    if sample.operation == "DeleteObjects" and refusal in ("denied", "unsigned") and answer.status == 200:
        # Each key has its own decision.
        refused = b"<Deleted>" not in answer.body and b"<Code>AccessDenied</Code>" in answer.body
        return None if refused else str(answer.body)
    if answer.status != status or (code_of(answer) != code and sample.method != "HEAD"):
        return f"{answer.status} {code_of(answer)}: {message_of(answer)}"
    said = message_of(answer)
    named = re.search(r"to perform: (\S+)", said)
    if refusal == "denied" and named and named[1] not in samples.actions_of(*shot.operation):
        return f"asked for {named[1]}, not for {samples.actions_of(*shot.operation)}"
    # What is the management account's lets other accounts in by its resource's policy or not at all, and says no more.
    foreign = kind.removeprefix("root, ").startswith("SCP") and sample.service in ("organizations", "account", "strongroom")
    outside = foreign and re.search(MISSING.format("resource-based policy"), said)
    if because and named and not outside and not re.search(because, said):
        return f"another reason: {said}"
    return None


def test_every_operation_that_is_built_has_a_request(house):
    made = samples.samples(house.home)
    assert set(made) == set(OPERATIONS) and len(made) > 290
    assert {service for service, _ in OPERATIONS} == set(PROTOCOLS)
    assert set(house.callers) == set(KINDS)


AIMS = [
    (kind, service)
    for kind in KINDS
    for service in OF_SERVICES.get(kind, SERVICES)
    if kind != "other account" or service == "s3"
]


@pytest.mark.parametrize(("kind", "service"), AIMS)
def test_who_is_short_of_one_thing_is_refused_for_that(house, shots, kind, service):
    fired, _ = shots(kind)
    wrong = {str(shot.sample): problem(kind, shot, house.callers[kind]) for shot in fired if shot.sample.service == service}
    assert_none(wrong)


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "s3"])
def test_another_account_reaches_nothing(house, shots, service):
    """What names something of another account is refused; all else is about the caller's own, and shows nothing else."""
    home, wrong = house.home.root, {}
    fired, _ = shots("other account")
    for shot in fired:
        sample, answer = shot.sample, shot.answer
        if sample.service != service:
            continue
        foreign = {
            "organizations": sample.operation not in MEMBERS,
            "strongroom": True,
            "s3control": True,
            "account": sample.operation == "GetPrimaryEmail",
        }.get(service, sample.says(f":{home.account_id}:") and shot.operation not in samples.UNSIGNED)
        refused = (answer.status, code_of(answer)) in (SAID["denied"][PROTOCOLS[service]], (404, "NoSuchEntity"))
        if foreign and not refused:
            wrong[str(sample)] = answer.status, answer.body
        # Of what is called after the place, the caller may have made for itself what is new.
        told = re.search(f":{home.account_id}:(?!root)|{house.home.key}|home-(?!new|other)".encode(), answer.body)
        if told and answer.status < 400 and sample.operation not in TOLD and not sample.says(told[0].decode()):
            wrong[str(sample)] = "tells", told[0], answer.body
    assert_none(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_refused_changes_nothing(shots, kind):
    _, changed = shots(kind)
    assert changed == set()


@pytest.mark.parametrize("kind", KINDS)
def test_each_refusal_is_recorded_once(house, shots, kind):
    """With the code that was answered, who it was as far as that is known, and the action that was denied."""
    fired, _ = shots(kind)
    wrong = {str(shot.sample): unrecorded(shot, house.callers[kind], KINDS[kind][0]) for shot in fired}
    assert_none(wrong)


def unrecorded(shot, caller, refusal):
    """What is wrong with the events of a request, if anything is."""
    batch = shot.sample.operation == "DeleteObjects"
    events = [event for event in shot.events if not batch or event["eventName"] != "DeleteObject"]
    if len(events) != 1:
        return [event["eventName"] for event in shot.events]
    (event,) = events
    if batch and shot.answer.status == 200:
        return None if [each.get("errorCode") for each in shot.events[1:]] == ["AccessDenied"] else shot.events
    if bool(event.get("errorCode")) != (shot.answer.status >= 400):
        return f"{shot.answer.status} and {event.get('errorCode')}"
    signer = event["userIdentity"]
    if caller is None:
        return None if signer.get("accountId") in (None, "ANONYMOUS_PRINCIPAL") and "accessKeyId" not in signer else signer
    if refusal != "denied":
        return None if signer.get("accessKeyId") == caller.key.access_key else signer
    if shot.operation not in samples.UNSIGNED:
        if (signer.get("accountId"), signer.get("accessKeyId")) != (caller.key.account_id, caller.key.access_key):
            return signer
        said, told = event.get("errorMessage") or "", message_of(shot.answer)
        if "to perform: " in told and re.search(r"to perform: (\S+)", said)[1] not in samples.actions_of(*shot.operation):
            return said
    return None


def absent(sample, name):
    """The same about what is not there; but for buckets, of which S3 tells everybody whether there are any."""
    if sample.service in ("s3", "s3control"):
        return dataclasses.replace(sample, path=sample.path.replace("/k", "/gone"), through=" of what is not there")
    renamed = {
        "path": sample.path.replace(f"{name}-", "gone-"),
        "query": tuple((key, value and value.replace(f"{name}-", "gone-")) for key, value in sample.query),
        "body": sample.body.replace(f"{name}-".encode(), b"gone-"),
    }
    return dataclasses.replace(sample, **renamed, through=" of what is not there")


def broken(sample):
    """The same with a body that does not read, but for what names the operation."""
    whole = {"query": sample.body + b"&Tags.member.x.Key=%zz&MaxItems=x", "ec2": sample.body + b"&MaxResults=x"}
    body = whole.get(PROTOCOLS[sample.service], sample.body[:-3])
    headers = tuple(each for each in sample.headers if each[0].lower() != "content-md5")
    return dataclasses.replace(sample, body=body, headers=headers, through=" with a broken body")


@pytest.mark.parametrize("kind", ["no permission", "boundary", "session policy", "SCP that denies"])
def test_a_refusal_tells_nothing_of_what_is_there_or_was_wrong(house, kind):
    """CVE-2024-36107, CVE-2026-33419: who may not, learns neither whether it is there nor how he should have asked."""
    place = house.places.get(kind, house.home)
    wrong, made = {}, samples.samples(place).values()
    tried = [absent(each, place.name) for each in made] + [broken(each) for each in made if each.body]
    for sample in tried:
        shot = Shot(sample, house.send(kind, sample), [])
        wrong[str(sample)] = problem(kind, shot, house.callers[kind])
    assert_none(wrong)


def test_what_is_blocked_is_open_without_the_block(house):
    """The twin of the blocked callers: with the block lifted they may read what they were kept from."""
    house.block(False)
    wrong = {}
    for sample in samples.samples(house.open).values():
        if sample.service != "s3" or not sample.operation.startswith(samples.READS) or sample.operation == "ListBuckets":
            continue
        for kind in BLOCKED:
            answer = house.line.send(sample, house.callers[kind])
            if denied(answer):
                wrong[str(sample), kind] = answer.status, answer.body
    house.block()
    assert_none(wrong)


#: What is answered to somebody who may, where that is no success: for what a place does not have, or cannot have.
OTHERWISE = {
    "s3": {
        # Its part was uploaded anew before.
        "CompleteMultipartUpload": "InvalidPart",
        "CopyObject": "InvalidRequest",
        "DeleteBucket": "BucketNotEmpty",
        "GetBucketAnalyticsConfiguration": "NoSuchConfiguration",
        "GetBucketIntelligentTieringConfiguration": "NoSuchConfiguration",
        "GetBucketInventoryConfiguration": "NoSuchConfiguration",
        "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
        "GetBucketMetricsConfiguration": "NoSuchConfiguration",
        "GetBucketReplication": "ReplicationConfigurationNotFoundError",
        "GetObjectLegalHold": "InvalidRequest",
        "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
        "GetObjectRetention": "InvalidRequest",
        "PutBucketAcl": "AccessControlListNotSupported",
        "PutObjectLegalHold": "InvalidRequest",
        "PutObjectRetention": "InvalidRequest",
        "RestoreObject": "InvalidObjectState",
    },
    "sts": {
        "AssumeRoleWithWebIdentity": "InvalidIdentityToken",
        "DecodeAuthorizationMessage": "InvalidAuthorizationMessageException",
    },
    "iam": {
        "ChangePassword": "NoSuchEntity",
        "DeactivateMFADevice": "NoSuchEntity",
        "DeleteAccountAlias": "NoSuchEntity",
        "EnableMFADevice": "InvalidAuthenticationCode",
        "GetMFADevice": "NoSuchEntity",
        "GetServiceLastAccessedDetails": "NoSuchEntity",
        "GetServiceLastAccessedDetailsWithEntities": "NoSuchEntity",
        "ResyncMFADevice": "NoSuchEntity",
    },
    "organizations": {
        "AcceptHandshake": "HandshakeNotFoundException",
        "CancelHandshake": "HandshakeNotFoundException",
        "CreateOrganization": "AlreadyInOrganizationException",
        "DeclineHandshake": "HandshakeNotFoundException",
        "DeleteOrganization": "OrganizationNotEmptyException",
        "DescribeEffectivePolicy": "EffectivePolicyNotFoundException",
        "DescribeHandshake": "HandshakeNotFoundException",
        "EnableAllFeatures": "HandshakeConstraintViolationException",
        "InviteAccountToOrganization": "HandshakeConstraintViolationException",
        "LeaveOrganization": "MasterCannotLeaveOrganizationException",
        "RemoveAccountFromOrganization": "ConstraintViolationException",
    },
    "strongroom": {"DescribeBackup": "BackupNotFoundException"},
}

#: What takes away, and so comes behind what reads and adds; the last of all at the end.
LAST = ("Complete", "Abort", "Untag", "Remove", "Detach", "Deactivate", "Deregister", "Disable", "Delete", "Leave", "Close")
VERY_LAST = ("DeleteObject", "DeleteObjects", "DeleteBucket", "DeleteRole", "DeleteVirtualMFADevice", "DeleteUser")


def in_order(operations):
    """Operations so that each finds what it needs."""

    def rank(name):
        late = next((place for place, last in enumerate(LAST, 1) if name.startswith(last)), 0)
        return not name.startswith(samples.READS), VERY_LAST.index(name) if name in VERY_LAST else -1, late, name

    return sorted(operations, key=rank)


class Twin:
    """A user whose rights are written anew for each request, about a place of its own."""

    def __init__(self, house):
        self.house = house
        self.place = Place(house.server, house.server.root, "spent", Organization(house.server, "spent"))
        self.caller = intruders.user(house.iam, house.server.root, "twin")
        self.samples = samples.samples(self.place)

    def may(self, *statements):
        document = samples.policy(*statements)
        arguments = {"UserName": "twin", "PolicyName": "rights", "PolicyDocument": document}
        done = self.house.line.send(samples.request("iam", "PutUserPolicy", arguments), intruders.Caller(self.house.server.root))
        assert done.status == 200, done.body


@pytest.fixture(scope="module")
def twin(house):
    return Twin(house)


@pytest.mark.parametrize("service", SERVICES)
def test_who_may_everything_but_that_is_refused(house, twin, service):
    """The wrong action is as good as none. For each action that an operation asks for."""
    wrong = {}
    for operation in samples.built()[service]:
        if (service, operation) in samples.UNSIGNED or (service == "sts" and operation in ANYBODY):
            continue
        for action in samples.actions_of(service, operation):
            twin.may(samples.ALL, {"Effect": "Deny", "Action": action, "Resource": "*"})
            answer = house.line.send(twin.samples[service, operation], twin.caller)
            said = message_of(answer)
            if not denied(answer) or ("to perform: " in said and f"to perform: {action} " not in said):
                wrong[operation, action] = answer.status, code_of(answer), said
    assert_none(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_who_may_that_alone_is_let_in(house, twin, service):
    """The twin of all refusals above: with nothing but the documented actions the same request is let in."""
    wrong = {}
    for operation in in_order(samples.built()[service]):
        twin.may({"Effect": "Allow", "Action": samples.actions_of(service, operation), "Resource": "*"})
        answer = house.line.send(twin.samples[service, operation], twin.caller)
        if code_of(answer) != OTHERWISE.get(service, {}).get(operation):
            wrong[service, operation] = answer.status, code_of(answer), message_of(answer)
    assert_none(wrong)
