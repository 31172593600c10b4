"""VPC endpoints: a network in front of the store has a name, a policy, and buckets that answer nowhere else.

A connection is an endpoint's by the address that it comes in at, or by what a trusted balancer says of it in the PROXY
protocol; never by anything that a request says.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions
import pytest

from harness import Account, failure, free_ports, refused
from test_web_identity import ISSUER, Issuer

ALLOW_ALL = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def only_through(bucket, endpoint):
    """AWS's example: nothing but what comes through the endpoint, whoever asks."""
    return policy(
        {
            "Sid": "Access-to-specific-VPCE-only",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
            "Effect": "Deny",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"StringNotEquals": {"aws:SourceVpce": endpoint}},
        }
    )


def own_account_only(account):
    """An endpoint that leads to the buckets of one account, whoever asks: what is taken cannot be put elsewhere."""
    return policy(
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceAccount": account.account_id}},
        }
    )


class Balancer:
    """Passes connections on with a header of PROXY protocol version 2 before them, as a Network Load Balancer does."""

    def __init__(self, target, header, bind=""):
        self.target, self.header, self.bind = target, header, bind
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, peer = self.listener.accept()
            except OSError:
                return
            source = (self.bind, 0) if self.bind else None
            server = socket.create_connection(("127.0.0.1", self.target), source_address=source)
            with contextlib.suppress(OSError):
                server.sendall(self.header(peer))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def proxy_header(source, endpoint=None, *, checksum=True, flip=0):
    """A header as a Network Load Balancer writes it: addresses, the checksum, the endpoint."""
    rest = socket.inet_aton(source[0]) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", source[1], 443)
    at = None
    if checksum:
        at = 16 + len(rest) + 3
        rest += b"\x03" + struct.pack(">H", 4) + bytes(4)
    if endpoint:
        value = b"\x01" + endpoint.encode()
        rest += b"\xea" + struct.pack(">H", len(value)) + value
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(rest)) + rest
    if at:
        header = header[:at] + struct.pack(">I", crc32c(header) ^ flip) + header[at + 4 :]
    return header


class Network:
    """A server with three endpoints: one bound to an address, one that a balancer names, one that nothing leads to."""

    def __init__(self, server):
        self.server = server
        self.alice = server.root
        self.port, self.plain_port, self.balanced_port, self.foreign_port = free_ports(4)
        server.start()
        self.bob = server.create_account("bob@example.com")
        ec2 = server.client(self.alice, "ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.bound, self.balanced, self.idle = (self.make(ec2) for _ in range(3))
        self.sts_port = free_ports(1)[0]
        self.sts = self.make(ec2, service="sts", kind="Interface")
        assert server.stop() == 0
        self.issuer = Issuer(ISSUER)
        (server.home / "keys.json").write_text(json.dumps(self.issuer.key_set()))
        config = server.home / "strongroom.toml"
        config.write_text(self.configuration())
        server.extra = ["--config", str(config)]
        server.start()
        self.balancers = []

    def make(self, ec2, service="s3", kind="Gateway"):
        made = ec2.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName=f"com.amazonaws.us-east-1.{service}", VpcEndpointType=kind
        )
        return made["VpcEndpoint"]["VpcEndpointId"]

    def configuration(self):
        return f"""
[[listeners]]
listen = "127.0.0.1:{self.port}"
endpoint = "{self.bound}"

[[listeners]]
listen = "127.0.0.1:{self.plain_port}"
endpoint = "{self.bound}"
plaintext = true

[[listeners]]
listen = "127.0.0.1:{self.sts_port}"
endpoint = "{self.sts}"

[[listeners]]
listen = "127.0.0.1:{self.balanced_port}"
balancers = ["127.0.0.0/30"]

[[listeners]]
listen = "127.0.0.1:{self.foreign_port}"
balancers = ["10.0.0.0/8"]

[[oidc]]
issuer = "{ISSUER}"
jwks_file = "keys.json"
"""

    def client(self, account, port, service="s3", scheme="https"):
        return boto3.client(
            service,
            aws_access_key_id=account.access_key,
            aws_secret_access_key=account.secret_key,
            region_name="us-east-1",
            endpoint_url=f"{scheme}://localhost:{port}",
            verify=self.server.ca,
            config=botocore.config.Config(
                retries={"total_max_attempts": 1},
                signature_version="s3v4" if service == "s3" else "v4",
                connect_timeout=5,
                read_timeout=20,
                s3={"addressing_style": "path"},
            ),
        )

    def through_balancer(self, account, header, port=None, service="s3"):
        balancer = Balancer(port or self.balanced_port, header)
        self.balancers.append(balancer)
        return self.client(account, balancer.port, service)

    def ec2(self):
        return self.server.client(self.alice, "ec2")

    def close(self):
        for balancer in self.balancers:
            balancer.close()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    from harness import Server

    server = Server(tmp_path_factory.mktemp("network"))
    network = Network(server)
    yield network
    network.close()
    assert server.stop() == 0


