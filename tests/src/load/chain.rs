//! The few questions that a load run asks a node.
use super::{
    Connection, LoadError,
    wallet::{Call, Signed, Terms, Wallet},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256, hex};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Calls of one batch outside the measured part.
const BATCH_CALLS: usize = 50;
/// How often a block is looked for.
const POLL: Duration = Duration::from_millis(20);
/// Longest wait for a transaction of the set-up.
const INCLUSION_S_MAX: u64 = 60;

/// A node, seen through one connection.
pub struct Chain {
    pub(crate) connection: Connection,
}

/// What is looked at of a receipt.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptView {
    pub(crate) transaction_hash: B256,
    pub(crate) status: U64,
    pub(crate) gas_used: U64,
    pub(crate) contract_address: Option<Address>,
}

impl Chain {
    /// Connects.
    ///
    /// # Errors
    /// Those of [`Connection::open`].
    pub fn open(url: &str) -> Result<Self, LoadError> {
        Ok(Self { connection: Connection::open(url)? })
    }

    /// Number of the newest block.
    ///
    /// # Errors
    /// Those of [`Connection::call`].
    pub fn block_number(&mut self) -> Result<u64, LoadError> {
        self.connection.call::<U64>("eth_blockNumber", json!([])).map(|number| number.to())
    }

    /// `web3_clientVersion`.
    ///
    /// # Errors
    /// Those of [`Connection::call`].
    pub fn client_version(&mut self) -> Result<String, LoadError> {
        self.connection.call("web3_clientVersion", json!([]))
    }

    pub(crate) fn chain_id(&mut self) -> Result<u64, LoadError> {
        self.connection.call::<U64>("eth_chainId", json!([])).map(|id| id.to())
    }

    /// Wei per gas.
    pub(crate) fn gas_price(&mut self) -> Result<u128, LoadError> {
        self.connection.call::<U256>("eth_gasPrice", json!([])).map(|price| price.saturating_to())
    }

    pub(crate) fn transaction_count(&mut self, block: u64) -> Result<u64, LoadError> {
        let count: Option<U64> =
            self.connection.call("eth_getBlockTransactionCountByNumber", json!([U64::from(block)]))?;
        Ok(count.unwrap_or_default().to())
    }

    pub(crate) fn receipts(&mut self, block: u64) -> Result<Vec<ReceiptView>, LoadError> {
        match self.connection.call("eth_getBlockReceipts", json!([U64::from(block)])) {
            // A very large block may be above the node's limit for one answer.
            Err(LoadError::Rpc { .. }) => self.receipts_one_by_one(block),
            other => other,
        }
    }

    fn receipts_one_by_one(&mut self, block: u64) -> Result<Vec<ReceiptView>, LoadError> {
        let block: Value = self.connection.call("eth_getBlockByNumber", json!([U64::from(block), false]))?;
        let hashes = block["transactions"].as_array().cloned().unwrap_or_default();
        let params: Vec<_> = hashes.into_iter().map(|hash| json!([hash])).collect();
        let mut receipts = Vec::new();
        for params in params.chunks(BATCH_CALLS) {
            receipts.extend(self.connection.batch::<ReceiptView>("eth_getTransactionReceipt", params)?);
        }
        Ok(receipts)
    }

    pub(crate) fn balances(&mut self, addresses: &[Address]) -> Result<Vec<U256>, LoadError> {
        self.many("eth_getBalance", addresses.iter().map(|address| json!([address, "latest"])))
    }

    /// `eth_call` of `to` with each input, each answering one word.
    pub(crate) fn words(&mut self, to: Address, inputs: &[Bytes]) -> Result<Vec<U256>, LoadError> {
        self.many("eth_call", inputs.iter().map(|input| json!([{ "to": to, "data": input }, "latest"])))
    }

    /// Brings the nonces up to date.
    pub(crate) fn load_nonces(&mut self, wallets: &mut [Wallet]) -> Result<(), LoadError> {
        let params = wallets.iter().map(|wallet| json!([wallet.address, "latest"]));
        let nonces: Vec<U64> = self.many("eth_getTransactionCount", params.collect::<Vec<_>>().into_iter())?;
        for (wallet, nonce) in wallets.iter_mut().zip(nonces) {
            wallet.nonce = nonce.to();
        }
        Ok(())
    }

    fn many<T: serde::de::DeserializeOwned>(
        &mut self,
        method: &str,
        params: impl Iterator<Item = Value>,
    ) -> Result<Vec<T>, LoadError> {
        let params: Vec<_> = params.collect();
        let mut answers = Vec::with_capacity(params.len());
        for params in params.chunks(BATCH_CALLS) {
            answers.extend(self.connection.batch::<T>(method, params)?);
        }
        Ok(answers)
    }

    /// Sends transactions of the set-up and waits for all their receipts.
    pub(crate) fn include(&mut self, transactions: &[Signed]) -> Result<Vec<ReceiptView>, LoadError> {
        self.many::<B256>(
            "eth_sendRawTransaction",
            transactions.iter().map(|tx| json!([hex::encode_prefixed(&tx.encoded)])),
        )?;
        let mut receipts = Vec::with_capacity(transactions.len());
        let start = Instant::now();
        for transaction in transactions {
            receipts.push(loop {
                let receipt: Option<ReceiptView> =
                    self.connection.call("eth_getTransactionReceipt", json!([transaction.hash]))?;
                match receipt {
                    Some(receipt) if receipt.status == U64::from(1) => break receipt,
                    Some(receipt) => {
                        let reason = format!("set-up transaction {} failed", receipt.transaction_hash);
                        return Err(LoadError::Verification { reason });
                    }
                    None if start.elapsed().as_secs() > INCLUSION_S_MAX => {
                        let expected = transactions.len() as u64;
                        let included = receipts.len() as u64;
                        return Err(LoadError::Stalled { included, expected, waited_s: INCLUSION_S_MAX });
                    }
                    None => thread::sleep(POLL),
                }
            });
        }
        Ok(receipts)
    }

    /// Deploys a contract from `owner`.
    pub(crate) fn deploy(&mut self, owner: &mut Wallet, terms: &Terms, code: Vec<u8>) -> Result<Address, LoadError> {
        let call = Call { to: TxKind::Create, value: U256::ZERO, gas: 3_000_000, input: code.into() };
        let receipts = self.include(&[owner.sign(terms, call)?])?;
        let address = receipts.first().and_then(|receipt| receipt.contract_address);
        address.ok_or_else(|| LoadError::Verification { reason: "the deployment has no contract address".into() })
    }
}
