//! Poses as another validator's node, and remembers what the one under test signs.
use crate::sim::byzantine::wire;
use alloy_primitives::{Address, B256};
use parking_lot::Mutex;
use pervade_chainspec::ChainSpec;
use pervade_consensus::{SignedProposal, SignedStep, SignedVote, VoteKind};
use pervade_p2p::{ChainIdentity, Head, NetworkConfig, NetworkEvent, NetworkHandle, Verdict};
use std::{collections::BTreeMap, net::Ipv4Addr, path::Path, sync::Arc};

/// What was signed at a place: the block, and for a proposal the round of the polka that it refers to.
pub(super) type Signed = BTreeMap<(u64, u32, SignedStep), (B256, Option<u32>)>;

/// A node that only listens.
pub(super) struct Spy {
    _network: NetworkHandle,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    signed: Signed,
    /// Two things signed at one place.
    second: Option<String>,
}

impl Spy {
    /// Listens on the port and with the identity of the node whose key this is. `validator` is the consensus address that
    /// is spied upon.
    pub(super) fn start(
        spec: &ChainSpec,
        nodekey: &Path,
        port: u16,
        head: Head,
        validator: Address,
    ) -> eyre::Result<Self> {
        let config = NetworkConfig {
            addr: Ipv4Addr::LOCALHOST.into(),
            port,
            discovery: false,
            ..NetworkConfig::new(nodekey.to_owned())
        };
        let (network, mut events) = pervade_p2p::start(config, ChainIdentity::new(spec), head)?;
        let heard = Arc::<Mutex<Heard>>::default();
        let (handle, ours) = (network.clone(), heard.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let NetworkEvent::Message(message) = event {
                    if let Some((place, what)) = signature(&message.data, validator) {
                        ours.lock().note(place, what);
                    }
                    handle.validate(message.token, Verdict::Accept);
                }
            }
        });
        Ok(Self { _network: network, heard })
    }

    /// Another copy of the validator comes: what it signs has nothing to do with what the last one did.
    pub(super) fn forget(&self) {
        *self.heard.lock() = Heard::default();
    }

    pub(super) fn has_heard(&self) -> bool {
        !self.heard.lock().signed.is_empty()
    }

    /// A signature that contradicts another, or one that was given `before`.
    pub(super) fn second_signature(&self, before: &Signed) -> Option<String> {
        let heard = self.heard.lock();
        let contradicts = |(place, what): (&_, &_)| {
            let earlier = before.get(place).filter(|earlier| *earlier != what)?;
            Some(format!("at {place:?} {what:?} after {earlier:?}"))
        };
        heard.second.clone().or_else(|| heard.signed.iter().find_map(contradicts))
    }
}

impl Heard {
    fn note(&mut self, place: (u64, u32, SignedStep), what: (B256, Option<u32>)) {
        let first = *self.signed.entry(place).or_insert(what);
        if first != what {
            self.second = Some(format!("at {place:?} {first:?} and {what:?}"));
        }
    }
}

/// Height, round and step.
type Place = (u64, u32, SignedStep);
/// Block, and the earlier round that a proposal refers to.
type Content = (B256, Option<u32>);

/// Place and content of a signature by `validator` in a message of agreement.
fn signature(message: &[u8], validator: Address) -> Option<(Place, Content)> {
    let vote = wire::vote(message).filter(|vote| vote.validator == validator).map(|vote| of_vote(&vote));
    let proposal = || wire::proposal(message).filter(|proposal| proposal.proposer == validator);
    vote.or_else(|| proposal().map(|proposal| of_proposal(&proposal)))
}

/// Place and content of a vote.
pub(super) fn of_vote(vote: &SignedVote) -> (Place, Content) {
    let step = match vote.kind {
        VoteKind::Prevote => SignedStep::Prevote,
        VoteKind::Precommit => SignedStep::Precommit,
    };
    ((vote.height, vote.round, step), (vote.block_hash, None))
}

/// Place and content of a proposal.
pub(super) fn of_proposal(proposal: &SignedProposal) -> (Place, Content) {
    ((proposal.height, proposal.round, SignedStep::Proposal), (proposal.block_hash, proposal.polka_round))
}
