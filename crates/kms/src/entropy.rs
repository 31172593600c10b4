//! Random bytes of the operating system.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use strongroom_crypto::Entropy;

/// AWS-LC's generator: a CTR-DRBG per thread, seeded and reseeded by the operating system, which notices forks
/// and, where the kernel tells, restored snapshots.
#[derive(Debug, Clone, Default)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// The generator.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Entropy for SystemEntropy {
    /// Aborts the process when the system has no entropy to give: no key, nonce or id may be made without.
    fn fill(&self, out: &mut [u8]) {
        if self.0.fill(out).is_err() {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_fills_agree() {
        let (mut one, mut two) = ([0; 24], [0; 24]);
        SystemEntropy::new().fill(&mut one);
        SystemEntropy::new().fill(&mut two);
        assert!(one != two && one != [0; 24]);
    }
}