@pytest.fixture
def bucket(network, name):
    s3 = network.server.client(network.alice)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"secret")
    return name


def read(client, bucket, key="k"):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_vpc_and_its_endpoints_live_as_ec2_s_do(server, alice):
    ec2 = server.client(alice, "ec2")
    vpc = ec2.create_vpc(
        CidrBlock="10.7.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "front"}]}]
    )["Vpc"]
    assert vpc["State"] == "available" and vpc["OwnerId"] == alice.account_id
    found = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["fr*"]}, {"Name": "vpc-id", "Values": [vpc["VpcId"]]}])
    assert found["Vpcs"][0]["Tags"] == [{"Key": "Name", "Value": "front"}]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc["VpcId"]])
    assert ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"] is True
    made = ec2.create_vpc_endpoint(
        VpcId=vpc["VpcId"],
        ServiceName="com.amazonaws.us-east-1.s3",
        VpcEndpointType="Interface",
        PolicyDocument=own_account_only(alice),
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "team", "Value": "red"}]}],
    )["VpcEndpoint"]
    endpoint = made["VpcEndpointId"]
    assert (made["State"], made["SubnetIds"], made["Groups"]) == ("available", [], [])
    pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])
    (listed,) = [endpoint for page in pages for endpoint in page["VpcEndpoints"]]
    assert json.loads(listed["PolicyDocument"]) == json.loads(own_account_only(alice))
    assert listed["Tags"] == [{"Key": "team", "Value": "red"}]
    assert ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, ResetPolicy=True)["Return"] is True
    (listed,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert json.loads(listed["PolicyDocument"])["Statement"] == ALLOW_ALL["Statement"]
    ec2.create_tags(Resources=[vpc["VpcId"], endpoint], Tags=[{"Key": "team", "Value": "blue"}])
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [endpoint]}])["Tags"]
    assert [(tag["Key"], tag["Value"], tag["ResourceType"]) for tag in tags] == [("team", "blue", "vpc-endpoint")]
    ec2.delete_tags(Resources=[endpoint], Tags=[{"Key": "team"}])
    assert refused(ec2.delete_vpc, VpcId=vpc["VpcId"]) == ("DependencyViolation", 400)
    answer = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, "vpce-00000000000000000"])
    assert [item["ResourceId"] for item in answer["Unsuccessful"]] == ["vpce-00000000000000000"]
    assert refused(ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint]) == ("InvalidVpcEndpointId.NotFound", 400)
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    assert refused(ec2.describe_vpcs, VpcIds=[vpc["VpcId"]]) == ("InvalidVpcID.NotFound", 400)


