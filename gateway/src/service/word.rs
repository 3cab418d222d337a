//! [`Word`]: what one gateway says about a request, as gateways tell each other.
//!
//! ```text
//! offset  bytes
//! 0       1      version, 1
//! 1       32     request id
//! 33      4      attempt
//! 37      2      failure code; 0 for a result
//! 39      8      time of the observation, unix milliseconds
//! 47      65     signature of the EIP-712 struct Answer: r, s, v (27 or 28)
//! 112     n      result; for Median abi.encode(int256, int8)
//! ```
//! Numbers are big-endian. Who signed follows from the signature.
use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use pervade_chainspec::params::PAYLOAD_BYTES_MAX;
use pervade_evm_ext::things::{Answer, SignedAnswer, digest};

const VERSION: u8 = 1;
const SIGNATURE_BYTES: usize = 65;
/// All before the result.
const HEAD_BYTES: usize = 1 + 32 + 4 + 2 + 8 + SIGNATURE_BYTES;

/// What one gateway says about a request, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The request.
    pub request: U256,
    /// The attempt that it comes of, from 1.
    pub attempt: u32,
    /// Failure code; 0 for a result.
    pub code: u16,
    /// The result; empty for a failure.
    pub result: Bytes,
    /// When it was observed, unix milliseconds.
    pub observed_at_ms: u64,
    /// Of the EIP-712 struct `Answer`: r, s, v.
    pub signature: Bytes,
}

impl Word {
    /// Signs. `None` if the key cannot, which a key in memory always can.
    pub(crate) fn sign(
        key: &PrivateKeySigner,
        chain_id: u64,
        (request, attempt): (U256, u32),
        (code, result): (u16, Bytes),
        observed_at_ms: u64,
    ) -> Option<Self> {
        let mut word = Self { request, attempt, code, result, observed_at_ms, signature: Bytes::new() };
        let signature = key.sign_hash_sync(&word.digest(chain_id)).ok()?;
        word.signature = signature.as_bytes().to_vec().into();
        Some(word)
    }

    /// Reads a message; `None` if it is none.
    pub fn decode(message: &[u8]) -> Option<Self> {
        if message.len() > HEAD_BYTES.saturating_add(PAYLOAD_BYTES_MAX) {
            return None;
        }
        let mut rest = message;
        let mut take = |bytes: usize| -> Option<&[u8]> {
            let (part, others) = rest.split_at_checked(bytes)?;
            rest = others;
            Some(part)
        };
        if take(1)? != [VERSION] {
            return None;
        }
        let request = U256::from_be_slice(take(32)?);
        let attempt = u32::from_be_bytes(take(4)?.try_into().ok()?);
        let code = u16::from_be_bytes(take(2)?.try_into().ok()?);
        let observed_at_ms = u64::from_be_bytes(take(8)?.try_into().ok()?);
        let signature = Bytes::copy_from_slice(take(SIGNATURE_BYTES)?);
        let result = Bytes::copy_from_slice(rest);
        let is_sound = code == 0 || result.is_empty();
        is_sound.then_some(Self { request, attempt, code, result, observed_at_ms, signature })
    }

    /// The message.
    pub fn encode(&self) -> Bytes {
        let mut message = Vec::with_capacity(HEAD_BYTES.saturating_add(self.result.len()));
        message.push(VERSION);
        message.extend_from_slice(&self.request.to_be_bytes::<32>());
        message.extend_from_slice(&self.attempt.to_be_bytes());
        message.extend_from_slice(&self.code.to_be_bytes());
        message.extend_from_slice(&self.observed_at_ms.to_be_bytes());
        message.extend_from_slice(&self.signature);
        message.extend_from_slice(&self.result);
        message.into()
    }

    /// What is signed, on a chain.
    pub fn digest(&self, chain_id: u64) -> B256 {
        let signed = Answer {
            requestId: self.request,
            attempt: self.attempt,
            code: self.code,
            resultHash: self.result_hash(),
            observedAtMs: self.observed_at_ms,
        };
        digest(&signed, chain_id)
    }

    /// keccak256 of the result.
    pub fn result_hash(&self) -> B256 {
        keccak256(&self.result)
    }

    /// The account that signed it on a chain; `None` if nobody did. Other forms of one signature are refused (EIP-2).
    pub fn signer(&self, chain_id: u64) -> Option<Address> {
        let signature = Signature::from_raw(&self.signature).ok()?;
        if signature.normalize_s().is_some() {
            return None;
        }
        signature.recover_address_from_prehash(&self.digest(chain_id)).ok()
    }

    /// As it stands in the proof of a report; the result only where the chain cannot know it otherwise.
    pub(crate) fn in_proof(&self, with_result: bool) -> SignedAnswer {
        SignedAnswer {
            attempt: self.attempt,
            code: self.code,
            result: if with_result { self.result.clone() } else { Bytes::new() },
            resultHash: self.result_hash(),
            observedAtMs: self.observed_at_ms,
            signature: self.signature.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn key() -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap()
    }

    fn word(result: &[u8]) -> Word {
        Word::sign(&key(), 1337, (U256::from(5), 2), (0, Bytes::copy_from_slice(result)), 1_700_000_000_123).unwrap()
    }

    #[test]
    fn the_bytes_are_as_drawn() {
        let message = word(b"42").encode();
        let head = "01\
            0000000000000000000000000000000000000000000000000000000000000005\
            00000002\
            0000\
            0000018bcfe5687b";
        assert_eq!(hex::encode(&message[..47]), head);
        assert_eq!(&message[112..], b"42");
        assert!(matches!(message[111], 27 | 28));
    }

    #[test]
    fn a_word_is_read_back_and_says_who_signed_it_on_which_chain() {
        let word = word(b"42");
        let read = Word::decode(&word.encode()).unwrap();
        assert_eq!(read, word);
        assert_eq!(read.signer(1337), Some(key().address()));
        assert_ne!(read.signer(1338), Some(key().address()));
        let other = Word { attempt: 3, ..read };
        assert_ne!(other.signer(1337), Some(key().address()));
    }

    #[test]
    fn results_are_taken_at_the_limit_and_refused_one_past_it() {
        let encoded = |bytes: usize| word(&vec![1; bytes]).encode();
        assert!(Word::decode(&encoded(PAYLOAD_BYTES_MAX)).is_some());
        assert!(Word::decode(&encoded(PAYLOAD_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn what_is_no_word_is_refused() {
        let message = word(b"42").encode();
        for end in 0..HEAD_BYTES {
            assert!(Word::decode(&message[..end]).is_none(), "{end} bytes");
        }
        let mut failed_with_result = message.to_vec();
        failed_with_result[38] = 1;
        assert!(Word::decode(&failed_with_result).is_none());
        let mut other_version = message.to_vec();
        other_version[0] = 2;
        assert!(Word::decode(&other_version).is_none());
    }
}
