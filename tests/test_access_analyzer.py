"""Policies are checked by boto3 before they are put anywhere.

Source: Access Analyzer API Reference, ValidatePolicy and CheckNoPublicAccess.
"""

import dataclasses
import json

import pytest

from harness import refused


def statement(**more):
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shelf/*", **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=1)


@pytest.fixture(scope="session")
def analyzer(server, alice):
    return server.client(alice, "accessanalyzer")


def test_a_sound_policy_has_no_findings(analyzer):
    for kind in ("IDENTITY_POLICY", "SERVICE_CONTROL_POLICY"):
        assert analyzer.validate_policy(policyDocument=policy(statement()), policyType=kind)["findings"] == []


def test_what_no_service_has_is_told_with_its_place(analyzer):
    text = policy(
        statement(
            Action=["s3:GetObjekt", "s3:GetObject"],
            Resource=["arn:aws:s3:::shelf/*", "arn:aws:s3:::shelf", "arn:aws:iam::111122223333:usr/x"],
            Condition={"StringEquals": {"aws:SourceVcp": "vpc-1"}},
        )
    )
    found = analyzer.validate_policy(policyDocument=text, policyType="IDENTITY_POLICY")["findings"]
    assert [finding["issueCode"] for finding in found] == [
        "INVALID_ACTION",
        "UNSUPPORTED_RESOURCE_ARN_IN_POLICY",
        "INVALID_ARN_RESOURCE",
        "INVALID_GLOBAL_CONDITION_KEY",
    ]
    words = ["s3:GetObjekt", "arn:aws:s3:::shelf", "arn:aws:iam::111122223333:usr/x", "aws:SourceVcp"]
    for finding, word in zip(found, words):
        span = finding["locations"][0]["span"]
        start, end = span["start"], span["end"]
        assert text[start["offset"] : end["offset"]] == f'"{word}"'
        line = text.splitlines()[start["line"] - 1]
        assert line[start["column"] : end["column"]] == f'"{word}"'
    first = analyzer.validate_policy(policyDocument=text, policyType="IDENTITY_POLICY", maxResults=3)
    rest = analyzer.validate_policy(
        policyDocument=text, policyType="IDENTITY_POLICY", nextToken=first["nextToken"]
    )
    assert first["findings"] + rest["findings"] == found and "nextToken" not in rest


def test_each_type_of_policy_has_its_own_grammar(analyzer):
    def codes(text, kind, **more):
        answer = analyzer.validate_policy(policyDocument=text, policyType=kind, **more)
        return [finding["issueCode"] for finding in answer["findings"]]

    assert codes("{", "IDENTITY_POLICY") == ["JSON_SYNTAX_ERROR"]
    assert codes(policy(statement()), "RESOURCE_POLICY") == ["MISSING_PRINCIPAL"]
    named = policy(statement(Principal={"AWS": "111122223333"}))
    assert codes(named, "RESOURCE_POLICY", validatePolicyResourceType="AWS::S3::Bucket") == []
    assert codes(named, "IDENTITY_POLICY") == ["UNSUPPORTED_PRINCIPAL"]
    trust = policy({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"})
    assert codes(trust, "RESOURCE_POLICY", validatePolicyResourceType="AWS::IAM::AssumeRolePolicyDocument") == []
    assert codes(policy(statement(Action="iam:PassRole", Resource="*")), "IDENTITY_POLICY") == [
        "PASS_ROLE_WITH_STAR_IN_RESOURCE"
    ]
    invalid = ("ValidationException", 400)
    assert refused(codes, named, "RESOURCE_POLICY", validatePolicyResourceType="AWS::DynamoDB::Table") == invalid
    assert refused(codes, named, "IDENTITY_POLICY", maxResults=0) == invalid


def test_public_policies_are_told_beforehand(analyzer):
    def check(text):
        return analyzer.check_no_public_access(policyDocument=text, resourceType="AWS::S3::Bucket")

    public = check(policy(statement(Sid="All", Principal="*")))
    assert public["result"] == "FAIL"
    assert public["reasons"][0]["statementId"] == "All" and public["reasons"][0]["statementIndex"] == 0
    assert check(policy(statement(Principal={"AWS": "111122223333"})))["result"] == "PASS"
    assert refused(check, "{}") == ("InvalidParameterException", 400)
    queue = {"policyDocument": "{}", "resourceType": "AWS::SQS::Queue"}
    assert refused(analyzer.check_no_public_access, **queue) == ("ValidationException", 400)


def test_checking_needs_leave_and_what_is_not_built_says_so(server, alice, analyzer, name):
    iam = server.client(alice, "iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    stranger = server.client(user, "accessanalyzer")
    asked = {"policyDocument": policy(statement()), "policyType": "IDENTITY_POLICY"}
    assert refused(stranger.validate_policy, **asked) == ("AccessDeniedException", 403)
    assert refused(analyzer.list_analyzers) == ("NotImplemented", 501)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
