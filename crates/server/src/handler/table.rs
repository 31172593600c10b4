//! Which operations are built. Whatever else its service has is answered 501.

use strongroom_api_iam as iam;
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
    ListObjectVersions ListObjects ListObjectsV2 ListParts PutBucketAcl PutBucketCors
    PutBucketEncryption PutBucketOwnershipControls PutBucketPolicy PutBucketRequestPayment PutBucketTagging
    PutBucketVersioning PutBucketWebsite PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention
    PutObjectTagging PutPublicAccessBlock RestoreObject UploadPart UploadPartCopy
}

table! {
    dispatch_s3control, s3control, s3:
    DeletePublicAccessBlock GetPublicAccessBlock ListTagsForResource PutPublicAccessBlock TagResource
    UntagResource
}

table! {
    dispatch_sts, sts, identity:
    AssumeRole DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity GetFederationToken
    GetSessionToken
}

table! {
    dispatch_iam, iam, identity:
    AddRoleToInstanceProfile AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy
    CreateAccessKey CreateAccountAlias CreateGroup CreateInstanceProfile CreateLoginProfile CreatePolicy
    CreatePolicyVersion CreateRole CreateServiceLinkedRole CreateUser DeleteAccessKey DeleteAccountAlias
    DeleteAccountPasswordPolicy DeleteGroup DeleteGroupPolicy DeleteInstanceProfile DeleteLoginProfile
    DeletePolicy DeletePolicyVersion DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy
    DeleteServiceLinkedRole DeleteUser DeleteUserPermissionsBoundary DeleteUserPolicy DetachGroupPolicy
    DetachRolePolicy DetachUserPolicy GetAccessKeyLastUsed GetAccountAuthorizationDetails
    GetAccountPasswordPolicy GetAccountSummary GetGroup GetGroupPolicy GetInstanceProfile GetLoginProfile
    GetPolicy GetPolicyVersion GetRole GetRolePolicy GetServiceLinkedRoleDeletionStatus GetUser
    GetUserPolicy ListAccessKeys ListAccountAliases ListAttachedGroupPolicies ListAttachedRolePolicies
    ListAttachedUserPolicies ListEntitiesForPolicy ListGroupPolicies ListGroups ListGroupsForUser
    ListInstanceProfileTags ListInstanceProfiles ListInstanceProfilesForRole ListPolicies ListPolicyTags
    ListPolicyVersions ListRolePolicies ListRoleTags ListRoles ListSAMLProviders ListSSHPublicKeys
    ListServerCertificates ListServiceSpecificCredentials ListSigningCertificates ListUserPolicies
    ListUserTags ListUsers PutGroupPolicy PutRolePermissionsBoundary PutRolePolicy
    PutUserPermissionsBoundary PutUserPolicy RemoveRoleFromInstanceProfile RemoveUserFromGroup
    SetDefaultPolicyVersion TagInstanceProfile TagPolicy TagRole TagUser UntagInstanceProfile UntagPolicy
    UntagRole UntagUser UpdateAccessKey UpdateAccountPasswordPolicy UpdateAssumeRolePolicy UpdateGroup
    UpdateLoginProfile UpdateRole UpdateRoleDescription UpdateUser
}

table! {
    dispatch_strongroom, strongroom,
    identity: CreateAccount DescribeAccount ListAccounts;
    operator: DescribeBackup DescribeScrub StartBackup StartScrub
}
