"""What IAM keeps is kept under every name that it answers to.

Names in IAM have no case, ARNs have paths, and policies compare both as texts: a denial on `user/team/secret` must hold for
whoever writes `SECRET`, or an ARN with another path, partition or region, if that finds the same user (RustFS mm2q, vcwh; MinIO
CVE-2021-43858, CVE-2022-24842, CVE-2024-24747: users made themselves more than they were). Here somebody may do everything but
what concerns one user, group, role, policy, profile, device and provider, and asks for them in every spelling.
"""

import dataclasses

import pytest

import intruders
import samples
from intruders import code_of, message_of
from place import PASSWORD, told
from samples import ALL, HARMLESS, policy

NAME = "secret-of-attacks"
EVERYTHING = policy(ALL)
TAGS = [{"Key": "stolen", "Value": "1"}]

#: By how the thing is named: operations, with what they say beside.
BY_NAME = {
    "UserName": {
        "CreateAccessKey": {},
        "CreateLoginProfile": {"Password": PASSWORD},
        "DeleteUser": {},
        "GetUser": {},
        "GetUserPolicy": {"PolicyName": "kept"},
        "ListAccessKeys": {},
        "PutUserPolicy": {"PolicyName": "stolen", "PolicyDocument": EVERYTHING},
        "TagUser": {"Tags": TAGS},
        "UpdateUser": {"NewPath": "/free/"},
    },
    "GroupName": {
        "AddUserToGroup": {"UserName": "{caller}"},
        "GetGroup": {},
        "GetGroupPolicy": {"PolicyName": "kept"},
        "PutGroupPolicy": {"PolicyName": "stolen", "PolicyDocument": EVERYTHING},
        "UpdateGroup": {"NewPath": "/free/"},
    },
    "RoleName": {
        "GetRole": {},
        "GetRolePolicy": {"PolicyName": "kept"},
        "PutRolePolicy": {"PolicyName": "stolen", "PolicyDocument": EVERYTHING},
        "UpdateAssumeRolePolicy": {"PolicyDocument": "{trust}"},
        "UpdateRole": {"Description": "stolen"},
    },
    "InstanceProfileName": {
        "AddRoleToInstanceProfile": {"RoleName": NAME},
        "DeleteInstanceProfile": {},
        "GetInstanceProfile": {},
        "TagInstanceProfile": {"Tags": TAGS},
    },
}
BY_ARN = {
    "policy": {
        "CreatePolicyVersion": ("PolicyArn", {"PolicyDocument": EVERYTHING, "SetAsDefault": True}),
        "DeletePolicy": ("PolicyArn", {}),
        "DeletePolicyVersion": ("PolicyArn", {"VersionId": "v2"}),
        "GetPolicy": ("PolicyArn", {}),
        "GetPolicyVersion": ("PolicyArn", {"VersionId": "v2"}),
        "ListEntitiesForPolicy": ("PolicyArn", {}),
        "SetDefaultPolicyVersion": ("PolicyArn", {"VersionId": "v2"}),
        "TagPolicy": ("PolicyArn", {"Tags": TAGS}),
    },
    "mfa": {
        "DeleteVirtualMFADevice": ("SerialNumber", {}),
        "ListMFADeviceTags": ("SerialNumber", {}),
        "TagMFADevice": ("SerialNumber", {"Tags": TAGS}),
    },
    "oidc-provider": {
        "AddClientIDToOpenIDConnectProvider": ("OpenIDConnectProviderArn", {"ClientID": "stolen"}),
        "DeleteOpenIDConnectProvider": ("OpenIDConnectProviderArn", {}),
        "GetOpenIDConnectProvider": ("OpenIDConnectProviderArn", {}),
        "UpdateOpenIDConnectProviderThumbprint": ("OpenIDConnectProviderArn", {"ThumbprintList": ["b" * 40]}),
    },
    "role": {
        "AssumeRole": ("RoleArn", {"RoleSessionName": "stolen"}),
        "GenerateServiceLastAccessedDetails": ("Arn", {}),
        "GetContextKeysForPrincipalPolicy": ("PolicySourceArn", {}),
        "ListPoliciesGrantingServiceAccess": ("Arn", {"ServiceNamespaces": ["s3"]}),
        "SimulatePrincipalPolicy": ("PolicySourceArn", {"ActionNames": ["s3:GetObject"]}),
    },
}

