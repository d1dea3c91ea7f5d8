//! Refresh tokens at rest: one encrypted file a server, in the data directory.
//!
//! ```text
//! oauth/<server>.token   24 bytes of nonce, then XChaCha20-Poly1305 of the token, bound to the server's name
//! keys/tokens.key        the key, made when the first token is put in        oauth/lock   one writer at a time
//! ```
//! What always holds: a file is written whole or not at all, and is durable before anybody goes by it; a token that was
//! put in by hand is never written over by one that was renewed meanwhile. What it does not do: guard a token from who
//! can read the whole data directory, where the key is too: it guards copies of the one without the other.

use crate::data::{self, make_dir, write_new};
use crate::error::AppError;
use crate::system::SystemEntropy;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use cordon_types::{Digest, Entropy as _, Secret, ServerId};
use cordon_upstream::oauth::{RefreshTokens, Stored};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest token.
pub const MAX_TOKEN: usize = 16 * 1024;
const NONCE: usize = 24;
const DIRECTORY: &str = "oauth";
const KEY_FILE: &str = "keys/tokens.key";

/// See the module.
pub struct Vault {
    root: PathBuf,
}

impl Vault {
    /// The vault of a data directory. Nothing is made yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Puts a token in, in the place of any other.
    pub fn set(&self, server: &ServerId, token: &Secret) -> Result<(), AppError> {
        make_dir(&self.root.join(DIRECTORY))?;
        let _lock = self.lock()?;
        self.write(server, token).map(|_| ())
    }

    /// Takes a token out; false when there was none.
    pub fn remove(&self, server: &ServerId) -> Result<bool, AppError> {
        let path = self.path(server);
        if !path.exists() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        std::fs::remove_file(&path).map_err(|e| AppError::file(&path, "removing", e))?;
        self.settle()?;
        Ok(true)
    }

    /// Whether there is one.
    #[must_use]
    pub fn has(&self, server: &ServerId) -> bool {
        self.path(server).exists()
    }

    fn path(&self, server: &ServerId) -> PathBuf {
        self.root.join(DIRECTORY).join(format!("{server}.token"))
    }

    /// One writer at a time: the gateway that renews, or the operator's command.
    fn lock(&self) -> Result<File, AppError> {
        let path = self.root.join(DIRECTORY).join("lock");
        let failed = |e| AppError::file(&path, "locking", e);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }

    fn cipher(&self, make: bool) -> Result<XChaCha20Poly1305, AppError> {
        let path = self.root.join(KEY_FILE);
        if make && !path.exists() {
            let key = crate::custody::fresh_key();
            let hex = Zeroizing::new(key.iter().map(|b| format!("{b:02x}")).collect::<String>());
            write_new(&path, hex.as_bytes())?;
        }
        let key = data::hex_key(path)?;
        Ok(XChaCha20Poly1305::new(&Key::from(*key)))
    }

    fn read(&self, server: &ServerId) -> Result<Option<Vec<u8>>, AppError> {
        let path = self.path(server);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(AppError::file(path, "opening", e)),
        };
        let mut sealed = Vec::new();
        let most = (MAX_TOKEN + 1_024) as u64;
        file.take(most).read_to_end(&mut sealed).map_err(|e| AppError::file(path, "reading", e))?;
        Ok(Some(sealed))
    }

    fn open(&self, server: &ServerId, sealed: &[u8]) -> Result<Secret, AppError> {
        let reason = format!(
            "it cannot be opened with {KEY_FILE}; put the token in anew with `cordon mcp token set {server}`"
        );
        let bad = || AppError::BadKeyFile { path: self.path(server), reason: reason.clone() };
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(bad)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| bad())?;
        let about = about(server);
        let payload = Payload { msg: sealed, aad: about.as_bytes() };
        let opened = self.cipher(false)?.decrypt(&XNonce::from(nonce), payload).map_err(|_| bad())?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| bad())
    }

    fn write(&self, server: &ServerId, token: &Secret) -> Result<Digest, AppError> {
        let path = self.path(server);
        let mut nonce = [0; NONCE];
        SystemEntropy.fill(&mut nonce);
        let about = about(server);
        let payload = Payload { msg: token.expose().as_bytes(), aad: about.as_bytes() };
        let sealed = self.cipher(true)?.encrypt(&XNonce::from(nonce), payload).map_err(|_| {
            AppError::BadKeyFile { path: path.clone(), reason: "the token cannot be encrypted".to_owned() }
        })?;
        let beside = path.with_extension("new");
        let failed = |doing| {
            let beside = beside.clone();
            move |e| AppError::file(beside, doing, e)
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed("creating"))?;
        let sealed = [&nonce[..], &sealed].concat();
        file.write_all(&sealed).and_then(|()| file.sync_all()).map_err(failed("writing"))?;
        std::fs::rename(&beside, &path).map_err(failed("renaming"))?;
        self.settle()?;
        Ok(stamp(&sealed))
    }

    /// Makes a change of the directory durable.
    fn settle(&self) -> Result<(), AppError> {
        let path = self.root.join(DIRECTORY);
        let sync = File::open(&path).and_then(|d| d.sync_all());
        sync.map_err(|e| AppError::file(path, "syncing", e))
    }
}

