//! Following a resource (RFC 7641).
//!
//! A notification that the thing wants confirmed is acknowledged when somebody vouched for it: until then the thing sends it
//! again. The registration is renewed before the thing's last word grows stale, so that one that forgot its observers, as after
//! a restart, is found again.
use super::{
    message::{self, request},
    receive_body, refuse_security,
    socket::{Registration, Socket},
};
use crate::{
    bindings::{Answer, Exchange},
    error::Failure,
    limits,
    policy::Admitted,
    subscription::{Line, Window},
    thing::Operation,
};
use coap_lite::{CoapOption, MessageType, Packet, RequestType};
use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// Age of a state that a thing says nothing about (RFC 7252, 5.10.5), and the longest after which it is asked again.
const RENEWAL_SECONDS_MAX: u32 = 60;
/// The shortest: a thing whose word is stale at once is not asked without end.
const RENEWAL_SECONDS_MIN: u32 = 5;
/// Time after which any notification is newer (RFC 7641, 3.4).
const ORDER_LASTS: Duration = Duration::from_secs(128);
/// Notifications whose repetitions are known (repetitions come within EXCHANGE_LIFETIME, but a thing has few on the way).
const REMEMBERED_MAX: usize = 64;

/// Follows a resource until the thing is lost.
///
/// # Errors
/// [`Failure`], always; refused by the thing if the resource cannot be observed.
pub(crate) async fn follow(admitted: &Admitted, exchange: &Exchange, line: &mut Line) -> Result<Infallible, Failure> {
    refuse_security(exchange)?;
    let mut observation = Observation::new(admitted, exchange).await?;
    let outlet = line.outlet();
    let mut window = Window::new();
    // Of what is out, by number: what to acknowledge, if the thing waits for it.
    let mut out: BTreeMap<u64, Option<Packet>> = BTreeMap::new();
    let mut next_number = 0_u64;
    let mut waiting: Option<(Answer, Option<Packet>)> = None;
    loop {
        tokio::select! {
            state = observation.next(), if waiting.is_none() && !window.is_full() => {
                waiting = Some(state?);
                line.established = true;
            }
            room = outlet.room(), if waiting.is_some() => {
                let room = room?;
                if let Some((answer, confirmable)) = waiting.take() {
                    out.insert(next_number, confirmable);
                    next_number = next_number.saturating_add(1);
                    room.send(Ok(window.put(answer.body, answer.content_type)));
                }
            }
            settlement = window.settled() => {
                let Some(confirmable) = out.remove(&settlement.number) else { continue };
                if !settlement.accepted {
                    return Err(Failure::unreachable("a message was given back: the observation begins anew"));
                }
                if let Some(packet) = confirmable {
                    observation.acknowledge(&packet).await?;
                }
            }
        }
    }
}

/// One observation of a resource.
struct Observation {
    socket: Socket,
    template: Packet,
    /// Events are told apart; of a property only the newest state counts.
    is_state: bool,
    registration: Option<Registration>,
    renewal: Instant,
    last: Option<(u32, Instant)>,
    last_body: Option<Answer>,
    /// Message ids of notifications that were seen, and whether they are acknowledged.
    seen: VecDeque<(u16, bool)>,
    /// A notification whose later blocks are still to be fetched.
    begun: Option<Packet>,
}

impl Observation {
    async fn new(admitted: &Admitted, exchange: &Exchange) -> Result<Self, Failure> {
        let mut socket = Socket::connect(admitted.address()).await?;
        let template = request(admitted.target(), RequestType::Get)?;
        let registration = Some(socket.register(registering(&template))?);
        Ok(Self {
            socket,
            template,
            is_state: exchange.operation == Operation::ObserveProperty,
            registration,
            renewal: renewal(RENEWAL_SECONDS_MAX),
            last: None,
            last_body: None,
            seen: VecDeque::new(),
            begun: None,
        })
    }

