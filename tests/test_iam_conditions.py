"""What identities and the organisation are kept by: tags, boundaries, types of policy; and writes under a condition.

Source: IAM User Guide, "Controlling access to AWS resources using tags", "Permissions boundaries for IAM entities"; S3 User
Guide, "Enforce conditional writes on Amazon S3 buckets"; Organizations User Guide, "Service control policies".
"""

import dataclasses
import datetime
import json

import botocore.exceptions
import pytest

from harness import refused

ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DENY = ALL | {"Effect": "Deny"}
RED = [{"Key": "team", "Value": "red"}]
BLUE = [{"Key": "team", "Value": "blue"}]


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def iam(server, alice):
    return server.client(alice, "iam")


@pytest.fixture
def user(server, alice, iam, name):
    """Makes the user of a test with these statements, as an account to sign with."""
    made = []

    def make(*statements):
        iam.create_user(UserName=name)
        made.append(name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])

    yield make
    for each in made:
        for key in iam.list_access_keys(UserName=each)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=each, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=each, PolicyName="rights")
        iam.delete_user(UserName=each)


def code(call, **arguments):
    return refused(call, **arguments)[0]


def test_who_is_marked_is_kept_from_users(server, iam, user, name):
    """A tag that comes counts at once, and one that is taken away no more."""
    other = f"{name}-other"
    iam.create_user(UserName=other, Tags=RED)
    theirs = server.client(user(ALL, DENY | {"Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}}), "iam")
    assert code(theirs.get_user, UserName=other) == "AccessDenied"
    assert code(theirs.untag_user, UserName=other, TagKeys=["team"]) == "AccessDenied"
    iam.tag_user(UserName=other, Tags=BLUE)
    assert theirs.get_user(UserName=other)["User"]["Tags"] == BLUE
    iam.tag_user(UserName=other, Tags=RED)
    assert code(theirs.delete_user, UserName=other) == "AccessDenied"
    iam.untag_user(UserName=other, TagKeys=["team"])
    theirs.delete_user(UserName=other)


def test_only_a_role_of_one_s_team_can_be_taken(server, alice, iam, user, name):
    """ABAC: the role's tag has to be the user's, by a policy and by a variable alike."""
    trust = policy({"Effect": "Allow", "Principal": {"AWS": alice.account_id}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=f"{name}-r", AssumeRolePolicyDocument=trust, Tags=RED)["Role"]["Arn"]
    own = {"StringEquals": {"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    take = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Condition": own}
    sts = server.client(user(take), "sts")
    assert code(sts.assume_role, RoleArn=role, RoleSessionName="ss") == "AccessDenied"
    iam.tag_user(UserName=name, Tags=RED)
    assert sts.assume_role(RoleArn=role, RoleSessionName="ss")["Credentials"]
    iam.tag_role(RoleName=f"{name}-r", Tags=BLUE)
    assert code(sts.assume_role, RoleArn=role, RoleSessionName="ss") == "AccessDenied"
    iam.tag_user(UserName=name, Tags=BLUE)
    assert sts.assume_role(RoleArn=role, RoleSessionName="ss")["Credentials"]
    # A denial in the role's own trust policy has its say, too.
    blue = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}}
    denial = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"} | blue
    allowed = json.loads(trust)["Statement"]
    iam.update_assume_role_policy(RoleName=f"{name}-r", PolicyDocument=policy(*allowed, denial))
    assert code(sts.assume_role, RoleArn=role, RoleSessionName="ss") == "AccessDenied"
    iam.delete_role(RoleName=f"{name}-r")


def test_responsibility_is_delegated_within_a_boundary(server, iam, user, name):
    """AWS's pattern: who is let make users may make them only as bounded as he is told, and never unbind them."""
    bounds = iam.create_policy(PolicyName=f"{name}-bounds", PolicyDocument=policy(ALL | {"Action": "s3:*"}))["Policy"]["Arn"]
    changes = ["CreateUser", "AttachUserPolicy", "DetachUserPolicy", "PutUserPolicy", "DeleteUserPolicy", "PutUserPermissionsBoundary"]
    changes += ["CreateRole", "AttachRolePolicy", "DetachRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "PutRolePermissionsBoundary"]
    bounded = {"Condition": {"StringEquals": {"iam:PermissionsBoundary": bounds}}}
    unbind = {"Action": ["iam:DeleteUserPermissionsBoundary", "iam:DeleteRolePermissionsBoundary"]}
    account = user(ALL | {"Action": [f"iam:{each}" for each in changes]} | bounded, DENY | unbind)
    theirs, admin = server.client(account, "iam"), "arn:aws:iam::aws:policy/AdministratorAccess"
    new, free = f"{name}-new", f"{name}-free"
    rights = {"PolicyName": "rights", "PolicyDocument": policy(ALL)}
    for wrong in ({}, {"PermissionsBoundary": admin}):
        assert code(theirs.create_user, UserName=new, **wrong) == "AccessDenied"
    theirs.create_user(UserName=new, PermissionsBoundary=bounds)
    theirs.put_user_policy(UserName=new, **rights)
    theirs.attach_user_policy(UserName=new, PolicyArn=admin)
    theirs.detach_user_policy(UserName=new, PolicyArn=admin)
    assert code(theirs.put_user_permissions_boundary, UserName=new, PermissionsBoundary=admin) == "AccessDenied"
    assert code(theirs.delete_user_permissions_boundary, UserName=new) == "AccessDenied"
    # Nobody who is there without a boundary can be used, the delegate himself least of all.
    iam.create_user(UserName=free)
    for unbounded in (free, name):
        assert code(theirs.put_user_policy, UserName=unbounded, **rights) == "AccessDenied"
        assert code(theirs.attach_user_policy, UserName=unbounded, PolicyArn=admin) == "AccessDenied"
    theirs.put_user_permissions_boundary(UserName=free, PermissionsBoundary=bounds)
    theirs.put_user_policy(UserName=free, **rights)
    # A name in another case is nobody's boundary.
    assert code(theirs.put_user_policy, UserName=free.upper(), **rights) == "AccessDenied"
    trust = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    assert code(theirs.create_role, RoleName=new, AssumeRolePolicyDocument=trust) == "AccessDenied"
    theirs.create_role(RoleName=new, AssumeRolePolicyDocument=trust, PermissionsBoundary=bounds)
    theirs.put_role_policy(RoleName=new, **rights)
    assert code(theirs.delete_role_permissions_boundary, RoleName=new) == "AccessDenied"
    theirs.delete_role_policy(RoleName=new, PolicyName="rights")
    iam.delete_role(RoleName=new)
    for each in (new, free):
        theirs.delete_user_policy(UserName=each, PolicyName="rights")
        iam.delete_user_permissions_boundary(UserName=each)
        iam.delete_user(UserName=each)
    iam.delete_policy(PolicyArn=bounds)


def test_a_role_is_passed_only_to_the_service_that_is_named(server, iam, user, name):
    trust = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.create_instance_profile(InstanceProfileName=name)
    add = {"Effect": "Allow", "Action": "iam:AddRoleToInstanceProfile", "Resource": "*"}

    def passes(service):
        to = {"Condition": {"StringEquals": {"iam:PassedToService": service}}}
        return {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"} | to

    theirs = server.client(user(add, passes("lambda.amazonaws.com")), "iam")
    asked = {"InstanceProfileName": name, "RoleName": name}
    assert code(theirs.add_role_to_instance_profile, **asked) == "AccessDenied"
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy(add, passes("ec2.amazonaws.com")))
    theirs.add_role_to_instance_profile(**asked)
    iam.remove_role_from_instance_profile(**asked)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role(RoleName=name)


@pytest.mark.parametrize("header", ["IfNoneMatch", "IfMatch"])
def test_writes_without_a_condition_are_refused(server, s3, user, bucket, header):
    """AWS's example: parts are let through, for they can have no condition; what makes the object must have one."""
    key = {"IfNoneMatch": "s3:if-none-match", "IfMatch": "s3:if-match"}[header]
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    condition = {"Null": {key: "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    etag = s3.put_object(Bucket=bucket, Key="there", Body=b"1")["ETag"]
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(denial | {"Condition": condition}))
    place = {"Bucket": bucket, "Key": "new" if header == "IfNoneMatch" else "there"}
    theirs, met = server.client(user(ALL)), {header: "*" if header == "IfNoneMatch" else etag}
    assert code(theirs.put_object, **place, Body=b"x") == "AccessDenied"
    assert code(theirs.copy_object, **place, CopySource=f"{bucket}/there") == "AccessDenied"
    upload = place | {"UploadId": theirs.create_multipart_upload(**place)["UploadId"]}
    part = theirs.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    copied = theirs.upload_part_copy(**upload, PartNumber=1, CopySource=f"{bucket}/there")["CopyPartResult"]["ETag"]
    assert part and copied
    parts = {"MultipartUpload": {"Parts": [{"ETag": copied, "PartNumber": 1}]}}
    assert code(theirs.complete_multipart_upload, **upload, **parts) == "AccessDenied"
    assert theirs.complete_multipart_upload(**upload, **parts, **met)["ETag"]


def test_a_lock_in_a_body_is_no_longer_than_a_policy_lets(server, s3, user, bucket):
    """Whoever may not is told so; whoever may, what is built of Object Lock."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    too_long = {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}
    theirs = server.client(user(ALL, DENY | {"Action": "s3:PutObjectRetention", "Condition": too_long}))
    now = s3.head_object(Bucket=bucket, Key="k")["LastModified"]

    def lock(days):
        retention = {"Mode": "GOVERNANCE", "RetainUntilDate": now + datetime.timedelta(days=days)}
        try:
            theirs.put_object_retention(Bucket=bucket, Key="k", Retention=retention)
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    assert lock(12) == "AccessDenied"
    assert lock(9) != "AccessDenied"


def test_a_control_policy_keeps_a_type_of_policy_from_delegates(server, alice, iam, user):
    """Of the policy that is named, of the type that is asked for; a policy of another type is left alone."""
    denial = DENY | {"Action": "organizations:*", "Condition": {"StringEquals": {"organizations:PolicyType": "SERVICE_CONTROL_POLICY"}}}
    theirs = server.client(user(ALL, denial), "organizations")
    (root,) = theirs.list_roots()["Roots"]
    denied = "AccessDeniedException"
    assert code(theirs.list_policies, Filter="SERVICE_CONTROL_POLICY") == denied
    assert theirs.list_policies(Filter="S3_POLICY")["Policies"] == []
    assert code(theirs.describe_policy, PolicyId="p-FullAWSAccess") == denied
    assert theirs.describe_policy(PolicyId="p-RCPFullAWSAccess")["Policy"]
    assert code(theirs.detach_policy, PolicyId="p-FullAWSAccess", TargetId=root["Id"]) == denied
    document = policy(DENY | {"Action": "sns:*"})
    new = {"Content": document, "Description": "", "Name": "kept", "Type": "SERVICE_CONTROL_POLICY"}
    assert code(theirs.create_policy, **new) == denied
    assert code(theirs.enable_policy_type, RootId=root["Id"], PolicyType="SERVICE_CONTROL_POLICY") == denied


def test_a_control_policy_keeps_tagged_users_even_from_an_account_s_root(server, alice, bob):
    """A service control policy asks for what is known of a resource, too."""
    organizations, iam = server.client(alice, "organizations"), server.client(bob, "iam")
    (root,) = organizations.list_roots()["Roots"]
    if not any(kind["Type"] == "SERVICE_CONTROL_POLICY" for kind in root["PolicyTypes"]):
        organizations.enable_policy_type(RootId=root["Id"], PolicyType="SERVICE_CONTROL_POLICY")
    content = policy(DENY | {"Action": "iam:*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}})
    made = organizations.create_policy(Content=content, Description="", Name="kept-users", Type="SERVICE_CONTROL_POLICY")
    control = made["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=control, TargetId=bob.account_id)
    iam.create_user(UserName="kept", Tags=RED)
    iam.create_user(UserName="plain", Tags=BLUE)
    assert code(iam.delete_user, UserName="kept") == "AccessDenied"
    assert code(iam.untag_user, UserName="kept", TagKeys=["team"]) == "AccessDenied"
    iam.delete_user(UserName="plain")
    organizations.detach_policy(PolicyId=control, TargetId=bob.account_id)
    organizations.delete_policy(PolicyId=control)
    iam.delete_user(UserName="kept")
