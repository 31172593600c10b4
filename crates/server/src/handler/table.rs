//! Which operations are built. Whatever else its service has is answered 501.

use strongroom_api_accessanalyzer as accessanalyzer;
use strongroom_api_account as account;
use strongroom_api_ec2 as ec2;
use strongroom_api_iam as iam;
use strongroom_api_organizations as organizations;
use strongroom_api_s3 as s3;
use strongroom_api_s3control as s3control;
use strongroom_api_strongroom as strongroom;
use strongroom_api_sts as sts;
use strongroom_gate::Handle;
use strongroom_shape::ServiceSchema;

use super::{Exchange, Running, Serves, Services, refuse, run};

table! {
    dispatch_s3, s3, s3:
    AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket CreateMultipartUpload
    DeleteBucket DeleteBucketCors DeleteBucketEncryption DeleteBucketOwnershipControls DeleteBucketPolicy
    DeleteBucketTagging DeleteBucketWebsite DeleteObject DeleteObjectTagging DeleteObjects
    DeletePublicAccessBlock GetBucketAbac GetBucketAccelerateConfiguration GetBucketAcl
    GetBucketAnalyticsConfiguration GetBucketCors GetBucketEncryption
    GetBucketIntelligentTieringConfiguration GetBucketInventoryConfiguration
    GetBucketLifecycleConfiguration GetBucketLocation GetBucketLogging GetBucketMetricsConfiguration
    GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus
    GetBucketReplication GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite
    GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectLockConfiguration
    GetObjectRetention GetObjectTagging GetPublicAccessBlock HeadBucket HeadObject
    ListBucketAnalyticsConfigurations ListBucketIntelligentTieringConfigurations
    ListBucketInventoryConfigurations ListBucketMetricsConfigurations ListBuckets ListMultipartUploads
    ListObjectVersions ListObjects ListObjectsV2 ListParts PutBucketAbac PutBucketAcl PutBucketCors
    PutBucketEncryption PutBucketOwnershipControls PutBucketPolicy PutBucketRequestPayment PutBucketTagging
    PutBucketVersioning PutBucketWebsite PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention
    PutObjectTagging PutPublicAccessBlock RestoreObject UploadPart UploadPartCopy
}

table! {
    dispatch_s3control, s3control, s3:
    CreateAccessPoint DeleteAccessPoint DeleteAccessPointPolicy DeletePublicAccessBlock GetAccessPoint
    GetAccessPointPolicy GetAccessPointPolicyStatus GetPublicAccessBlock ListAccessPoints
    ListMultiRegionAccessPoints ListTagsForResource PutAccessPointPolicy PutPublicAccessBlock TagResource
    UntagResource
}

table! {
    dispatch_sts, sts, identity:
    AssumeRole AssumeRoleWithWebIdentity DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity
    GetFederationToken GetSessionToken
}

