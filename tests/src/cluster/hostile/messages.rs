//! Messages of agreement that no correct validator writes, with good signatures.
use crate::sim::byzantine::wire;
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{Encodable, Header};
use bytes::Bytes;
use pervade_consensus::{
    ChainIdentity, Secp256k1Signer, SignedProposal, SignedVote, Signer, VoteKind,
    signing::{consensus_address, digest},
};
use pervade_storage::Block;
use rand::{Rng, RngCore, rngs::StdRng};

/// Rounds that votes are for: nodes take them that far ahead.
const ROUNDS: u32 = 10;

/// Writes in the name of one key.
pub(super) struct Author {
    chain: ChainIdentity,
    signer: Secp256k1Signer,
    address: Address,
}

impl Author {
    /// # Errors
    /// The secret is no key.
    pub(super) fn new(chain: ChainIdentity, secret: &B256) -> eyre::Result<Self> {
        let signer = Secp256k1Signer::new(secret)?;
        let address = consensus_address(&signer.public_key()).unwrap_or_default();
        Ok(Self { chain, signer, address })
    }

    /// Name of the key in votes.
    pub(super) fn address(&self) -> Address {
        self.address
    }

    /// A vote for a block that nobody has.
    pub(super) fn vote(&self, height: u64, random: &mut StdRng) -> Bytes {
        let kind = if random.random() { VoteKind::Prevote } else { VoteKind::Precommit };
        let (round, block_hash) = (random.random_range(0..ROUNDS), hash(random));
        let signature = self.signer.sign(digest(&self.chain.vote_bytes(kind, height, round, block_hash)));
        let validator = self.address;
        wire::vote_message(&SignedVote { kind, height, round, block_hash, validator, signature })
    }

    /// A block that does not follow from its parent, proposed: the proposal, and its only part.
    pub(super) fn block(&self, height: u64, round: u32, parent: B256, random: &mut StdRng) -> [Bytes; 2] {
        let mut block = Block::default();
        (block.header.number, block.header.parent_hash, block.header.state_root) = (height, parent, hash(random));
        let mut body = Vec::new();
        block.encode(&mut body);
        let block_hash = block.header.hash_slow();
        let signature = self.signer.sign(digest(&self.chain.proposal_bytes(height, round, None, block_hash)));
        let proposer = self.address;
        let proposal = SignedProposal { height, round, polka_round: None, block_hash, proposer, signature };
        [wire::proposal_message(&proposal), self.part(height, round, block_hash, &body)]
    }

    /// The only part of a body, as `consensus` draws it: `[height, round, blockHash, root, bytes, signature, index, [], data]`.
    fn part(&self, height: u64, round: u32, block_hash: B256, body: &[u8]) -> Bytes {
        let root = keccak256([&[0], body].concat());
        let length = body.len() as u32;
        let signature = self.signer.sign(digest(&self.chain.parts_bytes(height, round, block_hash, root, length)));
        let fields: [&dyn Encodable; 9] =
            [&height, &round, &block_hash, &root, &length, &signature, &0u32, &Vec::<B256>::new(), &body];
        let mut payload = Vec::new();
        fields.iter().for_each(|field| field.encode(&mut payload));
        let mut bytes = vec![1, wire::PART, 0, 0];
        Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
        bytes.extend(payload);
        bytes.into()
    }
}

fn hash(random: &mut StdRng) -> B256 {
    let mut bytes = [0; 32];
    random.fill_bytes(&mut bytes);
    bytes.into()
}
