//! The file of the signing record.
//!
//! Four slots, each at a multiple of 4,096 bytes so that no two share a sector. Generation `n` is written to both slots of
//! pair `n % 2` (slots 0 and 1, or 2 and 3), then the file is synced. A torn write spoils at most the pair being written,
//! whose signature has not left; the other pair holds the generation before. One bad sector spoils at most one slot of a
//! pair, and its twin has the same. A slot, integers big-endian:
//!
//! ```text
//! offset  bytes  content
//! 0       8      "PVSIGN01"
//! 8       8      generation, from 1
//! 16      32     owner: keccak256(chain id, 8 bytes; genesis hash; public key, 33 bytes)
//! 48      8      height
//! 56      4      round
//! 60      1      step: 0 nothing, 1 proposal, 2 prevote, 3 precommit
//! 61      32     block hash; zero: none
//! 93      32     digest that was signed
//! 125     65     signature
//! 190     4      locked round + 1; 0: no lock
//! 194     32     locked block hash
//! 226     4      valid round + 1; 0: none
//! 230     32     valid block hash
//! 262     4      records of the log that must be there
//! 266     8      nothing is signed up to this height
//! 274     32     keccak256 of bytes 0 to 274
//! ```
use super::{BlockAtRound, SignedStep, SigningState};
use crate::{
    error::ConsensusError,
    files::{FileStore, file_error},
    signing::{ChainIdentity, PublicKey, Signature},
};
use alloy_primitives::{B256, keccak256};

/// Name of the file.
pub const RECORD_FILE: &str = "signed";
/// Its name while it is made: a record that the power went from before its first sync has signed nothing, and must not be
/// taken for a damaged one.
const UNFINISHED_FILE: &str = "signed.new";
/// Bytes of a slot that are used.
pub const SLOT_BYTES: usize = 306;
/// Distance of slots, bytes: the largest sector of disks in use.
pub const SLOT_SPACING: u64 = 4096;

const MAGIC: &[u8; 8] = b"PVSIGN01";
const CHECKED_BYTES: usize = SLOT_BYTES - 32;
const SLOTS_PER_PAIR: u64 = 2;
const PAIRS: u64 = 2;

/// The open record file: knows which pair comes next.
#[derive(Debug, Clone)]
pub struct RecordFile {
    owner: B256,
    generation: u64,
}

impl RecordFile {
    /// Starts a record that has signed nothing. What was there before is gone.
    ///
    /// # Errors
    /// [`ConsensusError::File`].
    pub fn create(
        store: &mut dyn FileStore,
        chain: &ChainIdentity,
        key: &PublicKey,
        state: &SigningState,
    ) -> Result<Self, ConsensusError> {
        let mut file = Self { owner: owner(chain, key), generation: 0 };
        // Both pairs, so that either alone tells that there is a record.
        file.write_to(store, UNFINISHED_FILE, state)?;
        file.write_to(store, UNFINISHED_FILE, state)?;
        store.rename(UNFINISHED_FILE, RECORD_FILE).map_err(file_error(RECORD_FILE, "make"))?;
        Ok(file)
    }

    /// Reads the newest intact slot. `None` if there is no file.
    ///
    /// # Errors
    /// [`ConsensusError::SigningRecordDamaged`] if no slot is intact, [`ConsensusError::SigningRecordForeign`] if it is
    /// another key's or another chain's, [`ConsensusError::File`].
    pub fn open(
        store: &mut dyn FileStore,
        chain: &ChainIdentity,
        key: &PublicKey,
    ) -> Result<Option<(Self, SigningState)>, ConsensusError> {
        let Some(bytes) = store.read(RECORD_FILE).map_err(file_error(RECORD_FILE, "read"))? else { return Ok(None) };
        let expected = owner(chain, key);
        let mut newest: Option<(u64, B256, SigningState)> = None;
        for slot in bytes.chunks(SLOT_SPACING as usize) {
            let Some(found) = decode_slot(slot) else { continue };
            if newest.as_ref().is_none_or(|(generation, ..)| found.0 > *generation) {
                newest = Some(found);
            }
        }
        let Some((generation, found, state)) = newest else {
            return Err(ConsensusError::SigningRecordDamaged { file: RECORD_FILE });
        };
        if found != expected {
            return Err(ConsensusError::SigningRecordForeign { file: RECORD_FILE, found, expected });
        }
        Ok(Some((Self { owner: expected, generation }, state)))
    }

