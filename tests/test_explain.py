"""Every denial explained, over the service strongroom: `strongroom explain` and `strongroom who-can`."""

import json
import time

import pytest

from harness import Account, Server, failure, refused

REPORT = "arn:aws:s3:::reports/2026/q1.csv"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def ask(server, command, *arguments, account=None, check=True, output="json"):
    arguments = (command, *arguments, "--endpoint", server.endpoint(), "--output", output)
    done = server.run(*arguments, account=account or server.root, check=check)
    return json.loads(done.stdout) if check and output == "json" else done


def explain(server, principal, action, resource, *context, **options):
    given = [part for pair in context for part in ("--context", pair)]
    arguments = ("--principal", principal, "--action", action, "--resource", resource, *given)
    return ask(server, "explain", *arguments, **options)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server with a bucket of the management account, a user who may read it from one network, and another account."""
    server = Server(tmp_path_factory.mktemp("explain")).start()
    s3, iam = server.client(server.root), server.client(server.root, "iam")
    s3.create_bucket(Bucket="reports")
    s3.put_object(Bucket="reports", Key="2026/q1.csv", Body=b"1,2", Tagging="class=secret")
    server.ann_arn = iam.create_user(UserName="ann")["User"]["Arn"]
    home = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    allowed = {"Sid": "Home", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"}
    iam.put_user_policy(UserName="ann", PolicyName="home", PolicyDocument=policy({**allowed, "Condition": home}))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    server.ann = Account(server.root.account_id, server.root.canonical_user_id, key["AccessKeyId"], key["SecretAccessKey"])
    server.bob = server.create_account("bob@example.com")
    yield server
    server.stop()


def test_a_denied_request_is_explained_with_what_was_missing(house):
    error = failure(house.client(house.ann).get_object, Bucket="reports", Key="2026/q1.csv")
    assert error["Error"]["Code"] == "AccessDenied"
    request_id = error["ResponseMetadata"]["RequestId"]
    deadline = time.monotonic() + 10
    while True:
        done = ask(house, "explain", request_id, check=False)
        if done.returncode == 0 and json.loads(done.stdout)["request"]["status"] or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    answer = json.loads(done.stdout)
    request, explanation = answer["request"], answer["explanation"]
    assert request["operation"] == "GetObject" and request["status"] == 403
    assert request["error_code"] == "AccessDenied" and request["decision"] == "IMPLICITLY_DENIED"
    assert request["principal"] == explanation["principal"] == house.ann_arn
    assert explanation["decision"] == "IMPLICITLY_DENIED" and explanation["resource"] == REPORT
    (change,) = explanation["changes"]
    assert change["kind"] == "ADD_STATEMENT" and change["policy_type"] == "identity-based policy"
    assert change["statement"] == {"Effect": "Allow", "Action": "s3:GetObject", "Resource": REPORT}
    (near,) = change["near"]
    assert near["statement"] == "Home" and near["key"] == "aws:sourceip" and near["found"] == ["127.0.0.1"]
    text = ask(house, "explain", request_id, output="text").stdout
    assert "its condition IpAddress on aws:sourceip does not hold: the request has 127.0.0.1" in text


def test_what_is_given_as_context_counts(house):
    answer = explain(house, house.ann_arn, "s3:GetObject", REPORT, "aws:SourceIp=10.1.2.3")["explanation"]
    assert answer["decision"] == "ALLOWED" and answer["changes"] == []
    assert answer["reason"].startswith("statement Home in identity-based policy")
    assert explain(house, house.ann_arn, "s3:GetObject", REPORT)["explanation"]["decision"] == "IMPLICITLY_DENIED"


def test_what_is_advised_allows(house):
    """Each advised statement is put where it belongs, and the request is made."""
    s3, iam = house.client(house.root), house.client(house.root, "iam")
    s3.put_bucket_policy(
        Bucket="reports",
        Policy=policy({"Sid": "NoDeletes", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::reports/*"}),
    )
    s3.put_object(Bucket="reports", Key="gone", Body=b"x")
    answer = explain(house, house.ann_arn, "s3:DeleteObject", "arn:aws:s3:::reports/gone")["explanation"]
    assert answer["decision"] == "EXPLICITLY_DENIED" and "NoDeletes" in answer["reason"]
    remove, add = answer["changes"]
    assert (remove["kind"], remove["statement"]) == ("REMOVE_STATEMENT", "NoDeletes")
    assert refused(house.client(house.ann).delete_object, Bucket="reports", Key="gone") == ("AccessDenied", 403)
    s3.delete_bucket_policy(Bucket="reports")
    iam.put_user_policy(UserName="ann", PolicyName="advised", PolicyDocument=policy(add["statement"]))
    assert house.client(house.ann).delete_object(Bucket="reports", Key="gone")["ResponseMetadata"]["HTTPStatusCode"] == 204
    iam.delete_user_policy(UserName="ann", PolicyName="advised")


def test_another_account_needs_both_sides(house):
    bob = f"arn:aws:iam::{house.bob.account_id}:root"
    answer = explain(house, bob, "s3:GetObject", REPORT)["explanation"]
    assert answer["decision"] == "IMPLICITLY_DENIED"
    (change,) = answer["changes"]
    assert change["policy_type"] == "resource-based policy"
    assert change["statement"]["Principal"] == {"AWS": bob}


def test_who_can_lists_everybody_and_why(house):
    def who(action, resource, *context):
        given = [part for pair in context for part in ("--context", pair)]
        return {one["principal"]: one for one in ask(house, "who-can", action, resource, *given)["principals"]}

    root = f"arn:aws:iam::{house.root.account_id}:root"
    assert set(who("s3:GetObject", REPORT)) == {root}
    found = who("s3:GetObject", REPORT, "aws:SourceIp=10.0.0.1")
    assert set(found) == {root, house.ann_arn}
    assert found[house.ann_arn]["kind"] == "USER" and "Home" in found[house.ann_arn]["reason"]
    s3 = house.client(house.root)
    shared = {"Sid": "Shared", "Effect": "Allow", "Principal": {"AWS": house.bob.account_id}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"}
    s3.put_bucket_policy(Bucket="reports", Policy=policy(shared))
    found = who("s3:GetObject", REPORT)
    assert f"arn:aws:iam::{house.bob.account_id}:root" in found
    s3.delete_bucket_policy(Bucket="reports")
    text = ask(house, "who-can", "s3:GetObject", REPORT, output="text").stdout
    assert text.splitlines()[0].split() == ["PRINCIPAL", "KIND", "BECAUSE", "OF"]


def test_a_public_object_names_everybody(house):
    s3 = house.client(house.root)
    control = house.client(house.root, "s3control", host="s3.localhost")
    control.delete_public_access_block(AccountId=house.root.account_id)
    s3.create_bucket(Bucket="open")
    s3.delete_public_access_block(Bucket="open")
    public = {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"}
    s3.put_bucket_policy(Bucket="open", Policy=policy(public))
    found = {one["kind"] for one in ask(house, "who-can", "s3:GetObject", "arn:aws:s3:::open/k")["principals"]}
    assert {"ANONYMOUS", "ANY_ACCOUNT", "ROOT"} <= found
    answer = explain(house, "anonymous", "s3:GetObject", "arn:aws:s3:::open/k")["explanation"]
    assert answer["decision"] == "ALLOWED"


def test_a_listing_goes_on_over_pages(house):
    iam = house.client(house.root, "iam")
    for number in range(5):
        iam.create_role(
            RoleName=f"r{number}",
            AssumeRolePolicyDocument=policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
        )
        everything = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        iam.put_role_policy(RoleName=f"r{number}", PolicyName="all", PolicyDocument=everything)
    found, token = [], None
    while True:
        body = {"Action": "s3:PutObject", "Resource": REPORT, "MaxResults": 2, **({"NextToken": token} if token else {})}
        answer = house.signed(
            house.root,
            "POST",
            headers={"X-Amz-Target": "Strongroom_20261124.ListWhoCan", "Content-Type": "application/x-amz-json-1.1"},
            body=json.dumps(body).encode(),
            service="strongroom",
        )
        assert answer.status == 200, answer.body
        page = json.loads(answer.body)
        assert len(page["Principals"]) <= 2
        found += [one["Principal"] for one in page["Principals"]]
        token = page.get("NextToken")
        if not token:
            break
    assert len(found) == len(set(found))
    assert {f"arn:aws:iam::{house.root.account_id}:role/r{number}" for number in range(5)} <= set(found)


def test_questions_that_cannot_be_put_say_why(house):
    for arguments, said in [
        ((house.ann_arn, "s3:GetObject", "arn:aws:s3:::no-such-bucket/k"), "there is no bucket no-such-bucket"),
        ((house.ann_arn, "s3:GetObject", "reports"), "reports is no resource"),
        ((house.ann_arn + "x", "s3:GetObject", REPORT), "is no principal of this installation"),
        ((house.ann_arn, "GetObject", REPORT), "ction"),
    ]:
        done = explain(house, *arguments, check=False)
        assert done.returncode == 1 and said in done.stderr, done.stderr
    done = ask(house, "explain", "0123456789ABCDEF", check=False)
    assert done.returncode == 1 and "No request 0123456789ABCDEF is recorded" in done.stderr


def test_only_the_management_account_s_administrators_may_ask(house):
    for account in (house.ann, house.bob):
        done = ask(house, "who-can", "s3:GetObject", REPORT, account=account, check=False)
        assert done.returncode == 1 and "not authorized" in done.stderr, done.stderr
