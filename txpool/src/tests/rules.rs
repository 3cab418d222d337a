//! Each rule at its limit and one past it, with the words that clients know.
use super::*;
use crate::{
    TRANSACTION_BYTES_MAX,
    transaction::{decode, receive},
};
use alloy_consensus::{TxEip2930, TxEip7702};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};

fn check<T: SignableTransaction<Signature>>(fork: SpecId, transaction: T) -> Result<(), PoolError>
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    rules_of(fork).check(&sign(1, transaction))
}

fn set_code(authorizations: usize) -> TxEip7702 {
    let authorization = Authorization { chain_id: U256::ZERO, address: Address::ZERO, nonce: 0 };
    TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000 + 25_000 * authorizations as u64,
        authorization_list: vec![
            SignedAuthorization::new_unchecked(authorization, 0, U256::from(1), U256::from(1));
            authorizations
        ],
        ..Default::default()
    }
}

#[test]
fn decoding_takes_all_bytes_and_knows_the_hash() {
    for transaction in [sign(1, transfer(3, 5, 4)), sign(1, legacy(7, 9))] {
        let bytes = transaction.encoded_2718();
        let (decoded, hash) = decode(&bytes).unwrap();
        assert_eq!((&decoded, hash), (&transaction, keccak256(&bytes)));
        assert_eq!(*decoded.tx_hash(), hash);
        let trailing = [&bytes[..], &[0]].concat();
        for malformed in [&trailing[..], &bytes[..bytes.len() - 1], &bytes[..2]] {
            let text = message(decode(malformed));
            assert!(text.starts_with("rlp: "), "{text}");
        }
    }
}

#[test]
fn what_is_no_transaction_is_named() {
    assert_eq!(message(decode(&[])), "typed transaction too short");
    assert_eq!(message(decode(&[2])), "typed transaction too short");
    assert_eq!(message(decode(&[9, 0xc0])), "transaction type not supported");
    assert_eq!(message(decode(&[0, 0xc0])), "transaction type not supported");
    assert_eq!(
        message(receive(&[3, 0xc0], false).map(|_| ())),
        "transaction type not supported: this network takes no blob transactions"
    );
}

#[test]
fn size_limit_is_128_kib() {
    let sized = |input_bytes| {
        let transaction = TxEip1559 { input: vec![1; input_bytes].into(), ..transfer(0, 1, 1) };
        encoded(1, transaction)
    };
    // r or s may be a byte shorter with other contents: measure the frame with contents of about that size.
    let frame = sized(TRANSACTION_BYTES_MAX - 1_000).len() - (TRANSACTION_BYTES_MAX - 1_000);
    let fits = (TRANSACTION_BYTES_MAX - frame - 4..).map(sized).find(|tx| tx.len() == TRANSACTION_BYTES_MAX).unwrap();
    assert!(decode(&fits).is_ok());
    let above = (TRANSACTION_BYTES_MAX - frame - 4..).map(sized).find(|tx| tx.len() > TRANSACTION_BYTES_MAX).unwrap();
    assert_eq!(message(decode(&above)), format!("oversized data: transaction size {}, limit 131072", above.len()));
}

#[test]
fn types_begin_with_their_forks() {
    let access = TxEip2930 { chain_id: CHAIN_ID, gas_limit: 21_000, ..Default::default() };
    assert_eq!(
        message(check(SpecId::ISTANBUL, access.clone())),
        "transaction type not supported: type 1 rejected, pool not yet in Berlin"
    );
    assert!(check(SpecId::BERLIN, TxEip2930 { to: TxKind::Call(Address::ZERO), ..access }).is_ok());
    assert_eq!(
        message(check(SpecId::BERLIN, transfer(0, 1, 1))),
        "transaction type not supported: type 2 rejected, pool not yet in London"
    );
    assert!(check(SpecId::LONDON, transfer(0, 1, 1)).is_ok());
    assert_eq!(
        message(check(SpecId::CANCUN, set_code(1))),
        "transaction type not supported: type 4 rejected, pool not yet in Prague"
    );
    assert!(check(SpecId::PRAGUE, set_code(1)).is_ok());
}

#[test]
fn only_this_chain_and_protected() {
    let unprotected = TxLegacy { chain_id: None, ..legacy(0, 1) };
    assert_eq!(
        message(check(SpecId::OSAKA, unprotected)),
        "only replay-protected (EIP-155) transactions allowed over RPC"
    );
    assert_eq!(
        message(check(SpecId::OSAKA, TxEip1559 { chain_id: 5, ..transfer(0, 1, 1) })),
        "invalid sender: invalid chain id for signer: have 5 want 1337"
    );
    assert!(check(SpecId::OSAKA, legacy(0, 1)).is_ok());
}

