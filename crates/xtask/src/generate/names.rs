//! AWS's names as Rust's: words are found first, then joined as the place demands.

/// Spellings that the rules below would split wrongly.
const SPELLINGS: &[(&str, &str)] = &[
    ("ETag", "Etag"),
    ("CRC32C", "Crc32c"),
    ("CRC64NVME", "Crc64nvme"),
    ("XXHASH", "Xxhash"),
    ("OAuth", "Oauth"),
    ("IPv", "Ipv"),
    ("NVMe", "Nvme"),
    ("OpenID", "Openid"),
    ("DBCluster", "DbCluster"),
];

/// Acronyms that models write without a break before the next.
const ACRONYMS: &[&str] = &[
    "SSE", "KMS", "MFA", "ACL", "SAML", "SSH", "JSON", "CSV", "AWS", "S3", "IAM", "ARN", "ID", "OIDC", "VPC",
];

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "box", "const", "continue", "crate", "do", "dyn", "else", "enum",
    "extern", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait",
    "true", "false", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
    "yield", "abstract", "become",
];

/// Types of the prelude and of the generated code's imports.
const TAKEN: &[&str] = &[
    "Box",
    "Bytes",
    "Clone",
    "Default",
    "Err",
    "None",
    "Ok",
    "Option",
    "Result",
    "Self",
    "Some",
    "String",
    "Structure",
    "Timestamp",
    "ToString",
    "Vec",
    "Document",
    "Value",
    "Input",
    "Operation",
];

/// The words of `name`, lower case: at every other sign, before a capital after a small letter or digit, and before the
/// last capital of a run that small letters follow.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut text = name.to_owned();
    for (from, to) in SPELLINGS {
        text = text.replace(from, to);
    }
    let signs: Vec<char> = text.chars().collect();
    let sign = |index: usize| signs.get(index).copied().unwrap_or(' ');
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for index in 0..signs.len() {
        let (this, next, after) = (sign(index), sign(index + 1), sign(index + 2));
        if !this.is_ascii_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let previous = word.chars().last().unwrap_or(' ');
        let plural = next == 's' && !after.is_ascii_lowercase();
        let begins = this.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_digit()
                || (previous.is_ascii_uppercase() && next.is_ascii_lowercase() && !plural));
        if begins {
            words.push(std::mem::take(&mut word));
        }
        word.push(this);
    }
    words.push(word);
    words
        .iter()
        .flat_map(|word| acronyms(word))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// `SSEKMS` as `SSE`, `KMS`; any other word as it is.
fn acronyms(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = word;
    while !rest.is_empty() {
        let Some(part) = ACRONYMS.iter().find(|acronym| rest.starts_with(**acronym)) else {
            return vec![word];
        };
        let (head, tail) = rest.split_at(part.len());
        parts.push(head);
        rest = tail;
    }
    parts
}

/// `sse_kms_key_id`, escaped if it is a keyword.
pub(crate) fn snake(name: &str) -> String {
    let joined = words(name).join("_");
    if KEYWORDS.contains(&joined.as_str()) { format!("r#{joined}") } else { joined }
}

/// `SSE_KMS_KEY_ID`.
pub(crate) fn screaming(name: &str) -> String {
    words(name).join("_").to_ascii_uppercase()
}

/// `SseKmsKeyId`.
pub(crate) fn camel(name: &str) -> String {
    words(name).iter().map(|word| capital(word)).collect()
}

/// The name of a shape's type.
pub(crate) fn type_name(shape: &str) -> String {
    let name = camel(shape);
    if TAKEN.contains(&name.as_str()) { format!("{name}Shape") } else { name }
}

/// `text` with a small first letter.
pub(crate) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// The name of an enum's variant.
pub(crate) fn variant(value: &str) -> String {
    let spelled = value.replace('*', "-All");
    let letters = spelled.chars().filter(char::is_ascii_alphabetic);
    let shouted = letters.clone().all(|letter| letter.is_ascii_uppercase());
    let name: String = if shouted {
        let mut parts = spelled.split(|sign: char| !sign.is_ascii_alphanumeric()).collect::<Vec<_>>();
        parts.retain(|part| !part.is_empty());
        parts.iter().map(|part| capital(&part.to_ascii_lowercase())).collect()
    } else {
        camel(&spelled)
    };
    match name.chars().next() {
        None => "Empty".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("V{name}"),
        Some(_) if TAKEN.contains(&name.as_str()) && name == "Self" => "SelfValue".to_owned(),
        Some(_) => name,
    }
}

fn capital(word: &str) -> String {
    let mut signs = word.chars();
    signs.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + signs.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_snake_case_with_acronyms_as_words() {
        for (member, field) in [
            ("ETag", "etag"),
            ("SSEKMSKeyId", "sse_kms_key_id"),
            ("SSECustomerKeyMD5", "sse_customer_key_md5"),
            ("CopySourceSSECustomerKeyMD5", "copy_source_sse_customer_key_md5"),
            ("ContentMD5", "content_md5"),
            ("ChecksumCRC32", "checksum_crc32"),
            ("ChecksumCRC32C", "checksum_crc32c"),
            ("ChecksumCRC64NVME", "checksum_crc64nvme"),
            ("ChecksumXXHASH128", "checksum_xxhash128"),
            ("ACL", "acl"),
            ("MFADelete", "mfa_delete"),
            ("GrantReadACP", "grant_read_acp"),
            ("BlockPublicAcls", "block_public_acls"),
            ("S3BucketArn", "s3_bucket_arn"),
            ("PolicyARNs", "policy_arns"),
            ("maxResults", "max_results"),
            ("Type", "r#type"),
            ("ID", "id"),
        ] {
            assert_eq!(snake(member), field);
        }
    }

    #[test]
    fn shapes_and_values_become_camel_case() {
        assert_eq!(type_name("CORSRule"), "CorsRule");
        assert_eq!(type_name("SSEKMS"), "SseKms");
        assert_eq!(type_name("Option"), "OptionShape");
        for (value, name) in [
            ("STANDARD_IA", "StandardIa"),
            ("aws:kms:dsse", "AwsKmsDsse"),
            ("s3:ObjectCreated:*", "S3ObjectCreatedAll"),
            ("CRC64NVME", "Crc64nvme"),
            ("us-west-1", "UsWest1"),
            ("SHA256", "Sha256"),
            ("BucketOwnerEnforced", "BucketOwnerEnforced"),
            ("", "Empty"),
            ("1.0", "V10"),
        ] {
            assert_eq!(variant(value), name);
        }
    }
}
