//! Triggers fire when they should, once, and only while they are paid for.
use super::{CONTRACT, Device, MODEL, OTHER, OWNER, PROPERTY, RELAYER, harness, refusal, send, trigger};
use crate::{
    precompiles::harness::{Harness, START},
    things::{
        Item,
        abi::IThings::{self, TriggerKind},
        begin, end,
        observations::Observation,
        plan, promote, triggers,
    },
};
use alloy_primitives::{B256, FixedBytes, I256, U256};
use pervade_chainspec::params::{CALLBACK_GAS_MAX, RADIUS_METRES_MAX, THINGS_ADDRESS, WATCHERS_MAX};

const NOW_MS: u64 = START * 1_000;

fn watch(harness: &mut Harness, of: IThings::Trigger) -> U256 {
    send(harness, CONTRACT, &IThings::watchCall { trigger: of }).unwrap()
}

fn grant(harness: &mut Harness, device: &Device) {
    device.register(harness);
    let call = IThings::grantCall { thing: device.thing(), consumer: CONTRACT, operations: 8, expiry: u64::MAX };
    send(harness, OWNER, &call).unwrap();
}

/// Runs what is due as a block does, and answers the ids of the triggers whose actions were to be called.
fn due(harness: &mut Harness) -> Vec<u64> {
    let items = harness
        .as_protocol_with_logs(THINGS_ADDRESS, |frame| {
            promote(frame)?;
            plan(frame, 1 << 40)
        })
        .unwrap();
    let mut called = Vec::new();
    for (item, _) in items {
        harness
            .as_protocol_with_logs(THINGS_ADDRESS, |frame| {
                if begin(frame, item)?.is_some() {
                    end(frame, item, true, 50_000)?;
                    if let Item::Trigger(id) = item {
                        called.push(id.to());
                    }
                }
                Ok(())
            })
            .unwrap();
    }
    called
}

fn seen(subject: B256, number: i64, exponent: i8, time_ms: u64) -> Observation {
    Observation {
        subject,
        model: MODEL,
        property: PROPERTY,
        is_position: false,
        number: I256::try_from(number).unwrap(),
        exponent,
        time_ms,
    }
}

fn observe(harness: &mut Harness, thing: B256, observation: Observation) {
    let done = harness.as_protocol_with_logs(THINGS_ADDRESS, |frame| {
        triggers::observe(frame, thing, std::slice::from_ref(&observation))
    });
    done.unwrap();
}

#[test]
fn a_time_comes_once_and_a_period_again_and_again() {
    let mut harness = harness();
    let once = watch(&mut harness, IThings::Trigger { firstTime: START + 10, ..trigger(TriggerKind::AtTime) });
    let every = IThings::Trigger { firstTime: START + 5, interval: 10, maxFirings: 3, ..trigger(TriggerKind::Every) };
    let every = watch(&mut harness, every);
    let (once, every) = (once.to::<u64>(), every.to::<u64>());
    assert_eq!(due(&mut harness), Vec::<u64>::new());
    let mut fired = Vec::new();
    for _ in 0..40 {
        harness.next_block(1);
        let now = harness.block().1 - START;
        fired.extend(due(&mut harness).into_iter().map(|id| (now, id)));
    }
    assert_eq!(fired, [(5, every), (10, once), (15, every), (25, every)]);
}

#[test]
fn firings_that_were_missed_count_as_one() {
    let mut harness = harness();
    let of = IThings::Trigger { firstTime: START, interval: 10, ..trigger(TriggerKind::Every) };
    watch(&mut harness, of);
    assert_eq!(due(&mut harness), [1]);
    harness.next_block(95);
    assert_eq!(due(&mut harness), [1]);
    assert_eq!(due(&mut harness), Vec::<u64>::new());
    harness.next_block(4);
    assert_eq!(due(&mut harness), Vec::<u64>::new());
    harness.next_block(1);
    assert_eq!(due(&mut harness), [1], "on its own beat again, at 100");
}

#[test]
fn a_threshold_fires_on_the_crossing_and_again_only_after_going_back() {
    let (mut harness, device) = (harness(), Device::new(7));
    grant(&mut harness, &device);
    let thing = device.thing();
    let of = IThings::Trigger {
        thing,
        threshold: I256::try_from(300).unwrap(),
        exponent: -1,
        hysteresis: U256::from(20),
        ..trigger(TriggerKind::Threshold)
    };
    watch(&mut harness, of);
    // In tenths and in thousandths: 30.0 is the threshold, 28.0 where it is armed again.
    let steps = [
        (299, -1, false),
        (300, -1, false),
        (30_001, -3, true),
        (40, 0, false),
        (281, -1, false),
        (31, 0, false),
        (28, 0, false),
        (301, -1, true),
    ];
    for (step, (number, exponent, fires)) in steps.into_iter().enumerate() {
        observe(&mut harness, thing, seen(thing, number, exponent, NOW_MS + step as u64));
        assert_eq!(due(&mut harness).len(), usize::from(fires), "step {step}");
    }
}

