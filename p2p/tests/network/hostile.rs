//! Peers that mean harm. The node under attack never panics, its counts stay within their limits, and two honest nodes
//! keep talking through it.
use crate::node::{CHAIN_ID, GENESIS, Node, eventually, within};
use crate::stranger::{Outcome, Stranger, frame, status};
use libp2p::{Multiaddr, PeerId, identity::Keypair};
use pervade_p2p::{NetworkEvent, Topic, Verdict, limits};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinHandle};

/// Longest time for a message between honest nodes during an attack: below the round timeout of consensus.
const HONEST_DELAY_MAX: Duration = Duration::from_secs(3);
const PROTOCOLS: [&str; 8] = [
    "/meshsub/1.2.0",
    "/meshsub/1.1.0",
    "/meshsub/1.0.0",
    "/pervade/peers/1",
    "/pervade/sync/1",
    "/pervade/content/1",
    "/ipfs/id/1.0.0",
    "/ipfs/ping/1.0.0",
];

fn good() -> Stranger {
    with(PROTOCOLS[0])
}

fn with(protocol: &'static str) -> Stranger {
    Stranger::new(status(CHAIN_ID, GENESIS.0), protocol)
}

fn seeded() -> StdRng {
    let seed = rand::rng().random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// Two honest nodes, `victim` and a validator that it protects; they exchange messages until told to stop.
struct Honest {
    address: Multiaddr,
    victim: PeerId,
    handle: pervade_p2p::NetworkHandle,
    exchanged: Arc<AtomicUsize>,
    slowest: Arc<parking_lot::Mutex<Duration>>,
    task: JoinHandle<()>,
}

impl Honest {
    async fn start() -> Self {
        let (mut victim, mut friend) = (Node::start().await, Node::start().await);
        victim.handle.protect([friend.id()].into());
        friend.connect(&mut victim).await;
        friend.publish_until_heard(Topic::Consensus, b"ready", &mut victim).await;
        let (address, id, handle) = (victim.tcp(), victim.id(), victim.handle.clone());
        let (exchanged, slowest) = (Arc::<AtomicUsize>::default(), Arc::<parking_lot::Mutex<Duration>>::default());
        let (count, worst) = (exchanged.clone(), slowest.clone());
        let task = tokio::spawn(async move {
            for number in 0_u64.. {
                let said = Instant::now();
                friend.publish(Topic::Consensus, number.to_be_bytes().to_vec()).await;
                loop {
                    match victim.events.recv().await.unwrap() {
                        NetworkEvent::Message(message) if message.peer == friend.id() => {
                            let heard = message.data[..] == number.to_be_bytes();
                            victim.handle.validate(message.token, Verdict::Accept);
                            if heard {
                                break;
                            }
                        }
                        // What strangers say is not what it should be.
                        NetworkEvent::Message(message) => victim.handle.validate(message.token, Verdict::Reject),
                        NetworkEvent::Request(request) => drop(request.responder),
                        _ => {}
                    }
                }
                {
                    let mut worst = worst.lock();
                    *worst = said.elapsed().max(*worst);
                }
                count.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        Self { address, victim: id, handle, exchanged, slowest, task }
    }

    /// Messages went through during the attack and after it, none too slow, and nothing is left over.
    async fn check(self, attack: &str) {
        let before = self.exchanged.load(Ordering::Relaxed);
        eventually("honest nodes talk", || async { self.exchanged.load(Ordering::Relaxed) > before + 20 }).await;
        let slowest = *self.slowest.lock();
        println!("{attack}: {before} messages during it, the slowest took {slowest:?}");
        assert!(slowest < HONEST_DELAY_MAX, "{attack}: {slowest:?}");
        let counts = self.handle.counts().await.unwrap();
        assert!(counts.requests_in <= limits::REQUESTS_IN_MAX, "{counts:?}");
        assert!(counts.unfinished <= limits::CONNECTIONS_PENDING_IN_MAX, "{counts:?}");
        assert!(counts.addresses <= limits::ADDRESS_BOOK_PEERS_MAX, "{counts:?}");
        assert!(!self.task.is_finished(), "an honest node stopped");
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_of_another_chain_is_told_so_and_disconnected() {
    let node = Node::start().await;
    let wrong = [(1, CHAIN_ID + 1, GENESIS.0), (2, CHAIN_ID, [9; 32])];
    for (code, chain_id, genesis) in wrong {
        let mut stranger = Stranger::new(status(chain_id, genesis), "/pervade/sync/1");
        assert_eq!(stranger.dial(&node.tcp()).await, Outcome::Connected);
        let Outcome::Answer(answer) = within("an answer", stranger.shake_hands(&node.id())).await else {
            // It was the node's own question that showed it, and the connection is closed already.
            continue;
        };
        assert_eq!(answer[4], code);
        assert_eq!(answer[5..], status(CHAIN_ID, GENESIS.0));
        within("the end", stranger.closed()).await;
    }
    assert_eq!(node.handle.counts().await.unwrap().peers, 0);
    let mut right = good();
    assert_eq!(right.dial(&node.tcp()).await, Outcome::Connected);
    let answer = within("an answer", right.shake_hands(&node.id())).await;
    assert_eq!(answer, Outcome::Answer(frame(&[&[0], &status(CHAIN_ID, GENESIS.0)[..]].concat())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_comes_anew_loses_the_connection_that_it_has_forgotten() {
    let node = Node::start().await;
    let key = Keypair::generate_ed25519();
    let come = || Stranger::with_key(key.clone(), status(CHAIN_ID, GENESIS.0), "/pervade/sync/1");
    let (mut old, mut new) = (come(), come());
    assert_eq!(old.dial(&node.tcp()).await, Outcome::Connected);
    assert!(matches!(within("an answer", old.shake_hands(&node.id())).await, Outcome::Answer(_)));
    let (began, next) = (Instant::now(), limits::CONNECTION_REPLACED_AFTER + Duration::from_millis(100));
    // Nothing closes it before the other one comes.
    assert!(tokio::time::timeout(next, old.closed()).await.is_err());
    assert!(began.elapsed() >= next);
    assert_eq!(new.dial(&node.tcp()).await, Outcome::Connected);
    assert!(matches!(within("an answer", new.shake_hands(&node.id())).await, Outcome::Answer(_)));
    within("the end of the old one", old.closed()).await;
    let counts = node.handle.counts().await.unwrap();
    assert_eq!((counts.peers, counts.connections), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_sockets_is_survived() {
    let (honest, mut random) = (Honest::start().await, seeded());
    let port = honest.address.to_string().split('/').nth(4).unwrap().parse::<u16>().unwrap();
    let mut sockets = Vec::new();
    for _ in 0..150 {
        let mut bytes = vec![0; random.random_range(1..5_000)];
        random.fill_bytes(&mut bytes);
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
        // The other side may be quicker to close than this one to write.
        let _ = socket.write_all(&bytes).await;
        sockets.push(socket);
    }
    honest.check("garbage on sockets").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_every_protocol_is_survived() {
    let (honest, mut random) = (Honest::start().await, seeded());
    for protocol in PROTOCOLS {
        let mut stranger = with(protocol);
        assert_eq!(stranger.dial(&honest.address).await, Outcome::Connected, "{protocol}");
        within("a handshake", stranger.shake_hands(&honest.victim)).await;
        for _ in 0..6 {
            let mut bytes = vec![0; random.random_range(1..50_000)];
            random.fill_bytes(&mut bytes);
            stranger.write(&honest.victim, bytes);
        }
        // A length in front that is right, and content that is not.
        let mut bytes = vec![0; 100];
        random.fill_bytes(&mut bytes);
        stranger.write(&honest.victim, frame(&bytes));
        for _ in 0..3 {
            if within("an outcome", stranger.outcome()).await == Outcome::Closed {
                break;
            }
        }
    }
    honest.check("garbage on protocols").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_promise_too_much_end_in_a_ban() {
    let honest = Honest::start().await;
    for protocol in ["/pervade/sync/1", "/pervade/content/1", "/pervade/peers/1"] {
        let mut stranger = with(protocol);
        assert_eq!(stranger.dial(&honest.address).await, Outcome::Connected);
        within("a handshake", stranger.shake_hands(&honest.victim)).await;
        for _ in 0..5 {
            stranger.write(&honest.victim, vec![0xff; 64]);
        }
        within("the end", stranger.closed()).await;
    }
    assert_eq!(honest.handle.counts().await.unwrap().bans, 3);
    honest.check("frames that promise too much").await;
}

/// A protobuf field of bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&varint((usize::from(number) << 3) | 2)[..], &varint(content.len()), content].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// Gossip frames full of control messages: `RPC { control: { ihave, iwant, graft, prune, idontwant } }`, for a topic that
/// the victim has and for one that it has not.
fn control_flood(random: &mut StdRng, frames: usize) -> Vec<u8> {
    let own = format!("/pervade/{GENESIS:x}/consensus/1");
    let mut flood = Vec::new();
    for _ in 0..frames {
        let mut control = Vec::new();
        while control.len() < 200_000 {
            let mut id = [0; 20];
            random.fill_bytes(&mut id);
            let topic = field(1, if random.random() { own.as_bytes() } else { &id });
            control.extend(match random.random_range(0..5) {
                0 => field(1, &[topic, field(2, &id)].concat()),
                1 => field(2, &field(1, &id)),
                2 => field(3, &topic),
                3 => field(4, &topic),
                _ => field(5, &field(1, &id)),
            });
        }
        let rpc = field(3, &control);
        flood.extend(varint(rpc.len()));
        flood.extend(rpc);
    }
    flood
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_gossip_control_messages_does_not_hold_up_votes() {
    let (honest, mut random) = (Honest::start().await, seeded());
    let mut stranger = with("/meshsub/1.2.0");
    assert_eq!(stranger.dial(&honest.address).await, Outcome::Connected);
    within("a handshake", stranger.shake_hands(&honest.victim)).await;
    let (frames, began) = (control_flood(&mut random, 16), Instant::now());
    while began.elapsed() < Duration::from_secs(5) {
        stranger.write(&honest.victim, frames.clone());
        let outcome = tokio::time::timeout(Duration::from_secs(2), stranger.outcome()).await;
        if outcome == Ok(Outcome::Closed) {
            break;
        }
    }
    honest.check("control messages").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_connections_take_no_place_from_a_validator() {
    let honest = Honest::start().await;
    let mut strangers = tokio::task::JoinSet::new();
    let (connected, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..500 {
        let (address, connected, refused) = (honest.address.clone(), connected.clone(), refused.clone());
        strangers.spawn(async move {
            let mut stranger = good();
            if stranger.dial(&address).await == Outcome::Connected {
                connected.fetch_add(1, Ordering::Relaxed);
            }
            stranger.closed().await;
            refused.fetch_add(1, Ordering::Relaxed);
        });
    }
    let mut most = 0;
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        again.tick().await;
        let counts = honest.handle.counts().await.unwrap();
        most = most.max(counts.connections);
        assert!(counts.connections <= 8 + limits::CONNECTIONS_PER_PEER_MAX, "{counts:?}");
        assert!(counts.unfinished <= limits::CONNECTIONS_PENDING_IN_MAX, "{counts:?}");
    }
    println!("at most {most} connections stood; {connected:?} got through encryption");
    strangers.abort_all();
    honest.check("500 connections").await;
}
