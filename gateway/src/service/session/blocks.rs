//! What new blocks say: requests that begin and end, messages that were published or skipped, things that changed.
use super::{Purpose, Session, Work};
use crate::{
    GatewayError,
    service::{
        chain::Log,
        limits::{JOBS_MAX, LOG_BLOCKS_MAX},
        mailbox::Skipped,
        status::count_messages,
    },
};
use alloy_primitives::{B256, U256};
use alloy_sol_types::SolEvent;
use pervade_evm_ext::things::IThings;
use std::{collections::BTreeSet, time::Instant};

impl Session {
    /// Looks at the blocks since the last look.
    pub(super) async fn look_at_blocks(&mut self, work: &mut Work) -> Result<(), GatewayError> {
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
