use super::{CanonicalBlock, CanonicalContext, bindings_of, interpret_block, value_json};
use crate::semantics::{StoredMapping, abi::ISemantics};
use alloy_consensus::{Header, Signed, TxLegacy, TxType};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, Log, Signature, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent, sol};
use pervade_chainspec::params::SEMANTICS_ADDRESS;
use pervade_semantics::{Error, Format, Mapping, Model};
use pervade_storage::{Block, ObservationRecord, Origin, Receipt, RecoveredBlock, StorageError, Transaction};
use std::{collections::BTreeMap, sync::Arc};

sol! {
    event Sealed(bytes32 indexed item, int32 temperature);
    event Listed(int32[] values);
    function seal(bytes32 item, int32 temperature);
}

const CARRIER: Address = Address::repeat_byte(0xca);
const SHOP: Address = Address::repeat_byte(0x50);
const SENDER: Address = Address::repeat_byte(0x5e);
const BOX: B256 = B256::repeat_byte(0xb0);
const SEALED: B256 = B256::repeat_byte(1);
const CALLED: B256 = B256::repeat_byte(2);
const JSON: B256 = B256::repeat_byte(3);
const GREEDY: B256 = B256::repeat_byte(4);
/// Unix seconds.
const TIME: u64 = 1_700_000_000;

/// Mappings and bindings as a test has them.
#[derive(Default)]
struct Known {
    mappings: BTreeMap<B256, StoredMapping>,
    bindings: BTreeMap<(Address, B256), B256>,
    asked: usize,
}

impl CanonicalContext for Known {
    fn binding(&mut self, contract: &Address, key: &B256) -> Result<Option<B256>, StorageError> {
        self.asked += 1;
        Ok(self.bindings.get(&(*contract, *key)).copied())
    }

    fn mapping(&mut self, id: &B256) -> Result<Option<StoredMapping>, StorageError> {
        Ok(self.mappings.get(id).cloned())
    }
}

