//! Transactions whose price has more than 128 bits.
//!
//! Such a price is valid in form, though nobody can pay it, and [`Transaction`] cannot hold it. What can be told of
//! such a transaction without executing it is told here.
use crate::{AdmissionError, IntrinsicGas, check_transaction};
use alloy_consensus::{Transaction as _, crypto::secp256k1::recover_signer_unchecked, transaction::SignerRecoverable};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Decodable, EMPTY_STRING_CODE, Header, PayloadView};
use pervade_chainspec::{BlockForks, ChainSpec};
use pervade_storage::Transaction;

/// The highest price that [`Transaction`] holds.
const MAX_NARROW: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);
/// Items of a signature at the end of a transaction: v or parity, r, s.
const SIGNATURE_ITEMS: usize = 3;

/// A transaction that is valid whatever the state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmittedTransaction {
    /// Its hash.
    pub hash: B256,
    /// Who signed it.
    pub sender: Address,
    /// What it needs before its first instruction.
    pub gas: IntrinsicGas,
    /// The transaction; `None` if its price has more than 128 bits, so that no account can pay it.
    pub transaction: Option<Transaction>,
}

/// Decodes an EIP-2718 transaction and checks all its rules that do not depend on the state.
///
/// # Errors
/// The first rule that it breaks; [`AdmissionError::Encoding`] if the bytes are no transaction.
pub fn admit_encoded(
    spec: &ChainSpec,
    bytes: &[u8],
    forks: &BlockForks<'_>,
) -> Result<AdmittedTransaction, AdmissionError> {
    let error = match Transaction::decode_2718_exact(bytes) {
        Ok(transaction) => {
            let gas = check_transaction(spec, &transaction, forks)?;
            let sender = transaction.recover_signer_unchecked().map_err(|_| AdmissionError::Signature)?;
            let hash = *transaction.tx_hash();
            return Ok(AdmittedTransaction { hash, sender, gas, transaction: Some(transaction) });
        }
        Err(error) => AdmissionError::Encoding(error.to_string()),
    };
    let Some(wide) = WideTransaction::parse(bytes) else { return Err(error) };
    let Some(narrow) = wide.narrowed() else { return Err(error) };
    // What does not depend on the prices holds for the highest price that fits as it does for these.
    let gas = check_transaction(spec, &narrow, forks)?;
    wide.check_prices(narrow.gas_limit())?;
    let hash = wide.signing_hash(narrow.chain_id());
    let sender = recover_signer_unchecked(narrow.signature(), hash).map_err(|_| AdmissionError::Signature)?;
    Ok(AdmittedTransaction { hash: keccak256(bytes), sender, gas, transaction: None })
}

/// A transaction as the items of its list.
struct WideTransaction<'a> {
    /// EIP-2718 type; `None` for a legacy transaction.
    transaction_type: Option<u8>,
    /// In RLP, with their headers.
    items: Vec<&'a [u8]>,
    /// Positions of the prices: the fee cap last.
    prices: &'static [usize],
}

impl<'a> WideTransaction<'a> {
    /// `None` if the bytes are no list of a known type, or no price has more than 128 bits.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (transaction_type, mut list, prices): (_, _, &[usize]) = match bytes {
            [0x01, list @ ..] => (Some(1), list, &[2]),
            [transaction_type @ 0x02..=0x04, list @ ..] => (Some(*transaction_type), list, &[2, 3]),
            _ => (None, bytes, &[1]),
        };
        let PayloadView::List(items) = Header::decode_raw(&mut list).ok()? else { return None };
        let wide = Self { transaction_type, items, prices };
        let any_wide = prices.iter().any(|index| wide.price(*index).is_some_and(|price| price > MAX_NARROW));
        (list.is_empty() && any_wide).then_some(wide)
    }

    fn price(&self, index: usize) -> Option<U256> {
        let mut item = *self.items.get(index)?;
        U256::decode(&mut item).ok()
    }

    /// The same transaction with prices that fit.
    fn narrowed(&self) -> Option<Transaction> {
        let mut items: Vec<Vec<u8>> = self.items.iter().map(|item| item.to_vec()).collect();
        for index in self.prices {
            let price = self.price(*index)?.min(MAX_NARROW);
            *items.get_mut(*index)? = alloy_rlp::encode(price);
        }
        let bytes = self.encode(items.iter().map(Vec::as_slice).collect());
        Transaction::decode_2718_exact(&bytes).ok()
    }

    fn check_prices(&self, gas_limit: u64) -> Result<(), AdmissionError> {
        let prices: Vec<U256> = self.prices.iter().filter_map(|index| self.price(*index)).collect();
        if let [tip, cap] = *prices
            && tip > cap
        {
            return Err(AdmissionError::TipAboveCap);
        }
        match prices.last().and_then(|price| price.checked_mul(U256::from(gas_limit))) {
            Some(_) => Ok(()),
            None => Err(AdmissionError::CostOverflow),
        }
    }

    /// Hash that the sender signed. Legacy transactions with a chain id sign it in place of the signature (EIP-155).
    fn signing_hash(&self, chain_id: Option<u64>) -> B256 {
        let signed = self.items.len().saturating_sub(SIGNATURE_ITEMS);
        let mut items: Vec<&[u8]> = self.items.iter().take(signed).copied().collect();
        let chain_id = chain_id.filter(|_| self.transaction_type.is_none()).map(alloy_rlp::encode);
        if let Some(chain_id) = &chain_id {
            items.extend([chain_id.as_slice(), &[EMPTY_STRING_CODE], &[EMPTY_STRING_CODE]]);
        }
        keccak256(self.encode(items))
    }

    fn encode(&self, items: Vec<&[u8]>) -> Vec<u8> {
        let payload = items.concat();
        let mut out: Vec<u8> = self.transaction_type.into_iter().collect();
        Header { list: true, payload_length: payload.len() }.encode(&mut out);
        out.extend(payload);
        out
    }
}
