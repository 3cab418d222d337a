//! Gas by kind of work. Slots, logs and accounts cost what the EVM's instructions charge; this is the rest.
use super::{Frame, PrecompileError};

/// A call, whatever comes of it: finding the function, decoding, encoding, and the bookkeeping of the journal, two
/// microseconds that no other price pays for. Three times a warm account (EIP-2929).
pub const CALL_GAS: u64 = 300;
/// Decoding or encoding a word of ABI data: a copy and a check, twice what `CALLDATACOPY` takes.
pub const ABI_WORD_GAS: u64 = 6;
/// Keccak-256, before the words (Yellow Paper, G_keccak256).
pub const KECCAK_GAS: u64 = 30;
/// Keccak-256, a word (Yellow Paper, G_keccak256word).
pub const KECCAK_WORD_GAS: u64 = 6;
/// Checking a secp256k1 signature, as the precompile at 0x01.
pub const SECP256K1_GAS: u64 = 3_000;
/// Checking a P-256 signature, as the precompile at 0x100 (EIP-7951).
pub const P256_GAS: u64 = 6_900;
/// Checking an Ed25519 signature.
pub const ED25519_GAS: u64 = 4_000;
/// Decoding a key, which may mean a square root: half of the dearest signature check.
pub const KEY_GAS: u64 = P256_GAS / 2;
/// Reading content by its hash, before the words: one lookup, as a cold slot (EIP-2929).
pub const CONTENT_READ_GAS: u64 = 2_100;
/// Reading content, a word.
pub const CONTENT_READ_WORD_GAS: u64 = 8;
/// Keeping content, a word: disk on every node, under a tenth of a slot's price because nothing in the trie grows.
pub const CONTENT_WRITE_WORD_GAS: u64 = 2_000;
/// Sending value (Yellow Paper, G_callvalue).
pub const TRANSFER_GAS: u64 = 9_000;
/// Sending value to an account that does not exist (Yellow Paper, G_newaccount).
pub const NEW_ACCOUNT_GAS: u64 = 25_000;
/// Bytes of an EVM word.
pub const WORD_BYTES: u64 = 32;

/// Words that so many bytes take, rounded up.
pub fn words(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(WORD_BYTES)
}

impl Frame<'_> {
    /// Charges a price for each word of so many bytes.
    pub fn charge_words(&mut self, bytes: usize, gas_per_word: u64) -> Result<(), PrecompileError> {
        self.charge(words(bytes).saturating_mul(gas_per_word))
    }

    /// Keccak-256, charged as the instruction is.
    pub fn keccak(&mut self, bytes: &[u8]) -> Result<alloy_primitives::B256, PrecompileError> {
        self.charge(KECCAK_GAS)?;
        self.charge_words(bytes.len(), KECCAK_WORD_GAS)?;
        Ok(alloy_primitives::keccak256(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_up() {
        assert_eq!([0, 1, 32, 33].map(words), [0, 1, 1, 2]);
    }
}
