"""Virtual MFA devices by boto3: from the seed to sessions that prove a second factor.

Source: IAM User Guide, "Assign a virtual MFA device" and "Secure API access with MFA"; RFC 6238.
"""

import base64
import csv
import dataclasses
import hashlib
import hmac
import io
import json
import struct
import time
import zlib

import boto3
import botocore.config
import pytest

from harness import failure, refused

STEP = 30


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Device:
    """A device as a person has it: an application that was shown the seed."""

    def __init__(self, iam, name):
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
        self.serial = made["SerialNumber"]
        self.picture = made["QRCodePNG"]
        self.seed = base64.b32decode(made["Base32StringSeed"])

    def code(self, step):
        tag = hmac.new(self.seed, struct.pack(">q", step), hashlib.sha1).digest()
        offset = tag[-1] & 15
        return f"{(struct.unpack('>I', tag[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def this_step():
    """The step that it is, with enough left of it for a test."""
    left = STEP - time.time() % STEP
    if left < 8:
        time.sleep(left + 0.1)
    return int(time.time()) // STEP


@pytest.fixture(scope="session")
def iam(server, alice):
    return server.client(alice, "iam")


@pytest.fixture
def user(alice, iam, name):
    """A user with all rights and a key."""
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name, PolicyName="all", PolicyDocument=policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])


def enable(iam, name, device, step):
    iam.enable_mfa_device(
        UserName=name,
        SerialNumber=device.serial,
        AuthenticationCode1=device.code(step - 1),
        AuthenticationCode2=device.code(step),
    )


def client_of(server, credentials, service):
    """A client with temporary credentials."""
    session = boto3.session.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=server.region,
    )
    config = botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=server.endpoint(), verify=server.ca, config=config)


def said(sts, **arguments):
    return failure(sts.get_session_token, **arguments)["Error"]["Message"]


