//! What a block asks of the consensus layer: deposits (EIP-6110), withdrawals (EIP-7002), consolidations (EIP-7251).
use crate::BlockError;
use alloy_eips::eip7685::Requests;
use alloy_primitives::{Address, B256, Bytes, Log, b256};
use pervade_storage::Receipt;

/// EIP-6110 request type.
pub(crate) const DEPOSIT_TYPE: u8 = 0;
/// EIP-7002 request type.
pub(crate) const WITHDRAWAL_TYPE: u8 = 1;
/// EIP-7251 request type.
pub(crate) const CONSOLIDATION_TYPE: u8 = 2;

/// Topic of `DepositEvent(bytes,bytes,bytes,bytes,bytes)`.
const DEPOSIT_TOPIC: B256 = b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
/// Length of the event's data: five offsets, five lengths, five padded values.
const DEPOSIT_DATA_BYTES: usize = 576;
/// Position and size of public key, withdrawal credentials, amount, signature and index in that data.
const DEPOSIT_FIELDS: [(usize, usize); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];

/// Appends a request list if it is not empty.
pub(crate) fn push(requests: &mut Requests, request_type: u8, data: Bytes) {
    if !data.is_empty() {
        requests.push_request_with_type(request_type, data);
    }
}

/// All deposits that the contract logged, one after the other (EIP-6110).
///
/// # Errors
/// The block is invalid if a deposit log has another layout than the deposit contract's.
pub(crate) fn deposits(contract: Address, receipts: &[Receipt]) -> Result<Bytes, BlockError> {
    let mut deposits = Vec::new();
    let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
    for log in logs.filter(|log| log.address == contract && log.topics().first() == Some(&DEPOSIT_TOPIC)) {
        let reason = |reason: &str| BlockError::Invalid { field: "requestsHash", reason: reason.into() };
        append_deposit(log, &mut deposits).ok_or_else(|| reason("a deposit log has an invalid layout (EIP-6110)"))?;
    }
    Ok(deposits.into())
}

fn append_deposit(log: &Log, deposits: &mut Vec<u8>) -> Option<()> {
    let data = &log.data.data;
    if data.len() != DEPOSIT_DATA_BYTES {
        return None;
    }
    for (index, (position, size)) in DEPOSIT_FIELDS.into_iter().enumerate() {
        let offset_word = index.checked_mul(32)?;
        let value = position.checked_add(32)?;
        if word(data, offset_word)? != position || word(data, position)? != size {
            return None;
        }
        deposits.extend_from_slice(data.get(value..value.checked_add(size)?)?);
    }
    Some(())
}

fn word(data: &[u8], position: usize) -> Option<usize> {
    let word = data.get(position..position.checked_add(32)?)?;
    usize::try_from(alloy_primitives::U256::try_from_be_slice(word)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::TxType;
    use alloy_primitives::{LogData, U256};

    fn deposit_log(break_at: Option<usize>) -> Receipt {
        let mut data = vec![0u8; DEPOSIT_DATA_BYTES];
        for (index, (position, size)) in DEPOSIT_FIELDS.into_iter().enumerate() {
            data[index * 32..index * 32 + 32].copy_from_slice(&U256::from(position).to_be_bytes::<32>());
            data[position..position + 32].copy_from_slice(&U256::from(size).to_be_bytes::<32>());
            data[position + 32..position + 32 + size].fill(u8::try_from(index).unwrap() + 1);
        }
        if let Some(byte) = break_at {
            data[byte] ^= 1;
        }
        let data = LogData::new_unchecked(vec![DEPOSIT_TOPIC], data.into());
        let logs = vec![Log { address: Address::repeat_byte(7), data }];
        Receipt { tx_type: TxType::Legacy, status: true.into(), cumulative_gas_used: 1, logs }
    }

    #[test]
    fn a_deposit_is_the_concatenation_of_its_fields() {
        let bytes = deposits(Address::repeat_byte(7), &[deposit_log(None), deposit_log(None)]).unwrap();
        assert_eq!(bytes.len(), 2 * 192);
        assert_eq!((bytes[0], bytes[48], bytes[80], bytes[88], bytes[184]), (1, 2, 3, 4, 5));
        assert!(deposits(Address::repeat_byte(8), &[deposit_log(None)]).unwrap().is_empty());
    }

    #[test]
    fn a_wrong_offset_or_length_makes_the_block_invalid() {
        for byte in [31, 63, 191, 287, 351, 415, 543] {
            assert!(deposits(Address::repeat_byte(7), &[deposit_log(Some(byte))]).is_err(), "byte {byte}");
        }
    }
}
