//! The protocols of one swarm.
use crate::{
    NetworkConfig, NetworkError,
    gate::Gate,
    gossip::{self, Gossip},
    request::{self, Protocol, Requests},
    topic::Topics,
};
use libp2p::{PeerId, identify, identity::PublicKey, ping, swarm::NetworkBehaviour};
use std::{collections::BTreeSet, time::Duration};

/// Pings show who is gone: within 13 s, before TCP tries again later than that after a cut. A machine that is busy for less than
/// 10 s is not taken for gone.
const PING_INTERVAL: Duration = Duration::from_secs(3);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses of peers change seldom.
const IDENTIFY_INTERVAL: Duration = Duration::from_secs(300);
/// What peers must have in common to talk at all.
const PROTOCOL_VERSION: &str = "/pervade/1";

/// All protocols of the swarm. The gate is first: what it refuses costs the others nothing.
#[derive(NetworkBehaviour)]
pub(crate) struct Protocols {
    pub(crate) gate: Gate,
    pub(crate) gossip: Gossip,
    pub(crate) status: Requests,
    pub(crate) peers: Requests,
    pub(crate) sync: Requests,
    pub(crate) content: Requests,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
}

impl Protocols {
    /// # Errors
    /// [`NetworkError::Transport`] if a protocol refuses its settings.
    pub(crate) fn new(
        config: &NetworkConfig,
        key: PublicKey,
        topics: &Topics,
        trusted: BTreeSet<PeerId>,
    ) -> Result<Self, NetworkError> {
        let identify = identify::Config::new(PROTOCOL_VERSION.to_owned(), key)
            .with_agent_version(config.agent.clone())
            .with_interval(IDENTIFY_INTERVAL)
            .with_cache_size(0);
        Ok(Self {
            gate: Gate::new(config, trusted),
            gossip: gossip::behaviour(topics)?,
            status: request::behaviour(request::STATUS, config.request_timeout),
            peers: request::behaviour(request::PEERS, config.request_timeout),
            sync: request::behaviour(request::SYNC, config.request_timeout),
            content: request::behaviour(request::CONTENT, config.request_timeout),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT)),
        })
    }

    pub(crate) fn requests(&mut self, protocol: Protocol) -> &mut Requests {
        match protocol {
            Protocol::Sync => &mut self.sync,
            Protocol::Content => &mut self.content,
        }
    }
}
