use super::*;
use crate::service::chain::Agreement;
use alloy_primitives::{B256, U64, U256};
use alloy_signer_local::PrivateKeySigner;
use std::time::Duration;

const CREATED: u64 = 1_000;

fn keys(count: u8) -> Vec<PrivateKeySigner> {
    (1..=count).map(|number| PrivateKeySigner::from_bytes(&B256::repeat_byte(number)).unwrap()).collect()
}

fn request(agreement: Agreement, max_attempts: u8, gateways: &[PrivateKeySigner]) -> Request {
    Request {
        request_id: U256::from(11),
        thing: B256::ZERO,
        operation: RequestOperation::ReadProperty,
        affordance: "cost".into(),
        input: Bytes::new(),
        mapping_id: B256::ZERO,
        agreement,
        created: U64::from(CREATED),
        deadline: U64::from(CREATED + 10_000),
        max_attempts,
        max_result_bytes: 1_024,
        status: "pending".into(),
        gateways: gateways.iter().map(PrivateKeySigner::address).collect(),
        provider: None,
        content: None,
    }
}

/// All gateways of one request, in one time.
struct World {
    keys: Vec<PrivateKeySigner>,
    jobs: Vec<Job>,
    start: Instant,
}

impl World {
    fn new(agreement: Agreement, max_attempts: u8, gateways: u8) -> Self {
        let keys = keys(gateways);
        let request = request(agreement, max_attempts, &keys);
        let jobs = keys.iter().map(|key| Job::new(request.clone(), key.address())).collect();
        Self { keys, jobs, start: Instant::now() }
    }

    fn moment(&self, seconds: u64) -> Moment {
        Moment { chain: CREATED + seconds, own: self.start + Duration::from_secs(seconds) }
    }

    /// What every gateway does at a time.
    fn actions(&mut self, seconds: u64) -> Vec<Vec<Action>> {
        let now = self.moment(seconds);
        self.jobs.iter_mut().map(|job| job.actions(now, true)).collect()
    }

    fn end(&mut self, gateway: usize, attempt: u32, outcome: &Outcome) {
        let (key, id) = (self.keys[gateway].clone(), self.jobs[gateway].request.request_id);
        self.jobs[gateway].attempt_done(attempt, outcome, |code, result| {
            Word::sign(&key, 1, (id, attempt), (code, result), u64::from(attempt))
        });
    }

    fn tell_all(&mut self, from: usize, word: &Word) {
        let gateway = self.keys[from].address();
        for (index, job) in self.jobs.iter_mut().enumerate() {
            if index != from {
                job.hear(gateway, word.clone());
            }
        }
    }

    /// What the gateways say at a time reaches all of them.
    fn all_speak(&mut self, seconds: u64) {
        for (from, actions) in self.actions(seconds).into_iter().enumerate() {
            for action in actions {
                if let Action::Speak(word) = action {
                    self.tell_all(from, &word);
                }
            }
        }
    }

    /// The gateways that try, and with which attempt.
    fn tries(&mut self, seconds: u64) -> Vec<(usize, u32)> {
        let actions = self.actions(seconds);
        let attempt = |action: &Action| if let Action::Attempt(number) = action { Some(*number) } else { None };
        let of = |(index, actions): (usize, &Vec<Action>)| Some((index, actions.iter().find_map(attempt)?));
        actions.iter().enumerate().filter_map(of).collect()
    }
}

fn result(bytes: &'static [u8]) -> Outcome {
    Outcome { code: 0, result: Bytes::from_static(bytes), evidence: None, transient: false, reason: String::new() }
}

fn offline() -> Outcome {
    Outcome { code: 2, result: Bytes::new(), evidence: None, transient: true, reason: "nobody there".into() }
}

fn reports(actions: &[Vec<Action>]) -> Vec<(usize, u16)> {
    let code = |action: &Action| if let Action::Report(report) = action { Some(report.code) } else { None };
    let of = |(index, actions): (usize, &Vec<Action>)| Some((index, actions.iter().find_map(code)?));
    actions.iter().enumerate().filter_map(of).collect()
}

#[test]
fn one_gateway_carries_a_command_out_and_another_one_in_the_next_window() {
    let mut world = World::new(Agreement::Gateway, 3, 4);
    let first = world.tries(0);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0].1, 1);
    assert!(world.tries(1).is_empty(), "nobody tries twice in a window");
    let mut later: Vec<_> = (2..200).flat_map(|seconds| world.tries(seconds)).collect();
    // The first one is dead: it never tells what became of its attempt, and begins no other.
    later.retain(|(gateway, _)| *gateway != first[0].0);
    assert!(later.iter().all(|(_, attempt)| matches!(attempt, 2 | 3)), "{later:?}");
    assert!(!later.is_empty());
}

