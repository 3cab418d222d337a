//! Databases, roles and rows.
use super::*;
use crate::precompiles::harness::forwarder;
use pervade_chainspec::{
    PervadeConfig,
    params::{DATABASE_KEYS_MAX, DATABASE_VALUE_BYTES_MAX, PAGE_ENTRIES_MAX},
};

#[test]
fn a_database_has_one_beginning_and_roles_that_admins_give() {
    let (mut harness, database) = opened();
    let again = send(&mut harness, ALICE, &abi::openCall { salt: SALT }).unwrap_err();
    assert!(again.is(&abi::AlreadyOpen { database }));
    assert_ne!(send(&mut harness, BOB, &abi::openCall { salt: SALT }).unwrap(), database);
    let write = put(database, 1, &bytes(3));
    let refused = send(&mut harness, BOB, &write).map(|_| ()).unwrap_err();
    assert!(refused.is(&abi::NotAuthorized { caller: BOB }));
    let give = |role| abi::setRoleCall { database, account: BOB, role };
    send(&mut harness, ALICE, &give(abi::Role::Writer)).unwrap();
    send(&mut harness, BOB, &write).unwrap();
    let refused = send(&mut harness, BOB, &give(abi::Role::Admin)).map(|_| ()).unwrap_err();
    assert!(refused.is(&abi::NotAuthorized { caller: BOB }), "a writer gives no roles");
    send(&mut harness, ALICE, &give(abi::Role::Admin)).unwrap();
    let drop = abi::setRoleCall { database, account: ALICE, role: abi::Role::None };
    send(&mut harness, BOB, &drop).unwrap();
    let refused = send(&mut harness, ALICE, &write).map(|_| ()).unwrap_err();
    assert!(refused.is(&abi::NotAuthorized { caller: ALICE }), "handed over");
    let role = send(&mut harness, ALICE, &abi::roleOfCall { database, account: BOB }).unwrap();
    assert_eq!(role, abi::Role::Admin);
    let unknown = B256::repeat_byte(9);
    let refused = send(&mut harness, ALICE, &put(unknown, 1, &bytes(3))).map(|_| ()).unwrap_err();
    assert!(refused.is(&abi::UnknownDatabase { database: unknown }));
}

#[test]
fn values_of_every_length_come_back() {
    let (mut harness, database) = opened();
    for (n, length) in (0..).zip([0, 1, 30, 31, 32, 33, 64, 1_000, DATABASE_VALUE_BYTES_MAX]) {
        let value = bytes(length);
        send(&mut harness, ALICE, &put(database, n, &value)).unwrap();
        let log = harness.logs.first().unwrap();
        let topics = [database, TABLE, key(n)];
        assert_eq!(log.data.topics()[1..], topics);
        assert_eq!(log.data.data[..], keccak256(&value)[..]);
        assert_eq!(get(&mut harness, database, n).unwrap(), value, "{length}");
        let there = abi::existsCall { database, table: TABLE, key: key(n) };
        assert!(send(&mut harness, BOB, &there).unwrap(), "{length}");
    }
    let too_long = send(&mut harness, ALICE, &put(database, 99, &bytes(DATABASE_VALUE_BYTES_MAX + 1)));
    let limit = U256::from(DATABASE_VALUE_BYTES_MAX);
    let refused = too_long.map(|_| ()).unwrap_err();
    assert!(refused.is(&abi::LimitExceeded { what: "value bytes".into(), limit }));
    assert!(get(&mut harness, database, 99).unwrap_err().is(&abi::NoValue {}));
}

#[test]
fn the_slot_alone_commits_to_the_value() {
    let (mut harness, database) = opened();
    for (n, length) in (0..).zip([0usize, 5, 31, 32, 500]) {
        let value = bytes(length);
        send(&mut harness, ALICE, &put(database, n, &value)).unwrap();
        let slot = send(&mut harness, BOB, &abi::slotOfCall { database, table: TABLE, key: key(n) }).unwrap();
        let row = keccak256(
            (key(n), keccak256((TABLE, keccak256((database, U256::from(2)).abi_encode())).abi_encode())).abi_encode(),
        );
        assert_eq!(slot, row, "Solidity's layout");
        let changes = harness.changes();
        let found = changes.accounts[&DATABASE].storage.get(&U256::from_be_bytes(slot.0)).copied().unwrap_or_default();
        let expected = match length {
            0..=31 => {
                let mut word = [0; 32];
                word[..length].copy_from_slice(&value);
                word[31] = 2 * length as u8;
                B256::from(word)
            }
            _ => keccak256(&value),
        };
        assert_eq!(B256::from(found), expected, "{length}");
    }
}

