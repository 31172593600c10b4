//! S3 Control: tags of buckets by ARN, and Block Public Access of an account.

mod access_point;
mod account_block;
mod tags;

pub(crate) use access_point::rivals;
pub use account_block::AccountBlockRow;
