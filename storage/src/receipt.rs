//! [`Receipt`]: what a transaction left behind, in the three encodings that Ethereum knows.
use alloy_consensus::{
    Eip658Value, Eip2718DecodableReceipt, Eip2718EncodableReceipt, ReceiptEnvelope, ReceiptWithBloom,
    RlpDecodableReceipt, RlpEncodableReceipt, TxReceipt, TxType, Typed2718,
};
use alloy_eips::eip2718::{Eip2718Error, Eip2718Result};
use alloy_primitives::{Bloom, Log};
use alloy_rlp::{BufMut, Decodable, Encodable, Header};

/// A receipt without its bloom filter, which is a function of the logs.
///
/// `ReceiptWithBloom<Receipt>` encodes it as receipts tries (EIP-2718) and the network (RLP) want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Type of the transaction.
    pub tx_type: TxType,
    /// Success or failure; before Byzantium (EIP-658) the state root after the transaction.
    pub status: Eip658Value,
    /// Gas used in the block up to and with this transaction.
    pub cumulative_gas_used: u64,
    /// Logs in the order of their emission.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Whether the transaction succeeded. Before Byzantium a receipt does not tell, and this is true.
    pub const fn success(&self) -> bool {
        self.status.coerce_status()
    }

    /// With its bloom filter, as alloy's RPC types hold it.
    pub fn into_envelope(self) -> ReceiptEnvelope {
        let logs_bloom = self.bloom();
        let receipt = alloy_consensus::Receipt {
            status: self.status,
            cumulative_gas_used: self.cumulative_gas_used,
            logs: self.logs,
        };
        let receipt = ReceiptWithBloom { receipt, logs_bloom };
        match self.tx_type {
            TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
            TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
            TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
            TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
            TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
        }
    }

    fn fields_length(&self, bloom: &Bloom) -> usize {
        [self.status.length(), self.cumulative_gas_used.length(), bloom.length(), self.logs.length()].iter().sum()
    }

    fn list_header(&self, bloom: &Bloom) -> Header {
        Header { list: true, payload_length: self.fields_length(bloom) }
    }

    fn decode_fields(buf: &mut &[u8], tx_type: TxType) -> alloy_rlp::Result<ReceiptWithBloom<Self>> {
        let mut fields = Header::decode_bytes(buf, true)?;
        let status = Decodable::decode(&mut fields)?;
        let cumulative_gas_used = Decodable::decode(&mut fields)?;
        let logs_bloom = Decodable::decode(&mut fields)?;
        let logs = Decodable::decode(&mut fields)?;
        if !fields.is_empty() {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        Ok(ReceiptWithBloom { receipt: Self { tx_type, status, cumulative_gas_used, logs }, logs_bloom })
    }
}

impl Typed2718 for Receipt {
    fn ty(&self) -> u8 {
        u8::from(self.tx_type)
    }
}

impl TxReceipt for Receipt {
    type Log = Log;

    fn status_or_post_state(&self) -> Eip658Value {
        self.status
    }
    fn status(&self) -> bool {
        self.success()
    }
    fn bloom(&self) -> Bloom {
        alloy_primitives::logs_bloom(&self.logs)
    }
    fn cumulative_gas_used(&self) -> u64 {
        self.cumulative_gas_used
    }
    fn logs(&self) -> &[Log] {
        &self.logs
    }
    fn into_logs(self) -> Vec<Log> {
        self.logs
    }
}

impl Eip2718EncodableReceipt for Receipt {
    fn eip2718_encoded_length_with_bloom(&self, bloom: &Bloom) -> usize {
        usize::from(self.tx_type != TxType::Legacy).saturating_add(self.list_header(bloom).length_with_payload())
    }
    fn eip2718_encode_with_bloom(&self, bloom: &Bloom, out: &mut dyn BufMut) {
        if self.tx_type != TxType::Legacy {
            out.put_u8(u8::from(self.tx_type));
        }
        self.list_header(bloom).encode(out);
        self.status.encode(out);
        self.cumulative_gas_used.encode(out);
        bloom.encode(out);
        self.logs.encode(out);
    }
}

