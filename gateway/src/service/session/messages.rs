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

    /// Sends messages that are due, in one transaction. What a message costs is asked of the node once, and again when a batch
    /// was not taken: to try each batch beforehand would cost the node as much as to execute it.
    pub(super) async fn publish(&mut self, work: &mut Work) -> Result<(), GatewayError> {
        if !self.transactions.has_room() {
            return Ok(());
        }
        let now = Instant::now();
        self.look_for_doubtful(work, now).await?;
        let Batch { messages, is_retried } = work.mailbox.batch(now, self.batch_max);
        if messages.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = messages.iter().map(|message| (message.thing, message.sequence)).collect();
        let input: Bytes = IThings::publishBatchCall { messages }.abi_encode().into();
        let what = ("messages", U256::from(keys.len()));
        let gas = match self.message_gas.limit(keys.len()).filter(|_| !is_retried) {
            Some(gas) => Some(gas),
            None => match self.chain.estimate_gas(work.own, THINGS_ADDRESS, &input).await {
                Ok(estimate) => {
                    self.message_gas.learn(keys.len(), estimate);
                    Some(gas_limit(estimate))
                }
                Err(error) => {
                    self.not_sent(work, error, what)?;
                    None
                }
            },
        };
        let purpose = Purpose::Publish(keys.clone());
        if gas.is_some() && self.transact(work, (input, gas), purpose, what).await? {
            work.mailbox.set_sent(&keys);
            self.batch_max = self.batch_max.saturating_mul(2).min(BATCH_MESSAGES_MAX);
        } else {
            // A batch that costs more gas than one transaction may have: smaller ones.
            self.batch_max = (self.batch_max / 2).max(1);
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

/// What messages cost, as far as batches have shown.
#[derive(Debug, Default)]
pub(super) struct MessageGas {
    /// Gas of one message of the batch in which they cost most.
    most: u64,
}

impl MessageGas {
    /// A batch of so many would take so much gas now. A batch that was far dearer is forgotten in time.
    fn learn(&mut self, messages: usize, gas: u64) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX).max(1);
        self.most = gas.div_ceil(messages).max(self.most / 2);
    }

    /// The gas limit for a batch; `None`: nothing is known, or not that it fits a transaction.
    fn limit(&self, messages: usize) -> Option<u64> {
        let all = self.most.checked_mul(u64::try_from(messages).ok()?)?;
        Some(gas_limit(all)).filter(|limit| self.most > 0 && *limit <= GAS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_batch_takes_is_known_after_one_and_never_above_a_transactions_most() {
        let mut gas = MessageGas::default();
        assert_eq!(gas.limit(1), None);
        gas.learn(100, 4_000_000);
        assert_eq!(gas.limit(10), Some(gas_limit(400_000)));
        let most = (1..).take_while(|count| gas.limit(*count).is_some()).last().unwrap();
        assert!(gas_limit(40_000 * most as u64) <= GAS_MAX && gas_limit(40_000 * (most as u64 + 1)) > GAS_MAX);
    }

    #[test]
    fn a_dear_batch_is_forgotten_when_cheap_ones_follow() {
        let mut gas = MessageGas::default();
        gas.learn(1, 8_000_000);
        assert_eq!(gas.limit(256), None, "then it is estimated");
        (0..10).for_each(|_| gas.learn(256, 256 * 50_000));
        assert_eq!(gas.limit(256), Some(gas_limit(256 * 50_000)));
    }
}
