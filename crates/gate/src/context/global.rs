//! Global keys (`aws:…`).

use strongroom_policy::Values;

use super::{RequestContext, many, tag, text, truth};
use crate::{Caller, IamUser, RoleSession, ServicePrincipal, WebIdentity};

impl RequestContext<'_> {
    pub(super) fn global(&self, name: &str) -> Option<Values<'_>> {
        if let Some((family, key)) = name.split_once('/') {
            return match family {
                "principaltag" => tag(&self.principal.tags, key),
                "requesttag" => match self.web_identity() {
                    Some(web) => tag(&web.tags, key),
                    None => tag(&self.parameters().tags, key),
                },
                "resourcetag" => tag(self.resource.tags, key),
                _ => None,
            };
        }
        self.network(name)
            .or_else(|| self.endpoint_key(name))
            .or_else(|| self.principal_key(name))
            .or_else(|| self.session_key(name))
            .or_else(|| self.resource_key(name))
    }

    /// Keys about when and from where.
    fn network(&self, name: &str) -> Option<Values<'_>> {
        let wire = &self.request.wire;
        match name {
            "currenttime" => Some(text(&self.request.now.to_iso8601_seconds())),
            "epochtime" => Some(text(&self.request.now.as_secs())),
            "securetransport" => Some(truth(self.request.secure_transport)),
            // "The aws:SourceIp condition key is not available" for what comes through a VPC endpoint: its addresses are the
            // VPC's own. Source: IAM User Guide, "AWS global condition context keys", aws:SourceIp and aws:VpcSourceIp.
            "sourceip" if wire.endpoint.is_none() => Some(text(&self.request.source_ip.to_canonical())),
            "vpcsourceip" if wire.endpoint.is_some() => Some(text(&self.request.source_ip.to_canonical())),
            "requestedregion" => Some(Values::one(self.request.region.as_str())),
            "useragent" => wire.user_agent.as_deref().map(Values::one),
            "referer" => wire.referer.as_deref().map(Values::one),
            "viaawsservice" => Some(truth(self.service().is_some())),
            _ => None,
        }
    }

    /// Keys about the VPC endpoint that the request came through.
    fn endpoint_key(&self, name: &str) -> Option<Values<'_>> {
        let endpoint = self.request.wire.endpoint.as_deref()?;
        let organization = endpoint.organization.as_ref();
        match name {
            "sourcevpce" => Some(Values::one(&endpoint.id)),
            "sourcevpc" => Some(Values::one(&endpoint.vpc)),
            "sourcevpcarn" => Some(text(&endpoint.vpc_arn())),
            "vpceaccount" => Some(text(&endpoint.owner)),
            "vpceorgid" => organization.map(|org| Values::one(&org.id)),
            "vpceorgpaths" => organization.and_then(|org| many(vec![org.path.clone()])),
            _ => None,
        }
    }

    /// Keys about who asks.
    fn principal_key(&self, name: &str) -> Option<Values<'_>> {
        match name {
            "principalarn" => {
                let role = self.role().map(RoleSession::role_arn);
                role.or_else(|| self.caller.arn()).map(|arn| text(&arn))
            }
            "principalaccount" => self.caller.account().map(|account| text(&account)),
            "principalorgid" => self.organization.map(|org| Values::one(&org.id)),
            "principalorgpaths" => self.organization.and_then(|org| many(vec![org.path.clone()])),
            "principaltype" => Some(Values::one(match self.caller {
                Caller::Anonymous => "Anonymous",
                Caller::Root(_) => "Account",
                Caller::User(_) => "User",
                Caller::Role(_) => "AssumedRole",
                Caller::Federated(_) => "FederatedUser",
                Caller::WebIdentity(_) => "WebIdentityUser",
                Caller::Service(_) => "Service",
            })),
            "principalisawsservice" => Some(truth(self.service().is_some())),
            "principalservicename" => self.service().map(|service| Values::one(service.name)),
            "principalservicenameslist" => {
                self.service().and_then(|service| many(vec![service.name.to_owned()]))
            }
            "sourceaccount" => self.service().map(|service| text(&service.account)),
            "userid" if *self.caller == Caller::Anonymous => Some(Values::one("anonymous")),
            "userid" => self.caller.user_id().map(|id| text(&id)),
            "username" => self.user().map(|user| Values::one(&user.name)),
            _ => None,
        }
    }

    fn service(&self) -> Option<&ServicePrincipal> {
        if let Caller::Service(service) = self.caller { Some(service) } else { None }
    }

    fn role(&self) -> Option<&RoleSession> {
        if let Caller::Role(role) = self.caller { Some(role) } else { None }
    }

    fn user(&self) -> Option<&IamUser> {
        if let Caller::User(user) = self.caller { Some(user) } else { None }
    }

    pub(super) fn web_identity(&self) -> Option<&WebIdentity> {
        if let Caller::WebIdentity(web) = self.caller { Some(web) } else { None }
    }

    /// Keys that only temporary credentials have; but for those that a code in the request, or a token of an identity
    /// provider, fills just as well.
    fn session_key(&self, name: &str) -> Option<Values<'_>> {
        match (name, self.request.wire.second_factor, self.web_identity()) {
            ("multifactorauthpresent", Some(_), _) => return Some(truth(true)),
            ("multifactorauthage", Some(at), _) => return Some(text(&self.request.now.since(at).as_secs())),
            ("federatedprovider", _, Some(web)) => return Some(Values::one(&web.provider)),
            _ => {}
        }
        let session = self.caller.session()?;
        match name {
            "tokenissuetime" => Some(text(&session.issued_at.to_iso8601_seconds())),
            "multifactorauthpresent" => Some(truth(session.mfa_at.is_some())),
            "multifactorauthage" => session.mfa_at.map(|at| text(&self.request.now.since(at).as_secs())),
            "sourceidentity" => session.source_identity.as_deref().map(Values::one),
            "federatedprovider" => session.federation.as_ref().map(|f| Values::one(&f.provider)),
            _ => None,
        }
    }

    /// What the identity provider said of a federated session: `accounts.example.com:sub`.
    pub(super) fn federated(&self, key: &str) -> Option<Values<'_>> {
        let keys = match self.web_identity() {
            Some(web) => &web.keys,
            None => &self.caller.session()?.federation.as_ref()?.keys,
        };
        let found = keys.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, values)| Values::Many(values.as_slice().into()))
    }

    /// Keys about the resource and what is asked for it.
    fn resource_key(&self, name: &str) -> Option<Values<'_>> {
        match name {
            "resourceaccount" => self.resource.account.map(|account| text(&account)),
            "resourceorgid" => self.resource.organization.map(|org| Values::one(&org.id)),
            "resourceorgpaths" => self.resource.organization.and_then(|org| many(vec![org.path.clone()])),
            "tagkeys" => match self.web_identity() {
                Some(web) => many(web.tags.iter().map(|(key, _)| key.clone()).collect()),
                None => many(self.parameters().tag_keys().map(ToOwned::to_owned).collect()),
            },
            _ => None,
        }
    }
}
