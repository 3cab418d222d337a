//! MQTT 5, and 3.1.1 where a broker speaks no more: one exchange, quality of service 1.
//!
//! Reading a property takes the first message of its topic, a retained one at once. A command is published and done when
//! the broker acknowledges it; what the thing makes of it comes as a property or event. The idempotency key travels as correlation data
//! (MQTT 5), or as a member of a JSON object (3.1.1).
use crate::{
    bindings::{Answer, Exchange},
    config::Credential,
    error::{Failure, FailureCode},
    limits,
    policy::{Admitted, Policy},
    target::percent_decoded,
    thing::{Operation, Security},
};
use rand::Rng;
use rumqttc::{self as v4, v5};
use std::time::Duration;

const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Commands of this side that wait for the connection: one.
const REQUESTS_MAX: usize = 2;
/// What topic and properties add to a payload.
const OVERHEAD_BYTES: usize = 64 * 1024;
/// Longest topic (the protocol's own limit is longer than any form).
const TOPIC_BYTES_MAX: usize = 1_024;

/// What to do at a broker.
struct Task {
    topic: String,
    /// The payload of a command; `None` to read.
    payload: Option<Vec<u8>>,
    retain: bool,
    key: [u8; 32],
    content_type: String,
    login: Option<(String, String)>,
}

/// Why a conversation with a broker ended without an answer.
enum Ended {
    /// The broker speaks another version.
    OtherVersion,
    Failed(Failure),
}

/// Performs an exchange.
///
/// # Errors
/// [`Failure`] with the code that the chain is told.
pub(crate) async fn perform(policy: &Policy, admitted: &Admitted, exchange: &Exchange) -> Result<Answer, Failure> {
    let mut task = task(policy, admitted, exchange)?;
    match perform_v5(admitted, &task).await {
        Ok(answer) => Ok(answer),
        Err(Ended::Failed(failure)) => Err(failure),
        Err(Ended::OtherVersion) => {
            task.payload = exchange.body_with_key();
            match perform_v4(admitted, &task).await {
                Ok(answer) => Ok(answer),
                Err(Ended::Failed(failure)) => Err(failure),
                Err(Ended::OtherVersion) => Err(Failure::unsupported("the broker speaks neither MQTT 5 nor 3.1.1")),
            }
        }
    }
}

fn task(policy: &Policy, admitted: &Admitted, exchange: &Exchange) -> Result<Task, Failure> {
    let target = admitted.target();
    let topic = match exchange.form.term("mqv:topic") {
        Some(topic) => topic.to_owned(),
        None => String::from_utf8(percent_decoded(target.path.strip_prefix('/').unwrap_or_default()))
            .map_err(|_| Failure::malformed("the topic is not UTF-8"))?,
    };
    if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || topic.contains(['+', '#', '\0']) {
        return Err(Failure::malformed("the topic is empty, too long or a pattern"));
    }
    let mut login = None;
    for security in &exchange.form.security {
        match security {
            Security::Nothing => {}
            Security::Basic => match policy.credential(&target.host, |one| matches!(one, Credential::Basic { .. })) {
                Some(Credential::Basic { user, password }) => login = Some((user.clone(), password.0.clone())),
                _ => return Err(Failure::not_allowed(format!("{}: no basic credential is configured", target.host))),
            },
            _ => return Err(Failure::unsupported("mqtt forms have no security schemes here but nosec and basic")),
        }
    }
    let payload = match exchange.operation {
        Operation::ReadProperty => None,
        Operation::WriteProperty | Operation::InvokeAction => Some(exchange.body.clone().unwrap_or_default()),
        Operation::ObserveProperty | Operation::SubscribeEvent => {
            return Err(Failure::unsupported("this operation is a subscription"));
        }
    };
    let retain = exchange.form.terms.get("mqv:retain") == Some(&serde_json::Value::Bool(true));
    Ok(Task { topic, payload, retain, key: exchange.key, content_type: exchange.form.content_type.clone(), login })
}

fn client_id() -> String {
    format!("pervade-{:016x}", rand::rng().random::<u64>())
}

fn refused(reason: impl std::fmt::Debug) -> Ended {
    Ended::Failed(Failure::new(FailureCode::RefusedByThing, format!("the broker refuses: {reason:?}")))
}

fn unreachable(error: impl std::fmt::Display) -> Ended {
    Ended::Failed(Failure::unreachable(error.to_string()))
}

fn answer(payload: bytes::Bytes, content_type: Option<String>) -> Result<Answer, Ended> {
    if payload.len() > limits::ANSWER_BYTES_MAX {
        return Err(Ended::Failed(Failure::too_large()));
    }
    Ok(Answer { content_type, body: payload })
}

