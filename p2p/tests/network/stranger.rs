//! A peer that shakes hands as it should and then writes whatever bytes it likes on any protocol. Built from libp2p and
//! the drawings of the wire formats, not from the crate's own code.
use async_trait::async_trait;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt},
    identity::Keypair,
    noise,
    request_response::{self, Codec, Event, Message, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use std::{io, time::Duration};

const READ_BYTES_MAX: u64 = 1 << 20;
const STATUS: &str = "/pervade/status/1";

/// Writes requests and responses as they are, reads what comes until the end.
#[derive(Clone, Default)]
pub struct Raw;

#[async_trait]
impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read_to_end(io).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read_to_end(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await?;
        io.flush().await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await?;
        io.flush().await
    }
}

async fn read_to_end<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(READ_BYTES_MAX).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[derive(NetworkBehaviour)]
pub struct Protocols {
    status: request_response::Behaviour<Raw>,
    target: request_response::Behaviour<Raw>,
}

pub struct Stranger {
    pub swarm: Swarm<Protocols>,
    status: Vec<u8>,
}

/// What became of something the stranger did.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Connected,
    /// No connection, or none any more.
    Closed,
    /// Bytes that came back.
    Answer(Vec<u8>),
    Failed,
}

fn raw(protocol: &'static str) -> request_response::Behaviour<Raw> {
    let config = request_response::Config::default()
        .with_request_timeout(Duration::from_secs(20))
        .with_max_concurrent_streams(1_000);
    request_response::Behaviour::with_codec(Raw, [(StreamProtocol::new(protocol), ProtocolSupport::Full)], config)
}

/// A status of that chain, byte by byte.
pub fn status(chain_id: u64, genesis: [u8; 32]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(chain_id.to_be_bytes());
    bytes.extend(genesis);
    let fork_hash = alloy_eips::eip2124::ForkHash::from(alloy_primitives::B256::from(genesis)).0;
    bytes.extend(fork_hash);
    bytes.extend([0; 8 + 8 + 32 + 8 + 8]);
    bytes
}

/// A content with its length in front.
pub fn frame(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

impl Stranger {
    /// A peer with a key of its own that speaks the handshake, with that status, and the protocol.
    pub fn new(status: Vec<u8>, protocol: &'static str) -> Self {
        Self::with_key(Keypair::generate_ed25519(), status, protocol)
    }

    /// One with that key.
    pub fn with_key(key: Keypair, status: Vec<u8>, protocol: &'static str) -> Self {
        let swarm = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| Protocols { status: raw(STATUS), target: raw(protocol) })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(30)))
            .build();
        Self { swarm, status }
    }

    /// Dials, and says whether a connection stands.
    pub async fn dial(&mut self, address: &Multiaddr) -> Outcome {
        self.swarm.dial(DialOpts::unknown_peer_id().address(address.clone()).build()).unwrap();
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => return Outcome::Connected,
                SwarmEvent::OutgoingConnectionError { .. } => return Outcome::Closed,
                event => drop(self.answer(event)),
            }
        }
    }

    /// Sends the handshake; the peer's answer.
    pub async fn shake_hands(&mut self, peer: &PeerId) -> Outcome {
        let status = frame(&self.status);
        self.swarm.behaviour_mut().status.send_request(peer, status);
        loop {
            match self.next().await {
                None => {}
                Some(outcome) => return outcome,
            }
        }
    }

    /// Opens a stream of the protocol and writes bytes to it.
    pub fn write(&mut self, peer: &PeerId, bytes: Vec<u8>) {
        self.swarm.behaviour_mut().target.send_request(peer, bytes);
    }

    /// Goes on until something became of what was written.
    pub async fn outcome(&mut self) -> Outcome {
        loop {
            if let Some(outcome) = self.next().await {
                return outcome;
            }
        }
    }

    /// Goes on until the connection is closed by the other side.
    pub async fn closed(&mut self) {
        while self.outcome().await != Outcome::Closed {}
    }

    async fn next(&mut self) -> Option<Outcome> {
        let event = self.swarm.select_next_some().await;
        self.answer(event)
    }

    fn answer(&mut self, event: SwarmEvent<ProtocolsEvent>) -> Option<Outcome> {
        match event {
            SwarmEvent::ConnectionClosed { num_established: 0, .. } => Some(Outcome::Closed),
            SwarmEvent::Behaviour(ProtocolsEvent::Status(Event::Message {
                message: Message::Request { channel, .. },
                ..
            })) => {
                let answer = frame(&[&[0], &self.status[..]].concat());
                let _ = self.swarm.behaviour_mut().status.send_response(channel, answer);
                None
            }
            SwarmEvent::Behaviour(ProtocolsEvent::Status(event) | ProtocolsEvent::Target(event)) => match event {
                Event::Message { message: Message::Response { response, .. }, .. } => Some(Outcome::Answer(response)),
                Event::OutboundFailure { .. } => Some(Outcome::Failed),
                _ => None,
            },
            _ => None,
        }
    }
}
