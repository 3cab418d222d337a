//! Nodes that mean well, over the loopback interface.
use crate::node::{Node, eventually, within};
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_p2p::{
    BAN_SCORE, Head, NetworkError, NetworkEvent, Offence, Protocol, RequestError, Topic, Verdict, limits,
};
use std::{collections::BTreeSet, fs, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_reaches_nodes_that_are_not_connected_to_its_sender() {
    let mut nodes = Vec::new();
    for _ in 0..5 {
        nodes.push(Node::start().await);
    }
    for index in 1..nodes.len() {
        let (left, right) = nodes.split_at_mut(index);
        left[index - 1].connect(&mut right[0]).await;
    }
    let first = nodes.remove(0);
    let (heard, mut hear) = tokio::sync::mpsc::channel(64);
    let mut tasks = tokio::task::JoinSet::new();
    for mut node in nodes {
        let heard = heard.clone();
        tasks.spawn(async move {
            loop {
                let message = node.message(Verdict::Accept).await;
                assert_eq!((message.topic, &message.data[..]), (Topic::Consensus, &b"vote"[..]));
                heard.send(node.id()).await.unwrap();
            }
        });
    }
    // Peers learn each other's topics within moments; until then repetitions are what validators do too.
    let mut again = tokio::time::interval(Duration::from_millis(200));
    let mut reached = BTreeSet::new();
    within("all hear it", async {
        while reached.len() < 4 {
            tokio::select! {
                _ = again.tick() => first.publish(Topic::Consensus, "vote").await,
                Some(node) = hear.recv() => { reached.insert(node); }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_accepted_goes_no_further() {
    let (mut first, mut middle, mut last) = (Node::start().await, Node::start().await, Node::start().await);
    first.connect(&mut middle).await;
    middle.connect(&mut last).await;
    first.publish_until_heard(Topic::Gateway, b"hello", &mut middle).await;
    middle.publish_until_heard(Topic::Gateway, b"hello too", &mut last).await;
    first.publish(Topic::Gateway, "ignored").await;
    first.publish(Topic::Gateway, "accepted").await;
    loop {
        let message = middle.message(Verdict::Ignore).await;
        if message.data[..] == *b"accepted" {
            middle.handle.validate(message.token, Verdict::Accept);
            break;
        }
    }
    // A second verdict changes nothing, so say it in a way that was not judged yet.
    first.publish(Topic::Gateway, "accepted at once").await;
    while middle.message(Verdict::Accept).await.data[..] != *b"accepted at once" {}
    loop {
        let message = last.message(Verdict::Accept).await;
        assert_ne!(message.data[..], *b"ignored");
        if message.data[..] == *b"accepted at once" {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_that_is_said_again_is_heard_again() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.connect(&mut b).await;
    a.publish_until_heard(Topic::Consensus, b"ready", &mut b).await;
    for _ in 0..3 {
        a.publish(Topic::Consensus, "vote").await;
        while b.message(Verdict::Accept).await.data[..] != *b"vote" {}
    }
    // Also by one who only heard it.
    b.publish(Topic::Consensus, "vote").await;
    while a.message(Verdict::Accept).await.data[..] != *b"vote" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_the_largest_size_arrive_and_larger_ones_are_not_sent() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.connect(&mut b).await;
    a.publish_until_heard(Topic::Consensus, b"ready", &mut b).await;
    for topic in Topic::ALL {
        let largest = Bytes::from(vec![9; topic.bytes_max()]);
        a.publish(topic, largest.clone()).await;
        while b.message(Verdict::Accept).await.data != largest {}
        let error = a.handle.publish(topic, vec![9; topic.bytes_max() + 1].into()).await.unwrap_err();
        assert!(matches!(error, NetworkError::TooLarge { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quic_carries_what_tcp_does() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.handle.add_peer(b.quic()).await.unwrap();
    a.wait_connected(b.id()).await;
    a.publish_until_heard(Topic::Transactions, b"transactions", &mut b).await;
    let peers = a.handle.peers().await.unwrap();
    assert_eq!(peers.len(), 1);
    assert!(peers[0].address.to_string().contains("quic-v1"), "{}", peers[0].address);
    assert!(peers[0].protected && peers[0].score == 0 && peers[0].agent.starts_with("pervade/"), "{peers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_do_not_wait_behind_transactions() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.connect(&mut b).await;
    a.publish_until_heard(Topic::Consensus, b"ready", &mut b).await;
    // Nobody reads at b: its queue of transactions fills and what is over is dropped.
    for index in 0..limits::TRANSACTION_QUEUE_MAX as u64 + 200 {
        a.publish(Topic::Transactions, index.to_be_bytes().to_vec()).await;
    }
    // Commands that are not urgent are handled in order: with this answer all transactions are on their way.
    a.handle.counts().await.unwrap();
    a.publish(Topic::Consensus, "vote").await;
    let mut transactions = 0;
    let mut queue = b.events.take_topic(Topic::Transactions);
    while b.message(Verdict::Accept).await.data[..] != *b"vote" {}
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(300), queue.recv()).await {
        assert!(matches!(event, NetworkEvent::Message(_)));
        transactions += 1;
    }
    assert!((1..=limits::TRANSACTION_QUEUE_MAX).contains(&transactions), "{transactions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_answered_up_to_the_largest_answer() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.connect(&mut b).await;
    let server = tokio::spawn(async move {
        loop {
            let event = b.wait("a request", |event| matches!(event, NetworkEvent::Request(_))).await;
            let NetworkEvent::Request(request) = event else { unreachable!() };
            let largest = request.responder.bytes_max();
            match &request.data[..] {
                b"largest" => request.responder.respond(vec![1; largest].into()).unwrap(),
                b"larger" => assert!(request.responder.respond(vec![1; largest + 1].into()).is_err()),
                b"nothing" => drop(request.responder),
                other => request.responder.respond(Bytes::copy_from_slice(other)).unwrap(),
            }
        }
    });
    let peer = a.handle.peers().await.unwrap()[0].peer;
    for protocol in [Protocol::Sync, Protocol::Content] {
        let ask = |data: &[u8]| a.handle.request(peer, protocol, Bytes::copy_from_slice(data));
        assert_eq!(ask(b"echo").await.unwrap()[..], *b"echo");
        assert_eq!(ask(b"largest").await.unwrap().len(), protocol.response_bytes_max());
        assert!(matches!(ask(b"larger").await.unwrap_err(), RequestError::Failed { .. }));
        assert!(matches!(ask(b"nothing").await.unwrap_err(), RequestError::Failed { .. }));
        assert_eq!(ask(&vec![0; protocol.request_bytes_max()]).await.unwrap().len(), protocol.request_bytes_max());
        let error = ask(&vec![0; protocol.request_bytes_max() + 1]).await.unwrap_err();
        assert!(matches!(error, RequestError::TooLarge { .. }), "{error}");
    }
    let stranger = pervade_p2p::PeerId::random();
    let error = a.handle.request(stranger, Protocol::Sync, Bytes::new()).await.unwrap_err();
    assert_eq!(error, RequestError::NotConnected { peer: stranger });
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_answer_is_given_up_and_loses_score() {
    let mut a = Node::with(|config| config.request_timeout = Duration::from_millis(300)).await;
    let mut b = Node::start().await;
    a.connect(&mut b).await;
    let error = a.handle.request(b.id(), Protocol::Sync, "blocks".into()).await.unwrap_err();
    assert_eq!(error, RequestError::Timeout { peer: b.id() });
    assert_eq!(a.handle.peers().await.unwrap()[0].score, -Offence::NoAnswer.points());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_requests_to_one_peer_are_in_progress_than_allowed() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.connect(&mut b).await;
    let mut waiting = Vec::new();
    for _ in 0..limits::REQUESTS_PER_PEER_MAX {
        let (handle, peer) = (a.handle.clone(), b.id());
        waiting.push(tokio::spawn(async move { handle.request(peer, Protocol::Sync, Bytes::new()).await }));
    }
    eventually("all are in progress", || async {
        b.handle.counts().await.unwrap().requests_in == limits::REQUESTS_PER_PEER_MAX
    })
    .await;
    let error = a.handle.request(b.id(), Protocol::Sync, Bytes::new()).await.unwrap_err();
    assert!(matches!(error, RequestError::Busy { .. }), "{error}");
    for _ in 0..limits::REQUESTS_PER_PEER_MAX {
        let event = b.wait("a request", |event| matches!(event, NetworkEvent::Request(_))).await;
        let NetworkEvent::Request(request) = event else { unreachable!() };
        request.responder.respond("blocks".into()).unwrap();
    }
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap()[..], *b"blocks");
    }
    assert!(within("room again", a.handle.peers()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_moves_is_told_to_peers() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.connect(&mut b).await;
    let head = Head { number: 42, hash: B256::repeat_byte(1), timestamp: 1_700_000_000, earliest: 1 };
    a.handle.update_head(head);
    let told = |event: &NetworkEvent| matches!(event, NetworkEvent::PeerStatus { head: told, .. } if *told == head);
    b.wait("the head", told).await;
    assert_eq!(b.handle.peers().await.unwrap()[0].head, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_messages_lower_the_score_until_the_sender_is_banned_and_the_ban_ends() {
    let mut judge = Node::with(|config| config.ban = Duration::from_secs(2)).await;
    let mut liar = Node::start().await;
    liar.connect(&mut judge).await;
    liar.publish_until_heard(Topic::Consensus, b"ready", &mut judge).await;
    let lies = BAN_SCORE.abs() / Offence::Invalid.points();
    for lie in 1..=lies {
        assert_eq!(judge.handle.peers().await.unwrap()[0].score, -Offence::Invalid.points() * (lie - 1));
        liar.publish(Topic::Transactions, lie.to_be_bytes().to_vec()).await;
        let is_lie = |event: &NetworkEvent| matches!(event, NetworkEvent::Message(message) if message.topic == Topic::Transactions);
        let NetworkEvent::Message(message) = judge.wait("a lie", is_lie).await else { unreachable!() };
        judge.handle.validate(message.token, Verdict::Reject);
        if lie < lies {
            eventually("the score falls", || async {
                judge.handle.peers().await.unwrap()[0].score == -Offence::Invalid.points() * lie
            })
            .await;
        }
    }
    judge.wait_disconnected(liar.id()).await;
    assert_eq!(judge.handle.counts().await.unwrap().bans, 1);
    // The liar trusts the judge and dials again and again; after the ban it is let in.
    judge.wait_connected(liar.id()).await;
    assert_eq!(judge.handle.counts().await.unwrap().bans, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_fill_to_the_last_and_a_validator_still_comes_in() {
    let mut node = Node::with(|config| (config.max_peers, config.discovery) = (3, false)).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(Node::start().await);
    }
    for other in &others[..2] {
        other.handle.add_peer(node.tcp()).await.unwrap();
        node.wait_connected(other.id()).await;
    }
    // Of three places one is for the node's own dials: the third stranger is refused, again and again.
    others[2].handle.add_peer(node.tcp()).await.unwrap();
    node.handle.protect(BTreeSet::from([others[3].id()]));
    others[3].handle.add_peer(node.tcp()).await.unwrap();
    node.wait_connected(others[3].id()).await;
    let connected: BTreeSet<_> = node.handle.peers().await.unwrap().into_iter().map(|info| info.peer).collect();
    assert_eq!(connected, BTreeSet::from([others[0].id(), others[1].id(), others[3].id()]));
    // One leaves, and its place is free.
    others.remove(0).stop().await;
    node.wait_connected(others[1].id()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_died_is_dialled_until_it_is_back() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    a.connect(&mut b).await;
    let (id, port) = (b.id(), b.tcp_port());
    let folder = b.stop().await;
    a.wait_disconnected(id).await;
    assert_eq!(a.handle.peer_count(), 0);
    let mut b = Node::again(folder, |config| config.port = port).await;
    assert_eq!(b.id(), id, "the node key stays");
    a.wait_connected(id).await;
    b.wait_connected(a.id()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_book_leads_back_after_a_restart_and_damage_only_costs_it() {
    let hub = Node::start().await;
    let address = hub.tcp();
    let mut node = Node::with(|config| config.bootnodes = vec![address.clone()]).await;
    node.wait_connected(hub.id()).await;
    let folder = node.stop().await;
    let mut node = Node::again(folder, |_| {}).await;
    node.wait_connected(hub.id()).await;
    let folder = node.stop().await;
    let file = folder.path().join("peers");
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let mut node = Node::again(folder, |config| config.bootnodes = vec![address]).await;
    node.wait_connected(hub.id()).await;
    assert!(node.folder.path().join("peers.damaged").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_are_found_through_a_boot_node() {
    let mut hub = Node::with(|config| config.discovery = true).await;
    let address = hub.tcp();
    let mut first = Node::with(|config| (config.discovery, config.bootnodes) = (true, vec![address.clone()])).await;
    first.wait_connected(hub.id()).await;
    eventually("the hub knows where the first listens", || async { hub.handle.counts().await.unwrap().addresses == 1 })
        .await;
    let mut second = Node::with(|config| (config.discovery, config.bootnodes) = (true, vec![address])).await;
    second.wait_connected(first.id()).await;
    hub.wait_connected(second.id()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_network_says_so() {
    let mut node = Node::start().await;
    let handle = node.handle.clone();
    handle.shutdown().await;
    assert!(node.events.recv().await.is_none());
    assert!(matches!(handle.peers().await, Err(NetworkError::Stopped)));
    assert!(matches!(handle.publish(Topic::Consensus, Bytes::new()).await, Err(NetworkError::Stopped)));
    let request = handle.request(node.id(), Protocol::Sync, Bytes::new()).await;
    assert_eq!(request, Err(RequestError::Stopped));
    handle.shutdown().await;
}
