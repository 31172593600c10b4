"""AWS Organizations by boto3 and the AWS CLI: the tree, its policies, and what they let people do in accounts."""

import json
import pathlib
import re
import subprocess
import sys

import boto3
import botocore
import botocore.exceptions
import pytest

from harness import Account, Server

AWS = str(pathlib.Path(sys.executable).with_name("aws"))
FULL = "p-FullAWSAccess"
BLOCK_ALL = json.dumps({"s3_attributes": {"public_access_block_configuration": {"@@assign": "all"}}})


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer.get("Reason"), answer["Error"]["Message"]


def deny(*actions, **more):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Action": list(actions), "Resource": "*"} | more],
        }
    )


@pytest.fixture(scope="module")
def organizations(server, alice):
    return server.client(alice, "organizations")


@pytest.fixture(scope="module")
def root(organizations):
    (root,) = organizations.list_roots()["Roots"]
    return root["Id"]


@pytest.fixture
def account(organizations, name):
    """A member of its own."""
    status = organizations.create_account(Email=f"{name}@example.com", AccountName=name)["CreateAccountStatus"]
    assert status["State"] == "SUCCEEDED"
    return status["AccountId"]


@pytest.fixture
def administrator(server, alice, account):
    """Whoever administers the member: a session of the role that the management account may take."""
    iam, name = server.client(alice, "iam"), f"administrator-{account}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    ))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = Account(alice.account_id, alice.canonical_user_id, key["AccessKeyId"], key["SecretAccessKey"])
    sts = server.client(user, "sts")
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    credentials = sts.assume_role(RoleArn=role, RoleSessionName="admin")["Credentials"]

    def client(service="s3"):
        # S3 Control puts the account's number before the host's name.
        host = "s3.localhost" if service == "s3control" else "localhost"
        return boto3.session.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=server.region,
        ).client(service, endpoint_url=server.endpoint(host=host), verify=server.ca)

    yield client
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="all")
    iam.delete_user(UserName=name)


@pytest.fixture
def policy(organizations, name):
    """Makes policies, and takes them away afterwards from wherever they hang."""
    made = []

    def make(content, kind="SERVICE_CONTROL_POLICY"):
        made.append(
            organizations.create_policy(
                Content=content, Description="", Name=f"{name}-{len(made)}", Type=kind
            )["Policy"]["PolicySummary"]["Id"]
        )
        return made[-1]

    yield make
    for each in made:
        for target in organizations.list_targets_for_policy(PolicyId=each)["Targets"]:
            organizations.detach_policy(PolicyId=each, TargetId=target["TargetId"])
        organizations.delete_policy(PolicyId=each)


def test_the_organization_is_there_from_the_beginning(organizations, alice, root):
    organization = organizations.describe_organization()["Organization"]
    assert re.fullmatch("o-[a-z0-9]{10,32}", organization["Id"])
    assert organization["FeatureSet"] == "ALL" and organization["MasterAccountId"] == alice.account_id
    assert re.fullmatch("r-[0-9a-z]{4,32}", root)
    types = {each["Type"]: each["Status"] for each in organizations.list_roots()["Roots"][0]["PolicyTypes"]}
    assert types["SERVICE_CONTROL_POLICY"] == types["RESOURCE_CONTROL_POLICY"] == "ENABLED"
    assert refused(organizations.create_organization)[0] == "AlreadyInOrganizationException"
    assert refused(organizations.delete_organization)[0] == "OrganizationNotEmptyException"
    assert organizations.list_handshakes_for_account()["Handshakes"] == []


def test_an_account_is_made_with_a_role_for_its_administration(organizations, account, administrator, alice):
    described = organizations.describe_account(AccountId=account)["Account"]
    assert described["Status"] == described["State"] == "ACTIVE"
    assert described["Arn"].startswith(f"arn:aws:organizations::{alice.account_id}:account/o-")
    identity = administrator("sts").get_caller_identity()
    assert identity["Account"] == account
    assert identity["Arn"].endswith(":assumed-role/OrganizationAccountAccessRole/admin")
    iam = administrator("iam")
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["OrganizationAccountAccessRole"]
    assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0


