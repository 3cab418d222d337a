//! What validators send and keep: whatever is decoded is written as the same bytes again.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pervade_chainspec::{decode_validator_set, encode_validator_set};
use pervade_consensus::{CommitCertificate, Equivocation};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = CommitCertificate::decode_exact(bytes) {
        assert_eq!(certificate.encoded(), bytes);
    }
    if let Ok(evidence) = Equivocation::decode_exact(bytes) {
        assert_eq!(evidence.encoded(), bytes);
    }
    if let Ok(validators) = decode_validator_set(bytes) {
        assert_eq!(encode_validator_set(&validators), bytes);
    }
});
