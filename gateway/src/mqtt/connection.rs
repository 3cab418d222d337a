//! One connection to a broker, in either version of the protocol.
//!
//! The library's codec reads and writes the packets. Its own event loop is not used: it finds addresses by itself, checks
//! a certificate against whatever it connects to, and acknowledges or reconnects in its own time.
use super::packets::{self, Greeting, Incoming, OVERHEAD_BYTES, Post, Refusal, Version};
use crate::{error::Failure, wire::Wire};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection.
pub(super) struct Connection {
    wire: Box<dyn Wire>,
    version: Version,
    received: BytesMut,
    /// Bytes of a message that is left out, still to come.
    left_out: usize,
    packet_bytes_max: usize,
    next_id: u16,
}

impl Connection {
    /// Opens a connection; the second value tells whether the broker had kept the session.
    pub(super) async fn open(
        wire: Box<dyn Wire>,
        version: Version,
        greeting: &Greeting,
    ) -> Result<(Self, bool), Refusal> {
        let packet_bytes_max = greeting.payload_bytes_max.saturating_add(OVERHEAD_BYTES);
        let mut connection =
            Self { wire, version, received: BytesMut::new(), left_out: 0, packet_bytes_max, next_id: 0 };
        let mut bytes = BytesMut::new();
        packets::connect(version, greeting, &mut bytes)?;
        connection.send(&bytes).await?;
        let packet = match connection.packet().await {
            // Some brokers hang up on a version that they do not know.
            Ok(None) | Err(_) if version == Version::V5 => return Err(Refusal::OtherVersion),
            Ok(None) => return Err(Failure::unreachable("the broker hangs up").into()),
            Err(failure) => return Err(failure.into()),
            Ok(Some(Packet::Whole(packet))) => packet,
            Ok(Some(Packet::TooLarge { .. })) => return Err(Failure::malformed("the broker greets at length").into()),
        };
        let kept = packets::welcome(version, packet)?;
        Ok((connection, kept))
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Asks for a topic's messages, with quality of service 1.
    pub(super) async fn subscribe(&mut self, topic: &str) -> Result<(), Failure> {
        let (id, mut bytes) = (self.id(), BytesMut::new());
        packets::subscribe(self.version, id, topic, &mut bytes)?;
        self.send(&bytes).await
    }

    /// Sends a message with quality of service 1; its id comes back with the acknowledgement.
    pub(super) async fn publish(&mut self, post: Post) -> Result<u16, Failure> {
        let (id, mut bytes) = (self.id(), BytesMut::new());
        packets::publish(self.version, id, post, &mut bytes)?;
        self.send(&bytes).await?;
        Ok(id)
    }

    /// Takes a message off the broker's hands.
    pub(super) async fn acknowledge(&mut self, id: u16) -> Result<(), Failure> {
        let mut bytes = BytesMut::new();
        packets::acknowledge(self.version, id, &mut bytes)?;
        self.send(&bytes).await
    }

    pub(super) async fn ping(&mut self) -> Result<(), Failure> {
        // The same two bytes in both versions.
        self.send(&[0xc0, 0]).await
    }

    /// Says goodbye. Whether the broker hears it does not matter any more.
    pub(super) async fn close(mut self) {
        let _ = self.send(&[0xe0, 0]).await;
    }

    /// What the broker says next. May be cancelled.
    pub(super) async fn next(&mut self) -> Result<Incoming, Failure> {
        match self.packet().await? {
            None => Err(Failure::unreachable("the broker hangs up")),
            Some(Packet::TooLarge { id }) => Ok(Incoming::TooLarge { id }),
            Some(Packet::Whole(bytes)) => packets::read(self.version, bytes),
        }
    }

    /// The next packet; `None` at the end of the stream.
    async fn packet(&mut self) -> Result<Option<Packet>, Failure> {
        loop {
            let out = self.left_out.min(self.received.len());
            self.received.advance(out);
            self.left_out = self.left_out.saturating_sub(out);
            if self.left_out == 0
                && let Some(packet) = self.cut()?
            {
                return Ok(Some(packet));
            }
            let read = self.wire.read_buf(&mut self.received).await;
            if read.map_err(|error| Failure::unreachable(error.to_string()))? == 0 {
                return Ok(None);
            }
        }
    }

    /// Cuts a packet off what was received, if there is a whole one, or enough of one that is too large.
    fn cut(&mut self) -> Result<Option<Packet>, Failure> {
        let Some((head, body)) = lengths(&self.received)? else { return Ok(None) };
        let whole = head.saturating_add(body);
        if whole <= self.packet_bytes_max {
            let is_there = self.received.len() >= whole;
            return Ok(is_there.then(|| Packet::Whole(self.received.split_to(whole))));
        }
        let first = self.received.first().copied().unwrap_or_default();
        if first >> 4 != 3 {
            return Err(Failure::malformed("the broker sends a packet that is too large"));
        }
        // Of a message, the topic is passed over to get at the id.
        let after = self.received.get(head..).unwrap_or_default();
        let Some((length, rest)) = after.split_first_chunk() else { return Ok(None) };
        let Some(rest) = rest.get(usize::from(u16::from_be_bytes(*length))..) else { return Ok(None) };
        let id = if first & 0b110 == 0 {
            0
        } else {
            let Some(id) = rest.first_chunk() else { return Ok(None) };
            u16::from_be_bytes(*id)
        };
        self.left_out = whole;
        Ok(Some(Packet::TooLarge { id }))
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        };
        sent.await.map_err(|error| Failure::unreachable(error.to_string()))
    }

