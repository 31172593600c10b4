use strongroom_api_ec2 as api;
use strongroom_api_ec2::op;
use strongroom_gate::ErrorReply;

use crate::limits;
use crate::testing::{OTHER, OWNER, World};

fn error<T>(result: Result<T, ErrorReply>) -> String {
    result.err().map(|error| error.code.into_owned()).unwrap_or_default()
}

async fn vpc(world: &World) -> String {
    let input =
        api::CreateVpcInput { cidr_block: Some("10.1.2.3/16".to_owned()), ..api::CreateVpcInput::default() };
    world.call::<op::CreateVpc>(input).await.unwrap().vpc.unwrap().vpc_id.unwrap()
}

fn for_s3(vpc: &str) -> api::CreateVpcEndpointInput {
    api::CreateVpcEndpointInput {
        vpc_id: vpc.to_owned(),
        service_name: Some("com.amazonaws.us-east-1.s3".to_owned()),
        ..api::CreateVpcEndpointInput::default()
    }
}

async fn endpoint(world: &World, input: api::CreateVpcEndpointInput) -> api::VpcEndpoint {
    *world.call::<op::CreateVpcEndpoint>(input).await.unwrap().vpc_endpoint.unwrap()
}

async fn shown(world: &World, id: &str) -> Result<api::VpcEndpoint, ErrorReply> {
    let input = api::DescribeVpcEndpointsInput {
        vpc_endpoint_ids: Some(vec![id.to_owned()]),
        ..api::DescribeVpcEndpointsInput::default()
    };
    let output = world.call::<op::DescribeVpcEndpoints>(input).await?;
    Ok(output.vpc_endpoints.unwrap_or_default().remove(0))
}

fn modify(id: &str, policy: Option<&str>, reset: bool) -> api::ModifyVpcEndpointInput {
    api::ModifyVpcEndpointInput {
        vpc_endpoint_id: id.to_owned(),
        policy_document: policy.map(ToOwned::to_owned),
        reset_policy: Some(reset),
        ..api::ModifyVpcEndpointInput::default()
    }
}

fn delete(id: &str) -> api::DeleteVpcInput {
    api::DeleteVpcInput { vpc_id: id.to_owned(), dry_run: None }
}

const ONE_USER: &str = r#"{"Statement": [{"Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"}, "Action": "s3:*", "Resource": "*"}]}"#;

#[tokio::test]
async fn an_endpoint_is_available_at_once_and_lets_everything_through() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let made = endpoint(&world, for_s3(&vpc)).await;
    assert_eq!(made.state, Some(api::State::Available));
    assert_eq!(made.vpc_endpoint_type, Some(api::VpcEndpointType::Gateway), "the default");
    let id = made.vpc_endpoint_id.unwrap();
    let found = shown(&world, &id).await.unwrap();
    assert_eq!(found.policy_document.as_deref(), Some(crate::policy::DEFAULT));
    assert_eq!(found.owner_id.as_deref(), Some(OWNER));
    let facts = world.ec2.endpoint(&id).await.unwrap().unwrap();
    assert_eq!((facts.vpc, facts.services), (vpc, ["s3", "s3control"].as_slice()));
    assert!(world.ec2.endpoint("vpce-0123456789abcdef0").await.unwrap().is_none());
}

#[tokio::test]
async fn a_vpc_goes_only_after_its_endpoints() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let id = endpoint(&world, for_s3(&vpc)).await.vpc_endpoint_id.unwrap();
    assert_eq!(error(world.call::<op::DeleteVpc>(delete(&vpc)).await), "DependencyViolation");
    let ids = vec!["vpce-00000000000000000".to_owned(), id.clone()];
    let input = api::DeleteVpcEndpointsInput { vpc_endpoint_ids: ids, dry_run: None };
    let unsuccessful =
        world.call::<op::DeleteVpcEndpoints>(input).await.unwrap().unsuccessful.unwrap_or_default();
    let codes: Vec<_> = unsuccessful
        .into_iter()
        .map(|item| (item.resource_id.unwrap(), item.error.unwrap().code.unwrap()))
        .collect();
    assert_eq!(codes, [("vpce-00000000000000000".to_owned(), "InvalidVpcEndpoint.NotFound".to_owned())]);
    assert_eq!(error(shown(&world, &id).await), "InvalidVpcEndpointId.NotFound");
    assert!(world.ec2.endpoint(&id).await.unwrap().is_none(), "no connection is its any more");
    world.call::<op::DeleteVpc>(delete(&vpc)).await.unwrap();
    assert_eq!(error(world.call::<op::DeleteVpc>(delete(&vpc)).await), "InvalidVpcID.NotFound");
}

