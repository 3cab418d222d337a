//! [`Session`]: the service's work as long as its node answers; [`Work`]: what outlives a node that does not.
use super::{
    agreement::Settlement,
    attempt::{Outcome, attempt},
    chain::{Chain, Head, Log},
    envelope,
    followers::{Arrived, FollowerEvents, Followers},
    job::{Action, Job, Moment},
    limits::{ATTEMPTS_RUNNING_MAX, DOUBTFUL_AFTER_START, IDLE, JOBS_MAX, LOG_BLOCKS_MAX, LOOK_PERIOD},
    mailbox::{Key, Mailbox, Skipped},
    node::NodeRpc,
    status::{AttemptFailure, StatusBoard, count_attempt, count_messages, count_report},
    transactions::Transactions,
    word::Word,
};
use crate::{Bindings, GatewayError};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent};
use pervade_chainspec::params::{BATCH_MESSAGES_MAX, THINGS_ADDRESS};
use pervade_evm_ext::things::{Custody, IThings, digest};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};
use tokio::task::JoinSet;

/// Requests whose words are asked for in one question.
const WORDS_PAGE: usize = 256;

/// What a transaction of the gateway is for.
#[derive(Debug)]
enum Purpose {
    Report,
    Custody,
    Publish(Vec<Key>),
}

/// An attempt that has ended.
struct Ended {
    request: U256,
    attempt: u32,
    outcome: Result<Outcome, GatewayError>,
}

/// What outlives a node that does not answer: jobs with their words, attempts under way, messages that are held.
pub(super) struct Work {
    own: Address,
    bindings: Arc<Bindings>,
    jobs: BTreeMap<U256, Job>,
    running: JoinSet<Ended>,
    followers: Followers,
    events: FollowerEvents,
    mailbox: Mailbox,
}

impl Work {
    pub(super) fn new(bindings: Arc<Bindings>, own: Address) -> Self {
        let (followers, events) = Followers::new(own, bindings.clone());
        let mailbox = Mailbox::default();
        Self { own, bindings, jobs: BTreeMap::new(), running: JoinSet::new(), followers, events, mailbox }
    }
}

/// Work with a node that answers.
pub(super) struct Session {
    chain: Chain,
    key: PrivateKeySigner,
    transactions: Transactions<Purpose>,
    status: StatusBoard,
    started: Instant,
    head: Head,
    head_seen: Instant,
    /// Blocks up to this one have been looked at.
    looked_at: u64,
    /// There are more open requests than jobs: they are listed again when there is room.
    has_more: bool,
    /// The last batch did not fit a transaction.
    batch_max: usize,
}

impl Session {
    /// Begins: asks where the chain and this gateway's account stand, and what is open.
    pub(super) async fn open(
        node: Arc<dyn NodeRpc>,
        key: PrivateKeySigner,
        status: StatusBoard,
        work: &mut Work,
    ) -> Result<Self, GatewayError> {
        let chain = Chain::open(node).await?;
        let head = chain.head().await?;
        let transactions = Transactions::open(&chain, &head, key.clone()).await?;
        let now = Instant::now();
        let mut session = Self {
            chain,
            key,
            transactions,
            status,
            started: now,
            head,
            head_seen: now,
            looked_at: head.number.to(),
            has_more: false,
            batch_max: BATCH_MESSAGES_MAX,
        };
        session.list_requests(work).await?;
        // Blocks of the meantime are not looked at: what they have is asked for.
        work.mailbox.doubt_all(now);
        work.followers.look_for_all(session.chain.clone(), session.looked_at);
        session.status.update(|status| status.problem.clear());
        Ok(session)
    }

    /// Works until the node fails to answer.
    pub(super) async fn run(mut self, work: &mut Work) -> GatewayError {
        loop {
            if let Err(error) = self.step(work).await {
                return error;
            }
        }
    }