    fn id(&mut self) -> u16 {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.next_id
    }
}

enum Packet {
    Whole(BytesMut),
    TooLarge { id: u16 },
}

/// Lengths of a packet's fixed header and of what follows it; `None` if more bytes are needed.
fn lengths(bytes: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let mut body = 0_usize;
    for place in 0..4_usize {
        let Some(byte) = bytes.get(place.saturating_add(1)) else { return Ok(None) };
        body |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((place.saturating_add(2), body)));
        }
    }
    Err(Failure::malformed("the broker sends a packet without a length"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureCode;

    async fn connected(packet_bytes_max: usize) -> (Connection, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let received = BytesMut::new();
        let connection = Connection {
            wire: Box::new(near),
            version: Version::V311,
            received,
            left_out: 0,
            packet_bytes_max,
            next_id: 0,
        };
        (connection, far)
    }

    /// A message of 3.1.1 with quality of service 1 on topic `t`, with this packet length in all.
    fn message(id: u16, bytes: usize) -> Vec<u8> {
        let body = bytes - if bytes - 2 < 128 { 2 } else { 3 };
        let mut packet = vec![0x32];
        if body < 128 {
            packet.push(u8::try_from(body).unwrap());
        } else {
            packet.extend([u8::try_from(body & 0x7f).unwrap() | 0x80, u8::try_from(body >> 7).unwrap()]);
        }
        packet.extend([0, 1, b't']);
        packet.extend(id.to_be_bytes());
        packet.resize(bytes, b'x');
        packet
    }

    #[tokio::test]
    async fn a_packet_is_taken_at_the_limit_and_left_out_one_past_it_however_it_is_cut() {
        let (mut connection, mut far) = connected(1_000).await;
        let mut bytes = message(1, 1_000);
        bytes.extend(message(2, 1_001));
        bytes.extend(message(3, 20));
        let send = async {
            for part in bytes.chunks(7) {
                far.write_all(part).await.unwrap();
            }
        };
        let receive = async {
            let Incoming::Post(first) = connection.next().await.unwrap() else { panic!() };
            assert_eq!((first.id, first.topic.as_str(), first.payload.len()), (1, "t", 1_000 - 8));
            assert!(matches!(connection.next().await.unwrap(), Incoming::TooLarge { id: 2 }));
            let Incoming::Post(third) = connection.next().await.unwrap() else { panic!() };
            assert_eq!((third.id, third.payload.len()), (3, 20 - 7));
        };
        tokio::join!(send, receive);
        drop(far);
        assert_eq!(connection.next().await.unwrap_err().code, FailureCode::Unreachable);
    }

    #[tokio::test]
    async fn what_is_no_packet_is_malformed() {
        for bytes in [&[0x30, 0xff, 0xff, 0xff, 0xff][..], &[0x20, 0xff, 0xff, 0x7f], &[0x40, 1, 0], &[0x00, 0]] {
            let (mut connection, mut far) = connected(1_000).await;
            far.write_all(bytes).await.unwrap();
            assert_eq!(connection.next().await.unwrap_err().code, FailureCode::Malformed, "{bytes:x?}");
        }
    }
}
