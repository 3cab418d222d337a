//! Records and keys of the canonical index.
//!
//! ```text
//! observations        be8 block, be4 ordinal                          record
//! observation_index   1 byte kind, value 32, be8 block, be4 ordinal   nothing
//! bindings            contract 20, key 32, be8 block, be4 log         mapping 32; zeros: none from here on
//!
//! kind of an index key: 0 subject, 1 source, 2 property
//!
//! record of an observation:
//! 1 byte     origin: 0 observed, 1 event, 2 call, 3 translation
//! be4        position of the transaction in the block
//! be4        position of the log among those of the block; ff ff ff ff: no log
//! 32 bytes   source
//! 32 bytes   mapping
//! 32 bytes   subject
//! 32 bytes   property
//! 1 byte     kind of value: 0 number, 1 text, 2 truth value, 3 bytes, 4 position
//! 32 bytes   number, two's complement
//! 1 byte     exponent, two's complement
//! be8        time, unix milliseconds
//! be2        n, bytes of the unit
//! n bytes    unit
//! the rest   text or bytes
//! ```
use super::Cursor;
use crate::{
    StorageError,
    columns::Column,
    observations::{ObservationPosition, ObservationRecord, Origin},
};
use alloy_primitives::{Address, B256, Bytes, U256};

/// What stands in a record for "no log".
const NO_LOG: u32 = u32::MAX;
/// Bytes of a record without unit and data.
const FIXED_BYTES: usize = 1 + 4 + 4 + 4 * 32 + 1 + 32 + 1 + 8 + 2;

/// A value that observations are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ObservationKey {
    Subject(B256),
    Source(B256),
    Property(B256),
}

impl ObservationKey {
    /// Those of an observation.
    pub(crate) const fn of(record: &ObservationRecord) -> [Self; 3] {
        [Self::Subject(record.subject), Self::Source(record.source), Self::Property(record.property)]
    }

    pub(crate) fn prefix(&self) -> [u8; 33] {
        let (kind, value) = match self {
            Self::Subject(value) => (0, value),
            Self::Source(value) => (1, value),
            Self::Property(value) => (2, value),
        };
        let mut key = [kind; 33];
        key[1..].copy_from_slice(value.as_slice());
        key
    }

    pub(crate) fn at(&self, position: ObservationPosition) -> [u8; 45] {
        let mut key = [0; 45];
        key[..33].copy_from_slice(&self.prefix());
        key[33..].copy_from_slice(&position_key(position));
        key
    }
}

/// be8 block, be4 ordinal.
pub(crate) fn position_key(position: ObservationPosition) -> [u8; 12] {
    super::key::chunk_key(position.block, position.ordinal)
}

/// The position at the end of a key.
pub(crate) fn decode_position(column: Column, key: &[u8]) -> Result<ObservationPosition, StorageError> {
    let damaged = || StorageError::Damaged { column: column.name(), reason: format!("a key of {} bytes", key.len()) };
    let start = key.len().checked_sub(12).ok_or_else(damaged)?;
    let mut cursor = Cursor::new(column.name(), key.get(start..).unwrap_or_default());
    Ok(ObservationPosition { block: cursor.u64()?, ordinal: cursor.u32()? })
}

/// contract 20, key 32, be8 block, be4 log.
pub(crate) fn binding_key(contract: &Address, key: &B256, block: u64, log: u32) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..20].copy_from_slice(contract.as_slice());
    bytes[20..52].copy_from_slice(key.as_slice());
    bytes[52..].copy_from_slice(&super::key::chunk_key(block, log));
    bytes
}

pub(crate) fn encode_observation(record: &ObservationRecord) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::with_capacity(FIXED_BYTES.saturating_add(record.unit.len()).saturating_add(record.data.len()));
    let unit_bytes = u16::try_from(record.unit.len()).map_err(|_| StorageError::Damaged {
        column: Column::Observations.name(),
        reason: format!("a unit of {} bytes", record.unit.len()),
    })?;
    bytes.push(record.origin as u8);
    bytes.extend_from_slice(&record.transaction.to_be_bytes());
    bytes.extend_from_slice(&record.log.unwrap_or(NO_LOG).to_be_bytes());
    for word in [&record.source, &record.mapping_id, &record.subject, &record.property] {
        bytes.extend_from_slice(word.as_slice());
    }
    bytes.push(record.kind);
    bytes.extend_from_slice(&record.number.to_be_bytes::<32>());
    bytes.extend_from_slice(&record.exponent.to_be_bytes());
    bytes.extend_from_slice(&record.time_ms.to_be_bytes());
    bytes.extend_from_slice(&unit_bytes.to_be_bytes());
    bytes.extend_from_slice(record.unit.as_bytes());
    bytes.extend_from_slice(&record.data);
    Ok(bytes)
}

