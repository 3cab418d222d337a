//! Project Wycheproof: ECDSA over secp256k1 and P-256 with SHA-256, EdDSA over edwards25519.
use super::{Verdict, expect};
use pervade_evidence::{EvidenceError, KeyType, PublicKey, Tally};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

const OTHER: &str = "algorithm, curve or hash function that is not supported";

pub(super) fn run(file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    file.extension().filter(|extension| *extension == "json")?;
    let suite: Value = serde_json::from_slice(content).ok()?;
    let mut results = Vec::new();
    for group in suite["testGroups"].as_array()? {
        let form = Form::of(group);
        for test in group["tests"].as_array()? {
            let result = match form {
                Some(form) => check(form, group, test),
                None => Err(Verdict::Skipped(OTHER)),
            };
            results.push((test["tcId"].to_string(), result));
        }
    }
    Some(results)
}

/// How a group's signatures are written and checked.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// ECDSA, DER.
    Der(KeyType),
    /// ECDSA, both halves one after the other.
    Halves(KeyType),
    /// ECDSA, DER, lower half only.
    Bitcoin,
    EdDsa,
}

impl Form {
    fn of(group: &Value) -> Option<Self> {
        let curve = match key_of(group)["curve"].as_str()? {
            "edwards25519" => return (group["type"] == "EddsaVerify").then_some(Self::EdDsa),
            "secp256k1" | "P-256K" => KeyType::Secp256k1,
            "secp256r1" | "P-256" => KeyType::P256,
            _ => return None,
        };
        match group["type"].as_str()? {
            _ if group["sha"] != "SHA-256" => None,
            "EcdsaVerify" => Some(Self::Der(curve)),
            "EcdsaP1363Verify" => Some(Self::Halves(curve)),
            "EcdsaBitcoinVerify" if curve == KeyType::Secp256k1 => Some(Self::Bitcoin),
            _ => None,
        }
    }

    fn verify(self, group: &Value, message: &[u8], signature: &[u8]) -> Result<(), EvidenceError> {
        let key_type = match self {
            Self::Der(key_type) | Self::Halves(key_type) => key_type,
            Self::Bitcoin => KeyType::Secp256k1,
            Self::EdDsa => KeyType::Ed25519,
        };
        let field = if self == Self::EdDsa { "pk" } else { "uncompressed" };
        let key = PublicKey::from_raw(key_type, &hex_of(&key_of(group)[field]))?;
        let halves = match self {
            Self::Der(_) | Self::Bitcoin => der_halves(signature).ok_or(EvidenceError::Signature)?.to_vec(),
            Self::Halves(_) | Self::EdDsa => signature.to_vec(),
        };
        match self {
            Self::Bitcoin => key.verify_digest(&Sha256::digest(message).into(), &halves, &mut Tally::default()),
            _ => key.verify_message(message, &halves, &mut Tally::default()),
        }
    }
}

fn check(form: Form, group: &Value, test: &Value) -> Result<(), Verdict> {
    let result = form.verify(group, &hex_of(&test["msg"]), &hex_of(&test["sig"]));
    match test["result"].as_str() {
        // Either is right.
        Some("acceptable") => Ok(()),
        Some(expected) => expect(expected == "valid", result),
        None => Err(Verdict::Failed("the test has no result".into())),
    }
}

/// A group's key, which had another name in the first version of the format.
fn key_of(group: &Value) -> &Value {
    group.get("publicKey").unwrap_or(&group["key"])
}

fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap_or_default()).unwrap_or_default()
}

/// Both halves of a signature in DER, strictly (X.690): shortest lengths, shortest positive integers, nothing after.
fn der_halves(bytes: &[u8]) -> Option<[u8; 64]> {
    let (body, []) = element(0x30, bytes)? else { return None };
    let (r, rest) = element(0x02, body)?;
    let (s, []) = element(0x02, rest)? else { return None };
    let mut halves = [0; 64];
    let (first, second) = halves.split_at_mut(32);
    for (half, integer) in [(first, r), (second, s)] {
        let digits = match integer {
            [] => return None,
            [0, next, ..] if *next < 0x80 => return None,
            [0, digits @ ..] => digits,
            [first, ..] if *first >= 0x80 => return None,
            digits => digits,
        };
        let start = 32usize.checked_sub(digits.len())?;
        half.get_mut(start..)?.copy_from_slice(digits);
    }
    Some(halves)
}

fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes {
        [found, 0x81, length, rest @ ..] if *found == tag && *length >= 0x80 => {
            rest.split_at_checked(usize::from(*length))
        }
        [found, length, rest @ ..] if *found == tag && *length < 0x80 => rest.split_at_checked(usize::from(*length)),
        _ => None,
    }
}