    /// Writes the next generation and syncs it.
    ///
    /// # Errors
    /// [`ConsensusError::File`]: nothing may be signed after that.
    pub fn write(&mut self, store: &mut dyn FileStore, state: &SigningState) -> Result<(), ConsensusError> {
        self.write_to(store, RECORD_FILE, state)
    }

    fn write_to(&mut self, store: &mut dyn FileStore, name: &str, state: &SigningState) -> Result<(), ConsensusError> {
        let generation = self.generation.saturating_add(1);
        let slot = encode_slot(generation, self.owner, state);
        let first = generation.checked_rem(PAIRS).unwrap_or(0).saturating_mul(SLOTS_PER_PAIR);
        for index in first..first.saturating_add(SLOTS_PER_PAIR) {
            let offset = index.saturating_mul(SLOT_SPACING);
            store.write(name, offset, &slot).map_err(file_error(name, "write"))?;
        }
        store.sync(name).map_err(file_error(name, "sync"))?;
        self.generation = generation;
        Ok(())
    }
}

fn owner(chain: &ChainIdentity, key: &PublicKey) -> B256 {
    keccak256([&chain.chain_id.to_be_bytes()[..], chain.genesis_hash.as_slice(), key.as_slice()].concat())
}

fn encode_slot(generation: u64, owner: B256, state: &SigningState) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(generation.to_be_bytes());
    bytes.extend(owner);
    bytes.extend(state.height.to_be_bytes());
    bytes.extend(state.round.to_be_bytes());
    bytes.push(state.step as u8);
    bytes.extend(state.block_hash);
    bytes.extend(state.digest);
    bytes.extend(state.signature);
    for block in [state.locked, state.valid] {
        bytes.extend(block.map_or(0, |block| block.round.saturating_add(1)).to_be_bytes());
        bytes.extend(block.map_or(B256::ZERO, |block| block.block_hash));
    }
    bytes.extend(state.log_records.to_be_bytes());
    bytes.extend(state.silent_through.to_be_bytes());
    let checksum = keccak256(&bytes);
    bytes.extend(checksum);
    bytes
}

/// Generation, owner and content of an intact slot.
fn decode_slot(slot: &[u8]) -> Option<(u64, B256, SigningState)> {
    let checked = slot.get(..CHECKED_BYTES)?;
    if slot.get(CHECKED_BYTES..SLOT_BYTES)? != keccak256(checked).as_slice() {
        return None;
    }
    let mut fields = Fields(checked);
    if fields.take::<8>()? != *MAGIC {
        return None;
    }
    let generation = u64::from_be_bytes(fields.take()?);
    let owner = B256::from(fields.take::<32>()?);
    let state = SigningState {
        height: u64::from_be_bytes(fields.take()?),
        round: u32::from_be_bytes(fields.take()?),
        step: SignedStep::from_byte(u8::from_be_bytes(fields.take()?))?,
        block_hash: B256::from(fields.take::<32>()?),
        digest: B256::from(fields.take::<32>()?),
        signature: Signature::from(fields.take::<65>()?),
        locked: fields.take_block()?,
        valid: fields.take_block()?,
        log_records: u32::from_be_bytes(fields.take()?),
        silent_through: u64::from_be_bytes(fields.take()?),
    };
    Some((generation, owner, state))
}

/// Bytes that are taken from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn take_block(&mut self) -> Option<Option<BlockAtRound>> {
        let round = u32::from_be_bytes(self.take()?).checked_sub(1);
        let block_hash = B256::from(self.take::<32>()?);
        Some(round.map(|round| BlockAtRound { round, block_hash }))
    }
}
