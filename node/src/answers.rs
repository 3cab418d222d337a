//! [`Answers`]: where the signed answers of gateways meet. Every node keeps those to open requests, whoever brought them, so
//! that gateways agree through any node, and forwards what it has found to be signed by a gateway of the request.
//!
//! ```text
//!   gateway ──► pervade_submitAnswer ──► checked against the state ──► kept ──► gossip
//!   gossip  ──► checked against the state ──► kept, forwarded
//!   gateway ◄── pervade_getAnswers ◄───────── kept
//! ```
mod early;

use alloy_primitives::{Address, Bytes, U256};
use early::Early;
use parking_lot::Mutex;
use pervade_chainspec::ChainSpec;
use pervade_evm_ext::{
    governance,
    things::{self, RequestRecord},
};
use pervade_gateway::service::Word;
use pervade_p2p::{Lane, NetworkEvent, NetworkHandle, Topic, Verdict};
use pervade_rpc::AnswerBoard;
use pervade_storage::Storage;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use tokio::sync::Notify;

/// Bytes of answers that are kept; those to the oldest requests go first. More than a thousand requests of the largest
/// results, a hundred thousand of small ones.
const KEPT_BYTES_MAX: usize = 64 << 20;
/// What an answer takes beside its result, bytes.
const ANSWER_OVERHEAD_BYTES: usize = 512;
/// `IThings.Status` of requests that wait for an answer: Pending and Queued.
const OPEN: [u8; 2] = [1, 2];

/// The answers that a node knows.
pub struct Answers {
    spec: Arc<ChainSpec>,
    storage: Storage,
    network: OnceLock<NetworkHandle>,
    kept: Mutex<Kept>,
    /// Told of every new answer; for a gateway in this process.
    pub news: Arc<Notify>,
}

#[derive(Default)]
struct Kept {
    /// The latest answer of each gateway, by request.
    answers: BTreeMap<U256, BTreeMap<Address, Word>>,
    bytes: usize,
    early: Early,
}

impl Kept {
    /// Keeps an answer; `false` if this or a later one of the gateway is known.
    fn put(&mut self, gateway: Address, word: Word) -> bool {
        let of_request = self.answers.entry(word.request).or_default();
        let stamp = |word: &Word| (word.attempt, word.observed_at_ms);
        if of_request.get(&gateway).is_some_and(|known| stamp(known) >= stamp(&word)) {
            return false;
        }
        self.bytes += size(&word);
        if let Some(before) = of_request.insert(gateway, word) {
            self.bytes -= size(&before);
        }
        while self.bytes > KEPT_BYTES_MAX
            && let Some((_, oldest)) = self.answers.pop_first()
        {
            self.bytes -= oldest.values().map(size).sum::<usize>();
        }
        true
    }
}

fn size(word: &Word) -> usize {
    word.result.len() + ANSWER_OVERHEAD_BYTES
}

/// What an answer is, by the state after the newest block.
enum Judged {
    /// Of this gateway of the request.
    Of(Address),
    /// Its request is not there yet.
    Early,
    /// Its request has ended.
    Late,
    /// Nobody who may has signed it.
    Forged,
    /// The state cannot be read; storage stops the node by itself.
    Unknown,
}

impl Answers {
    /// None yet.
    pub fn new(spec: Arc<ChainSpec>, storage: Storage) -> Self {
        Self { spec, storage, network: OnceLock::new(), kept: Mutex::default(), news: Arc::default() }
    }

    /// Joins a network: answers are told to it, and those of others taken from it until it stops.
    pub fn join(self: &Arc<Self>, network: NetworkHandle, mut lane: Lane) {
        // A second network: there is none.
        let _ = self.network.set(network.clone());
        let answers = self.clone();
        tokio::spawn(async move {
            while let Some(event) = lane.recv().await {
                if let NetworkEvent::Message(message) = event {
                    let verdict = answers.hear(&message.data);
                    network.validate(message.token, verdict);
                }
            }
        });
    }

    fn hear(&self, message: &[u8]) -> Verdict {
        let Some(word) = Word::decode(message) else { return Verdict::Reject };
        match self.judge(&word) {
            Judged::Of(gateway) => {
                if !self.kept.lock().put(gateway, word) {
                    return Verdict::Ignore;
                }
                self.news.notify_one();
                Verdict::Accept
            }
            Judged::Early => {
                self.keep_early(word);
                Verdict::Ignore
            }
            Judged::Late | Judged::Unknown => Verdict::Ignore,
            Judged::Forged => Verdict::Reject,
        }
    }

