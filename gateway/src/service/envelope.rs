//! What a thing sends when it speaks by itself: `IThings.Message`, as JSON or as the ABI writes it.
//!
//! ```json
//! {"sequence": 7, "observedAtMs": 1760000000000, "payload": "0x…", "signature": "0x…",
//!  "thing": "0x…", "mappingId": "0x…"}
//! ```
//! `thing` may be left out where the topic is the thing's own, `mappingId` where there is none.
use alloy_primitives::{B256, Bytes};
use alloy_sol_types::SolValue;
use pervade_chainspec::params::{PAYLOAD_BYTES_MAX, SIGNATURE_BYTES_MAX};
use pervade_evm_ext::things::IThings;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Json {
    thing: Option<B256>,
    sequence: u64,
    observed_at_ms: u64,
    mapping_id: Option<B256>,
    payload: Bytes,
    signature: Bytes,
}

/// Reads a message that came for a thing.
///
/// # Errors
/// What is wrong with it, for the operator: the chain would never take it.
pub(crate) fn read(body: &[u8], of: B256) -> Result<IThings::Message, String> {
    let message = if body.trim_ascii_start().starts_with(b"{") {
        let json: Json = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        IThings::Message {
            thing: json.thing.unwrap_or(of),
            sequence: json.sequence,
            observedAtMs: json.observed_at_ms,
            mappingId: json.mapping_id.unwrap_or_default(),
            payload: json.payload,
            signature: json.signature,
        }
    } else {
        IThings::Message::abi_decode(body).map_err(|_| "neither JSON nor an encoded message".to_owned())?
    };
    if message.payload.len() > PAYLOAD_BYTES_MAX || message.signature.len() > SIGNATURE_BYTES_MAX {
        return Err(format!("the payload may have {PAYLOAD_BYTES_MAX} bytes, the signature {SIGNATURE_BYTES_MAX}"));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THING: B256 = B256::repeat_byte(1);

    #[test]
    fn json_and_encoded_messages_are_the_same() {
        let json = br#" {"sequence": 7, "observedAtMs": 9, "payload": "0x2a", "signature": "0x0102"}"#;
        let read_json = read(json, THING).unwrap();
        assert_eq!((read_json.thing, read_json.sequence, read_json.mappingId), (THING, 7, B256::ZERO));
        assert_eq!(read(&read_json.abi_encode(), B256::ZERO).unwrap(), read_json);
    }

    #[test]
    fn a_message_may_name_its_thing_and_mapping() {
        let other = B256::repeat_byte(2);
        let json = format!(
            r#"{{"thing": "{other}", "mappingId": "{other}", "sequence": 0, "observedAtMs": 0, "payload": "0x", "signature": "0x"}}"#
        );
        let message = read(json.as_bytes(), THING).unwrap();
        assert_eq!((message.thing, message.mappingId), (other, other));
    }

    #[test]
    fn what_the_chain_would_never_take_is_refused() {
        for body in ["", "{}", "21.5", r#"{"sequence": -1}"#] {
            assert!(read(body.as_bytes(), THING).is_err(), "{body}");
        }
        let with_payload = |bytes: usize| IThings::Message {
            thing: THING,
            sequence: 1,
            observedAtMs: 1,
            mappingId: B256::ZERO,
            payload: vec![0; bytes].into(),
            signature: Bytes::new(),
        };
        assert!(read(&with_payload(PAYLOAD_BYTES_MAX).abi_encode(), THING).is_ok());
        assert!(read(&with_payload(PAYLOAD_BYTES_MAX + 1).abi_encode(), THING).is_err());
    }
}
