//! AMQP 0-9-1, as RabbitMQ and others speak it.
//!
//! | operation | what happens |
//! |---|---|
//! | read | a request that does not outlive the attempt, and the reply to it |
//! | write, invoke | a persistent message; done when the broker confirms that it is in a queue, or, with `amqv:reply`, when the thing replied |
//! | observe, subscribe | a durable queue, each message acknowledged when somebody vouched for it |
//!
//! Every request has the idempotency key as its `message-id` and `correlation-id`, the operation as its `type`; a reply goes to
//! the queue in `reply-to` and repeats the `correlation-id`. A form names the thing's queue, which is declared durable if it is
//! not there, so that commands wait for a thing that is away; or an exchange of the broker's administrator with a routing key.
mod meter;
mod stream;

use crate::{
    bindings::{Answer, Exchange, Reach},
    error::{Failure, FailureCode},
    limits,
    policy::Admitted,
    subscription::{Line, Window},
    thing::{Operation, Security},
    wire,
};
use async_rs::Runtime;
use bytes::Bytes;
use futures_util::StreamExt;
use lapin::{
    AsyncTcpStream, BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ErrorKind,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{FieldTable, ShortString},
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism},
};
use meter::{MessageTooLarge, Meter};
use std::{collections::BTreeMap, convert::Infallible, sync::Mutex};
use stream::{Leash, MeteredStream, Sealed};

/// A frame: the library keeps buffers of a multiple of it for each connection.
const FRAME_BYTES_MAX: u32 = 16 * 1024;
/// Seconds between signs of life.
const HEARTBEAT_SECONDS: u16 = 30;
/// A message of a subscription that is read, and put aside if it is more than the chain takes. A longer one is not read at all:
/// the queue stands still until somebody removes it.
const READ_BYTES_MAX: usize = limits::UNSETTLED_BYTES_MAX / 2;
/// A message that survives a broker's restart.
const PERSISTENT: u8 = 2;

/// Performs an exchange.
///
/// # Errors
/// [`Failure`] with the code that the chain is told.
pub(crate) async fn perform(reach: &Reach, admitted: &Admitted, exchange: &Exchange) -> Result<Answer, Failure> {
    let place = Place::of(admitted)?;
    let meter = Meter::new(limits::ANSWER_BYTES_MAX, limits::ANSWER_BYTES_MAX);
    let link = Link::open(reach, admitted, exchange, &place, meter.clone()).await?;
    let mut channel = link.channel().await?;
    if let Place { queue: Some(queue), .. } = &place {
        channel = declare(&link, channel, queue).await?;
    }
    channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failure)?;
    let is_read = exchange.operation == Operation::ReadProperty;
    let wants_reply = is_read || exchange.form.terms.get("amqv:reply") == Some(&serde_json::Value::Bool(true));
    let key = short(&exchange.key_text())?;
    let mut properties = BasicProperties::default()
        .with_message_id(key.clone())
        .with_correlation_id(key.clone())
        .with_type(short(exchange.operation.name())?)
        .with_content_type(short(&exchange.form.content_type)?);
    if is_read {
        // Nobody waits for the reply any longer.
        let attempt_ms = reach.policy.config().attempt_timeout.as_millis();
        properties = properties.with_expiration(short(&attempt_ms.to_string())?);
    } else {
        properties = properties.with_delivery_mode(PERSISTENT);
    }
    let mut replies = None;
    if wants_reply {
        let (queue, consumer) = reply_queue(&channel).await?;
        properties = properties.with_reply_to(queue);
        replies = Some(consumer);
    }
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let (name, routing_key) = place.destination()?;
    let body = exchange.body.as_deref().unwrap_or_default();
    let confirm = channel.basic_publish(name, routing_key, options, body, properties).await.map_err(failure)?;
    let confirmed = async {
        match confirm.await.map_err(failure)? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Failure::unreachable("no queue takes what is sent to the thing")),
            _ => Err(Failure::unreachable("the broker did not take the message")),
        }
    };
    let Some(mut replies) = replies else {
        confirmed.await?;
        return Ok(Answer { content_type: None, body: Bytes::new() });
    };
    let replied = async {
        loop {
            let delivery = next(&mut replies).await?;
            meter.release(delivery.data.len());
            if delivery.properties.correlation_id().as_ref() == Some(&key) {
                return Ok(Answer { content_type: content_type(&delivery), body: delivery.data.into() });
            }
        }
    };
    // At the same time: replies may come first, and while too many of them wait the confirmation is not read either.
    let ((), answer) = tokio::try_join!(confirmed, replied)?;
    Ok(answer)
}

