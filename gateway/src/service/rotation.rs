//! Whose turn it is: pure functions of a request, its gateways and block time, so that gateways agree without talking.
use super::limits::{WINDOW_JITTER_PARTS, WINDOW_SECONDS, WINDOW_SECONDS_MAX};
use alloy_primitives::{Address, B256, U256, keccak256};

/// A window of block time, in which one gateway may try to carry a request out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Counts from 0; the attempt in it is the next number.
    pub(crate) index: u32,
    /// First second of it, unix.
    pub(crate) begins: u64,
    /// First second after it, unix.
    pub(crate) ends: u64,
}

impl Window {
    /// The window of a request at a time; `None` before the first begins and after the last of `attempts` ended.
    ///
    /// The first begins with the request. Each is twice as long as the one before it, up to a limit, and from the second on a
    /// part of a window later, by the request's id.
    pub(crate) fn at(request: U256, created: u64, attempts: u8, now: u64) -> Option<Self> {
        let mut begins = created;
        for index in 0..u32::from(attempts) {
            let length = length(index);
            let next = next_length(index, attempts).map(|next| jitter(request, index, next)).unwrap_or_default();
            let ends = begins.saturating_add(length).saturating_add(next);
            if (begins..ends).contains(&now) {
                return Some(Self { index, begins, ends });
            }
            begins = ends;
        }
        None
    }

    /// Number of the attempt in it, from 1.
    pub(crate) fn attempt(self) -> u32 {
        self.index.saturating_add(1)
    }
}

fn length(index: u32) -> u64 {
    WINDOW_SECONDS.saturating_mul(1u64.checked_shl(index).unwrap_or(u64::MAX)).min(WINDOW_SECONDS_MAX)
}

fn next_length(index: u32, attempts: u8) -> Option<u64> {
    let next = index.saturating_add(1);
    (next < u32::from(attempts)).then(|| length(next))
}

/// Seconds that a window begins later.
fn jitter(request: U256, index: u32, length: u64) -> u64 {
    let parts = length.checked_div(WINDOW_JITTER_PARTS).unwrap_or_default();
    let word = hash(request, index, None);
    let number = u64::from_be_bytes(word.first_chunk().copied().unwrap_or_default());
    number.checked_rem(parts.saturating_add(1)).unwrap_or_default()
}

fn hash(request: U256, index: u32, gateway: Option<Address>) -> B256 {
    let mut bytes = Vec::with_capacity(56);
    bytes.extend_from_slice(&request.to_be_bytes::<32>());
    bytes.extend_from_slice(&index.to_be_bytes());
    if let Some(gateway) = gateway {
        bytes.extend_from_slice(gateway.as_slice());
    }
    keccak256(bytes)
}

/// The gateways of a request in the order of their turns for an attempt (rendezvous hashing, Thaler and Ravishankar 1996: the
/// order of the others does not change when one is missing).
pub(crate) fn order(request: U256, attempt: u32, gateways: &[Address]) -> Vec<Address> {
    let mut order = gateways.to_vec();
    order.sort_by_cached_key(|gateway| std::cmp::Reverse(hash(request, attempt, Some(*gateway))));
    order
}

/// A gateway's place in the order of an attempt, from 0.
pub(crate) fn place(request: U256, attempt: u32, gateways: &[Address], gateway: Address) -> Option<u32> {
    let place = order(request, attempt, gateways).iter().position(|other| *other == gateway)?;
    u32::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn gateways(count: u8) -> Vec<Address> {
        (1..=count).map(Address::repeat_byte).collect()
    }

    #[test]
    fn windows_follow_each_other_without_gaps_and_end_after_the_last_attempt() {
        for id in 1..50u64 {
            let (id, created) = (U256::from(id), 1_000);
            let (mut now, mut indices) = (created, Vec::new());
            while let Some(window) = Window::at(id, created, 16, now) {
                assert_eq!(window.begins, now, "no gap before window {}", window.index);
                assert!(window.ends - window.begins >= WINDOW_SECONDS);
                assert_eq!(Window::at(id, created, 16, window.ends - 1), Some(window));
                indices.push(window.index);
                now = window.ends;
            }
            assert_eq!(indices, (0..16).collect::<Vec<_>>());
            assert_eq!(Window::at(id, created, 16, created - 1), None);
        }
    }

    #[test]
    fn the_first_window_begins_with_the_request_and_later_ones_are_longer() {
        let window = |now| Window::at(U256::from(7), 100, 4, now);
        assert_eq!(window(100).unwrap().begins, 100);
        let lengths: Vec<_> = std::iter::successors(window(100), |one| window(one.ends)).collect();
        assert_eq!(lengths.len(), 4);
        assert!(lengths.windows(2).all(|pair| pair[1].ends - pair[1].begins > pair[0].ends - pair[0].begins - 8));
    }

    #[test]
    fn turns_are_shared_evenly_and_move_with_the_attempt() {
        let all = gateways(4);
        let mut firsts = BTreeMap::<Address, u32>::new();
        for id in 0..1_000u64 {
            let order = order(U256::from(id), 1, &all);
            *firsts.entry(order[0]).or_default() += 1;
        }
        assert!(firsts.len() == 4 && firsts.values().all(|count| (200..300).contains(count)), "{firsts:?}");
        let moved = (0..1_000u64).filter(|id| {
            let id = U256::from(*id);
            order(id, 1, &all)[0] != order(id, 2, &all)[0]
        });
        assert!(moved.count() > 650);
    }

    #[test]
    fn the_order_of_the_others_does_not_depend_on_who_is_missing_or_named_first() {
        let (id, all) = (U256::from(3), gateways(7));
        let order_of_all = order(id, 1, &all);
        let mut reversed = all.clone();
        reversed.reverse();
        assert_eq!(order(id, 1, &reversed), order_of_all);
        for missing in &all {
            let rest: Vec<_> = all.iter().copied().filter(|one| one != missing).collect();
            let expected: Vec<_> = order_of_all.iter().copied().filter(|one| one != missing).collect();
            assert_eq!(order(id, 1, &rest), expected);
        }
        assert_eq!(place(id, 1, &all, Address::ZERO), None);
    }
}
