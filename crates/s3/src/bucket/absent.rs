//! Configurations that no bucket has yet: each read answers as AWS does for a bucket without, never 501, since tools
//! stop at that.

use async_trait::async_trait;
use strongroom_api_s3::{
    GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput,
    GetBucketAnalyticsConfigurationInput, GetBucketAnalyticsConfigurationOutput,
    GetBucketIntelligentTieringConfigurationInput, GetBucketIntelligentTieringConfigurationOutput,
    GetBucketInventoryConfigurationInput, GetBucketInventoryConfigurationOutput,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput, GetBucketLoggingInput,
    GetBucketLoggingOutput, GetBucketMetricsConfigurationInput, GetBucketMetricsConfigurationOutput,
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    GetBucketReplicationInput, GetBucketReplicationOutput, GetObjectLockConfigurationInput,
    GetObjectLockConfigurationOutput, ListBucketAnalyticsConfigurationsInput,
    ListBucketAnalyticsConfigurationsOutput, ListBucketIntelligentTieringConfigurationsInput,
    ListBucketIntelligentTieringConfigurationsOutput, ListBucketInventoryConfigurationsInput,
    ListBucketInventoryConfigurationsOutput, ListBucketMetricsConfigurationsInput,
    ListBucketMetricsConfigurationsOutput, ObjectLockConfiguration, ObjectLockEnabled, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use crate::S3;
use crate::error;
use crate::row::{self, BucketRow};

/// Enabled if the bucket was made with it; default retention cannot be set yet. Source: S3 API Reference,
/// "GetObjectLockConfiguration".
#[async_trait]
impl Handle<op::GetObjectLockConfiguration> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetObjectLockConfigurationInput>,
    ) -> Result<Reply<GetObjectLockConfigurationOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let row = self.read::<BucketRow>(bucket.partition(), row::BUCKET).await?;
        if !row.ok_or_else(error::internal)?.0.object_lock {
            return Err(error::not_configured(
                "ObjectLockConfigurationNotFoundError",
                "Object Lock configuration does not exist for this bucket",
                bucket.name(),
            ));
        }
        let enabled =
            ObjectLockConfiguration { object_lock_enabled: Some(ObjectLockEnabled::Enabled), rule: None };
        Ok(Reply::new(GetObjectLockConfigurationOutput {
            object_lock_configuration: Some(Box::new(enabled)),
        }))
    }
}

/// Operations whose answer without a configuration is an error.
macro_rules! not_found {
    ($($op:ident: $input:ident => $output:ident, $code:literal, $message:literal;)*) => {$(
        #[doc = concat!("Source: S3 API Reference, \"", stringify!($op), "\" and \"Error responses\".")]
        #[async_trait]
        impl Handle<op::$op> for S3 {
            async fn handle(&self, request: Authorized<$input>) -> Result<Reply<$output>, ErrorReply> {
                Err(error::not_configured($code, $message, request.bucket()?.name()))
            }
        }
    )*};
}

not_found! {
    GetBucketLifecycleConfiguration:
        GetBucketLifecycleConfigurationInput => GetBucketLifecycleConfigurationOutput,
        "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist";
    GetBucketReplication:
        GetBucketReplicationInput => GetBucketReplicationOutput,
        "ReplicationConfigurationNotFoundError", "The replication configuration was not found";
    GetBucketInventoryConfiguration:
        GetBucketInventoryConfigurationInput => GetBucketInventoryConfigurationOutput,
        "NoSuchConfiguration", "The specified configuration does not exist.";
    GetBucketMetricsConfiguration:
        GetBucketMetricsConfigurationInput => GetBucketMetricsConfigurationOutput,
        "NoSuchConfiguration", "The specified configuration does not exist.";
    GetBucketAnalyticsConfiguration:
        GetBucketAnalyticsConfigurationInput => GetBucketAnalyticsConfigurationOutput,
        "NoSuchConfiguration", "The specified configuration does not exist.";
    GetBucketIntelligentTieringConfiguration:
        GetBucketIntelligentTieringConfigurationInput => GetBucketIntelligentTieringConfigurationOutput,
        "NoSuchConfiguration", "The specified configuration does not exist.";
}

/// Operations that answer an empty document, or one of defaults.
macro_rules! empty {
    ($($op:ident: $input:ident => $output:ident { $($field:ident: $value:expr),* $(,)? };)*) => {$(
        #[doc = concat!("Source: S3 API Reference, \"", stringify!($op), "\".")]
        #[async_trait]
        impl Handle<op::$op> for S3 {
            async fn handle(&self, _: Authorized<$input>) -> Result<Reply<$output>, ErrorReply> {
                Ok(Reply::new($output { $($field: $value),* }))
            }
        }
    )*};
}

empty! {
    GetBucketLogging: GetBucketLoggingInput => GetBucketLoggingOutput { logging_enabled: None };
    GetBucketAccelerateConfiguration:
        GetBucketAccelerateConfigurationInput => GetBucketAccelerateConfigurationOutput {
            status: None, request_charged: None,
        };
    GetBucketNotificationConfiguration:
        GetBucketNotificationConfigurationInput => GetBucketNotificationConfigurationOutput {
            topic_configurations: Vec::new(),
            queue_configurations: Vec::new(),
            lambda_function_configurations: Vec::new(),
            event_bridge_configuration: None,
        };
    ListBucketInventoryConfigurations:
        ListBucketInventoryConfigurationsInput => ListBucketInventoryConfigurationsOutput {
            continuation_token: None,
            inventory_configuration_list: Vec::new(),
            is_truncated: Some(false),
            next_continuation_token: None,
        };
    ListBucketMetricsConfigurations:
        ListBucketMetricsConfigurationsInput => ListBucketMetricsConfigurationsOutput {
            is_truncated: Some(false),
            continuation_token: None,
            next_continuation_token: None,
            metrics_configuration_list: Vec::new(),
        };
    ListBucketAnalyticsConfigurations:
        ListBucketAnalyticsConfigurationsInput => ListBucketAnalyticsConfigurationsOutput {
            is_truncated: Some(false),
            continuation_token: None,
            next_continuation_token: None,
            analytics_configuration_list: Vec::new(),
        };
    ListBucketIntelligentTieringConfigurations:
        ListBucketIntelligentTieringConfigurationsInput => ListBucketIntelligentTieringConfigurationsOutput {
            is_truncated: Some(false),
            continuation_token: None,
            next_continuation_token: None,
            intelligent_tiering_configuration_list: Vec::new(),
        };
}