#[tokio::test]
async fn accounts_and_regions_see_only_their_own() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let id = endpoint(&world, for_s3(&vpc)).await.vpc_endpoint_id.unwrap();
    for elsewhere in [(OTHER, "us-east-1"), (OWNER, "eu-west-1")] {
        let all =
            world.call_as::<op::DescribeVpcs>(elsewhere, api::DescribeVpcsInput::default()).await.unwrap();
        assert_eq!(all.vpcs.unwrap_or_default().len(), 0);
        let deleted = world.call_as::<op::DeleteVpc>(elsewhere, delete(&vpc)).await;
        assert_eq!(error(deleted), "InvalidVpcID.NotFound");
        let modified = world.call_as::<op::ModifyVpcEndpoint>(elsewhere, modify(&id, None, true)).await;
        assert_eq!(error(modified), "InvalidVpcEndpointId.NotFound");
        let made = world.call_as::<op::CreateVpcEndpoint>(elsewhere, for_s3(&vpc)).await;
        assert!(["InvalidVpcID.NotFound", "InvalidServiceName"].contains(&error(made).as_str()));
    }
}

#[tokio::test]
async fn a_policy_is_kept_with_its_users_by_their_ids_and_can_be_reset() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let id = endpoint(&world, for_s3(&vpc)).await.vpc_endpoint_id.unwrap();
    world.call::<op::ModifyVpcEndpoint>(modify(&id, Some(ONE_USER), false)).await.unwrap();
    let text = shown(&world, &id).await.unwrap().policy_document.unwrap();
    assert!(text.contains("user/alice") && !text.contains("AIDAIOSFODNN7EXAMPLE0"), "{text}");
    let of_another = ONE_USER.replace(OWNER, OTHER);
    let bad =
        ["", "{}", r#"{"Statement": []}"#, of_another.as_str(), &ONE_USER.replace("Principal", "Princes")];
    for bad in bad {
        let modified = world.call::<op::ModifyVpcEndpoint>(modify(&id, Some(bad), false)).await;
        assert_eq!(error(modified), "InvalidPolicyDocument", "{bad}");
    }
    let long = ONE_USER.replace("s3:*", &format!("s3:{}", "a".repeat(20_480)));
    let modified = world.call::<op::ModifyVpcEndpoint>(modify(&id, Some(&long), false)).await;
    assert_eq!(error(modified), "InvalidPolicyDocument", "more than 20,480 characters");
    let both = world.call::<op::ModifyVpcEndpoint>(modify(&id, Some(ONE_USER), true)).await;
    assert_eq!(error(both), "InvalidParameter");
    world.call::<op::ModifyVpcEndpoint>(modify(&id, None, true)).await.unwrap();
    assert_eq!(shown(&world, &id).await.unwrap().policy_document.as_deref(), Some(crate::policy::DEFAULT));
}

