//! What a key signs with: the signature types of C2SP signed-note that are known here, and what each signs.
//!
//! | type | what | signed message |
//! |---|---|---|
//! | 0x01 | Ed25519 (signed-note) | the note's text |
//! | 0x04 | Ed25519 cosignature (tlog-cosignature) | `cosignature/v1`, `time <t>`, the note's text |
//! | 0x06 | ML-DSA-44 cosignature (tlog-cosignature) | a `cosigned_message`: name, time, origin, size, root |
//!
//! What always holds: a type that is not in the table is refused by name, never taken for another; the three
//! cannot be confused, since each has its own key id and its own message.

use crate::{checkpoint::Checkpoint, error::LedgerError};
use ed25519_dalek::Signer as _;
use ml_dsa::{KeyExport as _, MlDsa44, signature::Keypair as _, signature::Verifier as _};
use zeroize::Zeroizing;

/// Longest name or origin that a `cosigned_message` can hold, in bytes.
const MAX_NAME: usize = 255;
/// A timestamp must not exceed this (tlog-cosignature, Format).
const MAX_TIME: u64 = i64::MAX.unsigned_abs();

/// A signature type of the signed-note registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// 0x01: Ed25519 over the note's text.
    Ed25519,
    /// 0x04: Ed25519 over a checkpoint and the time at which it was seen.
    CosignatureEd25519,
    /// 0x06: ML-DSA-44 over a checkpoint and the time at which it was seen; holds against quantum computers.
    CosignatureMlDsa44,
}

impl Algorithm {
    /// All that are known.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::CosignatureEd25519, Self::CosignatureMlDsa44];

    /// Its byte in the registry.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureEd25519 => 0x04,
            Self::CosignatureMlDsa44 => 0x06,
        }
    }

    /// What reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::CosignatureEd25519 => "cosignature-ed25519",
            Self::CosignatureMlDsa44 => "cosignature-ml-dsa-44",
        }
    }

    /// Whether it is a statement with a time, as witnesses make them.
    #[must_use]
    pub const fn is_cosignature(self) -> bool {
        !matches!(self, Self::Ed25519)
    }

    /// Whether a log may sign its checkpoints with it (tlog-checkpoint, Signatures).
    #[must_use]
    pub const fn is_for_logs(self) -> bool {
        matches!(self, Self::Ed25519 | Self::CosignatureMlDsa44)
    }

    pub(crate) fn from_byte(what: &'static str, byte: u8) -> Result<Self, LedgerError> {
        let problem = match byte {
            0x01 => return Ok(Self::Ed25519),
            0x04 => return Ok(Self::CosignatureEd25519),
            0x06 => return Ok(Self::CosignatureMlDsa44),
            0x02 => "its algorithm is ECDSA (0x02), which is not known here",
            0x05 => "its algorithm is that of RFC 6962 tree heads (0x05), which is not known here",
            0x03 | 0xfa..=0xfe => "its algorithm byte is reserved",
            0xff => "its algorithm has no assigned byte (0xff), and is not known here",
            _ => "its algorithm byte is not assigned; known are 0x01, 0x04 (Ed25519) and 0x06 (ML-DSA-44)",
        };
        Err(LedgerError::malformed(what, problem))
    }
}

/// A public key's own part.
#[derive(Clone)]
pub(crate) enum Public {
    Ed25519(ed25519_dalek::VerifyingKey),
    MlDsa44(Box<ml_dsa::VerifyingKey<MlDsa44>>),
}

impl Public {
    pub(crate) fn read(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, &'static str> {
        match algorithm {
            Algorithm::Ed25519 | Algorithm::CosignatureEd25519 => {
                let bytes = bytes.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
                    .map_err(|_| "it is no point on the curve")?;
                if key.is_weak() { Err("it is a weak key") } else { Ok(Self::Ed25519(key)) }
            }
            Algorithm::CosignatureMlDsa44 => {
                let bytes = bytes.try_into().map_err(|_| "an ML-DSA-44 key has 1312 bytes")?;
                Ok(Self::MlDsa44(Box::new(ml_dsa::VerifyingKey::decode(bytes))))
            }
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.as_bytes().to_vec(),
            Self::MlDsa44(key) => key.to_bytes().to_vec(),
        }
    }

