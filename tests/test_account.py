"""Account Management and the regions of EC2, by boto3."""

import dataclasses

import botocore.exceptions
import pytest

CONTACT = {"Name": "Ada", "Title": "CISO", "EmailAddress": "security@example.com", "PhoneNumber": "+1 555 0100"}


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(scope="module")
def account(server, alice):
    return server.client(alice, "account")


def test_contacts_are_absent_until_they_are_set(account):
    missing = ("ResourceNotFoundException", 404)
    assert refused(account.get_alternate_contact, AlternateContactType="SECURITY") == missing
    assert refused(account.delete_alternate_contact, AlternateContactType="SECURITY") == missing
    assert refused(account.get_contact_information) == missing
    account.put_alternate_contact(AlternateContactType="SECURITY", **CONTACT)
    found = account.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]
    assert found == CONTACT | {"AlternateContactType": "SECURITY"}
    account.delete_alternate_contact(AlternateContactType="SECURITY")
    assert refused(account.get_alternate_contact, AlternateContactType="SECURITY") == missing


def test_contact_information_comes_back_as_it_was_set(account):
    information = {
        "FullName": "Ada Lovelace", "AddressLine1": "1 St James's Square", "City": "London", "PostalCode": "SW1Y",
        "CountryCode": "GB", "PhoneNumber": "+44 20 7946 0000", "CompanyName": "Analytical Engines",
    }
    account.put_contact_information(ContactInformation=information)
    assert account.get_contact_information()["ContactInformation"] == information


def test_other_accounts_need_trusted_access(server, alice, bob, account):
    organizations = server.client(alice, "organizations")
    ask = {"AlternateContactType": "BILLING", "AccountId": bob.account_id}
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    assert refused(account.get_alternate_contact, **ask)[0] == "AccessDeniedException"
    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    account.put_alternate_contact(AccountId=bob.account_id, AlternateContactType="BILLING", **CONTACT)
    own = server.client(bob, "account")
    assert own.get_alternate_contact(AlternateContactType="BILLING")["AlternateContact"]["Name"] == "Ada"
    of_another = {"AlternateContactType": "BILLING", "AccountId": alice.account_id}
    assert refused(own.get_alternate_contact, **of_another)[0] == "AccessDeniedException"
    assert account.get_primary_email(AccountId=bob.account_id)["PrimaryEmail"] == "bob@example.com"


def test_regions_are_those_of_the_installation(server, account):
    ours = sorted(server.regions.split(","))
    pages = account.get_paginator("list_regions").paginate(PaginationConfig={"PageSize": 1})
    regions = [region for page in pages for region in page["Regions"]]
    assert [region["RegionName"] for region in regions] == ours
    assert {region["RegionOptStatus"] for region in regions} == {"ENABLED_BY_DEFAULT"}
    assert account.get_region_opt_status(RegionName="us-east-1")["RegionOptStatus"] == "ENABLED_BY_DEFAULT"
    assert account.get_region_opt_status(RegionName="af-south-1")["RegionOptStatus"] == "DISABLED"


def test_ec2_describes_the_same_regions(server, alice):
    ec2 = server.client(alice, "ec2")
    regions = ec2.describe_regions(AllRegions=True)["Regions"]
    assert sorted(region["RegionName"] for region in regions) == sorted(server.regions.split(","))
    assert {region["OptInStatus"] for region in regions} == {"opt-in-not-required"}
    one = ec2.describe_regions(RegionNames=["us-east-1"])["Regions"]
    assert [region["RegionName"] for region in one] == ["us-east-1"]
    filtered = ec2.describe_regions(Filters=[{"Name": "region-name", "Values": ["eu-*"]}])["Regions"]
    assert all(region["RegionName"].startswith("eu-") for region in filtered)
    assert refused(ec2.describe_regions, RegionNames=["xx-nowhere-1"]) == ("InvalidParameterValue", 400)
    assert refused(ec2.describe_regions, DryRun=True) == ("DryRunOperation", 412)


def test_strangers_are_refused_in_ec2_s_words(server, alice, name):
    iam = server.client(alice, "iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    assert refused(server.client(user, "ec2").describe_regions) == ("UnauthorizedOperation", 403)
    assert refused(server.client(user, "account").get_contact_information) == ("AccessDeniedException", 403)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