#[test]
fn an_action_that_waits_is_not_queued_twice() {
    let (mut harness, device) = (harness(), Device::new(7));
    grant(&mut harness, &device);
    let thing = device.thing();
    watch(&mut harness, IThings::Trigger { thing, property: B256::ZERO, ..trigger(TriggerKind::Published) });
    for sequence in 0..3 {
        let message = device.message(1, sequence, NOW_MS, b"x");
        send(&mut harness, RELAYER, &IThings::publishCall { message }).unwrap();
    }
    assert_eq!(due(&mut harness), [1]);
    assert_eq!(due(&mut harness), Vec::<u64>::new());
    let message = device.message(1, 9, NOW_MS, b"x");
    send(&mut harness, RELAYER, &IThings::publishCall { message }).unwrap();
    assert_eq!(due(&mut harness), [1]);
}

fn position(latitude: f64, longitude: f64) -> I256 {
    let unit = |degrees: f64| i128::from((degrees * 1e7).round() as i64);
    let high = U256::from_be_slice(&unit(latitude).to_be_bytes()) << 128;
    I256::from_raw(high | U256::from_be_slice(&unit(longitude).to_be_bytes()))
}

#[test]
fn things_that_come_near_fire_once_until_they_were_apart() {
    let (mut harness, container, retailer) = (harness(), Device::new(7), Device::new(8));
    grant(&mut harness, &container);
    grant(&mut harness, &retailer);
    let of = IThings::Trigger {
        thing: container.thing(),
        otherThing: retailer.thing(),
        radiusMetres: 50,
        hysteresis: U256::from(20),
        maxAge: 60,
        ..trigger(TriggerKind::Colocated)
    };
    watch(&mut harness, of);
    let mut step = 0;
    let mut at = |harness: &mut Harness, device: &Device, metres: f64, age: u64| {
        step += 1;
        let latitude = 63.4 + metres / 111_450.0;
        let seen = Observation {
            number: position(latitude, 10.4),
            is_position: true,
            ..seen(device.thing(), 0, -7, NOW_MS + step - age * 1_000)
        };
        observe(harness, device.thing(), seen);
        due(harness).len()
    };
    assert_eq!(at(&mut harness, &retailer, 0.0, 61), 0);
    assert_eq!(at(&mut harness, &container, 10.0, 0), 0, "the retailer's position is stale");
    assert_eq!(at(&mut harness, &retailer, 0.0, 0), 1);
    assert_eq!(at(&mut harness, &container, 49.0, 0), 0);
    assert_eq!(at(&mut harness, &container, 55.0, 0), 0, "jitter across the border");
    assert_eq!(at(&mut harness, &container, 45.0, 0), 0);
    assert_eq!(at(&mut harness, &container, 71.0, 0), 0, "far enough to be armed again");
    assert_eq!(at(&mut harness, &container, 51.0, 0), 0);
    assert_eq!(at(&mut harness, &container, 49.0, 0), 1);
}

#[test]
fn an_encounter_takes_both_sides_and_fresh_words() {
    let (mut harness, a, b) = (harness(), Device::new(7), Device::new(8));
    grant(&mut harness, &a);
    grant(&mut harness, &b);
    let (a, b) = (a.thing(), b.thing());
    let of = IThings::Trigger { thing: a, otherThing: b, maxAge: 30, ..trigger(TriggerKind::Encountered) };
    watch(&mut harness, of);
    let meet = |harness: &mut Harness, of: B256, other: B256, time_ms: u64| {
        observe(harness, of, seen(other, 1, 0, time_ms));
        due(harness).len()
    };
    assert_eq!(meet(&mut harness, a, b, NOW_MS), 0, "one side alone");
    assert_eq!(meet(&mut harness, a, b, NOW_MS), 0);
    assert_eq!(meet(&mut harness, b, a, NOW_MS - 31_000), 0, "stale");
    assert_eq!(meet(&mut harness, b, a, NOW_MS), 1);
    assert_eq!(meet(&mut harness, b, a, NOW_MS + 1), 0, "the other side's word was used");
    harness.next_block(10);
    assert_eq!(meet(&mut harness, b, a, NOW_MS + 5_000), 0);
    assert_eq!(meet(&mut harness, a, b, NOW_MS + 6_000), 1);
}

