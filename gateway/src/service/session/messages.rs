//! Messages of things: held as they arrive, published in batches.
use super::{Purpose, Session, Work};
use crate::{
    GatewayError,
    service::{envelope, followers::Arrived, limits::DOUBTFUL_AFTER_START, mailbox::Key, status::count_messages},
};
use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use pervade_chainspec::params::BATCH_MESSAGES_MAX;
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

    /// Sends messages that are due, in one transaction.
    pub(super) async fn publish(&mut self, work: &mut Work) -> Result<(), GatewayError> {
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
        if self.transact(work, call.abi_encode().into(), purpose, ("messages", count)).await? {
            work.mailbox.set_sent(&keys);
            self.batch_max = self.batch_max.saturating_mul(2).min(BATCH_MESSAGES_MAX);
        } else {
            // A batch that costs more gas than one transaction may have: smaller ones.
            self.batch_max = (self.batch_max / 2).max(1);
        }
        Ok(())
    }
}