#: "This operation is idempotent; it does not fail or return an error if you attempt to delete a provider that does not
#: exist." Source: IAM API Reference, DeleteOpenIDConnectProvider.
IDEMPOTENT = {"DeleteOpenIDConnectProvider"}


def spellings_of_name(name):
    return [
        name,
        name.upper(),
        name.title(),
        f"{name} ",
        f" {name}",
        f"{name}\0",
        f"{name}/",
        f"/team/{name}",
        f"team/{name}",
        f"free/../team/{name}",
        name.replace("-", "\u2010"),
        name.replace("s", "\u017f"),
        name.replace("k", "\u212a"),
    ]


def spellings_of_arn(arn):
    head, account, kind = arn.rsplit(":", 2)
    kind, _, place = kind.partition("/")
    last = place.rpartition("/")[2]
    start = f"arn:aws:iam::{account}"
    return [
        arn,
        arn.upper(),
        f"{start}:{kind}/{place.upper()}",
        f"{start}:{kind}/{place.title()}",
        f"{start}:{kind.title()}/{place}",
        f"{start}:{kind}//{place}",
        f"{start}:{kind}/./{place}",
        f"{start}:{kind}/free/../{place}",
        f"{start}:{kind}/{last}",
        f"{start}:{kind}/free/{last}",
        f"{start}:{kind}:{place}",
        f"{start}:{kind}/{place.replace('/', '%2F')}",
        f"arn:aws-cn:iam::{account}:{kind}/{place}",
        f"arn:aws:IAM::{account}:{kind}/{place}",
        f"arn:aws:iam:us-east-1:{account}:{kind}/{place}",
        f"arn:aws:iam:::{kind}/{place}",
        f"arn:aws:iam::aws:{kind}/{place}",
        f"{arn} ",
        f" {arn}",
        f"{arn}\0",
        f"{arn}/",
        f"{kind}/{place}",
        last,
    ]


@dataclasses.dataclass
class Range:
    """What is kept, whose it is, and who may do everything else."""

    line: intruders.Line
    iam: object
    caller: intruders.Caller
    arns: dict

    def state(self):
        """All that could be taken."""
        kept = {}
        for call, arguments in (
            ("get_user", {"UserName": NAME}),
            ("list_user_policies", {"UserName": NAME}),
            ("list_access_keys", {"UserName": NAME}),
            ("get_group", {"GroupName": NAME}),
            ("list_group_policies", {"GroupName": NAME}),
            ("get_role", {"RoleName": NAME}),
            ("list_role_policies", {"RoleName": NAME}),
            ("get_instance_profile", {"InstanceProfileName": NAME}),
            ("get_policy", {"PolicyArn": self.arns["policy"]}),
            ("list_policy_versions", {"PolicyArn": self.arns["policy"]}),
            ("list_mfa_device_tags", {"SerialNumber": self.arns["mfa"]}),
            ("get_open_id_connect_provider", {"OpenIDConnectProviderArn": self.arns["oidc-provider"]}),
        ):
            kept[call] = told(getattr(self.iam, call), **arguments)
        kept["get_role"]["Role"].pop("RoleLastUsed", None)
        return kept

    def ask(self, operation, arguments, caller=None):
        service = "sts" if operation == "AssumeRole" else "iam"
        return self.line.send(samples.request(service, operation, arguments), caller or self.caller)


@pytest.fixture(scope="module")
def range_(server):
    account = server.create_account("iam-names@example.com")
    iam = server.client(account, "iam")
    trust = policy({"Effect": "Allow", "Principal": {"AWS": account.account_id}, "Action": "sts:AssumeRole"})
    place = {"Path": "/team/"}
    iam.create_user(UserName=NAME, **place)
    iam.create_group(GroupName=NAME, **place)
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=trust, **place)
    for kind in ("User", "Group", "Role"):
        put = getattr(iam, f"put_{kind.lower()}_policy")
        put(PolicyName="kept", PolicyDocument=HARMLESS, **{f"{kind}Name": NAME})
    iam.create_instance_profile(InstanceProfileName=NAME, **place)
    arns = {
        "policy": iam.create_policy(PolicyName=NAME, PolicyDocument=HARMLESS, **place)["Policy"]["Arn"],
        "mfa": iam.create_virtual_mfa_device(VirtualMFADeviceName=NAME, **place)["VirtualMFADevice"]["SerialNumber"],
        "oidc-provider": iam.create_open_id_connect_provider(Url=f"https://idp.example.com/team/{NAME}", ClientIDList=["kept"])[
            "OpenIDConnectProviderArn"
        ],
        "role": f"arn:aws:iam::{account.account_id}:role/team/{NAME}",
    }
    iam.create_policy_version(PolicyArn=arns["policy"], PolicyDocument=EVERYTHING)
    kept = {"Effect": "Deny", "Action": "*", "Resource": [f"arn:aws:iam::{account.account_id}:*/team/{NAME}", *arns.values()]}
    caller = intruders.user(iam, account, "anybody", ALL, kept)
    line = intruders.Line(server)
    made = Range(line, iam, caller, arns)
    made.trust = trust
    yield made
    line.close()


