//! The RATS working group's example payloads of attestation tokens: CBOR in diagnostic notation, and JSON, whose claims
//! are given their CBOR labels first (RFC 9711, 7.2: both forms say the same).
use super::{
    Verdict,
    diagnostic::{self, Item},
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use pervade_evidence::{Claims, Policy, Tally};
use serde_json::Value;
use std::path::Path;

/// Tag of a software manifest (RFC 9393).
const COSWID: u64 = 1_398_229_316;
/// Label of manifests, and of measurements (RFC 9711, 4.2.15 and 4.2.16).
const MANIFESTS: i64 = 272;
const MEASUREMENTS: i64 = 273;
/// CoAP content format of a CoSWID.
const COSWID_FORMAT: i64 = 258;
const NONCE: i64 = 10;

pub(super) fn run(file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    let text = std::str::from_utf8(content).ok()?;
    let result = match file.extension()?.to_str()? {
        "diag" => diagnostic::parse(text).map_err(Verdict::Failed).and_then(check),
        "json" => from_json(text).and_then(check),
        // RFC 8792: lines were folded with a backslash.
        "json_f" => from_json(&text.replace("\\\n", "")).and_then(check),
        _ => return None,
    };
    Some(vec![(String::new(), result)])
}

fn check(item: Item) -> Result<(), Verdict> {
    match item {
        Item::Map(_) => check_claims(&item),
        Item::Tag(COSWID, _) => check_manifest(&item),
        Item::Tag(..) => Err(Verdict::Skipped("token that is neither COSE_Sign1 nor a bare claims set")),
        _ => Err(Verdict::Failed("neither claims nor a manifest".into())),
    }
}

/// Claims must be read, and a token with them must be believed under a policy.
fn check_claims(item: &Item) -> Result<(), Verdict> {
    let encoded = item.encode();
    let mut tally = Tally::default();
    let claims = Claims::parse(&encoded, &mut tally)?;
    let Some(nonce) = claims.nonces.first() else { return Ok(()) };
    let key = SigningKey::from_slice(&[1; 32])?;
    let point = key.verifying_key().to_encoded_point(false);
    let (x, y) = point.as_bytes().split_at(1).1.split_at(32);
    let number = |number: i64| Item::Integer(number.into());
    let cose_key = [(1, number(2)), (-1, number(1)), (-2, Item::Bytes(x.to_vec())), (-3, Item::Bytes(y.to_vec()))];
    let map =
        |entries: Vec<(i64, Item)>| Item::Map(entries.into_iter().map(|(key, value)| (number(key), value)).collect());
    let policy = map(vec![(1, Item::Array(vec![map(cose_key.to_vec())]))]).encode();
    let protected = Item::Bytes(vec![0xa1, 0x01, 0x26]);
    let payload = Item::Bytes(encoded.clone());
    let context = Item::Text("Signature1".into());
    let signed = Item::Array(vec![context, protected.clone(), Item::Bytes(Vec::new()), payload.clone()]).encode();
    let signature: Signature = key.sign(&signed);
    let parts = vec![protected, Item::Map(Vec::new()), payload, Item::Bytes(signature.to_vec())];
    let token = Item::Tag(18, Box::new(Item::Array(parts))).encode();
    let now_s = claims.issued_s.unwrap_or_default();
    let believed = Policy::parse(&policy, &mut tally)?.verify(&token, nonce, now_s, &mut tally)?;
    if believed.encoded == encoded { Ok(()) } else { Err(Verdict::Failed("other claims came out".into())) }
}

/// A manifest must be taken as part of claims, and counts as a measurement where it is one.
fn check_manifest(item: &Item) -> Result<(), Verdict> {
    let entry = Item::Array(vec![Item::Integer(COSWID_FORMAT.into()), Item::Bytes(item.encode())]);
    for (label, measurements) in [(MANIFESTS, 0), (MEASUREMENTS, 1)] {
        let nonce = (Item::Integer(NONCE.into()), Item::Bytes(vec![7; 8]));
        let claims = Item::Map(vec![nonce, (Item::Integer(label.into()), Item::Array(vec![entry.clone()]))]);
        check_claims(&claims)?;
        let found = Claims::parse(&claims.encode(), &mut Tally::default())?.measurements.len();
        if found != measurements {
            return Err(Verdict::Failed(format!("{found} measurements instead of {measurements}")));
        }
    }
    Ok(())
}

fn from_json(text: &str) -> Result<Item, Verdict> {
    let value: Value = serde_json::from_str(text)?;
    match &value {
        Value::Object(_) => Ok(claims_of(&value)),
        _ => Err(Verdict::Skipped("token that is neither COSE_Sign1 nor a bare claims set")),
    }
}

/// Claims under their CBOR labels.
fn claims_of(value: &Value) -> Item {
    let Value::Object(claims) = value else { return plain(value) };
    let label = |name: &str| -> Option<i64> {
        Some(match name {
            "exp" => 4,
            "nbf" => 5,
            "iat" => 6,
            "eat_nonce" => NONCE,
            "ueid" => 256,
            "oemid" => 258,
            "oemboot" => 262,
            "dbgstat" => 263,
            "submods" => 266,
            _ => return None,
        })
    };
    let entry = |(name, value): (&String, &Value)| match label(name) {
        None => (Item::Text(name.clone()), plain(value)),
        Some(label) => (Item::Integer(label.into()), claim_of(label, value)),
    };
    Item::Map(claims.iter().map(entry).collect())
}

fn claim_of(label: i64, value: &Value) -> Item {
    const STATUSES: [&str; 5] =
        ["enabled", "disabled", "disabled-since-boot", "disabled-permanently", "disabled-fully-and-permanently"];
    let bytes = |value: &Value| value.as_str().and_then(base64url).map(Item::Bytes).unwrap_or_else(|| plain(value));
    match (label, value) {
        (NONCE, Value::Array(several)) => Item::Array(several.iter().map(bytes).collect()),
        (NONCE | 256 | 258, value) => bytes(value),
        (263, Value::String(name)) => match STATUSES.iter().position(|status| status == name) {
            Some(number) => Item::Integer(number as i128),
            None => plain(value),
        },
        (266, Value::Object(modules)) => {
            Item::Map(modules.iter().map(|(name, module)| (Item::Text(name.clone()), claims_of(module))).collect())
        }
        (_, value) => plain(value),
    }
}

fn plain(value: &Value) -> Item {
    match value {
        Value::Null => Item::Simple(22),
        Value::Bool(flag) => Item::Simple(if *flag { 21 } else { 20 }),
        Value::Number(number) => number.as_i64().map_or(Item::Simple(22), |number| Item::Integer(number.into())),
        Value::String(text) => Item::Text(text.clone()),
        Value::Array(items) => Item::Array(items.iter().map(plain).collect()),
        Value::Object(map) => {
            Item::Map(map.iter().map(|(key, value)| (Item::Text(key.clone()), plain(value))).collect())
        }
    }
}

/// Base64 with the alphabet for URLs, with or without padding (RFC 4648, 5).
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let digit = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
