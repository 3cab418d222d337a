//! Three machines of one model that speak three formats: one contract sees the same degrees, and stops the hot one once.
use super::parties::{connect, party, stop};
use alloy_primitives::{B256, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_storage::{HistoryMode, Receipt};
use pervade_tests::journey::{
    ACTION, Chain, Device,
    abi::{
        ISemantics::Format,
        IThings::{self, Status},
    },
    above, answer, commander, events,
};

const MODEL: &str = include_str!("../../../contracts/models/machine-state/model.json");
const TEMPERATURE: &str = "http://qudt.org/vocab/quantitykind/Temperature";
const ETHER: u128 = 1_000_000_000_000_000_000;

struct Factory {
    chain: Chain,
    owner: PrivateKeySigner,
    gateway: PrivateKeySigner,
    /// JSON in Fahrenheit, SenML-CBOR in kelvin, binary in tenths of a degree; each with its mapping.
    machines: [(Device, B256); 3],
    sequence: u64,
}

impl Factory {
    fn new() -> Self {
        let [owner, gateway] = ["factory", "gateway"].map(party);
        let mut chain = Chain::new(&[&owner, &gateway], HistoryMode::Archive);
        let model = chain.define_model(&owner, MODEL);
        let rule = |value: &str| format!(r#"{{"observations":[{{"property":"{TEMPERATURE}","value":{value}}}]}}"#);
        let machines = [
            ("urn:example:press", Format::Json, rule(r#""$.temp","unit":"[degF]""#)),
            ("urn:example:lathe", Format::SenmlCbor, rule(r#""temp""#)),
            ("urn:example:mill", Format::Binary, rule(r#"{"offset":0,"bits":16,"signed":true,"scale":"1/10"}"#)),
        ];
        let machines = machines
            .map(|(id, format, program)| (Device::new(id), chain.define_mapping(&owner, model, format, &program)));
        let hot = machines[1].0.thing();
        let contract = chain.create(&owner, &commander(ACTION, &stop(hot, chain.now_s() + 100_000)));
        for (machine, _) in &machines {
            connect(&mut chain, &owner, machine, &gateway, contract);
            let watch = IThings::watchCall { trigger: above(machine.thing(), model, TEMPERATURE, 100) };
            let wei = U256::from(ETHER);
            let receipts = chain.try_send(&owner, TxKind::Call(contract), wei, watch.abi_encode());
            assert!(receipts[0].success(), "the contract watches");
        }
        Self { chain, owner, gateway, machines, sequence: 0 }
    }

    /// A machine says so many tenths of a degree Celsius, in its own format.
    fn say(&mut self, machine: usize, tenths: i16) -> Vec<Receipt> {
        let celsius = f64::from(tenths) / 10.0;
        let payload = match machine {
            0 => format!("{{\"temp\":{:.2}}}", celsius * 1.8 + 32.0).into_bytes(),
            1 => {
                let kelvin = (celsius * 100.0 + 27_315.0).round() / 100.0;
                // [{0: "temp", 1: "K", 2: kelvin}]
                let head = [&[0x81, 0xa3, 0x00, 0x64][..], b"temp", &[0x01, 0x61], b"K", &[0x02, 0xfb]].concat();
                [head, kelvin.to_be_bytes().to_vec()].concat()
            }
            _ => tenths.to_be_bytes().to_vec(),
        };
        self.sequence += 1;
        let (device, mapping) = &self.machines[machine];
        let call = device.message(self.sequence, self.chain.now_ms(), *mapping, &payload);
        // Whatever the link does, the same message may come three times.
        let mut receipts = self.chain.send(&self.gateway, THINGS_ADDRESS, &call);
        for _ in 0..2 {
            let again = self.chain.try_send(&self.gateway, TxKind::Call(THINGS_ADDRESS), U256::ZERO, call.abi_encode());
            assert!(!again[0].success(), "a message counts once");
            receipts.extend(again);
        }
        receipts
    }

    fn commands(receipts: &[Receipt]) -> Vec<U256> {
        events::<IThings::Requested>(receipts).iter().map(|event| event.requestId).collect()
    }

    fn statuses(receipts: &[Receipt]) -> Vec<Status> {
        events::<IThings::StatusChanged>(receipts).iter().map(|event| event.status).collect()
    }
}

#[test]
fn three_formats_are_one_temperature() {
    let mut factory = Factory::new();
    for tenths in [850, -400, 0, 999] {
        for machine in 0..3 {
            factory.say(machine, tenths);
        }
        let last = |machine: usize| {
            let trace = factory.chain.trace(factory.machines[machine].0.thing());
            let said = trace.last().unwrap().clone();
            assert_eq!(said.source, factory.machines[machine].0.thing());
            (said.value, said.unit, said.property)
        };
        assert_eq!(last(0), last(1), "{tenths} tenths");
        assert_eq!(last(1), last(2), "{tenths} tenths");
        let value: f64 = last(0).0.parse().unwrap();
        assert_eq!((value * 10.0).round(), f64::from(tenths));
    }
}

#[test]
fn a_crossed_threshold_stops_the_machine_once_however_often_it_is_said() {
    let mut factory = Factory::new();
    let mut quiet = factory.say(1, 950);
    quiet.extend(factory.say(0, 990));
    assert_eq!(Factory::commands(&quiet), Vec::<U256>::new());
    let fired = factory.say(1, 1_201);
    assert_eq!(Factory::commands(&fired), [U256::from(1)], "one command, in the block that says so");
    assert_eq!(events::<IThings::Triggered>(&fired).iter().filter(|event| event.succeeded).count(), 1);
    for tenths in [1_210, 1_001, 990, 1_230] {
        assert!(Factory::commands(&factory.say(1, tenths)).is_empty(), "{tenths} is no new crossing");
    }

    // The gateway's report arrives twice, as after a lost answer.
    let now_ms = factory.chain.now_ms();
    let report = answer(&factory.gateway, U256::from(1), b"stopped", now_ms);
    let settled = factory.chain.send(&factory.gateway, THINGS_ADDRESS, &report);
    assert_eq!(Factory::statuses(&settled), [Status::Settled, Status::Fulfilled]);
    let again = factory.chain.try_send(&factory.owner, TxKind::Call(THINGS_ADDRESS), U256::ZERO, report.abi_encode());
    assert!(!again[0].success() && Factory::statuses(&again).is_empty());

    // Cooled down and hot again: that is another crossing.
    assert!(Factory::commands(&factory.say(1, 940)).is_empty());
    assert_eq!(Factory::commands(&factory.say(1, 1_050)), [U256::from(2)]);
}
