//! What an attacker says under another's subject, property or model, or under models that look like it, stays the attacker's.
use super::parties::{connect, party, stop};
use alloy_primitives::{B256, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};
use pervade_storage::{HistoryMode, Receipt};
use pervade_tests::journey::{
    ACTION, Chain, Device,
    abi::{
        ISemantics::{self, Format},
        IThings,
    },
    above, commander, events,
};

const MODEL: &str = r#"{"iri":"urn:example:room","properties":[{"iri":"urn:example:t","unit":"Cel","exponent":-2}]}"#;
/// The same names; another range, so another model.
const LOOK_ALIKE: &str =
    r#"{"iri":"urn:example:room","properties":[{"iri":"urn:example:t","unit":"Cel","exponent":-2,"minimum":-273}]}"#;
const PROGRAM: &str = r#"{"observations":[{"property":"urn:example:t","value":"$.t"}]}"#;
/// Says itself what it is about.
const ABOUT: &str = r#"{"subject":"$.about","observations":[{"property":"urn:example:t","value":"$.t"}]}"#;
const HOT: &[u8] = br#"{"t":99}"#;

struct House {
    chain: Chain,
    attacker: PrivateKeySigner,
    owner: PrivateKeySigner,
    sensor: Device,
    model: B256,
    look_alike: B256,
    /// JSON, of the model.
    reads: B256,
    /// JSON, of the look-alike.
    reads_look_alike: B256,
    /// JSON of the model, which names its subject.
    about: B256,
}

impl House {
    fn new() -> Self {
        let [owner, attacker, gateway] = ["owner", "attacker", "gateway"].map(party);
        let mut chain = Chain::new(&[&owner, &attacker, &gateway], HistoryMode::Archive);
        let model = chain.define_model(&owner, MODEL);
        let look_alike = chain.define_model(&attacker, LOOK_ALIKE);
        assert_ne!(model, look_alike);
        let reads = chain.define_mapping(&owner, model, Format::Json, PROGRAM);
        let reads_look_alike = chain.define_mapping(&attacker, look_alike, Format::Json, PROGRAM);
        let about = chain.define_mapping(&attacker, model, Format::Json, ABOUT);
        let sensor = Device::new("urn:example:room:sensor");
        let contract = chain.create(&owner, &commander(ACTION, &stop(sensor.thing(), chain.now_s() + 100_000)));
        connect(&mut chain, &owner, &sensor, &gateway, contract);
        let watch = IThings::watchCall { trigger: above(sensor.thing(), model, "urn:example:t", 30) };
        let wei = U256::from(1_000_000_000_000_000_000u128);
        assert!(chain.try_send(&owner, TxKind::Call(contract), wei, watch.abi_encode())[0].success());
        Self { chain, attacker, owner, sensor, model, look_alike, reads, reads_look_alike, about }
    }

    /// What triggers and contracts see: the newest value that the sensor said, in hundredths.
    fn seen(&self) -> Vec<String> {
        let thing = self.sensor.thing();
        self.chain.trace(thing).into_iter().filter(|said| said.source == thing).map(|said| said.value).collect()
    }

    fn sensor_says(&mut self, sequence: u64, mapping: B256, payload: &[u8]) -> Vec<Receipt> {
        let message = self.sensor.message(sequence, self.chain.now_ms(), mapping, payload);
        self.chain.send(&self.owner, THINGS_ADDRESS, &message)
    }
}

fn woken(receipts: &[Receipt]) -> usize {
    events::<IThings::Triggered>(receipts).len()
}

#[test]
fn attackers_neither_move_what_a_trigger_sees_nor_wake_it() {
    let mut house = House::new();
    house.sensor_says(1, house.reads, br#"{"t":20}"#);
    let before = house.seen();
    assert_eq!(before, ["20"]);
    let thing = house.sensor.thing();
    let mut receipts = Vec::new();

    // Recorded about the same subject: same model, and a look-alike.
    for mapping in [house.reads, house.reads_look_alike] {
        let record = ISemantics::recordCall { mappingId: mapping, subject: thing, payload: HOT.into() };
        receipts.extend(house.chain.send(&house.attacker, SEMANTICS_ADDRESS, &record));
    }
    // The attacker's own thing says something about the sensor.
    let other = Device::new("urn:example:attacker");
    receipts.extend(house.chain.send(&house.attacker, THINGS_ADDRESS, &other.register(house.attacker.address())));
    let payload = format!("{{\"about\":\"{thing}\",\"t\":99}}");
    let message = other.message(1, house.chain.now_ms(), house.about, payload.as_bytes());
    receipts.extend(house.chain.send(&house.attacker, THINGS_ADDRESS, &message));
    // In the sensor's name, without its key.
    let mut forged = other.message(2, house.chain.now_ms(), house.reads, HOT);
    forged.message.thing = thing;
    let refused = house.chain.try_send(&house.attacker, TxKind::Call(THINGS_ADDRESS), U256::ZERO, forged.abi_encode());
    assert!(!refused[0].success());
    // The sensor's own words read through a look-alike model are other words.
    let message = house.sensor.message(3, house.chain.now_ms(), house.reads_look_alike, HOT);
    receipts.extend(house.chain.send(&house.attacker, THINGS_ADDRESS, &message));
    // A contract that calls itself the sensor's events: bound by its own maker, it speaks in its own name.
    let bind = ISemantics::bindEventCall {
        emitter: house.attacker.address(),
        topic0: keccak256("E(bytes32,int256)"),
        mappingId: house.reads,
        deployment: Default::default(),
    };
    let refused = house.chain.try_send(&house.attacker, TxKind::Call(SEMANTICS_ADDRESS), U256::ZERO, bind.abi_encode());
    assert!(!refused[0].success(), "a mapping of JSON reads no event");

    for _ in 0..3 {
        receipts.extend(house.chain.produce(Vec::new()));
    }
    assert_eq!(woken(&receipts), 0);
    let said_by_the_sensor = house.seen();
    assert_eq!(said_by_the_sensor, ["20", "99"], "its own word under the look-alike model is its own");
    let trace = house.chain.trace(thing);
    let strangers: Vec<_> = trace.iter().filter(|said| said.source != thing).map(|said| said.source).collect();
    let attacker = house.attacker.address().into_word();
    assert_eq!(strangers, [attacker, attacker, other.thing()], "the trace names who said what");
    assert_ne!(house.model, house.look_alike);

    // And the sensor itself wakes it, once.
    let receipts = house.sensor_says(4, house.reads, br#"{"t":31}"#);
    assert_eq!(woken(&receipts), 1);
}
