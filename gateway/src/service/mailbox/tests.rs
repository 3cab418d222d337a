use super::*;
use crate::subscription::{Settlement, Window};

const THING: B256 = B256::repeat_byte(1);

fn message(sequence: u64, bytes: usize) -> IThings::Message {
    IThings::Message {
        thing: THING,
        sequence,
        observedAtMs: 1,
        mappingId: B256::ZERO,
        payload: vec![0; bytes].into(),
        signature: vec![0; 64].into(),
    }
}

/// A mailbox of the only gateway, and the broker's side.
struct World {
    mailbox: Mailbox,
    broker: Window,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self { mailbox: Mailbox::default(), broker: Window::new(), now: Instant::now() }
    }

    fn put(&mut self, message: IThings::Message, doubtful: bool) {
        let receipt = self.broker.put(bytes::Bytes::new(), None).receipt;
        let own = Address::repeat_byte(1);
        self.mailbox.put(message, receipt, (&[own], own), (self.now, doubtful));
    }

    fn send(&mut self) -> Vec<u64> {
        let batch = self.mailbox.batch(self.now, BATCH_MESSAGES_MAX).messages;
        let keys: Vec<Key> = batch.iter().map(|message| (message.thing, message.sequence)).collect();
        self.mailbox.set_sent(&keys);
        keys.into_iter().map(|(_, sequence)| sequence).collect()
    }
}

#[tokio::test]
async fn a_message_is_acknowledged_when_a_block_has_it_and_not_before() {
    let mut world = World::new();
    world.put(message(1, 10), false);
    world.put(message(2, 10), false);
    assert_eq!(world.send(), [1, 2]);
    assert_eq!(world.send(), [0u64; 0], "on their way");
    assert!(world.mailbox.published((THING, 2)));
    assert_eq!(world.broker.settled().await, Settlement { number: 1, bytes: 0, accepted: true });
    assert_eq!(world.mailbox.len(), 1);
    assert!(!world.mailbox.published((THING, 2)), "once");
}

#[tokio::test]
async fn a_message_that_came_twice_is_sent_once_and_acknowledged_twice() {
    let mut world = World::new();
    world.put(message(1, 10), false);
    world.put(message(1, 10), false);
    assert_eq!(world.send(), [1]);
    world.mailbox.published((THING, 1));
    for number in [0, 1] {
        assert_eq!(world.broker.settled().await, Settlement { number, bytes: 0, accepted: true });
    }
}

#[tokio::test]
async fn what_is_skipped_for_good_is_acknowledged_and_what_is_too_early_sent_again() {
    let mut world = World::new();
    world.put(message(1, 10), false);
    world.put(message(2, 10), false);
    assert_eq!(world.mailbox.skipped((THING, 1), 4, world.now), Skipped::Unknown, "it was not sent from here");
    world.send();
    assert_eq!(world.mailbox.skipped((THING, 1), 4, world.now), Skipped::ForGood);
    assert_eq!(world.broker.settled().await, Settlement { number: 0, bytes: 0, accepted: true });
    assert_eq!(world.mailbox.skipped((THING, 2), FUTURE, world.now), Skipped::TooEarly);
    assert!(world.send().is_empty());
    world.now += TOO_EARLY_AGAIN;
    assert_eq!(world.send(), [2]);
}

#[test]
fn what_a_transaction_left_behind_is_looked_for_and_sent_again() {
    let mut world = World::new();
    world.put(message(1, 10), false);
    world.send();
    world.mailbox.sent_in_vain(&[(THING, 1)], world.now);
    world.now += TAKEOVER;
    assert!(world.send().is_empty(), "it may be there already");
    assert_eq!(world.mailbox.doubtful(world.now), [(THING, 1)]);
    world.mailbox.is_new((THING, 1));
    world.put(message(2, 10), false);
    assert!(world.mailbox.batch(world.now, BATCH_MESSAGES_MAX).is_retried);
    assert_eq!(world.send(), [1, 2]);
    world.put(message(3, 10), false);
    assert!(!world.mailbox.batch(world.now, BATCH_MESSAGES_MAX).is_retried, "one that did not fail");
}

#[test]
fn after_a_start_messages_are_looked_for_before_they_are_sent() {
    let mut world = World::new();
    world.put(message(1, 10), true);
    assert!(world.send().is_empty());
    assert_eq!(world.mailbox.doubtful(world.now), [(THING, 1)]);
}

#[test]
fn other_gateways_wait_for_their_turn() {
    let gateways: Vec<_> = (1..=4).map(Address::repeat_byte).collect();
    let now = Instant::now();
    let due = |seconds: u64, sequence: u64| {
        let now_then = now + Duration::from_secs(seconds);
        let of = |own: &Address| {
            let (mut mailbox, mut broker) = (Mailbox::default(), Window::new());
            let receipt = broker.put(bytes::Bytes::new(), None).receipt;
            mailbox.put(message(sequence, 1), receipt, (&gateways, *own), (now, false));
            mailbox.doubtful(now_then).len() + mailbox.batch(now_then, 1).messages.len()
        };
        gateways.iter().map(of).sum::<usize>()
    };
    for sequence in 0..20 {
        assert_eq!(due(0, sequence), 1, "one sends at once");
        assert_eq!(due(TAKEOVER.as_secs(), sequence), 2, "the next one on silence");
        assert_eq!(due(3 * TAKEOVER.as_secs(), sequence), 4);
    }
}

#[test]
fn batches_end_at_the_limits_of_messages_and_of_bytes() {
    let mut world = World::new();
    let most = u64::try_from(BATCH_MESSAGES_MAX).unwrap();
    for sequence in 0..=most {
        world.put(message(sequence, 1), false);
    }
    assert_eq!(world.send().len(), BATCH_MESSAGES_MAX);
    assert_eq!(world.send(), [most]);

    let mut world = World::new();
    let large = BATCH_BYTES_MAX / 4 - 9 * 32 - 64;
    for sequence in 0..5 {
        world.put(message(sequence, large), false);
    }
    assert_eq!(world.send(), [0, 1, 2, 3]);
    assert_eq!(world.send(), [4]);
}

#[test]
fn messages_are_held_up_to_the_limit() {
    let mut world = World::new();
    let most = u64::try_from(MAILBOX_MAX).unwrap();
    for sequence in 0..most {
        assert!(world.mailbox.has_room());
        world.put(message(sequence, 1), false);
    }
    assert!(!world.mailbox.has_room());
    world.mailbox.published((THING, 0));
    assert!(world.mailbox.has_room());
}
