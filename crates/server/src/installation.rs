//! A data directory, opened: keys, store and services; and the making of a new one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_crypto::Entropy as _;
use strongroom_ec2::Ec2;
use strongroom_identity::{Identity, IdentityError, NewAccount};
use strongroom_kms::{Keys, KeysError, RootKeyError, RootKeySource, SystemEntropy};
use strongroom_organizations::{Organizations, OrganizationsError};
use strongroom_s3::S3;
use strongroom_storage::local::backup::is_backup;
use strongroom_storage::local::{OpenError, Options};
use strongroom_storage::sealed::{CipherError, RowCipher, SealedStore};
use strongroom_storage::{
    Batch, BlobStore, Journal, LocalStore, MetaStore, Partition, StoreClock, StoreError,
};
use strongroom_trail::{ChunkSeal, Proof, SealError, TrailError, prove};
use strongroom_types::{Region, Timestamp};
use zeroize::Zeroizing;

use crate::pki::{
    AuthoritySeal, CA_FILE, CertificateAuthority, PkiError, StoredAuthority, publish_authority,
};

/// E-mail address of the management account's root user where none is given.
pub const DEFAULT_EMAIL: &str = "root@strongroom.localhost";

/// Rows of the certificate authority in the partition `System`.
const CA_CERTIFICATE: &[u8] = b"tls-ca-certificate";
const CA_KEY: &[u8] = b"tls-ca-key";

/// What the authority's key is bound to.
const CA_CONTEXT: &[u8] = b"tls-ca-key";

/// What may lie in a data directory that holds no installation yet: what an interrupted `init` leaves.
const OURS: [&str; 9] = ["LOCK", "FORMAT", "log", "index", "blobs", "reserve", "keys", "tls", "archive"];

