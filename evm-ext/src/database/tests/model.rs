//! Random programs against the plain model.
use super::{
    program::{Action, Contracts, End, How, Model, Run, Script, Step, address_of, may_write},
    *,
};
use pervade_chainspec::PervadeConfig;
use pervade_storage::StateChanges;
use proptest::{prelude::*, test_runner::TestRunner};
use std::collections::BTreeMap;

/// Frames inside each other.
const DEPTH_MAX: usize = 4;
/// Contracts of a program.
const CONTRACTS_MAX: usize = 12;
/// Frames that may end with all their gas: each leaves its caller a 64th, and the model knows nothing of gas.
const BURNS_MAX: usize = 3;
/// Gas of a program: after [`BURNS_MAX`] such frames there is enough for every choice (2^32).
const GAS: u64 = 1 << 50;

/// A choice that a program is made of.
type Choice = (u8, u8, u8);

/// Makes a program of choices.
fn program(choices: &[Choice]) -> Script {
    let mut open = vec![(Script::default(), How::Call)];
    let mut contracts = 1;
    let mut burns = 0;
    for &(kind, one, two) in choices {
        match kind {
            0..=1 if open.len() < DEPTH_MAX && contracts < CONTRACTS_MAX => {
                let how = [How::Call, How::Call, How::Delegate, How::Static][usize::from(one % 4)];
                open.push((Script::default(), how));
                contracts += 1;
            }
            2..=3 if open.len() > 1 => {
                let mut end = [End::Stop, End::Revert, End::SelfDestruct, End::Fail][usize::from(one % 4)];
                // In a static frame, ending itself is a failure too.
                if matches!(end, End::SelfDestruct | End::Fail) {
                    burns += 1;
                    if burns > BURNS_MAX {
                        end = End::Revert;
                    }
                }
                close(&mut open, end);
            }
            _ => {
                let step = Step::Database { action: action(kind, one, two), how: how(two), gas: gas(one, two) };
                open.last_mut().unwrap().0.steps.push(step);
            }
        }
    }
    while open.len() > 1 {
        close(&mut open, End::Stop);
    }
    open.pop().unwrap().0
}

fn close(open: &mut Vec<(Script, How)>, end: End) {
    let (mut script, how) = open.pop().unwrap();
    script.end = end;
    open.last_mut().unwrap().0.steps.push(Step::Enter { script, how });
}

fn action(kind: u8, one: u8, two: u8) -> Action {
    let n = u64::from(one % 5);
    let length = usize::from(two) % 40;
    // Near each other, and on other levels of the set of times.
    let time_ms = u64::from(one % 3) << (two % 4 * 17);
    match kind % 8 {
        0 | 1 => Action::Put(n, length),
        2 => Action::PutTwo(n, u64::from(two % 5)),
        3 => Action::Remove(n),
        4 | 5 => Action::Append(time_ms, length),
        6 => Action::Trim(time_ms + 1, u64::from(two % 3)),
        _ => Action::Get(n),
    }
}

fn how(two: u8) -> How {
    match two {
        0..10 => How::CallCode,
        10..20 => How::Delegate,
        20..30 => How::Static,
        _ => How::Call,
    }
}

fn gas(one: u8, two: u8) -> Option<u32> {
    (one >= 200).then(|| u32::from(one - 199) * 3_000 + u32::from(two) * 11)
}

/// Runs a program; the chain after it, and which of its calls succeeded.
fn run(script: &Script) -> (Harness, BTreeMap<u16, bool>) {
    let database = database_of(ALICE);
    let mut contracts = Contracts::default();
    let main = contracts.add(script, database, false);
    let code: Vec<_> = contracts.code.iter().map(|(address, code)| (*address, code.as_slice())).collect();
    let mut harness = Harness::with_code(PervadeConfig::new(Vec::new(), 30_000_000), &[ALICE, BOB], &code);
    send(&mut harness, ALICE, &abi::openCall { salt: SALT }).unwrap();
    for contract in (0..code.len()).map(address_of).filter(|contract| may_write(*contract)) {
        let give = abi::setRoleCall { database, account: contract, role: abi::Role::Writer };
        send(&mut harness, ALICE, &give).unwrap();
    }
    // A first row and entry, so that there is something to take away.
    send(&mut harness, ALICE, &put(database, 0, &bytes(35))).unwrap();
    let append = abi::appendCall { database, series: TABLE, timeMs: 1, value: bytes(35) };
    send(&mut harness, ALICE, &append).unwrap();
    harness.gas_limit = GAS;
    let _ = harness.transact(ALICE, main, U256::ZERO, Bytes::new());
    let own = harness.logs.iter().filter(|log| log.address != DATABASE);
    let succeeded =
        own.map(|log| (U256::from_be_bytes(log.data.topics()[0].0).to(), log.data.data.last() == Some(&1))).collect();
    (harness, succeeded)
}

fn check(choices: &[Choice]) {
    let script = program(choices);
    let (mut harness, succeeded) = run(&script);
    let begin = Model { rows: vec![(0, bytes(35))], entries: vec![(1, bytes(35))] };
    let model = Run::new(&succeeded).script(&script, &begin, None, false);
    let database = database_of(ALICE);

    let again: StateChanges = run(&script).0.changes();
    assert_eq!(harness.changes(), again, "a replay comes to the same state");

    let keys = scan_all(&mut harness, database, 3);
    assert_eq!(keys, model.rows.iter().map(|(n, _)| key(*n)).collect::<Vec<_>>());
    let read = abi::getManyCall { database, table: TABLE, keys };
    let values = send(&mut harness, BOB, &read).unwrap();
    assert_eq!(values, model.rows.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>());
    let count = send(&mut harness, BOB, &abi::countCall { database, table: TABLE }).unwrap();
    assert_eq!(count, U256::from(model.rows.len()));
    assert_eq!(range_all(&mut harness, database, (0, u64::MAX), 3), model.entries);
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((0u8..12, any::<u8>(), any::<u8>()), 1..24)
}

fn check_many(cases: u32) {
    let mut runner = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let checked = runner.run(&choices(), |choices| {
        check(&choices);
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

#[test]
fn programs_come_to_what_the_model_says() {
    check_many(400);
}

#[test]
fn slow_a_hundred_thousand_programs_come_to_what_the_model_says() {
    check_many(100_000);
}