#[test]
fn no_attempt_begins_that_would_run_into_anothers_window() {
    let mut world = World::new(Agreement::Gateway, 3, 4);
    let late = WINDOW_SECONDS - WINDOW_SECONDS_LEFT_MIN + 8;
    assert!(late < WINDOW_SECONDS + 8);
    let window = Window::at(U256::from(11), CREATED, 3, CREATED).unwrap();
    let last_start = window.ends - CREATED - WINDOW_SECONDS_LEFT_MIN;
    assert!(world.tries(last_start + 1).is_empty());
    assert_eq!(world.tries(last_start).len(), 1);
}

#[test]
fn who_carried_it_out_reports_and_another_takes_over_on_silence() {
    let mut world = World::new(Agreement::Gateway, 3, 4);
    let (executor, attempt) = world.tries(0)[0];
    world.end(executor, attempt, &result(b"done"));
    let mut actions = world.actions(1);
    assert_eq!(reports(&actions), [(executor, 0)]);
    let Action::Speak(word) = actions[executor].remove(0) else { panic!("it tells the others first") };
    world.tell_all(executor, &word);
    assert!(reports(&world.actions(2)).is_empty());
    let later: Vec<_> = (3..10).flat_map(|seconds| reports(&world.actions(seconds))).collect();
    assert_eq!(later.len(), 1, "the next in rotation, once: {later:?}");
    assert_ne!(later[0].0, executor);
}

#[test]
fn all_gateways_fetch_what_must_be_identical_and_one_reports() {
    let mut world = World::new(Agreement::Identical, 1, 4);
    assert_eq!(world.tries(0), [(0, 1), (1, 1), (2, 1), (3, 1)]);
    for gateway in 0..3 {
        world.end(gateway, 1, &result(b"42"));
    }
    let spoken = world.actions(1);
    assert!(reports(&spoken).is_empty(), "nobody knows of the others yet");
    for (from, actions) in spoken.iter().enumerate().take(3) {
        let Action::Speak(word) = &actions[0] else { panic!("{actions:?}") };
        world.tell_all(from, word);
    }
    let all: Vec<_> = (1..4).flat_map(|seconds| reports(&world.actions(seconds))).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].1, 0);
}

#[test]
fn disagreement_is_reported_as_soon_as_one_attempt_shows_it() {
    for attempts in [1, 2, 16] {
        let mut world = World::new(Agreement::Identical, attempts, 4);
        world.tries(0);
        for (gateway, bytes) in [&b"42"[..], b"42", b"lie", b"another"].into_iter().enumerate() {
            world.end(gateway, 1, &result(bytes));
        }
        world.all_speak(1);
        let codes: Vec<_> = (1..4).flat_map(|seconds| reports(&world.actions(seconds))).collect();
        assert!(matches!(codes.as_slice(), [(_, 6)]), "{attempts} attempts: {codes:?}");
    }
}

#[test]
fn words_of_different_attempts_are_no_disagreement_until_none_is_left() {
    let mut world = World::new(Agreement::Identical, 2, 4);
    world.tries(0);
    for (gateway, bytes) in [&b"old"[..], b"old"].into_iter().enumerate() {
        world.end(gateway, 1, &result(bytes));
    }
    for gateway in [2, 3] {
        world.end(gateway, 1, &offline());
    }
    world.all_speak(1);
    let second = (WINDOW_SECONDS..60).find(|seconds| !world.tries(*seconds).is_empty()).unwrap();
    for gateway in [2, 3] {
        world.end(gateway, 2, &result(b"new"));
    }
    world.all_speak(second + 1);
    assert!(reports(&world.actions(second + 2)).is_empty(), "the first two have not asked again yet");
    for gateway in [0, 1] {
        world.end(gateway, 2, &result(b"new"));
    }
    let said: Vec<_> = (second + 3..second + 13).flat_map(|seconds| reports(&world.actions(seconds))).collect();
    assert!(!said.is_empty() && said.iter().all(|(_, code)| *code == 0), "{said:?}");
}

#[test]
fn an_offline_thing_is_taken_into_custody_once_and_asked_again_later() {
    let mut world = World::new(Agreement::Gateway, 4, 1);
    assert_eq!(world.tries(0), [(0, 1)]);
    world.end(0, 1, &offline());
    assert_eq!(world.actions(1), [vec![Action::Custody]]);
    assert_eq!(world.actions(2), [vec![]]);
    let again = (3..40).flat_map(|seconds| world.tries(seconds)).next();
    assert_eq!(again, Some((0, 2)));
    world.end(0, 2, &result(b"back"));
    assert_eq!(reports(&world.actions(40)), [(0, 0)]);
}

#[test]
fn the_last_attempt_reports_whatever_it_came_to() {
    let mut world = World::new(Agreement::Gateway, 1, 1);
    assert_eq!(world.tries(0), [(0, 1)]);
    world.end(0, 1, &offline());
    assert_eq!(reports(&world.actions(1)), [(0, 2)]);
}

