//! Every value that nodes must agree on.
//!
//! A change to any of them makes another protocol: nodes that disagree compute different blocks. What the
//! genesis file may choose is bounded here too. What an operator may turn is not here but in the node's
//! configuration.
use alloy_primitives::{Address, B256, Bytes, address, b256, bytes};

// --- Accounts -------------------------------------------------------------------------------------------

/// Account of the Thing Communication precompile.
pub const THINGS_ADDRESS: Address = address!("0000000000000000000000000000000000007101");
/// Account of the Contract Database precompile.
pub const CONTRACT_DATABASE_ADDRESS: Address = address!("0000000000000000000000000000000000007102");
/// Account of the Semantics precompile.
pub const SEMANTICS_ADDRESS: Address = address!("0000000000000000000000000000000000007103");
/// Account of the Governance precompile.
pub const GOVERNANCE_ADDRESS: Address = address!("0000000000000000000000000000000000007104");
/// The four precompile accounts, in order of address.
pub const PRECOMPILE_ADDRESSES: [Address; 4] =
    [THINGS_ADDRESS, CONTRACT_DATABASE_ADDRESS, SEMANTICS_ADDRESS, GOVERNANCE_ADDRESS];
/// Nonce of a precompile account in the genesis. Above zero, so that EIP-161 never takes the account for
/// empty and deletes it with its storage.
pub const PRECOMPILE_NONCE: u64 = 1;
/// Code of a precompile account: `PUSH0 PUSH0 REVERT`. Solidity's check that a callee exists passes, and
/// a call reverts where the precompile is not active.
pub static PRECOMPILE_CODE: Bytes = bytes!("5f5ffd");

/// Private key of the system account: `keccak256("pervade system account")`. Public on purpose: anybody may
/// compute and sign the system transactions of a block; a block that has others is invalid.
pub const SYSTEM_ACCOUNT_KEY: B256 = b256!("15562609bfaa659cd57b00fab65b526e73bb680b86bf11210307b301e8b93e21");
/// Sender of system transactions: the address of [`SYSTEM_ACCOUNT_KEY`]. The pool refuses it.
pub const SYSTEM_ACCOUNT: Address = address!("c0abf8222b10f1940c7e020a0499a3463cda0713");

/// Code of the consolidation requests contract at `0x0000BBdDc7CE488642fb579F8B00f3a590007251` (EIP-7251).
pub static CONSOLIDATION_REQUESTS_CODE: Bytes = bytes!(
    "3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1461019a57600182026001905f5b5f82111560685781019083028483029004916001019190604d565b9093900492505050366060146088573661019a573461019a575f5260205ff35b341061019a57600154600101600155600354806004026004013381556001015f358155600101602035815560010160403590553360601b5f5260605f60143760745fa0600101600355005b6003546002548082038060021160e7575060025b5f5b8181146101295782810160040260040181607402815460601b815260140181600101548152602001816002015481526020019060030154905260010160e9565b910180921461013b5790600255610146565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff141561017357505f5b6001546001828201116101885750505f61018e565b01600190035b5f555f6001556074025ff35b5f5ffd"
);

// --- Validators -----------------------------------------------------------------------------------------

/// Validators of a set. A commit certificate holds a signature of each, and each is checked.
pub const VALIDATORS_MAX: usize = 128;
/// Voting power of a whole set: leaves room for `3 * power` in 64 bits.
pub const TOTAL_POWER_MAX: u64 = 1 << 60;
/// Voting power of a validator that names none.
pub const POWER_DEFAULT: u64 = 1;
/// A compressed secp256k1 public key, bytes (SEC 1, 2.3.3).
pub const PUBLIC_KEY_BYTES: usize = 33;

// --- Time -----------------------------------------------------------------------------------------------

