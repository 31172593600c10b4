"""Simulated decisions by boto3, and that the real ones agree.

Source: IAM API Reference, SimulateCustomPolicy and SimulatePrincipalPolicy.
"""

import dataclasses
import json

import pytest

from harness import refused


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=1)


def allow(*actions, **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


@pytest.fixture(scope="session")
def iam(server, alice):
    return server.client(alice, "iam")


def decisions(answer):
    return {result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]}


def test_policies_of_the_request_are_simulated(iam):
    answer = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:*")), policy({**allow("s3:DeleteObject"), "Effect": "Deny"})],
        ActionNames=["s3:GetObject", "s3:DeleteObject", "iam:GetUser"],
    )
    assert decisions(answer) == {
        "s3:GetObject": "allowed",
        "s3:DeleteObject": "explicitDeny",
        "iam:GetUser": "implicitDeny",
    }
    [matched] = answer["EvaluationResults"][0]["MatchedStatements"]
    assert matched["SourcePolicyId"] == "PolicyInputList.1"
    assert matched["StartPosition"]["Line"] == 4 and matched["EndPosition"]["Line"] == 10
    assert refused(iam.simulate_custom_policy, PolicyInputList=["{}"], ActionNames=["s3:GetObject"])[0] == "InvalidInput"


def test_pages_and_missing_keys(iam):
    conditions = {"StringEquals": {"aws:RequestTag/team": "red"}}
    asked = {
        "PolicyInputList": [policy(allow("s3:*", Condition=conditions))],
        "ActionNames": ["s3:GetObject", "s3:PutObject"],
        "ResourceArns": [f"arn:aws:s3:::b/{number}" for number in range(4)],
    }
    pages = list(iam.get_paginator("simulate_custom_policy").paginate(**asked, PaginationConfig={"PageSize": 3}))
    results = [result for page in pages for result in page["EvaluationResults"]]
    assert len(pages) == 3 and len(results) == 8
    assert {(result["EvalActionName"], result["EvalResourceName"]) for result in results} == {
        (action, resource) for action in asked["ActionNames"] for resource in asked["ResourceArns"]
    }
    assert all(result["MissingContextValues"] == ["aws:RequestTag/team"] for result in results)
    entry = {"ContextKeyName": "aws:RequestTag/team", "ContextKeyValues": ["red"], "ContextKeyType": "string"}
    assert set(decisions(iam.simulate_custom_policy(**asked, ContextEntries=[entry])).values()) == {"allowed"}
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=asked["PolicyInputList"])
    assert keys["ContextKeyNames"] == ["aws:RequestTag/team"]


def test_what_is_simulated_for_a_user_is_what_happens(server, alice, iam, name):
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(allow("iam:GetUser", "iam:ListUsers")))
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = server.client(
        dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"]), "iam"
    )

    def simulated():
        answer = iam.simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=["iam:GetUser", "iam:ListUsers", "iam:ListRoles"]
        )
        return {action: decision == "allowed" for action, decision in decisions(answer).items()}

    def real():
        def works(call):
            try:
                call()
            except user.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDenied"
                return False
            return True

        return {
            "iam:GetUser": works(user.get_user),
            "iam:ListUsers": works(user.list_users),
            "iam:ListRoles": works(user.list_roles),
        }

    assert simulated() == real() == {"iam:GetUser": True, "iam:ListUsers": True, "iam:ListRoles": False}
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    assert simulated() == real() == {"iam:GetUser": False, "iam:ListUsers": False, "iam:ListRoles": False}
