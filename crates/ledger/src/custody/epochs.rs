//! The keys of linkable digests, one an epoch, on the data directory's files.
//!
//! ```text
//! keys/epochs/index     every epoch: its number, when it began, whether its key is there or was destroyed
//! keys/epochs/<n>.key   the key of epoch n
//! keys/epoch.key        the one key of a directory from before there were epochs: it is epoch 1's
//! ```
//! What always holds: the last epoch in the index is the one in which digests are made; its key is there and
//! whole, or nothing starts; a number is never used twice; a destroyed key was overwritten before its name went.
//!
//! What it does not do: reach copies of a key. A backup, a snapshot, or a disk that writes elsewhere what is
//! written over keeps it: whoever destroys a key has to see to those.

use super::{
    error::CustodyError,
    sealed::{number, seal, unseal, value},
    shred,
};
use crate::{
    name::{Digester, FIRST_EPOCH},
    verify::{Class, Tamper},
    volume::Volume,
};
use cordon_types::Millis;
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

const INDEX: &str = "keys/epochs/index";
const LEGACY: &str = "keys/epoch.key";
const INDEX_HEADER: &str = "cordon epochs v1";
const KEY_HEADER: &str = "cordon epoch key v1";
/// More epochs than one a day in a century: a longer index is none.
const MAX_EPOCHS: usize = 40_000;

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// When it began; 0 for the key of a directory from before there were epochs.
    pub begun: Millis,
    /// Whether its key was destroyed.
    pub shredded: bool,
}

/// Every epoch of a directory, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epochs(Vec<Epoch>);

fn key_path(number: u32) -> String {
    format!("keys/epochs/{number}.key")
}

/// The text of a key's file.
#[must_use]
pub fn key_text(epoch: u32, key: &[u8; 32]) -> Zeroizing<String> {
    let digits = Zeroizing::new(HEXLOWER.encode(key));
    let body = Zeroizing::new(format!("{KEY_HEADER}\nepoch {epoch}\nkey {}\n", digits.as_str()));
    seal(&body)
}

/// Reads a key's file: the epoch's number and its key.
#[must_use]
pub fn parse_key(text: &str) -> Option<(u32, Zeroizing<[u8; 32]>)> {
    let lines = unseal(KEY_HEADER, text)?;
    let [epoch, key] = lines.as_slice() else { return None };
    let epoch = number(value(Some(epoch), "epoch")?)?;
    Some((epoch, hex_key(value(Some(key), "key")?)?))
}