/// Follows a queue until the connection fails. An exchange is followed through a durable queue named `session`.
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
    let meter = Meter::new(READ_BYTES_MAX, limits::UNSETTLED_BYTES_MAX);
    let opening = async {
        let place = Place::of(admitted)?;
        let link = Link::open(reach, admitted, exchange, &place, meter.clone()).await?;
        let channel = link.channel().await?;
        let (channel, consumer) = consume(&link, channel, &place, session).await?;
        Ok::<_, Failure>((link, channel, consumer))
    };
    let limit = reach.policy.config().attempt_timeout;
    let opened = tokio::time::timeout(limit, opening).await.map_err(|_| Failure::timeout())?;
    // Link and channel stay open as long as they are held.
    let (_link, _channel, mut consumer) = opened?;
    line.established = true;
    let outlet = line.outlet();
    let mut window = Window::new();
    let mut ackers = BTreeMap::new();
    let mut next_number = 0_u64;
    let mut waiting: Option<Delivery> = None;
    loop {
        tokio::select! {
            delivery = next(&mut consumer), if waiting.is_none() && !window.is_full() => {
                let delivery = match delivery {
                    Err(failure) if failure.code == FailureCode::TooLarge => {
                        // Somebody will take it out of the queue; until then each try is in vain, and pauses grow.
                        line.established = false;
                        return Err(Failure { transient: true, ..failure });
                    }
                    other => other?,
                };
                if delivery.data.len() > limits::UPLINK_BYTES_MAX {
                    // It would come again for ever, and the chain cannot take it: to the queue's dead letters.
                    let options = BasicNackOptions { requeue: false, ..Default::default() };
                    delivery.acker.nack(options).await.map_err(failure)?;
                    meter.release(delivery.data.len());
                    line.complain(Failure { transient: true, ..Failure::too_large_for(limits::UPLINK_BYTES_MAX) });
                } else {
                    waiting = Some(delivery);
                }
            }
            room = outlet.room(), if waiting.is_some() => {
                let room = room?;
                if let Some(delivery) = waiting.take() {
                    let content_type = content_type(&delivery);
                    ackers.insert(next_number, delivery.acker);
                    next_number = next_number.saturating_add(1);
                    room.send(Ok(window.put(delivery.data.into(), content_type)));
                }
            }
            settlement = window.settled() => {
                meter.release(settlement.bytes);
                let Some(acker) = ackers.remove(&settlement.number) else { continue };
                if settlement.accepted {
                    acker.ack(BasicAckOptions::default()).await.map_err(failure)?;
                } else {
                    let options = BasicNackOptions { requeue: true, ..Default::default() };
                    acker.nack(options).await.map_err(failure)?;
                    // The broker would deliver it again at once.
                    return Err(Failure::unreachable("a message was given back: it comes again after a pause"));
                }
            }
        }
    }
}

/// Where a form points at a broker.
struct Place {
    vhost: String,
    queue: Option<String>,
    exchange: String,
    routing_key: String,
}

impl Place {
    fn of(admitted: &Admitted) -> Result<Self, Failure> {
        let names = admitted.target().names()?;
        Ok(match names.as_slice() {
            [vhost, queue] => Self {
                vhost: vhost.clone(),
                queue: Some(queue.clone()),
                // The default exchange brings a message to the queue of its key.
                exchange: String::new(),
                routing_key: queue.clone(),
            },
            [vhost, exchange, key] => {
                Self { vhost: vhost.clone(), queue: None, exchange: exchange.clone(), routing_key: key.clone() }
            }
            _ => {
                return Err(Failure::malformed("an amqp form names a queue, or an exchange and perhaps a routing key"));
            }
        })
    }

    fn destination(&self) -> Result<(ShortString, ShortString), Failure> {
        Ok((short(&self.exchange)?, short(&self.routing_key)?))
    }
}

/// A connection, which ends with it.
struct Link {
    connection: Connection,
    /// After the connection, so that this may still say goodbye.
    _leash: Leash,
}

