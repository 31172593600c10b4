//! A running server: an installation behind its listeners.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use strongroom_crypto::Entropy as _;
use strongroom_gate::Gate;
use strongroom_kms::SystemEntropy;
use strongroom_posture::Posture;
use strongroom_s3::S3;
use strongroom_storage::{MetaStore, StoreClock, StoreHealth};
use strongroom_trail::{Archive, ArchiveSettings, Archiver, AuditLog, AuditLogSettings, TrailError};
use strongroom_types::Region;
use tokio::sync::watch;

use crate::admin::Readiness;
use crate::authn::{Authn, RootUses};
use crate::config::{Config, TlsFiles};
use crate::decode::{Room, UnknownBodies};
use crate::gate::InstallationFacts;
use crate::handler::Services;
use crate::installation::{ArchiveSeal, Installation, InstallationError};
use crate::limits::{MAX_DOCUMENT_BYTES_AT_ONCE, MAX_DOCUMENT_BYTES_AT_ONCE_PER_ACCOUNT};
use crate::listener::{Addresses, FloodBudget, FloodLimits, ListenError, Listeners, Shutdown};
use crate::oidc::IssuerKeys;
use crate::operator::{Operator, ScrubSettings};
use crate::pipeline::Pipeline;
use crate::pki::{
    CertificateAuthority, PkiError, RENEWAL_CHECK, ReloadingResolver, ServerCertificateLife, ServerNames,
    clients_of, load_files, renew_due, server_config,
};
use crate::record::{Recorder, Registry};
use crate::route::{Locator, Routes};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its data directory.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// Its sockets.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Its certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The archive of records, or the audit log.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// A domain that is none.
    #[error(transparent)]
    Names(#[from] crate::pki::NamesError),
}

/// A server whose sockets are open.
pub struct Server {
    installation: Installation,
    s3: S3,
    config: Config,
    listeners: Listeners,
    certificates: Arc<Certificates>,
    archive: Arc<Archive>,
    archiver: Archiver,
    audit_log: Option<AuditLog>,
}

/// The certificate in use, and how to get the next.
pub struct Certificates {
    authority: CertificateAuthority,
    names: ServerNames,
    resolver: Arc<ReloadingResolver>,
    life: Mutex<Option<ServerCertificateLife>>,
    clock: Arc<dyn StoreClock>,
}

impl Certificates {
    async fn new(installation: &Installation, config: &Config) -> Result<Arc<Self>, ServeError> {
        let authority = installation.authority().await?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let entrances = config.entrances.iter().map(|entrance| entrance.listen.ip());
        let addresses: Vec<_> = entrances.chain([config.listen.ip()]).collect();
        let names = ServerNames::new(Some(&host), &config.domains, &addresses)?;
        let clock = installation.clock.clone();
        let (first, life) = obtain(config.tls.as_ref(), &authority, &names, &*clock)?;
        let resolver = ReloadingResolver::new(first);
        Ok(Arc::new(Self { authority, names, resolver, life: Mutex::new(life), clock }))
    }

    /// Takes the operator's files anew, or issues a new certificate. What is not valid is not taken.
    ///
    /// # Errors
    /// [`PkiError`]; the old certificate stays in use.
    pub fn reload(&self, files: Option<&TlsFiles>) -> Result<(), PkiError> {
        let (next, life) = obtain(files, &self.authority, &self.names, &*self.clock)?;
        self.resolver.replace(next)?;
        *self.life.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = life;
        Ok(())
    }

    fn renew_if_due(&self) {
        let life = *self.life.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if life.is_some_and(|life| renew_due(life.not_before, life.not_after, self.clock.now()))
            && let Err(error) = self.reload(None)
        {
            tracing::error!(%error, "the server certificate could not be renewed");
        }
    }
}

/// The operator's certificate, or one of our own and its life, by which it is renewed.
fn obtain(
    files: Option<&TlsFiles>,
    authority: &CertificateAuthority,
    names: &ServerNames,
    clock: &dyn StoreClock,
) -> Result<(rustls::sign::CertifiedKey, Option<ServerCertificateLife>), PkiError> {
    if let Some(files) = files {
        return Ok((load_files(&files.certificate, &files.private_key, clock.now())?, None));
    }
    let entropy = SystemEntropy::new();
    let issued = authority.issue_server(names, clock.now(), &move |out: &mut [u8]| entropy.fill(out))?;
    let life = issued.life();
    Ok((issued.into_certified(), Some(life)))
}