#[test]
fn keys_are_listed_in_the_order_in_which_they_came() {
    let (mut harness, database) = opened();
    let order = [7, 3, 900, 1, 0, 12];
    for n in order {
        send(&mut harness, ALICE, &put(database, n, &bytes(4))).unwrap();
    }
    send(&mut harness, ALICE, &put(database, 3, &bytes(40))).unwrap();
    for limit in [1, 2, 5, 6, 100] {
        assert_eq!(scan_all(&mut harness, database, limit), order.map(key), "pages of {limit}");
    }
    let remove = |n| abi::removeCall { database, table: TABLE, key: key(n) };
    send(&mut harness, ALICE, &remove(900)).unwrap();
    assert!(send(&mut harness, ALICE, &remove(900)).map(|_| ()).unwrap_err().is(&abi::NoValue {}));
    send(&mut harness, ALICE, &remove(7)).unwrap();
    send(&mut harness, ALICE, &put(database, 7, &bytes(1))).unwrap();
    assert_eq!(scan_all(&mut harness, database, 2), [3, 1, 0, 12, 7].map(key));
    assert_eq!(send(&mut harness, BOB, &abi::countCall { database, table: TABLE }).unwrap(), U256::from(5));
}

#[test]
fn a_cursor_stays_good_when_its_row_goes() {
    let (mut harness, database) = opened();
    for n in 1..=600 {
        send(&mut harness, ALICE, &put(database, n, &bytes(1))).unwrap();
    }
    let page = |cursor, limit| abi::scanCall { database, table: TABLE, cursor, limit };
    let first = send(&mut harness, BOB, &page(U256::ZERO, U256::from(5))).unwrap();
    for n in 6..=520 {
        send(&mut harness, ALICE, &abi::removeCall { database, table: TABLE, key: key(n) }).unwrap();
    }
    let second = send(&mut harness, BOB, &page(first.next, U256::from(2))).unwrap();
    assert_eq!(second.keys, [521, 522].map(key));
    let most = send(&mut harness, BOB, &page(U256::ZERO, U256::MAX)).unwrap();
    assert_eq!((most.keys.len(), most.next), (85, U256::ZERO));
    let none = send(&mut harness, BOB, &page(U256::MAX, U256::from(3))).unwrap();
    assert_eq!((none.keys.len(), none.next), (0, U256::ZERO));
    let nothing = send(&mut harness, BOB, &page(U256::ZERO, U256::ZERO)).unwrap();
    assert_eq!((nothing.keys.len(), nothing.next), (0, U256::ONE));
}

#[test]
fn a_page_has_at_most_so_many_keys() {
    let (mut harness, database) = opened();
    for n in 1..=PAGE_ENTRIES_MAX as u64 + 1 {
        send(&mut harness, ALICE, &put(database, n, &bytes(1))).unwrap();
    }
    let call = abi::scanCall { database, table: TABLE, cursor: U256::ZERO, limit: U256::MAX };
    let page = send(&mut harness, BOB, &call).unwrap();
    assert_eq!((page.keys.len(), page.next), (PAGE_ENTRIES_MAX, U256::from(PAGE_ENTRIES_MAX + 1)));
}