/// Longest block period, milliseconds: a minute. Clients wait for receipts no longer than that.
pub const BLOCK_PERIOD_MS_MAX: u64 = 60_000;
/// Block period of a genesis that names none, milliseconds.
pub const BLOCK_PERIOD_MS_DEFAULT: u64 = 500;
/// Longest wait for an empty block, milliseconds: a day. Deadlines count in block time.
pub const EMPTY_BLOCK_PERIOD_MS_MAX: u64 = 86_400_000;
/// Wait for an empty block in a genesis that names none, milliseconds.
pub const EMPTY_BLOCK_PERIOD_MS_DEFAULT: u64 = 10_000;

// --- Agreement ------------------------------------------------------------------------------------------

/// Oldest timestamp of a fresh proposal that is voted for, milliseconds before the voter's date.
pub const PROPOSAL_AGE_MS_MAX: u64 = 5_000;
/// Newest timestamp of a fresh proposal that is voted for, milliseconds after the voter's date.
pub const PROPOSAL_AHEAD_MS_MAX: u64 = 1_000;
/// Largest block body that is proposed, bytes: EIP-7934 allows 8 MiB of RLP, the rest is for what travels with it.
pub const BLOCK_BODY_BYTES_MAX: usize = 10 << 20;
/// Bytes of each part but the last in which a body travels.
pub const BLOCK_PART_BYTES: usize = 64 << 10;

// --- Gas and fees ---------------------------------------------------------------------------------------

/// Gas of one transaction (EIP-7825).
pub const TRANSACTION_GAS_MAX: u64 = 1 << 24;
/// Smallest gas limit of a Pervade block: the largest transaction fits beside the largest system share.
pub const GAS_LIMIT_MIN: u64 = 30_000_000;
/// Largest gas limit of a Pervade block.
pub const GAS_LIMIT_MAX: u64 = 10_000_000_000;
/// Gas limit of a new network that names none.
pub const GAS_LIMIT_DEFAULT: u64 = 200_000_000;
/// Smallest share of the gas limit for system transactions, percent. Above zero: due work is never starved.
pub const SYSTEM_GAS_SHARE_PERCENT_MIN: u64 = 5;
/// Largest share of the gas limit for system transactions, percent.
pub const SYSTEM_GAS_SHARE_PERCENT_MAX: u64 = 40;
/// Share of the gas limit for system transactions of a genesis that names none, percent.
pub const SYSTEM_GAS_SHARE_PERCENT_DEFAULT: u64 = 20;
/// Largest minimum or fixed base fee, wei per gas: a million gwei, so that fees of whole blocks fit 128 bits.
pub const BASE_FEE_MAX: u64 = 1_000_000_000_000_000;
/// Base fee of the first block with EIP-1559, wei per gas.
pub const INITIAL_BASE_FEE: u64 = 1_000_000_000;
/// Minimum of the dynamic base fee of a genesis that names none, wei per gas.
pub const BASE_FEE_MINIMUM_DEFAULT: u64 = 1_000_000;
/// EIP-1559: the gas target is the gas limit divided by this.
pub const BASE_FEE_ELASTICITY: u64 = 2;
/// EIP-1559: the base fee changes by at most one part in this many a block.
pub const BASE_FEE_MAX_CHANGE_DENOMINATOR: u64 = 8;

// --- Governance -----------------------------------------------------------------------------------------

