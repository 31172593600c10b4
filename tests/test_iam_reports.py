"""Reports of IAM by boto3: the credential report, and who used what.

Source: IAM User Guide, "Generate credential reports for your AWS account" and "Refine permissions in AWS using last
accessed information".
"""

import csv
import dataclasses
import io
import json
import time

import pytest

from harness import refused

COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
    "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,"
    "cert_2_last_rotated"
).split(",")


@pytest.fixture(scope="session")
def iam(server, alice):
    return server.client(alice, "iam")


def report(iam):
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    got = iam.get_credential_report()
    assert got["ReportFormat"] == "text/csv"
    rows = csv.DictReader(io.StringIO(got["Content"].decode()))
    assert rows.fieldnames == COLUMNS
    return {row["user"]: row for row in rows}


def test_there_is_no_report_before_one_was_asked_for(fresh):
    server = fresh().start()
    iam = server.client(server.root, "iam")
    assert refused(iam.get_credential_report) == ("ReportNotPresent", 410)
    root = report(iam)["<root_account>"]
    assert root["arn"] == f"arn:aws:iam::{server.root.account_id}:root"
    assert root["access_key_1_active"] == "true" and root["password_enabled"] == "not_supported"
    assert root["access_key_1_last_used_service"] == "iam" and root["mfa_active"] == "false"
    assert "the root user's key is in use" in server.log()


def test_the_report_tells_of_keys_and_passwords(server, alice, iam, name):
    iam.create_user(UserName=name)
    iam.create_user(UserName=f"{name},b", Path='/a"b/')
    iam.create_login_profile(UserName=name, Password="Correct-Horse-1")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    assert server.client(user, "sts").get_caller_identity()["UserId"].startswith("AIDA")
    row = report(iam)[name]
    assert row["password_enabled"] == "true" and row["password_last_used"] == "no_information"
    assert row["access_key_1_active"] == "true" and row["access_key_1_last_used_service"] == "sts"
    assert row["access_key_2_active"] == "false" and row["access_key_2_last_rotated"] == "N/A"
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    rows = report(iam)
    assert rows[name]["access_key_1_active"] == "false"
    assert rows[f"{name},b"]["arn"].endswith(f'user/a"b/{name},b')


def test_who_used_a_service_is_told_by_policy_user_and_group(server, alice, iam, name):
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    server.client(user).list_buckets()
    for about in (arn, policy):
        job = iam.generate_service_last_accessed_details(Arn=about)["JobId"]
        details = iam.get_service_last_accessed_details(JobId=job)
        assert details["JobStatus"] == "COMPLETED"
        services = {service["ServiceNamespace"]: service for service in details["ServicesLastAccessed"]}
        assert services["s3"]["ServiceName"] == "Amazon S3"
        assert abs(services["s3"]["LastAuthenticated"].timestamp() - time.time()) < 900
        entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="s3")
        assert name in [entity["EntityInfo"]["Name"] for entity in entities["EntityDetailsList"]]
    listed = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=["s3"])
    [entry] = listed["PoliciesGrantingServiceAccess"]
    assert [found["PolicyArn"] for found in entry["Policies"]] == [policy]
    assert refused(iam.get_service_last_accessed_details, JobId="0" * 36)[0] == "NoSuchEntity"


def test_actions_are_told_that_are_allowed_with_their_last_use(server, alice, iam, name):
    iam.create_user(UserName=name)
    arn = iam.get_user(UserName=name)["User"]["Arn"]
    allowed = {"Effect": "Allow", "Action": ["iam:GetUser", "iam:ListU*", "s3:Get*"], "Resource": "*"}
    iam.put_user_policy(
        UserName=name,
        PolicyName="some",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    server.client(user, "iam").get_user()
    job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
    details = iam.get_service_last_accessed_details(JobId=job)
    assert details["JobType"] == "ACTION_LEVEL"
    by_service = {service["ServiceNamespace"]: service for service in details["ServicesLastAccessed"]}
    actions = {action["ActionName"]: action for action in by_service["iam"]["TrackedActionsLastAccessed"]}
    assert actions["GetUser"]["LastAccessedEntity"] == arn and "LastAccessedTime" in actions["GetUser"]
    assert set(actions) == {"GetUser", "ListUserPolicies", "ListUserTags", "ListUsers"}
    assert "LastAccessedTime" not in actions["ListUsers"]
    of_buckets = {action["ActionName"] for action in by_service["s3"]["TrackedActionsLastAccessed"]}
    assert "GetBucketPolicy" in of_buckets and "GetObject" not in of_buckets
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="some")
    iam.delete_user(UserName=name)


def test_the_account_s_preferences_are_kept(iam):
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v1Token")
    assert iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"] == 1
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v2Token")
    assert iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"] == 2


def test_a_policy_that_names_no_action_of_any_service_is_warned_about(server, iam, name):
    document = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObjekt","Resource":"*",'
        '"Condition":{"StringEquals":{"s3:prefiks":"a"}}}]}'
    )
    iam.create_policy(PolicyName=name, PolicyDocument=document)
    log = server.log()
    assert "s3:GetObjekt" in log and "s3:prefiks" in log
