use super::*;

fn routes() -> Routes {
    Routes::new(Locator::new(["s3.localhost"]))
}

/// The operation that a request of `service` names, in the way of the service's protocol.
fn ask(service: &'static ServiceSchema, operation: &OperationSchema) -> Result<Routed, ErrorReply> {
    let mut headers = http::HeaderMap::new();
    let mut body = String::new();
    match protocol(service) {
        Protocol::AwsQuery | Protocol::Ec2Query => body = format!("Action={}&Version=x", operation.name),
        Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor => {
            let target = format!("{}.{}", service.target_prefix.unwrap(), operation.name);
            headers.insert("x-amz-target", target.parse().unwrap());
        }
        Protocol::RestXml | Protocol::RestJson1 => {}
    }
    let method = operation.method.parse().unwrap();
    let head = RouteHead {
        method: &method,
        raw_path: operation.uri,
        query: &[],
        headers: &headers,
        signed_service: Some(service.signing_name),
    };
    let destination = routes().resolve(&head)?;
    let Destination::Service(found) = destination else { panic!("{destination:?}") };
    routes().operation(found, &head, body.as_bytes())
}

#[test]
fn every_operation_of_every_service_is_reached() {
    let aws = SERVICES.iter().filter(|service| service.name != "strongroom");
    let counts: Vec<_> = aws.map(|service| (service.name, service.operations.len())).collect();
    assert_eq!(
        counts,
        [
            ("accessanalyzer", 39),
            ("account", 18),
            ("ec2", 830),
            ("iam", 181),
            ("organizations", 63),
            ("sts", 12)
        ]
    );
    for service in SERVICES {
        for operation in service.operations {
            let routed = ask(service, operation).unwrap();
            assert_eq!((routed.service.name, routed.operation.name), (service.name, operation.name));
        }
    }
}

#[test]
fn each_service_is_signed_for_by_a_name_of_its_own() {
    let mut names: Vec<_> = SERVICES.iter().map(|service| service.signing_name).collect();
    names.push(strongroom_api_s3::SERVICE.signing_name);
    names.sort_unstable();
    assert_eq!(
        names,
        ["access-analyzer", "account", "ec2", "iam", "organizations", "s3", "strongroom", "sts"]
    );
}

#[test]
fn an_operation_of_another_service_is_none_of_this_one() {
    let foreign = strongroom_api_s3::SERVICE.operations.iter().find(|op| op.name == "GetObject").unwrap();
    for service in SERVICES {
        let error = ask(service, foreign).unwrap_err();
        let expected = CommonError::UnknownOperation;
        let protocol = protocol(service);
        assert_eq!((error.code.as_ref(), error.status), (expected.code(protocol), expected.status(protocol)));
    }
}
