"""The services beside S3: each in its own protocol, as boto3 and aws-cli read it."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import botocore
import botocore.config
import botocore.exceptions
import boto3
import pytest

AWS = str(pathlib.Path(sys.executable).with_name("aws"))

# Operations that no tool here needs, so that they stay unbuilt the longest; one or more of each protocol.
UNBUILT = [
    ("iam", "upload_ssh_public_key", {"UserName": "nobody", "SSHPublicKeyBody": "ssh-rsa AAAA"}),
    ("iam", "list_delegation_requests", {}),
    ("sts", "get_web_identity_token", {"Audience": ["https://example.com"], "SigningAlgorithm": "RS256"}),
    ("organizations", "create_gov_cloud_account", {"Email": "gov@example.com", "AccountName": "gov"}),
    ("account", "get_gov_cloud_account_information", {}),
    ("ec2", "describe_instances", {"MaxResults": 5}),
]
NAMES = [f"{service}-{method}" for service, method, _ in UNBUILT]


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer


@pytest.mark.parametrize(("service", "method", "arguments"), UNBUILT, ids=NAMES)
def test_what_is_not_built_says_so_in_the_words_of_its_protocol(server, alice, service, method, arguments):
    status, code, answer = refused(getattr(server.client(alice, service), method), **arguments)
    assert (status, code) == (501, "NotImplemented")
    assert "not implemented" in answer["Error"]["Message"]


@pytest.mark.parametrize(
    "command",
    [
        ("iam", "list-delegation-requests"),
        ("organizations", "create-gov-cloud-account", "--email", "gov@example.com", "--account-name", "gov"),
        ("account", "get-gov-cloud-account-information"),
        ("ec2", "describe-instances"),
        ("sts", "get-web-identity-token", "--audience", "example", "--signing-algorithm", "RS256"),
    ],
    ids=lambda command: command[0],
)
def test_aws_cli_reads_it_too(server, alice, command):
    environment = server.environment(alice) | {"AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run([AWS, *command], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode not in (0, 2), done.stderr
    assert "(NotImplemented)" in done.stderr


@pytest.mark.parametrize(("service", "method", "arguments"), UNBUILT, ids=NAMES)
def test_it_is_recorded_with_who_asked_for_what(server, alice, service, method, arguments):
    client = server.client(alice, service)
    _, _, answer = refused(getattr(client, method), **arguments)
    (event,) = server.events_of(answer["ResponseMetadata"]["RequestId"])
    assert event["eventSource"] == f"{service}.amazonaws.com"
    assert event["eventName"] == client.meta.method_to_api_mapping[method]
    assert event["errorCode"] == "NotImplemented"
    assert event["userIdentity"]["type"] == "Root"
    if service == "iam" and arguments:
        assert event["requestParameters"] == {"userName": "nobody", "sSHPublicKeyBody": "ssh-rsa AAAA"}


FORGED = {
    "iam": (403, "SignatureDoesNotMatch"),
    "sts": (403, "SignatureDoesNotMatch"),
    "organizations": (400, "InvalidSignatureException"),
    "account": (403, "InvalidSignatureException"),
    "ec2": (401, "AuthFailure"),
}
UNKNOWN = {
    "iam": (403, "InvalidClientTokenId"),
    "sts": (403, "InvalidClientTokenId"),
    "organizations": (400, "UnrecognizedClientException"),
    "account": (403, "UnrecognizedClientException"),
    "ec2": (401, "AuthFailure"),
}


@pytest.mark.parametrize(("service", "method", "arguments"), UNBUILT, ids=NAMES)
def test_who_does_not_sign_well_learns_only_that(server, alice, service, method, arguments):
    forged = dataclasses.replace(alice, secret_key="x" * 40)
    assert refused(getattr(server.client(forged, service), method), **arguments)[:2] == FORGED[service]
    unknown = dataclasses.replace(alice, access_key="AKIA" + "X" * 16)
    assert refused(getattr(server.client(unknown, service), method), **arguments)[:2] == UNKNOWN[service]


def test_a_denial_is_said_as_each_protocol_says_it(server, alice, bob):
    foreign = f"arn:aws:iam::{alice.account_id}:saml-provider/none"
    denied = {
        ("iam", "get_saml_provider"): ({"SAMLProviderArn": foreign}, (403, "AccessDenied")),
        ("organizations", "create_gov_cloud_account"): (
            {"Email": "gov@example.com", "AccountName": "gov"},
            (400, "AccessDeniedException"),
        ),
        ("account", "get_gov_cloud_account_information"): (
            {"StandardAccountId": alice.account_id},
            (403, "AccessDeniedException"),
        ),
    }
    for (service, method), (arguments, expected) in denied.items():
        status, code, answer = refused(getattr(server.client(bob, service), method), **arguments)
        assert (status, code) == expected
        assert "is not authorized to perform" in answer["Error"]["Message"]
        (event,) = server.events_of(answer["ResponseMetadata"]["RequestId"])
        assert event["errorCode"] == "AccessDenied"
        allowed = refused(getattr(server.client(alice, service), method), **arguments)
        assert allowed[:2] == (501, "NotImplemented")


def test_every_region_that_a_client_signs_for_is_good(server, alice):
    for service, method, arguments in UNBUILT:
        client = server.client(alice, service, region="ap-southeast-2")
        assert refused(getattr(client, method), **arguments)[:2] == (501, "NotImplemented")


def test_who_shows_a_token_of_an_identity_provider_needs_no_signature(server):
    client = boto3.session.Session(region_name=server.region).client(
        "sts",
        endpoint_url=server.endpoint(),
        verify=server.ca,
        config=botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}),
    )
    role = "arn:aws:iam::111122223333:role/r"
    status, code, answer = refused(
        client.assume_role_with_saml, RoleArn=role, PrincipalArn=role.replace("role/r", "saml-provider/p"), SAMLAssertion="YXNzZXJ0"
    )
    assert (status, code) == (501, "NotImplemented")
    (event,) = server.events_of(answer["ResponseMetadata"]["RequestId"])
    assert event["eventName"] == "AssumeRoleWithSAML"
    assert "YXNzZXJ0" not in json.dumps(event)
    assert refused(client.get_caller_identity)[:2] == (403, "MissingAuthenticationToken")


FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.mark.parametrize(
    ("service", "path", "headers", "body", "expected"),
    [
        ("iam", "/", {"Content-Type": FORM}, b"Action=Invented&Version=2010-05-08", (400, b"<Code>InvalidAction</Code>")),
        ("iam", "/", {"Content-Type": FORM}, b"Version=2010-05-08", (400, b"<Code>InvalidAction</Code>")),
        ("ec2", "/", {"Content-Type": FORM}, b"Action=Invented&Version=2016-11-15", (400, b"<Code>InvalidAction</Code>")),
        (
            "organizations",
            "/",
            {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSOrganizationsV20161128.Invented"},
            b"{}",
            (400, b'"__type":"UnknownOperationException"'),
        ),
        ("organizations", "/", {"Content-Type": "application/x-amz-json-1.1"}, b"{}", (400, b"UnknownOperationException")),
        ("account", "/invented", {"Content-Type": "application/json"}, b"{}", (404, b"requested operation")),
    ],
)
def test_an_operation_that_no_service_has_is_named_so(server, alice, service, path, headers, body, expected):
    answer = server.signed(alice, "POST", path, headers=headers, body=body, service=service)
    assert answer.status == expected[0]
    assert expected[1] in answer.body
    unsigned = server.http("POST", path, headers, body)
    assert unsigned.status in (400, 403, 405)