#[test]
fn what_nobody_pays_for_sleeps_until_it_is_woken() {
    let mut harness = harness();
    let of = IThings::Trigger { firstTime: START + 1, interval: 1, ..trigger(TriggerKind::Every) };
    let id = watch(&mut harness, of);
    harness.evm.ctx.block.basefee = 1_000_000_000;
    harness.next_block(1);
    // The protocol's steps see the base fee through the harness only in transactions: priced here by hand.
    let price = U256::from(1_000_000_000u64);
    let run = |harness: &mut Harness| {
        let block = harness.block();
        harness.step_at_base_fee(THINGS_ADDRESS, block, 1_000_000_000, |frame| {
            promote(frame)?;
            let items = plan(frame, 1 << 40)?;
            let mut called = 0;
            for (item, _) in items {
                called += usize::from(begin(frame, item)?.is_some());
            }
            Ok(called)
        })
    };
    assert_eq!(run(&mut harness), 0);
    let asleep = |harness: &mut Harness| {
        harness.evm.ctx.block.basefee = 0;
        send(harness, OTHER, &IThings::triggerOfCall { triggerId: id }).unwrap().asleep
    };
    assert!(asleep(&mut harness));
    let needed = price * U256::from(24_000u64 + 500_000 + 100_000);
    let fund = IThings::fundCall { account: CONTRACT };
    harness.send(OWNER, THINGS_ADDRESS, needed, &fund).unwrap();
    send(&mut harness, OTHER, &IThings::wakeCall { triggerId: id }).unwrap();
    assert!(!asleep(&mut harness));
    refusal(&mut harness, OTHER, &IThings::wakeCall { triggerId: id });
    harness.next_block(1);
    assert_eq!(run(&mut harness), 1);
}

#[test]
fn watching_takes_a_contract_a_grant_and_room() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let of = IThings::Trigger { thing: device.thing(), ..trigger(TriggerKind::Published) };
    let call = IThings::watchCall { trigger: of.clone() };
    assert!(refusal(&mut harness, OTHER, &call).is(&IThings::CallerIsNotContract {}));
    assert!(refusal(&mut harness, CONTRACT, &call).is(&IThings::NotAuthorized { caller: CONTRACT }));
    let expiry = harness.block().1;
    let grant = IThings::grantCall { thing: device.thing(), consumer: CONTRACT, operations: 8, expiry };
    send(&mut harness, OWNER, &grant).unwrap();
    for _ in 0..WATCHERS_MAX {
        watch(&mut harness, of.clone());
    }
    let limit = U256::from(WATCHERS_MAX);
    let full = IThings::LimitExceeded { what: "triggers of the property".into(), limit };
    assert!(refusal(&mut harness, CONTRACT, &call).is(&full));
    send(&mut harness, CONTRACT, &IThings::unwatchCall { triggerId: U256::from(3) }).unwrap();
    refusal(&mut harness, CONTRACT, &IThings::unwatchCall { triggerId: U256::from(3) });
    refusal(&mut harness, OTHER, &IThings::unwatchCall { triggerId: U256::from(4) });
    watch(&mut harness, of);
    harness.next_block(1);
    assert!(refusal(&mut harness, CONTRACT, &call).is(&IThings::NotAuthorized { caller: CONTRACT }), "expired");
}

#[test]
fn limits_of_a_trigger_hold_at_their_edge() {
    let (mut harness, a, b) = (harness(), Device::new(7), Device::new(8));
    grant(&mut harness, &a);
    grant(&mut harness, &b);
    let near = IThings::Trigger {
        thing: a.thing(),
        otherThing: b.thing(),
        radiusMetres: RADIUS_METRES_MAX,
        actionGas: CALLBACK_GAS_MAX,
        ..trigger(TriggerKind::Colocated)
    };
    watch(&mut harness, near.clone());
    let wrong = [
        IThings::Trigger { radiusMetres: RADIUS_METRES_MAX + 1, ..near.clone() },
        IThings::Trigger { actionGas: CALLBACK_GAS_MAX + 1, ..near.clone() },
        IThings::Trigger { actionGas: 0, ..near.clone() },
        IThings::Trigger { action: FixedBytes::ZERO, ..near.clone() },
        IThings::Trigger { otherThing: a.thing(), ..near },
        IThings::Trigger { interval: 0, firstTime: START, ..trigger(TriggerKind::Every) },
        IThings::Trigger { firstTime: 1 << 40, ..trigger(TriggerKind::AtTime) },
        IThings::Trigger { thing: a.thing(), property: B256::ZERO, ..trigger(TriggerKind::Threshold) },
    ];
    for (index, of) in wrong.into_iter().enumerate() {
        let refused = send(&mut harness, CONTRACT, &IThings::watchCall { trigger: of }).map(|_| ());
        assert!(refused.is_err(), "{index}");
    }
    watch(&mut harness, IThings::Trigger { firstTime: (1 << 40) - 1, ..trigger(TriggerKind::AtTime) });
}
