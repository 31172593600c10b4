//! What a store tells of its own security, and of what people are about to do to it: Access Analyzer's checks of policies.

mod analyzer;

/// The checks of policies. They read nothing that is stored: the caller sends the policy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Posture;