def test_what_is_wrong_is_named_as_ec2_names_it(server, alice):
    ec2 = server.client(alice, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    service = "com.amazonaws.us-east-1.s3"
    for arguments, code in [
        ({"VpcId": "vpc-0", "ServiceName": service}, "InvalidVpcID.Malformed"),
        ({"VpcId": "vpc-00000000000000000", "ServiceName": service}, "InvalidVpcID.NotFound"),
        ({"VpcId": vpc}, "MissingParameter"),
        ({"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.nothing"}, "InvalidServiceName"),
        ({"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.sts"}, "InvalidParameter"),
        ({"VpcId": vpc, "ServiceName": service, "PolicyDocument": "{}"}, "InvalidPolicyDocument"),
        ({"VpcId": vpc, "ServiceName": service, "PolicyDocument": policy(*ALLOW_ALL["Statement"]) + " " * 20_480}, "InvalidPolicyDocument"),
        ({"VpcId": vpc, "ServiceName": service, "RouteTableIds": ["rtb-00000000000000000"]}, "InvalidRouteTableID.NotFound"),
    ]:  # fmt: skip
        assert refused(ec2.create_vpc_endpoint, **arguments) == (code, 400), arguments
    assert refused(ec2.create_vpc, CidrBlock="10.0.0.0/8") == ("InvalidVpc.Range", 400)
    assert refused(ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True) == ("DryRunOperation", 412)
    names = ec2.describe_vpc_endpoint_services()["ServiceNames"]
    assert {"com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.sts", "com.amazonaws.iam"} <= set(names)


def test_what_is_named_many_times_is_answered_once_and_filters_are_short(server, alice):
    ec2 = server.client(alice, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    endpoints = [
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")["VpcEndpoint"]["VpcEndpointId"]
        for _ in range(2)
    ]
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=endpoints * 400)["VpcEndpoints"]
    assert sorted(one["VpcEndpointId"] for one in found) == sorted(endpoints)
    assert len(ec2.describe_vpcs(VpcIds=[vpc] * 900)["Vpcs"]) == 1

    def regions(*values):
        return ec2.describe_regions(Filters=[{"Name": "region-name", "Values": list(values)}])["Regions"]

    assert len(regions("*" * 255)) == 2 and regions("us-*")[0]["RegionName"] == "us-east-1"
    for call in (regions, lambda *values: ec2.describe_vpcs(Filters=[{"Name": "tag:a", "Values": list(values)}])):
        assert refused(call, "*a" * 500) == ("InvalidParameterValue", 400)
        assert refused(call, *["a"] * 201) == ("InvalidParameterValue", 400)
    ec2.delete_vpc_endpoints(VpcEndpointIds=endpoints)
    ec2.delete_vpc(VpcId=vpc)


def test_users_need_leave_for_it_on_the_resource_and_its_tags(server, alice, name):
    iam, ec2 = server.client(alice, "iam"), server.client(alice, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = server.client(Account(alice.account_id, "", key["AccessKeyId"], key["SecretAccessKey"]), "ec2")
    arguments = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.s3"}
    tagged = arguments | {
        "TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "team", "Value": "red"}]}]
    }
    answer = failure(user.create_vpc_endpoint, **arguments, DryRun=True)
    assert answer["Error"]["Code"] == "UnauthorizedOperation" and answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "is not authorized to perform: ec2:CreateVpcEndpoint" in answer["Error"]["Message"]
    arn = f"arn:aws:ec2:us-east-1:{alice.account_id}"
    may = {"Effect": "Allow", "Action": "ec2:CreateVpcEndpoint", "Resource": [f"{arn}:vpc/{vpc}", f"{arn}:vpc-endpoint/*"]}
    red = {"StringEquals": {"aws:RequestTag/team": "red"}}
    tags = {"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": f"{arn}:vpc-endpoint/*", "Condition": red}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(may))
    assert refused(user.create_vpc_endpoint, **arguments, DryRun=True) == ("DryRunOperation", 412)
    assert refused(user.create_vpc_endpoint, **tagged) == ("UnauthorizedOperation", 403)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(may, tags))
    made = user.create_vpc_endpoint(**tagged)["VpcEndpoint"]
    blue = {"ResourceType": "vpc-endpoint", "Tags": [{"Key": "team", "Value": "blue"}]}
    assert refused(user.create_vpc_endpoint, **arguments | {"TagSpecifications": [blue]}) == ("UnauthorizedOperation", 403)
    assert refused(user.delete_vpc_endpoints, VpcEndpointIds=[made["VpcEndpointId"]]) == ("UnauthorizedOperation", 403)
    assert len(ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"]) == 1, "nothing was deleted"
    for key, value, code in [
        ("aws:ResourceTag/team", "blue", "UnauthorizedOperation"),
        ("ec2:ResourceTag/team", "red", "DryRunOperation"),
        ("aws:ResourceTag/team", "red", "DryRunOperation"),
    ]:
        condition = {"StringEquals": {key: value}}
        delete = {"Effect": "Allow", "Action": "ec2:DeleteVpcEndpoints", "Resource": f"{arn}:vpc-endpoint/*", "Condition": condition}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(delete))
        assert refused(user.delete_vpc_endpoints, VpcEndpointIds=[made["VpcEndpointId"]], DryRun=True)[0] == code, condition
    listed = failure(user.describe_vpc_endpoints)
    assert listed["Error"]["Message"].startswith("You are not authorized to perform this operation. User: ")


