//! S3 Control: tags of buckets by ARN, and Block Public Access of an account.

mod account_block;
mod tags;

pub use account_block::AccountBlockRow;
