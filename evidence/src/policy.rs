//! [`Policy`]: which attestation tokens are believed.
use crate::{
    Claims, DebugStatus, EvidenceError, Meter, PublicKey, Work, cbor,
    cose::Message,
    error::limit,
    limits::{
        DIGEST_BYTES_MAX, POLICY_BYTES_MAX, POLICY_DEBUG_STATUSES_MAX, POLICY_ISSUERS_MAX, POLICY_MEASUREMENTS_MAX,
        TOKEN_AHEAD_S_MAX,
    },
};
use coset::cbor::Value;

/// Key of the issuers in the map.
const ISSUERS: u64 = 1;
/// Key of the largest age in the map.
const AGE: u64 = 2;
/// Key of the debug status in the map.
const DEBUG: u64 = 3;
/// Key of the measurements in the map.
const MEASUREMENTS: u64 = 4;

/// Which debug statuses are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DebugPolicy {
    /// This one and all that disable more.
    AtLeast(DebugStatus),
    /// These.
    OneOf(Vec<DebugStatus>),
}

impl DebugPolicy {
    /// Whether a status is accepted.
    pub fn accepts(&self, status: DebugStatus) -> bool {
        match self {
            Self::AtLeast(least) => status >= *least,
            Self::OneOf(accepted) => accepted.contains(&status),
        }
    }
}

/// What a token must say, and who must say it: the CBOR map
/// `{1: [issuer COSE_Key], 2: max age in s, 3: accepted debug status, 4: [measurement digest]}`.
///
/// - 1 is required. An issuer is a COSE_Key, as a map or as bytes that hold one.
/// - 2: the token must carry a time, at most so long before the block's.
/// - 3: the token must carry a debug status: this one or one that disables more; of a list, one of the list.
/// - 4: the token must carry measurements, and all of them must be of these. Empty accepts none.
///
/// What is left out is not asked for. Other keys are refused: a policy with a typing error must not become a weak one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Keys that may sign, with their key ids (empty for none).
    pub issuers: Vec<(PublicKey, Vec<u8>)>,
    /// Largest age, seconds.
    pub age_s_max: Option<u64>,
    /// Accepted debug statuses.
    pub debug: Option<DebugPolicy>,
    /// Accepted measurements.
    pub measurements: Option<Vec<Vec<u8>>>,
}

