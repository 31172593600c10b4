"""Ansible's modules for IAM and S3, as an administrator runs them: what is there already is left alone."""

import json
import pathlib
import re
import subprocess

import pytest

from harness import ROOT

FOLDER = pathlib.Path(__file__).with_name("clients") / "ansible"
CACHE = ROOT / ".cache"


@pytest.fixture
def play(fresh, tmp_path):
    """Runs a playbook against a server of its own, and gives how many tasks were well and how many changed something."""
    for name in ("venv-clients-ansible", "ansible"):
        if not (CACHE / name / "wanted").exists():
            pytest.skip(f"{CACHE / name} is not there with all that belongs to it; script/test installs it")
    server = fresh().start()
    variables = {
        "endpoint": server.endpoint(),
        "access_key": server.root.access_key,
        "secret_key": server.root.secret_key,
        "ca": server.ca,
        "region": server.region,
        "account": server.root.account_id,
        "ansible_python_interpreter": str(CACHE / "venv-clients-ansible" / "bin" / "python"),
    }
    environment = server.environment() | {
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(CACHE / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "LC_ALL": "C.UTF-8",
    }

    def run(playbook, *options, **more):
        command = [CACHE / "venv-clients-ansible" / "bin" / "ansible-playbook", FOLDER / playbook, *options]
        command += ["--inventory", "localhost,", "--extra-vars", json.dumps(variables | more)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        recap = re.search(r"ok=(\d+) +changed=(\d+) +unreachable=0 +failed=0", done.stdout)
        return server, int(recap[1]), int(recap[2]), done.stdout

    return run


@pytest.mark.timeout(600)
def test_a_second_run_changes_no_identities(play):
    server, ok, changed, said = play("iam.yml", wanted="present")
    assert (ok, changed) == (11, 7), said
    _, again, changed, said = play("iam.yml", wanted="present")
    assert (again, changed) == (ok, 0), said
    iam = server.client(server.root, "iam")
    role = iam.get_role(RoleName="ansible-role")["Role"]
    assert (role["Path"], role["MaxSessionDuration"]) == ("/team/", 7200)
    assert [user["UserName"] for user in iam.get_group(GroupName="ansible-group")["Users"]] == ["ansible-user"]
    for list_, name in (("user", "ansible-user"), ("group", "ansible-group"), ("role", "ansible-role")):
        listed = getattr(iam, f"list_{list_}_policies")(**{f"{list_.title()}Name": name})
        assert listed["PolicyNames"] == ["inline"]

    _, ok, changed, said = play("iam.yml", wanted="absent", first=True)
    assert (ok, changed) == (7, 7), said
    _, ok, changed, said = play("iam.yml", wanted="absent", first=False)
    assert (ok, changed) == (6, 0), said
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["Groups"], summary["Roles"], summary["Policies"]) == (0, 0, 0, 0)


@pytest.mark.timeout(600)
def test_a_second_run_changes_no_buckets(play):
    server, *_ = play("s3.yml", wanted="absent")
    control = server.client(server.root, "s3control", host="s3.localhost")
    control.delete_public_access_block(AccountId=server.root.account_id)
    s3 = server.client(server.root)
    told = {"wanted": "present", "told": "by Ansible"}
    _, ok, changed, said = play("s3.yml", **told)
    assert (ok, changed) == (5, 3), said
    _, again, changed, said = play("s3.yml", **told)
    assert (again, changed) == (ok, 0), said
    answer = server.http("GET", "/ansible-open/notes/read%20me")
    assert (answer.status, answer.body) == (200, b"by Ansible")
    tags = s3.get_object_tagging(Bucket="ansible-open", Key="notes/read me")["TagSet"]
    assert tags == [{"Key": "class", "Value": "public"}]
    assert server.http("GET", "/ansible-closed").said() == (403, "AccessDenied")
    block = s3.get_public_access_block(Bucket="ansible-closed")["PublicAccessBlockConfiguration"]
    assert list(block.values()) == [True] * 4

    _, _, changed, said = play("s3.yml", "--check", **told | {"told": "otherwise"})
    assert changed == 1, said
    assert s3.get_object(Bucket="ansible-open", Key="notes/read me")["Body"].read() == b"by Ansible"

    _, ok, changed, said = play("s3.yml", wanted="absent")
    assert (ok, changed) == (2, 2), said
    assert s3.list_buckets()["Buckets"] == []