#[tokio::test]
async fn an_endpoint_is_of_a_service_that_has_its_kind() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let of = |service: &str, kind: api::VpcEndpointType| api::CreateVpcEndpointInput {
        service_name: Some(service.to_owned()),
        vpc_endpoint_type: Some(kind),
        ..for_s3(&vpc)
    };
    use api::VpcEndpointType::{Gateway, GatewayLoadBalancer, Interface};
    for (service, kind, code) in [
        ("com.amazonaws.us-east-1.s3", Interface, ""),
        ("com.amazonaws.us-east-1.sts", Interface, ""),
        ("com.amazonaws.iam", Interface, ""),
        ("com.amazonaws.us-east-1.sts", Gateway, "InvalidParameter"),
        ("com.amazonaws.us-east-1.s3", GatewayLoadBalancer, "InvalidParameter"),
        ("com.amazonaws.eu-west-1.s3", Gateway, "InvalidServiceName"),
        ("com.amazonaws.us-east-1.dynamodb", Gateway, "InvalidServiceName"),
    ] {
        assert_eq!(error(world.call::<op::CreateVpcEndpoint>(of(service, kind)).await), code, "{service}");
    }
    let offered = world
        .call::<op::DescribeVpcEndpointServices>(api::DescribeVpcEndpointServicesInput::default())
        .await
        .unwrap();
    assert!(offered.service_names.unwrap().contains(&"com.amazonaws.us-east-1.s3".to_owned()));
    assert_eq!(offered.service_details.unwrap().len(), 7, "S3 has two kinds");
    let abroad = world
        .call_as::<op::DescribeVpcEndpointServices>(
            (OWNER, "eu-west-1"),
            api::DescribeVpcEndpointServicesInput::default(),
        )
        .await
        .unwrap();
    assert!(!abroad.service_names.unwrap().contains(&"com.amazonaws.iam".to_owned()));
}

#[tokio::test]
async fn what_a_vpc_has_not_is_refused() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let some = |id: &str| Some(vec![id.to_owned()]);
    for (input, code) in [
        (
            api::CreateVpcEndpointInput { subnet_ids: some("subnet-1"), ..for_s3(&vpc) },
            "InvalidSubnetID.NotFound",
        ),
        (
            api::CreateVpcEndpointInput { route_table_ids: some("rtb-1"), ..for_s3(&vpc) },
            "InvalidRouteTableID.NotFound",
        ),
        (
            api::CreateVpcEndpointInput { security_group_ids: some("sg-1"), ..for_s3(&vpc) },
            "InvalidGroup.NotFound",
        ),
        (
            api::CreateVpcEndpointInput { private_dns_enabled: Some(true), ..for_s3(&vpc) },
            "UnsupportedOperation",
        ),
        (api::CreateVpcEndpointInput { service_name: None, ..for_s3(&vpc) }, "MissingParameter"),
        (for_s3("vpc-1"), "InvalidVpcID.Malformed"),
        (for_s3("vpc-00000000000000000"), "InvalidVpcID.NotFound"),
        (api::CreateVpcEndpointInput { dry_run: Some(true), ..for_s3(&vpc) }, "DryRunOperation"),
    ] {
        assert_eq!(error(world.call::<op::CreateVpcEndpoint>(input).await), code);
    }
    let all =
        world.call::<op::DescribeVpcEndpoints>(api::DescribeVpcEndpointsInput::default()).await.unwrap();
    assert_eq!(all.vpc_endpoints.unwrap().len(), 0, "nothing was made");
}

#[tokio::test]
async fn the_same_token_makes_one_endpoint() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let input = || api::CreateVpcEndpointInput { client_token: Some("once".to_owned()), ..for_s3(&vpc) };
    let first = endpoint(&world, input()).await.vpc_endpoint_id;
    assert_eq!(endpoint(&world, input()).await.vpc_endpoint_id, first);
    let other = api::CreateVpcEndpointInput { policy_document: Some(ONE_USER.to_owned()), ..input() };
    assert_eq!(error(world.call::<op::CreateVpcEndpoint>(other).await), "IdempotentParameterMismatch");
    assert_ne!(endpoint(&world, for_s3(&vpc)).await.vpc_endpoint_id, first);
}

#[tokio::test]
async fn quotas_hold() {
    let world = World::new();
    let vpc = vpc(&world).await;
    for _ in 0..limits::GATEWAY_ENDPOINTS {
        endpoint(&world, for_s3(&vpc)).await;
    }
    assert_eq!(error(world.call::<op::CreateVpcEndpoint>(for_s3(&vpc)).await), "VpcEndpointLimitExceeded");
    let interface = api::CreateVpcEndpointInput {
        vpc_endpoint_type: Some(api::VpcEndpointType::Interface),
        ..for_s3(&vpc)
    };
    endpoint(&world, interface).await;
}