impl Link {
    async fn open(
        reach: &Reach,
        admitted: &Admitted,
        exchange: &Exchange,
        place: &Place,
        meter: Meter,
    ) -> Result<Self, Failure> {
        let target = admitted.target();
        let security = &exchange.form.security;
        let login = reach.policy.login(target, security)?;
        let by_certificate = login.is_none()
            && target.scheme.has_tls()
            && reach.policy.has_certificate(&target.host)
            && security.iter().all(|scheme| *scheme == Security::Nothing);
        let (username, password) = login.unwrap_or_else(|| ("guest".to_owned(), "guest".to_owned()));
        let uri = AMQPUri {
            // TLS is spoken below the library.
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username, password },
                host: target.host.to_string(),
                port: target.port,
            },
            vhost: place.vhost.clone(),
            query: AMQPQueryString {
                frame_max: Some(FRAME_BYTES_MAX),
                heartbeat: Some(HEARTBEAT_SECONDS),
                auth_mechanism: Some(if by_certificate { SASLMechanism::External } else { SASLMechanism::Plain }),
                ..Default::default()
            },
        };
        let wire = wire::connect(reach, admitted).await?;
        let (stream, leash) = MeteredStream::new(wire, meter);
        let stream = Mutex::new(Some(stream));
        // The library asks once; it is not told to connect again by itself.
        let connect = async move |_: AMQPUri, _: Runtime<Sealed>| {
            let stream = stream.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            let gone = || lapin::Error::from(std::io::Error::from(std::io::ErrorKind::NotConnected));
            stream.map(AsyncTcpStream::Plain).ok_or_else(gone)
        };
        let runtime = Runtime::new(Sealed::current());
        let connection = Connection::connector(uri, runtime, connect, ConnectionProperties::default()).await;
        Ok(Self { connection: connection.map_err(failure)?, _leash: leash })
    }

    async fn channel(&self) -> Result<Channel, Failure> {
        self.connection.create_channel().await.map_err(failure)
    }
}

/// Makes sure that a queue is there: as it is, or durable if it is not. Returns a channel that is open.
async fn declare(link: &Link, channel: Channel, queue: &str) -> Result<Channel, Failure> {
    let name = short(queue)?;
    let as_it_is = QueueDeclareOptions::durable().passive();
    match channel.queue_declare(name.clone(), as_it_is, FieldTable::default()).await {
        Ok(_) => Ok(channel),
        // The broker closes a channel that asks for what is not there.
        Err(error) if code(&error) == Some(NOT_FOUND) => {
            let channel = link.channel().await?;
            let declared = channel.queue_declare(name, QueueDeclareOptions::durable(), FieldTable::default()).await;
            declared.map_err(failure)?;
            Ok(channel)
        }
        Err(error) => Err(failure(error)),
    }
}

async fn consume(link: &Link, channel: Channel, place: &Place, session: &str) -> Result<(Channel, Consumer), Failure> {
    let queue = place.queue.as_deref().unwrap_or(session);
    let channel = declare(link, channel, queue).await?;
    let name = short(queue)?;
    if place.queue.is_none() {
        let (exchange, key) = place.destination()?;
        let bound = channel.queue_bind(name.clone(), exchange, key, QueueBindOptions::default(), FieldTable::default());
        bound.await.map_err(failure)?;
    }
    let prefetch = u16::try_from(limits::UNSETTLED_MAX).unwrap_or(u16::MAX);
    channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(failure)?;
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(name, short("")?, options, FieldTable::default()).await.map_err(failure)?;
    Ok((channel, consumer))
}

/// A queue for the replies to this connection, gone with it.
async fn reply_queue(channel: &Channel) -> Result<(ShortString, Consumer), Failure> {
    let options = QueueDeclareOptions::exclusive().auto_delete();
    let queue = channel.queue_declare(short("")?, options, FieldTable::default()).await.map_err(failure)?;
    let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..Default::default() };
    let name = queue.name().clone();
    let consumer = channel.basic_consume(name.clone(), short("")?, options, FieldTable::default()).await;
    Ok((name, consumer.map_err(failure)?))
}

async fn next(consumer: &mut Consumer) -> Result<Delivery, Failure> {
    match consumer.next().await {
        Some(delivery) => delivery.map_err(failure),
        None => Err(Failure::unreachable("the broker ends the consumer")),
    }
}

fn content_type(delivery: &Delivery) -> Option<String> {
    delivery.properties.content_type().as_ref().map(|kind| kind.as_str().to_owned())
}

fn short(text: &str) -> Result<ShortString, Failure> {
    ShortString::try_new(text).map_err(|_| Failure::malformed("a name has more than 255 bytes"))
}

/// Reply codes of the protocol (AMQP 0-9-1, 1.2) that mean that the broker is going away or has no room.
const TRANSIENT_CODES: [u16; 4] = [311, 320, 506, 541];
const NOT_FOUND: u16 = 404;

/// What the broker says, if it said something.
fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(said) => Some(said.get_id()),
        _ => None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn failure(error: lapin::Error) -> Failure {
    match error.kind() {
        ErrorKind::ProtocolError(said) if !TRANSIENT_CODES.contains(&said.get_id()) => {
            Failure::refused(format!("the broker refuses: {said}"))
        }
        ErrorKind::IOError(io) if io.get_ref().is_some_and(|inner| inner.is::<MessageTooLarge>()) => {
            Failure::new(FailureCode::TooLarge, io.to_string())
        }
        _ => Failure::unreachable(error.to_string()),
    }
}
