//! Ids: a prefix and 17 hexadecimal digits.
//!
//! Source: EC2 User Guide, "Resource IDs".

use std::fmt::Write as _;

use strongroom_crypto::Entropy;

use crate::error::{Ec2Error, Named};

/// Hexadecimal digits of an id.
const DIGITS: usize = 17;

/// A new id.
pub(crate) fn new(entropy: &dyn Entropy, prefix: &str) -> String {
    let mut random = [0; DIGITS.div_ceil(2)];
    entropy.fill(&mut random);
    let mut id = prefix.to_owned();
    for byte in random {
        let _ = write!(id, "{byte:02x}");
    }
    id.truncate(prefix.len() + DIGITS);
    id
}

/// Whether a text has the form of an id with this prefix.
pub(crate) fn is(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Makes sure of the form of a VPC's id.
pub(crate) fn vpc(id: &str) -> Result<&str, Ec2Error> {
    check(id, Named::Vpc, "vpc-")
}

/// Makes sure of the form of an endpoint's id.
pub(crate) fn endpoint(id: &str) -> Result<&str, Ec2Error> {
    check(id, Named::Endpoint, "vpce-")
}

fn check<'a>(id: &'a str, named: Named, expected: &'static str) -> Result<&'a str, Ec2Error> {
    if is(id, expected) {
        return Ok(id);
    }
    // "vpc-1a2b3c4d": ids of before 2018 have eight digits. There are none here, but they are no mistake of form.
    let digits = id.strip_prefix(expected).unwrap_or_default();
    if digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Ec2Error::NotFound { named, id: id.to_owned() });
    }
    Err(Ec2Error::MalformedId { named, id: id.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;

    impl Entropy for Ones {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0x1a);
        }
    }

    #[test]
    fn an_id_has_seventeen_digits() {
        let id = new(&Ones, "vpce-");
        assert_eq!(id, "vpce-1a1a1a1a1a1a1a1a1");
        assert!(is(&id, "vpce-") && !is(&id, "vpc-"));
        assert!(endpoint(&id).is_ok());
    }

    #[test]
    fn what_is_no_id_is_told_from_what_is_not_there() {
        let code = |id: &str| strongroom_gate::ErrorReply::from(vpc(id).unwrap_err()).code;
        for malformed in
            ["", "vpc-", "vpc-xyz", "vpce-1a1a1a1a1a1a1a1a1", "vpc-1A1A1A1A1A1A1A1A1", "vpc-../.."]
        {
            assert_eq!(code(malformed), "InvalidVpcID.Malformed", "{malformed}");
        }
        assert_eq!(code("vpc-1a2b3c4d"), "InvalidVpcID.NotFound");
    }
}