async fn perform_v5(admitted: &Admitted, task: &Task) -> Result<Answer, Ended> {
    use v5::{
        Event,
        mqttbytes::{
            QoS,
            v5::{ConnectReturnCode, Packet, PubAckReason, PublishProperties, SubscribeReasonCode},
        },
    };
    let address = admitted.address();
    let mut options = v5::MqttOptions::new(client_id(), address.ip().to_string(), address.port());
    options.set_keep_alive(KEEP_ALIVE).set_clean_start(true);
    options.set_max_packet_size(u32::try_from(limits::ANSWER_BYTES_MAX.saturating_add(OVERHEAD_BYTES)).ok());
    if let Some((user, password)) = &task.login {
        options.set_credentials(user, password);
    }
    let (client, mut events) = v5::AsyncClient::new(options, REQUESTS_MAX);
    loop {
        let event = match events.poll().await {
            Ok(Event::Incoming(packet)) => packet,
            Ok(Event::Outgoing(_)) => continue,
            Err(v5::ConnectionError::ConnectionRefused(code)) => {
                use ConnectReturnCode::{RefusedProtocolVersion, UnsupportedProtocolVersion};
                let other = matches!(code, RefusedProtocolVersion | UnsupportedProtocolVersion);
                return Err(if other { Ended::OtherVersion } else { refused(code) });
            }
            Err(v5::ConnectionError::Io(error)) => return Err(unreachable(error)),
            // What an older broker answers is not of this version, and then it closes the connection.
            Err(v5::ConnectionError::MqttState(_)) => return Err(Ended::OtherVersion),
            Err(error) => return Err(unreachable(error)),
        };
        match event {
            Packet::ConnAck(_) => {
                let sent = match &task.payload {
                    None => client.subscribe(&task.topic, QoS::AtLeastOnce).await,
                    Some(payload) => {
                        let properties = PublishProperties {
                            correlation_data: Some(task.key.to_vec().into()),
                            content_type: Some(task.content_type.clone()),
                            ..PublishProperties::default()
                        };
                        let (topic, payload) = (task.topic.clone(), payload.clone());
                        client.publish_with_properties(topic, QoS::AtLeastOnce, task.retain, payload, properties).await
                    }
                };
                sent.map_err(unreachable)?;
            }
            Packet::SubAck(ack) => {
                let granted = ack.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_)));
                if !granted {
                    return Err(refused(ack.return_codes));
                }
            }
            Packet::Publish(message) => {
                return answer(message.payload, message.properties.and_then(|properties| properties.content_type));
            }
            Packet::PubAck(ack)
                if matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) =>
            {
                return answer(bytes::Bytes::new(), None);
            }
            Packet::PubAck(ack) => return Err(refused(ack.reason)),
            Packet::Disconnect(end) => return Err(refused(end.reason_code)),
            _ => {}
        }
    }
}

async fn perform_v4(admitted: &Admitted, task: &Task) -> Result<Answer, Ended> {
    use v4::{ConnectReturnCode, Event, Packet, QoS, SubscribeReasonCode};
    let address = admitted.address();
    let mut options = v4::MqttOptions::new(client_id(), address.ip().to_string(), address.port());
    let packet_bytes_max = limits::ANSWER_BYTES_MAX.saturating_add(OVERHEAD_BYTES);
    options.set_keep_alive(KEEP_ALIVE).set_clean_session(true).set_max_packet_size(packet_bytes_max, packet_bytes_max);
    if let Some((user, password)) = &task.login {
        options.set_credentials(user, password);
    }
    let (client, mut events) = v4::AsyncClient::new(options, REQUESTS_MAX);
    loop {
        let packet = match events.poll().await {
            Ok(Event::Incoming(packet)) => packet,
            Ok(Event::Outgoing(_)) => continue,
            Err(v4::ConnectionError::ConnectionRefused(ConnectReturnCode::RefusedProtocolVersion)) => {
                return Err(Ended::OtherVersion);
            }
            Err(v4::ConnectionError::ConnectionRefused(code)) => return Err(refused(code)),
            Err(error) => return Err(unreachable(error)),
        };
        match packet {
            Packet::ConnAck(_) => {
                let sent = match &task.payload {
                    None => client.subscribe(&task.topic, QoS::AtLeastOnce).await,
                    Some(payload) => {
                        client.publish(task.topic.clone(), QoS::AtLeastOnce, task.retain, payload.clone()).await
                    }
                };
                sent.map_err(unreachable)?;
            }
            Packet::SubAck(ack) => {
                let granted = ack.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_)));
                if !granted {
                    return Err(refused(ack.return_codes));
                }
            }
            Packet::Publish(message) => return answer(message.payload, None),
            Packet::PubAck(_) => return answer(bytes::Bytes::new(), None),
            _ => {}
        }
    }
}