/// Why an installation could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// The directory holds an installation.
    #[error("{path} holds an installation already; start it with: strongroom serve --data {path}")]
    Initialised {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds none.
    #[error("{path} holds no installation; make one with: strongroom init --data {path}")]
    NotInitialised {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error("{path} is not empty and is not a Strongroom data directory; give an empty or a new directory")]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be made or read.
    #[error("cannot make or read the directory {path}; check its parent and permissions")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The root key.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// The epoch keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A read or commit of the store.
    #[error(transparent)]
    Commit(#[from] StoreError),
    /// The management account.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The organisation.
    #[error(transparent)]
    Organizations(#[from] OrganizationsError),
    /// The certificate authority.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// An open data directory.
pub struct Installation {
    /// The engine.
    pub local: LocalStore,
    /// Rows, sealed on their way to the engine.
    pub store: Arc<dyn MetaStore>,
    /// Records, sealed on their way to the engine.
    pub journal: Arc<dyn Journal>,
    /// Blobs.
    pub blobs: Arc<dyn BlobStore>,
    /// The store clock.
    pub clock: Arc<dyn StoreClock>,
    /// The keys.
    pub keys: Arc<Keys>,
    /// Accounts and credentials.
    pub identity: Identity,
    /// The directory.
    pub data: PathBuf,
}

/// A new installation, and the only showing of its root secret.
pub struct Made {
    /// The management account.
    pub account: NewAccount,
    /// The authority's certificate, a PEM file.
    pub ca_path: PathBuf,
    /// The root key's file.
    pub root_key_path: PathBuf,
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
pub fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The engine's options for real data directories.
pub fn store_options() -> Options {
    let entropy = SystemEntropy::new();
    Options::new(Arc::new(wall_clock), Arc::new(move |out: &mut [u8]| entropy.fill(out)))
}

/// Whether `data` is missing or empty.
///
/// # Errors
/// [`InstallationError::Directory`].
pub fn is_empty(data: &Path) -> Result<bool, InstallationError> {
    match std::fs::read_dir(data) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(InstallationError::Directory { path: data.to_owned(), source }),
    }
}

impl Installation {
    /// Makes a new installation in `data`, which is missing, empty, or what an interrupted call left. Nothing that
    /// belongs to somebody else is touched.
    ///
    /// # Errors
    /// [`InstallationError`].
    pub async fn init(
        data: &Path,
        root_key: &RootKeySource,
        email: &str,
    ) -> Result<(Self, Made), InstallationError> {
        refuse_backup(data)?;
        refuse_foreign(data)?;
        root_key.refuse_inside(data)?;
        make_directory(data)?;
        let entropy = SystemEntropy::new();
        let root = root_key.load_or_create(&entropy)?;
        let local = LocalStore::open(data, store_options())?;
        let keys =
            if data.join("keys").exists() { Keys::open(data, &root)? } else { Keys::create(data, &root)? };
        let installation = Self::assemble(data, local, Arc::new(keys));
        match installation.identity.management_account().await {
            Err(IdentityError::NoSuchAccount) => {}
            Ok(_) => return Err(InstallationError::Initialised { path: data.to_owned() }),
            Err(error) => return Err(error.into()),
        }
        installation.authority().await?;
        let account = installation.identity.bootstrap(email).await?;
        installation.establish().await?;
        let root_key_path = root_key.path().map(Path::to_owned).unwrap_or_default();
        let made = Made { account, ca_path: ca_path(data), root_key_path };
        Ok((installation, made))
    }

    /// Opens the installation in `data`.
    ///
    /// # Errors
    /// [`InstallationError`].
    pub async fn open(data: &Path, root_key: &RootKeySource) -> Result<Self, InstallationError> {
        refuse_backup(data)?;
        if !data.join("FORMAT").exists() {
            return Err(InstallationError::NotInitialised { path: data.to_owned() });
        }
        let root = root_key.load()?;
        let keys = Keys::open(data, &root)?;
        let local = LocalStore::open(data, store_options())?;
        let installation = Self::assemble(data, local, Arc::new(keys));
        match installation.identity.management_account().await {
            Ok(_) => {
                installation.establish().await?;
                Ok(installation)
            }
            Err(IdentityError::NoSuchAccount) => {
                Err(InstallationError::NotInitialised { path: data.to_owned() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The services of an engine that is open already, over these keys. Nothing is read or checked.
    pub fn assemble(data: &Path, local: LocalStore, keys: Arc<Keys>) -> Self {
        let engine = Arc::new(local.clone());
        let cipher: Arc<dyn RowCipher> = Arc::new(KeysCipher(keys.clone()));
        let sealed = Arc::new(SealedStore::new(engine.clone(), engine.clone(), cipher));
        let store: Arc<dyn MetaStore> = sealed.clone();
        let clock: Arc<dyn StoreClock> = engine.clone();
        let identity = Identity::new(store.clone(), clock.clone(), keys.clone());
        Self { local, store, journal: sealed, blobs: engine, clock, keys, identity, data: data.to_owned() }
    }

    /// Opens every record of the archive and finds what is missing; changes nothing.
    ///
    /// # Errors
    /// [`TrailError`] if the archive cannot be read at all.
    pub async fn prove_archive(&self) -> Result<Proof, TrailError> {
        prove(&self.data, &*self.store, Arc::new(ArchiveSeal(self.keys.clone()))).await
    }

    /// The S3 service, for these regions.
    pub fn s3(&self, regions: Arc<[Region]>) -> S3 {
        S3::new(self.store.clone(), self.blobs.clone(), self.clock.clone(), self.keys.clone(), regions)
    }

    /// EC2, for an installation of these regions, all of which are reached at one host.
    pub fn ec2(&self, regions: Arc<[Region]>, host: impl Into<Arc<str>>) -> Ec2 {
        Ec2::new(self.store.clone(), Arc::new(SystemEntropy::new()), regions, host)
    }

    /// The organisation, for an installation of these regions.
    pub fn organizations(&self, regions: Arc<[Region]>) -> Organizations {
        Organizations::new(self.store.clone(), self.clock.clone(), self.identity.clone(), regions)
    }

    /// Makes the organisation if this data directory is older than organisations are.
    async fn establish(&self) -> Result<(), OrganizationsError> {
        self.organizations(Arc::default()).establish().await
    }

    /// The private certificate authority, made on first use. Its certificate lies in `DIR/tls/ca.pem`.
    ///
    /// # Errors
    /// [`InstallationError`].
    pub async fn authority(&self) -> Result<CertificateAuthority, InstallationError> {
        let seal = CaSeal(self.keys.clone());
        let certificate = self.store.get(Partition::System, CA_CERTIFICATE).await?;
        let key = self.store.get(Partition::System, CA_KEY).await?;
        let authority = if let (Some(certificate), Some(key)) = (certificate, key) {
            let stored =
                StoredAuthority { certificate: certificate.value.to_vec(), sealed_key: key.value.to_vec() };
            CertificateAuthority::load(&stored, &seal)?
        } else {
            let entropy = SystemEntropy::new();
            let fill = move |out: &mut [u8]| entropy.fill(out);
            let authority = CertificateAuthority::create("Strongroom private CA", self.clock.now(), &fill)?;
            let stored = authority.store(&seal)?;
            let mut batch = Batch::new(Partition::System);
            batch.put(CA_CERTIFICATE, stored.certificate).put(CA_KEY, stored.sealed_key);
            self.store.commit(batch).await?;
            authority
        };
        publish_authority(&self.data, &authority)?;
        Ok(authority)
    }
}

/// Where the authority's certificate lies.
pub fn ca_path(data: &Path) -> PathBuf {
    data.join("tls").join(CA_FILE)
}

fn make_directory(path: &Path) -> Result<(), InstallationError> {
    strongroom_storage::local::make_directory(path)
        .map_err(|source| InstallationError::Directory { path: path.to_owned(), source })
}

/// A backup is no data directory, whatever it has or lacks.
///
/// # Errors
/// [`OpenError::Backup`].
pub fn refuse_backup(data: &Path) -> Result<(), InstallationError> {
    if is_backup(data) { Err(OpenError::Backup.into()) } else { Ok(()) }
}

fn refuse_foreign(data: &Path) -> Result<(), InstallationError> {
    let fail = |source| InstallationError::Directory { path: data.to_owned(), source };
    let entries = match std::fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    for entry in entries {
        let name = entry.map_err(fail)?.file_name();
        let name = name.to_string_lossy();
        let temporary = name.starts_with(".keys.") || name.starts_with("FORMAT.");
        if !OURS.contains(&&*name) && !temporary {
            return Err(InstallationError::Foreign { path: data.to_owned() });
        }
    }
    Ok(())
}

/// [`RowCipher`] by the installation's keys.
struct KeysCipher(Arc<Keys>);

/// Records are sealed as if they all lay in one place: their order is the log's, which is chained.
const RECORD_PLACE: (&[u8], &[u8]) = (b"journal", b"record");

impl RowCipher for KeysCipher {
    fn seal(&self, partition: &[u8], key: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.0.seal_row(partition, key, plaintext)
    }
    fn open(&self, partition: &[u8], key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        self.0.open_row(partition, key, sealed).map_err(|_| CipherError)
    }
    fn seal_record(&self, plaintext: &[u8]) -> Vec<u8> {
        self.0.seal_record(RECORD_PLACE.0, RECORD_PLACE.1, plaintext)
    }
    fn open_record(&self, sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        self.0.open_record(RECORD_PLACE.0, RECORD_PLACE.1, sealed).map_err(|_| CipherError)
    }
}

/// [`ChunkSeal`] by the installation's record keys.
pub(crate) struct ArchiveSeal(pub(crate) Arc<Keys>);

const ARCHIVE_PLACE: &[u8] = b"archive";

impl ChunkSeal for ArchiveSeal {
    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        self.0.seal_record(ARCHIVE_PLACE, context, plain)
    }
    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        self.0.open_record(ARCHIVE_PLACE, context, sealed).map_err(|_| SealError)
    }
}

struct CaSeal(Arc<Keys>);

impl AuthoritySeal for CaSeal {
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, PkiError> {
        Ok(self.0.seal_secret(CA_CONTEXT, plain))
    }
    fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, PkiError> {
        self.0.open_secret(CA_CONTEXT, sealed).map_err(|_| PkiError::Sealed)
    }
}
