//! The salts of commitments, outside the tree: without its salt a commitment says nothing.
//!
//! ```text
//! salts/<serial number, 20 digits>:  entry entry entry 0000...
//! entry = index + 1, u64 big-endian | salt, 32 bytes | first 8 bytes of SHA-256(index + 1 | salt)
//! ```
//! What always holds: a salt is durable before the record that it belongs to; a destroyed one is zeros in its
//! place, and its index stays, so that "destroyed" is told from "never was". An index may stand in two files (a
//! crash between salt and record): the later one counts, and both are destroyed.

use super::error::CustodyError;
use crate::{
    error::LedgerError,
    name::{Commitment, Digester},
    verify::{Class, Tamper},
    volume::Volume,
};
use cordon_types::Entropy;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where salts stand in the data directory.
pub const DIR: &str = "salts";
const SALT: usize = 32;
const SUM: usize = 8;
const ENTRY: usize = 8 + SALT + SUM;
/// Bytes of a file: some 5,000 salts.
const ROOM: u64 = 256 << 10;
/// What keeps a commitment to a body apart from any other.
const DOMAIN: &str = "body";

/// The commitment to an exchange's body.
#[must_use]
pub fn commit_to_body(salt: &[u8; SALT], body: &[u8]) -> Commitment {
    Digester::commitment(DOMAIN, salt, body)
}

/// A commitment and the salt that opens it, for [`crate::Committer::append_salted`].
#[derive(Debug)]
pub struct Salted {
    /// For the record.
    pub commitment: Commitment,
    /// For the vault.
    pub salt: Zeroizing<[u8; SALT]>,
}

impl Salted {
    /// A commitment to an exchange's body under a new salt.
    #[must_use]
    pub fn new(entropy: &dyn Entropy, body: &[u8]) -> Self {
        let mut salt = Zeroizing::new([0; SALT]);
        entropy.fill(&mut *salt);
        Self { commitment: commit_to_body(&salt, body), salt }
    }
}

fn sum(index: [u8; 8], salt: &[u8; SALT]) -> [u8; SUM] {
    let full = Sha256::new().chain_update(index).chain_update(salt).finalize();
    full.first_chunk::<SUM>().copied().unwrap_or_default()
}

fn path(serial: u64) -> String {
    format!("{DIR}/{serial:020}")
}

/// Writes salts, in the commit thread.
pub(crate) struct SaltWriter {
    volume: Arc<dyn Volume>,
    serial: u64,
    used: Option<u64>,
}

impl SaltWriter {
    pub(crate) fn open(volume: Arc<dyn Volume>) -> Result<Self, LedgerError> {
        let last = serials(volume.as_ref())?.last().copied();
        Ok(Self { volume, serial: last.map_or(0, |s| s + 1), used: None })
    }

    /// Makes these salts durable.
    pub(crate) fn commit(&mut self, salts: &[(u64, Zeroizing<[u8; SALT]>)]) -> Result<(), LedgerError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(salts.len() * ENTRY));
        for (index, salt) in salts {
            let index = index.saturating_add(1).to_be_bytes();
            bytes.extend_from_slice(&index);
            bytes.extend_from_slice(salt.as_slice());
            bytes.extend_from_slice(&sum(index, salt));
        }
        let length = bytes.len() as u64;
        let used = match self.used.filter(|used| used + length <= ROOM) {
            Some(used) => used,
            None => {
                if self.used.is_some() {
                    self.serial += 1;
                }
                self.volume.prepare(&path(self.serial), ROOM.max(length))?;
                0
            }
        };
        let path = path(self.serial);
        self.volume.append(&path, &bytes)?;
        self.volume.sync(&path)?;
        self.used = Some(used + length);
        Ok(())
    }
}

/// Whether a salt is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Live,
    /// It was destroyed.
    Shredded,
    /// It is not what was written: a loss of power amid writing or destroying it, or rot.
    Broken,
}

