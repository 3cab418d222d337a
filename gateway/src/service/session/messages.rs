//! Messages of things: held as they arrive, published in batches.
use super::{Purpose, Session, Work};
use crate::{
    GatewayError,
    service::{
        envelope,
        followers::Arrived,
        limits::DOUBTFUL_AFTER_START,
        mailbox::{Batch, Key},
        status::count_messages,
        transactions::{GAS_MAX, gas_limit},
    },
};
use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;
use pervade_chainspec::params::{BATCH_MESSAGES_MAX, THINGS_ADDRESS};
use pervade_evm_ext::things::IThings;
use std::time::Instant;

impl Session {
    /// Holds a message until the chain has it.
    pub(super) fn hold(&self, work: &mut Work, Arrived { thing, body, receipt }: Arrived) {
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

    /// Sends messages that are due, in one transaction. What the messages of a large batch cost is asked of the node now and
    /// then, and when one has failed: an estimate executes it several times.
    pub(super) async fn publish(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        if !self.transactions.has_room() {
            return Ok(());
        }
        let now = Instant::now();
        self.look_for_doubtful(work, now).await?;
        let Batch { messages, is_retried } = work.mailbox.batch(now, self.message_gas.messages_max());
        if messages.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = messages.iter().map(|message| (message.thing, message.sequence)).collect();
        let input: Bytes = IThings::publishBatchCall { messages }.abi_encode().into();
        let what = ("messages", U256::from(keys.len()));
        let known = if is_retried { None } else { self.message_gas.limit(keys.len()) };
        let gas = match known {
            Some(gas) => gas,
            None => match self.chain.estimate_gas(work.own, THINGS_ADDRESS, &input).await {
                Ok(estimate) => {
                    self.message_gas.learn(keys.len(), estimate);
                    gas_limit(estimate)
                }
                Err(error) => {
                    self.message_gas.refused(keys.len());
                    return self.not_sent(work, error, what);
                }
            },
        };
        if self.transact(work, (input, Some(gas)), Purpose::Publish(keys.clone()), what).await? {
            work.mailbox.set_sent(&keys);
        }
        Ok(())
    }

    /// Asks the chain, in one question, for those of the next batch that somebody may have published.
    async fn look_for_doubtful(&self, work: &mut Work, now: Instant) -> Result<(), GatewayError> {
        let doubtful = work.mailbox.doubtful(now);
        if doubtful.is_empty() {
            return Ok(());
        }
        let published = self.chain.are_published(&doubtful).await?;
        for (key, is_published) in doubtful.into_iter().zip(published) {
            if is_published {
                work.mailbox.published(key);
                count_messages("known", 1);
            } else {
                work.mailbox.is_new(key);
            }
        }
        Ok(())
    }
}

/// Batches whose gas follows from an earlier one's, until one is estimated again: what messages cost changes.
const ESTIMATE_PERIOD: u32 = 32;
/// Smaller batches are always estimated. Single messages may cost many times what others do, by the triggers that they wake, and
/// with so few there is no hurry.
const KNOWN_MESSAGES_MIN: usize = 64;

/// What messages cost, as far as batches have shown.
#[derive(Debug)]
pub(super) struct MessageGas {
    /// Gas of one message of the batch in which they cost most; 0: not known.
    most: u64,
    /// Messages of a batch while that is not known.
    untried_max: usize,
    /// Batches since the last estimate.
    since: u32,
}

impl Default for MessageGas {
    fn default() -> Self {
        Self { most: 0, untried_max: BATCH_MESSAGES_MAX, since: 0 }
    }
}

impl MessageGas {
    /// Messages of the next batch, at most: as many as fit a transaction's gas.
    fn messages_max(&self) -> usize {
        let all = (GAS_MAX.saturating_sub(gas_limit(0)) / 5).saturating_mul(4);
        match all.checked_div(self.most) {
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX).clamp(1, BATCH_MESSAGES_MAX),
            None => self.untried_max,
        }
    }

    /// The gas limit for a batch; `None`: it is to be estimated. Twice what is expected, where a transaction may have so much: what is
    /// left over is not paid for.
    fn limit(&mut self, messages: usize) -> Option<u64> {
        let all = self.most.checked_mul(u64::try_from(messages).ok()?)?;
        if self.most == 0 || messages < KNOWN_MESSAGES_MIN || gas_limit(all) > GAS_MAX {
            return None;
        }
        self.since = self.since.saturating_add(1);
        let limit = gas_limit(all).max(all.saturating_mul(2).min(GAS_MAX));
        (self.since < ESTIMATE_PERIOD).then_some(limit)
    }

    /// A batch of so many would take so much gas now. One that was far dearer is forgotten in time.
    fn learn(&mut self, messages: usize, gas: u64) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX).max(1);
        self.most = gas.div_ceil(messages).max(self.most / 2);
        self.since = 0;
    }

    /// A batch of so many would not succeed now, perhaps because it costs more than a transaction may: smaller ones.
    fn refused(&mut self, messages: usize) {
        *self = Self { untried_max: (messages / 2).max(1), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_one_estimate_batches_are_as_large_as_fits_a_transaction() {
        let mut gas = MessageGas::default();
        assert_eq!((gas.messages_max(), gas.limit(BATCH_MESSAGES_MAX)), (BATCH_MESSAGES_MAX, None));
        gas.refused(BATCH_MESSAGES_MAX);
        assert_eq!((gas.messages_max(), gas.limit(1)), (BATCH_MESSAGES_MAX / 2, None));
        gas.learn(100, 8_000_000);
        let most = gas.messages_max();
        assert!(most < BATCH_MESSAGES_MAX);
        assert_eq!(gas.limit(most), Some(GAS_MAX), "twice as much would be more than a transaction may have");
        assert_eq!(gas.limit(80), Some(2 * 80 * 80_000));
        assert_eq!(gas.limit(KNOWN_MESSAGES_MIN - 1), None, "few are estimated");
        assert_eq!(gas.limit(most + 1), None, "above what a transaction may have");
        gas.learn(100, 100_000);
        gas.learn(100, 100_000);
        assert_eq!(gas.messages_max(), BATCH_MESSAGES_MAX);
    }

    #[test]
    fn a_dear_message_is_forgotten_when_cheap_ones_follow() {
        let mut gas = MessageGas::default();
        gas.learn(1, 14_000_000);
        assert_eq!((gas.messages_max(), gas.limit(1)), (1, None));
        for _ in 0..10 {
            let messages = gas.messages_max();
            gas.learn(messages, messages as u64 * 50_000);
        }
        assert_eq!((gas.messages_max(), gas.most), (BATCH_MESSAGES_MAX, 50_000));
    }

    #[test]
    fn every_so_many_batches_one_is_estimated() {
        let mut gas = MessageGas::default();
        gas.learn(1, 50_000);
        let known = (0..).take_while(|_| gas.limit(100).is_some()).count();
        assert_eq!(known, ESTIMATE_PERIOD as usize - 1);
        assert_eq!(gas.limit(100), None, "until it is");
        gas.learn(1, 50_000);
        assert!(gas.limit(100).is_some());
    }
}