    fn request(&self, id: U256) -> Result<Option<RequestRecord>, pervade_storage::StorageError> {
        let view = self.storage.latest_view();
        let number = view.number();
        things::request(&self.spec, view, number, id)
    }

    fn judge(&self, word: &Word) -> Judged {
        match self.request(word.request) {
            Ok(Some(request)) if !OPEN.contains(&request.status) => Judged::Late,
            Ok(Some(request)) => {
                let gateway = word.signer(self.spec.chain_id()).filter(|one| request.gateways.contains(one));
                let is_possible = word.attempt <= u32::from(request.max_attempts);
                gateway.filter(|_| is_possible).map_or(Judged::Forged, Judged::Of)
            }
            Ok(None) => Judged::Early,
            Err(_) => Judged::Unknown,
        }
    }

    fn keep_early(&self, word: Word) {
        let Some(signer) = word.signer(self.spec.chain_id()) else { return };
        let view = self.storage.latest_view();
        let number = view.number();
        match governance::gateways(&self.spec, view, number) {
            Ok(gateways) => self.kept.lock().early.put(signer, &gateways, word),
            Err(error) => tracing::debug!(%error, "an early answer is not kept"),
        }
    }

    /// Judges again what was early.
    fn promote_early(&self) {
        let early = self.kept.lock().early.take();
        for word in early {
            match self.judge(&word) {
                Judged::Of(gateway) => {
                    self.kept.lock().put(gateway, word);
                }
                Judged::Early => self.keep_early(word),
                Judged::Late | Judged::Forged | Judged::Unknown => {}
            }
        }
    }
}

impl AnswerBoard for Answers {
    fn submit(&self, message: Bytes) -> Result<(), &'static str> {
        let word = Word::decode(&message).ok_or("this is no answer of a gateway")?;
        match self.judge(&word) {
            Judged::Of(gateway) => {
                if self.kept.lock().put(gateway, word) {
                    self.news.notify_one();
                }
                // Said again on purpose: whoever came late has not heard it. A full queue is made good by the next time.
                if let Some(network) = self.network.get()
                    && let Err(error) = network.try_publish(Topic::Gateway, message.0)
                {
                    tracing::debug!(%error, "an answer is not told");
                }
                Ok(())
            }
            // The gateway is told when its request has ended, by the block that ended it.
            Judged::Late => Ok(()),
            Judged::Early => Err("there is no such request"),
            Judged::Forged => Err("none of the request's gateways has signed this answer"),
            Judged::Unknown => Err("the state cannot be read"),
        }
    }

    fn answers(&self, requests: &[U256]) -> Result<Vec<Bytes>, &'static str> {
        self.promote_early();
        let kept = self.kept.lock();
        let found = requests.iter().filter_map(|id| kept.answers.get(id));
        Ok(found.flat_map(BTreeMap::values).map(Word::encode).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn word(request: u64, attempt: u32, bytes: usize) -> Word {
        Word {
            request: U256::from(request),
            attempt,
            code: 0,
            result: vec![0; bytes].into(),
            observed_at_ms: 0,
            signature: Bytes::new(),
        }
    }

    #[test]
    fn a_gateways_latest_answer_counts_and_a_repeated_one_is_no_news() {
        let (mut kept, gateway) = (Kept::default(), Address::repeat_byte(1));
        assert!(kept.put(gateway, word(1, 1, 10)));
        assert!(!kept.put(gateway, word(1, 1, 10)));
        assert!(kept.put(gateway, word(1, 2, 20)));
        assert!(!kept.put(gateway, word(1, 1, 10)), "an older one does not come back");
        assert!(kept.put(Address::repeat_byte(2), word(1, 1, 10)));
        assert_eq!(kept.answers[&U256::from(1)].len(), 2);
        assert_eq!(kept.bytes, 30 + 2 * ANSWER_OVERHEAD_BYTES);
    }

    #[test]
    fn the_oldest_requests_go_when_the_limit_is_passed() {
        let (mut kept, gateway) = (Kept::default(), Address::repeat_byte(1));
        let bytes = (24 << 10) - ANSWER_OVERHEAD_BYTES;
        let fit = (KEPT_BYTES_MAX / (24 << 10)) as u64;
        for request in 0..fit {
            assert!(kept.put(gateway, word(request, 1, bytes)));
        }
        assert_eq!(kept.answers.len() as u64, fit, "all are kept at the limit");
        assert!(kept.put(gateway, word(fit, 1, bytes)));
        assert_eq!(kept.answers.len() as u64, fit);
        assert!(!kept.answers.contains_key(&U256::ZERO));
        assert!(kept.bytes <= KEPT_BYTES_MAX);
    }
}