    /// Waits for something to happen, and does what follows from it.
    async fn step(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        let mut ended = Vec::new();
        let has_room = work.mailbox.has_room();
        tokio::select! {
            () = self.chain.news() => {}
            () = tokio::time::sleep(IDLE) => {}
            Some(done) = work.running.join_next() => ended.push(done),
            Some(arrived) = work.events.arrivals.recv(), if has_room => self.hold(work, arrived),
            Some((id, thing)) = work.events.looked_up.recv() => work.followers.set(id, thing),
        }
        // What comes in a flood is looked at together.
        tokio::time::sleep(LOOK_PERIOD).await;
        while let Some(done) = work.running.try_join_next() {
            ended.push(done);
        }
        while work.mailbox.has_room()
            && let Ok(arrived) = work.events.arrivals.try_recv()
        {
            self.hold(work, arrived);
        }
        for done in ended {
            self.attempt_ended(work, done);
        }
        if self.chain.head_number().await? != self.head.number {
            self.head = self.chain.head().await?;
            self.head_seen = Instant::now();
            self.look_at_blocks(work).await?;
        }
        self.listen(work).await?;
        self.act(work).await?;
        self.publish(work).await?;
        self.show(work);
        Ok(())
    }

    fn now(&self) -> Moment {
        let own = Instant::now();
        let passed = own.saturating_duration_since(self.head_seen).as_secs();
        Moment { chain: self.head.timestamp.to::<u64>().saturating_add(passed), own }
    }

    /// Lists the open requests: at the start, and whenever what happened meanwhile is too much to follow.
    async fn list_requests(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        let (mut open, mut cursor) = (BTreeSet::new(), None);
        self.has_more = false;
        loop {
            let (page, next) = self.chain.open_requests(work.own, cursor).await?;
            for request in page {
                open.insert(request.request_id);
                self.take(work, request);
            }
            cursor = next;
            if cursor.is_none() || self.has_more {
                break;
            }
        }
        if !self.has_more {
            work.jobs.retain(|id, _| open.contains(id));
        }
        Ok(())
    }

    fn take(&mut self, work: &mut Work, request: super::chain::Request) {
        if !request.is_open() || !request.gateways.contains(&work.own) {
            return;
        }
        if work.jobs.len() >= JOBS_MAX && !work.jobs.contains_key(&request.request_id) {
            self.has_more = true;
            return;
        }
        let id = request.request_id;
        work.jobs.entry(id).or_insert_with(|| Job::new(request, work.own));
    }

    /// Looks at the blocks since the last look.
    async fn look_at_blocks(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        let (from, to) = (self.looked_at.saturating_add(1), self.head.number.to::<u64>());
        let followed = match to.saturating_sub(from) < LOG_BLOCKS_MAX {
            true => self.follow_logs(work, from, to).await,
            false => Ok(false),
        };
        match followed {
            Ok(true) => {}
            // More than can be followed one by one: everything is asked for anew.
            Ok(false) | Err(GatewayError::Refused { .. }) => {
                self.list_requests(work).await?;
                work.mailbox.doubt_all(Instant::now());
                work.followers.look_for_all(self.chain.clone(), to);
            }
            Err(error) => return Err(error),
        }
        self.looked_at = to;
        let balance = self.chain.balance(work.own).await?;
        self.status.update(|status| status.balance = balance);
        for purpose in self.transactions.advance(&self.chain, &self.head).await? {
            if let Purpose::Publish(keys) = purpose {
                work.mailbox.sent_in_vain(&keys, Instant::now());
            }
        }
        if self.has_more && work.jobs.len() < JOBS_MAX / 2 {
            self.list_requests(work).await?;
        }
        Ok(())
    }

    /// Takes the logs of some blocks; `true` when that is done.
    async fn follow_logs(&mut self, work: &mut Work, from: u64, to: u64) -> Result<bool, GatewayError> {
        let kinds = [
            IThings::Requested::SIGNATURE_HASH,
            IThings::StatusChanged::SIGNATURE_HASH,
            IThings::Published::SIGNATURE_HASH,
            IThings::Skipped::SIGNATURE_HASH,
            IThings::ThingRegistered::SIGNATURE_HASH,
            IThings::ThingUpdated::SIGNATURE_HASH,
            IThings::GatewaysAssigned::SIGNATURE_HASH,
            IThings::ThingRetired::SIGNATURE_HASH,
        ];
        let mut changed = BTreeSet::new();
        for log in self.chain.logs(from, to, &kinds).await? {
            let (Some(kind), Some(subject)) = (log.topics.first().copied(), log.topics.get(1).copied()) else {
                continue;
            };
            match kind {
                IThings::Requested::SIGNATURE_HASH => {
                    if let Some(request) = self.chain.request(subject.into()).await? {
                        self.take(work, request);
                    }
                }
                IThings::StatusChanged::SIGNATURE_HASH => status_changed(work, subject.into(), &log),
                IThings::Published::SIGNATURE_HASH => {
                    if work.mailbox.published((subject, sequence(&log))) {
                        count_messages("published", 1);
                    }
                }
                IThings::Skipped::SIGNATURE_HASH => self.skipped(work, subject, &log),
                _ => {
                    changed.insert(subject);
                }
            }
        }
        work.followers.look_again(self.chain.clone(), changed);
        Ok(true)
    }

