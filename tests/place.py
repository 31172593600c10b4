"""A place with something of everything in it: what the sample requests are about.

A bucket with an object, users, roles, policies, contacts in one account, and the organisation around it; with all that an
operation could change of them, to be compared.
"""

import botocore.exceptions

from samples import ALL, HARMLESS, NO_TORRENTS, policy

PASSWORD = "Correct-Horse-1-Battery"
CONTACT = {"Name": "Ada", "Title": "CISO", "EmailAddress": "security@example.com", "PhoneNumber": "+1 555 0100"}
INFORMATION = {
    "FullName": "Ada Lovelace",
    "AddressLine1": "1 St James's Square",
    "City": "London",
    "PostalCode": "SW1Y",
    "CountryCode": "GB",
    "PhoneNumber": "+44 20 7946 0000",
}
SERVICE_ROLE = "AWSServiceRoleForConfig"
UUID = "00000000-0000-4000-8000-000000000000"
CODES = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
TAGS = [{"Key": "a", "Value": "b"}]

#: A policy of a VPC endpoint that lets nothing through.
ENDPOINT = policy({"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"})


def told(call, **arguments):
    """An answer without what differs from one answer to the next."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    answer.pop("ResponseMetadata")
    if "Body" in answer:
        answer["Body"] = answer["Body"].read()
    return answer


class Place:
    """Something of everything, in the account whose root user is given."""

    def __init__(self, server, root, name, organization):
        self.server, self.root, self.name, self.organization = server, root, name, organization
        self.s3, self.iam = server.client(root), server.client(root, "iam")
        self.control = server.client(root, "s3control", host="s3.localhost")
        self.account, self.ec2 = server.client(root, "account"), server.client(root, "ec2")
        self.bucket = f"{name}-bucket"
        self._furnish_s3()
        self._furnish_iam()
        self._furnish_network()
        self.account.put_alternate_contact(AlternateContactType="BILLING", **CONTACT)
        self.account.put_contact_information(ContactInformation=INFORMATION)

    def arn(self, rest):
        return f"arn:aws:iam::{self.root.account_id}:{rest}"

    def _furnish_s3(self):
        s3, bucket = self.s3, self.bucket
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"older", b"precious"):
            s3.put_object(Bucket=bucket, Key="k", Body=body, Tagging="kept=1")
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "kept", "Value": "1"}]})
        rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://kept.example"]}
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "kept.html"}})
        # One that takes nothing away from anybody.
        harmless = NO_TORRENTS | {"Principal": "*", "Resource": f"arn:aws:s3:::{bucket}/*"}
        self.guarded = policy(harmless)
        s3.put_bucket_policy(Bucket=bucket, Policy=self.guarded)
        self.upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        self.etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=self.upload, PartNumber=1, Body=b"part")["ETag"]

        for point in (f"{self.name}-point", f"{self.name}-loose"):
            self.control.create_access_point(AccountId=self.root.account_id, Name=point, Bucket=bucket)
        self.control.put_access_point_policy(AccountId=self.root.account_id, Name=f"{self.name}-point", Policy=self._point_policy())

        own = {"AccountId": self.root.account_id, "Name": f"{self.name}-point"}
        self.alias = self.control.get_access_point(**own)["Alias"]

    def _point_policy(self):
        point = f"arn:aws:s3:us-east-1:{self.root.account_id}:accesspoint/{self.name}-point/object/*"
        return policy(NO_TORRENTS | {"Principal": "*", "Resource": point})

    def _furnish_network(self):
        self.vpc, self.loose_vpc = (self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(2))
        self.endpoint, self.loose_endpoint = (self.make_endpoint("com.amazonaws.us-east-1.s3") for _ in range(2))
        self.ec2.create_tags(Resources=[self.vpc], Tags=TAGS)

    def make_endpoint(self, service, **more):
        return self.ec2.create_vpc_endpoint(VpcId=self.vpc, ServiceName=service, **more)["VpcEndpoint"]["VpcEndpointId"]

    def _furnish_iam(self):
        iam, name = self.iam, self.name
        trust = {"Effect": "Allow", "Principal": {"AWS": self.root.account_id}, "Action": "sts:AssumeRole"}
        self.trust = policy(trust)
        for user in (f"{name}-user", f"{name}-bare", f"{name}-loose"):
            iam.create_user(UserName=user, Tags=TAGS)
        for group in (f"{name}-group", f"{name}-bare", f"{name}-loose"):
            iam.create_group(GroupName=group)
        for role in (f"{name}-role", f"{name}-loose"):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=self.trust, Tags=TAGS)
        for profile in (f"{name}-profile", f"{name}-bare", f"{name}-loose"):
            iam.create_instance_profile(InstanceProfileName=profile, Tags=TAGS)
        self.policy = iam.create_policy(PolicyName=f"{name}-policy", PolicyDocument=HARMLESS, Tags=TAGS)["Policy"]["Arn"]
        self.bare_policy, self.loose_policy = (
            iam.create_policy(PolicyName=f"{name}-{which}", PolicyDocument=HARMLESS)["Policy"]["Arn"]
            for which in ("bare", "loose")
        )
        iam.create_policy_version(PolicyArn=self.policy, PolicyDocument=policy(ALL))
        iam.add_role_to_instance_profile(InstanceProfileName=f"{name}-profile", RoleName=f"{name}-role")
        iam.add_user_to_group(UserName=f"{name}-user", GroupName=f"{name}-group")
        for kind in ("User", "Group", "Role"):
            at = {f"{kind}Name": f"{name}-{kind.lower()}"}
            getattr(iam, f"attach_{kind.lower()}_policy")(PolicyArn=self.policy, **at)
            getattr(iam, f"put_{kind.lower()}_policy")(PolicyName="inline", PolicyDocument=HARMLESS, **at)
        for kind in ("User", "Role"):
            at = {f"{kind}Name": f"{name}-{kind.lower()}"}
            getattr(iam, f"put_{kind.lower()}_permissions_boundary")(PermissionsBoundary=self.policy, **at)
        self.key = iam.create_access_key(UserName=f"{name}-user")["AccessKey"]["AccessKeyId"]
        iam.create_login_profile(UserName=f"{name}-user", Password=PASSWORD)
        self.device = iam.create_virtual_mfa_device(VirtualMFADeviceName=f"{name}-device", Tags=TAGS)["VirtualMFADevice"]["SerialNumber"]
        self.provider = iam.create_open_id_connect_provider(
            Url=f"https://{name}.example.com", ClientIDList=["app", "web"], ThumbprintList=["a" * 40], Tags=TAGS
        )["OpenIDConnectProviderArn"]
        told(iam.create_service_linked_role, AWSServiceName="config.amazonaws.com")
        iam.update_account_password_policy(MinimumPasswordLength=14)
        iam.create_account_alias(AccountAlias=f"{name}-alias")

    def values(self, service):
        """What members of this name say, in requests of this service."""
        return {
            "s3": {"Bucket": f"{self.name}-new"},
            "s3control": {
                "AccountId": self.root.account_id,
                "ResourceArn": f"arn:aws:s3:::{self.bucket}",
                "Tags": TAGS,
                "TagKeys": ["kept"],
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": False},
                "Name": f"{self.name}-point",
                "Bucket": self.bucket,
                "Policy": self._point_policy(),
            },
            "iam": self._iam_values(),
            "sts": {
                "RoleArn": self.arn(f"role/{self.name}-role"),
                "RoleSessionName": "session",
                "WebIdentityToken": "e30.e30.e30",
                "AccessKeyId": self.key,
                "Name": "guest",
            },
            "organizations": self.organization.values(),
            "account": {
                "AccountId": self.organization.spare,
                "RegionName": "us-east-1",
                "AlternateContactType": "BILLING",
                "ContactInformation": INFORMATION | {"City": "Paris"},
                **CONTACT,
                "AccountName": f"{self.name}-renamed",
            },
            "ec2": {
                "VpcId": self.vpc,
                "VpcEndpointId": self.endpoint,
                "VpcEndpointIds": [self.loose_endpoint],
                "Resources": [self.vpc],
                "Tags": [{"Key": "new", "Value": "1"}],
                "Attribute": "enableDnsSupport",
            },
            "accessanalyzer": {"policyDocument": HARMLESS, "resourceType": "AWS::S3::Bucket"},
            "strongroom": {
                "Email": f"{self.name}-newer@example.com",
                "AccountId": self.root.account_id,
                "To": str(self.server.home / f"{self.name}-backup"),
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{self.bucket}/k",
            },
        }[service]

    def _iam_values(self):
        name = self.name
        return {
            "UserName": f"{name}-user",
            "GroupName": f"{name}-group",
            "RoleName": f"{name}-role",
            "InstanceProfileName": f"{name}-profile",
            "PolicyName": "inline",
            "PolicyArn": self.policy,
            "PolicyDocument": HARMLESS,
            "AssumeRolePolicyDocument": self.trust,
            "PermissionsBoundary": self.policy,
            "OpenIDConnectProviderArn": self.provider,
            "ClientID": "web",
            "Url": f"https://{name}-new.example.com",
            "ThumbprintList": ["b" * 40],
            "AccessKeyId": self.key,
            "Status": "Inactive",
            "SerialNumber": self.device,
            "VirtualMFADeviceName": f"{name}-new",
            "VersionId": "v1",
            "Tags": [{"Key": "new", "Value": "1"}],
            "TagKeys": ["a"],
            "Password": PASSWORD + "2",
            "OldPassword": PASSWORD,
            "NewPassword": PASSWORD + "2",
            "AccountAlias": f"{name}-other",
            "AWSServiceName": "macie.amazonaws.com",
            "DeletionTaskId": f"task/aws-service-role/config.amazonaws.com/{SERVICE_ROLE}/{UUID}",
            "JobId": UUID,
            "ServiceNamespace": "s3",
            "ServiceNamespaces": ["s3"],
            "Arn": self.arn(f"role/{name}-role"),
            "PolicySourceArn": self.arn(f"user/{name}-user"),
            "ActionNames": ["s3:GetObject"],
            "PolicyInputList": [HARMLESS],
            "GlobalEndpointTokenVersion": "v2Token",
            **CODES,
        }

    def given(self, service, operation):
        """Members that a request has beside those that it must have, or with other values than others have."""
        name = self.name
        user, new, bare, loose = {"UserName": f"{name}-user"}, f"{name}-new", f"{name}-bare", f"{name}-loose"
        return {
            ("s3control", "CreateAccessPoint"): {"Name": new},
            ("s3control", "DeleteAccessPoint"): {"Name": loose},
            ("s3control", "TagResource"): {"Tags": TAGS},
            ("accessanalyzer", "CheckNoPublicAccess"): {"policyDocument": self.guarded},
            ("ec2", "CreateVpc"): {"CidrBlock": "10.1.0.0/16"},
            ("ec2", "CreateVpcEndpoint"): {"ServiceName": "com.amazonaws.us-east-1.s3"},
            ("ec2", "DeleteVpc"): {"VpcId": self.loose_vpc},
            ("ec2", "ModifyVpcAttribute"): {"EnableDnsSupport": {"Value": False}},
            ("ec2", "ModifyVpcEndpoint"): {"PolicyDocument": ENDPOINT},
            ("iam", "AddRoleToInstanceProfile"): {"InstanceProfileName": bare},
            ("iam", "AddUserToGroup"): {"GroupName": bare},
            ("iam", "AttachGroupPolicy"): {"PolicyArn": self.bare_policy},
            ("iam", "AttachRolePolicy"): {"PolicyArn": self.bare_policy},
            ("iam", "AttachUserPolicy"): {"PolicyArn": self.bare_policy},
            ("iam", "CreateAccessKey"): user,
            ("iam", "CreateGroup"): {"GroupName": new},
            ("iam", "CreateInstanceProfile"): {"InstanceProfileName": new},
            ("iam", "CreateLoginProfile"): {"UserName": bare, "Password": PASSWORD},
            ("iam", "CreatePolicy"): {"PolicyName": new},
            ("iam", "CreateRole"): {"RoleName": new},
            ("iam", "CreateUser"): {"UserName": new},
            ("iam", "DeactivateMFADevice"): user,
            ("iam", "DeleteAccessKey"): user,
            ("iam", "DeleteAccountAlias"): {"AccountAlias": f"{name}-alias"},
            ("iam", "DeleteGroup"): {"GroupName": loose},
            ("iam", "DeleteInstanceProfile"): {"InstanceProfileName": loose},
            ("iam", "DeleteLoginProfile"): user,
            ("iam", "DeletePolicy"): {"PolicyArn": self.loose_policy},
            ("iam", "DeletePolicyVersion"): {"VersionId": "v2"},
            ("iam", "DeleteRole"): {"RoleName": loose},
            ("iam", "DeleteServiceLinkedRole"): {"RoleName": SERVICE_ROLE},
            ("iam", "DeleteUser"): {"UserName": loose},
            ("iam", "GetLoginProfile"): user,
            ("iam", "GetMFADevice"): user,
            ("iam", "GetUser"): user,
            ("iam", "ListAccessKeys"): user,
            ("iam", "ListMFADevices"): user,
            ("iam", "ListSSHPublicKeys"): user,
            ("iam", "ListServiceSpecificCredentials"): user,
            ("iam", "ListSigningCertificates"): user,
            ("iam", "UpdateAccessKey"): user,
            ("iam", "UpdateAccountPasswordPolicy"): {"MinimumPasswordLength": 8},
            ("iam", "UpdateAssumeRolePolicy"): {"PolicyDocument": self.trust},
            ("iam", "UpdateGroup"): {"GroupName": bare, "NewPath": "/new/"},
            ("iam", "UpdateRole"): {"Description": "changed"},
            ("iam", "UpdateUser"): {"UserName": bare, "NewPath": "/new/"},
            ("strongroom", "ExplainDecision"): {
                "Principal": self.arn("root"),
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{self.bucket}/k",
            },
            ("account", "GetPrimaryEmail"): {"AccountId": self.organization.spare},
            **self.organization.given(operation, service),
        }.get((service, operation), {})

    def state(self):
        """All that an operation could change."""
        kept = {"account": self._account_state(), "iam": self._iam_state(), "network": self._network_state()}
        s3, bucket = self.s3, self.bucket
        kept["buckets"] = [each["Name"] for each in s3.list_buckets(Prefix=self.name)["Buckets"]]
        for call in (
            s3.list_object_versions,
            s3.list_multipart_uploads,
            s3.get_bucket_acl,
            s3.get_bucket_cors,
            s3.get_bucket_encryption,
            s3.get_bucket_ownership_controls,
            s3.get_bucket_policy,
            s3.get_bucket_request_payment,
            s3.get_bucket_tagging,
            s3.get_bucket_versioning,
            s3.get_bucket_website,
            s3.get_object_lock_configuration,
            s3.get_public_access_block,
        ):
            kept[call.__name__] = told(call, Bucket=bucket)
        for call in (s3.get_object, s3.get_object_acl, s3.get_object_tagging, s3.get_object_retention):
            kept[call.__name__] = told(call, Bucket=bucket, Key="k")
        kept["parts"] = told(s3.list_parts, Bucket=bucket, Key="k", UploadId=self.upload)
        kept["organization"] = self.organization.state()
        return kept

    def _network_state(self):
        calls = (self.ec2.describe_vpcs, self.ec2.describe_vpc_endpoints, self.ec2.describe_tags)
        kept = {call.__name__: told(call) for call in calls}
        kept["attribute"] = told(self.ec2.describe_vpc_attribute, VpcId=self.vpc, Attribute="enableDnsSupport")
        own = {"AccountId": self.root.account_id}
        kept["points"] = told(self.control.list_access_points, **own)
        kept["point"] = told(self.control.get_access_point_policy, Name=f"{self.name}-point", **own)
        return kept

    def _account_state(self):
        kept = {"block": told(self.control.get_public_access_block, AccountId=self.root.account_id)}
        for kind in ("BILLING", "SECURITY", "OPERATIONS"):
            kept[kind] = told(self.account.get_alternate_contact, AlternateContactType=kind)
        kept["information"] = told(self.account.get_contact_information)
        kept["name"] = told(self.account.get_account_information)
        return kept

    def _iam_state(self):
        iam, kept = self.iam, {}
        filters = ["User", "Group", "Role", "LocalManagedPolicy"]
        for page in iam.get_paginator("get_account_authorization_details").paginate(Filter=filters):
            for kind in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
                for each in page[kind]:
                    each.pop("RoleLastUsed", None)
                    for profile in each.get("InstanceProfileList", ()):
                        for role in profile["Roles"]:
                            role.pop("RoleLastUsed", None)
                kept.setdefault(kind, []).extend(page[kind])
        kept["profiles"] = sorted(each["InstanceProfileName"] for each in iam.list_instance_profiles()["InstanceProfiles"])
        kept["tags"] = told(iam.list_instance_profile_tags, InstanceProfileName=f"{self.name}-profile")
        kept["keys"] = {
            each["UserName"]: iam.list_access_keys(UserName=each["UserName"])["AccessKeyMetadata"]
            for each in kept["UserDetailList"]
        }
        kept["login"] = told(iam.get_login_profile, UserName=f"{self.name}-user")
        kept["devices"] = told(iam.list_virtual_mfa_devices)
        kept["device"] = told(iam.list_mfa_device_tags, SerialNumber=self.device)
        kept["providers"] = {
            each["Arn"]: told(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=each["Arn"])
            for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        }
        kept["passwords"] = told(iam.get_account_password_policy)
        kept["aliases"] = told(iam.list_account_aliases)
        kept["summary"] = told(iam.get_account_summary)
        return kept


class Organization:
    """The one organisation of an installation, with units, policies, a delegated administrator and a spare account."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.client = server.client(server.root, "organizations")
        self.operator = server.client(server.root, "account")
        self.top = self.client.list_roots()["Roots"][0]["Id"]
        self.unit, self.other, self.empty = (
            self.client.create_organizational_unit(ParentId=self.top, Name=f"{name}-{which}")["OrganizationalUnit"]["Id"]
            for which in ("unit", "other", "empty")
        )
        self.spare = self._account("spare")
        self.client.move_account(AccountId=self.spare, SourceParentId=self.top, DestinationParentId=self.unit)
        deny = policy({"Effect": "Deny", "Action": "sns:Publish", "Resource": "*"})
        self.attached, self.bare, self.loose = (self.control(deny, which) for which in ("attached", "bare", "loose"))
        self.client.attach_policy(PolicyId=self.attached, TargetId=self.unit)
        self.client.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
        self.client.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
        self.client.register_delegated_administrator(AccountId=self.spare, ServicePrincipal="config.amazonaws.com")
        self.client.tag_resource(ResourceId=self.unit, Tags=TAGS)
        self.grant = ALL | {"Principal": {"AWS": self.spare}, "Action": "organizations:ListPolicies"}
        self.client.put_resource_policy(Content=policy(self.grant))

    def _account(self, which):
        made = self.client.create_account(Email=f"{self.name}-{which}@example.com", AccountName=f"{self.name}-{which}")
        self.request = made["CreateAccountStatus"]["Id"]
        return made["CreateAccountStatus"]["AccountId"]

    def control(self, content, which):
        made = self.client.create_policy(
            Content=content, Description="", Name=f"{self.name}-{which}", Type="SERVICE_CONTROL_POLICY"
        )
        return made["Policy"]["PolicySummary"]["Id"]

    def values(self):
        return {
            "PolicyId": self.attached,
            "TargetId": self.unit,
            "AccountId": self.spare,
            "ParentId": self.unit,
            "SourceParentId": self.unit,
            "DestinationParentId": self.other,
            "ChildId": self.spare,
            "ChildType": "ACCOUNT",
            "OrganizationalUnitId": self.unit,
            "RootId": self.top,
            "ResourceId": self.unit,
            "HandshakeId": "h-0123456789",
            "Email": f"{self.name}-new@example.com",
            "AccountName": f"{self.name}-new",
            "Name": f"{self.name}-new",
            "Description": "",
            "Type": "SERVICE_CONTROL_POLICY",
            "Filter": "SERVICE_CONTROL_POLICY",
            "PolicyType": "S3_POLICY",
            "Content": policy({"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}),
            "ServicePrincipal": "config.amazonaws.com",
            "CreateAccountRequestId": self.request,
            "Target": {"Id": "nobody@example.com", "Type": "EMAIL"},
            "Tags": [{"Key": "new", "Value": "1"}],
            "TagKeys": ["a"],
        }

    def given(self, operation, service):
        given = {
            "AttachPolicy": {"PolicyId": self.bare},
            "DeleteOrganizationalUnit": {"OrganizationalUnitId": self.empty},
            "DeletePolicy": {"PolicyId": self.loose},
            "DescribeEffectivePolicy": {"TargetId": self.spare},
            "ListEffectivePolicyValidationErrors": {"AccountId": self.spare},
            "ListParents": {"ChildId": self.spare},
            "PutResourcePolicy": {"Content": policy(self.grant | {"Action": "organizations:ListRoots"})},
            "RegisterDelegatedAdministrator": {"ServicePrincipal": "account.amazonaws.com"},
            "UpdateOrganizationalUnit": {"Name": f"{self.name}-renamed"},
            "UpdatePolicy": {"Description": "changed"},
        }
        return {("organizations", operation): given[operation]} if service == "organizations" and operation in given else {}

    def state(self):
        client, kept = self.client, {"roots": told(self.client.list_roots)}
        accounts = [each for page in client.get_paginator("list_accounts").paginate() for each in page["Accounts"]]
        # Another account may call itself what it likes.
        kept["accounts"] = [(each["Id"], each["Status"], each["Email"]) for each in accounts]
        for parent in (self.top, self.unit, self.other, self.empty):
            for child in ("ACCOUNT", "ORGANIZATIONAL_UNIT"):
                kept[parent, child] = told(client.list_children, ParentId=parent, ChildType=child)
            kept[parent] = told(client.list_policies_for_target, TargetId=parent, Filter="SERVICE_CONTROL_POLICY")
            kept["tags", parent] = told(client.list_tags_for_resource, ResourceId=parent)
        kept["unit"] = told(client.describe_organizational_unit, OrganizationalUnitId=self.unit)
        for policy_id in (self.attached, self.bare, self.loose):
            kept[policy_id] = told(client.describe_policy, PolicyId=policy_id)
        for call in (
            client.describe_organization,
            client.describe_resource_policy,
            client.list_aws_service_access_for_organization,
            client.list_create_account_status,
            client.list_delegated_administrators,
            client.list_handshakes_for_organization,
        ):
            kept[call.__name__] = told(call)
        kept["policies"] = told(client.list_policies, Filter="SERVICE_CONTROL_POLICY")
        kept["spare"] = told(self.operator.get_contact_information, AccountId=self.spare)
        return kept