impl Policy {
    /// Decodes a policy.
    ///
    /// # Errors
    /// [`EvidenceError::Policy`], [`EvidenceError::Key`], [`EvidenceError::Cbor`], [`EvidenceError::Limit`],
    /// [`EvidenceError::Exhausted`].
    pub fn parse(encoded: &[u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        limit("bytes of a policy", encoded.len(), POLICY_BYTES_MAX)?;
        meter.spend(Work::Decode { bytes: encoded.len() })?;
        let Value::Map(map) = cbor::decode("policy", encoded)? else {
            return Err(EvidenceError::Policy { entry: 0, reason: "not a map" });
        };
        cbor::labels(&map).ok_or(EvidenceError::Policy { entry: 0, reason: "a key twice, or no number" })?;
        let mut policy = Self { issuers: Vec::new(), age_s_max: None, debug: None, measurements: None };
        for (key, value) in map {
            match cbor::unsigned(&key) {
                Some(ISSUERS) => policy.issuers = issuers(value, meter)?,
                Some(AGE) => policy.age_s_max = Some(cbor::unsigned(&value).ok_or(wrong(AGE, "not whole seconds"))?),
                Some(DEBUG) => policy.debug = Some(debug(&value)?),
                Some(MEASUREMENTS) => policy.measurements = Some(measurements(value)?),
                _ => return Err(EvidenceError::Policy { entry: 0, reason: "a key other than 1 to 4" }),
            }
        }
        if policy.issuers.is_empty() { Err(wrong(ISSUERS, "no issuer")) } else { Ok(policy) }
    }

    /// Holds a token against the policy: signed by an issuer (of several signers, at least one), carrying `nonce`, good
    /// at `now_s` (Unix seconds of the block), and saying what the policy asks. A signature with a key id is checked with
    /// the keys of that id and those without one.
    ///
    /// # Errors
    /// Everything that [`crate::Sign1::parse`], [`crate::Sign::parse`] and [`Claims::parse`] refuse; [`EvidenceError::Issuer`],
    /// [`EvidenceError::Nonce`], [`EvidenceError::Age`], [`EvidenceError::DebugStatus`], [`EvidenceError::Measurement`].
    pub fn verify(
        &self,
        token: &[u8],
        nonce: &[u8],
        now_s: u64,
        meter: &mut dyn Meter,
    ) -> Result<Claims, EvidenceError> {
        let message = Message::parse(token, meter)?;
        message.verify_any(&self.issuers, meter).map_err(|error| match error {
            EvidenceError::Signature => EvidenceError::Issuer,
            other => other,
        })?;
        let claims = Claims::parse(message.payload(), meter)?;
        if !claims.nonces.iter().any(|found| found == nonce) {
            return Err(EvidenceError::Nonce);
        }
        self.check_time(&claims, now_s)?;
        let debug_accepted = |debug: &DebugPolicy| claims.debug_status.is_some_and(|status| debug.accepts(status));
        if !self.debug.as_ref().is_none_or(debug_accepted) {
            return Err(EvidenceError::DebugStatus);
        }
        let all_accepted = |accepted: &Vec<Vec<u8>>| {
            !claims.measurements.is_empty() && claims.measurements.iter().all(|found| accepted.contains(found))
        };
        if !self.measurements.as_ref().is_none_or(all_accepted) {
            return Err(EvidenceError::Measurement);
        }
        Ok(claims)
    }

    fn check_time(&self, claims: &Claims, now_s: u64) -> Result<(), EvidenceError> {
        let ahead = now_s.saturating_add(TOKEN_AHEAD_S_MAX);
        if claims.expires_s.is_some_and(|expires| expires <= now_s) {
            return Err(EvidenceError::Age { reason: "expired" });
        }
        if claims.not_before_s.is_some_and(|from| from > ahead) || claims.issued_s.is_some_and(|at| at > ahead) {
            return Err(EvidenceError::Age { reason: "from the future" });
        }
        let Some(age_s_max) = self.age_s_max else { return Ok(()) };
        match claims.issued_s {
            None => Err(EvidenceError::Age { reason: "no time of issue" }),
            Some(at) if now_s.saturating_sub(at) > age_s_max => Err(EvidenceError::Age { reason: "too old" }),
            Some(_) => Ok(()),
        }
    }
}

fn wrong(entry: u64, reason: &'static str) -> EvidenceError {
    EvidenceError::Policy { entry: i64::try_from(entry).unwrap_or(i64::MAX), reason }
}

fn issuers(value: Value, meter: &mut dyn Meter) -> Result<Vec<(PublicKey, Vec<u8>)>, EvidenceError> {
    let keys = value.into_array().map_err(|_| wrong(ISSUERS, "not an array"))?;
    limit("issuers of a policy", keys.len(), POLICY_ISSUERS_MAX)?;
    let key = |value: Value| {
        meter.spend(Work::Key)?;
        match value {
            Value::Bytes(bytes) => PublicKey::from_cose_value(cbor::decode("COSE_Key", &bytes)?),
            value => PublicKey::from_cose_value(value),
        }
    };
    keys.into_iter().map(key).collect()
}

fn debug(value: &Value) -> Result<DebugPolicy, EvidenceError> {
    let status = |value: &Value| cbor::unsigned(value).and_then(DebugStatus::from_number);
    let unknown = || wrong(DEBUG, "not a debug status from 0 to 4, or an array of such");
    match value {
        Value::Array(several) => {
            limit("debug statuses of a policy", several.len(), POLICY_DEBUG_STATUSES_MAX)?;
            let accepted: Option<Vec<_>> = several.iter().map(status).collect();
            accepted.map(DebugPolicy::OneOf).ok_or_else(unknown)
        }
        one => status(one).map(DebugPolicy::AtLeast).ok_or_else(unknown),
    }
}

fn measurements(value: Value) -> Result<Vec<Vec<u8>>, EvidenceError> {
    let digests = value.into_array().map_err(|_| wrong(MEASUREMENTS, "not an array"))?;
    limit("measurements of a policy", digests.len(), POLICY_MEASUREMENTS_MAX)?;
    let digest = |value: Value| value.into_bytes().ok().filter(|digest| (1..=DIGEST_BYTES_MAX).contains(&digest.len()));
    digests.into_iter().map(digest).collect::<Option<_>>().ok_or(wrong(MEASUREMENTS, "not digests of up to 64 bytes"))
}
