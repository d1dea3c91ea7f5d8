//! The data directory: made at the first start, found again at the second, locked against a second process.
//!
//! ```text
//! cordon.toml       the config            agents/*.toml   manifests      policies/*.cedar   the operator's own
//! keys/ledger.key   signs checkpoints     keys/ledger.pub verifies them  keys/epochs/  keys of digests in records, one an epoch
//! keys/users.key    names users in kills  salts/  salts of commitments  holds/  legal holds  receipts/  of erasures
//! state.db          keys, kills, budgets, grants  ledger/         the record     control.sock       for the owner
//! oauth/*.token     refresh tokens, encrypted     keys/tokens.key  opens them
//! reviews/          reviewed postures                       permissions/  manifests staged, and those before an apply
//! ```
//! What always holds: everything in it belongs to its owner alone (0700, files 0600); nothing that exists is
//! overwritten.

use crate::error::AppError;
use crate::system::SystemEntropy;
use cordon_ledger::{Signer, VerifierKey};
use cordon_store::volume::FileVolume;
use cordon_types::Entropy as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Largest file that an operator writes, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// An open data directory. Holds its lock.
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

/// What was made, for the first words to the operator.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Created {
    /// The directory itself is new: this is a first start.
    pub fresh: bool,
}

impl DataDir {
    /// Opens a data directory, and makes what is missing: config, a manifest, keys. Refuses one that another process
    /// has open.
    pub fn open(root: &Path) -> Result<(Self, Created), AppError> {
        let fresh = !root.join("cordon.toml").exists();
        for dir in ["", "agents", "policies", "keys", "ledger"] {
            make_dir(&root.join(dir))?;
        }
        let lock_path = root.join("lock");
        let lock = private()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|e| AppError::file(&lock_path, "opening", e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(AppError::InUse(root.to_owned())),
            Err(fs::TryLockError::Error(e)) => return Err(AppError::file(&lock_path, "locking", e)),
        }
        let dir = Self { root: root.to_owned(), _lock: lock };
        if fresh {
            dir.fill()?;
        }
        Ok((dir, Created { fresh }))
    }

