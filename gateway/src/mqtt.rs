//! MQTT 5, and 3.1.1 where a broker speaks no more, with quality of service 1.
//!
//! Reading a property takes the first message of its topic, a retained one at once. A command is published. It is done when
//! the broker has it and somebody listens, or, if the form names a topic for responses (`mqv:responseTopic`), when the thing
//! answers there. The idempotency key travels as correlation data (MQTT 5), or as a member of a JSON object (3.1.1), and a
//! response repeats it in the same place.
mod connection;
mod packets;

use crate::{
    bindings::{Answer, Exchange, Reach},
    error::Failure,
    limits,
    policy::{Admitted, Policy},
    subscription::{Line, Window},
    thing::Operation,
    wire,
};
use bytes::Bytes;
use connection::Connection;
use packets::{Greeting, Incoming, KEEP_ALIVE_SECONDS, Post, Refusal, Version};
use rand::Rng;
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Pings without an answer of any kind, after which a link is taken for lost.
const QUIET_PINGS_MAX: u32 = 2;

/// Performs an exchange.
///
/// # Errors
/// [`Failure`] with the code that the chain is told.
pub(crate) async fn perform(reach: &Reach, admitted: &Admitted, exchange: &Exchange) -> Result<Answer, Failure> {
    let topic = topic(admitted)?;
    let response_topic = response_topic(&reach.policy, admitted, exchange)?;
    let greeting = Greeting {
        client_id: format!("pv{:020x}", rand::rng().random::<u64>()),
        login: reach.policy.login(admitted.target(), &exchange.form.security)?,
        keeps_session: false,
        payload_bytes_max: limits::ANSWER_BYTES_MAX,
    };
    let (mut connection, _) = open(reach, admitted, &greeting).await?;
    let answer = if exchange.operation == Operation::ReadProperty {
        read(&mut connection, &topic).await
    } else {
        command(&mut connection, exchange, topic, response_topic).await
    };
    connection.close().await;
    answer
}

async fn read(connection: &mut Connection, topic: &str) -> Result<Answer, Failure> {
    connection.subscribe(topic).await?;
    loop {
        match connection.next().await? {
            Incoming::Post(post) if post.topic == topic => return answer(post),
            Incoming::TooLarge { .. } => return Err(Failure::too_large()),
            Incoming::Refused(reason) => return Err(refused(&reason)),
            _ => {}
        }
    }
}

async fn command(
    connection: &mut Connection,
    exchange: &Exchange,
    topic: String,
    response_topic: Option<String>,
) -> Result<Answer, Failure> {
    if let Some(topic) = &response_topic {
        connection.subscribe(topic).await?;
        loop {
            match connection.next().await? {
                Incoming::Subscribed => break,
                Incoming::Refused(reason) => return Err(refused(&reason)),
                // Somebody else's response.
                _ => {}
            }
        }
    }
    let retain = exchange.form.terms.get("mqv:retain") == Some(&serde_json::Value::Bool(true));
    let payload = match connection.version() {
        Version::V5 => exchange.body.clone(),
        Version::V311 => exchange.body_with_key(),
    };
    let id = connection
        .publish(Post {
            topic,
            payload: payload.unwrap_or_default().into(),
            retain,
            id: 0,
            content_type: Some(exchange.form.content_type.clone()),
            response_topic: response_topic.clone(),
            correlation: Some(Bytes::copy_from_slice(&exchange.key)),
        })
        .await?;
    loop {
        match connection.next().await? {
            Incoming::Published { id: of } if of == id && response_topic.is_none() => return answer(Post::default()),
            // The broker has it, and keeps it for those who ask later.
            Incoming::Unheard if retain && response_topic.is_none() => return answer(Post::default()),
            Incoming::Unheard if retain => {}
            Incoming::Unheard => return Err(Failure::unreachable("nobody listens to the thing's topic")),
            Incoming::Refused(reason) => return Err(refused(&reason)),
            Incoming::TooLarge { .. } => return Err(Failure::too_large()),
            Incoming::Post(post) if response_topic.as_ref() == Some(&post.topic) => {
                let is_mine = match connection.version() {
                    Version::V5 => post.correlation.as_deref() == Some(&exchange.key[..]),
                    Version::V311 => exchange.is_named_in(&post.payload),
                };
                if is_mine {
                    return answer(post);
                }
            }
            _ => {}
        }
    }
}

