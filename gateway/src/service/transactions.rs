//! [`Transactions`]: the gateway's account. Its transactions, their nonces, and what becomes of them.
//!
//! Nothing is kept on disk: the node's pool is durable and says after a restart which nonces are taken. What an earlier
//! process sent and what this one sent are treated alike: a nonce that stays out of blocks is given to the node again, then
//! replaced by a dearer transaction.
use super::{
    chain::{Chain, Head},
    limits::{IN_FLIGHT_MAX, REPLACE_AFTER, SEND_AGAIN},
};
use crate::GatewayError;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use std::{collections::BTreeMap, time::Instant};

/// Gas of a transfer: what a replacement costs that only frees a nonce.
const TRANSFER_GAS: u64 = 21_000;
/// What is added to an estimate: between it and the block others may have made the work larger.
const GAS_MARGIN: u64 = 60_000;
/// Most gas of a transaction (EIP-7825).
pub(crate) const GAS_MAX: u64 = 1 << 24;
/// The base fee may rise so much until a transaction is in a block.
const BASE_FEE_FACTOR: u128 = 4;

/// A call that becomes a transaction.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) to: Address,
    pub(crate) input: Bytes,
    /// Its gas limit; `None`: the node estimates it, and finds whether the call would succeed now.
    pub(crate) gas: Option<u64>,
}

/// The gas limit for a call that would take so much now: a quarter more, and a margin.
pub(crate) fn gas_limit(estimate: u64) -> u64 {
    estimate.saturating_add(estimate >> 2).saturating_add(GAS_MARGIN)
}

/// A transaction that is in no block yet.
#[derive(Debug)]
struct Sent<P> {
    purpose: Option<P>,
    transaction: TxEip1559,
    encoded: Bytes,
    hash: B256,
    first_sent: Instant,
    last_sent: Instant,
}

/// The account's transactions; each has a purpose `P`.
#[derive(Debug)]
pub(crate) struct Transactions<P> {
    key: PrivateKeySigner,
    chain_id: u64,
    next: u64,
    included: u64,
    in_flight: BTreeMap<u64, Sent<P>>,
    stuck_since: Option<Instant>,
}

impl<P> Transactions<P> {
    /// Begins where the account's blocks and the node's pool end.
    ///
    /// # Errors
    /// The node does not answer.
    pub(crate) async fn open(chain: &Chain, head: &Head, key: PrivateKeySigner) -> Result<Self, GatewayError> {
        let included = chain.nonce_at(key.address(), head.number).await?;
        let next = chain.nonce_pending(key.address()).await?.max(included);
        Ok(Self { key, chain_id: chain.id, next, included, in_flight: BTreeMap::new(), stuck_since: None })
    }

    /// The account.
    pub(crate) fn account(&self) -> Address {
        self.key.address()
    }

    /// Transactions in no block yet, those of an earlier process included.
    pub(crate) fn waiting(&self) -> u64 {
        self.next.saturating_sub(self.included)
    }

    /// Whether this process sent it, as far as it is not known to be in a block.
    pub(crate) fn is_own(&self, hash: B256) -> bool {
        self.in_flight.values().any(|sent| sent.hash == hash)
    }