    fn skipped(&self, work: &mut Work, thing: B256, log: &Log) {
        // Anybody can have a forged message under a thing's number skipped.
        if !self.transactions.is_own(log.transaction_hash) {
            return;
        }
        let Ok(skipped) = IThings::Skipped::abi_decode_data(&log.data) else { return };
        let (code, sequence) = (skipped.0, sequence(log));
        match work.mailbox.skipped((thing, sequence), code, Instant::now()) {
            Skipped::Unknown => {}
            Skipped::TooEarly => count_messages("too-early", 1),
            Skipped::ForGood => {
                count_messages("skipped", 1);
                tracing::info!(%thing, sequence, code, "the chain does not take a message");
            }
        }
    }

    /// Takes the words of other gateways.
    async fn listen(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        let wanted: Vec<_> = work.jobs.values().filter(|job| job.listens()).map(|job| job.request.request_id).collect();
        for page in wanted.chunks(WORDS_PAGE) {
            for message in self.chain.words(page).await? {
                let Some(word) = Word::decode(&message) else { continue };
                let Some(job) = work.jobs.get_mut(&word.request) else { continue };
                if let Some(gateway) = word.signer(self.chain.id).filter(|gateway| *gateway != work.own) {
                    job.hear(gateway, word);
                }
            }
        }
        Ok(())
    }

    /// Does what is to be done now.
    async fn act(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        let now = self.now();
        work.jobs.retain(|_, job| !job.is_over(now));
        let mut all = Vec::new();
        for (id, job) in &mut work.jobs {
            let may_try = work.running.len().saturating_add(all.len()) < ATTEMPTS_RUNNING_MAX;
            all.extend(job.actions(now, may_try).into_iter().map(|action| (*id, action)));
        }
        for (id, action) in all {
            match action {
                Action::Attempt(attempt) => self.begin(work, id, attempt),
                Action::Speak(word) => self.speak(&word).await?,
                Action::Report(settlement) => self.report(id, settlement).await?,
                Action::Custody => self.take_custody(id).await?,
            }
        }
        Ok(())
    }

    async fn speak(&self, word: &Word) -> Result<(), GatewayError> {
        match self.chain.speak(&word.encode()).await {
            Err(GatewayError::Refused { message, .. }) => {
                tracing::info!(request = %word.request, reason = message, "the node does not take an answer");
                Ok(())
            }
            told => told,
        }
    }

    fn begin(&self, work: &mut Work, id: U256, number: u32) {
        let Some(job) = work.jobs.get(&id) else { return };
        let (chain, bindings, request) = (self.chain.clone(), work.bindings.clone(), job.request.clone());
        work.running.spawn(async move {
            let outcome = Box::pin(attempt(&chain, &bindings, &request)).await;
            Ended { request: id, attempt: number, outcome }
        });
    }

