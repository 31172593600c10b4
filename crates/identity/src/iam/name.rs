//! Names, paths and tags: what of them the models do not say.

use strongroom_api_iam as api;

use super::entity::{Kind, TagRow, Tagged};
use super::error::IamError;
use super::limits;

/// The quota for entities of a kind, and its name.
pub(crate) fn quota(kind: Kind) -> (u32, &'static str) {
    match kind {
        Kind::User => (limits::USERS, "UsersPerAccount"),
        Kind::Group => (limits::GROUPS, "GroupsPerAccount"),
        Kind::Role => (limits::ROLES, "RolesPerAccount"),
        Kind::Policy => (limits::POLICIES, "PoliciesPerAccount"),
        Kind::InstanceProfile => (limits::INSTANCE_PROFILES, "InstanceProfilesPerAccount"),
    }
}

/// Row keys and ARNs rely on this of names. Source: IAM User Guide, "IAM and AWS STS quotas", "IAM name requirements".
pub(crate) fn check_name(name: &str) -> Result<(), IamError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !name.is_empty() && name.len() <= 128 && name.bytes().all(good) {
        Ok(())
    } else {
        Err(IamError::InvalidInput(
            "A name has 1 to 128 letters, digits and characters of _+=,.@- and nothing else.",
        ))
    }
}

/// Source: as [`check_name`].
pub(crate) fn check_path(path: &str) -> Result<(), IamError> {
    let good = path.bytes().all(|byte| byte.is_ascii_graphic());
    if good && path.len() <= 512 && path.starts_with('/') && path.ends_with('/') {
        Ok(())
    } else {
        Err(IamError::InvalidInput(
            "A path begins and ends with a slash, and has printable characters of ASCII between them.",
        ))
    }
}

/// Tags as they are kept.
pub(crate) fn tag_rows(tags: Option<&[api::Tag]>) -> Result<Vec<TagRow>, IamError> {
    let rows: Vec<TagRow> = tags
        .unwrap_or_default()
        .iter()
        .map(|tag| TagRow { key: tag.key.clone(), value: tag.value.clone() })
        .collect();
    let mut keys: Vec<String> = rows.iter().map(|tag| tag.key.to_lowercase()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(IamError::DuplicateTags);
    }
    if keys.iter().any(|key| key.starts_with("aws:")) {
        return Err(IamError::SystemTag);
    }
    Ok(rows)
}

/// Tags of a new entity.
pub(crate) fn new_tags<E: Tagged>(tags: Option<&[api::Tag]>) -> Result<Vec<TagRow>, IamError> {
    let rows = tag_rows(tags)?;
    check_tag_count::<E>(&rows)?;
    Ok(rows)
}

/// Whether an entity may have so many tags.
pub(crate) fn check_tag_count<E: Tagged>(tags: &[TagRow]) -> Result<(), IamError> {
    if tags.len() > limits::TAGS {
        return Err(IamError::Limit { quota: E::TAGS_QUOTA, limit: limits::TAGS });
    }
    Ok(())
}

/// As answers show them; absent if there are none.
pub(crate) fn tag_shapes(tags: &[TagRow]) -> Option<Vec<api::Tag>> {
    (!tags.is_empty()).then(|| tags.iter().map(tag_shape).collect())
}

/// As answers show it.
pub(crate) fn tag_shape(tag: &TagRow) -> api::Tag {
    api::Tag { key: tag.key.clone(), value: tag.value.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str) -> api::Tag {
        api::Tag { key: key.to_owned(), value: "v".to_owned() }
    }

    #[test]
    fn names_and_paths_hold_nothing_that_keys_or_arns_end_with() {
        for good in ["a", "A.b@c=d,e+f_g-h", "0"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a:b", "a b", "a\0b", "ä"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["/", "/a/", "/a/b:c/"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "/a", "a/", "/a b/", "/\0/"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tag_keys_differ_by_more_than_case_and_are_not_aws_s() {
        assert!(tag_rows(Some(&[tag("a"), tag("b")])).is_ok());
        assert!(matches!(tag_rows(Some(&[tag("a"), tag("A")])), Err(IamError::DuplicateTags)));
        assert!(matches!(tag_rows(Some(&[tag("AWS:x")])), Err(IamError::SystemTag)));
    }
}
