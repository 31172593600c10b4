//! The way from what a request names to the bucket that it is about: straight, or through an access point.

use std::sync::Arc;

use strongroom_record::ResourceRecord;
use strongroom_storage::Partition;
use strongroom_types::{BucketName, BucketNameError};

use crate::access_point::{
    AccessPointAddress, AccessPointContext, AccessPointFacts, AccessPointId, AccessPointName, is_compatible,
    network_origin,
};
use crate::gate::Deciding;
use crate::requirement::{Access, Resource};
use crate::target::CopyPlace;
use crate::weigh::Guard;
use crate::{Ledger, Refusal, Target, TargetError};

/// An access point on the way of a request.
#[derive(Clone)]
pub(crate) struct Passage {
    pub(crate) point: Arc<AccessPointFacts>,
    /// What the caller calls it. An error names no more: an alias or a host does not tell whose it is, nor an access point
    /// its bucket.
    pub(crate) asked: String,
}

/// The access points that a request goes through, and its target as it is behind them.
#[derive(Default)]
pub(crate) struct Way {
    target: Option<Target>,
    /// To the bucket that the operation is done to.
    pub(crate) point: Option<Passage>,
    /// To the bucket that a copy is made from.
    pub(crate) source: Option<Passage>,
}

impl Way {
    /// The target behind the access points, with the names of buckets in their place.
    pub(crate) fn target<'a>(&'a self, asked: &'a Target) -> &'a Target {
        self.target.as_ref().unwrap_or(asked)
    }

    fn lead(&mut self, mut target: Target, to: (Option<Passage>, Option<Passage>)) {
        let (to, from) = to;
        if let Some(passage) = to {
            target.bucket = Some(passage.point.bucket.clone());
            self.point = Some(passage);
        }
        if let (Some(passage), Some(copied)) = (from, &mut target.copy_source) {
            copied.place = CopyPlace::Bucket(passage.point.bucket.clone());
            self.source = Some(passage);
        }
        self.target = Some(target);
    }
}

/// An access point as a record lists it.
pub(crate) fn record_of(id: &AccessPointId) -> ResourceRecord {
    ResourceRecord {
        arn: id.arn().to_string(),
        account: Some(id.account.to_string()),
        kind: "AWS::S3::AccessPoint".into(),
    }
}

/// An access point of the caller's account that an operation of S3 Control is about: as it is, or as it is asked for.
pub(crate) struct Subject {
    id: AccessPointId,
    network_origin: &'static str,
    facts: Option<Arc<AccessPointFacts>>,
}

impl Subject {
    pub(crate) fn context(&self) -> AccessPointContext<'_> {
        let tags = self.facts.as_ref().map_or(&[][..], |facts| facts.tags.as_slice());
        AccessPointContext { id: &self.id, network_origin: self.network_origin, tags }
    }

    /// That it is as it was when it was decided on: to be changed it must be the same one, with the same tags.
    pub(crate) fn guard(&self) -> Option<Guard> {
        self.facts.as_ref().map(|facts| (Partition::Names, facts.guard.clone()))
    }
}

impl Deciding {
    /// The way that a request names by ARN or alias. Nothing is looked up for one that names buckets alone.
    ///
    /// # Errors
    /// Where there is no such access point, or the operation does not go through one.
    pub(crate) async fn way(&self, target: &Target) -> Result<Way, Refusal> {
        let source = target.copy_source.as_ref().map(|source| &source.place);
        let source = match source {
            Some(CopyPlace::AccessPoint(address)) => Some(address),
            Some(CopyPlace::Bucket(_)) | None => None,
        };
        let mut way = Way::default();
        if self.request.service != "s3" || (target.access_point.is_none() && source.is_none()) {
            return Ok(way);
        }
        let mut point = None;
        if let Some(address) = &target.access_point {
            self.goes_through(address)?;
            point = Some(self.access_point(address).await?);
        }
        let source = match source {
            Some(address) => Some(self.access_point(address).await?),
            None => None,
        };
        way.lead(target.clone(), (point, source));
        Ok(way)
    }

