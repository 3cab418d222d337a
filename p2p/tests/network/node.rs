//! Nodes on the loopback interface, and waiting for what they see.
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_p2p::{
    ChainIdentity, GossipMessage, Head, Multiaddr, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, PeerId,
    Topic, Verdict,
};
use std::{future::Future, net::Ipv4Addr, path::Path, time::Duration};
use tempfile::TempDir;

/// Nothing here takes that long unless it never happens; the machine may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(40);

pub const CHAIN_ID: u64 = 7101;
pub const GENESIS: B256 = B256::repeat_byte(7);

/// A running network with its consumer's end.
pub struct Node {
    pub handle: NetworkHandle,
    pub events: NetworkEvents,
    pub folder: TempDir,
}

/// The settings of a node in that folder: any port of the loopback interface, no discovery.
pub fn config(folder: &Path) -> NetworkConfig {
    NetworkConfig {
        addr: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        discovery: false,
        address_book: Some(folder.join("peers")),
        ..NetworkConfig::new(folder.join("nodekey"))
    }
}

pub fn chain(genesis: B256) -> ChainIdentity {
    ChainIdentity::with_forks(CHAIN_ID, genesis, 0, [])
}

impl Node {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut NetworkConfig)) -> Self {
        Self::again(tempfile::tempdir().unwrap(), change).await
    }

    /// Starts in a folder that was used before, or not.
    pub async fn again(folder: TempDir, change: impl FnOnce(&mut NetworkConfig)) -> Self {
        let mut config = config(folder.path());
        change(&mut config);
        let (handle, events) = pervade_p2p::start(config, chain(GENESIS), Head::default()).unwrap();
        let node = Self { handle, events, folder };
        eventually("listening on TCP and QUIC", || async { node.handle.listen_addresses().len() >= 2 }).await;
        node
    }

    pub async fn stop(self) -> TempDir {
        self.handle.shutdown().await;
        self.folder
    }

    pub fn id(&self) -> PeerId {
        self.handle.peer_id()
    }

    pub fn tcp(&self) -> Multiaddr {
        self.address("/tcp/")
    }

    pub fn quic(&self) -> Multiaddr {
        self.address("/quic-v1")
    }

    fn address(&self, part: &str) -> Multiaddr {
        let addresses = self.handle.listen_addresses();
        addresses.into_iter().find(|address| address.to_string().contains(part)).unwrap()
    }

    pub fn tcp_port(&self) -> u16 {
        self.tcp().to_string().split('/').nth(4).unwrap().parse().unwrap()
    }

    /// Connects, and waits until both know it.
    pub async fn connect(&mut self, other: &mut Self) {
        self.handle.add_peer(other.tcp()).await.unwrap();
        self.wait_connected(other.id()).await;
        other.wait_connected(self.id()).await;
    }

    pub async fn wait_connected(&mut self, peer: PeerId) {
        let connected =
            |event: &NetworkEvent| matches!(event, NetworkEvent::PeerConnected { peer: other, .. } if *other == peer);
        self.wait("a peer connects", connected).await;
    }

    pub async fn wait_disconnected(&mut self, peer: PeerId) {
        let gone =
            |event: &NetworkEvent| matches!(event, NetworkEvent::PeerDisconnected { peer: other } if *other == peer);
        self.wait("a peer disconnects", gone).await;
    }

    /// The next event of a kind; others before it are dropped.
    pub async fn wait(&mut self, what: &str, wanted: impl Fn(&NetworkEvent) -> bool) -> NetworkEvent {
        let next = async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if wanted(&event) {
                    return event;
                }
            }
        };
        within(what, next).await
    }

    /// The next message, with its verdict given.
    pub async fn message(&mut self, verdict: Verdict) -> GossipMessage {
        let event = self.wait("a message", |event| matches!(event, NetworkEvent::Message(_))).await;
        let NetworkEvent::Message(message) = event else { unreachable!() };
        self.handle.validate(message.token.clone(), verdict);
        message
    }

    pub async fn publish(&self, topic: Topic, data: impl Into<Bytes>) {
        self.handle.publish(topic, data.into()).await.unwrap();
    }

    /// Peers need to know each other's topics before anything is said: repeats `data` until the other has it.
    pub async fn publish_until_heard(&self, topic: Topic, data: &'static [u8], other: &mut Self) -> GossipMessage {
        let mut again = tokio::time::interval(Duration::from_millis(100));
        let heard = async {
            loop {
                tokio::select! {
                    _ = again.tick() => self.publish(topic, data).await,
                    message = other.message(Verdict::Accept) => return message,
                }
            }
        };
        within("the first message", heard).await
    }
}

/// The future's result; panics if it takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Waits until something holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let mut again = tokio::time::interval(Duration::from_millis(20));
    within(what, async {
        while !holds().await {
            again.tick().await;
        }
    })
    .await;
}