/// What is enacted in block N holds from block N + this: the header of N + 1 already names the set that decides N + 2.
pub const ENACTMENT_DELAY_BLOCKS: u64 = 2;
/// A block's changes of the validator set stay within the set's power divided by this: whoever trusts more than two
/// thirds of a set still knows more than a third of the next one.
pub const POWER_CHANGE_DIVISOR: u64 = 3;
/// Sets with fewer validators may change as they like: a third of three would be less than one of them.
pub const POWER_CHANGE_VALIDATORS_MIN: usize = 4;
/// Longest life of a proposal, seconds: 30 days.
pub const PROPOSAL_SECONDS_MAX: u64 = 30 * 86_400;
/// Arguments of a proposal, bytes. The longest action takes 256.
pub const PROPOSAL_ARGUMENTS_BYTES_MAX: usize = 1_024;
/// Entries of a page of a list that a precompile answers with.
pub const PAGE_ENTRIES_MAX: usize = 256;
/// Gateways of the chain. A thing without gateways of its own is served by all of them.
pub const GATEWAYS_MAX: usize = 64;
/// A fork is scheduled at least so long ahead, seconds: operators need the time to upgrade.
pub const FORK_NOTICE_SECONDS_MIN: u64 = 3_600;
/// Permission: may send transactions.
pub const PERMISSION_SEND: u8 = 1;
/// Permission: may create contracts.
pub const PERMISSION_DEPLOY: u8 = 1 << 1;
/// Permission: may register things.
pub const PERMISSION_REGISTER: u8 = 1 << 2;
/// Permission: on a network without prices, its contracts' requests and triggers run within a quota.
pub const PERMISSION_QUOTA: u8 = 1 << 3;
/// Every permission that a vote can give.
pub const PERMISSIONS_ALL: u8 = PERMISSION_SEND | PERMISSION_DEPLOY | PERMISSION_REGISTER | PERMISSION_QUOTA;
/// Largest fetch fee, wei: an ether. It is paid per request, whatever the answer.
pub const FETCH_FEE_MAX: u64 = 1_000_000_000_000_000_000;
/// How long the result of a parked callback is kept, seconds: 7 days, unless governance says otherwise.
pub const PARKED_SECONDS_DEFAULT: u64 = 7 * 86_400;
/// Shortest such time, seconds: an hour.
pub const PARKED_SECONDS_MIN: u64 = 3_600;
/// Longest such time, seconds: 30 days.
pub const PARKED_SECONDS_MAX: u64 = 30 * 86_400;
/// Gas that a payer's callbacks and actions may use in a period on a network without prices, unless governance says
/// otherwise: 500 of the largest.
pub const QUOTA_GAS_DEFAULT: u64 = 1_000_000_000;
/// Least such quota: the largest callback fits, or it would wait for ever.
pub const QUOTA_GAS_MIN: u64 = SYSTEM_GAS_MIN;
/// Largest such quota: a period's worth of the largest blocks, ten a second.
pub const QUOTA_GAS_MAX: u64 = GAS_LIMIT_MAX * 10 * QUOTA_PERIOD_SECONDS;
/// Period of quotas, seconds: an hour.
pub const QUOTA_PERIOD_SECONDS: u64 = 3_600;

// --- Things ---------------------------------------------------------------------------------------------