/// Follows a topic until the connection fails, in a session that the broker keeps under `session`.
///
/// # Errors
/// [`Failure`], always.
pub(crate) async fn follow(
    reach: &Reach,
    admitted: &Admitted,
    exchange: &Exchange,
    session: &str,
    line: &mut Line,
) -> Result<Infallible, Failure> {
    let topic = topic(admitted)?;
    let greeting = Greeting {
        client_id: session.to_owned(),
        login: reach.policy.login(admitted.target(), &exchange.form.security)?,
        keeps_session: true,
        payload_bytes_max: limits::UPLINK_BYTES_MAX,
    };
    let opening = async {
        let (mut connection, _) = open(reach, admitted, &greeting).await?;
        // Also in a session that was kept: the broker may have lost it, or the rights to it may be gone.
        connection.subscribe(&topic).await?;
        Ok::<_, Failure>(connection)
    };
    let limit = reach.policy.config().attempt_timeout;
    let mut connection = tokio::time::timeout(limit, opening).await.map_err(|_| Failure::timeout())??;
    let outlet = line.outlet();
    let mut window = Window::new();
    let mut unsettled = Unsettled::default();
    let mut waiting: Option<Post> = None;
    let between = Duration::from_secs(u64::from(KEEP_ALIVE_SECONDS) / 2);
    let mut pings = interval_at(Instant::now() + between, between);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut quiet) = (Instant::now(), 0_u32);
    loop {
        let reads = waiting.is_none() && !window.is_full();
        tokio::select! {
            incoming = connection.next(), if reads => {
                (heard, quiet) = (Instant::now(), 0);
                match incoming? {
                    Incoming::Post(post) if post.payload.len() > limits::UPLINK_BYTES_MAX => {
                        line.complain(too_large());
                        acknowledge(&mut connection, post.id).await?;
                    }
                    Incoming::Post(post) => waiting = Some(post),
                    // It would come again for ever, and the chain cannot take it.
                    Incoming::TooLarge { id } => {
                        line.complain(too_large());
                        acknowledge(&mut connection, id).await?;
                    }
                    Incoming::Subscribed => line.established = true,
                    Incoming::Refused(reason) => return Err(refused(&reason)),
                    _ => {}
                }
            }
            room = outlet.room(), if waiting.is_some() => {
                let room = room?;
                if let Some(post) = waiting.take() {
                    unsettled.0.push_back((post.id, false));
                    room.send(Ok(window.put(post.payload, post.content_type)));
                }
            }
            settlement = window.settled() => {
                if !settlement.accepted {
                    return Err(Failure::unreachable("a message was given back: the session begins anew"));
                }
                for id in unsettled.settle(settlement.number) {
                    acknowledge(&mut connection, id).await?;
                }
            }
            _ = pings.tick() => {
                quiet = if reads { quiet.saturating_add(1) } else { 0 };
                if quiet > QUIET_PINGS_MAX {
                    return Err(Failure::unreachable(format!("nothing heard for {} s", heard.elapsed().as_secs())));
                }
                connection.ping().await?;
            }
        }
    }
}

/// Ids of messages that are out, oldest first, and whether they are settled: they are acknowledged in the order in which they
/// came (MQTT 5, 4.6).
#[derive(Default)]
struct Unsettled(VecDeque<(u16, bool)>, u64);

impl Unsettled {
    /// Settles the message with a number; the ids that can be acknowledged now.
    fn settle(&mut self, number: u64) -> Vec<u16> {
        let place = usize::try_from(number.saturating_sub(self.1)).unwrap_or(usize::MAX);
        if let Some((_, settled)) = self.0.get_mut(place) {
            *settled = true;
        }
        let mut ids = Vec::new();
        while let Some((id, true)) = self.0.front().copied() {
            self.0.pop_front();
            self.1 = self.1.saturating_add(1);
            ids.push(id);
        }
        ids
    }
}

/// Acknowledges what needs it.
async fn acknowledge(connection: &mut Connection, id: u16) -> Result<(), Failure> {
    if id == 0 { Ok(()) } else { connection.acknowledge(id).await }
}

/// Opens a connection in the newest version that the broker speaks.
async fn open(reach: &Reach, admitted: &Admitted, greeting: &Greeting) -> Result<(Connection, bool), Failure> {
    for version in [Version::V5, Version::V311] {
        let wire = wire::connect(reach, admitted).await?;
        match Connection::open(wire, version, greeting).await {
            Ok(opened) => return Ok(opened),
            Err(Refusal::Failed(failure)) => return Err(failure),
            Err(Refusal::OtherVersion) => {}
        }
    }
    Err(Failure::unsupported("the broker speaks neither MQTT 5 nor 3.1.1"))
}

/// The topic of a target, whose path holds it.
fn topic(admitted: &Admitted) -> Result<String, Failure> {
    Ok(admitted.target().names()?.join("/"))
}

/// Where the thing answers, if the form says; the operator's rules hold for it too.
fn response_topic(policy: &Policy, admitted: &Admitted, exchange: &Exchange) -> Result<Option<String>, Failure> {
    let Some(topic) = exchange.form.term("mqv:responseTopic") else { return Ok(None) };
    let mut target = admitted.target().clone();
    target.name_topic(topic)?;
    policy.list(&target)?;
    Ok(Some(topic.to_owned()))
}

fn refused(reason: &str) -> Failure {
    Failure::refused(format!("the broker refuses: {reason}"))
}

fn too_large() -> Failure {
    let failure = Failure::too_large_for(limits::UPLINK_BYTES_MAX);
    // The connection goes on.
    Failure { transient: true, ..failure }
}

fn answer(post: Post) -> Result<Answer, Failure> {
    if post.payload.len() > limits::ANSWER_BYTES_MAX {
        return Err(Failure::too_large());
    }
    Ok(Answer { content_type: post.content_type, body: post.payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_keep_the_order_of_arrival() {
        let mut unsettled = Unsettled(VecDeque::from([(7, false), (9, false), (8, false)]), 0);
        assert!(unsettled.settle(1).is_empty());
        assert_eq!(unsettled.settle(0), [7, 9]);
        unsettled.0.push_back((10, false));
        assert!(unsettled.settle(3).is_empty());
        assert!(unsettled.settle(3).is_empty());
        assert_eq!(unsettled.settle(2), [8, 10]);
        assert!(unsettled.settle(77).is_empty());
    }
}
