//! [`Meter`]: permission for work, asked for before it is done.
use crate::KeyType;

/// Work that is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Hashing this many bytes, by whichever function.
    Hash {
        /// Bytes.
        bytes: usize,
    },
    /// Decoding this many bytes into memory.
    Decode {
        /// Bytes.
        bytes: usize,
    },
    /// Decoding one key into a point of its curve.
    Key,
    /// Checking one signature, decoding of its key included.
    Signature(KeyType),
}

/// Who pays for work.
pub trait Meter {
    /// Pays, or refuses.
    ///
    /// # Errors
    /// [`Exhausted`] if it cannot be paid; then it is not done.
    fn spend(&mut self, work: Work) -> Result<(), Exhausted>;
}

/// What pays for work is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing left to pay for the work")]
pub struct Exhausted;

/// Counts, and never refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Words of 32 bytes hashed, each piece rounded up.
    pub hashed_words: u64,
    /// Words of 32 bytes decoded, each piece rounded up.
    pub decoded_words: u64,
    /// Keys decoded.
    pub keys: u64,
    /// Signatures over secp256k1.
    pub secp256k1: u64,
    /// Signatures over P-256.
    pub p256: u64,
    /// Signatures over edwards25519.
    pub ed25519: u64,
}

impl Meter for Tally {
    fn spend(&mut self, work: Work) -> Result<(), Exhausted> {
        let (counter, more) = match work {
            Work::Hash { bytes } => (&mut self.hashed_words, words(bytes)),
            Work::Decode { bytes } => (&mut self.decoded_words, words(bytes)),
            Work::Key => (&mut self.keys, 1),
            Work::Signature(KeyType::Secp256k1) => (&mut self.secp256k1, 1),
            Work::Signature(KeyType::P256) => (&mut self.p256, 1),
            Work::Signature(KeyType::Ed25519) => (&mut self.ed25519, 1),
        };
        *counter = counter.saturating_add(more);
        Ok(())
    }
}

fn words(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(32)).unwrap_or(u64::MAX)
}