fn about(server: &ServerId) -> String {
    format!("cordon refresh token 1\0{server}")
}

fn stamp(sealed: &[u8]) -> Digest {
    Digest(Sha256::digest(sealed).into())
}

impl RefreshTokens for Vault {
    fn load(&self, server: &ServerId) -> Result<Option<Stored>, String> {
        let load = || {
            let Some(sealed) = self.read(server)? else { return Ok(None) };
            Ok(Some(Stored { token: self.open(server, &sealed)?, stamp: stamp(&sealed) }))
        };
        load().map_err(|e: AppError| e.to_string())
    }

    fn replace(&self, server: &ServerId, old: &Stored, new: &Secret) -> Result<Option<Digest>, String> {
        let replace = || {
            let _lock = self.lock()?;
            match self.read(server)? {
                Some(there) if stamp(&there) == old.stamp => self.write(server, new).map(Some),
                // Put in, or taken out, by hand meanwhile: that is what counts.
                _ => Ok(None),
            }
        };
        replace().map_err(|e: AppError| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> (tempfile::TempDir, Vault) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("keys")).unwrap();
        let vault = Vault::new(dir.path());
        (dir, vault)
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn id(name: &str) -> ServerId {
        ServerId::new(name).unwrap()
    }

    #[test]
    fn what_is_put_in_comes_out_and_is_nowhere_in_the_clear() {
        let (dir, vault) = vault();
        assert!(vault.load(&id("bank")).unwrap().is_none());
        assert!(!vault.remove(&id("bank")).unwrap());
        vault.set(&id("bank"), &secret("canary-of-a-token")).unwrap();
        let stored = vault.load(&id("bank")).unwrap().unwrap();
        assert_eq!(stored.token.expose(), "canary-of-a-token");
        let sealed = std::fs::read(dir.path().join("oauth/bank.token")).unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"canary"));
        vault.replace(&id("bank"), &stored, &secret("second")).unwrap();
        assert_eq!(vault.load(&id("bank")).unwrap().unwrap().token.expose(), "second");
        assert!(vault.remove(&id("bank")).unwrap() && !vault.has(&id("bank")));
    }

    #[test]
    fn what_was_put_in_by_hand_stays() {
        let (_dir, vault) = vault();
        vault.set(&id("bank"), &secret("first")).unwrap();
        let read = vault.load(&id("bank")).unwrap().unwrap();
        vault.set(&id("bank"), &secret("by hand")).unwrap();
        vault.replace(&id("bank"), &read, &secret("renewed")).unwrap();
        assert_eq!(vault.load(&id("bank")).unwrap().unwrap().token.expose(), "by hand");
        let read = vault.load(&id("bank")).unwrap().unwrap();
        vault.remove(&id("bank")).unwrap();
        vault.replace(&id("bank"), &read, &secret("renewed")).unwrap();
        assert!(!vault.has(&id("bank")));
    }

    #[test]
    fn a_file_of_another_server_or_a_changed_one_is_refused() {
        let (dir, vault) = vault();
        vault.set(&id("bank"), &secret("token")).unwrap();
        let path = dir.path().join("oauth/bank.token");
        std::fs::copy(&path, dir.path().join("oauth/shop.token")).unwrap();
        assert!(vault.load(&id("shop")).unwrap_err().contains("cordon mcp token set shop"));
        let mut sealed = std::fs::read(&path).unwrap();
        *sealed.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &sealed).unwrap();
        assert!(vault.load(&id("bank")).is_err());
        std::fs::write(&path, b"short").unwrap();
        assert!(vault.load(&id("bank")).is_err());
    }
}