    /// The next state or event, and what to acknowledge for it. May be cancelled: a notification that was begun is gone on with.
    async fn next(&mut self) -> Result<(Answer, Option<Packet>), Failure> {
        loop {
            if let Some(packet) = self.begun.clone() {
                let fetched = receive_body(&mut self.socket, &self.template, packet.clone(), limits::UPLINK_BYTES_MAX);
                let answer = fetched.await;
                self.begun = None;
                let answer = answer?;
                // What a renewal answers is known already.
                if packet.header.get_type() == MessageType::Acknowledgement && self.last_body.as_ref() == Some(&answer)
                {
                    continue;
                }
                let confirmable = (packet.header.get_type() == MessageType::Confirmable).then_some(packet);
                self.last_body = Some(answer.clone());
                return Ok((answer, confirmable));
            }
            let wake = self.registration.as_ref().map_or(self.renewal, Registration::next);
            tokio::select! {
                packet = self.socket.next() => self.take(packet?).await?,
                () = sleep_until(wake) => match &mut self.registration {
                    Some(registration) => self.socket.repeat(registration).await?,
                    None => self.registration = Some(self.socket.register(registering(&self.template))?),
                },
            }
        }
    }

    /// Sorts a message in; a notification that counts becomes the one that is begun.
    async fn take(&mut self, packet: Packet) -> Result<(), Failure> {
        let kind = packet.header.get_type();
        let is_answer = self.registration.as_ref().is_some_and(|asked| asked.id == packet.header.message_id)
            && matches!(kind, MessageType::Acknowledgement | MessageType::Reset);
        if is_answer {
            if kind == MessageType::Reset {
                return Err(Failure::refused("the thing resets"));
            }
            self.registration = None;
            self.renewal = renewal(RENEWAL_SECONDS_MAX);
        }
        if !self.socket.is_notification(&packet) {
            return self.socket.reject(&packet).await;
        }
        if kind == MessageType::Acknowledgement && !is_answer {
            return Ok(());
        }
        // Whatever the thing says under the token shows that it heard.
        self.registration = None;
        if kind == MessageType::Confirmable {
            match self.seen.iter().find(|(id, _)| *id == packet.header.message_id) {
                // Sent again because nobody vouched for it yet.
                Some((_, false)) => return Ok(()),
                Some((_, true)) => return self.socket.acknowledge(&packet).await,
                None => {
                    self.seen.push_back((packet.header.message_id, false));
                    if self.seen.len() > REMEMBERED_MAX {
                        self.seen.pop_front();
                    }
                }
            }
        }
        self.renewal = renewal(message::max_age(&packet).unwrap_or(RENEWAL_SECONDS_MAX));
        let Some(sequence) = message::sequence(&packet) else {
            // The last word of an observation: an error, or a state that is not followed.
            self.socket.acknowledge(&packet).await?;
            receive_body(&mut self.socket, &self.template, packet, limits::UPLINK_BYTES_MAX).await?;
            return Err(match self.last {
                None => Failure::refused("the resource cannot be observed"),
                Some(_) => Failure::unreachable("the thing ended the observation"),
            });
        };
        let is_stale = self.last.is_some_and(|(last, when)| {
            !is_answer && when.elapsed() < ORDER_LASTS && !message::is_newer(last, sequence)
        });
        if is_stale && self.is_state {
            return self.acknowledge(&packet).await;
        }
        if !is_stale {
            self.last = Some((sequence, Instant::now()));
        }
        self.begun = Some(packet);
        Ok(())
    }

    /// Tells the thing that a notification need not come again.
    async fn acknowledge(&mut self, packet: &Packet) -> Result<(), Failure> {
        for (id, acknowledged) in &mut self.seen {
            *acknowledged |= *id == packet.header.message_id;
        }
        self.socket.acknowledge(packet).await
    }
}

fn registering(template: &Packet) -> Packet {
    let mut packet = template.clone();
    packet.add_option(CoapOption::Observe, Vec::new());
    packet
}

fn renewal(seconds: u32) -> Instant {
    let seconds = seconds.clamp(RENEWAL_SECONDS_MIN, RENEWAL_SECONDS_MAX);
    Instant::now() + Duration::from_secs(u64::from(seconds))
}