def test_a_bucket_that_names_an_endpoint_answers_there_and_nowhere_else(network, bucket):
    public = network.server.client(network.alice)
    through = network.client(network.alice, network.port)
    assert read(public, bucket) == read(through, bucket) == b"secret"
    public.put_bucket_policy(Bucket=bucket, Policy=only_through(bucket, network.bound))
    assert read(through, bucket) == b"secret"
    assert read(network.client(network.alice, network.plain_port, scheme="http"), bucket) == b"secret"
    for elsewhere in [
        public,
        network.server.client(network.alice, plaintext=True),
        network.through_balancer(network.alice, lambda peer: proxy_header(peer, network.balanced)),
        network.through_balancer(network.alice, lambda peer: proxy_header(peer)),
    ]:
        answer = failure(elsewhere.get_object, Bucket=bucket, Key="k")
        assert answer["Error"]["Code"] == "AccessDenied"
        assert "with an explicit deny in a resource-based policy" in answer["Error"]["Message"]
        assert refused(elsewhere.put_object, Bucket=bucket, Key="new", Body=b"x") == ("AccessDenied", 403)
    through.put_object(Bucket=bucket, Key="new", Body=b"x")


def test_a_balancer_puts_connections_into_the_endpoint_that_it_names(network, bucket):
    public = network.server.client(network.alice)
    public.put_bucket_policy(Bucket=bucket, Policy=only_through(bucket, network.balanced))
    through = network.through_balancer(network.alice, lambda peer: proxy_header(("192.0.2.7", 12345), network.balanced))
    assert read(through, bucket) == b"secret"
    without = network.through_balancer(
        network.alice, lambda peer: proxy_header(("192.0.2.7", 12345), network.balanced, checksum=False)
    )
    assert read(without, bucket) == b"secret", "the checksum is the balancer's choice"
    event = record(network.server, through.get_object(Bucket=bucket, Key="k"))
    assert event["sourceIPAddress"] == "192.0.2.7"
    assert event["vpcEndpointId"] == network.balanced
    assert event["vpcEndpointAccountId"] == network.alice.account_id
    assert refused(network.client(network.alice, network.port).get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)


def record(server, answer):
    (event,) = server.events_of(answer["ResponseMetadata"]["RequestId"])
    return event


def test_inside_a_vpc_addresses_are_the_vpc_s(network, bucket):
    public = network.server.client(network.alice)
    from_here = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    for key, address, allowed in [
        ("aws:VpcSourceIp", "10.1.2.3", True),
        ("aws:VpcSourceIp", "10.1.2.4", False),
        # The key is not there, so that nothing is equal to it.
        ("aws:SourceIp", "10.1.2.3", False),
    ]:
        condition = {"NotIpAddress": {key: f"{address}/32"}}
        public.put_bucket_policy(Bucket=bucket, Policy=policy(from_here | {"Condition": condition}))
        through = network.through_balancer(network.alice, lambda peer: proxy_header(("10.1.2.3", 4321), network.balanced))
        if allowed:
            assert read(through, bucket) == b"secret"
        else:
            assert refused(through.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
        assert refused(public.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)


def closed(port, sent, source="127.0.0.1", context=None):
    """Whether the server closes the connection on what is sent, without a word."""
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0)) as raw:
        try:
            raw.sendall(sent)
            if context:
                context.wrap_socket(raw, server_hostname="localhost").close()
                return False
            return raw.recv(100) == b""
        except (ConnectionError, ssl.SSLError):
            return True


