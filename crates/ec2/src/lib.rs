//! What of EC2 a store answers: which regions there are.

mod regions;

use std::sync::Arc;

use strongroom_types::Region;

/// EC2, as far as it goes here.
#[derive(Clone)]
pub struct Ec2 {
    regions: Arc<[Region]>,
    host: Arc<str>,
}

impl Ec2 {
    /// A service of an installation of these regions, all of which are reached at one host.
    pub fn new(regions: Arc<[Region]>, host: impl Into<Arc<str>>) -> Self {
        Self { regions, host: host.into() }
    }
}