def test_an_address_that_is_taken_makes_no_account(organizations, account, name):
    status = organizations.create_account(Email=f"{name}@example.com", AccountName="x")["CreateAccountStatus"]
    assert (status["State"], status["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    again = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])
    assert again["CreateAccountStatus"]["State"] == "FAILED"


def test_units_hold_units_and_accounts(organizations, root, account, name):
    unit = organizations.create_organizational_unit(ParentId=root, Name=name)["OrganizationalUnit"]
    assert re.fullmatch(f"ou-{root[2:]}-[a-z0-9]{{8,32}}", unit["Id"])
    code, _, _ = refused(organizations.create_organizational_unit, ParentId=root, Name=name)
    assert code == "DuplicateOrganizationalUnitException"
    organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit["Id"])
    assert organizations.list_parents(ChildId=account)["Parents"] == [
        {"Id": unit["Id"], "Type": "ORGANIZATIONAL_UNIT"}
    ]
    children = organizations.list_children(ParentId=unit["Id"], ChildType="ACCOUNT")["Children"]
    assert children == [{"Id": account, "Type": "ACCOUNT"}]
    code, _, _ = refused(organizations.delete_organizational_unit, OrganizationalUnitId=unit["Id"])
    assert code == "OrganizationalUnitNotEmptyException"
    code, _, _ = refused(
        organizations.move_account, AccountId=account, SourceParentId=root, DestinationParentId=unit["Id"]
    )
    assert code == "SourceParentNotFoundException"
    organizations.move_account(AccountId=account, SourceParentId=unit["Id"], DestinationParentId=root)
    organizations.delete_organizational_unit(OrganizationalUnitId=unit["Id"])


def test_units_lie_five_deep_at_most(organizations, root, name):
    parent, units = root, []
    for _ in range(5):
        made = organizations.create_organizational_unit(ParentId=parent, Name=name)
        parent = made["OrganizationalUnit"]["Id"]
        units.append(parent)
    code, reason, _ = refused(organizations.create_organizational_unit, ParentId=parent, Name=name)
    assert (code, reason) == ("ConstraintViolationException", "OU_DEPTH_LIMIT_EXCEEDED")
    for unit in reversed(units):
        organizations.delete_organizational_unit(OrganizationalUnitId=unit)


def test_lists_are_paged(organizations, root, name):
    units = [
        organizations.create_organizational_unit(ParentId=root, Name=f"{name}-{index}")["OrganizationalUnit"]["Id"]
        for index in range(5)
    ]
    pages = list(
        organizations.get_paginator("list_organizational_units_for_parent").paginate(
            ParentId=root, PaginationConfig={"PageSize": 2}
        )
    )
    assert len(pages) >= 3 and all(len(page["OrganizationalUnits"]) <= 2 for page in pages)
    assert set(units) <= {unit["Id"] for page in pages for unit in page["OrganizationalUnits"]}
    for unit in units:
        organizations.delete_organizational_unit(OrganizationalUnitId=unit)
    code, reason, _ = refused(organizations.list_accounts, NextToken="nonsense!")
    assert (code, reason) == ("InvalidInputException", "INVALID_NEXT_TOKEN")


def test_a_service_control_policy_binds_members_on_the_next_request(
    server, organizations, root, account, administrator, alice, policy, name
):
    s3, own = administrator(), server.client(alice)
    s3.create_bucket(Bucket=name)
    denies = policy(deny("s3:ListBucket"))
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    unit = organizations.create_organizational_unit(ParentId=root, Name=name)["OrganizationalUnit"]["Id"]
    organizations.attach_policy(PolicyId=denies, TargetId=unit)
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit)
    code, _, message = refused(s3.list_objects_v2, Bucket=name)
    assert code == "AccessDenied" and "explicit deny in a service control policy" in message
    organizations.move_account(AccountId=account, SourceParentId=unit, DestinationParentId=root)
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    organizations.attach_policy(PolicyId=denies, TargetId=root)
    try:
        assert refused(s3.list_objects_v2, Bucket=name)[0] == "AccessDenied"
        own.create_bucket(Bucket=f"{name}-own")
        assert own.list_objects_v2(Bucket=f"{name}-own")["KeyCount"] == 0, "the management account is not bound"
    finally:
        organizations.detach_policy(PolicyId=denies, TargetId=root)
        organizations.detach_policy(PolicyId=denies, TargetId=unit)
        organizations.delete_organizational_unit(OrganizationalUnitId=unit)
        own.delete_bucket(Bucket=f"{name}-own")
    s3.delete_bucket(Bucket=name)