/// A Thing Description, bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 8 << 10;
/// Nesting of a Thing Description: twice what the examples of the standard have.
pub const DESCRIPTION_DEPTH_MAX: usize = 32;
/// A thing's id, bytes: URIs are far shorter.
pub const THING_ID_BYTES_MAX: usize = 256;
/// A thing's key, bytes: an uncompressed point (SEC 1).
pub const THING_KEY_BYTES_MAX: usize = 65;
/// A signature of a thing or gateway, bytes: a COSE_Sign1 fits.
pub const SIGNATURE_BYTES_MAX: usize = 1_024;
/// Payload of a thing's message, bytes.
pub const PAYLOAD_BYTES_MAX: usize = 24 << 10;
/// Messages of a batch.
pub const BATCH_MESSAGES_MAX: usize = 256;
/// How far a message may claim to be ahead of the block's time, milliseconds.
pub const OBSERVED_AHEAD_MS_MAX: u64 = 30_000;
/// Triggers on a property of a thing: each observation looks at all of them.
pub const WATCHERS_MAX: u64 = 64;
/// Radius of a colocation trigger, metres.
pub const RADIUS_METRES_MAX: u32 = 100_000;
/// Gas that a callback or action may ask for.
pub const CALLBACK_GAS_MAX: u32 = 2_000_000;
/// Gas of the bookkeeping around a callback or action, at most: slots of request, queue, balance and result, and logs.
pub const CALLBACK_OVERHEAD_GAS: u64 = 500_000;
/// Least gas for system transactions while work is due, whatever the share: the largest callback fits, or it would block
/// all behind it for ever. Also the gas limit of the transaction that enacts a proposal that waited.
pub const SYSTEM_GAS_MIN: u64 = 2_600_000;
/// Gas that the owner of a trigger pays for each look at an observation.
pub const EVALUATION_GAS: u64 = 20_000;
/// Payers that a block moves from a second in which they have something due into the queue, with all of it.
pub const PROMOTIONS_MAX: usize = 1_024;
/// System transactions of a block: bounds the reading of the queue beside the gas.
pub const SYSTEM_TRANSACTIONS_MAX: usize = 1_024;
/// Payers that a block passes over because gas costs more than their work may pay.
pub const PASSED_OVER_MAX: usize = 64;
/// Items that a block takes off the queue because nothing is left of them (triggers that were unwatched since): whoever
/// unwatches many at once must not make one block the work of all.
pub const STALE_ITEMS_MAX: usize = 1_024;
/// Shortest period of `Every`, seconds.
pub const TRIGGER_INTERVAL_SECONDS_MIN: u64 = 1;
/// Input of a request, bytes.
pub const REQUEST_INPUT_BYTES_MAX: usize = 8 << 10;
/// Result of a request, bytes.
pub const REQUEST_RESULT_BYTES_MAX: usize = 4 << 10;
/// Result of a request for content, bytes: as much as a value of the Contract Database.
pub const CONTENT_RESULT_BYTES_MAX: usize = DATABASE_VALUE_BYTES_MAX;
/// Blocks that prove content, in one report, bytes: a node and two leaves of 32 KiB each. A transaction carries them.
pub const CONTENT_PROOF_BYTES_MAX: usize = 96 << 10;
/// Name of an affordance, bytes.
pub const AFFORDANCE_BYTES_MAX: usize = 128;
/// Attempts of a request.
pub const REQUEST_ATTEMPTS_MAX: u8 = 16;
/// Open requests of a thing.
pub const THING_REQUESTS_MAX: u64 = 256;
/// Open requests of a requester.
pub const REQUESTER_REQUESTS_MAX: u64 = 4_096;
/// Life of a request, seconds: 30 days.
pub const REQUEST_SECONDS_MAX: u64 = 30 * 86_400;
/// Gateways that a request may be served by: each one's signature is in the report.
pub const REQUEST_GATEWAYS_MAX: usize = 64;

// --- Canonical index ------------------------------------------------------------------------------------
// Nobody votes on the index; but all nodes shall answer the same.

/// Work that a transaction buys for each gas it used: reading what it says through the mappings that its contracts are bound to.
/// A unit of work is about what a unit of gas buys of the precompile, so that reading a block takes a few times as long as
/// executing a full one at most, whatever is bound.
pub const CANONICAL_WORK_PER_GAS: u64 = 4;
/// Work that each log of a bound contract has at least, whatever those before it in the same transaction took: nobody uses up
/// what is needed to read another's log. A mapping of three rules fits.
pub const CANONICAL_WORK_PER_LOG_MIN: u64 = 8_192;
/// Work of keeping one observation in the index: some 300 bytes in four places.
pub const CANONICAL_WORK_PER_OBSERVATION: u64 = 1_600;
/// Gas of a transaction that buys the reading of another byte of mapping documents, beyond the largest one: a bound mapping may
/// have to be compiled again.
pub const CANONICAL_GAS_PER_PROGRAM_BYTE: u64 = 4;

// --- Contract Database ----------------------------------------------------------------------------------

/// A value of the Contract Database, bytes: the largest code of a contract (EIP-170), with which it shares its table.
pub const DATABASE_VALUE_BYTES_MAX: usize = 24 * 1024;
/// Keys of one `putMany` or `getMany`.
pub const DATABASE_KEYS_MAX: usize = 256;
/// Keys of a provider. An answer costs a signature check for each.
pub const DATABASE_PROVIDER_KEYS_MAX: usize = 16;

// --- Genesis --------------------------------------------------------------------------------------------

