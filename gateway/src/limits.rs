//! Every limit of the gateway's bindings, with its reason. Sizes in bytes unless the name says otherwise.
use std::time::Duration;

/// A Thing Description, as registered on the chain.
pub const DESCRIPTION_BYTES_MAX: usize = 8 * 1024;
/// Input of a request, as it stands on the chain.
pub const INPUT_BYTES_MAX: usize = 8 * 1024;
/// A raw answer: what a mapping cuts down to a result may be larger than the result.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// A message that a thing sends by itself. The chain takes payloads to 24 KiB; an envelope with a signature, in base64, fits.
pub const UPLINK_BYTES_MAX: usize = 64 * 1024;
/// Messages of one subscription's connection that are delivered and not settled: eight of the chain's batches. A message is
/// settled when a block has it; as many as come meanwhile must be out, or the broker waits: at a fifth of a second a block, and
/// as much to hear of it, 5,000 a second.
pub const UNSETTLED_MAX: usize = 2_048;
/// Bytes of those messages: 8 KiB for each, as a payload in an envelope mostly has at most; 256 of the largest.
pub const UNSETTLED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Blocks that prove content from outside: what one report on the chain carries.
pub const CONTENT_BYTES_MAX: usize = 32 * 1024;
/// Gateways of IPFS that are asked one after the other, within one attempt's time.
pub const IPFS_GATEWAYS_MAX: usize = 8;
/// One attempt: name, connection, answer. The operator may set less.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the first lost connection of a subscription.
pub const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause: a broker that is back is found within a minute.
pub const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long a broker keeps a session whose gateway is away: the longest life of a request.
pub const SESSION_EXPIRY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// An expanded address. Longer ones are nobody's but an attacker's.
pub const HREF_BYTES_MAX: usize = 2 * 1024;
/// Topics, and names of queues, exchanges and routing keys: what AMQP can carry.
pub const NAME_BYTES_MAX: usize = 255;
/// Forms of one affordance that are looked at.
pub const FORMS_MAX: usize = 16;
/// Security schemes inside others (`combo`), in depth.
pub const SECURITY_DEPTH_MAX: usize = 2;
/// Security schemes that one form or `combo` names.
pub const SECURITY_SCHEMES_MAX: usize = 8;
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
    assert!(UPLINK_BYTES_MAX <= ANSWER_BYTES_MAX);
    assert!(UNSETTLED_MAX <= u16::MAX as usize);
    assert!(UPLINK_BYTES_MAX <= UNSETTLED_BYTES_MAX);
};