def test_a_resource_control_policy_keeps_outsiders_from_a_member_s_bucket(
    server, organizations, account, administrator, bob, policy, name
):
    s3, guest = administrator(), server.client(bob)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="x", Body=b"1")
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": bob.account_id}, "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{name}/*",
        }],
    }))
    assert guest.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    keeps_in = policy(
        deny("s3:*", Principal="*", Condition={"StringNotEquals": {"aws:PrincipalAccount": account}}),
        "RESOURCE_CONTROL_POLICY",
    )
    organizations.attach_policy(PolicyId=keeps_in, TargetId=account)
    code, _, message = refused(guest.get_object, Bucket=name, Key="x")
    assert code == "AccessDenied" and "resource control policy" not in message, "that is not for strangers to know"
    assert s3.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    organizations.detach_policy(PolicyId=keeps_in, TargetId=account)
    assert guest.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    s3.delete_object(Bucket=name, Key="x")
    s3.delete_bucket(Bucket=name)


def test_condition_keys_know_the_organization(
    server, organizations, root, account, administrator, alice, name
):
    organization = organizations.describe_organization()["Organization"]["Id"]
    own, member = server.client(alice), administrator()
    own.create_bucket(Bucket=name)
    own.put_object(Bucket=name, Key="x", Body=b"1")

    def grant(of_organization, **more):
        own.put_bucket_policy(Bucket=name, Policy=json.dumps({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": of_organization}} | more,
            }],
        }))

    def in_path(path):
        return {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": path}}

    grant(organization)
    assert member.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    grant("o-somebodyelse")
    assert refused(member.get_object, Bucket=name, Key="x")[0] == "AccessDenied"
    grant(organization, **in_path(f"{organization}/r-*/"))
    assert member.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    grant(organization, **in_path(f"{organization}/r-*/ou-*"))
    assert refused(member.get_object, Bucket=name, Key="x")[0] == "AccessDenied"
    unit = organizations.create_organizational_unit(ParentId=root, Name=name)["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit)
    assert member.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    organizations.move_account(AccountId=account, SourceParentId=unit, DestinationParentId=root)
    organizations.delete_organizational_unit(OrganizationalUnitId=unit)
    own.delete_object(Bucket=name, Key="x")
    own.delete_bucket(Bucket=name)


def test_an_s3_policy_blocks_public_access_of_a_member_s_buckets(
    server, organizations, root, account, administrator, policy, name
):
    s3, anonymous = administrator(), server.client(None, signature_version=botocore.UNSIGNED)
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    administrator("s3control").delete_public_access_block(AccountId=account)
    s3.put_object(Bucket=name, Key="x", Body=b"1")
    public = json.dumps({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
        ],
    })
    s3.put_bucket_policy(Bucket=name, Policy=public)
    assert anonymous.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    if "S3_POLICY" not in [each["Type"] for each in organizations.list_roots()["Roots"][0]["PolicyTypes"]]:
        organizations.enable_policy_type(RootId=root, PolicyType="S3_POLICY")
    blocks = policy(BLOCK_ALL, "S3_POLICY")
    organizations.attach_policy(PolicyId=blocks, TargetId=account)
    assert refused(anonymous.get_object, Bucket=name, Key="x")[0] == "AccessDenied"
    assert refused(s3.put_bucket_policy, Bucket=name, Policy=public)[0] == "AccessDenied"
    assert refused(s3.create_bucket, Bucket=f"{name}-p", ACL="public-read", ObjectOwnership="ObjectWriter")[0] in (
        "AccessDenied",
        "InvalidBucketAclWithBlockPublicAccessError",
    )
    # What is in effect for the account is told, and only the organisation's policy changes it.
    control = administrator("s3control")
    in_effect = control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]
    assert set(in_effect.values()) == {True}
    everything = {"AccountId": account, "PublicAccessBlockConfiguration": in_effect}
    assert refused(control.put_public_access_block, **everything)[0] == "AccessDenied"
    assert refused(control.delete_public_access_block, AccountId=account)[0] == "AccessDenied"
    effective = organizations.describe_effective_policy(PolicyType="S3_POLICY", TargetId=account)["EffectivePolicy"]
    assert json.loads(effective["PolicyContent"]) == {"s3_attributes": {"public_access_block_configuration": "all"}}
    organizations.detach_policy(PolicyId=blocks, TargetId=account)
    assert refused(control.get_public_access_block, AccountId=account)[0] == "NoSuchPublicAccessBlockConfiguration"
    assert anonymous.get_object(Bucket=name, Key="x")["Body"].read() == b"1"
    s3.delete_object(Bucket=name, Key="x")
    s3.delete_bucket(Bucket=name)