impl Server {
    /// Opens the sockets.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn bind(installation: Installation, config: Config) -> Result<Self, ServeError> {
        // The last domain is the operator's own, if one was given.
        let domain = config.domains.last().map(String::as_str).unwrap_or_default();
        let s3 = installation.s3(config.regions.clone().into()).with_new_buckets(config.new_buckets);
        let s3 = s3.with_access_point_domain(domain);
        s3.settle_intents().await.map_err(InstallationError::from)?;
        let certificates = Certificates::new(&installation, &config).await?;
        let clients = config.client_authorities.as_deref().map(clients_of).transpose()?;
        let tls = server_config(certificates.resolver.clone(), clients)?;
        let addresses = Addresses {
            listen: Some(config.listen),
            listen_plaintext: config.listen_plaintext,
            admin: config.admin_listen,
            entrances: config.entrances.clone(),
        };
        let listeners = Listeners::bind(&addresses, tls, config.limits).await?;
        let archive = Archive::open(
            &installation.data,
            installation.store.clone(),
            installation.journal.clone(),
            Arc::new(ArchiveSeal(installation.keys.clone())),
        )
        .await?;
        let retention = config.retention;
        let settings = ArchiveSettings {
            keep: Duration::from_secs(u64::from(retention.days) * 24 * 60 * 60),
            max_bytes: retention.max_bytes,
            ..ArchiveSettings::default()
        };
        let audit_log = match &config.audit_log {
            Some(log) => {
                let (path, max_bytes, keep) = (log.path.clone(), log.max_bytes, log.keep);
                let settings = AuditLogSettings { path, max_bytes, keep };
                Some(AuditLog::open(&archive, installation.clock.clone(), settings).await?)
            }
            None => None,
        };
        let archiver = Archiver::new(archive.clone(), installation.clock.clone(), settings);
        Ok(Self { installation, s3, config, listeners, certificates, archive, archiver, audit_log })
    }

    /// The certificates, for reloading.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.certificates.clone()
    }

    /// The addresses in use: TLS, plaintext, admin.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>, Option<SocketAddr>) {
        (self.listeners.tls_address(), self.listeners.plaintext_address(), self.listeners.admin_address())
    }

    /// Serves until `shutdown`; returns when what was in flight is answered and recorded.
    pub async fn run(self, shutdown: Shutdown) {
        let Self { installation, s3, config, listeners, certificates, archive, archiver, audit_log } = self;
        let regions: Arc<[Region]> = config.regions.clone().into();
        let home = regions.first().cloned().unwrap_or_else(Region::us_east_1);
        let organizations = installation.organizations(regions.clone());
        // The last domain is the operator's own, if one was given.
        let ec2 = installation.ec2(regions.clone(), config.domains.last().cloned().unwrap_or_default());
        let facts = InstallationFacts {
            s3: s3.clone(),
            identity: installation.identity.clone(),
            organizations: organizations.clone(),
            ec2: ec2.clone(),
        };
        let (stop, stopped) = watch::channel(false);
        let settings = ScrubSettings::from(&config.scrub);
        let gate = Gate::new(Arc::new(facts));
        let (operator, work) =
            Operator::start(&installation, &archive, (&gate, &home), settings, stopped.clone());
        let services = Arc::new(Services {
            gate,
            s3,
            identity: installation.identity.clone(),
            organizations,
            ec2,
            posture: Posture,
            operator,
        });
        let (recorder, recording) = Recorder::start(installation.journal.clone());
        let registry = Arc::new(Registry {
            store: installation.store.clone(),
            clock: installation.clock.clone(),
            keys: installation.keys.clone(),
            recorder: recorder.clone(),
            home,
        });
        let pipeline = Arc::new(Pipeline {
            routes: Routes::new(Locator::new(config.domains.iter().map(String::as_str))),
            authn: Authn::new(installation.identity.clone(), regions),
            root_uses: RootUses::default(),
            issuers: IssuerKeys::new(&config.oidc),
            services,
            registry,
            flood: Mutex::new(FloodBudget::new(FloodLimits::default(), Instant::now())),
            unknown_bodies: UnknownBodies::new(),
            uploads: Room::new(
                config.limits.max_uploads as u64,
                config.limits.max_uploads_per_account as u64,
            ),
            downloads: Room::new(
                config.limits.max_downloads as u64,
                config.limits.max_downloads_per_account as u64,
            ),
            documents: Room::new(MAX_DOCUMENT_BYTES_AT_ONCE, MAX_DOCUMENT_BYTES_AT_ONCE_PER_ACCOUNT),
        });
        let archiving = tokio::spawn(archiver.run(stopped.clone()));
        let logging = audit_log.map(|log| tokio::spawn(log.run(stopped)));
        let chores = tokio::spawn(chores(pipeline.clone(), certificates));
        let readiness = readiness(installation.store.clone(), installation.clock.clone(), &recorder);
        drop(recorder);
        listeners.run(pipeline, readiness, shutdown).await;
        chores.abort();
        drop(chores.await);
        // Every place and recorder is gone now, so the task ends once all records are durable; but for work that goes on
        // after its client has gone, whose records would read as interrupted either way.
        if tokio::time::timeout(LAST_RECORDS, recording).await.is_err() {
            tracing::warn!("requests were still at work; their records end as interrupted");
        }
        // Readers of records stop after the last record is there for them.
        let _ = stop.send(true);
        work.end().await;
        if let Some(logging) = logging {
            drop(logging.await);
        }
        drop(archiving.await);
    }
}

/// How long the end waits for records of work that goes on.
const LAST_RECORDS: Duration = Duration::from_secs(10);

/// What is done about once a second and once an hour.
async fn chores(pipeline: Arc<Pipeline>, certificates: Arc<Certificates>) {
    let mut last_renewal_check = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        pipeline.settle_refusals();
        if last_renewal_check.elapsed() >= RENEWAL_CHECK {
            last_renewal_check = Instant::now();
            certificates.renew_if_due();
        }
    }
}

fn readiness(
    store: Arc<dyn MetaStore>,
    clock: Arc<dyn StoreClock>,
    recorder: &Recorder,
) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
    // The recorder's channel must be able to end, so only its state is kept.
    let working = recorder.state();
    Arc::new(move || {
        if let StoreHealth::ReadOnly(error) | StoreHealth::Down(error) = store.health() {
            return Readiness::NotReady { reason: error.to_string() };
        }
        if let Some(lag) = clock.lag() {
            let reason =
                format!("the wall clock is {} s behind the store clock; set it right", lag.as_secs());
            return Readiness::NotReady { reason };
        }
        if !working() {
            return Readiness::NotReady {
                reason: "records cannot be kept; see the log, then restart".to_owned(),
            };
        }
        Readiness::Ready
    })
}
