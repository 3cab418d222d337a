//! What hostile peers do. Each attack goes on until it has done all it wants, or is dropped.
use super::{
    messages::Author,
    stranger::{Outcome, Stranger, frame, status},
};
use crate::{cluster::network::block, harness::Rpc};
use alloy_primitives::B256;
use eyre::eyre;
use pervade_chainspec::ChainSpec;
use pervade_consensus::{ChainIdentity, ValidatorSet};
use pervade_p2p::{Head, Multiaddr, NetworkConfig, NetworkHandle, PeerId, Topic};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// Invalid blocks and votes of one attack.
pub(super) const MESSAGES: u64 = 10_000;
/// Of them so many at a time, then the height is looked at again.
const BURST: u64 = 250;
/// Connections at the same time.
const CONNECTIONS: usize = 500;
/// Blocks proposed in one turn: more than a node keeps.
const BLOCKS_PER_TURN: usize = 12;
/// Identities that strangers have at a time.
const STRANGERS: usize = 4;
/// Bytes that one frame of gossip may not have: twice the limit.
const OVERSIZED_BYTES: usize = 1 << 20;
/// Pause where nothing can be done.
const PAUSE: Duration = Duration::from_millis(20);

/// What is attacked.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) spec: Arc<ChainSpec>,
    /// Addresses in the network between nodes of those that run.
    pub(super) peers: Vec<Multiaddr>,
    /// JSON-RPC of one of them.
    pub(super) url: String,
    /// Folder of the validator whose keys were stolen; it does not run.
    pub(super) stolen: PathBuf,
    /// Its consensus key.
    pub(super) stolen_key: B256,
    /// For identities.
    pub(super) scratch: PathBuf,
    pub(super) seed: u64,
    /// Things done: messages, streams, connections.
    pub(super) done: Arc<AtomicU64>,
}

impl Target {
    fn random(&self, salt: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_add(salt))
    }

    fn chain(&self) -> ChainIdentity {
        ChainIdentity { chain_id: self.spec.chain_id(), genesis_hash: self.spec.genesis_hash() }
    }

    fn count(&self, things: u64) {
        self.done.fetch_add(things, Ordering::Relaxed);
    }

    /// The height that is decided now, and the hash of the head.
    async fn height(&self, node: &Rpc) -> Option<(u64, B256)> {
        let height = crate::cluster::network::height(node).await.ok()?;
        let head = block(node, height).await.ok()?;
        Some((height + 1, head["hash"].as_str()?.parse().ok()?))
    }

    /// Takes part in the network with the product's own code, and the identity in a file.
    fn join(&self, nodekey: &Path) -> eyre::Result<NetworkHandle> {
        let config = NetworkConfig {
            addr: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            trusted_peers: self.peers.clone(),
            discovery: false,
            ..NetworkConfig::new(nodekey.to_owned())
        };
        let identity = pervade_p2p::ChainIdentity::new(&self.spec);
        let (network, mut events) = pervade_p2p::start(config, identity, Head::default())?;
        // Listens to nothing.
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        Ok(network)
    }
}