/// Where one salt stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// The record that it belongs to.
    pub index: u64,
    /// Whether it is there.
    pub state: State,
    path: String,
    at: u64,
    salt: Zeroizing<[u8; SALT]>,
}

fn serials(vault: &dyn Volume) -> Result<Vec<u64>, LedgerError> {
    let mut serials = Vec::new();
    for name in vault.list(DIR)? {
        let foreign = || Tamper::new(Class::ForeignFile, &format!("{DIR}/{name}"), None, "it holds no salts");
        serials.push(crate::journal::serial(&name).ok_or_else(foreign)?);
    }
    serials.sort_unstable();
    Ok(serials)
}

/// Every salt, in the order in which they were written.
pub fn read(vault: &dyn Volume) -> Result<Vec<Place>, LedgerError> {
    let mut found = Vec::new();
    for serial in serials(vault)? {
        let path = path(serial);
        let bytes = Zeroizing::new(vault.read(&path)?.unwrap_or_default());
        found.extend(parse(&path, &bytes));
    }
    Ok(found)
}

/// The entries of one file.
#[must_use]
pub fn parse(path: &str, bytes: &[u8]) -> Vec<Place> {
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last / ENTRY + 1);
    (0_u64..).zip(bytes.chunks(ENTRY)).take(used).map(|(n, e)| place(path, n * ENTRY as u64, e)).collect()
}

fn place(path: &str, at: u64, entry: &[u8]) -> Place {
    let (index, salt, checksum) = split(entry).unwrap_or_default();
    let number = u64::from_be_bytes(index).checked_sub(1);
    let state = match number {
        Some(_) if entry.len() == ENTRY && sum(index, &salt) == checksum => State::Live,
        Some(_) if entry.len() == ENTRY && salt == [0; SALT] && checksum == [0; SUM] => State::Shredded,
        _ => State::Broken,
    };
    Place { index: number.unwrap_or(u64::MAX), state, path: path.to_owned(), at, salt: Zeroizing::new(salt) }
}

fn split(entry: &[u8]) -> Option<([u8; 8], [u8; SALT], [u8; SUM])> {
    let (index, rest) = entry.split_first_chunk::<8>()?;
    let (salt, rest) = rest.split_first_chunk::<SALT>()?;
    Some((*index, *salt, *rest.first_chunk::<SUM>()?))
}

/// Destroys salts; broken ones too where that is said, for theirs may be wanted and nobody can tell.
pub(super) fn shred(
    vault: &dyn Volume,
    wanted: impl Fn(u64) -> bool,
    broken: bool,
) -> Result<(), CustodyError> {
    let all = read(vault)?;
    for (n, place) in all.iter().enumerate() {
        // The last one may be half written at this moment.
        let unwanted = !broken || n + 1 == all.len();
        let skip = match place.state {
            State::Shredded => true,
            State::Live => !wanted(place.index),
            State::Broken => !wanted(place.index) && unwanted,
        };
        if !skip {
            vault.overwrite(&place.path, place.at + 8, &[0; SALT + SUM])?;
        }
    }
    Ok(())
}

/// Whether a body is the one that a record's commitment was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is.
    Same,
    /// It is another one.
    Other,
    /// Nobody can say any more: the salt was destroyed.
    Shredded,
    /// There is no salt for this record.
    NoSalt,
}

/// Compares a body with the commitment in record `index`.
pub fn open(
    vault: &dyn Volume,
    index: u64,
    commitment: &Commitment,
    body: &[u8],
) -> Result<Opening, LedgerError> {
    let all = read(vault)?;
    let Some(place) = all.iter().rfind(|p| p.index == index) else { return Ok(Opening::NoSalt) };
    match place.state {
        State::Shredded => Ok(Opening::Shredded),
        State::Live if commit_to_body(&place.salt, body) == *commitment => Ok(Opening::Same),
        State::Live => Ok(Opening::Other),
        State::Broken => {
            let detail = "the salt is not what was written; restore it from a backup";
            Err(Tamper::new(Class::SaltDamaged, &place.path, Some(index), detail).into())
        }
    }
}