    /// The way through the host of an access point, `NAME-ACCOUNT`, which looks like a bucket's name: where there is no
    /// bucket of this name. `None` if there is no such access point either.
    ///
    /// # Errors
    /// As [`Self::way`].
    pub(crate) async fn way_by_host(
        &self,
        name: &BucketName,
        way: &Way,
        asked: &Target,
    ) -> Result<Option<Way>, Refusal> {
        let target = way.target(asked);
        let copied = target.copy_source.as_ref().and_then(|source| source.bucket());
        // What an access point led to is a bucket, and is not there.
        let is_point = way.point.is_none() && target.bucket.as_ref() == Some(name);
        let is_source = way.source.is_none() && copied == Some(name);
        if self.request.service != "s3" || !(is_point || is_source) {
            return Ok(None);
        }
        let Some(id) = AccessPointId::of_host(name, &self.request.region) else { return Ok(None) };
        let address = AccessPointAddress::Id(id);
        let found = self.facts.access_point(&address).await.map_err(Refusal::Store)?;
        let Some(point) = found else { return Ok(None) };
        if is_point {
            self.goes_through(&address)?;
        }
        let passage = Passage { point, asked: name.to_string() };
        let mut next = Way { target: None, point: way.point.clone(), source: way.source.clone() };
        next.lead(target.clone(), (is_point.then(|| passage.clone()), is_source.then_some(passage)));
        Ok(Some(next))
    }

    fn goes_through(&self, address: &AccessPointAddress) -> Result<(), Refusal> {
        if self.operation == "CreateBucket" {
            let reason = BucketNameError::Reserved;
            return Err(Refusal::Target(TargetError::BucketName { name: address.to_string(), reason }));
        }
        // A form is no operation of its own here. Source: S3 User Guide, "Access point compatibility".
        if is_compatible(self.operation) && !self.request.wire.is_form {
            Ok(())
        } else {
            Err(Refusal::NotThroughAccessPoint)
        }
    }

    async fn access_point(&self, address: &AccessPointAddress) -> Result<Passage, Refusal> {
        let found = self.facts.access_point(address).await.map_err(Refusal::Store)?;
        let point = found.ok_or_else(|| Refusal::NoSuchAccessPoint(address.clone()))?;
        Ok(Passage { point, asked: address.to_string() })
    }

    /// The access point that an access of S3 Control is about.
    ///
    /// # Errors
    /// Those of the facts.
    pub(crate) async fn subject(
        &self,
        access: &Access,
        target: &Target,
        ledger: &Ledger,
    ) -> Result<Option<Subject>, Refusal> {
        if self.request.service != "s3control" {
            return Ok(None);
        }
        let id = match (&access.resource, &target.access_point, self.caller.account()) {
            (Resource::Regional { service: "s3", .. }, _, Some(account)) => {
                let name =
                    target.access_point_name.as_deref().and_then(|name| AccessPointName::parse(name).ok());
                name.map(|name| AccessPointId { account, region: self.request.region.clone(), name })
            }
            (Resource::Arn(_), Some(AccessPointAddress::Id(id)), _) => Some(id.clone()),
            _ => None,
        };
        let Some(id) = id else { return Ok(None) };
        ledger.fill(|decided| decided.resources = vec![record_of(&id)]);
        if self.operation == "CreateAccessPoint" {
            let network_origin = network_origin(target.asks.vpc_origin);
            return Ok(Some(Subject { id, network_origin, facts: None }));
        }
        let address = AccessPointAddress::Id(id.clone());
        // In another region there is none of this ARN: policies are asked about the region of the request, and who may not
        // act in one does not get there by way of another.
        if id.region != self.request.region {
            return Err(Refusal::NoSuchAccessPoint(address));
        }
        let facts = self.facts.access_point(&address).await.map_err(Refusal::Store)?;
        Ok(facts.map(|facts| Subject { id, network_origin: facts.network_origin(), facts: Some(facts) }))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures_util::FutureExt as _;
    use strongroom_api_s3::{CopyObjectInput, GetObjectInput, HeadBucketInput, PutObjectInput};
    use strongroom_api_s3control::{CreateAccessPointInput, VpcConfiguration};
    use strongroom_policy::{Document, Kind, Policy};
    use strongroom_record::Decided;
    use strongroom_shape::Input;
    use strongroom_storage::{Precondition, RowVersion, StoreError};
    use strongroom_types::{AccessKeyId, AccountId, BucketId, CanonicalUserId, Region, Timestamp};

    use super::*;
    use crate::facts::{AccountFacts, ControlLevel, NamedPolicy};
    use crate::{
        BucketAccess, BucketFacts, Caller, EndpointFacts, Facts, Gate, PublicAccessBlock, RequestFacts,
        RootUser, WireFacts,
    };

    const OWNER: &str = "111122223333";
    const ARN: &str = "arn:aws:s3:us-east-1:111122223333:accesspoint/ap1";

    fn account() -> AccountId {
        AccountId::parse(OWNER).unwrap()
    }

    fn policy(text: &str, kind: Kind) -> NamedPolicy {
        let document = Document::stored(text, kind).unwrap();
        NamedPolicy { name: "policy".into(), policy: Arc::new(Policy::compile(&document)) }
    }

    /// Buckets called `bucket` and `x-111122223333`, and the access points `ap1` and, for a VPC alone, `ap2`.
    #[derive(Default)]
    struct World {
        asked: Arc<AtomicUsize>,
        policy: Option<NamedPolicy>,
        bucket_policy: Option<NamedPolicy>,
        control: Option<NamedPolicy>,
        /// The access points were made for a bucket that is gone.
        stale: bool,
    }

    #[async_trait]
    impl Facts for World {
        async fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, StoreError> {
            let there = matches!(name.as_str(), "bucket" | "x-111122223333");
            let access = BucketAccess { policy: self.bucket_policy.clone(), ..BucketAccess::default() };
            Ok(there.then(|| BucketFacts {
                id: BucketId::from_bytes([1; 16]),
                owner: account(),
                owner_canonical: CanonicalUserId::from_bytes([1; 32]),
                region: Region::us_east_1(),
                guards: Vec::new(),
                access: Arc::new(access),
                organization_block: PublicAccessBlock::default(),
                access_point_block: PublicAccessBlock::default(),
            }))
        }

        async fn access_point(
            &self,
            address: &AccessPointAddress,
        ) -> Result<Option<Arc<AccessPointFacts>>, StoreError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let AccessPointAddress::Id(id) = address else { return Ok(None) };
            let vpc = match id.name.as_str() {
                "ap1" => None,
                "ap2" => Some("vpc-0123456789abcdef0".to_owned()),
                _ => return Ok(None),
            };
            Ok(Some(Arc::new(AccessPointFacts {
                id: id.clone(),
                bucket: BucketName::parse("bucket").unwrap(),
                bucket_id: BucketId::from_bytes([if self.stale { 2 } else { 1 }; 16]),
                vpc,
                block: PublicAccessBlock::default(),
                guard: Precondition::RowIs(b"p".to_vec(), RowVersion(1)),
                policy: self.policy.clone(),
                is_public: false,
                tags: vec![("team".to_owned(), "red".to_owned())],
            })))
        }

        async fn account(&self, _: AccountId) -> Result<Arc<AccountFacts>, StoreError> {
            let level =
                |policy: &NamedPolicy| ControlLevel { target: "r-1".into(), policies: vec![policy.clone()] };
            let service_control = self.control.iter().map(level).collect();
            Ok(Arc::new(AccountFacts { service_control, ..AccountFacts::default() }))
        }

        async fn management_account(&self) -> Result<AccountId, StoreError> {
            Ok(AccountId::parse("999999999999").unwrap())
        }
    }

