//! [`GasMeter`]: lets a call's gas pay for the checks of the evidence crate.
use super::{Frame, PrecompileError, prices};
use pervade_evidence::{EvidenceError, Exhausted, KeyType, Meter, Work};

/// SHA-256, before the words (Yellow Paper, precompile 0x02).
const HASH_GAS: u64 = 60;
/// SHA-256, a word.
const HASH_WORD_GAS: u64 = 12;
/// Decoding CBOR or Protocol Buffers, a word: as many as 32 items, each of which becomes a value of its own in memory.
const DECODE_WORD_GAS: u64 = 160;

/// Charges a frame for work.
pub struct GasMeter<'f, 'a>(pub &'f mut Frame<'a>);

impl Meter for GasMeter<'_, '_> {
    fn spend(&mut self, work: Work) -> Result<(), Exhausted> {
        let gas = match work {
            Work::Hash { bytes } => HASH_GAS.saturating_add(prices::words(bytes).saturating_mul(HASH_WORD_GAS)),
            Work::Decode { bytes } => prices::words(bytes).saturating_mul(DECODE_WORD_GAS),
            Work::Key => prices::KEY_GAS,
            Work::Signature(KeyType::Secp256k1) => prices::SECP256K1_GAS,
            Work::Signature(KeyType::P256) => prices::P256_GAS,
            Work::Signature(KeyType::Ed25519) => prices::ED25519_GAS,
        };
        self.0.charge(gas).map_err(|_| Exhausted)
    }
}

/// Whether a check succeeded.
///
/// # Errors
/// The gas did not suffice for it.
pub fn holds<T>(checked: Result<T, EvidenceError>) -> Result<Option<T>, PrecompileError> {
    match checked {
        Ok(value) => Ok(Some(value)),
        Err(EvidenceError::Exhausted(_)) => Err(PrecompileError::OutOfGas),
        Err(_) => Ok(None),
    }
}