def assert_kept(range_, asked):
    """Nobody got anything, and nothing is another than it was."""
    before, got = range_.state(), []
    for operation, arguments in asked:
        answer = range_.ask(operation, arguments)
        refused = code_of(answer) in ("AccessDenied", "NoSuchEntity", "ValidationError", "InvalidInput", "MalformedPolicyDocument")
        if not refused and not (operation in IDEMPOTENT and answer.status == 200):
            got.append((operation, arguments, answer.status, code_of(answer), message_of(answer)))
    assert got == []
    assert range_.state() == before


@pytest.mark.parametrize("member", BY_NAME)
def test_what_is_kept_is_kept_under_every_name(range_, member):
    asked = []
    for operation, more in BY_NAME[member].items():
        more = {name: range_.trust if value == "{trust}" else value for name, value in more.items()}
        more = {name: "anybody" if value == "{caller}" else value for name, value in more.items()}
        asked += [(operation, {member: name, **more}) for name in spellings_of_name(NAME)]
    assert_kept(range_, asked)


@pytest.mark.parametrize("kind", BY_ARN)
def test_what_is_kept_is_kept_under_every_arn(range_, kind):
    asked = [
        (operation, {member: arn, **more})
        for operation, (member, more) in BY_ARN[kind].items()
        for arn in spellings_of_arn(range_.arns[kind])
    ]
    assert_kept(range_, asked)


ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.mark.parametrize("operation", ["AttachUserPolicy", "AttachGroupPolicy", "AttachRolePolicy"])
def test_a_policy_that_must_not_be_attached_has_one_name(range_, operation):
    """`iam:PolicyARN` is a text; whatever else finds the policy would get round a denial on it."""
    iam, account = range_.iam, range_.caller.key
    kind = operation.removeprefix("Attach").removesuffix("Policy")
    unless = {"Condition": {"ArnEquals": {"iam:PolicyARN": ADMINISTRATOR}}}
    name = f"attaches-{kind.lower()}"
    caller = intruders.user(iam, account, name, ALL, ALL | {"Effect": "Deny", "Action": "iam:*"} | unless)
    for other in ("group", "role"):
        if kind.lower() == other:
            {"group": iam.create_group, "role": iam.create_role}[other](
                **({"GroupName": name} if other == "group" else {"RoleName": name, "AssumeRolePolicyDocument": range_.trust})
            )
    for arn in [*spellings_of_arn("arn:aws:iam::aws:policy/AdministratorAccess"), f"arn:aws:iam::{account.account_id}:policy/AdministratorAccess"]:
        answer = range_.ask(operation, {f"{kind}Name": name, "PolicyArn": arn}, caller)
        assert answer.status >= 400, arn
    assert getattr(iam, f"list_attached_{kind.lower()}_policies")(**{f"{kind}Name": name})["AttachedPolicies"] == []


def test_a_boundary_that_is_demanded_is_that_boundary(range_):
    """Who may make users only within a boundary makes none without it, nor with another, nor takes it away."""
    iam, account = range_.iam, range_.caller.key
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=HARMLESS)["Policy"]["Arn"]
    unless = {"Condition": {"StringNotEquals": {"iam:PermissionsBoundary": bound}}}
    makes = ALL | {"Effect": "Deny", "Action": ["iam:CreateUser", "iam:PutUserPermissionsBoundary"]} | unless
    takes = ALL | {"Effect": "Deny", "Action": "iam:DeleteUserPermissionsBoundary"}
    caller = intruders.user(iam, account, "makes", ALL, makes, takes)
    for at, arn in enumerate([None, *(each for each in spellings_of_arn(bound) if each != bound), range_.arns["policy"], ADMINISTRATOR]):
        more = {"PermissionsBoundary": arn} if arn else {}
        answer = range_.ask("CreateUser", {"UserName": f"made-{at}", **more}, caller)
        assert answer.status >= 400, (arn, answer.body)
    assert range_.ask("CreateUser", {"UserName": "made", "PermissionsBoundary": bound}, caller).status == 200
    for name, arn in (("made", ADMINISTRATOR), ("made", range_.arns["policy"]), (NAME, bound.upper())):
        assert range_.ask("PutUserPermissionsBoundary", {"UserName": name, "PermissionsBoundary": arn}, caller).status >= 400
    assert code_of(range_.ask("DeleteUserPermissionsBoundary", {"UserName": "made"}, caller)) == "AccessDenied"
    assert iam.get_user(UserName="made")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == bound