#[tokio::test]
async fn tags_are_set_found_and_taken_away() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let tag = |key: &str, value: &str| api::Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) };
    let specified = |resource_type| api::CreateVpcEndpointInput {
        tag_specifications: Some(vec![api::TagSpecification {
            resource_type: Some(resource_type),
            tags: Some(vec![tag("Name", "front"), tag("team", "red")]),
        }]),
        ..for_s3(&vpc)
    };
    let refused = world.call::<op::CreateVpcEndpoint>(specified(api::ResourceType::Vpc)).await;
    assert_eq!(error(refused), "InvalidParameterValue");
    let id = endpoint(&world, specified(api::ResourceType::VpcEndpoint)).await.vpc_endpoint_id.unwrap();
    let create = api::CreateTagsInput {
        resources: vec![vpc.clone(), id.clone()],
        tags: vec![tag("team", "blue")],
        dry_run: None,
    };
    world.call::<op::CreateTags>(create).await.unwrap();
    let remove = api::DeleteTagsInput {
        resources: vec![id.clone()],
        tags: Some(vec![api::Tag { key: Some("Name".to_owned()), value: None }, tag("team", "red")]),
        dry_run: None,
    };
    world.call::<op::DeleteTags>(remove).await.unwrap();
    let all = world.call::<op::DescribeTags>(api::DescribeTagsInput::default()).await.unwrap().tags.unwrap();
    let all: Vec<_> =
        all.into_iter().map(|tag| (tag.resource_id.unwrap(), tag.key.unwrap(), tag.value.unwrap())).collect();
    let blue = |of: &str| (of.to_owned(), "team".to_owned(), "blue".to_owned());
    assert_eq!(all, [blue(&vpc), blue(&id)], "a value that is another is no reason to remove a tag");
    let arn = |kind: &str, id: &str| {
        strongroom_types::Arn::parse(&format!("arn:aws:ec2:us-east-1:{OWNER}:{kind}/{id}")).unwrap()
    };
    let team = vec![("team".to_owned(), "blue".to_owned())];
    assert_eq!(world.ec2.tags(&arn("vpc", &vpc)).await.unwrap(), team);
    assert_eq!(world.ec2.tags(&arn("vpc-endpoint", &id)).await.unwrap(), team);
    assert_eq!(world.ec2.tags(&arn("vpc-endpoint", "*")).await.unwrap(), []);
    let system =
        api::CreateTagsInput { resources: vec![id], tags: vec![tag("AWS:owner", "me")], dry_run: None };
    assert_eq!(error(world.call::<op::CreateTags>(system).await), "InvalidParameterValue");
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let world = World::new();
    let (one, two) = (vpc(&world).await, vpc(&world).await);
    for vpc in [&one, &two, &two] {
        endpoint(&world, for_s3(vpc)).await;
    }
    let filter = |name: &str, value: &str| {
        Some(vec![api::Filter { name: Some(name.to_owned()), values: Some(vec![value.to_owned()]) }])
    };
    let count = async |filters| {
        let input = api::DescribeVpcEndpointsInput { filters, ..api::DescribeVpcEndpointsInput::default() };
        world.call::<op::DescribeVpcEndpoints>(input).await.map(|output| output.vpc_endpoints.unwrap().len())
    };
    assert_eq!(count(filter("vpc-id", &two)).await.unwrap(), 2);
    assert_eq!(count(filter("service-name", "com.amazonaws.*.s3")).await.unwrap(), 3);
    assert_eq!(count(filter("vpc-endpoint-type", "Interface")).await.unwrap(), 0);
    assert_eq!(count(filter("tag:Name", "*")).await.unwrap(), 0);
    assert_eq!(error(count(filter("colour", "red")).await), "InvalidParameterValue");
    let (mut found, mut next_token) = (Vec::new(), None);
    loop {
        let input = api::DescribeVpcEndpointsInput {
            max_results: Some(2),
            next_token,
            ..api::DescribeVpcEndpointsInput::default()
        };
        let output = world.call::<op::DescribeVpcEndpoints>(input).await.unwrap();
        found.extend(
            output.vpc_endpoints.unwrap().into_iter().filter_map(|endpoint| endpoint.vpc_endpoint_id),
        );
        next_token = output.next_token;
        if next_token.is_none() {
            break;
        }
    }
    found.dedup();
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn what_is_named_many_times_is_shown_once() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(endpoint(&world, for_s3(&vpc)).await.vpc_endpoint_id.unwrap());
    }
    let named = |ids: &[String], times: usize| Some(ids.iter().cycle().take(times).cloned().collect());
    let endpoints = |times| api::DescribeVpcEndpointsInput {
        vpc_endpoint_ids: named(&ids, times),
        ..api::DescribeVpcEndpointsInput::default()
    };
    let vpcs = |times| api::DescribeVpcsInput {
        vpc_ids: named(std::slice::from_ref(&vpc), times),
        ..api::DescribeVpcsInput::default()
    };
    let most = limits::DESCRIBED_AT_ONCE;
    let found = world.call::<op::DescribeVpcEndpoints>(endpoints(most)).await.unwrap();
    assert_eq!(found.vpc_endpoints.unwrap().len(), 2);
    assert_eq!(world.call::<op::DescribeVpcs>(vpcs(most)).await.unwrap().vpcs.unwrap().len(), 1);
    let refused = world.call::<op::DescribeVpcEndpoints>(endpoints(most + 1)).await;
    assert_eq!(error(refused), "InvalidParameterValue");
    assert_eq!(error(world.call::<op::DescribeVpcs>(vpcs(most + 1)).await), "InvalidParameterValue");
}

