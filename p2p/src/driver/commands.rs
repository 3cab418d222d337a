//! Commands of the handle.
use super::{Driver, unix_seconds};
use crate::{
    address_book::Origin,
    handle::{Command, PeerInfo},
};
use libp2p::PeerId;
use std::time::Instant;
use tokio::sync::oneshot;

impl Driver {
    /// Carries a command out. One that stops the network is handed back with the sender of its answer.
    pub(super) fn on_command(&mut self, command: Command) -> Option<oneshot::Sender<()>> {
        match command {
            Command::Publish { topic, data } => self.publish(topic, &data),
            Command::Validate { token, verdict } => self.validate(&token, verdict),
            Command::Request { peer, protocol, data, answer } => self.request(peer, protocol, data, answer),
            Command::Respond { protocol, channel, data } => self.respond(protocol, channel, data),
            Command::Report { peer, offence } => self.punish(peer, offence),
            // Whoever asked may be gone.
            Command::Peers { answer } => drop(answer.send(self.peer_infos(Instant::now()))),
            Command::Counts { answer } => drop(answer.send(self.counts(Instant::now()))),
            Command::AddPeer { peer, address } => {
                self.book.add(peer, &address, Origin::Trusted, unix_seconds(), Instant::now());
                self.swarm.behaviour_mut().gate.trust(peer);
                self.update_fast();
                self.dial(Instant::now());
            }
            Command::RemovePeer { peer } => {
                self.book.remove(&peer);
                self.swarm.behaviour_mut().gate.distrust(&peer);
                self.update_fast();
                self.disconnect(peer);
            }
            Command::Shutdown { answer } => return Some(answer),
        }
        None
    }

    fn peer_infos(&self, now: Instant) -> Vec<PeerInfo> {
        let info = |(id, peer): (&PeerId, &super::Peer)| {
            let (direction, address) = peer.endpoint();
            Some(PeerInfo {
                peer: *id,
                address,
                direction,
                agent: peer.agent.clone(),
                head: peer.status?.head,
                score: self.reputation.score(id, now),
                protected: self.swarm.behaviour().gate.is_protected(id),
                ping_ms: peer.ping.map(|ping| u64::try_from(ping.as_millis()).unwrap_or(u64::MAX)),
                connected_seconds: now.saturating_duration_since(peer.since).as_secs(),
            })
        };
        self.peers.iter().filter_map(info).collect()
    }
}