    /// The time that the signature states (`None` for a plain one), if it holds over the text.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        name: &str,
        text: &str,
        signature: &[u8],
    ) -> Option<Option<u64>> {
        let (time, signature) = if algorithm.is_cosignature() {
            let (time, rest) = signature.split_first_chunk::<8>()?;
            (Some(u64::from_be_bytes(*time)).filter(|t| *t <= MAX_TIME)?, rest)
        } else {
            (0, signature)
        };
        let message = message(algorithm, name, text, time)?;
        match self {
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
                key.verify_strict(&message, &signature).ok()?;
            }
            Self::MlDsa44(key) => {
                let signature = ml_dsa::Signature::<MlDsa44>::try_from(signature).ok()?;
                key.verify(&message, &signature).ok()?;
            }
        }
        Some(algorithm.is_cosignature().then_some(time))
    }
}

/// A private key's own part: wiped on drop.
pub(crate) enum Private {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<MlDsa44>>),
}

impl Private {
    /// Every known algorithm makes its keys from 32 bytes.
    pub(crate) fn from_seed(algorithm: Algorithm, seed: &[u8; 32]) -> Self {
        match algorithm {
            Algorithm::Ed25519 | Algorithm::CosignatureEd25519 => {
                Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            Algorithm::CosignatureMlDsa44 => {
                Self::MlDsa44(Box::new(ml_dsa::SigningKey::from_seed(&(*seed).into())))
            }
        }
    }

    pub(crate) fn seed(&self) -> Zeroizing<[u8; 32]> {
        match self {
            Self::Ed25519(key) => Zeroizing::new(key.to_bytes()),
            Self::MlDsa44(key) => Zeroizing::new(key.to_seed().into()),
        }
    }

    pub(crate) fn public(&self) -> Public {
        match self {
            Self::Ed25519(key) => Public::Ed25519(key.verifying_key()),
            Self::MlDsa44(key) => Public::MlDsa44(Box::new(key.verifying_key())),
        }
    }

    /// The signature's bytes, with the time before them where the algorithm states one. `None` when the text is
    /// nothing that the algorithm can sign.
    pub(crate) fn sign(&self, algorithm: Algorithm, name: &str, text: &str, time: u64) -> Option<Vec<u8>> {
        let message = message(algorithm, name, text, Some(time).filter(|t| *t <= MAX_TIME)?)?;
        let mut out = if algorithm.is_cosignature() { time.to_be_bytes().to_vec() } else { Vec::new() };
        match self {
            Self::Ed25519(key) => out.extend_from_slice(&key.sign(&message).to_bytes()),
            Self::MlDsa44(key) => {
                let signature: ml_dsa::Signature<MlDsa44> = key.try_sign(&message).ok()?;
                out.extend_from_slice(&signature.encode());
            }
        }
        Some(out)
    }
}

/// What is signed. `None` for a text that is no checkpoint where only checkpoints are signed.
fn message(algorithm: Algorithm, name: &str, text: &str, time: u64) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::Ed25519 => Some(text.as_bytes().to_vec()),
        Algorithm::CosignatureEd25519 => {
            Checkpoint::parse(text)?;
            Some(format!("cosignature/v1\ntime {time}\n{text}").into_bytes())
        }
        Algorithm::CosignatureMlDsa44 => {
            let head = Checkpoint::parse(text)?;
            let mut out = b"subtree/v1\n\0".to_vec();
            let short = |out: &mut Vec<u8>, text: &str| {
                let length = u8::try_from(text.len()).ok().filter(|n| *n > 0 && text.len() <= MAX_NAME)?;
                out.push(length);
                out.extend_from_slice(text.as_bytes());
                Some(())
            };
            short(&mut out, name)?;
            out.extend_from_slice(&time.to_be_bytes());
            short(&mut out, &head.origin)?;
            out.extend_from_slice(&0_u64.to_be_bytes());
            out.extend_from_slice(&head.size.to_be_bytes());
            out.extend_from_slice(&head.root);
            Some(out)
        }
    }
}
