//! Transactions between pools, many in one message.
//!
//! ```text
//! RLP list of byte strings; each is a transaction as EIP-2718 encodes it
//! ```
use alloy_primitives::Bytes;
use alloy_rlp::{Encodable, Header};

/// Transactions of one message: more would make one message the work of a tenth of a second.
pub(super) const BATCH_TRANSACTIONS_MAX: usize = 1_024;

/// The message.
pub(super) fn encode(transactions: &[Bytes]) -> Bytes {
    let payload_length = transactions.iter().map(|transaction| transaction.length()).sum();
    let mut bytes = Vec::with_capacity(payload_length + 4);
    Header { list: true, payload_length }.encode(&mut bytes);
    for transaction in transactions {
        transaction.encode(&mut bytes);
    }
    bytes.into()
}

/// What a transaction takes of a message, bytes.
pub(super) fn encoded_bytes(transaction: &Bytes) -> usize {
    transaction.length()
}

/// The transactions of a message; `None` if it is none, is empty, or has more than [`BATCH_TRANSACTIONS_MAX`].
pub(super) fn decode(mut message: &[u8]) -> Option<Vec<&[u8]>> {
    let mut payload = Header::decode_bytes(&mut message, true).ok()?;
    let mut transactions = Vec::new();
    while !payload.is_empty() {
        if transactions.len() == BATCH_TRANSACTIONS_MAX {
            return None;
        }
        transactions.push(Header::decode_bytes(&mut payload, false).ok()?);
    }
    (message.is_empty() && !transactions.is_empty()).then_some(transactions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_batch_has_its_golden_bytes() {
        let batch = encode(&[Bytes::from_static(&[2, 0xc0]), Bytes::from_static(&[0xc1, 5])]);
        assert_eq!(batch[..], [0xc6, 0x82, 2, 0xc0, 0x82, 0xc1, 5]);
        assert_eq!(decode(&batch).unwrap(), [&[2, 0xc0][..], &[0xc1, 5]]);
    }

    #[test]
    fn a_batch_is_taken_at_the_limit_and_refused_one_past_it() {
        let transactions = vec![Bytes::from_static(&[1, 2]); BATCH_TRANSACTIONS_MAX + 1];
        assert_eq!(decode(&encode(&transactions[1..])).unwrap().len(), BATCH_TRANSACTIONS_MAX);
        assert_eq!(decode(&encode(&transactions)), None);
        assert_eq!(decode(&encode(&[])), None);
        assert_eq!(decode(&[0xc2, 0x82, 1]), None);
        assert_eq!(decode(&[0xc0, 0]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
