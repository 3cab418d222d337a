//! One container over three companies' contracts and a device: the whole journey, on every node, after every rebuild.
use super::parties::party;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent, SolValue, sol};
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};
use pervade_storage::{HistoryMode, ObservationFilter, ObservationPage, Origin};
use pervade_tests::journey::{
    Chain, Device,
    abi::ISemantics::{self, Format},
    cleared, loaded, received,
};
use std::sync::Arc;

sol! {
    event Loaded(bytes32 indexed container, int256 tenthsFahrenheit);
    event Cleared(bytes32 container, bool released);
    function load(bytes32 container, int256 tenthsFahrenheit);
    function clear(bytes32 container, bool released);
    struct Goods { bytes32 container; uint32 centiKelvin; }
    function receiveGoods(uint256 order, Goods goods);
}

pub const MODEL: &str = r#"{"iri":"urn:example:journey","properties":[
    {"iri":"urn:example:step","kind":"Text"},
    {"iri":"urn:example:temperature","unit":"Cel","exponent":-2,"minimum":-90,"maximum":200}]}"#;
pub const CARRIER: &str = r#"{"event":"event Loaded(bytes32 indexed container, int256 tenthsFahrenheit)","subject":"container","observations":[
    {"property":"urn:example:step","constant":"loaded"},
    {"property":"urn:example:temperature","value":"tenthsFahrenheit","scale":"1/10","unit":"[degF]"}]}"#;
pub const CUSTOMS: &str = r#"{"event":"event Cleared(bytes32 container, bool released)","subject":"container","observations":[
    {"property":"urn:example:step","constant":"released","when":{"path":"released","equals":true}},
    {"property":"urn:example:step","constant":"held","when":{"path":"released","equals":false}}]}"#;
pub const RETAILER: &str = r#"{"call":"receiveGoods(uint256 order, (bytes32 container, uint32 centiKelvin) goods)","subject":"goods.container","observations":[
    {"property":"urn:example:step","constant":"received"},
    {"property":"urn:example:temperature","value":"goods.centiKelvin","scale":"1/100","unit":"K"}]}"#;
pub const SENSOR: &str = r#"{"subject":"$.container","observations":[
    {"property":"urn:example:temperature","value":"$.f","unit":"[degF]"}]}"#;

pub const CONTAINER: B256 = B256::repeat_byte(0xc0);
pub const OTHER: B256 = B256::repeat_byte(0xc1);

/// What the companies have on the chain.
struct Companies {
    chain: Chain,
    carrier: (PrivateKeySigner, Address),
    customs: (PrivateKeySigner, Address),
    retailer: (PrivateKeySigner, Address),
    /// A contract like the carrier's, which nobody bound.
    copy: Address,
    sensor: Device,
    reads: B256,
}

impl Companies {
    fn new(history: HistoryMode) -> Self {
        let [carrier, customs, retailer, stranger] = ["carrier", "customs", "retailer", "stranger"].map(party);
        let mut chain = Chain::new(&[&carrier, &customs, &retailer, &stranger], history);
        let model = chain.define_model(&retailer, MODEL);
        let made = chain.nonce(carrier.address());
        let of_carrier = chain.create(&carrier, &loaded(Loaded::SIGNATURE_HASH));
        let of_customs = chain.create(&customs, &cleared(Cleared::SIGNATURE_HASH));
        let of_retailer = chain.create(&retailer, &received());
        let copy = chain.create(&stranger, &loaded(Loaded::SIGNATURE_HASH));

        let mapping = chain.define_mapping(&carrier, model, Format::AbiEvent, CARRIER);
        bind_event(&mut chain, &carrier, (of_carrier, Loaded::SIGNATURE_HASH), mapping, made);
        let mapping = chain.define_mapping(&customs, model, Format::AbiEvent, CUSTOMS);
        bind_event(&mut chain, &customs, (of_customs, Cleared::SIGNATURE_HASH), mapping, 0);
        let mapping = chain.define_mapping(&retailer, model, Format::AbiCall, RETAILER);
        let nonce = (0..9).find(|nonce| retailer.address().create(*nonce) == of_retailer).unwrap();
        let selector = FixedBytes(receiveGoodsCall::SELECTOR);
        let deployment: Bytes = U256::from(nonce).abi_encode().into();
        let bind = ISemantics::bindCallCall { target: of_retailer, selector, mappingId: mapping, deployment };
        chain.send(&retailer, SEMANTICS_ADDRESS, &bind);

        let reads = chain.define_mapping(&carrier, model, Format::Json, SENSOR);
        let sensor = Device::new("urn:example:sensor");
        chain.send(&carrier, THINGS_ADDRESS, &sensor.register(carrier.address()));
        Self {
            chain,
            carrier: (carrier, of_carrier),
            customs: (customs, of_customs),
            retailer: (retailer, of_retailer),
            copy,
            sensor,
            reads,
        }
    }

