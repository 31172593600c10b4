//! The keys of an issuer, and the signatures that they verify.
//!
//! Source: RFC 7517 (JWK), RFC 7518 (JWA), RFC 8037 (Ed25519). All cryptography is aws-lc-rs's.

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::Json;
use super::token::Token;

/// Bytes of a key set at most.
pub const MAX_KEY_SET_BYTES: usize = 256 * 1024;
/// Keys in a set at most: each may have to be tried.
const MAX_KEYS: usize = 100;

/// How a token is signed. What is not here is not taken: `none`, and HMAC, whose key would be public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

impl Algorithm {
    const ALL: [(&'static str, Self); 11] = [
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("ES512", Self::Es512),
        ("EdDSA", Self::EdDsa),
        // Source: RFC 9864, which names the curve.
        ("Ed25519", Self::EdDsa),
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }
}

/// Why a key set is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key set is no JSON object with a list \"keys\" of at most {MAX_KEYS} keys")]
pub struct BadKeySet;

/// The keys of an issuer that can verify signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    P521(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl KeySet {
    /// Reads a set. Keys of kinds that are not taken, or not for signatures, are left out. Source: RFC 7517, section 5.
    ///
    /// # Errors
    /// [`BadKeySet`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadKeySet> {
        let json = if bytes.len() <= MAX_KEY_SET_BYTES { Json::parse(bytes) } else { None };
        match json.as_ref().and_then(|json| json.get("keys")) {
            Some(Json::List(keys)) if keys.len() <= MAX_KEYS => {
                Ok(Self(keys.iter().filter_map(Key::of).collect()))
            }
            _ => Err(BadKeySet),
        }
    }

    /// Whether a key of this id is there; any key, for a token that names none.
    pub fn has(&self, id: Option<&str>) -> bool {
        self.0.iter().any(|key| key.may_be(id))
    }

    /// Whether one of the keys made the token's signature.
    pub(super) fn verifies(&self, token: &Token<'_>) -> bool {
        self.0.iter().filter(|key| key.may_be(token.key_id.as_deref())).any(|key| key.verifies(token))
    }
}

impl Key {
    fn of(json: &Json) -> Option<Self> {
        if json.get("use").is_some_and(|usage| usage.text() != Some("sig")) {
            return None;
        }
        let operations = json.get("key_ops").map(|operations| operations.texts().unwrap_or_default());
        if operations.is_some_and(|operations| !operations.iter().any(|operation| operation == "verify")) {
            return None;
        }
        let algorithm = match json.get("alg") {
            // One for an algorithm that is not taken is of no use.
            Some(name) => Some(Algorithm::parse(name.text()?)?),
            None => None,
        };
        let id = json.text_of("kid").map(ToOwned::to_owned);
        Some(Self { id, algorithm, material: Material::of(json)? })
    }

    fn may_be(&self, id: Option<&str>) -> bool {
        match (id, &self.id) {
            (Some(wanted), Some(id)) => wanted == id,
            (None, _) | (_, None) => true,
        }
    }

    fn verifies(&self, token: &Token<'_>) -> bool {
        if self.algorithm.is_some_and(|algorithm| algorithm != token.algorithm) {
            return false;
        }
        let (message, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        match (&self.material, token.algorithm) {
            (Material::Rsa { modulus, exponent }, algorithm) => {
                let Some(parameters) = rsa(algorithm) else { return false };
                let key = RsaPublicKeyComponents { n: modulus.as_slice(), e: exponent.as_slice() };
                key.verify(parameters, message, signature).is_ok()
            }
            (Material::P256(point), Algorithm::Es256) => {
                ecdsa(&signature::ECDSA_P256_SHA256_FIXED, point, message, signature)
            }
            (Material::P384(point), Algorithm::Es384) => {
                ecdsa(&signature::ECDSA_P384_SHA384_FIXED, point, message, signature)
            }
            (Material::P521(point), Algorithm::Es512) => {
                ecdsa(&signature::ECDSA_P521_SHA512_FIXED, point, message, signature)
            }
            (Material::Ed25519(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signature).is_ok()
            }
            (Material::P256(_) | Material::P384(_) | Material::P521(_) | Material::Ed25519(_), _) => false,
        }
    }
}

/// Keys of fewer than 2048 bits verify nothing. Source: RFC 7518, sections 3.3 and 3.5.
fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa => None,
    }
}

