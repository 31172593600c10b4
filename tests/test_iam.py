"""IAM by boto3 and the AWS CLI: users, groups, roles, policies and keys, and what they let people do."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import botocore.exceptions
import pytest

ALLOW_ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture(scope="session")
def iam(server, alice):
    return server.client(alice, "iam")


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@pytest.fixture
def user(server, alice, iam, name):
    """A user with a key, as an account to sign with; removed afterwards, whatever hangs on it."""
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    yield dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=name, PolicyArn=policy["PolicyArn"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_a_user_is_made_read_changed_and_deleted(iam, alice, name):
    made = iam.create_user(UserName=name, Path="/a/", Tags=[{"Key": "team", "Value": "x"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{alice.account_id}:user/a/{name}"
    assert made["UserId"].startswith("AIDA") and len(made["UserId"]) == 21
    assert refused(iam.create_user, UserName=name.upper())[:2] == ("EntityAlreadyExists", 409)
    read = iam.get_user(UserName=name)["User"]
    assert read["Tags"] == [{"Key": "team", "Value": "x"}] and read["CreateDate"] == made["CreateDate"]
    iam.update_user(UserName=name, NewPath="/b/", NewUserName=f"{name}-new")
    code, status, message = refused(iam.get_user, UserName=name)
    assert (code, status, message) == ("NoSuchEntity", 404, f"The user with name {name} cannot be found.")
    assert iam.get_user(UserName=f"{name}-new")["User"]["UserId"] == made["UserId"]
    iam.delete_user(UserName=f"{name}-new")


def test_names_that_are_none_are_refused(server, alice):
    client = server.client(alice, "iam", parameter_validation=False)
    for bad in ("a/b", "a b", "x" * 65, ""):
        assert refused(client.create_user, UserName=bad)[:2] == ("ValidationError", 400)


def test_lists_are_paged(iam, name):
    names = [f"{name}-{index}" for index in range(5)]
    for each in names:
        iam.create_user(UserName=each, Path=f"/{name}/")
    pages = list(
        iam.get_paginator("list_users").paginate(PathPrefix=f"/{name}/", PaginationConfig={"PageSize": 2})
    )
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    for each in names:
        iam.delete_user(UserName=each)


def test_a_user_may_what_its_policies_allow_on_the_next_request(server, iam, user, name, s3, bucket):
    client = server.client(user)
    assert refused(client.list_objects_v2, Bucket=bucket)[:2] == ("AccessDenied", 403)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/${{aws:username}}/*"},
        ],
    }
    iam.put_user_policy(UserName=name, PolicyName="own-folder", PolicyDocument=json.dumps(policy))
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    client.put_object(Bucket=bucket, Key=f"{name}/x", Body=b"1")
    assert refused(client.put_object, Bucket=bucket, Key="other/x", Body=b"1")[:2] == ("AccessDenied", 403)
    iam.delete_user_policy(UserName=name, PolicyName="own-folder")
    code, _, message = refused(client.list_objects_v2, Bucket=bucket)
    assert code == "AccessDenied" and "no identity-based policy allows the s3:ListBucket action" in message
    s3.delete_object(Bucket=bucket, Key=f"{name}/x")


def test_a_key_that_is_inactive_or_deleted_is_nobody_s(server, iam, user, name):
    iam.attach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)
    sts = server.client(user, "sts")
    assert sts.get_caller_identity()["Arn"].endswith(f":user/{name}")
    iam.update_access_key(UserName=name, AccessKeyId=user.access_key, Status="Inactive")
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    iam.update_access_key(UserName=name, AccessKeyId=user.access_key, Status="Active")
    assert sts.get_caller_identity()["UserId"].startswith("AIDA")
    iam.delete_access_key(UserName=name, AccessKeyId=user.access_key)
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_groups_give_what_they_have(server, iam, user, name):
    group = f"{name}-group"
    iam.create_group(GroupName=group)
    iam.attach_group_policy(GroupName=group, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    own = server.client(user, "iam")
    assert refused(own.list_groups)[:2] == ("AccessDenied", 403)
    iam.add_user_to_group(GroupName=group, UserName=name)
    assert group in [each["GroupName"] for each in own.list_groups()["Groups"]]
    assert own.get_user()["User"]["UserName"] == name
    assert [each["UserName"] for each in iam.get_group(GroupName=group)["Users"]] == [name]
    assert refused(iam.delete_group, GroupName=group)[:2] == ("DeleteConflict", 409)
    iam.remove_user_from_group(GroupName=group, UserName=name)
    iam.detach_group_policy(GroupName=group, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.delete_group(GroupName=group)
    assert refused(own.list_groups)[:2] == ("AccessDenied", 403)


def test_documents_come_back_as_they_were_sent(iam, alice, name):
    document = '{\n  "Version": "2012-10-17",\n  "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::100%/*"}\n}'
    made = iam.create_policy(PolicyName=name, PolicyDocument=document, Description="d")["Policy"]
    assert made["Arn"] == f"arn:aws:iam::{alice.account_id}:policy/{name}"
    version = iam.get_policy_version(PolicyArn=made["Arn"], VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(document) and version["IsDefaultVersion"] is True
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
    assert iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"] == json.loads(document)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    iam.delete_policy(PolicyArn=made["Arn"])


def test_a_malformed_policy_is_refused(iam, name):
    bad = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}'
    code, status, message = refused(iam.create_policy, PolicyName=name, PolicyDocument=bad)
    assert (code, status) == ("MalformedPolicyDocument", 400)
    assert "resources" in message


def test_a_managed_policy_is_attached_everywhere_and_counted(iam, name):
    arn = iam.create_policy(PolicyName=name, PolicyDocument=ALLOW_ALL)["Policy"]["Arn"]
    iam.create_user(UserName=name)
    iam.create_group(GroupName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    iam.attach_group_policy(GroupName=name, PolicyArn=arn)
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (3, 1)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [len(entities[kind]) for kind in ("PolicyUsers", "PolicyGroups", "PolicyRoles")] == [1, 1, 1]
    assert refused(iam.delete_policy, PolicyArn=arn)[:2] == ("DeleteConflict", 409)
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    iam.detach_group_policy(GroupName=name, PolicyArn=arn)
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    iam.delete_role_permissions_boundary(RoleName=name)
    iam.delete_role(RoleName=name)
    iam.delete_user(UserName=name)
    iam.delete_group(GroupName=name)
    iam.delete_policy(PolicyArn=arn)


def test_the_policies_of_aws_are_there(iam):
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS")
    arns = {policy["Arn"] for page in pages for policy in page["Policies"]}
    assert {ADMINISTRATOR, "arn:aws:iam::aws:policy/SecurityAudit", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"} <= arns
    version = iam.get_policy_version(PolicyArn=ADMINISTRATOR, VersionId="v1")["PolicyVersion"]
    assert version["Document"]["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


def test_account_details_hold_what_auditors_read(iam, user, name):
    iam.attach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 3})
    users, policies = [], []
    for page in pages:
        users += page["UserDetailList"]
        policies += page["Policies"]
    detail = next(each for each in users if each["UserName"] == name)
    assert detail["AttachedManagedPolicies"] == [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR}]
    administrator = next(each for each in policies if each["PolicyName"] == "AdministratorAccess")
    assert administrator["PolicyVersionList"][0]["Document"]["Statement"][0]["Action"] == "*"


def test_a_service_linked_role_is_made_and_deleted(iam):
    role = iam.create_service_linked_role(AWSServiceName="macie.amazonaws.com")["Role"]
    assert role["Arn"].endswith(":role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie")
    assert refused(iam.delete_role, RoleName=role["RoleName"])[:2] == ("UnmodifiableEntity", 400)
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    assert refused(iam.get_role, RoleName=role["RoleName"])[0] == "NoSuchEntity"


def test_the_settings_of_an_account(iam, name):
    assert refused(iam.get_account_password_policy)[:2] == ("NoSuchEntity", 404)
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14
    iam.delete_account_password_policy()
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias=name)
    assert iam.list_account_aliases()["AccountAliases"] == [name]
    iam.delete_account_alias(AccountAlias=name)
    assert iam.get_account_summary()["SummaryMap"]["UsersQuota"] == 5000


def test_accounts_do_not_see_each_other_s_identities(server, bob, iam, user, name):
    other = server.client(bob, "iam")
    assert refused(other.get_user, UserName=name)[0] == "NoSuchEntity"
    assert name not in [each["UserName"] for each in other.list_users()["Users"]]
    policy = iam.create_policy(PolicyName=name, PolicyDocument=ALLOW_ALL)["Policy"]
    assert refused(other.get_policy, PolicyArn=policy["Arn"])[0] in ("NoSuchEntity", "AccessDenied")
    iam.delete_policy(PolicyArn=policy["Arn"])


def test_changes_are_recorded_with_who_made_them(server, alice, iam, name):
    answer = iam.create_user(UserName=name)
    (event,) = server.events_of(answer["ResponseMetadata"]["RequestId"])
    assert event["eventSource"] == "iam.amazonaws.com" and event["eventName"] == "CreateUser"
    assert event["requestParameters"]["userName"] == name
    assert event["userIdentity"]["type"] == "Root"
    iam.delete_user(UserName=name)


def test_secrets_of_new_keys_are_in_no_record(server, iam, name):
    iam.create_user(UserName=name)
    answer = iam.create_access_key(UserName=name)
    secret = answer["AccessKey"]["SecretAccessKey"]
    server.events_of(answer["ResponseMetadata"]["RequestId"])
    assert secret not in server.audit_path.read_text() and secret not in server.log()
    iam.delete_access_key(UserName=name, AccessKeyId=answer["AccessKey"]["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_the_cli_does_what_its_manual_says(server, alice, name):
    def aws(*arguments):
        done = subprocess.run(
            [str(pathlib.Path(sys.executable).with_name("aws")), "iam", *arguments, "--output", "json"],
            env=server.environment(alice),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    aws("create-user", "--user-name", name)
    aws("put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", ALLOW_ALL)
    assert aws("get-user-policy", "--user-name", name, "--policy-name", "p")["PolicyDocument"] == json.loads(ALLOW_ALL)
    key = aws("create-access-key", "--user-name", name)["AccessKey"]
    assert aws("get-access-key-last-used", "--access-key-id", key["AccessKeyId"])["UserName"] == name
    assert name in [user["UserName"] for user in aws("list-users", "--max-items", "1000")["Users"]]
    aws("delete-access-key", "--user-name", name, "--access-key-id", key["AccessKeyId"])
    aws("delete-user-policy", "--user-name", name, "--policy-name", "p")
    aws("delete-user", "--user-name", name)


def test_the_root_of_an_account_is_retired_once_there_is_an_administrator(server, alice, name):
    root = server.create_account(f"{name}@example.com")
    client = server.client(root, "iam")
    code, status, _ = refused(client.delete_access_key, AccessKeyId=root.access_key)
    assert (code, status) == ("DeleteConflict", 409)
    client.create_user(UserName="admin")
    client.attach_user_policy(UserName="admin", PolicyArn=ADMINISTRATOR)
    key = client.create_access_key(UserName="admin")["AccessKey"]
    client.delete_access_key(AccessKeyId=root.access_key)
    assert refused(client.list_users)[0] == "InvalidClientTokenId"
    admin = dataclasses.replace(root, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    admin = server.client(admin, "iam")
    assert admin.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
