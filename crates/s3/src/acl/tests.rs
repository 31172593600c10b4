use proptest::prelude::*;
use strongroom_api_s3::{AccessControlPolicy, Grant, Grantee, Owner, Permission, Type};
use strongroom_gate::{AccessControlList, AclEntry, AclGrantee, AclPermission};
use strongroom_types::CanonicalUserId;

use super::asked::AskedGrantee;
use super::*;
use crate::row::{AclRow, Coded as _, StateRow};

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

fn canonical(byte: u8) -> CanonicalUserId {
    CanonicalUserId::from_bytes([byte; 32])
}

fn any_entry() -> impl Strategy<Value = AclEntry> {
    let grantee = prop_oneof![
        any::<u8>().prop_map(|byte| AclGrantee::User(canonical(byte))),
        Just(AclGrantee::AllUsers),
        Just(AclGrantee::AuthenticatedUsers),
        Just(AclGrantee::LogDelivery),
    ];
    let permission = prop_oneof![
        Just(AclPermission::Read),
        Just(AclPermission::Write),
        Just(AclPermission::ReadAcp),
        Just(AclPermission::WriteAcp),
        Just(AclPermission::FullControl),
    ];
    (grantee, permission).prop_map(|(grantee, permission)| AclEntry { grantee, permission })
}

fn any_list() -> impl Strategy<Value = AccessControlList> {
    prop::collection::vec(any_entry(), 0..=MAX_GRANTS).prop_map(|entries| AccessControlList { entries })
}

/// The list that was asked for, which names no address.
fn known(asked: AskedAcl) -> AccessControlList {
    let AskedAcl::Entries(entries) = asked else { panic!("{asked:?}") };
    let known = |(grantee, permission)| match grantee {
        AskedGrantee::Known(grantee) => (grantee, permission),
        AskedGrantee::Email(address) => panic!("{address}"),
    };
    entries.into_iter().map(known).collect()
}

fn document(owner: CanonicalUserId, grants: Vec<Grant>) -> AccessControlPolicy {
    AccessControlPolicy { grants: Some(grants), owner: Some(Box::new(shown_owner(owner))) }
}

proptest! {
    #[test]
    fn a_list_that_is_shown_and_put_is_the_same(list in any_list(), owner in any::<u8>()) {
        let owner = canonical(owner);
        let document = document(owner, shown_grants(&list));
        let asked = AskedAcl::of_request(None, &HeaderGrants::default(), Some(&document), owner).unwrap();
        prop_assert_eq!(known(asked), list);
    }

    #[test]
    fn a_list_that_is_stored_and_read_is_the_same(list in any_list()) {
        let row = StateRow { acl: Some(AclRow::from(&list)), ..StateRow::default() };
        let read = StateRow::decode(&row.encode()).unwrap().acl.unwrap();
        prop_assert_eq!(AccessControlList::from(&read), list);
    }

    #[test]
    fn any_header_is_read_or_refused(value in "\\PC{0,40}|(id|uri|emailAddress)=\"?[a-f0-9:/@,=\"]{0,70}\"?") {
        let headers = HeaderGrants { read: Some(&value), ..HeaderGrants::default() };
        if let Err(reply) = AskedAcl::of_head(None, &headers) {
            prop_assert_eq!(reply.status, 400);
        }
    }
}

#[test]
fn headers_name_ids_groups_and_addresses_quoted_or_not() {
    let (one, two) = (canonical(1), canonical(2));
    let value = format!("id=\"{one}\", ID={two},uri=\"{ALL_USERS}\", emailAddress=\"a,b@example.com\"");
    let headers = HeaderGrants { write_acp: Some(&value), ..HeaderGrants::default() };
    let asked = AskedAcl::of_head(None, &headers).unwrap().unwrap();
    let entries = [
        AskedGrantee::Known(AclGrantee::User(one)),
        AskedGrantee::Known(AclGrantee::User(two)),
        AskedGrantee::Known(AclGrantee::AllUsers),
        AskedGrantee::Email("a,b@example.com".to_owned()),
    ];
    assert_eq!(asked, AskedAcl::Entries(entries.map(|grantee| (grantee, AclPermission::WriteAcp)).into()));
}