#[test]
fn nonce_ends_below_its_largest_value() {
    assert!(check(SpecId::OSAKA, transfer(u64::MAX - 1, 1, 1)).is_ok());
    assert_eq!(message(check(SpecId::OSAKA, transfer(u64::MAX, 1, 1))), "nonce has max value");
}

#[test]
fn gas_is_bounded_by_block_and_by_transaction() {
    let with_gas = |gas_limit| TxEip1559 { gas_limit, ..transfer(0, 1, 1) };
    assert!(check(SpecId::PRAGUE, with_gas(BLOCK_GAS)).is_ok());
    assert_eq!(message(check(SpecId::PRAGUE, with_gas(BLOCK_GAS + 1))), "exceeds block gas limit");
    assert!(check(SpecId::OSAKA, with_gas(16_777_216)).is_ok());
    assert_eq!(
        message(check(SpecId::OSAKA, with_gas(16_777_217))),
        "transaction gas limit too high (cap: 16777216, tx: 16777217)"
    );
}

#[test]
fn tip_is_at_most_the_fee_cap() {
    assert!(check(SpecId::OSAKA, transfer(0, 7, 7)).is_ok());
    assert_eq!(
        message(check(SpecId::OSAKA, transfer(0, 7, 8))),
        "max priority fee per gas higher than max fee per gas"
    );
}

#[test]
fn tip_is_at_least_the_nodes_minimum() {
    let rules = NextBlockRules { min_tip: 5, ..rules_of(SpecId::OSAKA) };
    assert!(rules.check(&sign(1, transfer(0, 9, 5))).is_ok());
    assert!(rules.check(&sign(1, legacy(0, 5))).is_ok());
    assert_eq!(
        message(rules.check(&sign(1, transfer(0, 9, 4)))),
        "transaction gas price below minimum: gas tip cap 4, minimum needed 5"
    );
}

#[test]
fn intrinsic_gas_counts_data_access_list_creation_and_authorizations() {
    let cases: Vec<(Transaction, Transaction, u64)> = vec![
        pair(|gas_limit| TxEip1559 { gas_limit, ..transfer(0, 1, 1) }, 21_000),
        pair(
            |gas_limit| TxEip1559 {
                gas_limit,
                access_list: AccessList(vec![AccessListItem {
                    address: Address::ZERO,
                    storage_keys: vec![B256::ZERO; 2],
                }]),
                ..transfer(0, 1, 1)
            },
            21_000 + 2_400 + 2 * 1_900,
        ),
        pair(
            |gas_limit| TxEip1559 { gas_limit, to: TxKind::Create, input: vec![0; 33].into(), ..transfer(0, 1, 1) },
            21_000 + 32_000 + 33 * 4 + 2 * 2,
        ),
        pair(|gas_limit| TxEip7702 { gas_limit, ..set_code(2) }, 21_000 + 2 * 25_000),
    ];
    for (enough, too_little, needed) in cases {
        assert!(rules_of(SpecId::OSAKA).check(&enough).is_ok(), "{needed}");
        assert_eq!(
            message(rules_of(SpecId::OSAKA).check(&too_little)),
            format!("intrinsic gas too low: gas {}, minimum needed {needed}", needed - 1)
        );
    }
}

fn pair<T: SignableTransaction<Signature>>(build: impl Fn(u64) -> T, gas: u64) -> (Transaction, Transaction, u64)
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    (sign(1, build(gas)), sign(1, build(gas - 1)), gas)
}

#[test]
fn calldata_has_a_floor_since_prague() {
    // 100 bytes of ones: 1,600 gas, but a floor of 40 each.
    let with_gas = |gas_limit| TxEip1559 { gas_limit, input: vec![1; 100].into(), ..transfer(0, 1, 1) };
    assert!(check(SpecId::PRAGUE, with_gas(25_000)).is_ok());
    assert_eq!(
        message(check(SpecId::PRAGUE, with_gas(24_999))),
        "insufficient gas for floor data gas cost: gas 24999, minimum needed 25000"
    );
    assert!(check(SpecId::CANCUN, with_gas(22_600)).is_ok());
}

#[test]
fn creation_code_is_limited_since_shanghai() {
    let create = |bytes| TxEip1559 {
        to: TxKind::Create,
        gas_limit: 10_000_000,
        input: vec![0; bytes].into(),
        ..transfer(0, 1, 1)
    };
    assert!(check(SpecId::OSAKA, create(49_152)).is_ok());
    assert_eq!(
        message(check(SpecId::OSAKA, create(49_153))),
        "max initcode size exceeded: code size 49153, limit 49152"
    );
    assert!(check(SpecId::LONDON, create(49_153)).is_ok());
}

#[test]
fn set_code_needs_an_authorization() {
    assert_eq!(message(check(SpecId::OSAKA, set_code(0))), "set code tx must have at least one authorization tuple");
}
