//! Random lives of requests against a plain model: every status, every transition, every wei.
//!
//! ```text
//! Pending ──queue──► Queued        Pending, Queued ──report──► Settled | Failed (no onFailure)
//! Pending, Queued ──cancel──► Cancelled      ──deadline──► Expired, then its callback
//! Settled ──callback──► Fulfilled | Failed | Parked ──resume──► Settled      Parked ──7 days──► Expired
//! ```
use super::{
    CONTRACT, OTHER, OWNER, RELAYER, pay,
    requests::{answer, gateway, prepared, read, report, status},
    send,
};
use crate::{
    precompiles::harness::{CHAIN_ID, Failure, Harness, START},
    things::{
        Item,
        abi::IThings::{self, Agreement, Status},
        begin, end, plan, promote,
        signatures::{Custody, digest},
    },
};
use alloy_primitives::{FixedBytes, U256};
use alloy_signer::SignerSync;
use pervade_chainspec::params::{PARKED_SECONDS_DEFAULT, THINGS_ADDRESS};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

/// What a request sets aside at a price of 2 wei: overhead of 524,000 gas, and the callback's.
const RESERVED: u64 = (524_000 + 100_000) * 2;

#[derive(Debug, Clone)]
enum Step {
    Ask {
        life: u64,
        has_on_failure: bool,
    },
    Queue(usize),
    Report {
        request: usize,
        code: u16,
    },
    Cancel(usize),
    Resume(usize),
    /// So many seconds later, due work runs; the bits say which callbacks succeed.
    Block {
        seconds: u64,
        outcomes: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let request = 0usize..6;
    let step = prop_oneof![
        3 => (1u64..40, any::<bool>()).prop_map(|(life, has_on_failure)| Step::Ask { life, has_on_failure }),
        2 => request.clone().prop_map(Step::Queue),
        3 => (request.clone(), prop_oneof![3 => Just(0u16), 1 => 1u16..6, 1 => 6u16..12])
            .prop_map(|(request, code)| Step::Report { request, code }),
        1 => request.clone().prop_map(Step::Cancel),
        2 => request.prop_map(Step::Resume),
        4 => (prop_oneof![6 => 0u64..15, 1 => Just(PARKED_SECONDS_DEFAULT), 1 => Just(PARKED_SECONDS_DEFAULT + 1)], any::<u8>())
            .prop_map(|(seconds, outcomes)| Step::Block { seconds, outcomes }),
    ];
    prop::collection::vec(step, 1..40)
}

/// A request as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    status: Status,
    code: u16,
    deadline: u64,
    has_on_failure: bool,
    /// Which callback waits: that of the result, or of the failure.
    callback: Option<bool>,
    parked_until: u64,
    reserved: u64,
}

impl Known {
    fn is_open(&self) -> bool {
        matches!(self.status, Status::Pending | Status::Queued)
    }
}

/// The rules, in their plainest form.
#[derive(Default)]
struct Model {
    now: u64,
    requests: Vec<Known>,
    due: VecDeque<usize>,
    /// By time, in order of arrival.
    alarms: BTreeMap<u64, Vec<usize>>,
    free: u64,
}

impl Model {
    fn ask(&mut self, life: u64, has_on_failure: bool) {
        let deadline = self.now + life;
        self.alarms.entry(deadline + 1).or_default().push(self.requests.len());
        self.requests.push(Known {
            status: Status::Pending,
            code: 0,
            deadline,
            has_on_failure,
            callback: None,
            parked_until: 0,
            reserved: RESERVED,
        });
        self.free -= RESERVED;
    }

    fn release(&mut self, request: usize) {
        self.free += std::mem::take(&mut self.requests[request].reserved);
    }

    fn queue(&mut self, request: usize) -> bool {
        let known = &mut self.requests[request];
        let may = known.status == Status::Pending;
        if may {
            known.status = Status::Queued;
        }
        may
    }

    fn report(&mut self, request: usize, code: u16) -> bool {
        let now = self.now;
        let known = &mut self.requests[request];
        // Code 6 is for agreements of several; there is none above 9.
        if !known.is_open() || now > known.deadline || code == 6 || code > 9 {
            return false;
        }
        known.code = code;
        if code != 0 && !known.has_on_failure {
            known.status = Status::Failed;
            self.release(request);
        } else {
            known.status = Status::Settled;
            known.callback = Some(code == 0);
            self.due.push_back(request);
        }
        true
    }

    fn cancel(&mut self, request: usize) -> bool {
        let may = self.requests[request].is_open();
        if may {
            self.requests[request].status = Status::Cancelled;
            self.release(request);
        }
        may
    }

    fn resume(&mut self, request: usize) -> bool {
        let may = self.requests[request].status == Status::Parked && self.free >= RESERVED;
        if may {
            let known = &mut self.requests[request];
            (known.status, known.callback, known.reserved) = (Status::Settled, Some(true), RESERVED);
            self.free -= RESERVED;
            self.due.push_back(request);
        }
        may
    }

    /// Times that have come, then what was due before the tail; answers whose callbacks run.
    fn block(&mut self, seconds: u64) -> Vec<usize> {
        self.now += seconds;
        let later = self.alarms.split_off(&(self.now + 1));
        for request in std::mem::replace(&mut self.alarms, later).into_values().flatten() {
            let known = &self.requests[request];
            let over = match known.status {
                Status::Parked => self.now > known.parked_until,
                _ => known.is_open(),
            };
            if over {
                self.due.push_back(request);
            }
        }
        let mut called = Vec::new();
        for request in std::mem::take(&mut self.due) {
            let known = &mut self.requests[request];
            match known.status {
                Status::Pending | Status::Queued => {
                    (known.status, known.code) = (Status::Expired, 1);
                    if known.has_on_failure {
                        known.callback = Some(false);
                        self.due.push_back(request);
                    } else {
                        self.release(request);
                    }
                }
                Status::Parked => known.status = Status::Expired,
                _ if known.callback.is_some() => called.push(request),
                _ => {}
            }
        }
        called
    }

