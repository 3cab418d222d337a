//! Every limit of the network, with its reason. Sizes in bytes unless the name says otherwise.
//!
//! None of them is part of the chain: a peer with other limits still agrees on blocks. What an operator may turn is in
//! [`crate::NetworkConfig`].
use std::time::Duration;

// --- Gossip ---------------------------------------------------------------------------------------------

/// A vote is some 200 bytes; a proposal may carry a certificate of 128 signatures.
pub const CONSENSUS_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// A part of a block with its proof. Small enough that parts travel in parallel, large enough that a block of 5 MB is few.
pub const BLOCK_PART_BYTES_MAX: usize = 256 * 1024;
/// A batch of transactions. One transaction of the pool's largest size fits.
pub const TRANSACTIONS_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Signatures of gateways under observations: a result of 24 KiB fits with its signature.
pub const GATEWAY_MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// What protobuf and the topic's name add to a message in a gossip frame.
pub const GOSSIP_OVERHEAD_BYTES: usize = 256;
/// A gossip frame: one largest message, or control messages of all topics.
pub const GOSSIP_FRAME_BYTES_MAX: usize = 512 * 1024;
/// Messages in one gossip frame. Ours carry one.
pub const GOSSIP_FRAME_MESSAGES_MAX: usize = 64;
/// Gossip frames that wait for one slow peer; more are dropped, and the peer's score with them.
pub const GOSSIP_QUEUE_FRAMES_MAX: usize = 512;
/// Subscriptions in one gossip frame; there are four topics.
pub const SUBSCRIPTIONS_PER_FRAME_MAX: usize = 16;
/// Messages of one topic that one peer may send in a second, on average. Twice that at once.
pub const GOSSIP_MESSAGES_PER_SECOND_MAX: u32 = 4_000;
/// Contents whose repetitions are counted, so that a vote that is sent again is not taken for a duplicate.
pub const REPEATED_CONTENTS_MAX: usize = 4_096;

// --- Requests -------------------------------------------------------------------------------------------

/// A status: 109 bytes in version 1; later versions may append.
pub const STATUS_BYTES_MAX: usize = 512;
/// A request for peers: its version.
pub const PEERS_REQUEST_BYTES_MAX: usize = 16;
/// Peers told in one answer.
pub const PEERS_TOLD_MAX: usize = 16;
/// An answer with that many peers and their addresses.
pub const PEERS_RESPONSE_BYTES_MAX: usize = 32 * 1024;
/// A request for blocks: a range, or a list of hashes.
pub const SYNC_REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Blocks with certificates. The largest block (10 MiB, EIP-7934) fits; many small ones come in one answer.
pub const SYNC_RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A request for content: a list of hashes.
pub const CONTENT_REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Contents of 24 KiB each, many in one answer.
pub const CONTENT_RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Requests of one protocol in progress with one peer, in each direction.
pub const REQUESTS_PER_PEER_MAX: usize = 8;
/// Requests of the consumer in progress with all peers: answers of the largest size still fit memory.
pub const REQUESTS_OUT_MAX: usize = 32;
/// Requests of peers in progress, of one protocol, until their answer is sent: the same reason.
pub const REQUESTS_IN_MAX: usize = 32;
/// Time for a request, its answer included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for the handshake after the connection stands.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

// --- Connections ----------------------------------------------------------------------------------------

/// Connections that have not proved a key yet, all together.
pub const CONNECTIONS_PENDING_IN_MAX: usize = 128;
/// Dials in progress.
pub const CONNECTIONS_PENDING_OUT_MAX: usize = 32;
/// Connections to one peer: both sides may dial at once, over TCP and QUIC.
pub const CONNECTIONS_PER_PEER_MAX: usize = 3;
/// A peer that connects anew so long after its other connections has lost those: they are closed. Below it, both sides
/// dialled at once.
pub const CONNECTION_REPLACED_AFTER: Duration = Duration::from_secs(3);
/// Streams of one connection in each direction.
pub const STREAMS_PER_CONNECTION_MAX: usize = 256;
/// Time for TCP or QUIC, encryption and multiplexing together.
pub const CONNECTION_UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time after which a connection that nobody uses is closed.
pub const CONNECTION_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Peers that are reserved a place: four sets of validators.
pub const PROTECTED_PEERS_MAX: usize = 512;
/// What a stranger may send in a second on all its streams; the rest waits in its own socket.
pub const STRANGER_BYTES_PER_SECOND_MAX: u64 = 8 * 1024 * 1024;
/// What a trusted or protected peer may send in a second.
pub const TRUSTED_BYTES_PER_SECOND_MAX: u64 = 256 * 1024 * 1024;

// --- Addresses ------------------------------------------------------------------------------------------

/// Peers of the address book.
pub const ADDRESS_BOOK_PEERS_MAX: usize = 1_024;
/// Addresses kept of one peer: TCP and QUIC over IPv4, IPv6 and a name.
pub const ADDRESSES_PER_PEER_MAX: usize = 8;
/// A multiaddr in binary: the longest DNS name, a port and a peer id fit.
pub const ADDRESS_BYTES_MAX: usize = 320;
/// Peers and networks that are banned at once; the ban that ends first makes room.
pub const BANS_MAX: usize = 4_096;
/// Peers whose score is remembered after they left.
pub const REMEMBERED_SCORES_MAX: usize = 4_096;

// --- Queues ---------------------------------------------------------------------------------------------

/// Consensus messages and block parts that wait for the consumer.
pub const CONSENSUS_QUEUE_MAX: usize = 1_024;
/// Those of one peer among them: a flood must not take the places of votes. A largest block in parts, and votes.
pub const CONSENSUS_QUEUE_OF_PEER_MAX: usize = CONSENSUS_QUEUE_MAX / 4;
/// Requests of peers that wait for the consumer.
pub const REQUEST_QUEUE_MAX: usize = 256;
/// Batches of transactions that wait for the consumer; more are dropped, and come again by other ways.
pub const TRANSACTION_QUEUE_MAX: usize = 256;
/// Gateway messages that wait for the consumer.
pub const GATEWAY_QUEUE_MAX: usize = 512;
/// Bytes of all waiting messages of one queue.
pub const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Events about peers that wait for the consumer. One peer has at most one that is not yet in the queue.
pub const PEER_QUEUE_MAX: usize = 256;
/// Commands of consensus, verdicts and answers that wait for the swarm.
pub const URGENT_COMMANDS_MAX: usize = 8_192;
/// Other commands that wait for the swarm.
pub const COMMANDS_MAX: usize = 1_024;

const _: () = {
    assert!(BLOCK_PART_BYTES_MAX + GOSSIP_OVERHEAD_BYTES <= GOSSIP_FRAME_BYTES_MAX);
    assert!(TRANSACTIONS_MESSAGE_BYTES_MAX + GOSSIP_OVERHEAD_BYTES <= GOSSIP_FRAME_BYTES_MAX);
    assert!(CONSENSUS_MESSAGE_BYTES_MAX <= BLOCK_PART_BYTES_MAX && GATEWAY_MESSAGE_BYTES_MAX <= BLOCK_PART_BYTES_MAX);
    assert!(PEERS_RESPONSE_BYTES_MAX >= PEERS_TOLD_MAX * ADDRESSES_PER_PEER_MAX * 64);
    assert!(QUEUE_BYTES_MAX > GOSSIP_FRAME_BYTES_MAX);
};
