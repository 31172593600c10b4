//! Which operations are built.

use strongroom_api_s3 as s3;
use strongroom_api_s3control as s3control;
use strongroom_api_strongroom as strongroom;
use strongroom_api_sts as sts;
use strongroom_gate::Handle;
use strongroom_shape::ServiceSchema;

use super::{Exchange, Running, Serves, Services, refuse, run};
use crate::encode;

table! {
    dispatch_s3, s3, s3:
    built [
        AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket CreateMultipartUpload
        DeleteBucket DeleteBucketCors DeleteBucketEncryption DeleteBucketOwnershipControls
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
        PutBucketEncryption PutBucketOwnershipControls PutBucketRequestPayment PutBucketTagging
        PutBucketVersioning PutBucketWebsite PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention
        PutObjectTagging PutPublicAccessBlock RestoreObject UploadPart UploadPartCopy
    ]
    unbuilt [
        CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration CreateSession
        DeleteBucketAnalyticsConfiguration DeleteBucketIntelligentTieringConfiguration
        DeleteBucketInventoryConfiguration DeleteBucketLifecycle DeleteBucketMetadataConfiguration
        DeleteBucketMetadataTableConfiguration DeleteBucketMetricsConfiguration DeleteBucketPolicy
        DeleteBucketReplication DeleteObjectAnnotation GetBucketLifecycle GetBucketMetadataConfiguration
        GetBucketMetadataTableConfiguration GetBucketNotification GetObjectAnnotation GetObjectTorrent
        ListDirectoryBuckets ListObjectAnnotations PutBucketAbac PutBucketAccelerateConfiguration
        PutBucketAnalyticsConfiguration PutBucketIntelligentTieringConfiguration
        PutBucketInventoryConfiguration PutBucketLifecycle PutBucketLifecycleConfiguration PutBucketLogging
        PutBucketMetricsConfiguration PutBucketNotification PutBucketNotificationConfiguration
        PutBucketPolicy PutBucketReplication PutObjectAnnotation PutObjectLockConfiguration RenameObject
        SelectObjectContent UpdateBucketMetadataAnnotationTableConfiguration
        UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration
        UpdateObjectEncryption WriteGetObjectResponse
    ]
}

table! {
    dispatch_s3control, s3control, s3:
    built [
        DeletePublicAccessBlock GetPublicAccessBlock ListTagsForResource PutPublicAccessBlock TagResource
        UntagResource
    ]
    unbuilt [
        AssociateAccessGrantsIdentityCenter CreateAccessGrant CreateAccessGrantsInstance
        CreateAccessGrantsLocation CreateAccessPoint CreateAccessPointForObjectLambda CreateBucket
        CreateJob CreateMultiRegionAccessPoint CreateStorageLensGroup DeleteAccessGrant
        DeleteAccessGrantsInstance DeleteAccessGrantsInstanceResourcePolicy DeleteAccessGrantsLocation
        DeleteAccessPoint DeleteAccessPointForObjectLambda DeleteAccessPointPolicy
        DeleteAccessPointPolicyForObjectLambda DeleteAccessPointScope DeleteBucket
        DeleteBucketLifecycleConfiguration DeleteBucketPolicy DeleteBucketReplication DeleteBucketTagging
        DeleteJobTagging DeleteMultiRegionAccessPoint DeleteStorageLensConfiguration
        DeleteStorageLensConfigurationTagging DeleteStorageLensGroup DescribeJob
        DescribeMultiRegionAccessPointOperation DissociateAccessGrantsIdentityCenter GetAccessGrant
        GetAccessGrantsInstance GetAccessGrantsInstanceForPrefix GetAccessGrantsInstanceResourcePolicy
        GetAccessGrantsLocation GetAccessPoint GetAccessPointConfigurationForObjectLambda
        GetAccessPointForObjectLambda GetAccessPointPolicy GetAccessPointPolicyForObjectLambda
        GetAccessPointPolicyStatus GetAccessPointPolicyStatusForObjectLambda GetAccessPointScope GetBucket
        GetBucketLifecycleConfiguration GetBucketPolicy GetBucketReplication GetBucketTagging
        GetBucketVersioning GetDataAccess GetJobTagging GetMultiRegionAccessPoint
        GetMultiRegionAccessPointPolicy GetMultiRegionAccessPointPolicyStatus
        GetMultiRegionAccessPointRoutes GetStorageLensConfiguration GetStorageLensConfigurationTagging
        GetStorageLensGroup ListAccessGrants ListAccessGrantsInstances ListAccessGrantsLocations
        ListAccessPoints ListAccessPointsForDirectoryBuckets ListAccessPointsForObjectLambda
        ListCallerAccessGrants ListJobs ListMultiRegionAccessPoints ListRegionalBuckets
        ListStorageLensConfigurations ListStorageLensGroups PutAccessGrantsInstanceResourcePolicy
        PutAccessPointConfigurationForObjectLambda PutAccessPointPolicy PutAccessPointPolicyForObjectLambda
        PutAccessPointScope PutBucketLifecycleConfiguration PutBucketPolicy PutBucketReplication
        PutBucketTagging PutBucketVersioning PutJobTagging PutMultiRegionAccessPointPolicy
        PutStorageLensConfiguration PutStorageLensConfigurationTagging SubmitMultiRegionAccessPointRoutes
        UpdateAccessGrantsLocation UpdateJobPriority UpdateJobStatus UpdateStorageLensGroup
    ]
}

table! {
    dispatch_sts, sts, identity:
    built [
        GetCallerIdentity
    ]
    unbuilt [
        AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot DecodeAuthorizationMessage
        GetAccessKeyInfo GetDelegatedAccessToken GetFederationToken GetScopedCredentials GetSessionToken
        GetWebIdentityToken
    ]
}

table! {
    dispatch_strongroom, strongroom, identity:
    built [
        CreateAccount DescribeAccount ListAccounts
    ]
    unbuilt []
}