    fn called(&mut self, request: usize, succeeded: bool) {
        self.release(request);
        let now = self.now;
        let known = &mut self.requests[request];
        let is_result = known.callback.take().unwrap();
        match (is_result, succeeded) {
            (false, _) if known.status == Status::Expired => {}
            (false, _) => known.status = Status::Failed,
            (true, true) => known.status = Status::Fulfilled,
            (true, false) => {
                known.status = Status::Parked;
                known.parked_until = now + PARKED_SECONDS_DEFAULT;
                self.alarms.entry(known.parked_until + 1).or_default().push(request);
            }
        }
    }
}

/// The same block on the chain; answers whose callbacks ran, in order.
fn run_block(harness: &mut Harness, seconds: u64, outcomes: u8) -> Vec<usize> {
    harness.next_block(seconds);
    let items = harness.as_protocol_with_logs(THINGS_ADDRESS, |frame| {
        promote(frame)?;
        plan(frame, 1 << 40)
    });
    let mut called = Vec::new();
    for (item, _) in items.unwrap() {
        let done = harness.as_protocol_with_logs(THINGS_ADDRESS, |frame| {
            let Some(callback) = begin(frame, item)? else { return Ok(()) };
            let Item::Request(id) = item else { return Ok(()) };
            let request = id.to::<usize>() - 1;
            assert_eq!(callback.input[3], if callback.input[0] == 1 { 1 } else { 2 });
            called.push(request);
            end(frame, item, succeeds(outcomes, request), 50_000)
        });
        done.unwrap();
    }
    called
}

fn succeeds(outcomes: u8, request: usize) -> bool {
    outcomes >> (request % 8) & 1 == 1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_live_as_a_plain_model_of_the_table_says(steps in steps()) {
        let (mut harness, device) = prepared(1);
        let mut model = Model { now: START, free: RESERVED * 4, ..Model::default() };
        let fund = IThings::fundCall { account: CONTRACT };
        pay(&mut harness, OWNER, U256::from(model.free), &fund).unwrap();
        for step in steps {
            let known = model.requests.len();
            let id = |request: usize| U256::from(request + 1);
            let exists = |request: &usize| *request < known;
            let signed = |request| {
                let signature = gateway(0).sign_hash_sync(&digest(&Custody { requestId: id(request) }, CHAIN_ID)).unwrap();
                IThings::queueCall { requestId: id(request), signature: signature.as_bytes().to_vec().into() }
            };
            let done = |result: Result<(), Failure>| result.is_ok();
            let (found, expected) = match step.clone() {
                Step::Ask { life, has_on_failure } => {
                    let on_failure = if has_on_failure { [2; 4] } else { [0; 4] };
                    let of = IThings::Request {
                        deadline: model.now + life,
                        onFailure: FixedBytes(on_failure),
                        maxFeePerGas: 2,
                        ..read(&device, Agreement::Gateway)
                    };
                    let found = send(&mut harness, CONTRACT, &IThings::requestCall { request_: of }).map(|_| ());
                    let may = known < 6 && model.free >= RESERVED;
                    if may {
                        model.ask(life, has_on_failure);
                    }
                    // The model has no more than six: what the chain makes beyond is taken back.
                    if known >= 6 && found.is_ok() {
                        send(&mut harness, CONTRACT, &IThings::cancelCall { requestId: U256::from(known + 1) }).unwrap();
                        return Ok(());
                    }
                    (done(found), may)
                }
                Step::Queue(request) if exists(&request) => {
                    let found = send(&mut harness, RELAYER, &signed(request)).map(|_| ());
                    (done(found), model.queue(request))
                }
                Step::Report { request, code } if exists(&request) => {
                    let result: &[u8] = if code == 0 { b"7" } else { b"" };
                    let answers = vec![answer(&gateway(0), id(request), code, result)];
                    (done(report(&mut harness, id(request), code, result, answers)), model.report(request, code))
                }
                Step::Cancel(request) if exists(&request) => {
                    let found = send(&mut harness, CONTRACT, &IThings::cancelCall { requestId: id(request) }).map(|_| ());
                    (done(found), model.cancel(request))
                }
                Step::Resume(request) if exists(&request) => {
                    let found = send(&mut harness, OTHER, &IThings::resumeCall { requestId: id(request) }).map(|_| ());
                    (done(found), model.resume(request))
                }
                Step::Block { seconds, outcomes } => {
                    let expected = model.block(seconds);
                    prop_assert_eq!(&run_block(&mut harness, seconds, outcomes), &expected);
                    for request in expected {
                        model.called(request, succeeds(outcomes, request));
                    }
                    (true, true)
                }
                _ => continue,
            };
            prop_assert_eq!(found, expected, "{:?}", step);
            for (request, known) in model.requests.iter().enumerate() {
                prop_assert_eq!(status(&mut harness, id(request)), (known.status, known.code), "{} {:?}", request, step);
            }
            let balance = send(&mut harness, OTHER, &IThings::balanceOfCall { account: CONTRACT }).unwrap();
            let reserved: u64 = model.requests.iter().map(|known| known.reserved).sum();
            prop_assert_eq!((balance.free, balance.reserved), (U256::from(model.free), U256::from(reserved)));
        }
    }
}
