//! [`Early`]: answers that came before the block with their request. Gateways hear of a block at different moments, so that
//! this is common; what a request is about is not known yet, nor who may answer it.
//!
//! Each gateway of the chain has a share of its own, which only what it signed can fill. Everybody else, gateways that only
//! a thing's owner has named among them, has one share in common.
use super::size;
use alloy_primitives::{Address, U256};
use pervade_gateway::service::Word;
use std::collections::BTreeMap;

/// Early answers of a share: requests of a few blocks.
pub(super) const SHARE_ANSWERS_MAX: usize = 256;
/// Bytes of a share: 20 of the largest results. All gateways that a chain may have fill 32 MiB.
pub(super) const SHARE_BYTES_MAX: usize = 512 << 10;

/// Answers whose requests are not there yet.
#[derive(Default)]
pub(super) struct Early {
    /// By gateway of the chain; `None` for everybody else.
    shares: BTreeMap<Option<Address>, Share>,
}

#[derive(Default)]
struct Share {
    /// The latest of each signer, by request.
    answers: BTreeMap<(U256, Address), Word>,
    bytes: usize,
}

impl Early {
    /// Keeps an answer of `signer`. `gateways` are those of the chain now.
    pub(super) fn put(&mut self, signer: Address, gateways: &[Address], word: Word) {
        self.shares.retain(|owner, _| owner.is_none_or(|owner| gateways.contains(&owner)));
        let owner = Some(signer).filter(|signer| gateways.contains(signer));
        self.shares.entry(owner).or_default().put(signer, word);
    }

    /// Takes all of them out.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Word> + use<> {
        std::mem::take(&mut self.shares).into_values().flat_map(|share| share.answers.into_values())
    }
}

impl Share {
    fn put(&mut self, signer: Address, word: Word) {
        self.bytes += size(&word);
        if let Some(before) = self.answers.insert((word.request, signer), word) {
            self.bytes -= size(&before);
        }
        // Requests are numbered as they come: the ones furthest ahead are the least likely to come soon.
        while (self.answers.len() > SHARE_ANSWERS_MAX || self.bytes > SHARE_BYTES_MAX)
            && let Some((_, furthest)) = self.answers.pop_last()
        {
            self.bytes -= size(&furthest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{ANSWER_OVERHEAD_BYTES, tests::word};

    const GATEWAYS: [Address; 2] = [Address::repeat_byte(1), Address::repeat_byte(2)];
    const STRANGER: Address = Address::repeat_byte(9);

    fn requests(early: &mut Early) -> Vec<u64> {
        early.take().map(|word| word.request.to()).collect()
    }

    #[test]
    fn neither_strangers_nor_other_gateways_push_out_what_a_gateway_said() {
        let mut early = Early::default();
        early.put(GATEWAYS[0], &GATEWAYS, word(7, 1, 10));
        for request in 0..3 * SHARE_ANSWERS_MAX as u64 {
            early.put(STRANGER, &GATEWAYS, word(request, 1, 10));
            early.put(GATEWAYS[1], &GATEWAYS, word(request, 1, 10));
        }
        let of_first = &early.shares[&Some(GATEWAYS[0])];
        assert_eq!((of_first.answers.len(), of_first.bytes), (1, 10 + ANSWER_OVERHEAD_BYTES));
        assert_eq!(requests(&mut early).len(), 1 + 2 * SHARE_ANSWERS_MAX);
        assert!(requests(&mut early).is_empty(), "they were taken");
    }

    #[test]
    fn a_share_holds_so_many_answers_and_those_furthest_ahead_go_first() {
        let mut early = Early::default();
        let limit = SHARE_ANSWERS_MAX as u64;
        for request in 1..=limit {
            early.put(STRANGER, &GATEWAYS, word(request * 10, 1, 0));
        }
        early.put(STRANGER, &GATEWAYS, word(limit * 10 + 1, 1, 0));
        assert_eq!(early.shares[&None].answers.len(), SHARE_ANSWERS_MAX);
        early.put(STRANGER, &GATEWAYS, word(5, 1, 0));
        let kept = requests(&mut early);
        assert_eq!((kept.len(), kept[0], kept.last()), (SHARE_ANSWERS_MAX, 5, Some(&((limit - 1) * 10))));
    }

    #[test]
    fn a_share_holds_so_many_bytes() {
        let mut early = Early::default();
        let half = SHARE_BYTES_MAX / 2 - ANSWER_OVERHEAD_BYTES;
        early.put(GATEWAYS[0], &GATEWAYS, word(1, 1, half));
        early.put(GATEWAYS[0], &GATEWAYS, word(2, 1, half));
        assert_eq!(early.shares[&Some(GATEWAYS[0])].bytes, SHARE_BYTES_MAX);
        early.put(GATEWAYS[0], &GATEWAYS, word(2, 2, half + 1));
        assert_eq!(requests(&mut early), [1], "one byte past the limit");
    }

    #[test]
    fn who_is_no_gateway_any_more_has_no_share() {
        let mut early = Early::default();
        early.put(GATEWAYS[0], &GATEWAYS, word(1, 1, 0));
        early.put(GATEWAYS[1], &GATEWAYS[1..], word(2, 1, 0));
        assert_eq!(requests(&mut early), [2]);
    }
}
