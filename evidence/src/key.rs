//! [`PublicKey`]: whose signature counts, and checks of it.
use crate::{Algorithm, EvidenceError, Meter, Work, cbor, error::limit, limits::KEY_BYTES_MAX};
use aws_lc_rs::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use coset::{AsCborValue, CoseKey, KeyType as CoseKeyType, Label, RegisteredLabel, cbor::Value, iana};
use secp256k1::{
    Message, Secp256k1, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId, Signature},
};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Kind of a key, in the order of `IThings.KeyType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyType {
    /// ECDSA over secp256k1 (SEC 2).
    Secp256k1,
    /// ECDSA over P-256, also called secp256r1 (FIPS 186).
    P256,
    /// EdDSA over edwards25519 (RFC 8032), without a context or prehashing.
    Ed25519,
}

impl KeyType {
    /// The key type with this number in the ABI.
    pub fn from_index(index: u8) -> Option<Self> {
        [Self::Secp256k1, Self::P256, Self::Ed25519].get(usize::from(index)).copied()
    }
}

/// A public key that is a valid point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Point);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Point {
    Secp256k1(secp256k1::PublicKey),
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// A point of an elliptic curve, compressed, bytes (SEC 1, 2.3.3).
const COMPRESSED_BYTES: usize = 33;
/// A point of an elliptic curve, bytes of both coordinates.
const COORDINATES_BYTES: usize = 64;
/// Both halves of a signature, bytes.
const SIGNATURE_BYTES: usize = 64;

static SECP256K1: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

impl PublicKey {
    /// Reads a key as things register it. Curves with ECDSA: 33 bytes compressed, 65 uncompressed, or 64 of both
    /// coordinates (SEC 1, 2.3.3). Ed25519: 32 bytes (RFC 8032, 5.1.2). Costs at most half of a signature check.
    ///
    /// # Errors
    /// [`EvidenceError::Key`] if it is no such key: not on the curve, of small order, or not in canonical form.
    pub fn from_raw(key_type: KeyType, bytes: &[u8]) -> Result<Self, EvidenceError> {
        if key_type == KeyType::Ed25519 {
            return Self::ed25519(bytes);
        }
        let sec1 = match (bytes.len(), bytes.first()) {
            (COMPRESSED_BYTES, Some(2 | 3)) | (65, Some(4)) => bytes.to_vec(),
            (COORDINATES_BYTES, _) => [&[4], bytes].concat(),
            _ => return Err(EvidenceError::Key { reason: "expected 33, 64 or 65 bytes of a point (SEC 1)" }),
        };
        let point = match key_type {
            KeyType::Secp256k1 => secp256k1::PublicKey::from_slice(&sec1).map(Point::Secp256k1).ok(),
            _ => p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).map(Point::P256).ok(),
        };
        point.map(Self).ok_or(EvidenceError::Key { reason: "not a point of the curve" })
    }

    fn ed25519(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let bytes: [u8; 32] =
            bytes.try_into().map_err(|_| EvidenceError::Key { reason: "expected 32 bytes of Ed25519" })?;
        if !is_canonical(&bytes) {
            return Err(EvidenceError::Key { reason: "coordinate not in canonical form" });
        }
        match ed25519_dalek::VerifyingKey::from_bytes(&bytes) {
            Ok(key) if key.is_weak() => Err(EvidenceError::Key { reason: "point of small order" }),
            Ok(key) => Ok(Self(Point::Ed25519(key))),
            Err(_) => Err(EvidenceError::Key { reason: "not a point of the curve" }),
        }
    }

    /// Reads a COSE_Key (RFC 9052, 7; RFC 9053, 7): EC2 with P-256 or secp256k1, OKP with Ed25519. An algorithm or
    /// key operations in it must allow verification with that curve.
    ///
    /// # Errors
    /// [`EvidenceError::Key`], [`EvidenceError::Cbor`], [`EvidenceError::Limit`].
    pub fn from_cose(bytes: &[u8]) -> Result<Self, EvidenceError> {
        limit("bytes of a COSE_Key", bytes.len(), KEY_BYTES_MAX)?;
        Self::from_cose_value(cbor::decode("COSE_Key", bytes)?).map(|(key, _)| key)
    }

    /// A COSE_Key and its key id, which is empty if it has none.
    pub(crate) fn from_cose_value(value: Value) -> Result<(Self, Vec<u8>), EvidenceError> {
        let key = CoseKey::from_cbor_value(value).map_err(|_| EvidenceError::Key { reason: "not a COSE_Key" })?;
        let verify = RegisteredLabel::Assigned(iana::KeyOperation::Verify);
        if !key.key_ops.is_empty() && !key.key_ops.contains(&verify) {
            return Err(EvidenceError::Key { reason: "its operations do not include verification" });
        }
        let parsed = match &key.kty {
            CoseKeyType::Assigned(iana::KeyType::EC2) => ec2(&key)?,
            CoseKeyType::Assigned(iana::KeyType::OKP) => okp(&key)?,
            _ => return Err(EvidenceError::Key { reason: "key type is neither EC2 nor OKP" }),
        };
        if key.alg.as_ref().is_some_and(|algorithm| {
            Algorithm::from_label(algorithm).ok().map(Algorithm::key_type) != Some(parsed.key_type())
        }) {
            return Err(EvidenceError::Key { reason: "its algorithm does not fit its curve" });
        }
        Ok((parsed, key.key_id))
    }

    /// Its kind.
    pub fn key_type(&self) -> KeyType {
        match self.0 {
            Point::Secp256k1(_) => KeyType::Secp256k1,
            Point::P256(_) => KeyType::P256,
            Point::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// Checks a signature of 64 bytes over a message, as COSE has it: ECDSA hashes with SHA-256 and takes both values of
    /// `s` (RFC 9053, 2.1; RFC 8812, 3.2), EdDSA signs the message itself (RFC 9053, 2.2).
    ///
    /// # Errors
    /// [`EvidenceError::Signature`], [`EvidenceError::Exhausted`].
    pub fn verify_message(&self, message: &[u8], signature: &[u8], meter: &mut dyn Meter) -> Result<(), EvidenceError> {
        meter.spend(Work::Signature(self.key_type()))?;
        meter.spend(Work::Hash { bytes: message.len() })?;
        let accepted = match &self.0 {
            Point::Secp256k1(key) => secp256k1_accepts(key, Sha256::digest(message).into(), signature, Halves::Both),
            Point::P256(key) => p256_accepts(key, &Sha256::digest(message).into(), signature),
            Point::Ed25519(key) => ed25519_accepts(key, message, signature),
        };
        if accepted { Ok(()) } else { Err(EvidenceError::Signature) }
    }

    /// Checks a signature over a digest of this chain (EIP-712). ECDSA signs the digest itself; secp256k1 wants the lower
    /// `s` (EIP-2), and of 65 bytes the last must be the recovery id, 0, 1, 27 or 28, that leads to this key. EdDSA signs
    /// the 32 bytes as a message.
    ///
    /// # Errors
    /// [`EvidenceError::Signature`], [`EvidenceError::Exhausted`].
    pub fn verify_digest(
        &self,
        digest: &[u8; 32],
        signature: &[u8],
        meter: &mut dyn Meter,
    ) -> Result<(), EvidenceError> {
        meter.spend(Work::Signature(self.key_type()))?;
        let accepted = match &self.0 {
            Point::Secp256k1(key) => match signature.split_at_checked(SIGNATURE_BYTES) {
                Some((halves, [])) => secp256k1_accepts(key, *digest, halves, Halves::Lower),
                Some((halves, [id])) => secp256k1_recovers(key, *digest, halves, *id),
                _ => false,
            },
            Point::P256(key) => p256_accepts(key, digest, signature),
            Point::Ed25519(key) => ed25519_accepts(key, digest, signature),
        };
        if accepted { Ok(()) } else { Err(EvidenceError::Signature) }
    }
}

/// Which values of `s` are taken: a signature with `s` is as valid as the one with the order minus `s`.
#[derive(Clone, Copy, PartialEq)]
enum Halves {
    Lower,
    Both,
}

fn secp256k1_accepts(key: &secp256k1::PublicKey, digest: [u8; 32], signature: &[u8], halves: Halves) -> bool {
    let Ok(mut signature) = Signature::from_compact(signature) else { return false };
    if halves == Halves::Both {
        signature.normalize_s();
    }
    SECP256K1.verify_ecdsa(Message::from_digest(digest), &signature, key).is_ok()
}

fn secp256k1_recovers(key: &secp256k1::PublicKey, digest: [u8; 32], halves: &[u8], id: u8) -> bool {
    let id = if id >= 27 { id.saturating_sub(27) } else { id };
    let Ok(id @ (RecoveryId::Zero | RecoveryId::One)) = RecoveryId::try_from(i32::from(id)) else { return false };
    let Ok(signature) = RecoverableSignature::from_compact(halves, id) else { return false };
    let mut lower = signature.to_standard();
    lower.normalize_s();
    lower == signature.to_standard()
        && SECP256K1.recover_ecdsa(Message::from_digest(digest), &signature).is_ok_and(|found| found == *key)
}

/// By the library of the precompile for P-256 (EIP-7951), four times as fast as the one that reads the keys.
fn p256_accepts(key: &p256::ecdsa::VerifyingKey, digest: &[u8; 32], signature: &[u8]) -> bool {
    let point = key.to_encoded_point(false);
    let Ok(digest) = digest::Digest::import_less_safe(digest, &digest::SHA256) else { return false };
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.as_bytes()).verify_digest(&digest, signature).is_ok()
}

fn ed25519_accepts(key: &ed25519_dalek::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    ed25519_dalek::Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

/// Whether the y coordinate (little endian, without the sign of x in the top bit) is below 2^255 - 19.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    !(*low >= 0xed && middle.iter().all(|byte| *byte == 0xff) && high & 0x7f == 0x7f)
}

fn ec2(key: &CoseKey) -> Result<PublicKey, EvidenceError> {
    let key_type = match curve(key)? {
        iana::EllipticCurve::P_256 => KeyType::P256,
        iana::EllipticCurve::Secp256k1 => KeyType::Secp256k1,
        _ => return Err(EvidenceError::Key { reason: "curve is neither P-256 nor secp256k1" }),
    };
    let point = key.to_sec1_octet_string().map_err(|_| EvidenceError::Key { reason: "coordinates" })?;
    PublicKey::from_raw(key_type, &point)
}

fn okp(key: &CoseKey) -> Result<PublicKey, EvidenceError> {
    if curve(key)? != iana::EllipticCurve::Ed25519 {
        return Err(EvidenceError::Key { reason: "curve is not Ed25519" });
    }
    let x = parameter(key, iana::OkpKeyParameter::X as i64).and_then(Value::as_bytes);
    PublicKey::ed25519(x.ok_or(EvidenceError::Key { reason: "no x coordinate" })?)
}

fn curve(key: &CoseKey) -> Result<iana::EllipticCurve, EvidenceError> {
    use coset::iana::EnumI64;
    let number = parameter(key, iana::Ec2KeyParameter::Crv as i64).and_then(Value::as_integer);
    let curve = number.and_then(|number| i64::try_from(number).ok()).and_then(iana::EllipticCurve::from_i64);
    curve.ok_or(EvidenceError::Key { reason: "no curve, or an unknown one" })
}

fn parameter(key: &CoseKey, label: i64) -> Option<&Value> {
    key.params.iter().find(|(found, _)| *found == Label::Int(label)).map(|(_, value)| value)
}