    /// The code of the answer that the root user of the owner's account gets.
    fn ask_from<I: Input>(
        world: World,
        endpoint: Option<EndpointFacts>,
        service: &'static str,
        input: I,
    ) -> String {
        let caller = Caller::Root(RootUser {
            account: account(),
            canonical: CanonicalUserId::from_bytes([1; 32]),
            access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            session: None,
        });
        let request = RequestFacts {
            service,
            region: Region::us_east_1(),
            now: Timestamp::from_secs(1_800_000_000),
            source_ip: IpAddr::from([127, 0, 0, 1]),
            secure_transport: true,
            wire: WireFacts { endpoint: endpoint.map(Arc::new), ..WireFacts::default() },
        };
        let (gate, ledger) = (Gate::new(Arc::new(world)), Ledger::new(Decided::default()));
        match gate.authorize(caller, request, input, None, &ledger).now_or_never().unwrap() {
            Ok(_) => "allowed".to_owned(),
            Err(refusal) => refusal.reply().code.into_owned(),
        }
    }

    fn ask<I: Input>(world: World, input: I) -> String {
        ask_from(world, None, "s3", input)
    }

    fn read(place: &str) -> GetObjectInput {
        GetObjectInput { bucket: place.into(), key: "k".into(), ..GetObjectInput::default() }
    }

