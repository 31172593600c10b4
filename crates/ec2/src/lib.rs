//! What of EC2 a store answers: which regions there are, VPCs, and the endpoints through which their connections come in.
//!
//! A VPC here is a name for a network that its operator has: no address is handed out and no packet routed. What counts is
//! its endpoints: connections that the server takes for an endpoint's are decided on by the endpoint's policy, and have
//! `aws:SourceVpce` and `aws:SourceVpc`.
//!
//! In reading order: [`row`] says what is kept, [`view`] how it is read and changed, [`id`], [`filter`], [`tag`] and
//! [`error`] what operations share, [`operations`] which function does which operation, [`facts`] what decisions are told.

mod attribute;
mod endpoint;
mod error;
mod facts;
mod filter;
mod id;
mod limits;
mod offer;
mod operations;
mod policy;
mod regions;
mod row;
mod tag;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod view;
mod vpc;

use std::sync::Arc;

use strongroom_crypto::Entropy;
use strongroom_policy::PolicyCache;
use strongroom_storage::MetaStore;
use strongroom_types::Region;
use tokio::sync::Mutex;

pub use error::Ec2Error;
pub use facts::{Endpoint, is_endpoint_id};

/// EC2, as far as it goes here.
#[derive(Clone)]
pub struct Ec2 {
    store: Arc<dyn MetaStore>,
    entropy: Arc<dyn Entropy>,
    regions: Arc<[Region]>,
    host: Arc<str>,
    policies: Arc<PolicyCache>,
    /// Order among changes, so that of many at once none has to begin anew over and over. Nothing depends on it but
    /// patience.
    turn: Arc<Mutex<()>>,
}

impl Ec2 {
    /// A service of an installation of these regions, all of which are reached at one host.
    pub fn new(
        store: Arc<dyn MetaStore>,
        entropy: Arc<dyn Entropy>,
        regions: Arc<[Region]>,
        host: impl Into<Arc<str>>,
    ) -> Self {
        let (policies, turn) = (Arc::default(), Arc::default());
        Self { store, entropy, regions, host: host.into(), policies, turn }
    }

    /// The region in which the services lie that have no region.
    fn home(&self) -> Option<&Region> {
        self.regions.first()
    }
}
