"""Cloud Custodian finds what is public and takes it away. It reads ten settings of every bucket, and gives up at an answer
that it does not know."""

import itertools
import json
import subprocess

import pytest

from harness import ROOT, refused

VENV = ROOT / ".cache" / "venv-clients-custodian"
POLICIES = ROOT / "tests" / "clients" / "custodian" / "public.yml"
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def switches(on):
    return dict.fromkeys(SWITCHES, on)


@pytest.fixture
def custodian(server, tmp_path):
    """Runs the policies as somebody, and gives the names of what each found."""
    if not (VENV / "wanted").exists():
        pytest.skip(f"{VENV} is not there with all its packages; script/test installs it")
    environment = {
        # S3 Control puts the account's number before the endpoint's name, and the certificate covers it there.
        "AWS_ENDPOINT_URL": server.endpoint(host="s3.localhost"),
        "PYTHONPATH": str(ROOT / "tests" / "clients" / "localhost"),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
    }
    numbers = itertools.count()

    def run(account):
        output = tmp_path / f"found-{next(numbers)}"
        command = [VENV / "bin" / "custodian", "run", "--output-dir", output, "--cache-period", "0"]
        command += ["--region", server.region, POLICIES]
        environ = server.environment(account) | environment
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert "ERROR" not in done.stderr, done.stderr[-3000:]
        found = {}
        for path in sorted(output.glob("*/resources.json")):
            found[path.parent.name] = sorted(map(name_of, json.loads(path.read_text())))
        return found

    return run


def name_of(resource):
    return resource.get("Name") or resource.get("UserName") or resource["account_id"]


@pytest.fixture
def account(server):
    """An account of its own, in which three buckets are public by a list, by a policy, and not at all."""
    root = server.create_account("custodian@example.com")
    s3 = server.client(root)
    control = server.client(root, "s3control", host="s3.localhost")
    control.put_public_access_block(AccountId=root.account_id, PublicAccessBlockConfiguration=switches(False))
    for name in ("custodian-list", "custodian-policy", "custodian-closed"):
        s3.create_bucket(Bucket=name)
    for name in ("custodian-list", "custodian-policy"):
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=switches(False))
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket="custodian-list", OwnershipControls=rules)
    s3.put_bucket_acl(Bucket="custodian-list", ACL="public-read")
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::custodian-policy/*"}
    statements = [
        read | {"Sid": "Everybody", "Principal": "*"},
        read | {"Sid": "Own", "Principal": {"AWS": root.account_id}},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    s3.put_bucket_policy(Bucket="custodian-policy", Policy=policy)
    s3.put_object(Bucket="custodian-policy", Key="k", Body=b"seen")
    iam = server.client(root, "iam")
    iam.create_user(UserName="keyed")
    iam.create_access_key(UserName="keyed")
    iam.create_user(UserName="keyless")
    # Custodian would wait ten seconds for the report that it has made.
    iam.generate_credential_report()
    return root


def test_what_is_public_is_found_and_closed(server, custodian, account):
    s3 = server.client(account)
    assert server.http("GET", "/custodian-policy/k").body == b"seen"
    assert server.http("GET", "/custodian-list").status == 200

    everything = ["custodian-closed", "custodian-list", "custodian-policy"]
    assert custodian(account) == {
        "public-acl": ["custodian-list"],
        "public-policy": ["custodian-policy"],
        "open-bucket": ["custodian-list", "custodian-policy"],
        "open-account": [account.account_id],
        "shared": [],
        "unencrypted": [],
        "with-lists": ["custodian-list"],
        "untagged": everything,
        "unversioned": everything,
        "with-keys": ["keyed"],
    }
    assert server.http("GET", "/custodian-policy/k").said() == (403, "AccessDenied")
    assert server.http("GET", "/custodian-list").said() == (403, "AccessDenied")
    grants = s3.get_bucket_acl(Bucket="custodian-list")["Grants"]
    assert [grant["Grantee"]["ID"] for grant in grants] == [account.canonical_user_id]
    policy = json.loads(s3.get_bucket_policy(Bucket="custodian-policy")["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["Own"]
    for name in everything:
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert block == switches(True), name
        assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "owner", "Value": "nobody"}]
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert refused(s3.put_bucket_acl, Bucket="custodian-list", ACL="public-read") == ("AccessDenied", 403)

    again = custodian(account)
    assert {name: found for name, found in again.items() if found} == {
        "with-lists": ["custodian-list"],
        "with-keys": ["keyed"],
    }