/// A validator's keys in the wrong hands: votes for blocks that nobody has, and at its turn blocks that do not follow.
pub(super) async fn stolen_keys(target: Target) -> eyre::Result<()> {
    let author = Author::new(target.chain(), &target.stolen_key)?;
    let (network, node, mut random) =
        (target.join(&target.stolen.join("nodekey"))?, Rpc::new(&target.url), target.random(1));
    let members = target.spec.pervade().map(|pervade| pervade.validators.clone()).unwrap_or_default();
    let set = ValidatorSet::new(&members)?;
    let mut sent = 0;
    while sent < MESSAGES {
        let Some((height, parent)) = target.height(&node).await else { continue };
        if set.proposer(height, 0).address == author.address() {
            for _ in 0..BLOCKS_PER_TURN {
                let [proposal, part] = author.block(height, 0, parent, &mut random);
                sent += publish(&target, &network, Topic::Consensus, proposal).await;
                sent += publish(&target, &network, Topic::BlockParts, part).await;
            }
        }
        for _ in 0..BURST {
            let vote = author.vote(height, &mut random);
            sent += publish(&target, &network, Topic::Consensus, vote).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    network.shutdown().await;
    Ok(())
}

/// Strangers with keys of their own, a new one whenever nobody listens any more.
pub(super) async fn strangers(target: Target) -> eyre::Result<()> {
    let mut all = JoinSet::new();
    for index in 0..STRANGERS {
        all.spawn(stranger_that_votes(target.clone(), index));
    }
    while let Some(ended) = all.join_next().await {
        ended??;
    }
    Ok(())
}

async fn stranger_that_votes(target: Target, index: usize) -> eyre::Result<()> {
    let (node, mut random) = (Rpc::new(&target.url), target.random(100 + index as u64));
    let wanted = MESSAGES / STRANGERS as u64;
    let mut sent = 0;
    for identity in 0_u64.. {
        let mut secret = B256::ZERO;
        random.fill_bytes(&mut secret[1..]);
        let author = Author::new(target.chain(), &secret)?;
        let network = target.join(&target.scratch.join(format!("stranger-{index}-{identity}")))?;
        for _ in 0..100 {
            if network.peer_count() > 0 {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        while network.peer_count() > 0 && sent < wanted {
            let Some((height, parent)) = target.height(&node).await else { continue };
            for _ in 0..BURST {
                let vote = author.vote(height, &mut random);
                sent += publish(&target, &network, Topic::Consensus, vote).await;
            }
            for _ in 0..BLOCKS_PER_TURN {
                let [proposal, part] = author.block(height, 0, parent, &mut random);
                sent += publish(&target, &network, Topic::Consensus, proposal).await;
                sent += publish(&target, &network, Topic::BlockParts, part).await;
            }
        }
        network.shutdown().await;
        if sent >= wanted {
            break;
        }
    }
    Ok(())
}

/// 1 if the message is on its way.
async fn publish(target: &Target, network: &NetworkHandle, topic: Topic, message: bytes::Bytes) -> u64 {
    let sent = u64::from(network.publish(topic, message).await.is_ok());
    target.count(sent);
    sent
}

/// Protocols of a node, byte by byte on the wire.
const PROTOCOLS: [&str; 8] = [
    "/meshsub/1.2.0",
    "/meshsub/1.1.0",
    "/meshsub/1.0.0",
    "/pervade/peers/1",
    "/pervade/sync/1",
    "/pervade/content/1",
    "/ipfs/id/1.0.0",
    "/ipfs/ping/1.0.0",
];

fn stranger(target: &Target, protocol: &'static str) -> Stranger {
    Stranger::new(status(target.spec.chain_id(), target.spec.genesis_hash().0), protocol)
}

/// A stranger that shook hands with a node.
async fn shaken(
    target: &Target,
    address: &Multiaddr,
    protocol: &'static str,
) -> eyre::Result<Option<(Stranger, PeerId)>> {
    let peer = address.to_string();
    let peer = peer.rsplit('/').next().ok_or_else(|| eyre!("{address} names no peer"))?.parse()?;
    let mut stranger = stranger(target, protocol);
    if stranger.dial(address).await != Outcome::Connected {
        return Ok(None);
    }
    Ok(matches!(stranger.shake_hands(&peer).await, Outcome::Answer(_)).then_some((stranger, peer)))
}

/// Random bytes, and frames that are longer than they may be or promise to be, on every protocol of every node, for good.
pub(super) async fn garbage(target: Target) -> eyre::Result<()> {
    let mut random = target.random(2);
    for round in 0_usize.. {
        for protocol in PROTOCOLS {
            let address = &target.peers[round % target.peers.len()];
            let Ok(shaken) = tokio::time::timeout(Duration::from_secs(5), shaken(&target, address, protocol)).await
            else {
                continue;
            };
            let Some((mut stranger, peer)) = shaken? else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            for length in [1, 100, 50_000, OVERSIZED_BYTES] {
                let mut bytes = vec![0; random.random_range(1..=length)];
                random.fill_bytes(&mut bytes);
                stranger.write(&peer, frame(&bytes));
                stranger.write(&peer, bytes);
                stranger.write(&peer, vec![0xff; length]);
                target.count(3);
            }
            for _ in 0..3 {
                let outcome = tokio::time::timeout(Duration::from_secs(2), stranger.outcome()).await;
                if outcome.is_err() || outcome == Ok(Outcome::Closed) {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Hundreds of connections, each opened again as soon as it is closed.
pub(super) async fn connections(target: Target) -> eyre::Result<()> {
    let mut all = JoinSet::<()>::new();
    for index in 0..CONNECTIONS {
        let target = target.clone();
        all.spawn(async move {
            let address = target.peers[index % target.peers.len()].clone();
            loop {
                let mut stranger = stranger(&target, PROTOCOLS[0]);
                target.count(1);
                if stranger.dial(&address).await == Outcome::Connected {
                    stranger.closed().await;
                }
                tokio::time::sleep(PAUSE * 10).await;
            }
        });
    }
    all.join_next().await;
    Ok(())
}

/// Frames of gossip full of control messages, for topics that nodes have and that they have not.
pub(super) async fn control_floods(target: Target) -> eyre::Result<()> {
    let mut random = target.random(3);
    let flood = control_flood(&target.spec.genesis_hash(), &mut random);
    let mut all = JoinSet::<()>::new();
    for address in target.peers.clone() {
        let (target, flood) = (target.clone(), flood.clone());
        all.spawn(async move {
            loop {
                let shaken =
                    tokio::time::timeout(Duration::from_secs(5), shaken(&target, &address, PROTOCOLS[0])).await;
                if let Ok(Ok(Some((mut stranger, peer)))) = shaken {
                    loop {
                        stranger.write(&peer, flood.clone());
                        target.count(1);
                        let outcome = tokio::time::timeout(Duration::from_secs(2), stranger.outcome()).await;
                        if outcome == Ok(Outcome::Closed) {
                            break;
                        }
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    all.join_next().await;
    Ok(())
}

/// Frames as gossipsub draws them: `RPC { control: { ihave, iwant, graft, prune, idontwant } }`.
fn control_flood(genesis: &B256, random: &mut StdRng) -> Vec<u8> {
    const FRAMES: usize = 8;
    const CONTROL_BYTES: usize = 200_000;
    let own = format!("/pervade/{genesis:x}/consensus/1");
    let mut flood = Vec::new();
    for _ in 0..FRAMES {
        let mut control = Vec::new();
        while control.len() < CONTROL_BYTES {
            let mut id = [0; 20];
            random.fill_bytes(&mut id);
            let topic = field(1, if random.random() { own.as_bytes() } else { &id });
            control.extend(match random.random_range(0..5) {
                0 => field(1, &[topic, field(2, &id)].concat()),
                1 => field(2, &field(1, &id)),
                2 => field(3, &topic),
                3 => field(4, &topic),
                _ => field(5, &field(1, &id)),
            });
        }
        let rpc = field(3, &control);
        flood.extend(varint(rpc.len()));
        flood.extend(rpc);
    }
    flood
}

/// A protobuf field of bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&varint((usize::from(number) << 3) | 2)[..], &varint(content.len()), content].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
