//! Content between nodes: long values of precompiles, named by their keccak-256.
//!
//! ```text
//! request   n times 32 bytes            hashes, at most 96
//! answer    for each hash, in order:
//!           4 bytes                     length, big-endian; ff ff ff ff: it is not here
//!           n bytes                     the content
//! ```
//! An answer may end before the last hash: what is left did not fit. Whoever asks hashes what comes, so a peer can
//! withhold but not deceive.
//!
//! A node makes all content itself when it executes blocks, and asks for some only if its disk has lost it. It looks
//! before it begins ([`ensure`]), and does not begin before what it found missing is there; meanwhile it gives others
//! what it has. A look at everything would make every start of a large node slow: storage looks at a part, unless it has
//! a reason not to trust the rest.
use crate::{NodeError, cluster::head_of, shutdown::Shutdown};
use alloy_primitives::{B256, Bytes, keccak256};
use pervade_chainspec::ChainSpec;
use pervade_p2p::{
    ChainIdentity, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, Offence, PeerId, Protocol, limits,
};
use pervade_storage::{ContentReport, Storage, StorageError};
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};
use tokio::net::UdpSocket;

/// Hashes of a request: their content fits into an answer.
pub const REQUEST_HASHES_MAX: usize = 96;
/// Longest content that a precompile keeps, with room: the largest values have 24 KiB.
const CONTENT_BYTES_MAX: usize = 32 << 10;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// Length of what is not here.
const NOT_HERE: u32 = u32::MAX;
/// Content that a start looks at, if there is no reason for more: about a second of one core.
const LOOK_BYTES_MAX: u64 = 256 << 20;
/// Time between two rounds of asking all peers.
const ROUND_PERIOD: Duration = Duration::from_secs(1);
/// Looks whether the socket of the network that fetched is free again: 20 s in all, a few times what QUIC takes to close
/// connections whose other end is gone.
const FREE_TRIES: u32 = 200;
/// Time between two of these looks.
const FREE_PERIOD: Duration = Duration::from_millis(100);

const _: () = {
    assert!(REQUEST_HASHES_MAX * HASH_BYTES <= limits::CONTENT_REQUEST_BYTES_MAX);
    assert!(REQUEST_HASHES_MAX * (4 + CONTENT_BYTES_MAX) <= limits::CONTENT_RESPONSE_BYTES_MAX);
};

/// The answer to a peer's request; `None`: it is none.
///
/// # Errors
/// The database cannot be read.
pub fn answer(storage: &Storage, request: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
    if !request.len().is_multiple_of(HASH_BYTES) || request.len() / HASH_BYTES > REQUEST_HASHES_MAX {
        return Ok(None);
    }
    let mut answer = Vec::new();
    for hash in request.chunks_exact(HASH_BYTES) {
        let content = storage.content(&B256::from_slice(hash))?;
        if !push(&mut answer, content.as_ref().map(|content| &content[..])) {
            break;
        }
    }
    Ok(Some(answer))
}

/// Adds an entry. False: it does not fit any more.
fn push(answer: &mut Vec<u8>, content: Option<&[u8]>) -> bool {
    let bytes = content.unwrap_or_default();
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length != NOT_HERE);
    let fits = answer.len().saturating_add(4 + bytes.len()) <= limits::CONTENT_RESPONSE_BYTES_MAX;
    let Some(length) = length.filter(|_| fits) else { return false };
    let length = if content.is_some() { length } else { NOT_HERE };
    answer.extend_from_slice(&length.to_be_bytes());
    answer.extend_from_slice(bytes);
    true
}

/// What a peer gave. `Err`: it is no answer to this request, or has bytes that do not have their hash.
fn read_answer(hashes: &[B256], mut answer: &[u8]) -> Result<Vec<Bytes>, Forged> {
    let mut contents = Vec::new();
    for hash in hashes {
        if answer.is_empty() {
            return Ok(contents);
        }
        let (length, rest) = answer.split_first_chunk::<4>().ok_or(Forged)?;
        let length = u32::from_be_bytes(*length);
        if length == NOT_HERE {
            answer = rest;
            continue;
        }
        let (content, rest) = rest.split_at_checked(length as usize).ok_or(Forged)?;
        if keccak256(content) != *hash {
            return Err(Forged);
        }
        contents.push(Bytes::copy_from_slice(content));
        answer = rest;
    }
    if answer.is_empty() { Ok(contents) } else { Err(Forged) }
}

/// A peer's answer is not what its hashes say.
#[derive(Debug, PartialEq, Eq)]
struct Forged;

/// Looks at content that the node's state names ([`Storage::look_at_content`]). What is missing or damaged is fetched from
/// peers of this network, if the node has one, until all is there or the shutdown begins.
///
/// # Errors
/// Content is missing and there is no network; the database cannot be read or written.
pub async fn ensure(
    spec: &ChainSpec,
    storage: &Storage,
    network: Option<NetworkConfig>,
    shutdown: &Shutdown,
) -> Result<(), NodeError> {
    let report = look(storage).await?;
    if report.bad.is_empty() {
        tracing::debug!(values = report.records, bytes = report.bytes, "content looked at");
        return Ok(());
    }
    let missing = report.bad.len();
    let Some(network) = network else { return Err(NodeError::MissingContent { missing }) };
    tracing::error!(missing, "content is missing or damaged: fetching it from peers before the node begins");
    let head = head_of(&storage.head(), storage.head().number().saturating_add(1));
    let socket = (network.quic && network.port != 0).then(|| SocketAddr::new(network.addr, network.port));
    let (handle, mut events) = pervade_p2p::start(network, ChainIdentity::new(spec), head)?;
    let fetched = tokio::select! {
        () = shutdown.begun() => Err(NodeError::MissingContent { missing }),
        given = give(storage, &mut events) => match given {
            Ok(()) => Err(NodeError::Stopped { part: "the network", reason: "its task ended".into() }),
            Err(error) => Err(error),
        },
        fetched = fetch(storage, &handle, report) => fetched,
    };
    handle.shutdown().await;
    if fetched.is_ok()
        && let Some(socket) = socket
    {
        until_free(socket).await;
    }
    fetched
}