def test_nothing_but_a_whole_header_of_a_trusted_balancer_is_believed(network):
    context = ssl.create_default_context(cafile=network.server.ca)
    good = proxy_header(("192.0.2.7", 1), network.balanced)
    assert not closed(network.balanced_port, good, context=context), "the allowed twin"
    for bad in [
        b"PROXY TCP4 192.0.2.7 127.0.0.1 1 443\r\n",
        proxy_header(("192.0.2.7", 1), network.balanced, flip=1),
        good + good,
        b"",  # the client's own handshake
        good.replace(b"\x21\x11", b"\x21\x31"),
        proxy_header(("192.0.2.7", 1), "v" * 65),
    ]:
        assert closed(network.balanced_port, bad, context=context), bad
    assert closed(network.balanced_port, good, source="127.0.0.9"), "a peer that is no balancer"
    assert closed(network.foreign_port, good), "another listener's balancers"
    assert closed(network.port, good, context=context), "an endpoint's own address believes nobody"
    assert closed(network.server.port, good, context=context), "nor does the public one"


def test_a_header_that_does_not_come_holds_no_connection(network):
    with socket.create_connection(("127.0.0.1", network.balanced_port), timeout=20) as raw:
        raw.sendall(proxy_header(("192.0.2.7", 1), network.balanced)[:20])
        try:
            assert raw.recv(1) == b""
        except ConnectionError:
            pass


FORGED = {
    "X-Forwarded-For": "10.0.0.1",
    "Forwarded": "for=10.0.0.1",
    "X-Real-IP": "10.0.0.1",
    "aws-SourceVpce": "{id}",
    "aws:SourceVpce": "{id}",
    "x-amz-vpce-id": "{id}",
    "X-Amz-Source-Vpce": "{id}",
    "x-amz-source-vpc": "{vpc}",
    "X-Amz-Vpc-Endpoint-Id": "{id}",
}


@pytest.mark.parametrize("header", FORGED)
def test_no_header_puts_a_request_into_an_endpoint(network, bucket, header):
    server = network.server
    server.client(network.alice).put_bucket_policy(Bucket=bucket, Policy=only_through(bucket, network.bound))
    value = FORGED[header].format(id=network.bound, vpc=network.vpc)
    if ":" in header:
        answer = server.signed(network.alice, "GET", f"/{bucket}/k", query=[(header, value)])
    else:
        answer = server.signed(network.alice, "GET", f"/{bucket}/k", headers={header: value})
    assert answer.said() == (403, "AccessDenied")
    host = server.signed(network.alice, "GET", f"/{bucket}/k", host=f"bucket.{network.bound}.s3.us-east-1.vpce.amazonaws.com")
    assert host.status in (301, 400, 403, 404)


def test_what_is_read_inside_cannot_be_put_into_another_account_s_bucket(network, bucket, name):
    """The attacker's own keys, on a machine inside."""
    ec2 = network.ec2()
    theirs = f"{name}-theirs"
    attacker, inside = network.server.client(network.bob), network.client(network.bob, network.port)
    attacker.create_bucket(Bucket=theirs)
    inside.put_object(Bucket=theirs, Key="before", Body=b"taken")
    opened = {"Effect": "Allow", "Principal": {"AWS": network.alice.account_id}, "Action": "s3:*", "Resource": f"arn:aws:s3:::{theirs}/*"}
    attacker.put_bucket_policy(Bucket=theirs, Policy=policy(opened))
    ec2.modify_vpc_endpoint(VpcEndpointId=network.bound, PolicyDocument=own_account_only(network.alice))
    try:
        for call, arguments in [
            (inside.put_object, {"Bucket": theirs, "Key": "k", "Body": b"taken"}),
            (inside.get_object, {"Bucket": theirs, "Key": "before"}),
            (inside.create_multipart_upload, {"Bucket": theirs, "Key": "k"}),
            (inside.list_objects_v2, {"Bucket": theirs}),
        ]:
            answer = failure(call, **arguments)
            assert answer["Error"]["Code"] == "AccessDenied", call
            assert "because no VPC endpoint policy allows the s3:" in answer["Error"]["Message"]
        owner = network.client(network.alice, network.port)
        copy = {"Bucket": theirs, "Key": "k", "CopySource": f"{bucket}/k"}
        assert refused(owner.copy_object, **copy) == ("AccessDenied", 403)
        assert "k" not in [found["Key"] for found in attacker.list_objects_v2(Bucket=theirs).get("Contents", [])]
        assert read(owner, bucket) == b"secret", "the endpoint leads to the account's own"
        network.server.client(network.alice).copy_object(**copy)  # from outside it may
        event = record(network.server, answer_of(inside.get_object, Bucket=theirs, Key="before"))
        assert event["errorCode"] == "AccessDenied" and event["vpcEndpointId"] == network.bound
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=network.bound, ResetPolicy=True)
    assert read(inside, theirs, "before") == b"taken"


