"""The root user retired, and the way back: offline, on the data directory, told in the trail."""

import dataclasses
import json

import pytest

from harness import Account, refused

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def recover(server, *arguments, check=True):
    return server.run("recover-root", "--data", str(server.data), "--output", "json", *arguments, check=check)


def as_root(server, shown):
    return Account(shown["account_id"], server.root.canonical_user_id, shown["access_key_id"], shown["secret_access_key"])


@pytest.fixture
def retired(fresh):
    """A server whose root user has no key any more, and its administrator."""
    server = fresh().start()
    iam = server.client(server.root, "iam")
    assert refused(iam.delete_access_key, AccessKeyId=server.root.access_key)[0] == "DeleteConflict"
    iam.create_user(UserName="admin")
    iam.attach_user_policy(UserName="admin", PolicyArn=ADMINISTRATOR)
    key = iam.create_access_key(UserName="admin")["AccessKey"]
    iam.delete_access_key(AccessKeyId=server.root.access_key)
    assert refused(iam.list_users) == ("InvalidClientTokenId", 403)
    admin = dataclasses.replace(server.root, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    assert server.client(admin, "iam").get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
    return server, admin


def test_a_retired_root_user_comes_back_and_the_trail_tells_of_it(retired):
    server, admin = retired
    running = recover(server, check=False)
    assert running.returncode == 1 and "secret" not in running.stdout
    assert server.stop() == 0
    done = recover(server)
    shown = json.loads(done.stdout)
    assert (shown["account_id"], shown["deactivated"], shown["deleted"]) == (server.root.account_id, [], [])
    server.start()
    root = as_root(server, shown)
    identity = server.client(root, "sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{server.root.account_id}:root"
    assert server.client(admin, "iam").get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 1
    event = next(event for event in wait_for(server, "RecoverRoot"))
    assert event["eventSource"] == "strongroom.amazonaws.com"
    assert event["requestParameters"]["accessKeyId"] == shown["access_key_id"]
    assert event["recipientAccountId"] == server.root.account_id
    assert "errorCode" not in event and event["readOnly"] is False
    assert shown["secret_access_key"] not in json.dumps(server.audit()) + server.log() + done.stderr
    assert server.stop() == 0
    assert server.verify().returncode == 0


def wait_for(server, name):
    import time

    deadline = time.monotonic() + 20
    while True:
        found = [event for event in server.audit() if event["eventName"] == name]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def test_other_keys_become_inactive_where_they_are_replaced(fresh):
    server = fresh()
    first = json.loads(recover(server).stdout)
    refused_ = recover(server, check=False)
    assert refused_.returncode == 1 and "--replace" in refused_.stderr
    second = json.loads(recover(server, "--replace").stdout)
    assert second["deactivated"] == [server.root.access_key, first["access_key_id"]]
    server.start()
    for old in (server.root, as_root(server, first)):
        assert refused(server.client(old, "sts").get_caller_identity) == ("InvalidClientTokenId", 403)
    iam = server.client(as_root(server, second), "iam")
    keys = {key["AccessKeyId"]: key["Status"] for key in iam.list_access_keys()["AccessKeyMetadata"]}
    assert keys == {id_: "Inactive" for id_ in second["deactivated"]} | {second["access_key_id"]: "Active"}
    for id_ in second["deactivated"]:
        iam.delete_access_key(AccessKeyId=id_)


def test_another_account_s_root_user_is_named_by_its_number(fresh):
    server = fresh().start()
    bob = server.create_account("bob@example.com")
    assert server.stop() == 0
    shown = json.loads(recover(server, "--account", bob.account_id).stdout)
    nobody = recover(server, "--account", "999999999999", check=False)
    assert nobody.returncode == 1 and "no account" in nobody.stderr
    server.start()
    assert server.client(as_root(server, shown), "sts").get_caller_identity()["Account"] == bob.account_id


def test_nothing_is_recovered_without_the_installation_s_own_root_key(fresh):
    server, other = fresh(), fresh()
    foreign = recover(server, "--root-key", f"file:{other.root_key}", check=False)
    assert foreign.returncode == 1 and foreign.stdout == ""
    missing = server.run("recover-root", "--data", str(server.home / "none"), check=False)
    assert missing.returncode == 1 and "holds no installation" in missing.stderr
