//! What AWS's page calls public and what not, and what outsiders can do.

use super::*;
use crate::evaluate::{Attached, PolicySets, Request, ResourceSide, evaluate};
use crate::{Kind, Policy};

const OWNER: &str = "111122223333";

fn owner() -> AccountId {
    AccountId::parse(OWNER).unwrap()
}

fn read(statements: &str, kind: Kind) -> Document {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Document::parse(text.as_bytes(), kind).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn bucket(statements: &str) -> Document {
    read(statements, Kind::Bucket)
}

/// An Allow of PutObject to everybody under a condition.
fn open_if(condition: &str) -> Document {
    bucket(&format!(
        r#"{{"Sid":"Only","Principal":"*","Resource":"*","Action":"s3:PutObject","Effect":"Allow","Condition":{condition}}}"#
    ))
}

fn evaluated(document: &Document, witness: &Witness) -> bool {
    let policy = Policy::compile(document);
    let all = read(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, Kind::Managed);
    let all = Policy::compile(&all);
    let identity = [Attached { name: "all", policy: &all }];
    let sets = PolicySets {
        resource: ResourceSide {
            policy: Some(Attached { name: "b", policy: &policy }),
            ..ResourceSide::NONE
        },
        identity: &identity,
        ..PolicySets::NONE
    };
    let context = witness.context();
    let request = Request {
        principal: &witness.principal,
        canonical_user: None,
        action: &witness.action,
        resource: &witness.resource,
        resource_account: owner(),
        context: &context,
    };
    evaluate(&request, &sets).is_allow()
}

/// By the rule, by reach.
fn verdicts(document: &Document) -> (bool, bool) {
    let reached = match reachable(document, owner()) {
        Reach::Reachable { witness, .. } => {
            assert!(evaluated(document, &witness), "{witness} {}", document.as_str());
            true
        }
        Reach::Unreachable => false,
        Reach::Undecided { .. } => panic!("undecided: {}", document.as_str()),
    };
    (aws_public(document).is_some(), reached)
}

#[track_caller]
fn is_public(document: &Document) {
    assert_eq!(verdicts(document), (true, true), "{}", document.as_str());
}

#[track_caller]
fn is_not_public(document: &Document) {
    assert_eq!(verdicts(document), (false, false), "{}", document.as_str());
}

fn witness(document: &Document) -> String {
    match reachable(document, owner()) {
        Reach::Reachable { witness, .. } => witness.to_string(),
        other @ (Reach::Unreachable | Reach::Undecided { .. }) => panic!("{other:?}"),
    }
}

// What follows is S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of 'public'".

#[test]
fn a_grant_to_whoever_a_provider_vouches_for_is_public() {
    is_public(&bucket(
        r#"{"Principal":{"Federated":"graph.facebook.com"},"Resource":"*","Action":"s3:PutObject","Effect":"Allow"}"#,
    ));
}

#[test]
fn a_grant_to_everybody_is_public() {
    is_public(&bucket(r#"{"Principal":"*","Resource":"*","Action":"s3:PutObject","Effect":"Allow"}"#));
    is_public(&bucket(
        r#"{"Principal":{"AWS":"*"},"Resource":"*","Action":"s3:PutObject","Effect":"Allow"}"#,
    ));
}

#[test]
fn a_grant_to_every_vpc_is_public() {
    is_public(&open_if(r#"{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#));
}

#[test]
fn a_grant_to_one_vpc_is_not_public() {
    is_not_public(&open_if(r#"{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}"#));
}

#[test]
fn a_fixed_value_of_each_key_that_aws_lists_is_not_public() {
    for (operator, key, value) in [
        ("StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5"),
        ("IpAddress", "aws:SourceIp", "203.0.113.0/24"),
        ("ArnEquals", "aws:SourceArn", "arn:aws:s3:::source"),
        ("ArnLike", "aws:SourceArn", "arn:aws:sns:us-east-1:444455556666:topic"),
        ("StringEquals", "aws:SourceVpc", "vpc-91237329"),
        ("StringEquals", "aws:SourceVpce", "vpce-1a2b3c4d"),
        ("StringEquals", "aws:SourceOwner", "444455556666"),
        ("StringEquals", "aws:SourceAccount", "444455556666"),
        ("StringEquals", "aws:userid", "AIDAJQABLZS4A3QDU576Q"),
        ("StringEquals", "s3:DataAccessPointArn", "arn:aws:s3:us-west-2:123456789012:accesspoint/one"),
        ("StringEquals", "s3:DataAccessPointAccount", "123456789012"),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::444455556666:role/Reader"),
        ("StringEquals", "aws:PrincipalAccount", "444455556666"),
    ] {
        is_not_public(&open_if(&format!(r#"{{"{operator}":{{"{key}":"{value}"}}}}"#)));
        is_not_public(&open_if(&format!(r#"{{"{operator}":{{"{key}":["{value}","{value}"]}}}}"#)));
    }
}

#[test]
fn a_wildcard_in_a_value_is_public() {
    for (key, value) in [
        ("aws:PrincipalOrgID", "o-*"),
        ("aws:SourceArn", "arn:aws:sns:*:*:*"),
        ("aws:SourceVpc", "vpc-9123732?"),
        ("aws:SourceVpce", "*"),
        ("aws:SourceAccount", "4444*"),
        ("aws:userid", "AIDA*"),
        ("s3:DataAccessPointArn", "arn:aws:s3:us-west-2:*:accesspoint/one"),
        ("s3:DataAccessPointAccount", "*"),
        ("aws:PrincipalArn", "arn:aws:iam::*:role/Reader"),
    ] {
        is_public(&open_if(&format!(r#"{{"StringLike":{{"{key}":"{value}"}}}}"#)));
    }
}

#[test]
fn a_key_that_aws_does_not_list_is_public() {
    for condition in [
        r#"{"StringEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"k"}}"#,
        r#"{"StringLike":{"aws:Referer":"https://example.com/*"}}"#,
        r#"{"StringEquals":{"aws:PrincipalTag/team":"red"}}"#,
        r#"{"Bool":{"aws:SecureTransport":"true"}}"#,
        r#"{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}"#,
        r#"{"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}"#,
    ] {
        is_public(&open_if(condition));
    }
}

#[test]
fn a_network_wider_than_a_slash_8_or_32_is_public() {
    let open = |range: &str| open_if(&format!(r#"{{"IpAddress":{{"aws:SourceIp":"{range}"}}}}"#));
    for range in ["0.0.0.0/1", "0.0.0.0/0", "16.0.0.0/7", "::/0", "2001:db8::/31", "::ffff:0:0/96", "::/32"] {
        is_public(&open(range));
    }
    for range in
        ["17.0.0.0/8", "198.51.100.7", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "2001:db8::/32"]
    {
        is_not_public(&open(range));
    }
}

#[test]
fn many_narrow_networks_that_are_wide_together_reach_outsiders() {
    let ranges = (0..256).map(|n| format!("\"{n}.0.0.0/8\"")).collect::<Vec<_>>().join(",");
    let document = open_if(&format!(r#"{{"IpAddress":{{"aws:SourceIp":[{ranges}]}}}}"#));
    assert_eq!(verdicts(&document), (false, true));
}

#[test]
fn in_a_bucket_policy_the_name_of_an_access_point_may_be_a_wildcard() {
    let condition = |region: &str| {
        format!(
            r#"{{"StringLike":{{"s3:DataAccessPointArn":"arn:aws:s3:{region}:123456789012:accesspoint/*"}}}}"#
        )
    };
    is_not_public(&open_if(&condition("us-west-2")));
    is_not_public(&open_if(&condition("*")));
}

#[test]
fn in_an_access_point_policy_access_points_are_public() {
    let condition =
        r#"{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:123456789012:accesspoint/*"}}"#;
    is_public(&read(
        &format!(
            r#"{{"Principal":"*","Resource":"*","Action":"s3:GetObject","Effect":"Allow","Condition":{condition}}}"#
        ),
        Kind::AccessPoint,
    ));
}

#[test]
fn grants_to_fixed_principals_are_not_public() {
    let service = r#"{"Principal":{"Service":"cloudtrail.amazonaws.com"},"Resource":"*","Action":"s3:PutObject","Effect":"Allow"}"#;
    let account = r#"{"Principal":{"AWS":"444455556666"},"Resource":"*","Action":"s3:*","Effect":"Allow"}"#;
    is_not_public(&bucket(service));
    is_not_public(&bucket(account));
    is_not_public(&bucket(
        r#"{"Principal":{"AWS":["arn:aws:iam::444455556666:user/ann","AIDAJQABLZS4A3QDU576Q"]},"Resource":"*","Action":"s3:*","Effect":"Allow"}"#,
    ));
    // The page's example of three grants: the third one makes the whole public.
    let all = r#"{"Principal":"*","Resource":"*","Action":"s3:GetObject","Effect":"Allow"}"#;
    is_not_public(&bucket(&[service, account].join(",")));
    is_public(&bucket(&[service, account, all].join(",")));
}

// What AWS does not say.

#[test]
fn operators_that_hold_without_the_key_do_not_restrict() {
    for condition in [
        r#"{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#,
        r#"{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}"#,
        r#"{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#,
        r#"{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#,
        r#"{"Null":{"aws:SourceVpc":"false"}}"#,
        r#"{"Null":{"aws:SourceVpc":"true"}}"#,
    ] {
        is_public(&open_if(condition));
    }
}

#[test]
fn a_denial_of_everything_keeps_outsiders_out_although_the_rule_does_not_see_it() {
    let allow = r#"{"Principal":"*","Resource":"arn:aws:s3:::b/*","Action":"s3:GetObject","Effect":"Allow"}"#;
    let deny = |rest: &str| {
        format!(r#"{allow},{{"Principal":"*","Resource":"arn:aws:s3:::b/*","Effect":"Deny",{rest}}}"#)
    };
    let verdict = |rest: &str| verdicts(&bucket(&deny(rest)));
    assert_eq!(verdict(r#""Action":"s3:*""#), (true, false));
    assert_eq!(verdict(r#""Action":"s3:Get*""#), (true, false));
    assert_eq!(verdict(r#""Action":"s3:Put*""#), (true, true));
    assert_eq!(verdict(r#""NotAction":"s3:Put*""#), (true, false));
    let org = r#""Action":"s3:*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#;
    assert_eq!(
        verdict(org),
        (true, true),
        "an organisation that only a denial names is open to whoever is in it"
    );
    let tls = r#""Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#;
    assert_eq!(verdict(tls), (true, true));
    let both =
        format!("{},{}", deny(tls), deny(&tls.replace("false", "true")).replace(&format!("{allow},"), ""));
    assert_eq!(verdicts(&bucket(&both)), (true, false), "with TLS or without, it is denied");
}

#[test]
fn conditions_that_exclude_each_other_let_nobody_in() {
    for condition in [
        r#"{"StringEquals":{"aws:Referer":"a"},"StringLike":{"aws:Referer":"b*"}}"#,
        r#"{"NumericLessThan":{"s3:max-keys":5},"NumericGreaterThan":{"s3:max-keys":5}}"#,
        r#"{"DateLessThan":{"aws:CurrentTime":"2026-01-01"},"DateGreaterThan":{"aws:CurrentTime":"2027-01-01"}}"#,
        r#"{"Null":{"aws:Referer":"true"},"StringLike":{"aws:Referer":"*"}}"#,
        r#"{"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}"#,
        r#"{"StringEquals":{"aws:PrincipalType":"Anonymous"},"StringLike":{"aws:PrincipalArn":"*"}}"#,
        r#"{"Bool":{"aws:PrincipalIsAWSService":"true"}}"#,
        r#"{"StringLike":{"aws:PrincipalServiceName":"*"}}"#,
        r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":"a"},"ForAllValues:StringEquals":{"aws:TagKeys":"b"}}"#,
    ] {
        let document = open_if(condition);
        assert!(!verdicts(&document).1, "{condition}");
    }
}

#[test]
fn a_part_of_an_arn_in_a_text_pattern_can_be_forged() {
    // A path of a role may hold colons, and `*` in StringLike reaches across them.
    let document = open_if(r#"{"StringLike":{"aws:PrincipalArn":"arn:*:iam::444455556666:role/x"}}"#);
    assert!(witness(&document).contains(":iam::444455556666:role/x,"), "{}", witness(&document));
    assert!(!verdicts(&open_if(r#"{"ArnLike":{"aws:PrincipalArn":"arn:*:iam::444455556666:role/x"}}"#)).1);
    assert!(
        !verdicts(&open_if(r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/*"}}"#)).1
    );
}

#[test]
fn accounts_that_only_denials_name_are_outsiders() {
    let allow = r#"{"Principal":"*","Resource":"*","Action":"s3:GetObject","Effect":"Allow"}"#;
    let spared = r#"{"NotPrincipal":{"AWS":["arn:aws:iam::444455556666:root","arn:aws:iam::444455556666:user/ann"]},"Resource":"*","Action":"s3:*","Effect":"Deny"}"#;
    let document = bucket(&format!("{allow},{spared}"));
    assert!(witness(&document).contains("444455556666"), "{}", witness(&document));
    let everybody = r#"{"Principal":"*","Resource":"*","Action":"s3:*","Effect":"Deny","Condition":{"StringNotLike":{"aws:PrincipalAccount":"4444*"}}}"#;
    let document = bucket(&format!("{allow},{everybody}"));
    assert!(witness(&document).contains("arn:aws:iam::4444"), "{}", witness(&document));
    let fixed = everybody.replace("4444*", OWNER);
    assert_eq!(verdicts(&bucket(&format!("{allow},{fixed}"))), (true, false), "all but the owner are denied");
}

#[test]
fn variables_are_seen_through_where_they_can_be() {
    for condition in [
        r#"{"StringLike":{"s3:prefix":"home/${aws:username}/*"}}"#,
        r#"{"StringEquals":{"aws:PrincipalTag/a":"${aws:PrincipalTag/b}"}}"#,
        r#"{"StringEquals":{"s3:ExistingObjectTag/owner":"${aws:userid}"}}"#,
        r#"{"StringEquals":{"aws:Referer":"${aws:UserAgent, 'none'}"}}"#,
        r#"{"StringNotEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}"#,
        r#"{"StringEquals":{"aws:PrincipalTag/account":"${aws:PrincipalAccount}"}}"#,
    ] {
        is_public(&open_if(condition));
    }
    let home =
        r#"{"Principal":"*","Resource":"arn:aws:s3:::b/${aws:username}/*","Action":"s3:*","Effect":"Allow"}"#;
    is_public(&bucket(home));
    let fixed = home.replace(
        r#""Effect""#,
        r#""Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}},"Effect""#,
    );
    is_not_public(&bucket(&fixed));
}

#[test]
fn what_cannot_be_told_counts_as_public() {
    // A number that is compared as a text as well.
    let document = open_if(
        r#"{"NumericLessThan":{"s3:max-keys":10},"StringEquals":{"s3:max-keys":"07.50"},"StringEqualsIgnoreCase":{"aws:SourceVpc":"vpc-1"}}"#,
    );
    assert!(assess(&document, owner()).is_none(), "the VPC is fixed, whatever the number");
    let document =
        open_if(r#"{"NumericLessThan":{"s3:max-keys":10},"StringEquals":{"s3:max-keys":"07.50"}}"#);
    assert_eq!(reachable(&document, owner()), Reach::Undecided { statement: 0 });
    let exposure = assess(&document, owner()).unwrap().to_string();
    assert!(exposure.ends_with(
        "Statement Only cannot be shown to keep outsiders out, since it depends on policy variables or on many patterns \
         at once; name fixed values instead."
    ));
}

#[test]
fn a_role_that_trusts_a_provider_or_everybody_is_public() {
    let trust = |principal: &str| {
        let text = format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole*"}}"#);
        verdicts(&read(&text, Kind::Trust))
    };
    assert_eq!(trust(r#""*""#), (true, true));
    assert_eq!(trust(r#"{"Federated":"accounts.google.com"}"#), (true, true));
    assert_eq!(trust(r#"{"AWS":"444455556666"}"#), (false, false));
    assert_eq!(trust(r#"{"Service":"ec2.amazonaws.com"}"#), (false, false));
}

#[test]
fn the_message_names_the_statement_and_what_it_lets_happen() {
    let said = |document: &Document| assess(document, owner()).unwrap().to_string();
    let read = r#"{"Sid":"PublicRead","Principal":"*","Resource":"arn:aws:s3:::b/*","Action":"s3:Get*","Effect":"Allow"}"#;
    assert_eq!(
        said(&bucket(read)),
        "Statement PublicRead is public: it grants access to everybody, and its conditions fix no account, organization, \
         network or source. By statement PublicRead, an anonymous caller may do s3:GetObject to arn:aws:s3:::b/x."
    );
    let tagged =
        open_if(r#"{"StringEquals":{"aws:PrincipalTag/team":"red"},"Bool":{"aws:SecureTransport":"true"}}"#);
    assert!(said(&tagged).ends_with(
        "By statement Only, a caller of any account, such as arn:aws:iam::000000000000:user/x, may do s3:PutObject to \
         arn:aws:s3:::x/x with aws:PrincipalTag/team \"red\" and aws:SecureTransport \"true\"."
    ), "{}", said(&tagged));
    let ranges = (0..256).map(|n| format!("\"{n}.0.0.0/8\"")).collect::<Vec<_>>().join(",");
    let wide = said(&open_if(&format!(r#"{{"IpAddress":{{"aws:SourceIp":[{ranges}]}}}}"#)));
    assert!(
        wide.starts_with("Statement Only lets outsiders in although it names fixed values: an anonymous"),
        "{wide}"
    );
    let closed = r#"{"Sid":"No","Principal":"*","Resource":"*","Action":"s3:*","Effect":"Deny"}"#;
    let shut = said(&bucket(&format!("{read},{closed}")));
    assert!(shut.ends_with("network or source."), "{shut}");
}

#[test]
fn however_intricate_the_policy_an_assessment_ends() {
    let allow = r#"{"Principal":"*","Resource":"*","Action":"s3:*","Effect":"Allow","Condition":{"StringLike":{"aws:Referer":"*a*"}}}"#;
    let deny = |n: usize, effect: &str| {
        format!(
            r#"{{"Principal":"*","Resource":"arn:aws:s3:::b/*{n}*a?b*{n}","Action":"s3:*{n}*","Effect":"{effect}","Condition":{{"StringLike":{{"aws:Referer":"*a{}b*"}},"NumericLessThan":{{"s3:max-keys":{n}}}}}}}"#,
            "?".repeat(n % 20)
        )
    };
    let denials = (0..45).map(|n| deny(n, "Deny")).collect::<Vec<_>>().join(",");
    let closed = r#"{"Principal":"*","Resource":"*","Action":"s3:*","Effect":"Deny","Condition":{"StringLike":{"aws:Referer":["*b*","*a?*","a","*xa"]},"StringNotLike":{"aws:UserAgent":["*a???????????????b","*c???????????????d"]}}}"#;
    let long = bucket(&[allow.to_owned(), denials.clone(), closed.to_owned()].join(","));
    assert!(assess(&long, owner()).is_some());
    let many = (0..20).map(|n| deny(n, "Allow")).collect::<Vec<_>>().join(",");
    let shut = r#"{"Principal":"*","Resource":"*","Action":"s3:*","Effect":"Deny"}"#;
    assert!(assess(&bucket(&[many, denials, shut.to_owned()].join(",")[..]), owner()).is_some());
    // Much that a value can be, and one long pattern.
    let variables = (0..700).map(|n| format!("${{aws:PrincipalTag/{n:x}}}")).collect::<String>();
    let open =
        r#"{"Principal":"*","Resource":"arn:aws:s3:::b/RESOURCE","Action":"s3:ACTION","Effect":"Allow"}"#;
    for (resource, action) in [(variables.as_str(), "*"), ("*", &"*a".repeat(9_000))] {
        let hostile = open.replace("RESOURCE", resource).replace("ACTION", action);
        assert!(assess(&bucket(&hostile), owner()).is_some());
    }
}