    /// Writes the starter files. The config comes last: it says that the rest is there.
    fn fill(&self) -> Result<(), AppError> {
        let mut random = [0_u8; 8];
        SystemEntropy.fill(&mut random);
        let origin = format!("cordon.local/{:016x}", u64::from_be_bytes(random));
        let mut seed = Zeroizing::new([0_u8; 32]);
        SystemEntropy.fill(&mut *seed);
        let signer = Signer::generate(&origin, *seed)?;
        write_new(&self.path("keys/ledger.key"), signer.to_text().as_bytes())?;
        write_new(&self.path("keys/ledger.pub"), signer.verifier().to_text().as_bytes())?;
        self.make_users_key()?;
        crate::custody::digester(&self.vault()?, now())?;
        write_new(&self.path("agents/dev.toml"), cordon_config::starter_manifest("dev").as_bytes())?;
        write_new(&self.path("cordon.toml"), cordon_config::starter(&origin).as_bytes())
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The key that signs checkpoints.
    pub fn signer(&self) -> Result<Signer, AppError> {
        let path = self.path("keys/ledger.key");
        let text = Zeroizing::new(read(&path)?);
        Signer::from_text(text.trim()).map_err(|e| AppError::BadKeyFile { path, reason: e.to_string() })
    }

    /// The directory's files as a volume; its lock covers them.
    pub fn vault(&self) -> Result<FileVolume, AppError> {
        Ok(FileVolume::open_beside(&self.root)?)
    }

    /// The key under which a user's name becomes the digest that kill switches know and that no record holds.
    ///
    /// A directory from before there were epochs had one key for everything. Where kill switches for users stand
    /// under that one, it goes on naming users, so that they hold; else it gets a key of its own.
    pub(crate) fn users_key(&self, user_kills: bool) -> Result<Zeroizing<[u8; 32]>, AppError> {
        let (own, legacy) = (self.path("keys/users.key"), self.path("keys/epoch.key"));
        if !own.exists() && user_kills {
            return hex_key(if legacy.exists() { legacy } else { own });
        }
        if !own.exists() {
            self.make_users_key()?;
        }
        hex_key(own)
    }

    fn make_users_key(&self) -> Result<(), AppError> {
        let key = crate::custody::fresh_key();
        let hex = Zeroizing::new(key.iter().map(|b| format!("{b:02x}")).collect::<String>());
        write_new(&self.path("keys/users.key"), hex.as_bytes())
    }

    /// Makes the first keys without starting the gateway, where there are none; gives the paths (admin, agent).
    pub fn first_keys(&self) -> Result<Option<(PathBuf, PathBuf)>, AppError> {
        let store = cordon_store::Store::open(&self.path("state.db"))?;
        let keys = crate::run::first_keys(&store, now())?;
        keys.map(|keys| self.write_first_keys(&keys)).transpose()
    }

    pub(crate) fn write_first_keys(
        &self,
        keys: &crate::run::FirstKeys,
    ) -> Result<(PathBuf, PathBuf), AppError> {
        make_dir(&self.path("first-keys"))?;
        let admin = self.write_secret("first-keys/admin.key", keys.admin.expose())?;
        let agent = self.write_secret("first-keys/agent-dev.key", keys.agent.expose())?;
        Ok((admin, agent))
    }

    /// Writes a secret where only the owner reads it; refuses to overwrite.
    pub fn write_secret(&self, name: &str, text: &str) -> Result<PathBuf, AppError> {
        let path = self.path(name);
        write_new(&path, text.as_bytes())?;
        Ok(path)
    }
}

/// The public key in a data directory, for verifying; takes no lock.
pub fn verifier_key(path: &Path) -> Result<VerifierKey, AppError> {
    let text = read(path)?;
    VerifierKey::from_text(text.trim())
        .map_err(|e| AppError::BadKeyFile { path: path.to_owned(), reason: e.to_string() })
}

/// Reads a text file of an operator's: at most 1 MiB, UTF-8.
pub fn read(path: &Path) -> Result<String, AppError> {
    let file = File::open(path).map_err(|e| AppError::file(path, "opening", e))?;
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|e| AppError::file(path, "reading", e))?;
    if text.len() as u64 > MAX_FILE {
        let too_large = std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it is larger than 1 MiB");
        return Err(AppError::file(path, "reading", too_large));
    }
    Ok(text)
}

fn now() -> u64 {
    cordon_types::Clock::now(&crate::system::SystemClock::new())
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

pub(crate) fn make_dir(path: &Path) -> Result<(), AppError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| AppError::file(path, "creating", e))
}

pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), AppError> {
    let mut file =
        private().create_new(true).write(true).open(path).map_err(|e| AppError::file(path, "creating", e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| AppError::file(path, "writing", e))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|e| AppError::file(path, "protecting", e))
}

/// The key of users' digests of a data directory on which a gateway may run.
pub(crate) fn users_key(root: &Path) -> Result<Zeroizing<[u8; 32]>, AppError> {
    let own = root.join("keys/users.key");
    hex_key(if own.exists() { own } else { root.join("keys/epoch.key") })
}

pub(crate) fn hex_key(path: PathBuf) -> Result<Zeroizing<[u8; 32]>, AppError> {
    let text = Zeroizing::new(read(&path)?);
    let mut key = Zeroizing::new([0_u8; 32]);
    let bad = |reason: &str| AppError::BadKeyFile { path: path.clone(), reason: reason.to_owned() };
    let digits = text.trim();
    if digits.len() != 64 {
        return Err(bad("must be 64 hexadecimal digits"));
    }
    for (to, pair) in key.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| bad("must be 64 hexadecimal digits"))?;
        *to = u8::from_str_radix(pair, 16).map_err(|_| bad("must be 64 hexadecimal digits"))?;
    }
    Ok(key)
}
