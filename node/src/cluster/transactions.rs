//! Transactions between pools.
//!
//! ```text
//!   rpc ──► told ──► batch of a few milliseconds ──► gossip
//!                └─► kept until included; told again ──► gossip
//!   gossip ──► batch ──► pool, by the same rules as a client's ──► verdict
//! ```
use super::batch;
use crate::{NodeError, metrics, shutdown::Shutdown};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, keccak256};
use pervade_p2p::{
    GossipMessage, Lane, NetworkEvent, NetworkHandle, Topic, Verdict, limits::TRANSACTIONS_MESSAGE_BYTES_MAX,
};
use pervade_txpool::{PoolError, PooledTransaction, TxPool};
use std::{
    collections::{BTreeMap, VecDeque},
    thread,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::mpsc, time::interval};

/// Accepted transactions that wait to be told: a second of the busiest node.
pub(super) const TOLD_MAX: usize = 16_384;
/// Transactions that arrive in so short a time travel together.
const GATHER: Duration = Duration::from_millis(5);
/// What a message's list adds to its transactions, bytes.
const LIST_BYTES: usize = 8;
/// Told transactions that are remembered until they are in a block.
const REMEMBERED_MAX: usize = 16_384;
/// A transaction that waits for so long is told again: whoever proposes may have missed it.
const TELL_AGAIN: Duration = Duration::from_secs(4);
/// How often transactions are looked at for that.
const TELL_AGAIN_PERIOD: Duration = Duration::from_secs(1);

/// A transaction that was told, or that the pool's journal brought back: before the restart it may have been told, or not.
struct Remembered {
    hash: B256,
    encoded: Bytes,
    told: Instant,
}

/// Tells the network what the pool has accepted from clients.
pub(super) async fn tell(mut told: mpsc::Receiver<Bytes>, network: NetworkHandle, pool: TxPool, shutdown: Shutdown) {
    let mut remembered = brought_back(&pool);
    let mut again = interval(TELL_AGAIN_PERIOD);
    loop {
        let first = tokio::select! {
            () = shutdown.begun() => return,
            first = told.recv() => first,
            _ = again.tick() => {
                tell_again(&mut remembered, &pool, &network).await;
                continue;
            }
        };
        let Some(first) = first else { return };
        tokio::time::sleep(GATHER).await;
        let mut waiting = vec![first];
        while waiting.len() < TOLD_MAX
            && let Ok(next) = told.try_recv()
        {
            waiting.push(next);
        }
        publish(&waiting, &network).await;
        let now = Instant::now();
        remembered.extend(waiting.into_iter().map(|encoded| Remembered {
            hash: keccak256(&encoded),
            encoded,
            told: now,
        }));
        while remembered.len() > REMEMBERED_MAX {
            remembered.pop_front();
        }
    }
}

/// What the pool holds at the start. Its peers hear of it once they had time to connect.
fn brought_back(pool: &TxPool) -> VecDeque<Remembered> {
    let (content, told) = (pool.content(), Instant::now());
    let of_senders = content.pending.into_values().chain(content.queued.into_values());
    let transactions = of_senders.flat_map(BTreeMap::into_values).take(REMEMBERED_MAX);
    let remember = |pooled: PooledTransaction| Remembered {
        hash: pooled.hash,
        encoded: pooled.transaction.encoded_2718().into(),
        told,
    };
    transactions.map(remember).collect()
}

/// Forgets what is in a block, and tells again what has waited too long.
async fn tell_again(remembered: &mut VecDeque<Remembered>, pool: &TxPool, network: &NetworkHandle) {
    remembered.retain(|transaction| pool.get(&transaction.hash).is_some());
    let now = Instant::now();
    let due: Vec<Bytes> = remembered
        .iter_mut()
        .filter(|transaction| now.saturating_duration_since(transaction.told) >= TELL_AGAIN)
        .map(|transaction| {
            transaction.told = now;
            transaction.encoded.clone()
        })
        .collect();
    publish(&due, network).await;
}

/// Publishes transactions in as few messages as they fit.
async fn publish(transactions: &[Bytes], network: &NetworkHandle) {
    let mut rest = transactions;
    while !rest.is_empty() {
        let (message, others) = rest.split_at(fitting(rest));
        rest = others;
        if let Err(error) = network.publish(Topic::Transactions, batch::encode(message).0).await {
            metrics::transactions_untold(message.len() as u64);
            tracing::debug!(%error, transactions = message.len(), "transactions are not told");
        }
    }
}

/// How many of the first transactions fit one message; at least one.
fn fitting(transactions: &[Bytes]) -> usize {
    let mut bytes = LIST_BYTES;
    let fits = |transaction: &&Bytes| {
        bytes += batch::encoded_bytes(transaction);
        bytes <= TRANSACTIONS_MESSAGE_BYTES_MAX
    };
    transactions.iter().take(batch::BATCH_TRANSACTIONS_MAX).take_while(fits).count().max(1)
}

