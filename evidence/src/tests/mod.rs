//! What more than one module has to do with.
mod archives;
mod files;
mod keys;
mod policies;
mod psa;
mod several;
mod signed;
mod signers;

use crate::{KeyType, PublicKey};
use coset::{
    CborSerializable, CoseKeyBuilder, CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable,
    cbor::{Value, ser::into_writer},
    iana,
};
use p256::ecdsa::signature::Signer as _;
use sha2::{Digest, Sha256};

/// Somebody who signs.
pub(super) enum Signer {
    Secp256k1(secp256k1::SecretKey),
    P256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl Signer {
    pub(super) fn new(key_type: KeyType, seed: u8) -> Self {
        let secret = [seed; 32];
        match key_type {
            KeyType::Secp256k1 => Self::Secp256k1(secp256k1::SecretKey::from_byte_array(secret).unwrap()),
            KeyType::P256 => Self::P256(p256::ecdsa::SigningKey::from_slice(&secret).unwrap()),
            KeyType::Ed25519 => Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&secret)),
        }
    }

    pub(super) fn all() -> [Self; 3] {
        [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519].map(|key_type| Self::new(key_type, 7))
    }

    pub(super) fn key_type(&self) -> KeyType {
        match self {
            Self::Secp256k1(_) => KeyType::Secp256k1,
            Self::P256(_) => KeyType::P256,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// Uncompressed for curves with ECDSA.
    pub(super) fn raw_key(&self) -> Vec<u8> {
        match self {
            Self::Secp256k1(key) => key.public_key(&secp256k1::Secp256k1::new()).serialize_uncompressed().to_vec(),
            Self::P256(key) => key.verifying_key().to_encoded_point(false).as_bytes().to_vec(),
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
        }
    }

    pub(super) fn key(&self) -> PublicKey {
        PublicKey::from_raw(self.key_type(), &self.raw_key()).unwrap()
    }

    pub(super) fn cose_key(&self) -> Value {
        let raw = self.raw_key();
        let key = match self.key_type() {
            KeyType::Ed25519 => CoseKeyBuilder::new_okp_key()
                .param(iana::OkpKeyParameter::Crv as i64, Value::from(iana::EllipticCurve::Ed25519 as i64))
                .param(iana::OkpKeyParameter::X as i64, Value::Bytes(raw))
                .build(),
            ecdsa => {
                let curve =
                    if ecdsa == KeyType::P256 { iana::EllipticCurve::P_256 } else { iana::EllipticCurve::Secp256k1 };
                CoseKeyBuilder::new_ec2_pub_key(curve, raw[1..33].to_vec(), raw[33..].to_vec()).build()
            }
        };
        coset::AsCborValue::to_cbor_value(key).unwrap()
    }

    pub(super) fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Secp256k1(_) => self.sign_digest(&Sha256::digest(message).into()),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_vec(),
        }
    }

    pub(super) fn sign_digest(&self, digest: &[u8; 32]) -> Vec<u8> {
        use p256::ecdsa::signature::hazmat::PrehashSigner;
        match self {
            Self::Secp256k1(key) => {
                let message = secp256k1::Message::from_digest(*digest);
                secp256k1::Secp256k1::new().sign_ecdsa(message, key).serialize_compact().to_vec()
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest).unwrap();
                signature.to_vec()
            }
            Self::Ed25519(key) => key.sign(digest).to_vec(),
        }
    }

    pub(super) fn algorithm(&self) -> iana::Algorithm {
        match self {
            Self::Secp256k1(_) => iana::Algorithm::ES256K,
            Self::P256(_) => iana::Algorithm::ES256,
            Self::Ed25519(_) => iana::Algorithm::EdDSA,
        }
    }

    /// A message with the usual header.
    pub(super) fn message(&self, payload: &[u8]) -> CoseSign1 {
        let protected = HeaderBuilder::new().algorithm(self.algorithm()).build();
        self.signed(CoseSign1Builder::new().protected(protected).payload(payload.to_vec()))
    }

    pub(super) fn signed(&self, message: CoseSign1Builder) -> CoseSign1 {
        message.create_signature(&[], |bytes| self.sign_message(bytes)).build()
    }

    pub(super) fn token(&self, claims: &[(i64, Value)]) -> Vec<u8> {
        self.message(&map(claims)).to_tagged_vec().unwrap()
    }
}

pub(super) fn untagged(message: CoseSign1) -> Vec<u8> {
    message.to_vec().unwrap()
}

/// An encoded map.
pub(super) fn map(entries: &[(i64, Value)]) -> Vec<u8> {
    encode(&Value::Map(entries.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect()))
}

pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    into_writer(value, &mut bytes).unwrap();
    bytes
}

/// Each of `bytes` with one bit turned.
pub(super) fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}