def test_the_picture_is_a_png_that_decodes(iam, name):
    device = Device(iam, name)
    assert len(device.seed) == 40
    assert device.picture.startswith(b"\x89PNG\r\n\x1a\n")
    at, parts = 8, {}
    while at < len(device.picture):
        (length,) = struct.unpack(">I", device.picture[at : at + 4])
        kind, data = device.picture[at + 4 : at + 8], device.picture[at + 8 : at + 8 + length]
        assert struct.unpack(">I", device.picture[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        parts[kind] = data
        at += 12 + length
    width, height = struct.unpack(">II", parts[b"IHDR"][:8])
    assert width == height and len(zlib.decompress(parts[b"IDAT"])) == height * (1 + (width + 7) // 8)
    iam.delete_virtual_mfa_device(SerialNumber=device.serial)


def test_a_session_proves_the_second_factor_once_for_each_code(server, iam, user, name):
    device, step = Device(iam, name), this_step()
    enable(iam, name, device, step - 1)
    assert [found["SerialNumber"] for found in iam.list_mfa_devices(UserName=name)["MFADevices"]] == [device.serial]
    sts = server.client(user, "sts")
    good = {"SerialNumber": device.serial, "TokenCode": device.code(step)}
    assert refused(sts.get_session_token, SerialNumber=device.serial, TokenCode="000000")[0] == "AccessDenied"
    credentials = sts.get_session_token(**good)["Credentials"]
    assert refused(sts.get_session_token, **good) == ("AccessDenied", 403)
    assert said(sts, **good) == "MultiFactorAuthentication failed with invalid MFA one time pass code."
    plain = sts.get_session_token()["Credentials"]
    # What GetSessionToken gives without a second factor may not call IAM.
    assert client_of(server, credentials, "iam").get_user()["User"]["UserName"] == name
    assert refused(client_of(server, plain, "iam").get_user)[0] == "AccessDenied"


def test_policies_ask_for_the_second_factor(server, s3, iam, user, bucket, name):
    device, step = Device(iam, name), this_step()
    enable(iam, name, device, step - 1)
    iam.put_user_policy(
        UserName=name,
        PolicyName="all",
        PolicyDocument=policy(
            {"Effect": "Allow", "Action": ["s3:*", "sts:*"], "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
            },
        ),
    )
    assert refused(server.client(user).list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    sts = server.client(user, "sts")
    plain = sts.get_session_token()["Credentials"]
    assert refused(client_of(server, plain, "s3").list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    proved = sts.get_session_token(SerialNumber=device.serial, TokenCode=device.code(step))["Credentials"]
    assert client_of(server, proved, "s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_role_can_ask_for_a_code(server, alice, iam, user, name):
    device, step = Device(iam, name), this_step()
    enable(iam, name, device, step - 1)
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": alice.account_id},
            "Action": "sts:AssumeRole",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        }
    )
    role = iam.create_role(RoleName=f"{name}-r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = server.client(user, "sts")
    asked = {"RoleArn": role, "RoleSessionName": "session"}
    assert refused(sts.assume_role, **asked)[0] == "AccessDenied"
    assert refused(sts.assume_role, SerialNumber=device.serial, TokenCode="000000", **asked)[0] == "AccessDenied"
    taken = sts.assume_role(SerialNumber=device.serial, TokenCode=device.code(step), **asked)
    assert taken["AssumedRoleUser"]["Arn"].endswith(f"/{name}-r/session")


def test_guessing_is_stopped(server, iam, user, name):
    device, step = Device(iam, name), this_step()
    enable(iam, name, device, step - 1)
    sts = server.client(user, "sts")
    right = [device.code(near) for near in range(step - 3, step + 5)]
    wrong = next(code for code in (f"{number:06}" for number in range(9)) if code not in right)
    for _ in range(5):
        assert "invalid MFA" in said(sts, SerialNumber=device.serial, TokenCode=wrong)
    assert "too many" in said(sts, SerialNumber=device.serial, TokenCode=device.code(step))


def test_a_device_in_use_is_neither_deleted_nor_left_behind(iam, user, name):
    device, step = Device(iam, name), this_step()
    enable(iam, name, device, step)
    assert refused(iam.delete_virtual_mfa_device, SerialNumber=device.serial)[:2] == ("DeleteConflict", 409)
    listed = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert {found["SerialNumber"]: found["User"]["UserName"] for found in listed if "UserName" in found["User"]}[
        device.serial
    ] == name
    iam.deactivate_mfa_device(UserName=name, SerialNumber=device.serial)
    iam.delete_virtual_mfa_device(SerialNumber=device.serial)
    assert refused(iam.get_mfa_device, SerialNumber=device.serial, UserName=name)[:2] == ("NoSuchEntity", 404)


def test_the_root_user_s_device_shows_in_summary_and_report(fresh):
    server = fresh().start()
    iam = server.client(server.root, "iam")
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 0
    device, step = Device(iam, "root-account-mfa-device"), this_step()
    enable(iam, server.root.account_id, device, step - 1)
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["AccountMFAEnabled"], summary["MFADevices"], summary["MFADevicesInUse"]) == (1, 1, 1)
    iam.generate_credential_report()
    report = csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode()))
    assert next(iter(report))["mfa_active"] == "true"
    sts = server.client(server.root, "sts")
    assert sts.get_session_token(SerialNumber=device.serial, TokenCode=device.code(step))["Credentials"]
    # What was used stays used after a restart.
    assert server.stop() == 0
    server.start()
    sts = server.client(server.root, "sts")
    assert refused(sts.get_session_token, SerialNumber=device.serial, TokenCode=device.code(step))[0] == "AccessDenied"
    assert sts.get_session_token(SerialNumber=device.serial, TokenCode=device.code(step + 1))["Credentials"]


def test_neither_seed_nor_code_is_in_records_or_log(server, iam, user, name):
    device, step = Device(iam, name), this_step()
    enable(iam, name, device, step - 1)
    server.client(user, "sts").get_session_token(SerialNumber=device.serial, TokenCode=device.code(step))
    time.sleep(0.6)
    told = json.dumps(server.audit()) + server.log()
    assert device.serial in told
    assert base64.b32encode(device.seed).decode() not in told
