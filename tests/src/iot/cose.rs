//! The COSE working group's examples, as far as they are COSE_Sign1 and COSE_Sign.
use super::{Verdict, expect};
use pervade_evidence::{EvidenceError, KeyType, PublicKey, Sign, Sign1, Tally};
use serde_json::Value;
use std::path::Path;

const NOT_PROTECTED: &str = "algorithm outside of the protected header, which is refused";
/// Forms of COSE messages that are not supported.
const OTHERS: [(&str, &str); 4] = [("mac", MAC), ("mac0", MAC), ("encrypted", ENCRYPTION), ("enveloped", ENCRYPTION)];
const MAC: &str = "message authentication code";
const ENCRYPTION: &str = "encryption";
const ALGORITHM: &str = "signature algorithm or curve that is not supported";

pub(super) fn run(file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    file.extension().filter(|extension| *extension == "json")?;
    let test: Value = match serde_json::from_slice(content) {
        Ok(test) => test,
        Err(error) => return Some(vec![(String::new(), Err(error.into()))]),
    };
    let name = test["title"].as_str().unwrap_or_default().to_owned();
    Some(vec![(name, check(&test))])
}

fn check(test: &Value) -> Result<(), Verdict> {
    let input = &test["input"];
    let valid = test["fail"] != true && input["fail"] != true;
    let message = hex::decode(test["output"]["cbor"].as_str().unwrap_or_default())?;
    let result = if let Some(signed) = input.get("sign0") {
        check_one(&message, signed)?
    } else if let Some(signed) = input.get("sign") {
        check_several(&message, signed)?
    } else {
        let other = OTHERS.iter().find(|(form, _)| input.get(form).is_some());
        return Err(other.map_or_else(
            || Verdict::Failed("a message of no form that COSE has".into()),
            |(_, category)| Verdict::Skipped(category),
        ));
    };
    match result {
        Err(EvidenceError::UnsupportedAlgorithm { .. }) if valid => Err(Verdict::Skipped(ALGORITHM)),
        Err(EvidenceError::AlgorithmNotProtected) if valid => Err(Verdict::Skipped(NOT_PROTECTED)),
        Ok(payload) if valid && payload != plaintext(input)? => Err(Verdict::Failed("another payload".into())),
        result => expect(valid, result),
    }
}

/// The payload that the signer signed.
fn check_one(message: &[u8], signer: &Value) -> Result<Result<Vec<u8>, EvidenceError>, Verdict> {
    let key = public_key(signer)?.ok_or(Verdict::Skipped(ALGORITHM))?;
    let external = external(signer)?;
    let mut tally = Tally::default();
    Ok(Sign1::parse(message, &mut tally).and_then(|message| {
        message.verify(&key, &external, &mut tally)?;
        Ok(message.payload().to_vec())
    }))
}

/// The payload that all signers signed whose keys are of a kind that is supported.
fn check_several(message: &[u8], signed: &Value) -> Result<Result<Vec<u8>, EvidenceError>, Verdict> {
    let mut signers = Vec::new();
    for signer in signed["signers"].as_array().into_iter().flatten() {
        if let Some(key) = public_key(signer)? {
            let holder = if signer.get("external").is_some() { signer } else { signed };
            signers.push((key, external(holder)?));
        }
    }
    if signers.is_empty() {
        return Err(Verdict::Skipped(ALGORITHM));
    }
    let mut tally = Tally::default();
    Ok(Sign::parse(message, &mut tally).and_then(|message| {
        for (key, external) in &signers {
            message.verify(key, external, &mut tally)?;
        }
        Ok(message.payload().to_vec())
    }))
}

fn external(signer: &Value) -> Result<Vec<u8>, Verdict> {
    Ok(hex::decode(signer["external"].as_str().unwrap_or_default())?)
}

fn public_key(signer: &Value) -> Result<Option<PublicKey>, Verdict> {
    let known = key(&signer["key"]).map(|(key_type, raw)| PublicKey::from_raw(key_type, &raw));
    Ok(known.transpose()?)
}

fn plaintext(input: &Value) -> Result<Vec<u8>, Verdict> {
    match input["plaintext"].as_str() {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => Ok(hex::decode(input["plaintext_hex"].as_str().unwrap_or_default())?),
    }
}

/// A key of a kind that is supported.
fn key(key: &Value) -> Option<(KeyType, Vec<u8>)> {
    let coordinate = |name: &str| match key[format!("{name}_hex")].as_str() {
        Some(digits) => hex::decode(digits).ok(),
        None => super::claims::base64url(key[name].as_str()?),
    };
    let both = || Some([coordinate("x")?, coordinate("y")?].concat());
    match key["crv"].as_str()? {
        "P-256" => Some((KeyType::P256, both()?)),
        "secp256k1" | "P-256K" => Some((KeyType::Secp256k1, both()?)),
        "Ed25519" => Some((KeyType::Ed25519, coordinate("x")?)),
        _ => None,
    }
}