/// Size of a genesis file, bytes: five million accounts fit.
pub const GENESIS_FILE_BYTES_MAX: u64 = 1 << 30;
/// Blobs of a block in a blob schedule: far above any fork, and blob gas stays far from 64 bits.
pub const BLOBS_PER_BLOCK_MAX: u64 = 65_536;
/// Chain id of a development chain.
pub const DEV_CHAIN_ID: u64 = 1337;
/// Largest chain id: EIP-155's `chain_id * 2 + 36` must fit 64 bits (EIP-2294).
pub const CHAIN_ID_MAX: u64 = u64::MAX / 2 - 36;

const _: () = {
    assert!(TOTAL_POWER_MAX <= u64::MAX / 3, "two thirds are computed as 3 * power > 2 * total");
    assert!(TOTAL_POWER_MAX >= VALIDATORS_MAX as u64);
    assert!(POWER_DEFAULT >= 1);
    assert!(BLOCK_PERIOD_MS_DEFAULT <= BLOCK_PERIOD_MS_MAX);
    assert!(BLOCK_PERIOD_MS_MAX <= EMPTY_BLOCK_PERIOD_MS_MAX);
    assert!(BLOCK_PERIOD_MS_DEFAULT <= EMPTY_BLOCK_PERIOD_MS_DEFAULT);
    assert!(EMPTY_BLOCK_PERIOD_MS_DEFAULT <= EMPTY_BLOCK_PERIOD_MS_MAX);
    assert!(BLOCK_PART_BYTES < BLOCK_BODY_BYTES_MAX && BLOCK_BODY_BYTES_MAX < u32::MAX as usize);
    assert!(GAS_LIMIT_MIN <= GAS_LIMIT_DEFAULT && GAS_LIMIT_DEFAULT <= GAS_LIMIT_MAX);
    assert!(GAS_LIMIT_MIN / 100 * (100 - SYSTEM_GAS_SHARE_PERCENT_MAX) >= TRANSACTION_GAS_MAX);
    assert!(SYSTEM_GAS_SHARE_PERCENT_MIN > 0);
    assert!(SYSTEM_GAS_SHARE_PERCENT_MIN <= SYSTEM_GAS_SHARE_PERCENT_DEFAULT);
    assert!(SYSTEM_GAS_SHARE_PERCENT_DEFAULT <= SYSTEM_GAS_SHARE_PERCENT_MAX);
    assert!(BASE_FEE_MINIMUM_DEFAULT <= BASE_FEE_MAX && INITIAL_BASE_FEE <= BASE_FEE_MAX);
    assert!(BASE_FEE_ELASTICITY > 0 && BASE_FEE_MAX_CHANGE_DENOMINATOR > 0);
    assert!(BLOBS_PER_BLOCK_MAX < u64::MAX / (1 << 20), "blob gas fits 64 bits with room");
    assert!(DEV_CHAIN_ID <= CHAIN_ID_MAX);
    assert!(CALLBACK_GAS_MAX as u64 + CALLBACK_OVERHEAD_GAS < TRANSACTION_GAS_MAX);
    assert!(SYSTEM_GAS_MIN >= CALLBACK_GAS_MAX as u64 + CALLBACK_OVERHEAD_GAS + 24_000);
    assert!(SYSTEM_GAS_MIN + TRANSACTION_GAS_MAX <= GAS_LIMIT_MIN);
    assert!(GATEWAYS_MAX <= REQUEST_GATEWAYS_MAX);
    assert!(POWER_CHANGE_DIVISOR > 0 && ENACTMENT_DELAY_BLOCKS >= 2);
    assert!(PARKED_SECONDS_MIN <= PARKED_SECONDS_DEFAULT && PARKED_SECONDS_DEFAULT <= PARKED_SECONDS_MAX);
    assert!(QUOTA_GAS_MIN <= QUOTA_GAS_DEFAULT && QUOTA_GAS_DEFAULT <= QUOTA_GAS_MAX);
    assert!(CONTENT_PROOF_BYTES_MAX > CONTENT_RESULT_BYTES_MAX);
};