    #[test]
    fn for_buckets_that_are_there_no_access_point_is_looked_up() {
        let asked = Arc::new(AtomicUsize::new(0));
        let world = || World { asked: asked.clone(), ..World::default() };
        for place in ["bucket", "x-111122223333"] {
            let put = PutObjectInput { bucket: place.into(), key: "k".into(), ..PutObjectInput::default() };
            let copy = CopyObjectInput {
                bucket: place.into(),
                key: "k".into(),
                copy_source: format!("{place}/from"),
                ..CopyObjectInput::default()
            };
            assert_eq!(ask(world(), read(place)), "allowed");
            assert_eq!(ask(world(), put), "allowed");
            assert_eq!(ask(world(), copy), "allowed");
            assert_eq!(
                ask(world(), HeadBucketInput { bucket: place.into(), ..HeadBucketInput::default() }),
                "allowed"
            );
        }
        assert_eq!(ask(world(), read("nowhere")), "NoSuchBucket");
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert_eq!(ask(world(), read("ap9-111122223333")), "NoSuchBucket");
        assert_eq!(ask(world(), read("ap1-111122223333")), "allowed");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn an_access_point_of_a_bucket_that_was_made_again_leads_nowhere() {
        let stale = || World { stale: true, ..World::default() };
        assert_eq!(ask(stale(), read(ARN)), "NoSuchBucket");
        assert_eq!(ask(stale(), read("ap1-111122223333")), "NoSuchBucket");
        assert_eq!(ask(stale(), read("bucket")), "allowed");
    }

    #[test]
    fn its_keys_are_known_to_both_policies_and_to_nobody_who_goes_straight() {
        for (key, value, other) in [
            ("s3:DataAccessPointArn", ARN, "arn:aws:s3:us-east-1:111122223333:accesspoint/ap9"),
            ("s3:DataAccessPointAccount", OWNER, "444455556666"),
            ("s3:AccessPointNetworkOrigin", "Internet", "VPC"),
            ("s3:AccessPointTag/team", "red", "blue"),
        ] {
            let deny = |value: &str| {
                format!(
                    r#"{{"Statement":[{{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*",
                    "Condition":{{"StringEquals":{{"{key}":"{value}"}}}}}}]}}"#
                )
            };
            let by_point =
                |value| World { policy: Some(policy(&deny(value), Kind::AccessPoint)), ..World::default() };
            let by_bucket =
                |value| World { bucket_policy: Some(policy(&deny(value), Kind::Bucket)), ..World::default() };
            assert_eq!(ask(by_point(value), read(ARN)), "AccessDenied", "{key}");
            assert_eq!(ask(by_point(other), read(ARN)), "allowed", "{key}");
            assert_eq!(ask(by_bucket(value), read(ARN)), "AccessDenied", "{key}");
            assert_eq!(ask(by_bucket(other), read(ARN)), "allowed", "{key}");
            assert_eq!(ask(by_bucket(value), read("bucket")), "allowed", "{key}");
        }
    }

    #[test]
    fn one_of_a_vpc_answers_through_an_endpoint_of_that_vpc_alone() {
        let allow = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
        let of_vpc = || read("arn:aws:s3:us-east-1:111122223333:accesspoint/ap2");
        let through = |endpoint| ask_from(World::default(), endpoint, "s3", of_vpc());
        assert_eq!(through(None), "AccessDenied");
        assert_eq!(through(Some(EndpointFacts::example(allow))), "allowed");
        let other = EndpointFacts { vpc: "vpc-1".to_owned(), ..EndpointFacts::example(allow) };
        assert_eq!(through(Some(other)), "AccessDenied");
    }

    #[test]
    fn an_endpoint_must_let_through_both_the_access_point_and_the_bucket() {
        let allow = |resources: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"*","Resource":[{resources}]}}]}}"#
            )
        };
        let through = |resources: &str| {
            ask_from(World::default(), Some(EndpointFacts::example(&allow(resources))), "s3", read(ARN))
        };
        let (point, bucket) = (format!(r#""{ARN}/object/*""#), r#""arn:aws:s3:::bucket/*""#);
        assert_eq!(through(&format!("{point},{bucket}")), "allowed");
        assert_eq!(through(&point), "AccessDenied");
        assert_eq!(through(bucket), "AccessDenied");
    }

    #[test]
    fn a_control_policy_can_demand_a_vpc_of_new_access_points() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
            {"Effect":"Deny","Action":"s3:CreateAccessPoint","Resource":"*",
             "Condition":{"StringNotEquals":{"s3:AccessPointNetworkOrigin":"VPC"}}}]}"#;
        let create = |vpc: Option<&str>| {
            let world = World { control: Some(policy(text, Kind::ServiceControl)), ..World::default() };
            let input = CreateAccessPointInput {
                account_id: OWNER.into(),
                name: "ap3".into(),
                bucket: "bucket".into(),
                vpc_configuration: vpc.map(|vpc_id| Box::new(VpcConfiguration { vpc_id: vpc_id.into() })),
                ..CreateAccessPointInput::default()
            };
            ask_from(world, None, "s3control", input)
        };
        assert_eq!(create(None), "AccessDenied");
        assert_eq!(create(Some("vpc-1")), "allowed");
    }
}