fn known() -> Known {
    let model = br#"{"iri":"urn:m","properties":[{"iri":"urn:t","unit":"Cel","exponent":-2}]}"#;
    let model = Model::parse(model).unwrap();
    let mut known = Known::default();
    let rule = r#""subject":"item","observations":[{"property":"urn:t","value":"temperature","unit":"K"}]"#;
    let events = format!(r#"{{"event":"event Sealed(bytes32 indexed item, int32 temperature)",{rule}}}"#);
    let calls = format!(r#"{{"call":"seal(bytes32 item, int32 temperature)",{rule}}}"#);
    let json = r#"{"observations":[{"property":"urn:t","value":"$.f","unit":"[degF]"}]}"#;
    let greedy = r#"{"event":"event Listed(int32[] values)","observations":[{"property":"urn:t","each":"$.values","value":"@"}]}"#;
    for (id, format, program) in [
        (SEALED, Format::AbiEvent, events.as_str()),
        (CALLED, Format::AbiCall, calls.as_str()),
        (JSON, Format::Json, json),
        (GREEDY, Format::AbiEvent, greedy),
    ] {
        let mapping = Arc::new(Mapping::compile(&model, format, program.as_bytes()).unwrap());
        known.mappings.insert(id, StoredMapping { model: B256::ZERO, mapping, program_bytes: program.len() });
    }
    known.bindings.insert((CARRIER, Sealed::SIGNATURE_HASH), SEALED);
    known.bindings.insert((CARRIER, B256::right_padding_from(&sealCall::SELECTOR)), CALLED);
    known
}

fn sealed(emitter: Address, kelvin: i32) -> Log {
    log(emitter, &Sealed { item: BOX, temperature: kelvin })
}

fn log(address: Address, event: &impl SolEvent) -> Log {
    Log { address, data: event.encode_log_data() }
}

struct Sent {
    to: Address,
    input: Bytes,
    logs: Vec<Log>,
    success: bool,
    gas_used: u64,
}

fn sent(to: Address, input: impl Into<Bytes>, logs: Vec<Log>) -> Sent {
    Sent { to, input: input.into(), logs, success: true, gas_used: 60_000 }
}

fn read(known: &mut Known, transactions: Vec<Sent>) -> CanonicalBlock {
    let mut block = Block { header: Header { timestamp: TIME, ..Header::default() }, ..Block::default() };
    let (mut receipts, mut gas) = (Vec::new(), 0);
    for sent in transactions {
        let unsigned = TxLegacy { to: TxKind::Call(sent.to), input: sent.input, ..TxLegacy::default() };
        let signature = Signature::new(U256::from(1), U256::from(2), false);
        block.body.transactions.push(Transaction::Legacy(Signed::new_unhashed(unsigned, signature)));
        gas += sent.gas_used;
        let (tx_type, status) = (TxType::Legacy, sent.success.into());
        receipts.push(Receipt { tx_type, status, cumulative_gas_used: gas, logs: sent.logs });
    }
    let senders = vec![SENDER; receipts.len()];
    let found = interpret_block(&RecoveredBlock { hash: B256::ZERO, block, senders }, &receipts, known).unwrap();
    assert_eq!(found.said.bindings, bindings_of(&receipts));
    found
}

/// Origin, log, source and hundredths of a degree.
fn said(block: &CanonicalBlock) -> Vec<(Origin, Option<u32>, Address, i64)> {
    block
        .said
        .observations
        .iter()
        .map(|said| {
            let number = I256::from_raw(said.number).as_i64();
            (said.origin, said.log, Address::from_word(said.source), number)
        })
        .collect()
}

fn bound(contract: Address, mapping_id: B256) -> Log {
    let event = ISemantics::EventBound { emitter: contract, topic0: Sealed::SIGNATURE_HASH, mappingId: mapping_id };
    log(SEMANTICS_ADDRESS, &event)
}

#[test]
fn calls_logs_and_observations_are_read_in_their_order() {
    let mut known = known();
    let observed = ISemantics::Observed {
        source: SENDER.into_word(),
        subject: BOX,
        property: keccak256("urn:t"),
        mappingId: JSON,
        observation: ISemantics::Observation {
            subject: BOX,
            property: keccak256("urn:t"),
            kind: ISemantics::ValueKind::Number,
            number: I256::try_from(7).unwrap(),
            exponent: -2,
            data: Bytes::new(),
            unit: "Cel".into(),
            timeMs: 5,
        },
        payloadHash: B256::ZERO,
    };
    let input = sealCall { item: BOX, temperature: 300 }.abi_encode();
    let logs = vec![sealed(CARRIER, 280), log(SEMANTICS_ADDRESS, &observed), sealed(CARRIER, 290)];
    let block = read(&mut known, vec![sent(SHOP, [], vec![sealed(SHOP, 1)]), sent(CARRIER, input, logs)]);
    assert_eq!(
        said(&block),
        [
            (Origin::Call, None, CARRIER, 2_685),
            (Origin::Event, Some(1), CARRIER, 685),
            (Origin::Observed, Some(2), SENDER, 7),
            (Origin::Event, Some(3), CARRIER, 1_685),
        ]
    );
    assert_eq!(block.unread, []);
    let first = &block.said.observations[0];
    assert_eq!((first.transaction, first.subject, first.property), (1, BOX, keccak256("urn:t")));
    assert_eq!((first.time_ms, first.unit.as_str(), first.mapping_id), (TIME * 1_000, "Cel", CALLED));
    assert_eq!(block.said.observations[2].time_ms, 5);
}

#[test]
fn values_are_written_for_people() {
    let mut known = known();
    let mut block = read(&mut known, vec![sent(SHOP, [], vec![sealed(CARRIER, 280)])]);
    let number = block.said.observations.remove(0);
    assert_eq!(value_json(&number), "6.85");
    let (data, latitude) = (Bytes::from_static(b"a\"b"), 485_000_000i128);
    let position = (U256::from(latitude.unsigned_abs()) << 128) | U256::from(22_000_000);
    let of = |kind, word, data| value_json(&ObservationRecord { kind, number: word, data, ..number.clone() });
    assert_eq!(of(1, U256::ZERO, data.clone()), r#""a\"b""#);
    assert_eq!(of(2, U256::from(1), Bytes::new()), "true");
    assert_eq!(of(3, U256::ZERO, data), r#""0x612262""#);
    assert_eq!(of(4, position, Bytes::new()), r#"{"latitude":48.5,"longitude":2.2}"#);
}

#[test]
fn what_is_not_bound_or_has_failed_says_nothing() {
    let mut known = known();
    let input = sealCall { item: BOX, temperature: 300 }.abi_encode();
    let failed = Sent { success: false, ..sent(CARRIER, input.clone(), Vec::new()) };
    // A stranger's contract with the very same event and function.
    let block =
        read(&mut known, vec![failed, sent(SHOP, input, vec![sealed(SHOP, 280)]), sent(CARRIER, [1, 2], vec![])]);
    assert_eq!(block, CanonicalBlock::default());
    // A look-alike of the precompile's own log.
    let fake = Log { address: SHOP, ..bound(SHOP, SEALED) };
    assert_eq!(read(&mut known, vec![sent(SHOP, [], vec![fake, sealed(SHOP, 1)])]), CanonicalBlock::default());
}

#[test]
fn bindings_hold_from_their_log_on() {
    let mut known = known();
    let logs =
        vec![sealed(SHOP, 273), bound(SHOP, SEALED), sealed(SHOP, 274), bound(SHOP, B256::ZERO), sealed(SHOP, 275)];
    let block = read(&mut known, vec![sent(SHOP, [], logs), sent(CARRIER, [], vec![sealed(CARRIER, 276)])]);
    assert_eq!(said(&block).iter().map(|said| said.1).collect::<Vec<_>>(), [Some(2), Some(5)]);
    let changes: Vec<_> = block.said.bindings.iter().map(|change| (change.log, change.mapping_id)).collect();
    assert_eq!(changes, [(1, SEALED), (3, B256::ZERO)]);
    // A call's binding is that from before its transaction.
    let selector = FixedBytes(sealCall::SELECTOR);
    let call_bound = ISemantics::CallBound { target: SHOP, selector, mappingId: CALLED };
    let input = sealCall { item: BOX, temperature: 273 }.abi_encode();
    let binding = sent(SHOP, input.clone(), vec![log(SEMANTICS_ADDRESS, &call_bound)]);
    let block = read(&mut known, vec![binding, sent(SHOP, input, Vec::new())]);
    assert_eq!(block.said.observations.iter().map(|said| said.transaction).collect::<Vec<_>>(), [1]);
}

#[test]
fn each_binding_is_looked_up_once_a_block() {
    let mut known = known();
    let logs = || (0..10).map(|_| sealed(SHOP, 1)).collect::<Vec<_>>();
    read(&mut known, vec![sent(SHOP, [], logs()), sent(SHOP, [], logs())]);
    assert_eq!(known.asked, 1);
}

#[test]
fn a_translated_payload_says_what_it_says_in_the_senders_name() {
    let mut known = known();
    let payload = br#"{"f":50}"#.to_vec();
    let call = ISemantics::translateCall { from: JSON, to: JSON, subject: BOX, payload: payload.into() };
    let block = read(&mut known, vec![sent(SEMANTICS_ADDRESS, call.abi_encode(), Vec::new())]);
    assert_eq!(said(&block), [(Origin::Translation, None, SENDER, 1_000)]);
    assert_eq!(block.said.observations[0].subject, BOX);
    let other = ISemantics::normalizeCall { mappingId: JSON, subject: BOX, payload: Bytes::new() };
    let block = read(&mut known, vec![sent(SEMANTICS_ADDRESS, other.abi_encode(), Vec::new())]);
    assert_eq!(block, CanonicalBlock::default());
}

#[test]
fn a_log_that_its_mapping_does_not_read_is_named_and_the_others_are_read() {
    let mut known = known();
    let mut cut = sealed(CARRIER, 280);
    cut.data.data = Bytes::from_static(&[1, 2, 3]);
    let block = read(&mut known, vec![sent(SHOP, [], vec![cut, sealed(CARRIER, 290)])]);
    assert_eq!(said(&block).len(), 1);
    let [unread] = &block.unread[..] else { panic!("{:?}", block.unread) };
    assert_eq!((unread.transaction, unread.log, unread.mapping_id), (0, Some(0), SEALED));
    assert!(matches!(unread.reason, Error::MalformedPayload { .. }), "{}", unread.reason);
}

#[test]
fn a_mapping_that_costs_more_than_was_paid_keeps_nobody_elses_log_from_being_read() {
    let mut known = known();
    known.bindings.insert((SHOP, Listed::SIGNATURE_HASH), GREEDY);
    let listed = |count: i32| log(SHOP, &Listed { values: (0..count).collect() });
    // As many as fit are read, and one more than that is none at all.
    let read_of = |known: &mut Known, count| {
        let hook = Sent { gas_used: 120_000, ..sent(SHOP, [], vec![listed(count), sealed(CARRIER, 290)]) };
        let block = read(known, vec![hook]);
        let carrier = said(&block).iter().filter(|said| said.2 == CARRIER).count();
        assert_eq!(carrier, 1, "of {count}");
        (said(&block).len() - 1, block.unread.first().map(|unread| unread.reason.clone()))
    };
    let mut most = 1;
    while read_of(&mut known, most + 1).1.is_none() {
        most += 1;
    }
    assert!((60..256).contains(&most), "{most} observations fit");
    assert_eq!(read_of(&mut known, most), (usize::try_from(most).unwrap(), None));
    assert_eq!(read_of(&mut known, most + 1), (0, Some(Error::OutOfWork)));
}
