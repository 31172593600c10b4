"""Accounts: operations of the service `strongroom`, over the endpoint, through the gate, recorded."""

import json
import re

import pytest


def shown(done):
    return json.loads(done.stdout)


def accounts(server, *arguments, account, check=True):
    return server.run("account", *arguments, "--endpoint", server.endpoint(), "--output", "json", account=account, check=check)


def test_accounts_are_made_listed_and_described(server, alice, name):
    made = shown(accounts(server, "create", "--email", f"{name}@example.com", account=alice))
    described = shown(accounts(server, "describe", "--account-id", made["account_id"], account=alice))
    assert described["account_id"] == made["account_id"]
    assert described["email"] == f"{name}@example.com"
    assert "secret_access_key" not in described
    listed = shown(accounts(server, "list", account=alice))["accounts"]
    assert {made["account_id"], alice.account_id} <= {account["account_id"] for account in listed}


def test_an_account_that_is_not_there_is_said_not_to_be(server, alice):
    done = accounts(server, "describe", "--account-id", "999999999999", account=alice, check=False)
    assert done.returncode == 1
    assert "AccountNotFoundException" in done.stderr


def test_an_address_belongs_to_one_account(server, alice, name):
    accounts(server, "create", "--email", f"{name}@example.com", account=alice)
    done = accounts(server, "create", "--email", f"{name}@example.com", account=alice, check=False)
    assert done.returncode == 1
    assert "AccountAlreadyExistsException" in done.stderr


@pytest.mark.parametrize("arguments", [("list",), ("create", "--email", "mallory@example.com"), ("describe",)])
def test_another_account_may_do_none_of_it(server, alice, bob, arguments):
    named = ("--account-id", alice.account_id) if arguments == ("describe",) else ()
    done = accounts(server, *arguments, *named, account=bob, check=False)
    assert done.returncode == 1
    assert "AccessDenied" in done.stderr
    (event,) = server.events_of(re.search(r"request id ([0-9A-F]{16})", done.stderr)[1])
    assert event["errorCode"] == "AccessDenied"
    assert event["eventSource"] == "strongroom.amazonaws.com"
    assert event["userIdentity"]["accountId"] == bob.account_id
