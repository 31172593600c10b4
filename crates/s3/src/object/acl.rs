//! GetObjectAcl and PutObjectAcl: ACLs are off, the owner has full control.

use async_trait::async_trait;
use strongroom_api_s3::{
    GetObjectAclInput, GetObjectAclOutput, Grant, Grantee, Owner, Permission, PutObjectAclInput,
    PutObjectAclOutput, Type, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_record::EffectKind;

use super::versions::effect;
use super::write_options::{Asked, check_acl};
use crate::S3;
use crate::error;

#[async_trait]
impl Handle<op::GetObjectAcl> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetObjectAclInput>,
    ) -> Result<Reply<GetObjectAclOutput>, ErrorReply> {
        let (bucket, key) = (request.bucket()?, request.key()?);
        self.object(bucket.partition(), key, request.target().version_id, "GET").await?;
        request.note(effect(EffectKind::Read, key, request.target().version_id, None));
        let id = Some(bucket.owner_canonical().to_string());
        let grantee = Grantee { id: id.clone(), r#type: Some(Type::CanonicalUser), ..Grantee::default() };
        let grant = Grant { grantee: Some(Box::new(grantee)), permission: Some(Permission::FullControl) };
        Ok(Reply::new(GetObjectAclOutput {
            owner: Some(Box::new(Owner { display_name: None, id })),
            grants: Some(vec![grant]),
            request_charged: None,
        }))
    }
}

#[async_trait]
impl Handle<op::PutObjectAcl> for S3 {
    async fn handle(
        &self,
        request: Authorized<PutObjectAclInput>,
    ) -> Result<Reply<PutObjectAclOutput>, ErrorReply> {
        let (bucket, key, input) = (request.bucket()?, request.key()?, request.input());
        self.object(bucket.partition(), key, request.target().version_id, "PUT").await?;
        if input.access_control_policy.is_some() || input.grant_write.is_some() {
            return Err(error::acl_not_supported());
        }
        let asked = Asked {
            acl: input.acl,
            grant_full_control: input.grant_full_control.as_deref(),
            other_grants: input.grant_read.is_some()
                || input.grant_read_acp.is_some()
                || input.grant_write_acp.is_some(),
            ..Asked::default()
        };
        if asked.acl.is_none() && asked.grant_full_control.is_none() && !asked.other_grants {
            let message = "Your request was missing a required header";
            return Err(ErrorReply::new(400, "MissingSecurityHeader", message)
                .member("MissingHeaderName", "x-amz-acl"));
        }
        check_acl(bucket, asked)?;
        request.note(effect(EffectKind::Configure, key, request.target().version_id, None));
        Ok(Reply::new(PutObjectAclOutput::default()))
    }
}