    fn load(&mut self, container: B256, tenths: i64) {
        let call = loadCall { container, tenthsFahrenheit: tenths.try_into().unwrap() };
        self.chain.send(&self.carrier.0, self.carrier.1, &call);
    }

    fn measure(&mut self, sequence: u64, container: B256, fahrenheit: &str) {
        let payload = format!("{{\"container\":\"{container}\",\"f\":{fahrenheit}}}");
        let message = self.sensor.message(sequence, self.chain.now_ms(), self.reads, payload.as_bytes());
        self.chain.send(&self.customs.0, THINGS_ADDRESS, &message);
    }

    fn clear(&mut self, container: B256, released: bool) {
        self.chain.send(&self.customs.0, self.customs.1, &clearCall { container, released });
    }

    fn receive(&mut self, container: B256, centi_kelvin: u32) {
        let goods = Goods { container, centiKelvin: centi_kelvin };
        self.chain.send(&self.retailer.0, self.retailer.1, &receiveGoodsCall { order: U256::from(7), goods });
    }

    /// Two containers travel; what is said of the first is answered: origin, source, property, value.
    fn travel(&mut self) -> Vec<(Origin, B256, &'static str, &'static str)> {
        let (carrier, customs, retailer) = (self.carrier.1, self.customs.1, self.retailer.1);
        let sensor = self.sensor.thing();
        self.load(OTHER, 500);
        self.load(CONTAINER, 410);
        let fake = loadCall { container: CONTAINER, tenthsFahrenheit: 9_999i64.try_into().unwrap() };
        self.chain.send(&self.retailer.0, self.copy, &fake);
        self.measure(1, CONTAINER, "42.8");
        self.measure(2, OTHER, "50");
        self.clear(CONTAINER, false);
        self.measure(3, CONTAINER, "51.8");
        self.clear(OTHER, true);
        self.clear(CONTAINER, true);
        // Two steps in one block.
        let load = loadCall { container: CONTAINER, tenthsFahrenheit: 392i64.try_into().unwrap() };
        let goods = Goods { container: CONTAINER, centiKelvin: 27_715 };
        let receive = receiveGoodsCall { order: U256::from(7), goods };
        let chain = &self.chain;
        let transactions = vec![
            (
                chain.sign(&self.carrier.0, 0, TxKind::Call(carrier), U256::ZERO, load.abi_encode()),
                self.carrier.0.address(),
            ),
            (
                chain.sign(&self.retailer.0, 0, TxKind::Call(retailer), U256::ZERO, receive.abi_encode()),
                self.retailer.0.address(),
            ),
        ];
        assert!(self.chain.produce(transactions).iter().all(|receipt| receipt.success()));
        self.receive(OTHER, 28_000);
        let (carrier, customs, retailer) = (carrier.into_word(), customs.into_word(), retailer.into_word());
        vec![
            (Origin::Event, carrier, "urn:example:step", r#""loaded""#),
            (Origin::Event, carrier, "urn:example:temperature", "5"),
            (Origin::Observed, sensor, "urn:example:temperature", "6"),
            (Origin::Event, customs, "urn:example:step", r#""held""#),
            (Origin::Observed, sensor, "urn:example:temperature", "11"),
            (Origin::Event, customs, "urn:example:step", r#""released""#),
            (Origin::Event, carrier, "urn:example:step", r#""loaded""#),
            (Origin::Event, carrier, "urn:example:temperature", "4"),
            (Origin::Call, retailer, "urn:example:step", r#""received""#),
            (Origin::Call, retailer, "urn:example:temperature", "4"),
        ]
    }

    fn assert_journey(&self, expected: &[(Origin, B256, &str, &str)]) {
        let trace = self.chain.trace(CONTAINER);
        assert!(trace.is_sorted_by_key(|said| said.block));
        let found: Vec<_> =
            trace.iter().map(|said| (said.origin, said.source, said.property, said.value.as_str())).collect();
        let expected: Vec<_> =
            expected.iter().map(|(origin, source, iri, value)| (*origin, *source, keccak256(iri), *value)).collect();
        assert_eq!(found, expected);
        let temperature = keccak256("urn:example:temperature");
        assert!(trace.iter().all(|said| said.unit == if said.property == temperature { "Cel" } else { "" }));
    }
}

fn bind_event(
    chain: &mut Chain,
    deployer: &PrivateKeySigner,
    (emitter, topic0): (Address, B256),
    mapping_id: B256,
    nonce: u64,
) {
    assert_eq!(deployer.address().create(nonce), emitter);
    let deployment: Bytes = U256::from(nonce).abi_encode().into();
    let call = ISemantics::bindEventCall { emitter, topic0, mappingId: mapping_id, deployment };
    chain.send(deployer, SEMANTICS_ADDRESS, &call);
}

fn everything(chain: &Chain) -> ObservationPage {
    let all = ObservationFilter { last: u64::MAX, ..ObservationFilter::default() };
    let page = chain.storage().observations(&all, 10_000).unwrap();
    assert_eq!(page.next, None);
    page
}

#[test]
fn a_containers_trace_is_its_whole_journey_in_order() {
    let mut companies = Companies::new(HistoryMode::Archive);
    let expected = companies.travel();
    companies.assert_journey(&expected);
    assert_eq!(companies.chain.trace(OTHER).len(), 6);
    assert_eq!(companies.chain.trace(companies.copy.into_word()), []);
}

#[test]
fn the_trace_is_the_same_after_the_index_was_built_anew() {
    let mut companies = Companies::new(HistoryMode::Archive);
    let expected = companies.travel();
    let before = everything(&companies.chain);
    companies.chain.storage().clear_observations().unwrap();
    assert_eq!(companies.chain.trace(CONTAINER), []);
    // Another process does it: what the first had in memory is gone.
    companies.chain = companies.chain.reopen();
    while companies.chain.observer.advance().unwrap().is_some() {}
    companies.assert_journey(&expected);
    assert_eq!(everything(&companies.chain), before);
}

#[test]
fn an_index_that_fell_behind_reads_old_blocks_through_the_bindings_of_their_time() {
    let mut companies = Companies::new(HistoryMode::Archive);
    let expected = companies.travel();
    let nonce = U256::ZERO;
    let unbind = ISemantics::unbindEventCall {
        emitter: companies.customs.1,
        topic0: Cleared::SIGNATURE_HASH,
        deployment: nonce.abi_encode().into(),
    };
    companies.chain.send(&companies.customs.0, SEMANTICS_ADDRESS, &unbind);
    companies.clear(CONTAINER, true);
    companies.assert_journey(&expected);
    let before = everything(&companies.chain);
    companies.chain.storage().clear_observations().unwrap();
    companies.chain = companies.chain.reopen();
    while companies.chain.observer.advance().unwrap().is_some() {}
    assert_eq!(everything(&companies.chain), before);
}

#[test]
fn a_node_that_got_the_blocks_from_others_has_the_same_trace() {
    let mut companies = Companies::new(HistoryMode::Archive);
    let expected = companies.travel();
    let parties = ["carrier", "customs", "retailer", "stranger"].map(party);
    let mut follower = Chain::new(&parties.each_ref(), HistoryMode::Archive);
    for number in 1..=companies.chain.ledger.head().number() {
        let block = companies.chain.storage().block(number).unwrap().unwrap();
        let executed = follower.ledger.validate(Arc::new((*block).clone())).unwrap();
        follower.ledger.commit(executed).unwrap();
    }
    while follower.observer.advance().unwrap().is_some() {}
    assert_eq!(everything(&follower), everything(&companies.chain));
    companies.chain = follower;
    companies.assert_journey(&expected);
}

#[test]
fn in_a_window_old_steps_are_forgotten_and_new_ones_are_read_through_old_bindings() {
    let mut companies = Companies::new(HistoryMode::Window { blocks: 4 });
    let expected = companies.travel();
    companies.assert_journey(&expected[5..]);
    let before = everything(&companies.chain);
    companies.chain.storage().sync().unwrap();
    companies.chain.storage().clear_observations().unwrap();
    companies.chain = companies.chain.reopen();
    while companies.chain.observer.advance().unwrap().is_some() {}
    assert_eq!(everything(&companies.chain), before);
    assert_eq!(companies.chain.storage().first_observed(), companies.chain.storage().first_state());
}
