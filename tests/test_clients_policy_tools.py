"""What others' programs say of an account, from its GetAccountAuthorizationDetails: parliament and cloudsplaining."""

import json
import pathlib
import subprocess
import sys

import pytest

from harness import ROOT

TOOLS = ROOT / ".cache" / "venv-clients-policy-tools"
S3_FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture(scope="module")
def tool():
    """Runs one of the tools."""
    if not (TOOLS / "wanted").exists():
        pytest.skip(f"{TOOLS} is not there with all its packages; script/test installs it")

    def run(name, *arguments, cwd):
        command = [TOOLS / "bin" / name, *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200)

    return run


@pytest.fixture(scope="module")
def details(tmp_path_factory, request):
    """An account with good and bad policies, as `aws iam get-account-authorization-details` prints it."""
    from harness import Server

    folder = tmp_path_factory.mktemp("account")
    server = Server(folder / "server").start()
    request.addfinalizer(server.kill)
    iam = server.client(server.root, "iam")
    iam.create_user(UserName="careful", Path="/team/", Tags=[{"Key": "team", "Value": "one"}])
    reads = policy(allow("s3:GetObject", "arn:aws:s3:::reports/*"))
    iam.put_user_policy(UserName="careful", PolicyName="reads", PolicyDocument=reads)
    iam.create_user(UserName="climber")
    climbs = policy(allow(["iam:PutUserPolicy", "iam:CreateAccessKey"], "*"))
    iam.put_user_policy(UserName="climber", PolicyName="climbs", PolicyDocument=climbs)
    iam.create_group(GroupName="all")
    iam.add_user_to_group(GroupName="all", UserName="careful")
    misspelt = policy(allow("s3:GetObjekt", "*"))
    iam.put_group_policy(GroupName="all", PolicyName="misspelt", PolicyDocument=misspelt)
    account = server.root.account_id
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="admin", AssumeRolePolicyDocument=policy(trust))
    iam.attach_role_policy(RoleName="admin", PolicyArn=S3_FULL)
    mismatched = policy(allow("s3:GetObject", "arn:aws:s3:::bucket-without-objects"))
    arn = iam.create_policy(PolicyName="mismatched", PolicyDocument=mismatched)["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="all", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=reads, SetAsDefault=False)

    aws = pathlib.Path(sys.executable).with_name("aws")
    command = [aws, "iam", "get-account-authorization-details", "--output", "json"]
    done = subprocess.run(command, env=server.environment(server.root), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    path = folder / "details.json"
    path.write_text(done.stdout)
    return account, path


def test_parliament_reads_every_policy_of_the_account(tool, details, tmp_path):
    account, path = details
    done = tool("parliament", "--auth-details-file", path, "--json", cwd=tmp_path)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert findings, done.stderr
    found = {(finding["issue"], finding["location"]["filepath"]) for finding in findings}
    arn = f"arn:aws:iam::{account}"
    assert found == {
        ("UNKNOWN_ACTION", f"{arn}:group/all"),
        ("RESOURCE_MISMATCH", f"{arn}:policy/mismatched"),
        ("RESOURCE_STAR", f"{arn}:user/climber"),
    }


def test_cloudsplaining_finds_who_can_become_what(tool, details, tmp_path):
    account, path = details
    arguments = ["scan", "--input-file", path, "--output", tmp_path, "--skip-open-report"]
    done = tool("cloudsplaining", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    results = json.loads(next(tmp_path.glob("iam-results-*.json")).read_text())
    assert {user["name"]: user["arn"] for user in results["users"].values()} == {
        "careful": f"arn:aws:iam::{account}:user/team/careful",
        "climber": f"arn:aws:iam::{account}:user/climber",
    }
    assert [role["name"] for role in results["roles"].values()] == ["admin"]
    assert [group["name"] for group in results["groups"].values()] == ["all"]
    careful = next(user for user in results["users"].values() if user["name"] == "careful")
    assert list(careful["groups"]) == ["all"]
    inline = {each["PolicyName"]: each for each in results["inline_policies"].values()}
    assert set(inline) == {"reads", "climbs", "misspelt"}
    ways = {way["type"] for way in inline["climbs"]["PrivilegeEscalation"]["findings"]}
    assert {"PutUserPolicy", "CreateAccessKey"} <= ways
    assert inline["reads"]["PrivilegeEscalation"]["findings"] == []
    managed = {each["PolicyName"] for each in results["customer_managed_policies"].values()}
    assert managed == {"mismatched"}
    assert "AmazonS3FullAccess" in {each["PolicyName"] for each in results["aws_managed_policies"].values()}