fn ecdsa(
    algorithm: &'static EcdsaVerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
}

impl Material {
    fn of(json: &Json) -> Option<Self> {
        let bytes = |name| URL_SAFE_NO_PAD.decode(json.text_of(name)?).ok();
        let exactly = |name, len| bytes(name).filter(|bytes| bytes.len() == len);
        // Source: RFC 7518, section 6.2.1.2: coordinates have the length of the field. SEC 1, section 2.3.3: a point
        // without compression begins with 04.
        let point = |len| Some([vec![4], exactly("x", len)?, exactly("y", len)?].concat());
        match (json.text_of("kty")?, json.text_of("crv")) {
            ("RSA", _) => Some(Self::Rsa { modulus: bytes("n")?, exponent: bytes("e")? }),
            ("EC", Some("P-256")) => Some(Self::P256(point(32)?)),
            ("EC", Some("P-384")) => Some(Self::P384(point(48)?)),
            ("EC", Some("P-521")) => Some(Self::P521(point(66)?)),
            ("OKP", Some("Ed25519")) => Some(Self::Ed25519(exactly("x", 32)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Issuers that sign.

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

    use super::*;

    /// A key pair, and how it signs.
    pub(in super::super) enum Signer {
        Rsa(KeyPair),
        P256(EcdsaKeyPair),
        P384(EcdsaKeyPair),
        P521(EcdsaKeyPair),
        Ed25519(Ed25519KeyPair),
    }

    pub(in super::super) fn base64(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    impl Signer {
        pub(in super::super) fn rsa() -> Self {
            Self::Rsa(KeyPair::generate(KeySize::Rsa2048).unwrap())
        }

        pub(in super::super) fn p256() -> Self {
            Self::P256(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
        }

        pub(in super::super) fn all() -> Vec<Self> {
            vec![
                Self::rsa(),
                Self::p256(),
                Self::P384(EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
                Self::P521(EcdsaKeyPair::generate(&signature::ECDSA_P521_SHA512_FIXED_SIGNING).unwrap()),
                Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            ]
        }

        pub(in super::super) fn algorithms(&self) -> &'static [&'static str] {
            match self {
                Self::Rsa(_) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
                Self::P256(_) => &["ES256"],
                Self::P384(_) => &["ES384"],
                Self::P521(_) => &["ES512"],
                Self::Ed25519(_) => &["EdDSA", "Ed25519"],
            }
        }

        /// The public key as a JWK.
        pub(in super::super) fn jwk(&self, id: &str) -> serde_json::Value {
            let ec = |curve: &str, pair: &EcdsaKeyPair| {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                serde_json::json!({"kty": "EC", "crv": curve, "kid": id, "x": base64(x), "y": base64(y)})
            };
            match self {
                Self::Rsa(pair) => {
                    // RFC 8017, appendix A.1.1, in DER: the modulus of 2048 bits begins behind nine bytes.
                    let n = base64(&pair.public_key().as_ref()[9..9 + 256]);
                    serde_json::json!({"kty": "RSA", "kid": id, "use": "sig", "n": n, "e": "AQAB"})
                }
                Self::P256(pair) => ec("P-256", pair),
                Self::P384(pair) => ec("P-384", pair),
                Self::P521(pair) => ec("P-521", pair),
                Self::Ed25519(pair) => {
                    let x = base64(pair.public_key().as_ref());
                    serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x})
                }
            }
        }

        pub(in super::super) fn key_set(&self, id: &str) -> KeySet {
            KeySet::parse(serde_json::json!({"keys": [self.jwk(id)]}).to_string().as_bytes()).unwrap()
        }

        pub(in super::super) fn token(
            &self,
            header: &serde_json::Value,
            payload: &serde_json::Value,
        ) -> String {
            let part = |json: &serde_json::Value| base64(json.to_string().as_bytes());
            let signed = format!("{}.{}", part(header), part(payload));
            let signature = self.sign(header["alg"].as_str().unwrap(), signed.as_bytes());
            format!("{signed}.{}", base64(&signature))
        }

        fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
            let random = SystemRandom::new();
            match self {
                Self::Rsa(pair) => {
                    let encoding: &dyn signature::RsaEncoding = match algorithm {
                        "RS384" => &signature::RSA_PKCS1_SHA384,
                        "RS512" => &signature::RSA_PKCS1_SHA512,
                        "PS256" => &signature::RSA_PSS_SHA256,
                        "PS384" => &signature::RSA_PSS_SHA384,
                        "PS512" => &signature::RSA_PSS_SHA512,
                        _ => &signature::RSA_PKCS1_SHA256,
                    };
                    let mut out = vec![0; pair.public_modulus_len()];
                    pair.sign(encoding, &random, message, &mut out).unwrap();
                    out
                }
                Self::P256(pair) | Self::P384(pair) | Self::P521(pair) => {
                    pair.sign(&random, message).unwrap().as_ref().to_vec()
                }
                Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::Signer;
    use super::*;

    fn claims() -> serde_json::Value {
        json!({"iss": "https://a", "sub": "s", "aud": "x", "exp": 2})
    }

    #[test]
    fn every_algorithm_verifies_what_it_signed_and_nothing_else() {
        for signer in Signer::all() {
            let keys = signer.key_set("k");
            for algorithm in signer.algorithms() {
                let text = signer.token(&json!({"alg": algorithm, "kid": "k"}), &claims());
                let mut token = Token::parse(&text).unwrap();
                assert!(keys.verifies(&token), "{algorithm}");
                token.signature[7] ^= 1;
                assert!(!keys.verifies(&token), "{algorithm}: a bit of the signature");
                token.signature[7] ^= 1;
                token.signed = &token.signed[..token.signed.len() - 1];
                assert!(!keys.verifies(&token), "{algorithm}: less than was signed");
                token.signature.clear();
                assert!(!keys.verifies(&token), "{algorithm}: no signature");
            }
        }
    }

    #[test]
    fn a_key_verifies_only_under_its_own_id_kind_and_algorithm() {
        let (rsa, p256) = (Signer::rsa(), Signer::p256());
        let text = rsa.token(&json!({"alg": "RS256", "kid": "k"}), &claims());
        let token = Token::parse(&text).unwrap();
        assert!(!rsa.key_set("other").verifies(&token));
        assert!(!p256.key_set("k").verifies(&token));
        let mut jwk = rsa.jwk("k");
        jwk["alg"] = json!("RS512");
        let set =
            |jwk: &serde_json::Value| KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        assert!(!set(&jwk).verifies(&token), "it is for another algorithm");
        jwk["alg"] = json!("RS256");
        assert!(set(&jwk).verifies(&token));
        jwk["use"] = json!("enc");
        assert_eq!(set(&jwk), KeySet::default(), "it is not for signatures");
    }

    #[test]
    fn a_key_that_is_shared_or_broken_is_none() {
        for key in [
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "RSA", "n": "AQAB"}),
            json!({"kty": "RSA", "alg": "HS256", "n": "AQAB", "e": "AQAB"}),
            json!({}),
            json!(1),
        ] {
            let set = KeySet::parse(json!({"keys": [key]}).to_string().as_bytes()).unwrap();
            assert_eq!(set, KeySet::default(), "{key}");
        }
        for bad in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
            assert_eq!(KeySet::parse(bad.as_bytes()), Err(BadKeySet), "{bad}");
        }
    }

    #[test]
    fn short_rsa_keys_verify_nothing() {
        // 1024 bits.
        let jwk = json!({"kty": "RSA", "n": testing::base64(&[0xff; 128]), "e": "AQAB"});
        let set = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        let text = Signer::rsa().token(&json!({"alg": "RS256"}), &claims());
        assert!(!set.verifies(&Token::parse(&text).unwrap()));
    }
}
