//! Packets of MQTT 5 (OASIS 2019) and 3.1.1 (OASIS 2014), as far as this side needs them.
use crate::{error::Failure, limits};
use bytes::{Bytes, BytesMut};
use rumqttc::{
    mqttbytes::QoS as QoS4,
    mqttbytes::v4,
    v5::mqttbytes::{QoS as QoS5, v5},
};

/// Seconds within which a broker hears from this side.
pub(super) const KEEP_ALIVE_SECONDS: u16 = 30;
/// What topic and properties add to a payload.
pub(super) const OVERHEAD_BYTES: usize = 4 * 1024;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V5,
    V311,
}

/// How to connect.
pub(super) struct Greeting {
    pub(super) client_id: String,
    pub(super) login: Option<(String, String)>,
    /// Whether the broker keeps a session of this name; else it forgets at once.
    pub(super) keeps_session: bool,
    pub(super) payload_bytes_max: usize,
}

/// Why there is no connection.
pub(super) enum Refusal {
    /// The broker speaks another version.
    OtherVersion,
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A message on its way out, or come in.
#[derive(Debug, Clone, Default)]
pub(super) struct Post {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retain: bool,
    /// Of this side's or the broker's count; 0 for what needs no acknowledgement.
    pub(super) id: u16,
    // In version 5 only:
    pub(super) content_type: Option<String>,
    pub(super) response_topic: Option<String>,
    pub(super) correlation: Option<Bytes>,
}

/// What comes from a broker.
#[derive(Debug)]
pub(super) enum Incoming {
    Post(Post),
    /// A message above the limit; its bytes are left out.
    TooLarge {
        id: u16,
    },
    /// A message is the broker's now.
    Published {
        id: u16,
    },
    /// A message was taken, but nobody listens.
    Unheard,
    Subscribed,
    /// Something was refused, with the broker's word for it.
    Refused(String),
    Other,
}

/// Writes a greeting.
pub(super) fn connect(version: Version, greeting: &Greeting, bytes: &mut BytesMut) -> Result<(), Failure> {
    match version {
        Version::V5 => write_v5(connect_v5(greeting), bytes),
        Version::V311 => write_v4(connect_v4(greeting), bytes),
    }
}

/// Reads the answer to a greeting: whether the broker had kept the session.
pub(super) fn welcome(version: Version, packet: BytesMut) -> Result<bool, Refusal> {
    match version {
        Version::V5 => welcomed_v5(packet),
        Version::V311 => welcomed_v4(packet),
    }
}

/// Writes a subscription to a topic, with quality of service 1.
pub(super) fn subscribe(version: Version, id: u16, topic: &str, bytes: &mut BytesMut) -> Result<(), Failure> {
    match version {
        Version::V5 => {
            let mut packet = v5::Subscribe::new(v5::Filter::new(topic, QoS5::AtLeastOnce), None);
            packet.pkid = id;
            write_v5(v5::Packet::Subscribe(packet), bytes)
        }
        Version::V311 => {
            let mut packet = v4::Subscribe::new(topic, QoS4::AtLeastOnce);
            packet.pkid = id;
            write_v4(v4::Packet::Subscribe(packet), bytes)
        }
    }
}

/// Writes a message with quality of service 1.
pub(super) fn publish(version: Version, id: u16, post: Post, bytes: &mut BytesMut) -> Result<(), Failure> {
    match version {
        Version::V5 => {
            let properties = v5::PublishProperties {
                content_type: post.content_type,
                response_topic: post.response_topic,
                correlation_data: post.correlation,
                ..Default::default()
            };
            let mut packet = v5::Publish::new(post.topic, QoS5::AtLeastOnce, post.payload, Some(properties));
            (packet.pkid, packet.retain) = (id, post.retain);
            write_v5(v5::Packet::Publish(packet), bytes)
        }
        Version::V311 => {
            let mut packet = v4::Publish::from_bytes(post.topic, QoS4::AtLeastOnce, post.payload);
            (packet.pkid, packet.retain) = (id, post.retain);
            write_v4(v4::Packet::Publish(packet), bytes)
        }
    }
}

/// Writes the acknowledgement of a message.
pub(super) fn acknowledge(version: Version, id: u16, bytes: &mut BytesMut) -> Result<(), Failure> {
    match version {
        Version::V5 => write_v5(v5::Packet::PubAck(v5::PubAck::new(id, None)), bytes),
        Version::V311 => write_v4(v4::Packet::PubAck(v4::PubAck::new(id)), bytes),
    }
}

/// Reads what a broker says.
pub(super) fn read(version: Version, packet: BytesMut) -> Result<Incoming, Failure> {
    match version {
        Version::V5 => incoming_v5(packet),
        Version::V311 => incoming_v4(packet),
    }
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::malformed(format!("the broker's packet: {error}"))
}

fn write_v5(packet: v5::Packet, bytes: &mut BytesMut) -> Result<(), Failure> {
    packet.write(bytes, None).map(|_| ()).map_err(malformed)
}

fn write_v4(packet: v4::Packet, bytes: &mut BytesMut) -> Result<(), Failure> {
    packet.write(bytes, usize::MAX).map(|_| ()).map_err(malformed)
}

fn connect_v5(greeting: &Greeting) -> v5::Packet {
    let mut properties = v5::ConnectProperties::new();
    properties.receive_maximum = u16::try_from(limits::UNSETTLED_MAX).ok();
    if greeting.keeps_session {
        properties.session_expiry_interval = u32::try_from(limits::SESSION_EXPIRY.as_secs()).ok();
    }
    let connect = v5::Connect {
        keep_alive: KEEP_ALIVE_SECONDS,
        client_id: greeting.client_id.clone(),
        clean_start: !greeting.keeps_session,
        properties: Some(properties),
    };
    let login = greeting.login.as_ref().map(|(user, password)| v5::Login::new(user, password));
    v5::Packet::Connect(connect, None, login)
}

fn connect_v4(greeting: &Greeting) -> v4::Packet {
    let mut connect = v4::Connect::new(&greeting.client_id);
    connect.keep_alive = KEEP_ALIVE_SECONDS;
    connect.clean_session = !greeting.keeps_session;
    if let Some((user, password)) = &greeting.login {
        connect.set_login(user, password);
    }
    v4::Packet::Connect(connect)
}

fn welcomed_v5(mut packet: BytesMut) -> Result<bool, Refusal> {
    use v5::ConnectReturnCode::{ServerBusy, ServerUnavailable, Success, UnsupportedProtocolVersion};
    // Four bytes are what 3.1.1 answers; version 5 has one more at least.
    if packet.len() == 4 {
        return Err(Refusal::OtherVersion);
    }
    match v5::Packet::read(&mut packet, None).map_err(malformed)? {
        v5::Packet::ConnAck(ack) => match ack.code {
            Success => Ok(ack.session_present),
            UnsupportedProtocolVersion => Err(Refusal::OtherVersion),
            ServerBusy | ServerUnavailable => Err(Failure::unreachable("the broker is busy").into()),
            other => Err(Failure::refused(format!("the broker refuses: {other:?}")).into()),
        },
        _ => Err(Failure::malformed("the broker does not greet").into()),
    }
}

fn welcomed_v4(mut packet: BytesMut) -> Result<bool, Refusal> {
    use v4::ConnectReturnCode::{RefusedProtocolVersion, ServiceUnavailable, Success};
    match v4::Packet::read(&mut packet, usize::MAX).map_err(malformed)? {
        v4::Packet::ConnAck(ack) => match ack.code {
            Success => Ok(ack.session_present),
            RefusedProtocolVersion => Err(Refusal::OtherVersion),
            ServiceUnavailable => Err(Failure::unreachable("the broker is busy").into()),
            other => Err(Failure::refused(format!("the broker refuses: {other:?}")).into()),
        },
        _ => Err(Failure::malformed("the broker does not greet").into()),
    }
}

fn incoming_v5(mut packet: BytesMut) -> Result<Incoming, Failure> {
    use v5::{Packet, PubAckReason, SubscribeReasonCode};
    Ok(match Packet::read(&mut packet, None).map_err(malformed)? {
        Packet::Publish(publish) => {
            let properties = publish.properties.unwrap_or_default();
            Incoming::Post(Post {
                topic: String::from_utf8(publish.topic.to_vec()).map_err(malformed)?,
                payload: publish.payload,
                retain: publish.retain,
                id: publish.pkid,
                content_type: properties.content_type,
                response_topic: properties.response_topic,
                correlation: properties.correlation_data,
            })
        }
        Packet::PubAck(ack) => match ack.reason {
            PubAckReason::Success => Incoming::Published { id: ack.pkid },
            PubAckReason::NoMatchingSubscribers => Incoming::Unheard,
            other => Incoming::Refused(format!("{other:?}")),
        },
        Packet::SubAck(ack) => {
            match ack.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_))) {
                None => Incoming::Subscribed,
                Some(code) => Incoming::Refused(format!("{code:?}")),
            }
        }
        Packet::Disconnect(end) => {
            return Err(Failure::unreachable(format!("the broker ends the connection: {:?}", end.reason_code)));
        }
        _ => Incoming::Other,
    })
}

fn incoming_v4(mut packet: BytesMut) -> Result<Incoming, Failure> {
    use v4::{Packet, SubscribeReasonCode};
    Ok(match Packet::read(&mut packet, usize::MAX).map_err(malformed)? {
        Packet::Publish(publish) => Incoming::Post(Post {
            topic: publish.topic,
            payload: publish.payload,
            retain: publish.retain,
            id: publish.pkid,
            ..Post::default()
        }),
        Packet::PubAck(ack) => Incoming::Published { id: ack.pkid },
        Packet::SubAck(ack) if ack.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_))) => {
            Incoming::Subscribed
        }
        Packet::SubAck(_) => Incoming::Refused("the subscription".to_owned()),
        _ => Incoming::Other,
    })
}
