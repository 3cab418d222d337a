//! [`Session`]: the service's work as long as its node answers; [`Work`]: what outlives a node that does not.
mod blocks;
mod messages;
mod sending;

use super::{
    attempt::{Outcome, attempt},
    chain::{Chain, Head},
    clock::ChainClock,
    followers::{FollowerEvents, Followers},
    funds::Funds,
    job::{Action, Job, Moment},
    limits::{ATTEMPTS_RUNNING_MAX, IDLE, JOBS_MAX, LOOK_PERIOD},
    mailbox::{Key, Mailbox},
    node::NodeRpc,
    status::{AttemptFailure, StatusBoard, count_attempt},
    transactions::Transactions,
    word::Word,
};
use crate::{Bindings, GatewayError};
use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use messages::MessageGas;
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
    funds: Funds,
}

impl Work {
    pub(super) fn new(bindings: Arc<Bindings>, own: Address) -> Self {
        let (followers, events) = Followers::new(own, bindings.clone());
        Self {
            own,
            bindings,
            jobs: BTreeMap::new(),
            running: JoinSet::new(),
            followers,
            events,
            mailbox: Mailbox::default(),
            funds: Funds::default(),
        }
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
    clock: ChainClock,
    /// Blocks up to this one have been looked at.
    looked_at: u64,
    /// There are more open requests than jobs: they are listed again when there is room.
    has_more: bool,
    message_gas: MessageGas,
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
            clock: ChainClock::new(head.timestamp.to(), now),
            looked_at: head.number.to(),
            has_more: false,
            message_gas: MessageGas::default(),
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
    pub(super) async fn step(&mut self, work: &mut Work) -> Result<(), GatewayError> {
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
            self.clock.see(self.head.timestamp.to(), Instant::now());
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
        Moment { chain: self.clock.seconds(own), own }
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
                Action::Report(settlement) => self.report(work, id, settlement).await?,
                Action::Custody => self.take_custody(work, id).await?,
            }
        }
        Ok(())
    }

    fn begin(&self, work: &mut Work, id: U256, number: u32) {
        let Some(job) = work.jobs.get(&id) else { return };
        let (chain, bindings, request) = (self.chain.clone(), work.bindings.clone(), job.request.clone());
        work.running.spawn(async move {
            let outcome = Box::pin(attempt(&chain, &bindings, &request)).await;
            Ended { request: id, attempt: number, outcome }
        });
    }

    fn attempt_ended(&mut self, work: &mut Work, done: Result<Ended, tokio::task::JoinError>) {
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
        let now_ms = self.clock.milliseconds(Instant::now());
        job.attempt_done(attempt, &outcome, |code, result| {
            Word::sign(&self.key, self.chain.id, (request, attempt), (code, result), now_ms)
        });
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