/// Takes the others' transactions into the pool, on a thread of its own: recovering senders is work.
pub(super) fn take(mut lane: Lane, network: NetworkHandle, pool: TxPool, runtime: Handle) -> Result<(), NodeError> {
    thread::Builder::new()
        .name("transactions".into())
        .spawn(move || {
            // Ends when the network does.
            while let Some(event) = runtime.block_on(lane.recv()) {
                if let NetworkEvent::Message(message) = event {
                    let verdict = admit(&message, &pool);
                    network.validate(message.token, verdict);
                }
            }
        })
        .map(|_| ())
        .map_err(|e| NodeError::Stopped { part: "transactions of peers", reason: e.to_string() })
}

fn admit(message: &GossipMessage, pool: &TxPool) -> Verdict {
    let Some(transactions) = batch::decode(&message.data) else { return Verdict::Reject };
    let mut verdict = Verdict::Ignore;
    for encoded in transactions {
        match pool.admit(encoded) {
            Ok(_) => {
                metrics::transactions_heard(1);
                verdict = Verdict::Accept;
            }
            Err(error) if is_senders_fault(&error) => {
                tracing::debug!(peer = %message.peer, %error, "a peer told of an invalid transaction");
                return Verdict::Reject;
            }
            // Known, or not for this pool now. A pool that failed stops the node by itself.
            Err(_) => {}
        }
    }
    verdict
}

/// The transaction can be valid nowhere on this chain, so that no honest node's pool has accepted it.
fn is_senders_fault(error: &PoolError) -> bool {
    matches!(
        error,
        PoolError::TooShort
            | PoolError::Encoding { .. }
            | PoolError::Oversized { .. }
            | PoolError::Unprotected
            | PoolError::ChainId { .. }
            | PoolError::Signature
            | PoolError::SystemAccount { .. }
            | PoolError::NonceMax
            | PoolError::TipAboveFeeCap
            | PoolError::NoAuthorizations
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{DevConfig, NodeOptions},
        dev::DevNetwork,
    };
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
    use alloy_primitives::{Address, TxKind};
    use alloy_signer::SignerSync;
    use pervade_storage::{MemoryDisk, Storage, StorageOptions};
    use pervade_txpool::{MemoryJournal, PoolConfig};
    use std::sync::Arc;

    #[test]
    fn messages_are_filled_to_their_limits() {
        let one = |bytes: usize| Bytes::from(vec![0xff; bytes]);
        assert_eq!(fitting(&vec![one(100); 10]), 10);
        assert_eq!(fitting(&vec![one(100); batch::BATCH_TRANSACTIONS_MAX + 1]), batch::BATCH_TRANSACTIONS_MAX);
        let large = vec![one(100 * 1024); 4];
        let count = fitting(&large);
        assert_eq!(count, 2);
        assert!(batch::encode(&large[..count]).len() <= TRANSACTIONS_MESSAGE_BYTES_MAX);
        assert!(batch::encode(&large[..=count]).len() > TRANSACTIONS_MESSAGE_BYTES_MAX);
    }

    #[test]
    fn what_the_journal_brought_back_is_told_again() {
        let config = NodeOptions::default().dev.or_defaults(true);
        let network = DevNetwork::new(&DevConfig { accounts: 2, ..config }).unwrap();
        let spec = Arc::new(network.spec.clone());
        let storage = Storage::open_in_memory(&MemoryDisk::default(), &spec, StorageOptions::default()).unwrap();
        let journal = MemoryJournal::default();
        let open = || TxPool::open_in_memory(&journal, spec.clone(), storage.clone(), PoolConfig::default()).unwrap();
        // The second waits for one that never came.
        let encoded = [0, 2].map(|nonce| {
            let transaction = TxEip1559 {
                chain_id: spec.chain_id(),
                nonce,
                gas_limit: 21_000,
                max_fee_per_gas: 100_000_000_000,
                to: TxKind::Call(Address::ZERO),
                ..TxEip1559::default()
            };
            let signature = network.accounts[0].sign_hash_sync(&transaction.signature_hash()).unwrap();
            Bytes::from(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718())
        });
        let pool = open();
        assert!(brought_back(&pool).is_empty());
        for transaction in &encoded {
            pool.admit(transaction).unwrap();
        }
        drop(pool);
        journal.restart(usize::MAX);
        let told: Vec<_> = brought_back(&open()).into_iter().map(|one| (one.hash, one.encoded)).collect();
        assert_eq!(told, encoded.map(|transaction| (keccak256(&transaction), transaction)));
    }

    #[test]
    fn a_transaction_that_is_only_late_is_nobodys_fault() {
        assert!(is_senders_fault(&PoolError::Signature));
        for error in [PoolError::AlreadyKnown, PoolError::Underpriced, PoolError::NonceTooLow { next: 2, nonce: 1 }] {
            assert!(!is_senders_fault(&error), "{error}");
        }
    }
}
