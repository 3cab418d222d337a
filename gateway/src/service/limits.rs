//! Every limit of the gateway's service, with its reason. Times are of this process unless the name says otherwise.
use std::time::Duration;

/// Requests that a gateway works on at a time; the rest waits on the chain, which is the mailbox.
pub const JOBS_MAX: usize = 8_192;
/// Attempts under way at a time: each may hold a socket for ten seconds.
pub const ATTEMPTS_RUNNING_MAX: usize = 256;
/// Transactions of the gateway that are in no block yet.
pub const IN_FLIGHT_MAX: usize = 64;
/// The first window of block time in which one gateway may act: an attempt's ten seconds, and five to begin.
pub const WINDOW_SECONDS: u64 = 15;
/// Windows double up to this: a thing that is offline for weeks is asked once an hour.
pub const WINDOW_SECONDS_MAX: u64 = 3_600;
/// Part of a window that its start is put off by at most, by the request's id: things that come back are not asked by all
/// that waits for them at once. One part in so many.
pub const WINDOW_JITTER_PARTS: u64 = 4;
/// What must be left of a window for its gateway to begin an attempt in it: else another gateway's begins meanwhile.
pub const WINDOW_SECONDS_LEFT_MIN: u64 = 10;
/// Silence after which the next gateway in rotation sends a report.
pub const TAKEOVER: Duration = Duration::from_secs(4);
/// A report that settled nothing is sent again after this.
pub const REPORT_AGAIN: Duration = Duration::from_secs(12);
/// A gateway says its word again while its request is open: whoever started late has not heard it.
pub const SPEAK_AGAIN: Duration = Duration::from_secs(2);
/// Longest wait for news from the node: then time itself is the news.
pub const IDLE: Duration = Duration::from_millis(250);
/// How often a node that is asked over HTTP is asked for its head.
pub const POLL: Duration = Duration::from_millis(100);
/// Shortest time between two looks at all jobs.
pub const LOOK_PERIOD: Duration = Duration::from_millis(5);
/// Wait before a node that does not answer is asked again.
pub const NODE_RETRY: Duration = Duration::from_secs(1);
/// Longest answer of a node over HTTP, bytes: a page of requests with inputs of 8 KiB as hex.
pub const NODE_ANSWER_BYTES_MAX: usize = 64 << 20;
/// Longest wait for an answer of a node over HTTP.
pub const NODE_ANSWER_TIME: Duration = Duration::from_secs(10);
/// Blocks whose logs are read at once; a gateway that is further behind lists what is open instead.
pub const LOG_BLOCKS_MAX: u64 = 1_000;
/// Blocks of one question for the things that there are.
pub const THING_BLOCKS_MAX: u64 = 100_000;
/// A transaction in no block is given to the node again after this.
pub const SEND_AGAIN: Duration = Duration::from_secs(5);
/// A transaction in no block is replaced by a dearer one after this.
pub const REPLACE_AFTER: Duration = Duration::from_secs(30);
/// Messages of things that are held until a block has them.
pub const MAILBOX_MAX: usize = 8_192;
/// Messages that have arrived and are not read yet, of all subscriptions.
pub const ARRIVED_MAX: usize = 1_024;
/// Encoded messages of one transaction, bytes: with its head it stays below the 128 KiB that pools take.
pub const BATCH_BYTES_MAX: usize = 96 * 1024;
/// A message from the future is sent again after this.
pub const TOO_EARLY_AGAIN: Duration = Duration::from_secs(5);
/// Messages that come so soon after the start may be such that an earlier process has published already.
pub const DOUBTFUL_AFTER_START: Duration = Duration::from_secs(60);
/// Subscriptions: each holds a connection.
pub const FOLLOWED_MAX: usize = 1_024;
/// Things that were looked up and wait to be followed.
pub const LOOKED_UP_MAX: usize = 64;
/// A trouble that lasts is logged again after this.
pub const SAY_AGAIN: Duration = Duration::from_secs(60);
/// A thing that cannot be followed for a reason that lasts, as a password that its broker refuses, is tried again after this:
/// whoever mends it need not know of the gateway. Seldom enough not to be taken for an attack.
pub const FOLLOW_AGAIN: Duration = Duration::from_secs(5 * 60);
/// The same trouble with a thing is logged again after this.
pub const SAME_TROUBLE_AGAIN: Duration = Duration::from_secs(60 * 60);
/// Failed requests whose reasons are remembered for the operator.
pub const FAILURES_SHOWN_MAX: usize = 32;
/// A reason that is shown, characters.
pub const REASON_CHARS_MAX: usize = 300;

const _: () = {
    assert!(WINDOW_SECONDS > WINDOW_SECONDS_LEFT_MIN);
    assert!(WINDOW_SECONDS_LEFT_MIN >= crate::limits::ATTEMPT_TIMEOUT.as_secs());
    assert!(WINDOW_SECONDS_MAX >= WINDOW_SECONDS);
};