fn hex_key(digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(HEXLOWER.decode(digits.as_bytes()).ok()?);
    let key: &[u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(Zeroizing::new(*key))
}

impl Epochs {
    /// The index's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut body = format!("{INDEX_HEADER}\n");
        for e in &self.0 {
            let state = if e.shredded { "shredded" } else { "live" };
            body.push_str(&format!("epoch {} begun {} {state}\n", e.number, e.begun));
        }
        seal(&body).to_string()
    }

    /// Reads the index: numbers from 1, each one more than the last.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let lines = unseal(INDEX_HEADER, text)?;
        if lines.is_empty() || lines.len() > MAX_EPOCHS {
            return None;
        }
        let mut all = Vec::with_capacity(lines.len());
        for (line, expected) in lines.iter().zip(FIRST_EPOCH..) {
            let mut words = value(Some(line), "epoch")?.split(' ');
            let epoch = number(words.next()?)?;
            let begun = words.next().filter(|w| *w == "begun").and_then(|_| number(words.next()?))?;
            let shredded = match words.next()? {
                "live" => false,
                "shredded" => true,
                _ => return None,
            };
            if epoch != expected || words.next().is_some() {
                return None;
            }
            all.push(Epoch { number: epoch, begun, shredded });
        }
        // Digests are made in the last one.
        (!all.last()?.shredded).then_some(Self(all))
    }

    /// What the directory has. A directory from before there were epochs is taken over: its one key is epoch 1's,
    /// and epoch 2 begins. An empty one begins epoch 1.
    pub fn open(vault: &dyn Volume, now: Millis, fresh: &Zeroizing<[u8; 32]>) -> Result<Self, CustodyError> {
        if vault.read(INDEX)?.is_some() {
            let epochs = Self::read(vault)?;
            epochs.digester(vault)?;
            return Ok(epochs);
        }
        let mut epochs = Self(Vec::new());
        if vault.read(LEGACY)?.is_some() {
            epochs.0.push(Epoch { number: FIRST_EPOCH, begun: 0, shredded: false });
            epochs.key(vault, FIRST_EPOCH)?;
        }
        epochs.begin(vault, now, fresh)?;
        Ok(epochs)
    }

    /// The index, without a look at the keys.
    pub fn read(vault: &dyn Volume) -> Result<Self, CustodyError> {
        let missing = || damaged(INDEX, "the list of epochs is not there; restore it from a backup");
        let text = String::from_utf8(vault.read(INDEX)?.ok_or_else(missing)?).unwrap_or_default();
        let broken = || damaged(INDEX, "the list of epochs is broken; restore it from a backup");
        Ok(Self::from_text(&text).ok_or_else(broken)?)
    }

    /// Begins the next epoch. In force for whoever asks for [`Epochs::digester`] after it.
    pub fn begin(
        &mut self,
        vault: &dyn Volume,
        now: Millis,
        fresh: &Zeroizing<[u8; 32]>,
    ) -> Result<u32, CustodyError> {
        let number = self.0.last().map_or(FIRST_EPOCH, |e| e.number.saturating_add(1));
        // The key first: an index never names a key that is not there. One that a crash left without being named
        // made no digest, and is written over.
        vault.write_atomic(&key_path(number), key_text(number, fresh).as_bytes())?;
        let mut next = self.clone();
        // A clock that went back must not make an epoch end before it began.
        let begun = now.max(self.0.last().map_or(0, |e| e.begun));
        next.0.push(Epoch { number, begun, shredded: false });
        vault.write_atomic(INDEX, next.to_text().as_bytes())?;
        *self = next;
        Ok(number)
    }

    /// Every epoch, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Epoch] {
        &self.0
    }

    /// The one in which digests are made.
    #[must_use]
    pub fn current(&self) -> Epoch {
        self.0.last().copied().unwrap_or(Epoch { number: FIRST_EPOCH, begun: 0, shredded: false })
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<Epoch> {
        self.0.iter().find(|e| e.number == number).copied()
    }

    /// When an epoch ended: when the next began. `None` for the current one.
    #[must_use]
    pub fn ended(&self, number: u32) -> Option<Millis> {
        self.get(number.checked_add(1)?).map(|next| next.begun)
    }

    /// The key of an epoch that was not destroyed.
    pub fn key(&self, vault: &dyn Volume, number: u32) -> Result<Zeroizing<[u8; 32]>, CustodyError> {
        let epoch = self.get(number).ok_or(CustodyError::NoEpoch { epoch: number })?;
        if epoch.shredded {
            return Err(CustodyError::EpochShredded { epoch: number });
        }
        let path = path_of(vault, number)?;
        let missing = || damaged(&path, "an epoch's key is not there; restore it from a backup");
        let text =
            Zeroizing::new(String::from_utf8(vault.read(&path)?.ok_or_else(missing)?).unwrap_or_default());
        let key = if path == LEGACY {
            hex_key(&text.trim().to_ascii_lowercase())
        } else {
            parse_key(&text).filter(|(n, _)| *n == number).map(|(_, key)| key)
        };
        key.ok_or_else(|| damaged(&path, "an epoch's key is broken; restore it from a backup").into())
    }

    /// Makes digests in the current epoch.
    pub fn digester(&self, vault: &dyn Volume) -> Result<Digester, CustodyError> {
        let current = self.current().number;
        Ok(Digester::of_epoch(current, *self.key(vault, current)?))
    }

    /// Whether epoch 1's key is the one key of a directory from before there were epochs.
    pub fn is_legacy(vault: &dyn Volume) -> Result<bool, CustodyError> {
        Ok(vault.read(LEGACY)?.is_some())
    }

    /// Destroys a key, if it is there, and notes that in the index. Never the current one's.
    pub(super) fn shred(&mut self, vault: &dyn Volume, number: u32) -> Result<(), CustodyError> {
        if number == self.current().number {
            return Err(CustodyError::CurrentEpoch { epoch: number });
        }
        shred(vault, &path_of(vault, number)?)?;
        let mut next = self.clone();
        next.0.iter_mut().filter(|e| e.number == number).for_each(|e| e.shredded = true);
        vault.write_atomic(INDEX, next.to_text().as_bytes())?;
        *self = next;
        Ok(())
    }
}

fn path_of(vault: &dyn Volume, number: u32) -> Result<String, CustodyError> {
    let path = key_path(number);
    if number == FIRST_EPOCH && vault.read(&path)?.is_none() && vault.read(LEGACY)?.is_some() {
        return Ok(LEGACY.to_owned());
    }
    Ok(path)
}

fn damaged(path: &str, detail: &'static str) -> Tamper {
    Tamper::new(Class::EpochKeyDamaged, path, None, detail)
}