#[tokio::test]
async fn a_page_of_long_policies_ends_early_and_none_is_lost() {
    let world = World::new();
    let long = format!(
        r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "{}"}}]}}"#,
        ["arn:aws:s3:::", &"x".repeat(20_000)].concat()
    );
    let mut made = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let vpc = vpc(&world).await;
        for _ in 0..limits::INTERFACE_ENDPOINTS {
            let input = api::CreateVpcEndpointInput {
                vpc_endpoint_type: Some(api::VpcEndpointType::Interface),
                policy_document: Some(long.clone()),
                ..for_s3(&vpc)
            };
            made.insert(endpoint(&world, input).await.vpc_endpoint_id.unwrap());
        }
    }
    let (mut next_token, mut pages) = (None, 0);
    loop {
        let input =
            api::DescribeVpcEndpointsInput { next_token, ..api::DescribeVpcEndpointsInput::default() };
        let page = world.call::<op::DescribeVpcEndpoints>(input).await.unwrap();
        let shown = page.vpc_endpoints.unwrap();
        let bytes: usize = shown.iter().map(|one| one.policy_document.as_ref().map_or(0, String::len)).sum();
        assert!(bytes < limits::PAGE_POLICY_BYTES + 2 * long.len(), "{bytes}");
        for endpoint in shown {
            assert!(made.remove(&endpoint.vpc_endpoint_id.unwrap()), "shown twice");
        }
        pages += 1;
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!((made.len(), pages), (0, 2));
}

#[tokio::test]
async fn attributes_of_a_vpc_are_kept() {
    let world = World::new();
    let vpc = vpc(&world).await;
    let read = async |attribute| {
        let input = api::DescribeVpcAttributeInput { attribute, vpc_id: vpc.clone(), dry_run: None };
        world.call::<op::DescribeVpcAttribute>(input).await
    };
    let hostnames = Some(api::VpcAttributeName::EnableDnsHostnames);
    assert_eq!(read(hostnames).await.unwrap().enable_dns_hostnames.unwrap().value, Some(false));
    let input = api::ModifyVpcAttributeInput {
        vpc_id: vpc.clone(),
        enable_dns_hostnames: Some(Box::new(api::AttributeBooleanValue { value: Some(true) })),
        ..api::ModifyVpcAttributeInput::default()
    };
    world.call::<op::ModifyVpcAttribute>(input).await.unwrap();
    assert_eq!(read(hostnames).await.unwrap().enable_dns_hostnames.unwrap().value, Some(true));
    assert_eq!(error(read(None).await), "MissingParameter");
}