def answer_of(call, **arguments):
    return failure(call, **arguments)


def test_why_an_endpoint_lets_something_not_through_can_be_asked(network, bucket):
    ec2 = network.ec2()
    iam = network.server.client(network.alice, "iam")
    ann = iam.create_user(UserName=bucket)["User"]["Arn"]
    every = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    iam.put_user_policy(UserName=bucket, PolicyName="all", PolicyDocument=every)
    write_only = policy({"Effect": "Allow", "Principal": "*", "Action": "s3:Put*", "Resource": "*"})
    ec2.modify_vpc_endpoint(VpcEndpointId=network.idle, PolicyDocument=write_only)
    read = ("--principal", ann, "--action", "s3:GetObject", "--resource", f"arn:aws:s3:::{bucket}/k")

    def ask(*more):
        arguments = (*read, *more, "--endpoint", network.server.endpoint(), "--output", "json")
        return json.loads(network.server.run("explain", *arguments, account=network.alice).stdout)["explanation"]

    assert ask()["decision"] == "ALLOWED"
    through = ask("--context", f"aws:SourceVpce={network.idle}")
    assert through["decision"] == "IMPLICITLY_DENIED"
    (change,) = through["changes"]
    assert change["kind"] == "ADD_STATEMENT" and change["policy_type"] == "VPC endpoint policy"


def test_nobody_known_is_bound_by_the_endpoint_s_policy_too(network, bucket):
    s3, ec2 = network.server.client(network.alice), network.ec2()
    s3.delete_public_access_block(Bucket=bucket)
    control = network.server.client(network.alice, "s3control", host="s3.localhost")
    control.put_public_access_block(
        AccountId=network.alice.account_id,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], False
        ),
    )
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(everybody))
    get = http.client.HTTPConnection("127.0.0.1", network.plain_port, timeout=20)
    get.request("GET", f"/{bucket}/k")
    answer = get.getresponse()
    assert (answer.status, answer.read()) == (200, b"secret")
    known = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"Null": {"aws:PrincipalAccount": "false"}}}
    ec2.modify_vpc_endpoint(VpcEndpointId=network.bound, PolicyDocument=policy(known))
    try:
        # On the connection that is open.
        get.request("GET", f"/{bucket}/k")
        answer = get.getresponse()
        assert answer.status == 403 and b"AccessDenied" in answer.read()
        assert read(network.client(network.alice, network.port), bucket) == b"secret"
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=network.bound, ResetPolicy=True)
        get.close()


def test_an_endpoint_is_of_one_service_and_its_policy_says_who_may_ask_who_he_is(network, bucket):
    ec2 = network.ec2()
    sts = network.client(network.alice, network.sts_port, "sts")
    assert sts.get_caller_identity()["Account"] == network.alice.account_id
    s3 = network.client(network.alice, network.sts_port)
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert refused(network.client(network.alice, network.port, "sts").get_caller_identity) == ("AccessDenied", 403)
    ours = policy(ALLOW_ALL["Statement"][0] | {"Condition": {"StringEquals": {"aws:PrincipalAccount": network.alice.account_id}}})
    ec2.modify_vpc_endpoint(VpcEndpointId=network.sts, PolicyDocument=ours)
    assert sts.get_caller_identity()["Account"] == network.alice.account_id
    assert refused(network.client(network.bob, network.sts_port, "sts").get_caller_identity) == ("AccessDenied", 403)


