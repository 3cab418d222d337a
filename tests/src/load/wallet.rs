//! Senders: keys from a mnemonic, nonces, signatures.
use super::LoadError;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, crypto::secp256k1::sign_message};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::{MnemonicBuilder, coins_bip39::English};
use rayon::prelude::*;

/// An account that signs.
#[derive(Debug, Clone)]
pub(crate) struct Wallet {
    pub(crate) address: Address,
    key: B256,
    pub(crate) nonce: u64,
}

/// What all transactions of a run share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) chain_id: u64,
    /// Wei per gas.
    pub(crate) fee_cap: u128,
    /// Wei per gas.
    pub(crate) tip_cap: u128,
}

/// What one transaction does.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) to: TxKind,
    /// Wei.
    pub(crate) value: U256,
    pub(crate) gas: u64,
    pub(crate) input: Bytes,
}

/// A signed transaction, encoded.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) encoded: Vec<u8>,
}

impl Wallet {
    /// Accounts `first..first + count` of the mnemonic (BIP-44, `m/44'/60'/0'/0/index`), nonces zero.
    ///
    /// # Errors
    /// [`LoadError::Option`].
    pub(crate) fn derive(mnemonic: &str, first: u32, count: u32) -> Result<Vec<Self>, LoadError> {
        let derive = |index| {
            let signer = MnemonicBuilder::<English>::default()
                .phrase(mnemonic)
                .index(index)
                .and_then(|builder| builder.build())
                .map_err(|error| LoadError::Option { option: "--mnemonic", reason: error.to_string() })?;
            Ok(Self { address: signer.address(), key: signer.to_bytes(), nonce: 0 })
        };
        (first..first.saturating_add(count)).into_par_iter().map(derive).collect()
    }

    /// Signs with the next nonce.
    ///
    /// # Errors
    /// [`LoadError::Option`] if the key is none.
    pub(crate) fn sign(&mut self, terms: &Terms, call: Call) -> Result<Signed, LoadError> {
        let transaction = TxEip1559 {
            chain_id: terms.chain_id,
            nonce: self.nonce,
            gas_limit: call.gas,
            max_fee_per_gas: terms.fee_cap,
            max_priority_fee_per_gas: terms.tip_cap,
            to: call.to,
            value: call.value,
            access_list: Default::default(),
            input: call.input,
        };
        let signature = sign_message(self.key, transaction.signature_hash())
            .map_err(|error| LoadError::Option { option: "--mnemonic", reason: error.to_string() })?;
        self.nonce += 1;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        Ok(Signed { hash: *envelope.tx_hash(), encoded: envelope.encoded_2718() })
    }
}
