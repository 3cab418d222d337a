//! Messages over UDP: repeated until acknowledged, matched by token, acknowledged in turn (RFC 7252, section 4).
use crate::error::{Failure, FailureCode};
use coap_lite::{MessageClass, MessageType, Packet};
use rand::Rng;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout},
};

/// First pause before a message is repeated, of which up to half is added by chance (ACK_TIMEOUT, ACK_RANDOM_FACTOR).
const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// Repetitions of a message (MAX_RETRANSMIT).
const REPETITIONS_MAX: u32 = 4;
/// Bytes of a token: nobody off the path guesses it.
const TOKEN_BYTES: usize = 8;
/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A socket that is connected to one thing.
pub(super) struct Socket {
    socket: UdpSocket,
    message_id: u16,
    buffer: Vec<u8>,
    /// The token of an observation: its notifications are nobody else's to answer.
    observed: Option<[u8; TOKEN_BYTES]>,
}

impl Socket {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await.map_err(unreachable)?;
        socket.connect(address).await.map_err(unreachable)?;
        Ok(Self { socket, message_id: rand::rng().random(), buffer: vec![0; DATAGRAM_BYTES_MAX], observed: None })
    }

    /// Sends a confirmable request and waits for its response, with the acknowledgement or after it.
    pub(super) async fn exchange(&mut self, request: Packet) -> Result<Packet, Failure> {
        let token = rand::rng().random::<[u8; TOKEN_BYTES]>();
        let (id, bytes) = self.confirmable(request, token)?;
        let mut pause = first_pause();
        for _ in 0..=REPETITIONS_MAX {
            self.socket.send(&bytes).await.map_err(unreachable)?;
            match timeout(pause, self.acknowledged(id, &token)).await {
                Ok(Ok(Some(response))) => return Ok(response),
                // Acknowledged: the response comes when it comes, within the attempt's time.
                Ok(Ok(None)) => return self.receive(&token).await,
                Ok(Err(failure)) => return Err(failure),
                Err(_) => pause = pause.saturating_mul(2),
            }
        }
        Err(Failure::timeout())
    }

    /// A request as a datagram, and its message id.
    fn confirmable(&mut self, mut request: Packet, token: [u8; TOKEN_BYTES]) -> Result<(u16, Vec<u8>), Failure> {
        self.message_id = self.message_id.wrapping_add(1);
        request.header.set_type(MessageType::Confirmable);
        request.header.message_id = self.message_id;
        request.set_token(token.to_vec());
        let bytes = request.to_bytes_unlimited().map_err(|_| Failure::malformed("the request is no CoAP message"))?;
        Ok((self.message_id, bytes))
    }

    /// Asks for notifications, again under the same token if it asked before. The caller repeats it until it is heard.
    pub(super) fn register(&mut self, request: Packet) -> Result<Registration, Failure> {
        let token = *self.observed.get_or_insert_with(|| rand::rng().random());
        let (id, bytes) = self.confirmable(request, token)?;
        Ok(Registration { id, bytes, pause: first_pause(), next: Instant::now(), sent: 0 })
    }

    /// Sends a registration once more.
    ///
    /// # Errors
    /// Timeout if it was sent often enough.
    pub(super) async fn repeat(&self, registration: &mut Registration) -> Result<(), Failure> {
        if registration.sent > REPETITIONS_MAX {
            return Err(Failure::timeout());
        }
        registration.sent = registration.sent.saturating_add(1);
        registration.next = Instant::now() + registration.pause;
        registration.pause = registration.pause.saturating_mul(2);
        self.socket.send(&registration.bytes).await.map_err(unreachable)?;
        Ok(())
    }

    /// Whether a message belongs to the observation.
    pub(super) fn is_notification(&self, packet: &Packet) -> bool {
        self.observed.as_ref().is_some_and(|token| is_response(packet, token))
    }

    /// Waits until a message is acknowledged; the response, if it is there already.
    async fn acknowledged(&mut self, id: u16, token: &[u8]) -> Result<Option<Packet>, Failure> {
        loop {
            let packet = self.next().await?;
            let of_message = packet.header.message_id == id;
            match packet.header.get_type() {
                MessageType::Reset if of_message => {
                    return Err(Failure::new(FailureCode::RefusedByThing, "the thing resets"));
                }
                MessageType::Acknowledgement if of_message => {
                    if packet.header.code == MessageClass::Empty {
                        return Ok(None);
                    }
                    if packet.get_token() == token {
                        return Ok(Some(packet));
                    }
                }
                // The acknowledgement may be lost; the response stands for it.
                MessageType::Confirmable | MessageType::NonConfirmable if is_response(&packet, token) => {
                    self.acknowledge(&packet).await?;
                    return Ok(Some(packet));
                }
                _ => self.reject(&packet).await?,
            }
        }
    }

    /// Waits for a response that is not in an acknowledgement.
    async fn receive(&mut self, token: &[u8]) -> Result<Packet, Failure> {
        loop {
            let packet = self.next().await?;
            let kind = packet.header.get_type();
            if matches!(kind, MessageType::Confirmable | MessageType::NonConfirmable) && is_response(&packet, token) {
                self.acknowledge(&packet).await?;
                return Ok(packet);
            }
            self.reject(&packet).await?;
        }
    }

    /// The next message; datagrams that are none are left out. May be cancelled.
    pub(super) async fn next(&mut self) -> Result<Packet, Failure> {
        loop {
            let length = self.socket.recv(&mut self.buffer).await.map_err(unreachable)?;
            let datagram = self.buffer.get(..length).unwrap_or_default();
            if let Ok(packet) = Packet::from_bytes(datagram) {
                return Ok(packet);
            }
        }
    }

    pub(super) async fn acknowledge(&self, packet: &Packet) -> Result<(), Failure> {
        if packet.header.get_type() == MessageType::Confirmable {
            self.reply(packet, MessageType::Acknowledgement).await?;
        }
        Ok(())
    }

    /// Tells a thing that what it wants confirmed is of no interest, such as notifications of an ended observation.
    pub(super) async fn reject(&self, packet: &Packet) -> Result<(), Failure> {
        // A notification that comes meanwhile is sent again until it is acknowledged, later.
        if self.is_notification(packet) {
            return Ok(());
        }
        if packet.header.get_type() == MessageType::Confirmable {
            self.reply(packet, MessageType::Reset).await?;
        }
        Ok(())
    }

    async fn reply(&self, packet: &Packet, kind: MessageType) -> Result<(), Failure> {
        let mut reply = Packet::new();
        reply.header.set_type(kind);
        reply.header.code = MessageClass::Empty;
        reply.header.message_id = packet.header.message_id;
        let bytes = reply.to_bytes().map_err(|_| Failure::malformed("no CoAP message"))?;
        self.socket.send(&bytes).await.map_err(unreachable)?;
        Ok(())
    }
}

/// A request for notifications that is not acknowledged yet.
pub(super) struct Registration {
    pub(super) id: u16,
    bytes: Vec<u8>,
    pause: Duration,
    next: Instant,
    sent: u32,
}

impl Registration {
    /// When it is to be sent once more.
    pub(super) fn next(&self) -> Instant {
        self.next
    }
}

fn first_pause() -> Duration {
    ACK_TIMEOUT.mul_f64(rand::rng().random_range(1.0..1.5))
}

fn is_response(packet: &Packet, token: &[u8]) -> bool {
    matches!(packet.header.code, MessageClass::Response(_)) && packet.get_token() == token
}

/// A port where nobody listens answers with ICMP, which the socket reports.
#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn unreachable(error: io::Error) -> Failure {
    Failure::unreachable(error.to_string())
}
