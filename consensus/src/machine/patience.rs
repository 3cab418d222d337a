//! How many messages of no use a peer may bring.
//!
//! Messages are forwarded without the name of who made them, so a correct peer may bring what this node has no use for: votes
//! of a height that has just ended, and those of a validator that tells everybody something else. Both are bounded by what
//! correct nodes pass on: of each validator a few dozen votes, each again after a while. Whoever brings more makes it.
use crate::PeerId;
use std::collections::BTreeMap;

/// Messages of no use that one peer may bring in a second for each validator of the set, and as many at once. A liar
/// can have a correct peer pass on 22 of its votes (both kinds, eleven rounds) at seven times a second, and fewer than a third
/// are liars; what is late is a handful for each validator and block.
pub(crate) const USELESS_PER_VALIDATOR_S: u64 = 200;
/// Peers that are watched: those that brought nothing for a second are forgotten first.
pub(crate) const WATCHED_PEERS_MAX: usize = 1_024;

const MILLI: u64 = 1_000;

/// What is left of a peer's share, in thousandths of a message, at a time.
#[derive(Debug, Clone, Copy)]
struct Left {
    milli: u64,
    at_ms: u64,
}

/// Shares of all peers that brought something of no use lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience(BTreeMap<PeerId, Left>);

impl Patience {
    /// Takes note of a message of no use. `false`: it is more than a correct peer brings.
    pub(super) fn bear(&mut self, peer: &PeerId, now_ms: u64, validators: usize) -> bool {
        // A message's thousandths a millisecond are messages a second.
        let per_ms = USELESS_PER_VALIDATOR_S.saturating_mul(validators as u64);
        let most = per_ms.saturating_mul(MILLI);
        let at = |left: &Left| {
            let gained = now_ms.saturating_sub(left.at_ms).saturating_mul(per_ms);
            left.milli.saturating_add(gained).min(most)
        };
        if self.0.len() >= WATCHED_PEERS_MAX && !self.0.contains_key(peer) {
            self.0.retain(|_, left| at(left) < most);
            if self.0.len() >= WATCHED_PEERS_MAX {
                self.0.pop_first();
            }
        }
        let left = self.0.get(peer).map_or(most, at);
        let is_borne = left >= MILLI;
        let milli = if is_borne { left.saturating_sub(MILLI) } else { left };
        self.0.insert(peer.clone(), Left { milli, at_ms: now_ms });
        is_borne
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: usize) -> PeerId {
        PeerId::new(number.to_be_bytes().to_vec())
    }

    #[test]
    fn a_second_of_the_rate_is_borne_at_once_and_one_more_is_not() {
        let mut patience = Patience::default();
        let share = USELESS_PER_VALIDATOR_S * 4;
        for _ in 0..share {
            assert!(patience.bear(&peer(0), 5_000, 4));
        }
        assert!(!patience.bear(&peer(0), 5_000, 4));
        assert!(patience.bear(&peer(1), 5_000, 4), "each peer has its own");
        let later_ms = 5_010;
        for _ in 0..share / 100 {
            assert!(patience.bear(&peer(0), later_ms, 4), "time gives it back");
        }
        assert!(!patience.bear(&peer(0), later_ms, 4));
    }

    #[test]
    fn no_more_peers_are_watched_than_the_limit_and_the_quiet_ones_go_first() {
        let mut patience = Patience::default();
        for number in 0..WATCHED_PEERS_MAX {
            patience.bear(&peer(number), 0, 1);
        }
        assert_eq!(patience.0.len(), WATCHED_PEERS_MAX);
        patience.bear(&peer(0), 1_000, 1);
        patience.bear(&peer(WATCHED_PEERS_MAX), 1_000, 1);
        assert_eq!(patience.0.len(), 2, "all but one have been quiet");
        for number in 0..WATCHED_PEERS_MAX + 1 {
            patience.bear(&peer(number), 1_000, 1);
        }
        assert_eq!(patience.0.len(), WATCHED_PEERS_MAX);
    }
}