table! {
    dispatch_iam, iam, identity:
    AddClientIDToOpenIDConnectProvider AddRoleToInstanceProfile AddUserToGroup AttachGroupPolicy
    AttachRolePolicy AttachUserPolicy ChangePassword CreateAccessKey CreateAccountAlias CreateGroup
    CreateInstanceProfile CreateLoginProfile CreateOpenIDConnectProvider CreatePolicy CreatePolicyVersion
    CreateRole CreateServiceLinkedRole CreateUser CreateVirtualMFADevice DeactivateMFADevice
    DeleteAccessKey DeleteAccountAlias DeleteAccountPasswordPolicy DeleteGroup DeleteGroupPolicy
    DeleteInstanceProfile DeleteLoginProfile DeleteOpenIDConnectProvider DeletePolicy DeletePolicyVersion
    DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DeleteServiceLinkedRole DeleteUser
    DeleteUserPermissionsBoundary DeleteUserPolicy DeleteVirtualMFADevice DetachGroupPolicy
    DetachRolePolicy DetachUserPolicy EnableMFADevice GenerateCredentialReport
    GenerateServiceLastAccessedDetails GetAccessKeyLastUsed GetAccountAuthorizationDetails
    GetAccountPasswordPolicy GetAccountSummary GetContextKeysForCustomPolicy
    GetContextKeysForPrincipalPolicy GetCredentialReport GetGroup GetGroupPolicy GetInstanceProfile
    GetLoginProfile GetMFADevice GetOpenIDConnectProvider GetPolicy GetPolicyVersion GetRole
    GetRolePolicy GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities
    GetServiceLinkedRoleDeletionStatus GetUser GetUserPolicy ListAccessKeys ListAccountAliases
    ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedUserPolicies ListEntitiesForPolicy
    ListGroupPolicies ListGroups ListGroupsForUser ListInstanceProfileTags ListInstanceProfiles
    ListInstanceProfilesForRole ListMFADeviceTags ListMFADevices ListOpenIDConnectProviderTags
    ListOpenIDConnectProviders ListOrganizationsFeatures ListPolicies ListPoliciesGrantingServiceAccess
    ListPolicyTags ListPolicyVersions ListRolePolicies ListRoleTags ListRoles ListSAMLProviders
    ListSSHPublicKeys ListServerCertificates ListServiceSpecificCredentials ListSigningCertificates
    ListUserPolicies ListUserTags ListUsers ListVirtualMFADevices PutGroupPolicy
    PutRolePermissionsBoundary PutRolePolicy PutUserPermissionsBoundary PutUserPolicy
    RemoveClientIDFromOpenIDConnectProvider RemoveRoleFromInstanceProfile RemoveUserFromGroup
    ResyncMFADevice SetDefaultPolicyVersion SetSecurityTokenServicePreferences SimulateCustomPolicy
    SimulatePrincipalPolicy TagInstanceProfile TagMFADevice TagOpenIDConnectProvider TagPolicy TagRole
    TagUser UntagInstanceProfile UntagMFADevice UntagOpenIDConnectProvider UntagPolicy UntagRole
    UntagUser UpdateAccessKey UpdateAccountPasswordPolicy UpdateAssumeRolePolicy UpdateGroup
    UpdateLoginProfile UpdateOpenIDConnectProviderThumbprint UpdateRole UpdateRoleDescription UpdateUser
}

table! {
    dispatch_organizations, organizations, organizations:
    AcceptHandshake AttachPolicy CancelHandshake CloseAccount CreateAccount CreateOrganization
    CreateOrganizationalUnit CreatePolicy DeclineHandshake DeleteOrganization DeleteOrganizationalUnit
    DeletePolicy DeleteResourcePolicy DeregisterDelegatedAdministrator DescribeAccount
    DescribeCreateAccountStatus DescribeEffectivePolicy DescribeHandshake DescribeOrganization
    DescribeOrganizationalUnit DescribePolicy DescribeResourcePolicy DetachPolicy DisableAWSServiceAccess
    DisablePolicyType EnableAWSServiceAccess EnableAllFeatures EnablePolicyType InviteAccountToOrganization
    LeaveOrganization ListAWSServiceAccessForOrganization ListAccounts ListAccountsForParent
    ListAccountsWithInvalidEffectivePolicy ListChildren ListCreateAccountStatus
    ListDelegatedAdministrators ListDelegatedServicesForAccount ListEffectivePolicyValidationErrors
    ListHandshakesForAccount ListHandshakesForOrganization ListOrganizationalUnitsForParent ListParents
    ListPolicies ListPoliciesForTarget ListRoots ListTagsForResource ListTargetsForPolicy MoveAccount
    PutResourcePolicy RegisterDelegatedAdministrator RemoveAccountFromOrganization TagResource
    UntagResource UpdateOrganizationalUnit UpdatePolicy
}

table! {
    dispatch_account, account, organizations:
    DeleteAlternateContact GetAccountInformation GetAlternateContact GetContactInformation GetPrimaryEmail
    GetRegionOptStatus ListRegions PutAccountName PutAlternateContact PutContactInformation
}

table! {
    dispatch_accessanalyzer, accessanalyzer, posture:
    CheckNoPublicAccess ValidatePolicy
}

table! {
    dispatch_ec2, ec2, ec2:
    CreateTags CreateVpc CreateVpcEndpoint DeleteTags DeleteVpc DeleteVpcEndpoints DescribePrefixLists
    DescribeRegions DescribeTags DescribeVpcAttribute DescribeVpcEndpointServices DescribeVpcEndpoints
    DescribeVpcs ModifyVpcAttribute ModifyVpcEndpoint
}

table! {
    dispatch_strongroom, strongroom,
    organizations: CreateAccount DescribeAccount ListAccounts;
    operator: DescribeBackup DescribeScrub ExplainDecision ListWhoCan StartBackup StartScrub
}
