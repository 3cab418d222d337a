//! Peers' scores: what they did wrong, how it is forgotten, and when it is too much.
//!
//! A score is 0 at best. Offences lower it, time brings it back, and at [`BAN_SCORE`] the peer is disconnected and not
//! let in for a while. Gossipsub keeps scores of its own for forwarding; both count.
use crate::limits;
use libp2p::PeerId;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// At this score a peer is banned.
pub const BAN_SCORE: i32 = -100;
/// Silence alone lowers a score to this and no further: it says that a way is cut, not that a peer means harm. Well above
/// the scores from which on gossip is held back: validators that were cut off must be heard as soon as the way is whole.
pub const SILENCE_SCORE_MIN: i32 = -20;
/// Time in which a score recovers by one point.
pub const RECOVERY_PER_POINT: Duration = Duration::from_secs(6);

/// What a peer did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Offence {
    /// It sent a message or answer that no honest node makes: a bad signature, a block that does not execute, bytes that
    /// do not decode.
    Invalid,
    /// It answered what was not asked, or less than it claims to have.
    UselessAnswer,
    /// It did not answer in time, or not at all.
    NoAnswer,
    /// It sends more than is allowed.
    Flood,
    /// It broke a rule of gossip: messages promised and not delivered, joining against the rules.
    GossipRules,
    /// It was caught in something that only a forger does. Banned at once.
    Forgery,
}

impl Offence {
    /// Points that it costs.
    pub const fn points(self) -> i32 {
        match self {
            Self::Invalid => 20,
            Self::UselessAnswer => 10,
            Self::NoAnswer => 5,
            Self::Flood => 2,
            Self::GossipRules => 10,
            Self::Forgery => -BAN_SCORE,
        }
    }

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::UselessAnswer => "useless-answer",
            Self::NoAnswer => "no-answer",
            Self::Flood => "flood",
            Self::GossipRules => "gossip-rules",
            Self::Forgery => "forgery",
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Score {
    points: i32,
    since: Instant,
}

impl Score {
    /// The score at `now`: time has brought it back towards 0.
    fn at(self, now: Instant) -> i32 {
        let passed = now.saturating_duration_since(self.since).as_secs() / RECOVERY_PER_POINT.as_secs().max(1);
        self.points.saturating_add(i32::try_from(passed).unwrap_or(i32::MAX)).min(0)
    }
}

/// Scores of peers, connected or not. Only those below 0 are kept, at most [`limits::REMEMBERED_SCORES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Reputation {
    scores: BTreeMap<PeerId, Score>,
}

impl Reputation {
    pub(crate) fn score(&self, peer: &PeerId, now: Instant) -> i32 {
        self.scores.get(peer).map_or(0, |score| score.at(now))
    }

    /// Lowers a score. Whether the peer is now to be banned: its score then starts anew, halfway down.
    pub(crate) fn punish(&mut self, peer: PeerId, offence: Offence, now: Instant) -> bool {
        let score = self.score(&peer, now);
        let points = score.saturating_sub(offence.points());
        let points = if offence == Offence::NoAnswer { points.max(score.min(SILENCE_SCORE_MIN)) } else { points };
        let banned = points <= BAN_SCORE;
        let points = if banned { BAN_SCORE / 2 } else { points };
        if self.scores.len() >= limits::REMEMBERED_SCORES_MAX && !self.scores.contains_key(&peer) {
            self.forget_one(now);
        }
        self.scores.insert(peer, Score { points, since: now });
        banned
    }

    /// Makes room: those that have recovered, else the one that offended least.
    fn forget_one(&mut self, now: Instant) {
        self.scores.retain(|_, score| score.at(now) < 0);
        if self.scores.len() >= limits::REMEMBERED_SCORES_MAX {
            let best = self.scores.iter().max_by_key(|(_, score)| score.at(now)).map(|(peer, _)| *peer);
            best.and_then(|peer| self.scores.remove(&peer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offences_add_up_to_a_ban_at_the_limit_and_not_before() {
        let (mut reputation, peer, now) = (Reputation::default(), PeerId::random(), Instant::now());
        for expected in [-20, -40, -60, -80] {
            assert!(!reputation.punish(peer, Offence::Invalid, now));
            assert_eq!(reputation.score(&peer, now), expected);
        }
        assert!(reputation.punish(peer, Offence::Invalid, now));
        assert_eq!(reputation.score(&peer, now), BAN_SCORE / 2, "it comes back with less credit");
        assert!(reputation.punish(PeerId::random(), Offence::Forgery, now));
    }

    #[test]
    fn silence_costs_up_to_its_limit_and_not_one_point_more() {
        let (mut reputation, peer, now) = (Reputation::default(), PeerId::random(), Instant::now());
        for expected in [-5, -10, -15, -20, -20, -20] {
            assert!(!reputation.punish(peer, Offence::NoAnswer, now));
            assert_eq!(reputation.score(&peer, now), expected);
        }
        reputation.punish(peer, Offence::Flood, now);
        reputation.punish(peer, Offence::NoAnswer, now);
        assert_eq!(reputation.score(&peer, now), -22, "what it did otherwise still counts, and is not made good");
        let later = now + RECOVERY_PER_POINT * 4;
        reputation.punish(peer, Offence::NoAnswer, later);
        assert_eq!(reputation.score(&peer, later), -20);
    }

    #[test]
    fn time_brings_a_score_back_to_zero_and_no_further() {
        let (mut reputation, peer, now) = (Reputation::default(), PeerId::random(), Instant::now());
        reputation.punish(peer, Offence::Invalid, now);
        assert_eq!(reputation.score(&peer, now + RECOVERY_PER_POINT * 5), -15);
        assert_eq!(reputation.score(&peer, now + RECOVERY_PER_POINT * 500), 0);
    }

    #[test]
    fn no_more_than_the_limit_of_scores_is_remembered() {
        let (mut reputation, now) = (Reputation::default(), Instant::now());
        let worst = PeerId::random();
        reputation.punish(worst, Offence::Invalid, now);
        for _ in 0..limits::REMEMBERED_SCORES_MAX {
            reputation.punish(PeerId::random(), Offence::Flood, now);
        }
        assert_eq!(reputation.scores.len(), limits::REMEMBERED_SCORES_MAX);
        assert_eq!(reputation.score(&worst, now), -20, "small offences are forgotten first");
    }
}