def test_nobody_gives_himself_what_he_has_not(range_):
    """MinIO CVE-2021-43858, CVE-2024-24747: whoever has a key and no rights stays so, whatever he asks of IAM for himself."""
    iam, account = range_.iam, range_.caller.key
    caller = intruders.user(iam, account, "plain")
    mine = {"UserName": "plain"}
    for operation, arguments in (
        ("PutUserPolicy", {**mine, "PolicyName": "p", "PolicyDocument": EVERYTHING}),
        ("AttachUserPolicy", {**mine, "PolicyArn": ADMINISTRATOR}),
        ("AddUserToGroup", {**mine, "GroupName": NAME}),
        ("DeleteUserPermissionsBoundary", mine),
        ("CreateAccessKey", mine),
        ("CreateAccessKey", {}),
        ("UpdateUser", {**mine, "NewUserName": "anybody2"}),
        ("CreateUser", {"UserName": "plain2"}),
        ("CreateRole", {"RoleName": "plain", "AssumeRolePolicyDocument": range_.trust}),
        ("UpdateAssumeRolePolicy", {"RoleName": NAME, "PolicyDocument": range_.trust}),
        ("AssumeRole", {"RoleArn": range_.arns["role"], "RoleSessionName": "s"}),
        ("CreateServiceLinkedRole", {"AWSServiceName": "macie.amazonaws.com"}),
    ):
        assert code_of(range_.ask(operation, arguments, caller)) == "AccessDenied", operation


LINKED = "AWSServiceRoleForConfig"


def test_a_role_of_a_service_is_nobody_s(range_):
    """Service control policies do not bound it, so nobody may make one of his own, nor make one his."""
    trust = {"AssumeRolePolicyDocument": range_.trust}
    for path in ("/aws-service-role/", "/aws-service-role/x/", "/aws-service-role/config.amazonaws.com/"):
        answer = range_.ask("CreateRole", {"RoleName": "stolen", "Path": path, **trust})
        assert (answer.status, code_of(answer)) == (400, "InvalidInput"), path
    assert range_.ask("CreateServiceLinkedRole", {"AWSServiceName": "config.amazonaws.com"}).status == 200
    for operation, more in (
        ("PutRolePolicy", {"PolicyName": "stolen", "PolicyDocument": EVERYTHING}),
        ("AttachRolePolicy", {"PolicyArn": ADMINISTRATOR}),
        ("DetachRolePolicy", {"PolicyArn": ADMINISTRATOR}),
        ("UpdateAssumeRolePolicy", {"PolicyDocument": range_.trust}),
        ("UpdateRole", {"MaxSessionDuration": 43200}),
        ("PutRolePermissionsBoundary", {"PermissionsBoundary": ADMINISTRATOR}),
        ("DeleteRole", {}),
        ("TagRole", {"Tags": TAGS}),
    ):
        answer = range_.ask(operation, {"RoleName": LINKED, **more})
        assert (answer.status, code_of(answer)) == (400, "UnmodifiableEntity"), (operation, answer.body)
        assert range_.ask(operation, {"RoleName": LINKED.upper(), **more}).status in (400, 404), operation
    arn = f"arn:aws:iam::{range_.caller.key.account_id}:role/aws-service-role/config.amazonaws.com/{LINKED}"
    assert code_of(range_.ask("AssumeRole", {"RoleArn": arn, "RoleSessionName": "session"})) == "AccessDenied"
    for service in ("evil.example.com", "config.amazonaws.com.evil", "CONFIG.amazonaws.com", "*", "x/../y"):
        assert range_.ask("CreateServiceLinkedRole", {"AWSServiceName": service}).status == 400, service
