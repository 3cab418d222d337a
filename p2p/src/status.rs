//! What peers tell each other about their chain, at the handshake and whenever their head moves.
//!
//! ```text
//! offset  bytes  status, version 1, integers big-endian
//!      0      1  version, 1
//!      1      8  chain id
//!      9     32  hash of the genesis block
//!     41      4  fork hash (EIP-2124: CRC-32 over genesis hash and passed forks)
//!     45      8  next fork, block number or Unix time; 0 if none is known
//!     53      8  number of the head
//!     61     32  hash of the head
//!     93      8  Unix time of the head, seconds
//!    101      8  number of the oldest block that the peer can serve with its certificate
//!    109      n  of later versions; ignored
//!
//! offset  bytes  answer
//!      0      1  0: welcome; 1: other chain id; 2: other genesis; 3: other forks
//!      1      n  status of the answering peer
//! ```
use crate::limits;
use alloy_eips::eip2124::{ForkHash, ForkId};
use alloy_primitives::B256;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Version of the status message.
pub const STATUS_VERSION: u8 = 1;
/// Bytes of a status of version 1.
pub const STATUS_BYTES: usize = 109;

/// A node's newest block, and what it can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Number of the newest decided block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time, Unix seconds.
    pub timestamp: u64,
    /// Number of the oldest block that the node can serve with its certificate.
    pub earliest: u64,
}

/// What a node says of itself. A claim: nothing in it is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Chain id.
    pub chain_id: u64,
    /// Hash of the genesis block.
    pub genesis_hash: B256,
    /// The forks it has passed and the next one (EIP-2124).
    pub fork_id: ForkId,
    /// Its newest block.
    pub head: Head,
}

impl Status {
    /// The bytes of the drawing above.
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(STATUS_BYTES);
        self.encode_to(&mut bytes);
        bytes.freeze()
    }

    fn encode_to(&self, bytes: &mut BytesMut) {
        bytes.put_u8(STATUS_VERSION);
        bytes.put_u64(self.chain_id);
        bytes.put_slice(self.genesis_hash.as_slice());
        bytes.put_slice(&self.fork_id.hash.0);
        bytes.put_u64(self.fork_id.next);
        bytes.put_u64(self.head.number);
        bytes.put_slice(self.head.hash.as_slice());
        bytes.put_u64(self.head.timestamp);
        bytes.put_u64(self.head.earliest);
    }

    /// Reads the bytes of the drawing above; `None` if they are not such.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < STATUS_BYTES || bytes.len() > limits::STATUS_BYTES_MAX || bytes.get_u8() < STATUS_VERSION {
            return None;
        }
        let hash = |bytes: &mut &[u8]| {
            let mut hash = B256::ZERO;
            bytes.copy_to_slice(hash.as_mut_slice());
            hash
        };
        let chain_id = bytes.get_u64();
        let genesis_hash = hash(&mut bytes);
        let mut fork_hash = [0; 4];
        bytes.copy_to_slice(&mut fork_hash);
        let fork_id = ForkId { hash: ForkHash(fork_hash), next: bytes.get_u64() };
        let number = bytes.get_u64();
        let head_hash = hash(&mut bytes);
        let head = Head { number, hash: head_hash, timestamp: bytes.get_u64(), earliest: bytes.get_u64() };
        Some(Self { chain_id, genesis_hash, fork_id, head })
    }
}

/// How a node answers another's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Welcome {
    Welcome,
    OtherChainId,
    OtherGenesis,
    OtherForks,
}

impl Welcome {
    const ALL: [Self; 4] = [Self::Welcome, Self::OtherChainId, Self::OtherGenesis, Self::OtherForks];

    /// For logs.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::OtherChainId => "another chain id",
            Self::OtherGenesis => "another genesis block",
            Self::OtherForks => "another fork schedule: one of the two needs an upgrade or another genesis file",
        }
    }
}

/// An answer to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) welcome: Welcome,
    pub(crate) status: Status,
}

impl Answer {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(STATUS_BYTES.saturating_add(1));
        let code = Welcome::ALL.iter().position(|welcome| *welcome == self.welcome).unwrap_or_default();
        bytes.put_u8(u8::try_from(code).unwrap_or_default());
        self.status.encode_to(&mut bytes);
        bytes.freeze()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (code, status) = bytes.split_first()?;
        Some(Self { welcome: *Welcome::ALL.get(usize::from(*code))?, status: Status::decode(status)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, hex};

    fn status() -> Status {
        Status {
            chain_id: 0x0102,
            genesis_hash: B256::repeat_byte(0xaa),
            fork_id: ForkId { hash: ForkHash([0xde, 0xad, 0xbe, 0xef]), next: 9 },
            head: Head { number: 7, hash: B256::repeat_byte(0xbb), timestamp: 1_700_000_000, earliest: 3 },
        }
    }

    #[test]
    fn the_status_has_its_golden_bytes() {
        let golden = hex!(
            "01" "0000000000000102"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "deadbeef" "0000000000000009" "0000000000000007"
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
            "000000006553f100" "0000000000000003"
        );
        assert_eq!(status().encode()[..], golden);
        assert_eq!(golden.len(), STATUS_BYTES);
        assert_eq!(Status::decode(&golden), Some(status()));
    }

    #[test]
    fn an_answer_is_its_code_and_the_status() {
        for (code, welcome) in Welcome::ALL.into_iter().enumerate() {
            let bytes = Answer { welcome, status: status() }.encode();
            assert_eq!(usize::from(bytes[0]), code);
            assert_eq!(bytes[1..], status().encode());
            assert_eq!(Answer::decode(&bytes), Some(Answer { welcome, status: status() }));
        }
        let mut bytes = Answer { welcome: Welcome::Welcome, status: status() }.encode().to_vec();
        bytes[0] = 4;
        assert_eq!(Answer::decode(&bytes), None);
    }

    #[test]
    fn a_short_status_is_refused_and_a_longer_one_of_a_later_version_is_read() {
        let bytes = status().encode();
        for length in 0..bytes.len() {
            assert_eq!(Status::decode(&bytes[..length]), None, "{length} bytes");
        }
        let mut later = bytes.to_vec();
        later[0] = 2;
        later.resize(limits::STATUS_BYTES_MAX, 0xff);
        assert_eq!(Status::decode(&later), Some(status()));
        later.push(0);
        assert_eq!(Status::decode(&later), None);
        later[0] = 0;
        assert_eq!(Status::decode(&later[..STATUS_BYTES]), None);
    }
}
