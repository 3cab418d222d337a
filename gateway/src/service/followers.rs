//! [`Followers`]: subscriptions to the events and properties of the things that name this gateway.
use super::{
    chain::{Chain, RegisteredThing},
    limits::{ARRIVED_MAX, FOLLOW_AGAIN, FOLLOWED_MAX, LOOKED_UP_MAX, SAME_TROUBLE_AGAIN, THING_BLOCKS_MAX},
};
use crate::{Bindings, Failure, GatewayError, Operation, Receipt, Subscription, Thing};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolEvent;
use pervade_evm_ext::things::IThings;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::AbortHandle};

/// A message that came, not read yet.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// The thing whose form brought it.
    pub(crate) thing: B256,
    pub(crate) body: Bytes,
    pub(crate) receipt: Receipt,
}

/// A thing that is followed.
struct Followed {
    registered: RegisteredThing,
    tasks: Vec<AbortHandle>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Subscriptions of this gateway.
pub(crate) struct Followers {
    own: Address,
    bindings: Arc<Bindings>,
    things: BTreeMap<B256, Followed>,
    arrivals: mpsc::Sender<Arrived>,
    looked_up: mpsc::Sender<(B256, Option<RegisteredThing>)>,
}

/// What followers tell the service.
pub(crate) struct FollowerEvents {
    pub(crate) arrivals: mpsc::Receiver<Arrived>,
    pub(crate) looked_up: mpsc::Receiver<(B256, Option<RegisteredThing>)>,
}

impl Followers {
    pub(crate) fn new(own: Address, bindings: Arc<Bindings>) -> (Self, FollowerEvents) {
        let (arrivals, arrived) = mpsc::channel(ARRIVED_MAX);
        let (looked_up, found) = mpsc::channel(LOOKED_UP_MAX);
        let followers = Self { own, bindings, things: BTreeMap::new(), arrivals, looked_up };
        (followers, FollowerEvents { arrivals: arrived, looked_up: found })
    }

    /// Subscriptions that stand.
    pub(crate) fn len(&self) -> usize {
        self.things.values().flat_map(|followed| &followed.tasks).filter(|task| !task.is_finished()).count()
    }

    /// Gateways of a followed thing.
    pub(crate) fn gateways(&self, thing: B256) -> &[Address] {
        self.things.get(&thing).map(|followed| followed.registered.gateways.as_slice()).unwrap_or_default()
    }

    /// Looks all things up that were ever registered, in the background: those in blocks up to `head`.
    pub(crate) fn look_for_all(&self, chain: Chain, head: u64) {
        let found = self.looked_up.clone();
        tokio::spawn(async move {
            let mut known = BTreeSet::new();
            let mut from = 0;
            while from <= head {
                let to = from.saturating_add(THING_BLOCKS_MAX.saturating_sub(1)).min(head);
                let things = match registered_in(&chain, from, to).await {
                    Ok(things) => things,
                    Err(error) => {
                        tracing::warn!(%error, from, to, "the registered things cannot be listed");
                        return;
                    }
                };
                for thing in things.into_iter().filter(|thing| known.insert(*thing)).collect::<Vec<_>>() {
                    if look_up(&chain, thing, &found).await.is_err() {
                        return;
                    }
                }
                from = to.saturating_add(1);
            }
        });
    }

