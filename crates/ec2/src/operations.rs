//! Which function does which operation. Those that keep or show a policy are in [`crate::endpoint`].
//!
//! What reads gets a [`View`], what changes gets a [`Change`], which is committed when the function returns, or made anew
//! if others changed the same meanwhile. What is the same for everybody reads nothing.

use async_trait::async_trait;
use strongroom_api_ec2 as api;
use strongroom_api_ec2::op;
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_shape::Operation;

use crate::error::Ec2Error;
use crate::view::{Change, View, asker};
use crate::{Ec2, attribute, endpoint, limits, offer, tag, vpc};

type Input<O> = <O as Operation>::Input;
type Output<O> = <O as Operation>::Output;

/// Goes on if the request is to be carried out: it may only ask whether it would be allowed, and it is.
///
/// # Errors
/// `DryRunOperation`.
pub(crate) fn sure(dry_run: Option<bool>) -> Result<(), Ec2Error> {
    if dry_run == Some(true) { Err(Ec2Error::DryRun) } else { Ok(()) }
}

/// Whether an input only asks.
trait Asks {
    fn dry_run(&self) -> Option<bool>;
}

macro_rules! asks {
    ($($input:ident)*) => {$(
        impl Asks for api::$input {
            fn dry_run(&self) -> Option<bool> {
                self.dry_run
            }
        }
    )*};
}

asks! {
    CreateTagsInput CreateVpcInput DeleteTagsInput DeleteVpcEndpointsInput DeleteVpcInput DescribePrefixListsInput
    DescribeTagsInput DescribeVpcAttributeInput DescribeVpcEndpointServicesInput DescribeVpcsInput
}

impl Asks for api::ModifyVpcAttributeInput {
    /// Its model has no such member.
    fn dry_run(&self) -> Option<bool> {
        None
    }
}

macro_rules! fixed {
    ($($operation:ident => $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Ec2 {
            async fn handle(
                &self,
                request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                sure(request.input().dry_run())?;
                Ok(Reply::new($function(self, &request.request().region, request.input())?))
            }
        }
    )*};
}

macro_rules! reads {
    ($($operation:ident => $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Ec2 {
            async fn handle(
                &self,
                request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                sure(request.input().dry_run())?;
                let asker = asker(&request)?;
                let view = View::of(self, asker).await?;
                Ok(Reply::new($function(&view, request.input()).await?))
            }
        }
    )*};
}

macro_rules! changes {
    ($($operation:ident => $function:path,)*) => {$(
        #[async_trait]
        impl Handle<op::$operation> for Ec2 {
            async fn handle(
                &self,
                mut request: Authorized<Input<op::$operation>>,
            ) -> Result<Reply<Output<op::$operation>>, ErrorReply> {
                sure(request.input().dry_run())?;
                for _ in 0..limits::MAX_TRIES {
                    let _turn = self.turn.lock().await;
                    let asker = asker(&request)?;
                    let mut change = Change::of(View::of(self, asker).await?);
                    let output = $function(&mut change, request.input()).await?;
                    if change.commit(&mut request).await? {
                        return Ok(Reply::new(output));
                    }
                }
                Err(Ec2Error::Contended.into())
            }
        }
    )*};
}

fixed! {
    DescribePrefixLists => offer::describe_prefix_lists,
    DescribeVpcEndpointServices => offer::describe_vpc_endpoint_services,
}

reads! {
    DescribeTags => tag::describe_tags,
    DescribeVpcAttribute => attribute::describe_vpc_attribute,
    DescribeVpcs => vpc::describe_vpcs,
}

changes! {
    CreateTags => tag::create_tags,
    CreateVpc => vpc::create_vpc,
    DeleteTags => tag::delete_tags,
    DeleteVpc => vpc::delete_vpc,
    DeleteVpcEndpoints => endpoint::delete_vpc_endpoints,
    ModifyVpcAttribute => attribute::modify_vpc_attribute,
}