#[test]
fn many_rows_are_written_and_read_at_once() {
    let (mut harness, database) = opened();
    let keys: Vec<_> = (0..DATABASE_KEYS_MAX as u64).map(key).collect();
    let values: Vec<_> = (0..DATABASE_KEYS_MAX).map(|n| bytes(n % 70)).collect();
    let write = abi::putManyCall { database, table: TABLE, keys: keys.clone(), values: values.clone() };
    send(&mut harness, ALICE, &write).unwrap();
    let read = abi::getManyCall { database, table: TABLE, keys: keys.clone() };
    assert_eq!(send(&mut harness, BOB, &read).unwrap(), values);
    let missing = abi::getManyCall { database, table: TABLE, keys: vec![key(9_999), key(1)] };
    assert_eq!(send(&mut harness, BOB, &missing).unwrap(), [Bytes::new(), bytes(1)]);
    let uneven = abi::putManyCall { database, table: TABLE, keys: keys.clone(), values: values[1..].to_vec() };
    assert!(send(&mut harness, ALICE, &uneven).map(|_| ()).unwrap_err().reason().contains("as many values as keys"));
    let more = |keys: &[B256]| [keys, &[key(5_000)]].concat();
    let limit = abi::LimitExceeded { what: "keys".into(), limit: U256::from(DATABASE_KEYS_MAX) };
    let write =
        abi::putManyCall { database, table: TABLE, keys: more(&keys), values: [values, vec![bytes(1)]].concat() };
    assert!(send(&mut harness, ALICE, &write).map(|_| ()).unwrap_err().is(&limit));
    let read = abi::getManyCall { database, table: TABLE, keys: more(&keys) };
    assert!(send(&mut harness, BOB, &read).map(|_| ()).unwrap_err().is(&limit));
}

#[test]
fn only_a_plain_call_writes() {
    let contract = Address::repeat_byte(0xcc);
    for (instruction, writes) in [(0xf1, true), (0xf2, false), (0xf4, false), (0xfa, false)] {
        let chain = PervadeConfig::new(Vec::new(), 30_000_000);
        let code = forwarder(DATABASE, instruction);
        let mut harness = Harness::with_code(chain, &[ALICE], &[(contract, &code)]);
        let open = abi::openCall { salt: SALT }.abi_encode();
        let result = harness.transact(ALICE, contract, U256::ZERO, open.into());
        assert_eq!(result.is_ok(), writes, "{instruction:#x}");
        let count = abi::countCall { database: database_of(contract), table: TABLE }.abi_encode();
        assert!(harness.transact(ALICE, contract, U256::ZERO, count.into()).is_ok(), "reading is free to all");
    }
}

#[test]
fn out_of_gas_at_any_step_leaves_nothing() {
    let setup = || {
        let (mut harness, database) = opened();
        send(&mut harness, ALICE, &put(database, 1, &bytes(100))).unwrap();
        let append = abi::appendCall { database, series: TABLE, timeMs: 5, value: bytes(40) };
        send(&mut harness, ALICE, &append).unwrap();
        (harness, database)
    };
    let (_, database) = setup();
    let calls = [
        put(database, 2, &bytes(200)).abi_encode(),
        put(database, 1, &bytes(3)).abi_encode(),
        abi::removeCall { database, table: TABLE, key: key(1) }.abi_encode(),
        abi::appendCall { database, series: TABLE, timeMs: 5, value: bytes(50) }.abi_encode(),
        abi::trimCall { database, series: TABLE, beforeMs: 9, limit: U256::from(9) }.abi_encode(),
        abi::setRoleCall { database, account: BOB, role: abi::Role::Admin }.abi_encode(),
    ];
    for call in calls {
        let mut whole = setup().0;
        whole.transact(ALICE, DATABASE, U256::ZERO, call.clone().into()).unwrap();
        let spent = whole.evm.ctx.journaled_state.database.changes();
        let (mut harness, _) = setup();
        let before = harness.changes();
        // What is needed before refunds is looked for from below: from what calldata costs at most (EIP-7623).
        let mut gas = 21_000 + 40 * call.len() as u64;
        loop {
            harness.gas_limit = gas;
            match harness.transact(ALICE, DATABASE, U256::ZERO, call.clone().into()) {
                Ok(_) => break,
                Err(Failure::Halt) => {
                    let after = harness.changes();
                    assert_eq!(after.accounts.get(&DATABASE), before.accounts.get(&DATABASE), "{gas}");
                    assert_eq!(after.code, before.code, "{gas}");
                }
                Err(other) => panic!("{gas}: {other:?}"),
            }
            gas += 613;
            assert!(gas < 2_000_000);
        }
        assert_eq!(harness.changes().accounts.get(&DATABASE), spent.accounts.get(&DATABASE));
    }
}
