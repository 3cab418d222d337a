//! What every precompile relies on: guards, content that a revert takes back, and Solidity's layout.
use super::{
    Access, Frame, Precompile, PrecompileError,
    harness::{Failure, Harness, forwarder},
    prices,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use pervade_chainspec::{PervadeConfig, params::THINGS_ADDRESS as PROBE};
use proptest::prelude::*;

sol! {
    function put(uint256 slot, bytes value, bool revertAfterwards) external;
    function get(uint256 slot, uint256 length) external view returns (bytes);
    function pay(address to, uint256 wei) external payable;
}

/// Keeps values, and pays out.
struct Probe;

impl Precompile for Probe {
    fn call(&self, frame: &mut Frame<'_>) -> Result<Bytes, PrecompileError> {
        match frame.selector()? {
            putCall::SELECTOR => frame.answer(Access::Write, |frame, call: putCall| {
                frame.store_value(PROBE, call.slot, &call.value)?;
                match call.revertAfterwards {
                    true => Err(PrecompileError::reason("as asked")),
                    false => Ok(putReturn {}),
                }
            }),
            getCall::SELECTOR => frame.answer(Access::View, |frame, call: getCall| {
                frame.load_value(PROBE, call.slot, call.length.saturating_to())
            }),
            payCall::SELECTOR => frame.answer(Access::Payable, |frame, call: payCall| {
                frame.transfer(PROBE, call.to, call.wei)?;
                Ok(payReturn {})
            }),
            _ => Err(frame.unknown_function()),
        }
    }
}

const ALICE: Address = Address::repeat_byte(0xa1);
const CONTRACT: Address = Address::repeat_byte(0xcc);

fn harness(contract: &[u8]) -> Harness {
    let chain = PervadeConfig::new(Vec::new(), 30_000_000);
    Harness::with_precompiles(chain, &[ALICE], &[(CONTRACT, contract)], &[(PROBE, &Probe)])
}

fn put(slot: u64, value: &[u8], revert: bool) -> putCall {
    putCall { slot: U256::from(slot), value: Bytes::copy_from_slice(value), revertAfterwards: revert }
}

fn refused(harness: &mut Harness, to: Address, wei: u64, input: impl Into<Bytes>) -> String {
    harness.transact(ALICE, to, U256::from(wei), input.into()).unwrap_err().reason()
}

#[test]
fn malformed_calls_revert_with_a_reason() {
    let mut harness = harness(&[]);
    assert_eq!(refused(&mut harness, PROBE, 0, vec![]), "calldata has no function selector");
    assert_eq!(refused(&mut harness, PROBE, 0, vec![1, 2, 3]), "calldata has no function selector");
    assert_eq!(refused(&mut harness, PROBE, 0, vec![1, 2, 3, 4]), "unknown function 0x01020304");
    let good = put(1, b"value", false).abi_encode();
    for cut in [4, 5, 36, good.len() - 1] {
        let reason = refused(&mut harness, PROBE, 0, good[..cut].to_vec());
        assert!(reason.starts_with("malformed arguments of put(uint256,bytes,bool): "), "{cut}: {reason}");
    }
    let mut dirty = good.clone();
    dirty[4 + 64 + 30] = 1;
    assert!(refused(&mut harness, PROBE, 0, dirty).contains("malformed"), "a bool of 256");
    let mut trailing = good;
    trailing.extend([0; 7]);
    harness.transact(ALICE, PROBE, U256::ZERO, trailing.into()).unwrap();
}

#[test]
fn writing_takes_a_plain_call_and_reading_takes_any() {
    let write = put(1, b"value", false).abi_encode();
    let read = getCall { slot: U256::ONE, length: U256::from(5) }.abi_encode();
    for (instruction, refusal) in [
        (0xf1, None),
        (0xfa, Some("a static call cannot write")),
        (0xf4, Some("DELEGATECALL and CALLCODE cannot write; use CALL")),
        (0xf2, Some("DELEGATECALL and CALLCODE cannot write; use CALL")),
    ] {
        let mut harness = harness(&forwarder(PROBE, instruction));
        let written = harness.transact(ALICE, CONTRACT, U256::ZERO, write.clone().into());
        assert_eq!(written.map_err(|failure| failure.reason()).err().as_deref(), refusal, "{instruction:#x}");
        let answer = harness.transact(ALICE, CONTRACT, U256::ZERO, read.clone().into()).unwrap();
        let expected: &[u8] = if refusal.is_none() { b"value" } else { &[0; 5] };
        assert_eq!(getCall::abi_decode_returns(&answer).unwrap()[..], *expected, "{instruction:#x}");
    }
}

#[test]
fn every_call_costs_its_base_price_whatever_comes_of_it() {
    // 16 gas a byte of calldata (EIP-2028); the floor of EIP-7623 is below that and the call.
    for (input, data_gas) in [(vec![], 0), (vec![1, 2, 3, 4], 64)] {
        let mut harness = harness(&[]);
        let enough = 21_000 + data_gas + prices::CALL_GAS;
        harness.gas_limit = enough;
        harness.transact(ALICE, PROBE, U256::ZERO, input.clone().into()).unwrap_err().reason();
        assert_eq!(harness.gas_used, enough, "{input:?}");
        harness.gas_limit = enough - 1;
        let failure = harness.transact(ALICE, PROBE, U256::ZERO, input.clone().into());
        assert_eq!(failure, Err(Failure::Halt), "{input:?}");
    }
}

#[test]
fn value_goes_only_to_payable_functions_and_out_again() {
    let mut harness = harness(&[]);
    let write = put(1, b"value", false).abi_encode();
    assert_eq!(refused(&mut harness, PROBE, 1, write), "the function takes no value");
    let to = Address::repeat_byte(0x99);
    harness.send(ALICE, PROBE, U256::from(7), &payCall { to, wei: U256::from(5) }).unwrap();
    assert_eq!((harness.balance(PROBE), harness.balance(to)), (U256::from(2), U256::from(5)));
    let reason = refused(&mut harness, PROBE, 1, payCall { to, wei: U256::from(4) }.abi_encode());
    assert!(reason.contains("OutOfFunds"), "{reason}");
    assert_eq!(harness.balance(PROBE), U256::from(2), "a revert gives the value back");
}

#[test]
fn short_values_stand_in_their_slot_and_long_ones_by_hash() {
    let mut harness = harness(&[]);
    for length in [0usize, 1, 31, 32, 33, 1_024, 24_576] {
        let value: Vec<u8> = (0..length).map(|i| i as u8 ^ 0x5a).collect();
        harness.send(ALICE, PROBE, U256::ZERO, &put(length as u64, &value, false)).unwrap();
        let get = getCall { slot: U256::from(length), length: U256::from(length) };
        assert_eq!(harness.send(ALICE, PROBE, U256::ZERO, &get).unwrap(), value, "{length}");
        let content = harness.changes().content.get(&keccak256(&value)).cloned();
        assert_eq!(content.is_some(), length > 31, "{length}");
    }
}

#[test]
fn reverted_content_leaves_nothing() {
    let mut harness = harness(&forwarder(PROBE, 0xf1));
    let value = vec![7; 100];
    let failure = harness.send(ALICE, PROBE, U256::ZERO, &put(1, &value, true)).map(|_| ()).unwrap_err();
    assert_eq!(failure.reason(), "as asked");
    assert!(harness.changes().content.is_empty());
    let short_of_gas = |gas| {
        let mut harness = self::harness(&[]);
        harness.gas_limit = gas;
        let result = harness.send(ALICE, PROBE, U256::ZERO, &put(1, &value, false));
        (result.map(|_| ()), harness.changes().content.contains_key(&keccak256(&value)), harness.gas_used)
    };
    let (result, kept, enough) = short_of_gas(1_000_000);
    assert_eq!((result, kept), (Ok(()), true));
    assert_eq!(short_of_gas(enough).0, Ok(()));
    for gas in [enough - 1, enough - 10_000, 30_000] {
        assert_eq!(short_of_gas(gas), (Err(Failure::Halt), false, gas), "{gas}");
    }
}

proptest! {
    #[test]
    fn stored_bytes_have_soliditys_layout(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..6)) {
        let mut harness = harness(&[]);
        let slot = U256::from(9);
        let first = U256::from_be_bytes(keccak256(B256::from(slot)).0);
        for value in values {
            harness.as_protocol(PROBE, |frame| frame.store_bytes(PROBE, slot, &value)).unwrap();
            prop_assert_eq!(harness.as_protocol(PROBE, |frame| frame.load_bytes(PROBE, slot)).unwrap(), value.clone());
            let changes = harness.changes();
            let storage = changes.accounts.get(&PROBE).map(|change| change.storage.clone()).unwrap_or_default();
            let word_at = |slot: U256| storage.get(&slot).copied().unwrap_or_default();
            if value.len() > 31 {
                prop_assert_eq!(word_at(slot), U256::from(value.len() * 2 + 1));
            } else {
                prop_assert_eq!(word_at(slot).byte(0) as usize, value.len() * 2);
            }
            let words = if value.len() > 31 { value.len().div_ceil(32) } else { 0 };
            for place in 0..8 {
                let written = word_at(first + U256::from(place)) != U256::ZERO;
                prop_assert!(!written || place < words, "what a longer value left is cleared");
            }
        }
    }

    #[test]
    fn packed_fields_do_not_touch_their_neighbours(before: [u64; 4], value: u64, place in 0usize..4) {
        let field = super::slots::Field::new(place as u16 * 64, 64);
        let word = field.set_u64(U256::from_limbs(before), value);
        let mut expected = before;
        expected[place] = value;
        prop_assert_eq!(word, U256::from_limbs(expected));
        prop_assert_eq!(field.get_u64(word), value);
    }
}
