//! Proof that data from outside is genuine: device keys, COSE signatures, attestation tokens, content identifiers.