/// Waits until the node's own network can listen there. QUIC keeps its socket until the last connection is closed, which
/// takes longer than the network's end. One that stays taken is told by whoever listens next.
async fn until_free(socket: SocketAddr) {
    for _ in 0..FREE_TRIES {
        if UdpSocket::bind(socket).await.is_ok() {
            return;
        }
        tokio::time::sleep(FREE_PERIOD).await;
    }
}

/// Gives peers the content that is here: if all nodes lost some at once, each has what another waits for. What else they
/// ask is dropped, which tells them that there is no answer.
async fn give(storage: &Storage, events: &mut NetworkEvents) -> Result<(), NodeError> {
    while let Some(event) = events.recv().await {
        let NetworkEvent::Request(request) = event else { continue };
        if request.protocol != Protocol::Content {
            continue;
        }
        let storage = storage.clone();
        if let Some(given) = blocking(move || answer(&storage, &request.data)).await?
            && let Err(error) = request.responder.respond(given.into())
        {
            tracing::debug!(%error, "no answer to a peer");
        }
    }
    Ok(())
}

/// Asks one peer after another, again and again, until nothing is missing.
async fn fetch(storage: &Storage, network: &NetworkHandle, mut report: ContentReport) -> Result<(), NodeError> {
    let mut period = tokio::time::interval(ROUND_PERIOD);
    while !report.bad.is_empty() {
        period.tick().await;
        let peers = network.peers().await?;
        let mut missing: BTreeSet<B256> = report.bad.iter().copied().collect();
        for peer in &peers {
            fetch_from(storage, network, peer.peer, &mut missing).await?;
        }
        tracing::info!(peers = peers.len(), still_missing = missing.len(), "asked for missing content");
        if missing.is_empty() {
            report = look(storage).await?;
        }
    }
    tracing::info!(values = report.records, bytes = report.bytes, "all content is there again");
    Ok(())
}

/// Asks a peer for all that is missing, and stores what it has.
async fn fetch_from(
    storage: &Storage,
    network: &NetworkHandle,
    peer: PeerId,
    missing: &mut BTreeSet<B256>,
) -> Result<(), NodeError> {
    let all: Vec<_> = missing.iter().copied().collect();
    for hashes in all.chunks(REQUEST_HASHES_MAX) {
        let request: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let answer = match network.request(peer, Protocol::Content, request.into()).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%peer, %error, "no content from a peer");
                return Ok(());
            }
        };
        let Ok(contents) = read_answer(hashes, &answer) else {
            tracing::warn!(%peer, "a peer gave content that is not what its hash says");
            network.report(peer, Offence::Forgery);
            return Ok(());
        };
        for content in &contents {
            missing.remove(&keccak256(content));
        }
        let storage = storage.clone();
        blocking(move || storage.restore_content(&contents)).await?;
    }
    Ok(())
}

async fn look(storage: &Storage) -> Result<ContentReport, NodeError> {
    let storage = storage.clone();
    blocking(move || storage.look_at_content(LOOK_BYTES_MAX)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, NodeError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|e| NodeError::Stopped { part: "the look at content", reason: e.to_string() })??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_its_golden_bytes() {
        let mut answer = Vec::new();
        assert!(push(&mut answer, Some(b"abc")));
        assert!(push(&mut answer, None));
        assert!(push(&mut answer, Some(b"")));
        assert_eq!(hex::encode(&answer), "00000003616263ffffffff00000000");
        let hashes = [keccak256(b"abc"), B256::ZERO, keccak256(b"")];
        assert_eq!(read_answer(&hashes, &answer), Ok(vec![b"abc".into(), Bytes::new()]));
        assert_eq!(read_answer(&hashes, &answer[..7]), Ok(vec![b"abc".into()]), "the rest did not fit");
    }

    #[test]
    fn what_is_not_what_was_asked_for_is_refused() {
        let mut answer = Vec::new();
        push(&mut answer, Some(b"abc"));
        let asked = [keccak256(b"abc")];
        for length in 1..answer.len() {
            assert_eq!(read_answer(&asked, &answer[..length]), Err(Forged), "cut after {length}");
        }
        for bit in 0..answer.len() * 8 {
            let mut forged = answer.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_answer(&asked, &forged), Err(Forged), "bit {bit}");
        }
        let longer = [&answer[..], &answer[..]].concat();
        assert_eq!(read_answer(&asked, &longer), Err(Forged), "more than was asked for");
    }

    #[test]
    fn an_entry_fits_up_to_the_limit_of_an_answer() {
        let room = limits::CONTENT_RESPONSE_BYTES_MAX;
        assert!(push(&mut vec![0; room - 7], Some(b"abc")));
        assert!(!push(&mut vec![0; room - 6], Some(b"abc")));
    }
}
