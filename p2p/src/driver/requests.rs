//! Requests for blocks and content, in both directions.
use super::Driver;
use crate::{
    RequestError, event::InboundRequest, handle::Responder, limits, metrics::count_request, reputation::Offence,
    request::Protocol,
};
use bytes::Bytes;
use libp2p::{
    PeerId,
    request_response::{
        Event, InboundFailure, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
    },
};
use std::{collections::BTreeMap, io, time::Instant};
use tokio::sync::oneshot;
use tracing::debug;

/// A request of this node that waits for its answer.
pub(super) struct PendingRequest {
    peer: PeerId,
    answer: oneshot::Sender<Result<Bytes, RequestError>>,
}

/// Requests of peers that are not finished, with who asked.
#[derive(Debug, Default)]
pub(super) struct InFlight(BTreeMap<(Protocol, InboundRequestId), PeerId>);

impl InFlight {
    /// Whether there is room for one more of that protocol, in total and of that peer.
    fn admit(&mut self, protocol: Protocol, id: InboundRequestId, peer: PeerId) -> bool {
        let of_protocol = || self.0.iter().filter(|((other, _), _)| *other == protocol);
        let admitted = of_protocol().count() < limits::REQUESTS_IN_MAX
            && of_protocol().filter(|(_, other)| **other == peer).count() < limits::REQUESTS_PER_PEER_MAX;
        if admitted {
            self.0.insert((protocol, id), peer);
        }
        admitted
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn finish(&mut self, protocol: Protocol, id: InboundRequestId) {
        self.0.remove(&(protocol, id));
    }
}

impl Driver {
    pub(super) fn request(
        &mut self,
        peer: PeerId,
        protocol: Protocol,
        data: Bytes,
        answer: oneshot::Sender<Result<Bytes, RequestError>>,
    ) {
        let in_progress = self.pending.len();
        let refused = match self.peers.get_mut(&peer) {
            Some(known) if known.status.is_some() => {
                if in_progress >= limits::REQUESTS_OUT_MAX || known.requests_out >= limits::REQUESTS_PER_PEER_MAX {
                    Some(RequestError::Busy { in_progress })
                } else {
                    known.requests_out = known.requests_out.saturating_add(1);
                    None
                }
            }
            _ => Some(RequestError::NotConnected { peer }),
        };
        if let Some(error) = refused {
            // Whoever asked may be gone.
            let _ = answer.send(Err(error));
            return;
        }
        let id = self.swarm.behaviour_mut().requests(protocol).send_request(&peer, Some(data));
        self.pending.insert((protocol, id), PendingRequest { peer, answer });
    }

    pub(super) fn respond(&mut self, protocol: Protocol, channel: ResponseChannel<Bytes>, data: Bytes) {
        if self.swarm.behaviour_mut().requests(protocol).send_response(channel, data).is_err() {
            debug!(protocol = protocol.name(), "an answer came too late");
        }
    }

    pub(super) fn on_request_event(&mut self, protocol: Protocol, event: Event<Option<Bytes>, Bytes>) {
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                self.on_request(protocol, peer, request_id, request, channel);
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.finish(protocol, request_id, |_| Ok(response));
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                let broken = is_broken(match &error {
                    OutboundFailure::Io(error) => Some(error),
                    _ => None,
                });
                let timeout = matches!(error, OutboundFailure::Timeout);
                self.finish(protocol, request_id, |peer| match error {
                    OutboundFailure::Timeout => Err(RequestError::Timeout { peer }),
                    error => Err(RequestError::Failed { peer, reason: error.to_string() }),
                });
                if timeout || broken {
                    self.punish(peer, if broken { Offence::Invalid } else { Offence::NoAnswer });
                }
            }
            Event::InboundFailure { peer, request_id, error, .. } => {
                self.in_flight.finish(protocol, request_id);
                on_inbound_failure(protocol.name(), peer, &error);
            }
            Event::ResponseSent { request_id, .. } => {
                self.in_flight.finish(protocol, request_id);
                count_request(protocol.name(), "served");
            }
        }
    }

    fn on_request(
        &mut self,
        protocol: Protocol,
        peer: PeerId,
        id: InboundRequestId,
        data: Option<Bytes>,
        channel: ResponseChannel<Bytes>,
    ) {
        let Some(data) = data else {
            count_request(protocol.name(), "malformed");
            self.punish(peer, Offence::Invalid);
            return;
        };
        let now = Instant::now();
        let wire = protocol.wire();
        // Before the handshake nobody is served; the channel is dropped, and the peer learns that there is no answer.
        let Some(known) = self.peers.get_mut(&peer).filter(|known| known.status.is_some()) else { return };
        if !known.admit_request(wire, now) {
            count_request(wire.name, "flood");
            self.punish(peer, Offence::Flood);
            return;
        }
        let Some(commands) = self.commands.responses.upgrade() else { return };
        if !self.in_flight.admit(protocol, id, peer) {
            count_request(wire.name, "busy");
            return;
        }
        count_request(wire.name, "received");
        let responder = Responder { protocol, channel, commands };
        self.events.request(InboundRequest { peer, protocol, data, responder });
    }

    fn finish(
        &mut self,
        protocol: Protocol,
        id: OutboundRequestId,
        result: impl FnOnce(PeerId) -> Result<Bytes, RequestError>,
    ) {
        let Some(PendingRequest { peer, answer }) = self.pending.remove(&(protocol, id)) else { return };
        if let Some(known) = self.peers.get_mut(&peer) {
            known.requests_out = known.requests_out.saturating_sub(1);
        }
        let result = result(peer);
        count_request(protocol.name(), if result.is_ok() { "answered" } else { "failed" });
        // Whoever asked may be gone.
        let _ = answer.send(result);
    }
}

/// A request that was not answered: by this node in time, or to a peer that was gone.
pub(super) fn on_inbound_failure(protocol: &'static str, peer: PeerId, error: &InboundFailure) {
    count_request(protocol, "unanswered");
    debug!(%peer, protocol, %error, "a request is not answered");
}

/// Whether bytes came that are no frame of the protocol.
pub(super) fn is_broken(error: Option<&io::Error>) -> bool {
    error.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}
