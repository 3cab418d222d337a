//! [`Followers`]: subscriptions to the events and properties of the things that name this gateway.
use super::{
    chain::{Chain, RegisteredThing},
    limits::{ARRIVED_MAX, FOLLOWED_MAX, LOOKED_UP_MAX, THING_BLOCKS_MAX},
};
use crate::{Bindings, Failure, GatewayError, Receipt, Thing};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolEvent;
use pervade_evm_ext::things::IThings;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
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
        self.things.values().map(|followed| followed.tasks.len()).sum()
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
            let (bindings, thing, name) = (self.bindings.clone(), thing.clone(), self.own.to_string());
            let arrivals = self.arrivals.clone();
            let task = tokio::spawn(async move {
                // Finding a name may take its time, which nobody else waits for.
                let mut messages = match bindings.subscribe(&thing, operation, &affordance, &name).await {
                    Ok(messages) => messages,
                    Err(failure) => return warn(id, &affordance, &failure),
                };
                while let Some(next) = messages.next().await {
                    match next {
                        Ok(message) => {
                            let arrived = Arrived { thing: id, body: Bytes(message.body), receipt: message.receipt };
                            if arrivals.send(arrived).await.is_err() {
                                return;
                            }
                        }
                        Err(failure) => warn(id, &affordance, &failure),
                    }
                }
            });
            tasks.push(task.abort_handle());
        }
        tasks
    }
}

fn warn(thing: B256, affordance: &str, failure: &Failure) {
    tracing::warn!(%thing, affordance, %failure, "a thing cannot be followed");
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