pub(crate) fn decode_observation(bytes: &[u8]) -> Result<ObservationRecord, StorageError> {
    let mut cursor = Cursor::new(Column::Observations.name(), bytes);
    let number = cursor.u8()?;
    let origin = Origin::ALL.get(usize::from(number)).copied();
    let origin = origin.ok_or_else(|| cursor.damaged(format!("origin {number}")))?;
    let transaction = cursor.u32()?;
    let log = Some(cursor.u32()?).filter(|log| *log != NO_LOG);
    let [source, mapping_id, subject, property] = [cursor.array()?, cursor.array()?, cursor.array()?, cursor.array()?];
    let kind = cursor.u8()?;
    let number = U256::from_be_bytes(cursor.array::<32>()?);
    let exponent = i8::from_be_bytes(cursor.array()?);
    let time_ms = cursor.u64()?;
    let unit_bytes = u16::from_be_bytes(cursor.array()?);
    let unit = String::from_utf8(cursor.take(usize::from(unit_bytes))?.to_vec());
    let unit = unit.map_err(|_| cursor.damaged("a unit that is no text".into()))?;
    Ok(ObservationRecord {
        origin,
        transaction,
        log,
        source: source.into(),
        mapping_id: mapping_id.into(),
        subject: subject.into(),
        property: property.into(),
        kind,
        number,
        exponent,
        time_ms,
        unit,
        data: Bytes::copy_from_slice(cursor.rest()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn record() -> ObservationRecord {
        ObservationRecord {
            origin: Origin::Event,
            transaction: 2,
            log: Some(5),
            source: B256::repeat_byte(0xa1),
            mapping_id: B256::repeat_byte(0xa2),
            subject: B256::repeat_byte(0xa3),
            property: B256::repeat_byte(0xa4),
            kind: 0,
            number: U256::MAX,
            exponent: -2,
            time_ms: 0x0102,
            unit: "Cel".into(),
            data: Bytes::from_static(&[7, 8]),
        }
    }

    #[test]
    fn observations_have_their_golden_bytes() {
        let words: String = ["a1", "a2", "a3", "a4"].map(|byte| byte.repeat(32)).concat();
        let golden = format!("010000000200000005{words}00{}fe0000000000000102000343656c0708", "ff".repeat(32));
        let bytes = encode_observation(&record()).unwrap();
        assert_eq!(hex::encode(&bytes), golden);
        assert_eq!(decode_observation(&bytes).unwrap(), record());
        let call = ObservationRecord { origin: Origin::Call, log: None, unit: String::new(), ..record() };
        let bytes = encode_observation(&call).unwrap();
        assert!(hex::encode(&bytes).starts_with("0200000002ffffffffa1"));
        assert_eq!(decode_observation(&bytes).unwrap(), call);
    }

    #[test]
    fn keys_have_their_golden_bytes() {
        let position = ObservationPosition { block: 0x0102, ordinal: 3 };
        assert_eq!(hex::encode(position_key(position)), "000000000000010200000003");
        assert_eq!(decode_position(Column::Observations, &position_key(position)).unwrap(), position);
        let value = B256::repeat_byte(0xcc);
        for (key, kind) in [
            (ObservationKey::Subject(value), "00"),
            (ObservationKey::Source(value), "01"),
            (ObservationKey::Property(value), "02"),
        ] {
            let bytes = key.at(position);
            assert_eq!(hex::encode(bytes), format!("{kind}{}000000000000010200000003", "cc".repeat(32)));
            assert_eq!(decode_position(Column::ObservationIndex, &bytes).unwrap(), position);
        }
        assert_eq!(
            hex::encode(binding_key(&Address::repeat_byte(0xaa), &value, 1, 2)),
            format!("{}{}000000000000000100000002", "aa".repeat(20), "cc".repeat(32))
        );
        assert!(decode_position(Column::Observations, &[0; 11]).is_err());
    }

    #[test]
    fn damaged_records_are_named() {
        let bytes = encode_observation(&record()).unwrap();
        for length in 0..FIXED_BYTES {
            assert!(decode_observation(&bytes[..length]).is_err(), "{length} bytes");
        }
        let mut wrong = bytes.clone();
        wrong[0] = 9;
        assert!(decode_observation(&wrong).unwrap_err().to_string().contains("origin 9"));
        let mut wrong = bytes;
        wrong[FIXED_BYTES] = 0xff;
        assert!(decode_observation(&wrong).unwrap_err().to_string().contains("no text"));
    }
}