    /// Whether there is room for one more.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting() < u64::try_from(IN_FLIGHT_MAX).unwrap_or(u64::MAX)
    }

    /// Sends a call. The answer is the transaction's hash.
    ///
    /// # Errors
    /// The call would revert and has no gas limit yet, the account cannot pay, or the node does not answer.
    pub(crate) async fn send(
        &mut self,
        chain: &Chain,
        head: &Head,
        Call { to, input, gas }: Call,
        purpose: P,
    ) -> Result<B256, GatewayError> {
        let gas = match gas {
            Some(gas) => gas,
            None => gas_limit(chain.estimate_gas(self.account(), to, &input).await?),
        };
        let tip = chain.tip().await?;
        let base_fee: u128 = head.base_fee_per_gas.unwrap_or_default().saturating_to();
        let mut transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.next,
            gas_limit: gas.min(GAS_MAX),
            max_fee_per_gas: base_fee.saturating_mul(BASE_FEE_FACTOR).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(to),
            input,
            ..TxEip1559::default()
        };
        let (mut hash, mut encoded) = sign(&self.key, &transaction)?;
        match chain.send(&encoded).await {
            Ok(_) => {}
            Err(error) if is_known(&error) => {}
            // Somebody else uses the account, or the pool has lost what it had: begin again where the node says.
            Err(error) if is_nonce(&error) => {
                transaction.nonce = chain.nonce_pending(self.account()).await?;
                (hash, encoded) = sign(&self.key, &transaction)?;
                chain.send(&encoded).await?;
            }
            Err(error) => return Err(error),
        }
        let now = Instant::now();
        let sent = Sent { purpose: Some(purpose), transaction, encoded, hash, first_sent: now, last_sent: now };
        self.next = sent.transaction.nonce.saturating_add(1);
        self.in_flight.insert(sent.transaction.nonce, sent);
        Ok(hash)
    }

    /// Looks which are in blocks, and gives their purposes; takes care of those that stay out.
    ///
    /// # Errors
    /// The node does not answer.
    pub(crate) async fn advance(&mut self, chain: &Chain, head: &Head) -> Result<Vec<P>, GatewayError> {
        if self.waiting() == 0 {
            return Ok(Vec::new());
        }
        let before = self.included;
        // After the very block whose logs were looked at: a later one's would say too much.
        self.included = chain.nonce_at(self.account(), head.number).await?;
        self.next = self.next.max(self.included);
        let waiting = self.in_flight.split_off(&self.included);
        let done = std::mem::replace(&mut self.in_flight, waiting);
        if self.included > before || self.waiting() == 0 {
            self.stuck_since = None;
        }
        self.push(chain, head).await?;
        Ok(done.into_values().filter_map(|sent| sent.purpose).collect())
    }

    /// Gives the first transaction that is out of blocks to the node again, and replaces it in the end: those behind it wait
    /// for it.
    async fn push(&mut self, chain: &Chain, head: &Head) -> Result<(), GatewayError> {
        if self.waiting() == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let first = self.included;
        let since = *self.stuck_since.get_or_insert(now);
        let is_stuck = now.saturating_duration_since(since) >= REPLACE_AFTER;
        if !self.in_flight.contains_key(&first) && is_stuck {
            // Of an earlier process, and too cheap or lost: what it did is found again from the chain, its nonce is freed.
            let transaction = TxEip1559 {
                chain_id: self.chain_id,
                nonce: first,
                gas_limit: TRANSFER_GAS,
                to: TxKind::Call(self.account()),
                ..TxEip1559::default()
            };
            let sent = Sent {
                purpose: None,
                transaction,
                encoded: Bytes::new(),
                hash: B256::ZERO,
                first_sent: since,
                last_sent: since,
            };
            self.in_flight.insert(first, sent);
        }
        let Some(sent) = self.in_flight.get_mut(&first) else { return Ok(()) };
        if now.saturating_duration_since(sent.last_sent) < SEND_AGAIN {
            return Ok(());
        }
        sent.last_sent = now;
        if now.saturating_duration_since(sent.first_sent) >= REPLACE_AFTER {
            sent.first_sent = now;
            let base_fee: u128 = head.base_fee_per_gas.unwrap_or_default().saturating_to();
            let tip = chain.tip().await?.max(sent.transaction.max_priority_fee_per_gas.saturating_mul(2)).max(1);
            let fee = base_fee.saturating_mul(BASE_FEE_FACTOR).max(sent.transaction.max_fee_per_gas.saturating_mul(2));
            sent.transaction.max_priority_fee_per_gas = tip;
            sent.transaction.max_fee_per_gas = fee.max(tip);
            (sent.hash, sent.encoded) = sign(&self.key, &sent.transaction)?;
        }
        match chain.send(&sent.encoded).await {
            Ok(_) => Ok(()),
            // It is there, in a block by now, or another one in its place: the next look tells.
            Err(error @ GatewayError::Refused { .. }) => {
                tracing::debug!(nonce = first, %error, "a transaction was given to the node again");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn sign(key: &PrivateKeySigner, transaction: &TxEip1559) -> Result<(B256, Bytes), GatewayError> {
    let signature = key.sign_hash_sync(&transaction.signature_hash());
    let signature = signature.map_err(|error| GatewayError::Node { method: "sign", reason: error.to_string() })?;
    let signed = TxEnvelope::from(transaction.clone().into_signed(signature));
    Ok((*signed.tx_hash(), signed.encoded_2718().into()))
}

fn is_known(error: &GatewayError) -> bool {
    matches!(error, GatewayError::Refused { message, .. } if message.starts_with("already known"))
}

fn is_nonce(error: &GatewayError) -> bool {
    matches!(error, GatewayError::Refused { message, .. }
        if message.starts_with("nonce too low") || message.contains("replacement transaction underpriced"))
}