def test_whose_the_endpoint_is_stands_in_the_record_of_what_never_got_that_far(network):
    """Another service than the endpoint's, and a head that is none."""
    answers = [failure(network.client(network.alice, network.port, "sts").get_caller_identity)["ResponseMetadata"]["RequestId"]]
    with socket.create_connection(("127.0.0.1", network.plain_port), timeout=20) as raw:
        raw.sendall(b"GET / HTTP/1.1\nHost: a\n\n")
        answer = http.client.HTTPResponse(raw)
        answer.begin()
        assert answer.status == 400
        answers.append(answer.headers["x-amz-request-id"])
    for request_id in answers:
        (event,) = network.server.events_of(request_id)
        assert event["vpcEndpointId"] == network.bound, event
        assert event["vpcEndpointAccountId"] == network.alice.account_id, event


def test_a_token_is_exchanged_through_an_endpoint_as_its_policy_says(network, name):
    iam, ec2 = network.server.client(network.alice, "iam"), network.ec2()
    provider = iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["app"], ThumbprintList=["0" * 40])
    trusted = {"Federated": provider["OpenIDConnectProviderArn"]}
    trust = policy({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRoleWithWebIdentity"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=f"https://localhost:{network.sts_port}",
        verify=network.server.ca,
        config=botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}),
    )
    asked = {"RoleArn": role, "RoleSessionName": "session", "WebIdentityToken": network.issuer.token()}

    def only(**condition):
        closed = policy(ALLOW_ALL["Statement"][0] | condition)
        ec2.modify_vpc_endpoint(VpcEndpointId=network.sts, PolicyDocument=closed)

    ec2.modify_vpc_endpoint(VpcEndpointId=network.sts, ResetPolicy=True)
    try:
        assert sts.assume_role_with_web_identity(**asked)["SubjectFromWebIdentityToken"] == "ann"
        only(Resource=role)
        assert sts.assume_role_with_web_identity(**asked)["SubjectFromWebIdentityToken"] == "ann"
        only(Resource=f"{role}-other")
        assert refused(sts.assume_role_with_web_identity, **asked) == ("AccessDenied", 403)
        only(Principal={"AWS": network.alice.account_id})
        assert refused(sts.assume_role_with_web_identity, **asked) == ("AccessDenied", 403)
        # To everybody, which the endpoint's policy may say, a role is not given: the trust policy names the provider.
        ec2.modify_vpc_endpoint(VpcEndpointId=network.sts, ResetPolicy=True)
        everybody = policy({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity"})
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=everybody)
        assert refused(sts.assume_role_with_web_identity, **asked) == ("AccessDenied", 403)
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=network.sts, ResetPolicy=True)


def test_an_endpoint_that_is_gone_lets_nothing_through(network, bucket):
    """Neither on connections that are open, nor for a balancer that still names it."""
    ec2 = network.ec2()
    gone = network.make(ec2)
    through = network.through_balancer(network.alice, lambda peer: proxy_header(peer, gone))
    never = network.through_balancer(network.alice, lambda peer: proxy_header(peer, "vpce-00000000000000000"))
    assert read(through, bucket) == b"secret"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[gone])
    for call, arguments in [(through.get_object, {"Bucket": bucket, "Key": "k"}), (through.list_buckets, {}), (never.list_buckets, {})]:
        answer = failure(call, **arguments)
        assert answer["Error"]["Code"] == "AccessDenied", arguments
    event = record(network.server, answer)
    assert event["vpcEndpointId"] == "vpce-00000000000000000" and "vpcEndpointAccountId" not in event
    assert read(network.server.client(network.alice), bucket) == b"secret"


