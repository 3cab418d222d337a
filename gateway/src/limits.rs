//! Every limit of the gateway's bindings, with its reason. Sizes in bytes unless the name says otherwise.
use std::time::Duration;

/// A Thing Description, as registered on the chain.
pub const DESCRIPTION_BYTES_MAX: usize = 8 * 1024;
/// Input of a request, as it stands on the chain.
pub const INPUT_BYTES_MAX: usize = 8 * 1024;
/// A raw answer: what a mapping cuts down to a result may be larger than the result.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// One attempt: name, connection, answer.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// An expanded address. Longer ones are nobody's but an attacker's.
pub const HREF_BYTES_MAX: usize = 2 * 1024;
/// Forms of one affordance that are looked at.
pub const FORMS_MAX: usize = 16;
/// Addresses that one name may have.
pub const RESOLVED_ADDRESSES_MAX: usize = 16;
/// Rules, aliases and credentials of a configuration, each.
pub const CONFIGURED_MAX: usize = 1_024;
/// HTTP clients, with their certificates, kept for the next attempt.
pub const HTTP_CLIENTS_MAX: usize = 64;
/// A file with a secret or a certificate.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;

const _: () = {
    assert!(INPUT_BYTES_MAX <= ANSWER_BYTES_MAX);
    assert!(DESCRIPTION_BYTES_MAX <= ANSWER_BYTES_MAX);
};