#[test]
fn what_does_not_read_is_refused_by_its_code() {
    let id = canonical(1).to_string();
    for bad in
        ["", "id", "id=", "id=\"", "name=\"x\"", &format!("id=\"{id}\" uri=\"{ALL_USERS}\""), "id=\"x\""]
    {
        let headers = HeaderGrants { read: Some(bad), ..HeaderGrants::default() };
        assert_eq!(AskedAcl::of_head(None, &headers).unwrap_err().code, "InvalidArgument", "{bad}");
    }
    let value = format!("id={id}");
    let headers = HeaderGrants { read: Some(&value), ..HeaderGrants::default() };
    let code = |canned, headers: &HeaderGrants<'_>, document: Option<&AccessControlPolicy>| {
        let asked = AskedAcl::of_request(canned, headers, document, canonical(1));
        asked.map_or_else(|reply| reply.code.into_owned(), |_| "none".to_owned())
    };
    let none = HeaderGrants::default();
    let (private, own) = (Some(CannedAcl::Private), document(canonical(1), Vec::new()));
    assert_eq!(code(private, &headers, None), "InvalidRequest");
    assert_eq!(code(private, &none, Some(&own)), "UnexpectedContent");
    assert_eq!(code(None, &headers, Some(&own)), "UnexpectedContent");
    assert_eq!(code(None, &none, None), "MissingSecurityHeader");
    assert_eq!(code(None, &none, Some(&own)), "none");
    assert_eq!(code(None, &none, Some(&document(canonical(2), Vec::new()))), "AccessDenied");
    let many = HeaderGrants { read: Some(&vec![value.as_str(); 101].join(",")), ..none };
    assert_eq!(code(None, &many, None), "InvalidRequest");
}

#[test]
fn documents_that_are_no_list_are_malformed() {
    let grantee = |r#type, id: Option<&str>, uri: Option<&str>| Grantee {
        r#type,
        id: id.map(str::to_owned),
        uri: uri.map(str::to_owned),
        ..Grantee::default()
    };
    let grant = |grantee: Grantee, permission| Grant { grantee: Some(Box::new(grantee)), permission };
    let read = Some(Permission::Read);
    let (id, own) = (canonical(1).to_string(), Some(Box::new(shown_owner(canonical(1)))));
    let with = |grants| AccessControlPolicy { grants: Some(grants), owner: own.clone() };
    let one = |one| with(vec![one]);
    let malformed = "MalformedACLError";
    for (document, code) in [
        (AccessControlPolicy { grants: None, owner: own.clone() }, malformed),
        (AccessControlPolicy { grants: Some(Vec::new()), owner: None }, malformed),
        (
            AccessControlPolicy { grants: Some(Vec::new()), owner: Some(Box::new(Owner::default())) },
            malformed,
        ),
        (one(Grant { grantee: None, permission: read }), malformed),
        (one(grant(grantee(Some(Type::CanonicalUser), Some(&id), None), None)), malformed),
        (one(grant(grantee(None, Some(&id), None), read)), malformed),
        (one(grant(grantee(Some(Type::Group), Some(&id), None), read)), malformed),
        (one(grant(grantee(Some(Type::CanonicalUser), None, Some(ALL_USERS)), read)), malformed),
        (one(grant(grantee(Some(Type::AmazonCustomerByEmail), Some(&id), None), read)), malformed),
        (one(grant(grantee(Some(Type::CanonicalUser), Some("_foo"), None), read)), "InvalidArgument"),
        (one(grant(grantee(Some(Type::Group), None, Some("http://else")), read)), "InvalidArgument"),
        (with(vec![grant(grantee(Some(Type::CanonicalUser), Some(&id), None), read); 101]), malformed),
    ] {
        let asked = AskedAcl::of_request(None, &HeaderGrants::default(), Some(&document), canonical(1));
        assert_eq!(asked.unwrap_err().code, code);
    }
}

#[test]
fn canned_lists_are_those_of_the_guide() {
    let (owner, bucket_owner) = (canonical(1), canonical(2));
    let entries = |canned: CannedAcl, owner| {
        let list = WantedAcl::Canned(canned).list(owner, bucket_owner);
        list.entries.into_iter().map(|entry| (entry.grantee, entry.permission)).collect::<Vec<_>>()
    };
    let full = (AclGrantee::User(owner), AclPermission::FullControl);
    let all = |permission| (AclGrantee::AllUsers, permission);
    assert_eq!(entries(CannedAcl::Private, owner), [full]);
    assert_eq!(
        entries(CannedAcl::PublicReadWrite, owner),
        [full, all(AclPermission::Read), all(AclPermission::Write)]
    );
    let signed = (AclGrantee::AuthenticatedUsers, AclPermission::Read);
    assert_eq!(entries(CannedAcl::AuthenticatedRead, owner), [full, signed]);
    let theirs = |permission| (AclGrantee::User(bucket_owner), permission);
    assert_eq!(entries(CannedAcl::BucketOwnerRead, owner), [full, theirs(AclPermission::Read)]);
    let both = [full, theirs(AclPermission::FullControl)];
    assert_eq!(entries(CannedAcl::BucketOwnerFullControl, owner), both);
    assert_eq!(
        entries(CannedAcl::BucketOwnerFullControl, bucket_owner),
        [theirs(AclPermission::FullControl)]
    );
    assert_eq!(entries(CannedAcl::AwsExecRead, owner).len(), 2);
    let logs = |permission| (AclGrantee::LogDelivery, permission);
    assert_eq!(
        entries(CannedAcl::LogDeliveryWrite, owner),
        [full, logs(AclPermission::Write), logs(AclPermission::ReadAcp)]
    );
}
