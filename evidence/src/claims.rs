//! [`Claims`]: what an entity attestation token says (RFC 9711), as far as a policy asks.
use crate::{
    EvidenceError, Meter, Work, cbor,
    error::limit,
    limits::{DIGEST_BYTES_MAX, NONCE_BYTES_MAX, NONCE_BYTES_MIN, TOKEN_MEASUREMENTS_MAX, TOKEN_NONCES_MAX},
};
use coset::cbor::Value;
use sha2::{Digest, Sha256};

/// Labels of claims (IANA's registry of CWT claims).
mod label {
    pub(super) const EXPIRES: i64 = 4;
    pub(super) const NOT_BEFORE: i64 = 5;
    pub(super) const ISSUED: i64 = 6;
    pub(super) const NONCE: i64 = 10;
    pub(super) const UEID: i64 = 256;
    pub(super) const OEM_BOOT: i64 = 262;
    pub(super) const DEBUG_STATUS: i64 = 263;
    pub(super) const SUBMODULES: i64 = 266;
    pub(super) const MANIFESTS: i64 = 272;
    pub(super) const MEASUREMENTS: i64 = 273;
    /// Software components of a PSA token (RFC 9783, 4.4.1).
    pub(super) const PSA_COMPONENTS: i64 = 2399;
}

/// Key of a PSA software component's measurement (RFC 9783, 4.4.1).
const PSA_MEASUREMENT: u64 = 2;
/// A UEID, bytes (RFC 9711, 4.2.1).
const UEID_BYTES: std::ops::RangeInclusive<usize> = 7..=33;

/// How far debugging is disabled, each more than the one before (RFC 9711, 4.2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DebugStatus {
    /// 0: any debugging facility is enabled.
    Enabled,
    /// 1: all are disabled now.
    Disabled,
    /// 2: all are disabled, and were since boot.
    DisabledSinceBoot,
    /// 3: disabled for good, but for the maker.
    DisabledPermanently,
    /// 4: disabled for good, for the maker too.
    DisabledFullyAndPermanently,
}

impl DebugStatus {
    /// The status with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Enabled,
            1 => Self::Disabled,
            2 => Self::DisabledSinceBoot,
            3 => Self::DisabledPermanently,
            4 => Self::DisabledFullyAndPermanently,
            _ => return None,
        })
    }
}

/// Claims of a token, not yet held against anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// All claims, CBOR as it was signed.
    pub encoded: Vec<u8>,
    /// Nonces (`eat_nonce`), 8 to 64 bytes each.
    pub nonces: Vec<Vec<u8>>,
    /// When the token was made (`iat`), Unix seconds.
    pub issued_s: Option<u64>,
    /// From when it is no longer good (`exp`), Unix seconds.
    pub expires_s: Option<u64>,
    /// From when it is good (`nbf`), Unix seconds.
    pub not_before_s: Option<u64>,
    /// How far debugging is disabled (`dbgstat`).
    pub debug_status: Option<DebugStatus>,
    /// A digest of each measurement: measurement values of PSA software components as they are, and SHA-256 of each
    /// entry of `measurements`.
    pub measurements: Vec<Vec<u8>>,
}

impl Claims {
    /// Decodes a claims set. Claims that no policy asks for may be anything well-formed; submodules speak for
    /// themselves only, and are not looked into.
    ///
    /// # Errors
    /// [`EvidenceError::Cbor`], [`EvidenceError::Claims`], [`EvidenceError::Claim`], [`EvidenceError::Limit`],
    /// [`EvidenceError::Exhausted`].
    pub fn parse(encoded: &[u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        meter.spend(Work::Decode { bytes: encoded.len() })?;
        let Value::Map(map) = cbor::decode("claims set", encoded)? else { return Err(EvidenceError::Claims) };
        cbor::labels(&map).ok_or(EvidenceError::Claims)?;
        let mut claims = Self { encoded: encoded.to_vec(), ..Self::default() };
        for (key, value) in &map {
            if let Some(label) = key.as_integer().and_then(|label| i64::try_from(label).ok()) {
                claims.read(label, value, meter)?;
            }
        }
        Ok(claims)
    }

    fn read(&mut self, label: i64, value: &Value, meter: &mut dyn Meter) -> Result<(), EvidenceError> {
        let wrong = |reason| EvidenceError::Claim { label, reason };
        let time = || cbor::unsigned(value).ok_or(wrong("not whole seconds since 1970"));
        match label {
            label::EXPIRES => self.expires_s = Some(time()?),
            label::NOT_BEFORE => self.not_before_s = Some(time()?),
            label::ISSUED => self.issued_s = Some(time()?),
            label::NONCE => self.nonces = nonces(value)?,
            label::DEBUG_STATUS => {
                let status = cbor::unsigned(value).and_then(DebugStatus::from_number);
                self.debug_status = Some(status.ok_or(wrong("not a debug status from 0 to 4"))?);
            }
            label::MEASUREMENTS => {
                for entry in entries(label, value)? {
                    let [Value::Integer(_), Value::Bytes(body)] = entry.as_array().map_or(&[][..], Vec::as_slice)
                    else {
                        return Err(wrong("an entry is not a content format and bytes"));
                    };
                    meter.spend(Work::Hash { bytes: body.len() })?;
                    self.measurements.push(Sha256::digest(body).to_vec());
                }
            }
            label::PSA_COMPONENTS => {
                for component in entries(label, value)? {
                    self.measurements.push(psa_measurement(component).ok_or(wrong("a component without measurement"))?);
                }
            }
            label::UEID if !value.as_bytes().is_some_and(|ueid| UEID_BYTES.contains(&ueid.len())) => {
                return Err(wrong("not 7 to 33 bytes"));
            }
            label::OEM_BOOT if !value.is_bool() => return Err(wrong("neither true nor false")),
            label::SUBMODULES if !value.is_map() => return Err(wrong("not a map")),
            label::MANIFESTS if !value.is_array() => return Err(wrong("not an array")),
            _ => {}
        }
        limit("measurements of a token", self.measurements.len(), TOKEN_MEASUREMENTS_MAX)
    }
}

fn entries(label: i64, value: &Value) -> Result<&[Value], EvidenceError> {
    let entries = value.as_array().ok_or(EvidenceError::Claim { label, reason: "not an array" })?;
    limit("measurements of a token", entries.len(), TOKEN_MEASUREMENTS_MAX)?;
    Ok(entries)
}

fn nonces(value: &Value) -> Result<Vec<Vec<u8>>, EvidenceError> {
    let wrong = EvidenceError::Claim { label: label::NONCE, reason: "not 8 to 64 bytes, or an array of such" };
    let several = match value {
        Value::Array(several) => several.as_slice(),
        one => std::slice::from_ref(one),
    };
    limit("nonces of a token", several.len(), TOKEN_NONCES_MAX)?;
    let nonce = |value: &Value| {
        value.as_bytes().filter(|nonce| (NONCE_BYTES_MIN..=NONCE_BYTES_MAX).contains(&nonce.len())).cloned()
    };
    several.iter().map(nonce).collect::<Option<_>>().ok_or(wrong)
}

fn psa_measurement(component: &Value) -> Option<Vec<u8>> {
    let map = component.as_map().filter(|map| cbor::labels(map).is_some())?;
    let (_, value) = map.iter().find(|(key, _)| cbor::unsigned(key) == Some(PSA_MEASUREMENT))?;
    value.as_bytes().filter(|digest| (1..=DIGEST_BYTES_MAX).contains(&digest.len())).cloned()
}