def test_a_closed_account_is_shut(server, organizations, account, administrator, bob, name):
    s3, guest = administrator(), server.client(bob)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": bob.account_id}, "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{name}",
        }],
    }))
    assert guest.list_objects_v2(Bucket=name)["KeyCount"] == 0
    organizations.close_account(AccountId=account)
    assert refused(guest.list_objects_v2, Bucket=name)[0] == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket=name)[0] == "AccessDenied"
    assert refused(administrator("sts").get_caller_identity)[0] == "AccessDenied"
    assert organizations.describe_account(AccountId=account)["Account"]["Status"] == "SUSPENDED"
    assert refused(organizations.close_account, AccountId=account)[0] == "AccountAlreadyClosedException"


def test_policies_are_checked_before_they_are_kept(organizations, root, policy):
    create = {"Description": "", "Name": "bad", "Type": "SERVICE_CONTROL_POLICY"}
    code, _, message = refused(organizations.create_policy, Content='{"Version": "2012-10-17"}', **create)
    assert code == "MalformedPolicyDocumentException" and "Statement" in message
    code, reason, _ = refused(organizations.create_policy, Content=deny("s3:" + "x" * 10_300), **create)
    assert (code, reason) == ("ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED")
    code, reason, _ = refused(organizations.detach_policy, PolicyId=FULL, TargetId=root)
    assert (code, reason) == ("ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
    code, reason, _ = refused(organizations.delete_policy, PolicyId=FULL)
    assert (code, reason) == ("InvalidInputException", "IMMUTABLE_POLICY")
    kept = policy(deny("s3:*"))
    assert json.loads(organizations.describe_policy(PolicyId=kept)["Policy"]["Content"]) == json.loads(deny("s3:*"))


def test_members_may_look_and_only_delegated_administrators_at_all(organizations, account, administrator):
    own = administrator("organizations")
    assert own.describe_organization()["Organization"]["Id"].startswith("o-")
    assert refused(own.list_accounts)[0] == "AccessDeniedException"
    organizations.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
    organizations.register_delegated_administrator(AccountId=account, ServicePrincipal="config.amazonaws.com")
    assert account in [each["Id"] for page in own.get_paginator("list_accounts").paginate() for each in page["Accounts"]]
    assert refused(own.attach_policy, PolicyId=FULL, TargetId=account)[0] == "AccessDeniedException"
    organizations.deregister_delegated_administrator(AccountId=account, ServicePrincipal="config.amazonaws.com")
    assert refused(own.list_accounts)[0] == "AccessDeniedException"


def test_the_aws_cli_agrees(server, alice, root):
    def aws(*arguments):
        done = subprocess.run(
            [AWS, "organizations", *arguments, "--output", "json"],
            env=server.environment(alice), capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert aws("list-roots")["Roots"][0]["Id"] == root
    policies = aws("list-policies-for-target", "--target-id", root, "--filter", "SERVICE_CONTROL_POLICY")["Policies"]
    assert FULL in [each["Id"] for each in policies]
    assert aws("describe-policy", "--policy-id", FULL)["Policy"]["PolicySummary"]["AwsManaged"] is True


def test_the_organization_outlives_a_restart(tmp_path):
    server = Server(tmp_path).start()
    client = server.client(server.root, "organizations")
    before = client.describe_organization()["Organization"]
    status = client.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]
    assert server.stop() == 0
    server.start()
    try:
        client = server.client(server.root, "organizations")
        assert client.describe_organization()["Organization"] == before
        assert client.describe_account(AccountId=status["AccountId"])["Account"]["Name"] == "a"
    finally:
        server.stop()
