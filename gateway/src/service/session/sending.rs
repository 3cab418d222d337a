//! What the gateway tells: its words to other gateways, its transactions to the chain.
use super::{Purpose, Session, Work};
use crate::{
    GatewayError,
    service::{agreement::Settlement, funds::Funds, status::count_report, transactions::Call, word::Word},
};
use alloy_primitives::{Bytes, U256};
use alloy_signer::SignerSync;
use alloy_sol_types::SolCall;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_evm_ext::things::{Custody, IThings, digest};
use std::time::Instant;

impl Session {
    pub(super) async fn speak(&self, word: &Word) -> Result<(), GatewayError> {
        match self.chain.speak(&word.encode()).await {
            Err(GatewayError::Refused { message, .. }) => {
                tracing::info!(request = %word.request, reason = message, "the node does not take an answer");
                Ok(())
            }
            told => told,
        }
    }

    pub(super) async fn report(
        &mut self,
        work: &mut Work,
        id: U256,
        settlement: Settlement,
    ) -> Result<(), GatewayError> {
        let Settlement { code, result, proof } = settlement;
        let call = IThings::reportCall { requestId: id, code, result, proof };
        self.transact(work, (call.abi_encode().into(), None), Purpose::Report, ("report", id)).await.map(drop)
    }

    pub(super) async fn take_custody(&mut self, work: &mut Work, id: U256) -> Result<(), GatewayError> {
        let Ok(signature) = self.key.sign_hash_sync(&digest(&Custody { requestId: id }, self.chain.id)) else {
            return Ok(());
        };
        let call = IThings::queueCall { requestId: id, signature: signature.as_bytes().to_vec().into() };
        self.transact(work, (call.abi_encode().into(), None), Purpose::Custody, ("custody", id)).await.map(drop)
    }

    /// Sends a transaction, with a gas limit if it is known; `false` if it would not succeed, which another gateway's may be the
    /// reason of.
    pub(super) async fn transact(
        &mut self,
        work: &mut Work,
        (input, gas): (Bytes, Option<u64>),
        purpose: Purpose,
        (what, id): (&'static str, U256),
    ) -> Result<bool, GatewayError> {
        if !self.transactions.has_room() {
            return Ok(false);
        }
        let call = Call { to: THINGS_ADDRESS, input, gas };
        match self.transactions.send(&self.chain, &self.head, call, purpose).await {
            Ok(hash) => {
                tracing::debug!(what, %id, %hash, "sent");
                count_report("sent");
                work.funds.suffice(&self.status);
                Ok(true)
            }
            Err(error) => self.not_sent(work, error, (what, id)).map(|()| false),
        }
    }

    /// Notes why a transaction was not sent; gives errors back that say nothing about it.
    pub(super) fn not_sent(
        &self,
        work: &mut Work,
        error: GatewayError,
        (what, id): (&'static str, U256),
    ) -> Result<(), GatewayError> {
        let GatewayError::Refused { message, .. } = error else { return Err(error) };
        if Funds::are_missing(&message) {
            tracing::debug!(what, %id, reason = message, "not sent");
            count_report("unfunded");
            work.funds.lack(&message, &self.status, Instant::now());
        } else {
            tracing::info!(what, %id, reason = message, "not sent");
            count_report("refused");
        }
        Ok(())
    }
}
