"""Encoded authorization messages: what a denial says to the caller, and what it says to whoever may decode it.

Source: STS API Reference, DecodeAuthorizationMessage; EC2 API Reference, "Error codes", UnauthorizedOperation; IAM User
Guide, "Troubleshoot access denied error messages".
"""

import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import types

import botocore.exceptions
import pytest

from harness import Server, failure, refused

HEADER = "x-strongroom-authorization-message"
AWS = pathlib.Path(sys.executable).parent / "aws"
ENCODED = re.compile(r"^(.*)\. Encoded authorization failure message: ([A-Za-z0-9_-]+)$")
INVALID = ("InvalidAuthorizationMessageException", 400)
REPORT = "arn:aws:s3:::reports/2026.csv"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def make_user(server, account, name, *statements):
    iam = server.client(account, "iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return dataclasses.replace(account, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """An account with somebody who may do nothing, somebody who may decode, and a bucket; and another account."""
    server = Server(tmp_path_factory.mktemp("messages"), plaintext=False).start()
    carol, bob = server.create_account("carol@example.com"), server.create_account("bob@example.com")
    decode = {"Effect": "Allow", "Action": "sts:DecodeAuthorizationMessage", "Resource": "*"}
    mallory = make_user(server, carol, "mallory", decode)
    ann = make_user(server, carol, "ann")
    server.client(carol).create_bucket(Bucket="reports")
    server.client(carol).put_object(Bucket="reports", Key="2026.csv", Body=b"x")
    yield types.SimpleNamespace(server=server, carol=carol, bob=bob, ann=ann, decoder=mallory)
    assert server.stop() == 0


def header(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"].get(HEADER)


def decode(house, message, account=None):
    sts = house.server.client(account or house.decoder, "sts")
    return json.loads(sts.decode_authorization_message(EncodedMessage=message)["DecodedMessage"])


def conditions(decoded):
    items = decoded["context"]["conditions"]["items"]
    return {item["key"]: [value["value"] for value in item["values"]["items"]] for item in items}


def denied_of(house, account=None):
    client = house.server.client(account or house.ann)
    return failure(client.get_object, Bucket="reports", Key="2026.csv")


def test_ec2_says_it_in_its_message(house):
    answer = failure(house.server.client(house.ann, "ec2").create_vpc, CidrBlock="10.0.0.0/16")
    assert answer["Error"]["Code"] == "UnauthorizedOperation"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    plain, message = ENCODED.match(answer["Error"]["Message"]).groups()
    arn = f"arn:aws:iam::{house.carol.account_id}:user/ann"
    assert plain.startswith(
        f"You are not authorized to perform this operation. User: {arn} is not authorized to perform: ec2:CreateVpc on "
        "resource: arn:aws:ec2:"
    )
    assert plain.endswith(" because no identity-based policy allows the ec2:CreateVpc action")
    assert header(answer) is None
    decoded = decode(house, message)
    assert decoded["context"]["action"] == "ec2:CreateVpc" and decoded["context"]["principal"]["arn"] == arn
    (event,) = house.server.events_of(decoded["requestId"])
    assert event["errorMessage"] == plain


def test_of_no_resource_ec2_names_none(house):
    answer = failure(house.server.client(house.ann, "ec2").describe_vpcs)
    plain, _ = ENCODED.match(answer["Error"]["Message"]).groups()
    assert plain.endswith(
        "is not authorized to perform: ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action"
    )


@pytest.mark.parametrize(
    ("service", "action", "call"),
    [
        ("s3", "s3:ListBucket", lambda client: client.list_objects_v2(Bucket="reports")),
        ("s3", "s3:GetObject", lambda client: client.head_object(Bucket="reports", Key="2026.csv")),
        ("iam", "iam:ListUsers", lambda client: client.list_users()),
        ("organizations", "organizations:DescribeOrganization", lambda client: client.describe_organization()),
        ("account", "account:ListRegions", lambda client: client.list_regions()),
    ],
)
def test_other_services_say_it_in_a_header(house, service, action, call):
    answer = failure(call, house.server.client(house.ann, service))
    message = header(answer)
    assert message not in answer["Error"]["Message"]
    decoded = decode(house, message)
    assert (decoded["allowed"], decoded["explicitDeny"], decoded["context"]["action"]) == (False, False, action)
    assert decoded["matchedStatements"] == decoded["failures"] == {"items": []}


def test_the_context_is_the_request_s(house):
    answer = denied_of(house)
    decoded = decode(house, header(answer))
    principal = decoded["context"]["principal"]
    ann = house.server.client(house.carol, "iam").get_user(UserName="ann")["User"]
    assert principal == {"id": ann["UserId"], "name": "ann", "arn": ann["Arn"]}
    assert decoded["context"]["resource"] == REPORT
    known = conditions(decoded)
    assert known["aws:SourceIp"] == ["127.0.0.1"] and known["aws:SecureTransport"] == ["true"]
    assert known["aws:username"] == ["ann"] and known["aws:ResourceAccount"] == [house.carol.account_id]
    assert known["s3:authType"] == ["REST-HEADER"]
    assert decoded["requestId"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    house.server.events_of(decoded["requestId"])  # then its record is whole
    asked = ("explain", decoded["requestId"], "--endpoint", house.server.endpoint(), "--output", "json")
    assert REPORT in house.server.run(*asked, account=house.server.root).stdout


def test_the_statement_that_denied_is_named_with_its_policy(house):
    iam = house.server.client(house.carol, "iam")
    deny = {"Sid": "NoReading", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    arn = iam.create_policy(PolicyName="no-reading", PolicyDocument=policy(deny))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    answer = denied_of(house)
    iam.detach_user_policy(UserName="ann", PolicyArn=arn)
    assert answer["Error"]["Message"].endswith(f"with an explicit deny in an identity-based policy: {arn}")
    decoded = decode(house, header(answer))
    (statement,) = decoded["matchedStatements"]["items"]
    assert decoded["explicitDeny"] is True
    assert (statement["statementId"], statement["effect"], statement["policy"]) == ("NoReading", "DENY", arn)
    assert statement["policyType"] == "identity-based policy"


def test_of_another_account_s_policy_nothing_is_told(house):
    owner = house.server.client(house.carol)
    deny = {"Sid": "NotBob", "Effect": "Deny", "Principal": {"AWS": house.bob.account_id}, "Action": "s3:*", "Resource": REPORT}
    owner.put_bucket_policy(Bucket="reports", Policy=policy(deny))
    answer = denied_of(house, house.bob)
    owner.delete_bucket_policy(Bucket="reports")
    decoded = decode(house, header(answer), house.bob)
    assert decoded["explicitDeny"] is False and decoded["matchedStatements"] == {"items": []}
    assert "NotBob" not in json.dumps(decoded) and house.carol.account_id not in json.dumps(decoded)


def test_it_is_decoded_in_the_denied_caller_s_account_by_those_who_may(house):
    message = header(denied_of(house))
    assert decode(house, message)["context"]["resource"] == REPORT
    assert decode(house, message, house.carol)["context"]["resource"] == REPORT
    for other in (house.bob, house.server.root):
        sts = house.server.client(other, "sts")
        assert refused(sts.decode_authorization_message, EncodedMessage=message) == INVALID
    sts = house.server.client(house.ann, "sts")
    answer = failure(sts.decode_authorization_message, EncodedMessage=message)
    assert answer["Error"]["Code"] == "AccessDenied" and header(answer)


def test_what_is_no_message_is_not_decoded(house, tmp_path):
    message = header(denied_of(house))
    sts = house.server.client(house.decoder, "sts")
    token = house.server.client(house.carol, "sts").get_session_token()["Credentials"]["SessionToken"]
    tokens = [token, token.replace("+", "-").replace("/", "_").rstrip("=")]
    flipped = message[:40] + ("A" if message[40] != "A" else "B") + message[41:]
    for wrong in [flipped, message[:-4], message + "AAAA", message + "=", "x", message * 12, *tokens]:
        assert refused(sts.decode_authorization_message, EncodedMessage=wrong) == INVALID
    elsewhere = Server(tmp_path / "elsewhere", plaintext=False).start()
    try:
        sts = elsewhere.client(elsewhere.root, "sts")
        assert refused(sts.decode_authorization_message, EncodedMessage=message) == INVALID
    finally:
        assert elsewhere.stop() == 0


def test_a_message_is_no_session_token(house):
    message = header(denied_of(house))
    answer = house.server.signed(house.ann, "GET", "/", headers={"x-amz-security-token": message})
    assert answer.status in (400, 403) and b"ListAllMyBuckets" not in answer.body


def test_nobody_gets_no_message(house):
    answer = house.server.http("GET", "/reports/2026.csv")
    assert answer.status == 403 and HEADER not in answer.headers
    assert b"Encoded" not in answer.body and b"User:" not in answer.body


def test_what_is_allowed_and_what_is_wrong_has_none(house):
    client = house.server.client(house.carol)
    assert header(client.get_object(Bucket="reports", Key="2026.csv")) is None
    with pytest.raises(botocore.exceptions.ClientError) as wrong:
        client.get_object(Bucket="reports", Key="none")
    assert header(wrong.value.response) is None


def test_the_longest_request_has_a_message_that_proxies_take(house):
    client = house.server.client(house.ann)
    answer = failure(client.get_object, Bucket="reports", Key="k" * 1024)
    message = header(answer)
    assert len(message) < 6 * 1024
    assert decode(house, message)["context"]["resource"] == "arn:aws:s3:::reports/" + "k" * 1024
    many = [{"Key": f"{at:04}" + "k" * 1000} for at in range(100)]
    answer = client.delete_objects(Bucket="reports", Delete={"Objects": many})
    assert len(answer["Errors"]) == 100 and header(answer) is None, "one key denied is not the request denied"


def test_aws_cli_decodes_what_aws_cli_was_denied(house):
    def aws(account, *arguments):
        environment = house.server.environment(account)
        return subprocess.run([AWS, *arguments], env=environment, capture_output=True, text=True, timeout=200)

    denied = aws(house.ann, "ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")
    assert denied.returncode != 0 and "(UnauthorizedOperation)" in denied.stderr
    message = denied.stderr.strip().rsplit(" ", 1)[1]
    shown = aws(
        house.decoder,
        *("sts", "decode-authorization-message", "--encoded-message", message),
        *("--query", "DecodedMessage", "--output", "text"),
    )
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["context"]["action"] == "ec2:CreateVpc"