def test_a_presigned_address_is_good_through_its_endpoint_only(network, bucket):
    public = network.server.client(network.alice)
    public.put_bucket_policy(Bucket=bucket, Policy=only_through(bucket, network.bound))
    address = urllib.parse.urlsplit(
        network.client(network.alice, network.plain_port, scheme="http").generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": "k"}
        )
    )

    def status(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", f"{address.path}?{address.query}", headers={"Host": address.netloc})
        return connection.getresponse().status

    assert status(network.plain_port) == 200
    assert status(network.server.plain_port) == 403, "the same address, from outside"


# With networks of their own.


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def namespaces():
    """Two networks beside this host's: `inside` and `outside`, each with a wire to it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    mark = f"{os.getpid() % 10_000:04}"
    subnet = os.getpid() % 200 + 20
    made = []
    try:
        for place, which in enumerate(("inside", "outside")):
            space, wire = f"sr-{which}-{mark}", f"sr{place}{mark}"
            done = subprocess.run(["ip", "netns", "add", space], capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"network namespaces cannot be made here: {done.stderr.strip()}")
            made.append(space)
            ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", space)
            host, guest = f"10.{subnet}.{place}.1", f"10.{subnet}.{place}.2"
            ip("addr", "add", f"{host}/24", "dev", wire)
            ip("link", "set", wire, "up")
            ip("-n", space, "addr", "add", f"{guest}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            # Whoever is outside knows the way to the other side.
            ip("-n", space, "route", "add", "default", "via", host)
        wires = [f"sr{place}{mark}" for place in (0, 1)]
        yield {"spaces": made, "wires": wires, "hosts": [f"10.{subnet}.{place}.1" for place in (0, 1)]}
    finally:
        for space in made:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


CLIENT = """
import json, sys
import boto3, botocore.config, botocore.exceptions
asked = json.load(sys.stdin)
s3 = boto3.client(
    "s3", endpoint_url=asked["url"], region_name="us-east-1", verify=asked["ca"],
    aws_access_key_id=asked["key"], aws_secret_access_key=asked["secret"],
    config=botocore.config.Config(
        retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10, s3={"addressing_style": "path"}
    ),
)
try:
    if "put" in asked:
        s3.put_object(Bucket=asked["bucket"], Key="k", Body=asked["put"].encode())
        print("stored")
    else:
        print(s3.get_object(Bucket=asked["bucket"], Key="k")["Body"].read().decode())
except botocore.exceptions.ClientError as error:
    print(error.response["Error"]["Code"])
except (botocore.exceptions.ConnectTimeoutError, botocore.exceptions.EndpointConnectionError) as error:
    print("unreachable")
"""


def test_networks_of_their_own(fresh, namespaces, name):
    """A machine inside, with the owner's keys and with the attacker's; a machine outside, with the owner's."""
    inside, outside = namespaces["spaces"]
    (wire, _), (near, far) = namespaces["wires"], namespaces["hosts"]
    port, public_port = free_ports(2)
    server = fresh()
    server.start()
    owner, attacker = server.root, server.create_account("mallory@example.com")
    ec2, s3 = server.client(owner, "ec2"), server.client(owner)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    service = "com.amazonaws.us-east-1.s3"
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, PolicyDocument=own_account_only(owner))
    endpoint = endpoint["VpcEndpoint"]["VpcEndpointId"]
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"secret")
    s3.put_bucket_policy(Bucket=name, Policy=only_through(name, endpoint))
    theirs = f"{name}-theirs"
    server.client(attacker).create_bucket(Bucket=theirs)
    assert server.stop() == 0
    config = server.home / "strongroom.toml"
    # The public address is that of the other wire; the test's own stays beside it.
    config.write_text(
        f'[[listeners]]\nlisten = "{near}:{port}"\ninterface = "{wire}"\nendpoint = "{endpoint}"\n'
    )
    server.extra = ["--config", str(config), "--listen-plaintext", f"{far}:{public_port}"]
    server.plaintext = False
    server.start()

    def ask(space, url, account, bucket, **more):
        asked = {"url": url, "ca": server.ca, "key": account.access_key, "secret": account.secret_key, "bucket": bucket}
        done = subprocess.run(
            ["ip", "netns", "exec", space, sys.executable, "-c", CLIENT],
            input=json.dumps(asked | more), capture_output=True, text=True, timeout=60, env=server.environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    bound, public = f"https://{near}:{port}", f"http://{far}:{public_port}"
    assert ask(inside, bound, owner, name) == "secret"
    assert ask(outside, public, owner, name) == "AccessDenied", "the same keys, from outside"
    assert ask(inside, public, owner, name) == "AccessDenied", "inside, but not through the endpoint"
    assert ask(outside, bound, owner, name) == "unreachable", "a route to the address leads nowhere"
    assert ask(inside, bound, attacker, theirs, put="secret") == "AccessDenied", "nothing gets out through the endpoint"
    assert ask(outside, public, attacker, theirs, put="mine") == "stored"
    (got,) = [event for event in server.audit() if event.get("vpcEndpointId") and not event.get("errorCode")]
    assert got["sourceIPAddress"] == near.rsplit(".", 1)[0] + ".2"