#[test]
fn what_only_this_gateway_may_not_do_is_left_to_another() {
    let not_allowed = Outcome { code: 7, transient: false, ..offline() };
    let mut world = World::new(Agreement::Gateway, 3, 4);
    let (executor, _) = world.tries(0)[0];
    world.end(executor, 1, &not_allowed);
    assert!(reports(&world.actions(1)).is_empty());
    let mut alone = World::new(Agreement::Gateway, 3, 1);
    alone.tries(0);
    alone.end(0, 1, &not_allowed);
    assert_eq!(reports(&alone.actions(1)), [(0, 7)]);
}

#[test]
fn what_the_thing_signs_is_reported_without_a_gateways_word() {
    let mut world = World::new(Agreement::Device, 2, 1);
    world.tries(0);
    let signature = Bytes::from_static(&[1; 64]);
    let evidence = Some(Evidence::SignedByThing { observed_at_ms: 5, signature });
    world.end(0, 1, &Outcome { evidence, ..result(b"42") });
    let actions = world.actions(1);
    assert_eq!(reports(&actions), [(0, 0)]);
    assert!(!actions[0].iter().any(|action| matches!(action, Action::Speak(_))));
}

#[test]
fn what_a_thing_which_signs_says_of_its_own_failure_is_reported_too() {
    let mut world = World::new(Agreement::Device, 2, 4);
    let (executor, _) = world.tries(0)[0];
    let evidence = Some(Evidence::SignedByThing { observed_at_ms: 5, signature: Bytes::from_static(&[1; 64]) });
    world.end(executor, 1, &Outcome { evidence, code: 3, ..result(b"") });
    assert_eq!(reports(&world.actions(1)), [(executor, 3)]);
}

#[test]
fn the_failure_of_a_thing_which_signs_is_confirmed_by_the_others_and_reported_by_one() {
    for agreement in [Agreement::Device, Agreement::Attested] {
        let mut world = World::new(agreement, 1, 4);
        let (first, _) = world.tries(0)[0];
        world.end(first, 1, &offline());
        world.all_speak(1);
        let others = world.tries(2);
        assert_eq!(others.len(), 3, "{others:?}");
        for (gateway, attempt) in &others {
            world.end(*gateway, *attempt, &Outcome { code: 1, ..offline() });
        }
        world.all_speak(3);
        let said: Vec<_> = (3..7).flat_map(|seconds| reports(&world.actions(seconds))).collect();
        assert!(matches!(said.as_slice(), [(_, 1)]), "{agreement:?}: {said:?}");
    }
}

#[test]
fn a_lone_gateway_says_at_once_that_a_thing_which_signs_answers_nonsense() {
    let mut world = World::new(Agreement::Device, 2, 1);
    world.tries(0);
    world.end(0, 1, &Outcome { code: 4, transient: false, ..offline() });
    assert_eq!(reports(&world.actions(1)), [(0, 4)]);
}

#[test]
fn commands_to_a_thing_which_signs_are_left_to_those_whose_turn_it_is() {
    let mut world = World::new(Agreement::Device, 1, 4);
    for job in &mut world.jobs {
        job.request.operation = RequestOperation::InvokeAction;
    }
    let (first, _) = world.tries(0)[0];
    world.end(first, 1, &offline());
    world.all_speak(1);
    assert!((2..60).all(|seconds| world.tries(seconds).is_empty()));
    assert!((2..60).all(|seconds| reports(&world.actions(seconds)).is_empty()), "one word of four says nothing");
}

#[test]
fn a_lost_attempt_is_made_again_in_the_same_window() {
    let mut world = World::new(Agreement::Gateway, 1, 1);
    assert_eq!(world.tries(0), [(0, 1)]);
    world.jobs[0].attempt_lost();
    assert_eq!(world.tries(1), [(0, 1)]);
}

#[test]
fn words_of_strangers_of_impossible_attempts_and_old_ones_do_not_count() {
    let mut world = World::new(Agreement::Gateway, 2, 2);
    let stranger = PrivateKeySigner::from_bytes(&B256::repeat_byte(9)).unwrap();
    let word = |key: &PrivateKeySigner, attempt, bytes: &'static [u8]| {
        Word::sign(key, 1, (U256::from(11), attempt), (0, Bytes::from_static(bytes)), 7).unwrap()
    };
    let (own, other) = (world.keys[0].clone(), world.keys[1].clone());
    let job = &mut world.jobs[0];
    job.hear(stranger.address(), word(&stranger, 1, b"x"));
    job.hear(other.address(), word(&other, 3, b"x"));
    assert!(job.words.is_empty());
    job.hear(other.address(), word(&other, 2, b"new"));
    job.hear(other.address(), word(&other, 1, b"old"));
    assert_eq!(job.words[&other.address()].result, Bytes::from_static(b"new"));
    assert!(!job.words.contains_key(&own.address()));
}