impl Eip2718DecodableReceipt for Receipt {
    fn typed_decode_with_bloom(ty: u8, buf: &mut &[u8]) -> Eip2718Result<ReceiptWithBloom<Self>> {
        match TxType::try_from(ty)? {
            // Legacy receipts carry no type byte.
            TxType::Legacy => Err(Eip2718Error::UnexpectedType(ty)),
            tx_type => Ok(Self::decode_fields(buf, tx_type)?),
        }
    }
    fn fallback_decode_with_bloom(buf: &mut &[u8]) -> Eip2718Result<ReceiptWithBloom<Self>> {
        Ok(Self::decode_fields(buf, TxType::Legacy)?)
    }
}

impl RlpEncodableReceipt for Receipt {
    fn rlp_encoded_length_with_bloom(&self, bloom: &Bloom) -> usize {
        let length = self.eip2718_encoded_length_with_bloom(bloom);
        match self.tx_type {
            TxType::Legacy => length,
            _ => Header { list: false, payload_length: length }.length_with_payload(),
        }
    }
    fn rlp_encode_with_bloom(&self, bloom: &Bloom, out: &mut dyn BufMut) {
        if self.tx_type != TxType::Legacy {
            Header { list: false, payload_length: self.eip2718_encoded_length_with_bloom(bloom) }.encode(out);
        }
        self.eip2718_encode_with_bloom(bloom, out);
    }
}

impl RlpDecodableReceipt for Receipt {
    fn rlp_decode_with_bloom(buf: &mut &[u8]) -> alloy_rlp::Result<ReceiptWithBloom<Self>> {
        let mut ahead = *buf;
        if Header::decode(&mut ahead)?.list {
            return Self::decode_fields(buf, TxType::Legacy);
        }
        let envelope = Header::decode_bytes(buf, false)?;
        let (ty, mut fields) = envelope.split_first().ok_or(alloy_rlp::Error::InputTooShort)?;
        let receipt = Self::typed_decode_with_bloom(*ty, &mut fields)?;
        if !fields.is_empty() {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::{Decodable2718, Encodable2718};
    use alloy_primitives::{Address, B256, LogData};

    fn receipt(tx_type: TxType, status: Eip658Value) -> Receipt {
        let data = LogData::new_unchecked(vec![B256::repeat_byte(7)], vec![1, 2, 3].into());
        Receipt { tx_type, status, cumulative_gas_used: 21_000, logs: vec![Log { address: Address::ZERO, data }] }
    }

    #[test]
    fn every_type_and_status_survives_both_encodings_and_matches_the_envelope() {
        for tx_type in [TxType::Legacy, TxType::Eip2930, TxType::Eip1559, TxType::Eip4844, TxType::Eip7702] {
            for status in [false.into(), true.into(), B256::repeat_byte(9).into()] {
                let original = receipt(tx_type, status);
                let envelope = original.clone().into_envelope();
                let original = original.into_with_bloom();

                let bytes = original.encoded_2718();
                assert_eq!(bytes, envelope.encoded_2718());
                assert_eq!(ReceiptWithBloom::<Receipt>::decode_2718(&mut &bytes[..]).unwrap(), original);

                let bytes = alloy_rlp::encode(&original);
                assert_eq!(bytes, alloy_rlp::encode(&envelope));
                assert_eq!(ReceiptWithBloom::<Receipt>::decode(&mut &bytes[..]).unwrap(), original);
            }
        }
    }

    #[test]
    fn bytes_after_the_last_field_are_refused() {
        let mut bytes = receipt(TxType::Legacy, true.into()).into_with_bloom().encoded_2718();
        bytes[2] += 1; // one byte more in the list
        bytes.push(0);
        assert!(ReceiptWithBloom::<Receipt>::decode_2718(&mut &bytes[..]).is_err());
    }
}