    fn attempt_ended(&self, work: &mut Work, done: Result<Ended, tokio::task::JoinError>) {
        let Ended { request, attempt, outcome } = match done {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "an attempt ended without an outcome");
                return;
            }
        };
        let Some(job) = work.jobs.get_mut(&request) else { return };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(%request, %error, "an attempt was lost");
                job.attempt_lost();
                return;
            }
        };
        count_attempt(outcome.code);
        if outcome.code != 0 {
            tracing::info!(%request, attempt, code = outcome.code, reason = outcome.reason, "an attempt failed");
            let (code, reason) = (outcome.code, outcome.reason.clone());
            self.status.failed(AttemptFailure { request_id: request, attempt, code, reason });
        }
        let passed = self.head_seen.elapsed().as_millis();
        let head_ms = self.head.timestamp.to::<u64>().saturating_mul(1_000);
        let now_ms = head_ms.saturating_add(u64::try_from(passed).unwrap_or_default());
        job.attempt_done(attempt, &outcome, |code, result| {
            Word::sign(&self.key, self.chain.id, (request, attempt), (code, result), now_ms)
        });
    }

    async fn report(&mut self, id: U256, settlement: Settlement) -> Result<(), GatewayError> {
        let Settlement { code, result, proof } = settlement;
        let call = IThings::reportCall { requestId: id, code, result, proof };
        self.transact(call.abi_encode().into(), Purpose::Report, ("report", id)).await.map(drop)
    }

    async fn take_custody(&mut self, id: U256) -> Result<(), GatewayError> {
        let Ok(signature) = self.key.sign_hash_sync(&digest(&Custody { requestId: id }, self.chain.id)) else {
            return Ok(());
        };
        let call = IThings::queueCall { requestId: id, signature: signature.as_bytes().to_vec().into() };
        self.transact(call.abi_encode().into(), Purpose::Custody, ("custody", id)).await.map(drop)
    }

    /// Sends a transaction; `false` if it would not succeed, which another gateway's may be the reason of.
    async fn transact(
        &mut self,
        input: Bytes,
        purpose: Purpose,
        (what, id): (&'static str, U256),
    ) -> Result<bool, GatewayError> {
        if !self.transactions.has_room() {
            return Ok(false);
        }
        match self.transactions.send(&self.chain, &self.head, THINGS_ADDRESS, input, purpose).await {
            Ok(hash) => {
                tracing::debug!(what, %id, %hash, "sent");
                count_report("sent");
                self.status.update(|status| status.problem.clear());
                Ok(true)
            }
            Err(GatewayError::Refused { message, .. }) => {
                tracing::info!(what, %id, reason = message, "not sent");
                count_report("refused");
                if message.contains("insufficient funds") {
                    self.status.update(|status| status.problem = message);
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Holds a message until the chain has it.
    fn hold(&self, work: &mut Work, Arrived { thing, body, receipt }: Arrived) {
        let message = match envelope::read(&body, thing) {
            Ok(message) => message,
            Err(reason) => {
                tracing::warn!(%thing, reason, "a message is dropped: the chain would never take it");
                count_messages("malformed", 1);
                receipt.accept();
                return;
            }
        };
        count_messages("arrived", 1);
        let now = Instant::now();
        let doubtful = now.saturating_duration_since(self.started) < DOUBTFUL_AFTER_START;
        work.mailbox.put(message, receipt, (work.followers.gateways(thing), work.own), (now, doubtful));
    }

    /// Sends messages that are due, in one transaction.
    async fn publish(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        if !self.transactions.has_room() {
            return Ok(());
        }
        let now = Instant::now();
        for key in work.mailbox.doubtful(now) {
            match self.chain.is_published(key.0, key.1).await {
                Ok(true) => {
                    work.mailbox.published(key);
                    count_messages("known", 1);
                }
                Ok(false) | Err(GatewayError::Refused { .. }) => work.mailbox.is_new(key),
                Err(error) => return Err(error),
            }
        }
        let messages = work.mailbox.batch(now, self.batch_max);
        if messages.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = messages.iter().map(|message| (message.thing, message.sequence)).collect();
        let count = U256::from(keys.len());
        let call = IThings::publishBatchCall { messages };
        let purpose = Purpose::Publish(keys.clone());
        if self.transact(call.abi_encode().into(), purpose, ("messages", count)).await? {
            work.mailbox.set_sent(&keys);
            self.batch_max = self.batch_max.saturating_mul(2).min(BATCH_MESSAGES_MAX);
        } else {
            // A batch that costs more gas than one transaction may have: smaller ones.
            self.batch_max = (self.batch_max / 2).max(1);
        }
        Ok(())
    }

    fn show(&self, work: &Work) {
        self.status.update(|status| {
            status.head = self.looked_at;
            status.open_requests = work.jobs.len();
            status.attempts = work.running.len();
            status.transactions = self.transactions.waiting();
            status.subscriptions = work.followers.len();
            status.messages = work.mailbox.len();
        });
    }
}

fn sequence(log: &Log) -> u64 {
    log.topics.get(2).map(|topic| U256::from_be_bytes(topic.0).saturating_to()).unwrap_or_default()
}

fn status_changed(work: &mut Work, id: U256, log: &Log) {
    let status = log.topics.get(2).map(|topic| U256::from_be_bytes(topic.0).saturating_to::<u8>());
    match status.map(IThings::Status::try_from) {
        Some(Ok(IThings::Status::Pending)) => {}
        Some(Ok(IThings::Status::Queued)) => {
            if let Some(job) = work.jobs.get_mut(&id) {
                job.request.status = "queued".to_owned();
            }
        }
        _ => {
            work.jobs.remove(&id);
        }
    }
}