    /// Looks these up again, in the background: they have changed.
    pub(crate) fn look_again(&self, chain: Chain, things: BTreeSet<B256>) {
        if things.is_empty() {
            return;
        }
        let found = self.looked_up.clone();
        tokio::spawn(async move {
            for thing in things {
                if look_up(&chain, thing, &found).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Follows a thing as it is now registered, or not any more.
    pub(crate) fn set(&mut self, id: B256, registered: Option<RegisteredThing>) {
        let Some(registered) = registered.filter(|thing| thing.gateways.contains(&self.own)) else {
            self.things.remove(&id);
            return;
        };
        if let Some(followed) = self.things.get_mut(&id)
            && followed.registered.description == registered.description
        {
            followed.registered.gateways = registered.gateways;
            return;
        }
        self.things.remove(&id);
        let tasks = self.follow(id, &registered);
        self.things.insert(id, Followed { registered, tasks });
    }

    fn follow(&self, id: B256, registered: &RegisteredThing) -> Vec<AbortHandle> {
        let mut tasks = Vec::new();
        let Ok(thing) = Thing::parse(registered.description.as_bytes()) else { return tasks };
        for (operation, affordance) in thing.followed() {
            if self.len().saturating_add(tasks.len()) >= FOLLOWED_MAX {
                tracing::warn!(thing = %id, limit = FOLLOWED_MAX, "no more things can be followed");
                break;
            }
            let way = Way {
                id,
                thing: thing.clone(),
                operation,
                affordance,
                gateway: self.own.to_string(),
                bindings: self.bindings.clone(),
                arrivals: self.arrivals.clone(),
                pause: FOLLOW_AGAIN,
            };
            let task = tokio::spawn(way.follow());
            tasks.push(task.abort_handle());
        }
        tasks
    }
}

/// From one event or property of a thing to the service.
struct Way {
    id: B256,
    thing: Thing,
    operation: Operation,
    affordance: String,
    gateway: String,
    bindings: Arc<Bindings>,
    arrivals: mpsc::Sender<Arrived>,
    pause: Duration,
}

impl Way {
    /// Follows until the service ends, or until nothing but another description or configuration can help. Whatever comes from
    /// outside, as a refusal or a packet that is none, is no reason to give up.
    async fn follow(self) {
        let Self { bindings, thing, operation, affordance, gateway, .. } = &self;
        let mut trouble = Trouble::default();
        loop {
            // Finding a name may take its time, which nobody else waits for.
            let messages = match bindings.subscribe(thing, *operation, affordance, gateway).await {
                Ok(messages) => messages,
                Err(failure) => return self.warn(&failure, &mut trouble),
            };
            if self.forward(messages, &mut trouble).await.is_break() {
                return;
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    /// Hands messages over until their subscription ends, or the service does.
    async fn forward(&self, mut messages: Subscription, trouble: &mut Trouble) -> ControlFlow<()> {
        while let Some(next) = messages.next().await {
            match next {
                Ok(message) => {
                    *trouble = Trouble::default();
                    let arrived = Arrived { thing: self.id, body: Bytes(message.body), receipt: message.receipt };
                    if self.arrivals.send(arrived).await.is_err() {
                        return ControlFlow::Break(());
                    }
                }
                Err(failure) => self.warn(&failure, trouble),
            }
        }
        ControlFlow::Continue(())
    }

    fn warn(&self, failure: &Failure, trouble: &mut Trouble) {
        if trouble.is_new(&failure.to_string(), Instant::now()) {
            let (thing, affordance) = (self.id, &self.affordance);
            tracing::warn!(%thing, affordance, %failure, "a thing cannot be followed");
        }
    }
}

/// What was last told of a thing that cannot be followed, and when.
#[derive(Debug, Default)]
struct Trouble(Option<(String, Instant)>);

impl Trouble {
    /// Whether this is to be told: it is another trouble than before, or a while has passed.
    fn is_new(&mut self, trouble: &str, now: Instant) -> bool {
        let told = self.0.as_ref().filter(|(told, _)| told == trouble);
        let is_new = told.is_none_or(|(_, when)| now.saturating_duration_since(*when) >= SAME_TROUBLE_AGAIN);
        if is_new {
            self.0 = Some((trouble.to_owned(), now));
        }
        is_new
    }
}

async fn look_up(
    chain: &Chain,
    thing: B256,
    found: &mpsc::Sender<(B256, Option<RegisteredThing>)>,
) -> Result<(), GatewayError> {
    let registered = chain.thing(thing).await.inspect_err(|error| {
        tracing::warn!(%error, %thing, "a thing cannot be looked up");
    })?;
    // An error says that the service has ended.
    let _ = found.send((thing, registered)).await;
    Ok(())
}

/// Things that were registered in these blocks; in halves where there are too many logs for one answer.
async fn registered_in(chain: &Chain, from: u64, to: u64) -> Result<BTreeSet<B256>, GatewayError> {
    let mut things = BTreeSet::new();
    let mut ranges = vec![(from, to)];
    while let Some((from, to)) = ranges.pop() {
        match chain.logs(from, to, &[IThings::ThingRegistered::SIGNATURE_HASH]).await {
            Ok(logs) => things.extend(logs.iter().filter_map(|log| log.topics.get(1).copied())),
            Err(GatewayError::Refused { .. }) if from < to => {
                let middle = from.saturating_add(to.saturating_sub(from) >> 1);
                ranges.push((middle.saturating_add(1), to));
                ranges.push((from, middle));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(things)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_trouble_is_told_once_until_it_is_another_or_lasts() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        assert!(trouble.is_new("refused", start));
        assert!(!trouble.is_new("refused", start + SAME_TROUBLE_AGAIN - Duration::from_millis(1)));
        assert!(trouble.is_new("refused", start + SAME_TROUBLE_AGAIN));
        assert!(trouble.is_new("unreachable", start));
        assert!(trouble.is_new("refused", start));
    }

    #[tokio::test]
    async fn what_a_broker_does_is_tried_again_and_what_the_operator_forbids_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = |rule: &str| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("gateway.toml");
            std::fs::write(&file, format!("{rule}[[alias]]\nhost = 'broker.test'\naddress = '127.0.0.1'\n")).unwrap();
            let config = crate::GatewayConfig::read(&file).unwrap();
            let thing = format!(
                r#"{{"@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:t", "title": "t", "security": "none",
                "securityDefinitions": {{"none": {{"scheme": "nosec"}}}},
                "events": {{"e": {{"forms": [{{"href": "mqtt://broker.test:{port}/door"}}]}}}}}}"#
            );
            Way {
                id: B256::ZERO,
                thing: Thing::parse(thing.as_bytes()).unwrap(),
                operation: Operation::SubscribeEvent,
                affordance: "e".to_owned(),
                gateway: "g".to_owned(),
                bindings: Arc::new(Bindings::new(config, crate::SystemResolver).unwrap()),
                arrivals: mpsc::channel(1).0,
                pause: Duration::from_millis(1),
            }
        };
        // Nothing is allowed: it ends.
        way("").follow().await;
        let allowed = format!("[[allow]]\nscheme = 'mqtt'\nhost = 'broker.test'\nport = {port}\npath = '/**'\n");
        let following = tokio::spawn(way(&allowed).follow());
        // Of MQTT 5: "not authorized", then a welcome and a packet that is none; each twice, and once more to see it tried again.
        const REFUSAL: &[u8] = &[0x20, 3, 0, 0x87, 0];
        const NONSENSE: &[u8] = &[0x20, 3, 0, 0, 0, 0x00, 0];
        for answer in [REFUSAL, REFUSAL, NONSENSE, NONSENSE, REFUSAL] {
            let (mut broker, _) = listener.accept().await.unwrap();
            let _ = broker.read(&mut [0; 256]).await.unwrap();
            broker.write_all(answer).await.unwrap();
        }
        following.abort();
    }
}
