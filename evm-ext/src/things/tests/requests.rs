//! Requests from the question to the callback, by each agreement.
use super::{CONTRACT, Device, OTHER, OWNER, RELAYER, harness, pay, refusal, send};
use crate::{
    precompiles::harness::{CHAIN_ID, Failure, Harness, START},
    things::{
        abi::IThings::{self, Agreement, Operation, Status},
        begin, end, plan, promote,
        signatures::{Answer, Custody, digest},
    },
};
use alloy_primitives::{B256, Bytes, FixedBytes, I256, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolValue;
use pervade_chainspec::params::{
    CALLBACK_GAS_MAX, REQUEST_ATTEMPTS_MAX, REQUEST_INPUT_BYTES_MAX, REQUEST_RESULT_BYTES_MAX, REQUEST_SECONDS_MAX,
    THING_REQUESTS_MAX, THINGS_ADDRESS,
};

alloy_sol_types::sol! {
    #[derive(Debug)]
    struct SignedAnswer {
        uint32 attempt;
        uint16 code;
        bytes result;
        bytes32 resultHash;
        uint64 observedAtMs;
        bytes signature;
    }
}

pub(super) fn gateway(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x60 + number)).unwrap()
}

/// A device with so many gateways of its own, that the contract may read and command.
pub(super) fn prepared(gateways: u8) -> (Harness, Device) {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let thing = device.thing();
    let grant = IThings::grantCall { thing, consumer: CONTRACT, operations: 0b111, expiry: u64::MAX };
    send(&mut harness, OWNER, &grant).unwrap();
    let gateways = (0..gateways).map(|number| gateway(number).address()).collect();
    send(&mut harness, OWNER, &IThings::assignGatewaysCall { thing, gateways }).unwrap();
    (harness, device)
}

pub(super) fn read(device: &Device, agreement: Agreement) -> IThings::Request {
    IThings::Request {
        thing: device.thing(),
        operation: Operation::ReadProperty,
        affordance: "temp".into(),
        input: Bytes::new(),
        mappingId: B256::ZERO,
        agreement,
        minGateways: 4,
        deadline: START + 100,
        maxAttempts: 3,
        maxResultBytes: 1_024,
        onResult: FixedBytes([1; 4]),
        onFailure: FixedBytes([2; 4]),
        callbackGas: 100_000,
        maxFeePerGas: 0,
    }
}

pub(super) fn ask(harness: &mut Harness, of: IThings::Request) -> Result<U256, Failure> {
    send(harness, CONTRACT, &IThings::requestCall { request_: of })
}

pub(super) fn answer(signer: &PrivateKeySigner, id: U256, code: u16, result: &[u8]) -> SignedAnswer {
    let signed = Answer { requestId: id, attempt: 1, code, resultHash: keccak256(result), observedAtMs: START * 1_000 };
    let signature = signer.sign_hash_sync(&digest(&signed, CHAIN_ID)).unwrap();
    SignedAnswer {
        attempt: 1,
        code,
        result: Bytes::copy_from_slice(result),
        resultHash: signed.resultHash,
        observedAtMs: signed.observedAtMs,
        signature: signature.as_bytes().to_vec().into(),
    }
}

pub(super) fn report(
    harness: &mut Harness,
    id: U256,
    code: u16,
    result: &[u8],
    answers: Vec<SignedAnswer>,
) -> Result<(), Failure> {
    let proof = (OTHER, answers).abi_encode_params().into();
    let call = IThings::reportCall { requestId: id, code, result: Bytes::copy_from_slice(result), proof };
    send(harness, RELAYER, &call).map(|_| ())
}

pub(super) fn status(harness: &mut Harness, id: U256) -> (Status, u16) {
    let status = send(harness, OTHER, &IThings::statusOfCall { requestId: id }).unwrap();
    (status.status, status.code)
}

/// Runs what is due as a block does; answers the calldata of the callbacks.
pub(super) fn due(harness: &mut Harness, succeeded: bool) -> Vec<Bytes> {
    let items = harness.as_protocol_with_logs(THINGS_ADDRESS, |frame| {
        promote(frame)?;
        plan(frame, 1 << 40)
    });
    let mut called = Vec::new();
    for (item, _) in items.unwrap() {
        let done = harness.as_protocol_with_logs(THINGS_ADDRESS, |frame| {
            let Some(callback) = begin(frame, item)? else { return Ok(()) };
            called.push(callback.input);
            end(frame, item, succeeded, 50_000)
        });
        done.unwrap();
    }
    called
}

pub(super) fn invalid_proof() -> Failure {
    use alloy_sol_types::SolError;
    Failure::Revert(IThings::InvalidProof {}.abi_encode().into())
}

#[test]
fn one_gateways_word_settles_a_request_and_its_callback_gets_the_result() {
    let (mut harness, device) = prepared(4);
    let id = ask(&mut harness, read(&device, Agreement::Gateway)).unwrap();
    assert_eq!(status(&mut harness, id), (Status::Pending, 0));
    let stranger = answer(&gateway(9), id, 0, b"21");
    assert_eq!(report(&mut harness, id, 0, b"21", vec![stranger]), Err(invalid_proof()));
    let good = || vec![answer(&gateway(2), id, 0, b"21")];
    assert_eq!(report(&mut harness, id, 0, b"22", good()), Err(invalid_proof()), "another result");
    assert_eq!(report(&mut harness, id, 2, b"", good()), Err(invalid_proof()), "another code");
    report(&mut harness, id, 0, b"21", good()).unwrap();
    assert_eq!(status(&mut harness, id), (Status::Settled, 0));
    assert!(report(&mut harness, id, 0, b"21", good()).is_err(), "once");
    let input = (id, Bytes::from_static(b"21")).abi_encode_params();
    assert_eq!(due(&mut harness, true), [Bytes::from([&[1; 4][..], &input].concat())]);
    assert_eq!(status(&mut harness, id), (Status::Fulfilled, 0));
    assert_eq!(send(&mut harness, OTHER, &IThings::resultOfCall { requestId: id }).unwrap(), b"21"[..]);
    assert!(due(&mut harness, true).is_empty());
}

#[test]
fn identical_takes_more_than_two_thirds_with_the_same_words() {
    let (mut harness, device) = prepared(4);
    let id = ask(&mut harness, read(&device, Agreement::Identical)).unwrap();
    let of = |numbers: &[u8], result: &[u8]| -> Vec<_> {
        numbers.iter().map(|number| answer(&gateway(*number), id, 0, result)).collect()
    };
    assert_eq!(report(&mut harness, id, 0, b"5", of(&[0, 1], b"5")), Err(invalid_proof()));
    assert_eq!(report(&mut harness, id, 0, b"5", of(&[0, 1, 1], b"5")), Err(invalid_proof()), "one twice");
    let liar = [of(&[0, 1], b"5"), of(&[2], b"6")].concat();
    assert_eq!(report(&mut harness, id, 0, b"5", liar), Err(invalid_proof()));
    report(&mut harness, id, 0, b"5", of(&[3, 1, 0], b"5")).unwrap();
    assert_eq!(status(&mut harness, id), (Status::Settled, 0));
}

#[test]
fn that_there_is_no_agreement_takes_proof_too() {
    let (mut harness, device) = prepared(4);
    let id = ask(&mut harness, read(&device, Agreement::Identical)).unwrap();
    let said = |words: &[&[u8]]| -> Vec<_> {
        (0u8..).zip(words).map(|(number, word)| answer(&gateway(number), id, 0, word)).collect()
    };
    assert_eq!(report(&mut harness, id, 6, b"", said(&[b"5", b"6"])), Err(invalid_proof()), "two may still join");
    report(&mut harness, id, 6, b"", said(&[b"5", b"5", b"6", b"7"])).unwrap();
    let calls = due(&mut harness, true);
    assert_eq!(calls, [Bytes::from([&[2; 4][..], &(id, U256::from(6)).abi_encode_params()].concat())]);
    assert_eq!(status(&mut harness, id), (Status::Failed, 6));
    let single = ask(&mut harness, read(&device, Agreement::Gateway)).unwrap();
    assert!(report(&mut harness, single, 6, b"", vec![answer(&gateway(0), single, 6, b"")]).is_err());
}

#[test]
fn the_median_is_the_lower_one_whatever_the_exponents() {
    let (mut harness, device) = prepared(4);
    let id = ask(&mut harness, read(&device, Agreement::Median)).unwrap();
    let number = |number: i64, exponent: i64| {
        (I256::try_from(number).unwrap(), I256::try_from(exponent).unwrap()).abi_encode_params()
    };
    let values = [number(215, -1), number(21, 0), number(-3, 2), number(2_200, -2)];
    let answers =
        || -> Vec<_> { (0u8..).zip(&values).map(|(place, value)| answer(&gateway(place), id, 0, value)).collect() };
    for (place, value) in values.iter().enumerate() {
        if place != 1 {
            assert_eq!(report(&mut harness, id, 0, value, answers()), Err(invalid_proof()), "{place}");
        }
    }
    let mut forged = answers();
    forged[0].result = number(1, 0).into();
    assert_eq!(report(&mut harness, id, 0, &values[1], forged), Err(invalid_proof()));
    report(&mut harness, id, 0, &values[1], answers()).unwrap();
}

#[test]
fn a_device_answers_for_itself_until_it_is_another_generation() {
    let (mut harness, device) = prepared(0);
    let first = ask(&mut harness, read(&device, Agreement::Device)).unwrap();
    let second = ask(&mut harness, read(&device, Agreement::Device)).unwrap();
    let words = |id| vec![answer(&device.signer, id, 0, b"on")];
    assert_eq!(report(&mut harness, first, 0, b"on", vec![answer(&gateway(0), first, 0, b"on")]), Err(invalid_proof()));
    report(&mut harness, first, 0, b"on", words(first)).unwrap();
    send(&mut harness, OWNER, &IThings::retireCall { thing: device.thing() }).unwrap();
    device.register(&mut harness);
    assert_eq!(report(&mut harness, second, 0, b"on", words(second)), Err(invalid_proof()));
}

#[test]
fn that_a_thing_which_signs_has_failed_takes_most_of_the_gateways_or_its_own_word() {
    for agreement in [Agreement::Device, Agreement::Attested] {
        let (mut harness, device) = prepared(4);
        let id = ask(&mut harness, read(&device, agreement)).unwrap();
        let said = |codes: &[u16]| -> Vec<_> {
            (0u8..).zip(codes).map(|(number, code)| answer(&gateway(number), id, *code, b"")).collect()
        };
        assert_eq!(report(&mut harness, id, 2, b"", said(&[2, 2])), Err(invalid_proof()), "two of four");
        let twice = vec![answer(&gateway(0), id, 2, b""); 3];
        assert_eq!(report(&mut harness, id, 2, b"", twice), Err(invalid_proof()), "one three times");
        let stranger = [said(&[2, 2]), vec![answer(&gateway(9), id, 2, b"")]].concat();
        assert_eq!(report(&mut harness, id, 2, b"", stranger), Err(invalid_proof()));
        for other in [0, 6, 10] {
            assert_eq!(report(&mut harness, id, 2, b"", said(&[2, 2, other])), Err(invalid_proof()), "code {other}");
        }
        assert_eq!(report(&mut harness, id, 1, b"", said(&[2, 1, 2])), Err(invalid_proof()), "not the lower median");
        assert!(report(&mut harness, id, 6, b"", said(&[2, 2, 2])).is_err(), "nobody had to agree");
        report(&mut harness, id, 1, b"", said(&[2, 1, 1, 4])).unwrap();
        assert_eq!(status(&mut harness, id), (Status::Settled, 1));
        let calls = due(&mut harness, true);
        assert_eq!(calls, [Bytes::from([&[2; 4][..], &(id, U256::from(1)).abi_encode_params()].concat())]);
    }
    let (mut harness, device) = prepared(4);
    let id = ask(&mut harness, read(&device, Agreement::Device)).unwrap();
    let of = |signer: &PrivateKeySigner| {
        let signed =
            Answer { requestId: id, attempt: 0, code: 3, resultHash: keccak256(b""), observedAtMs: START * 1_000 };
        let signature = signer.sign_hash_sync(&digest(&signed, CHAIN_ID)).unwrap().as_bytes().to_vec().into();
        vec![SignedAnswer { attempt: 0, signature, ..answer(signer, id, 3, b"") }]
    };
    assert_eq!(report(&mut harness, id, 3, b"", of(&gateway(0))), Err(invalid_proof()), "attempt 0 is the thing's");
    report(&mut harness, id, 3, b"", of(&device.signer)).unwrap();
    assert_eq!(status(&mut harness, id), (Status::Settled, 3));
}

#[test]
fn reports_count_up_to_the_deadline_and_then_it_expires() {
    let (mut harness, device) = prepared(1);
    let on_time = ask(&mut harness, read(&device, Agreement::Gateway)).unwrap();
    let late = ask(&mut harness, read(&device, Agreement::Gateway)).unwrap();
    harness.next_block(100);
    assert!(due(&mut harness, true).is_empty());
    report(&mut harness, on_time, 0, b"", vec![answer(&gateway(0), on_time, 0, b"")]).unwrap();
    assert_eq!(due(&mut harness, true).len(), 1);
    harness.next_block(1);
    let refused = report(&mut harness, late, 0, b"", vec![answer(&gateway(0), late, 0, b"")]).unwrap_err();
    assert!(refused.is(&IThings::WrongStatus { status: Status::Expired }));
    assert!(due(&mut harness, true).is_empty(), "first the end, then the callback about it");
    assert_eq!(status(&mut harness, late), (Status::Expired, 1));
    let calls = due(&mut harness, true);
    assert_eq!(calls, [Bytes::from([&[2; 4][..], &(late, U256::ONE).abi_encode_params()].concat())]);
    assert_eq!(status(&mut harness, late), (Status::Expired, 1));
    assert_eq!(status(&mut harness, on_time), (Status::Fulfilled, 0));
}

#[test]
fn a_callback_that_fails_parks_the_result_and_anyone_resumes_it() {
    let (mut harness, device) = prepared(1);
    let id = ask(&mut harness, read(&device, Agreement::Gateway)).unwrap();
    report(&mut harness, id, 0, b"7", vec![answer(&gateway(0), id, 0, b"7")]).unwrap();
    assert_eq!(due(&mut harness, false).len(), 1);
    assert_eq!(status(&mut harness, id), (Status::Parked, 0));
    send(&mut harness, OTHER, &IThings::resumeCall { requestId: id }).unwrap();
    assert_eq!(due(&mut harness, false).len(), 1);
    harness.next_block(7 * 86_400);
    assert!(due(&mut harness, true).is_empty());
    assert_eq!(status(&mut harness, id), (Status::Parked, 0), "the last second of seven days");
    harness.next_block(1);
    due(&mut harness, true);
    assert_eq!(status(&mut harness, id), (Status::Expired, 0));
    assert!(send(&mut harness, OTHER, &IThings::resultOfCall { requestId: id }).unwrap().is_empty());
    let refused = refusal(&mut harness, OTHER, &IThings::resumeCall { requestId: id });
    assert!(refused.is(&IThings::WrongStatus { status: Status::Expired }));
}

#[test]
fn money_is_set_aside_spent_and_given_back() {
    let (mut harness, device) = prepared(1);
    let of = IThings::Request { maxFeePerGas: 5, ..read(&device, Agreement::Gateway) };
    let quote = send(&mut harness, OTHER, &IThings::quoteCall { request_: of.clone() }).unwrap();
    assert_eq!(quote, U256::from((24_000 + 500_000 + 100_000) * 5));
    assert!(
        refusal(&mut harness, CONTRACT, &IThings::requestCall { request_: of.clone() })
            .is(&IThings::Underfunded { needed: quote })
    );
    let call = IThings::requestCall { request_: of };
    let id = pay(&mut harness, CONTRACT, quote + U256::from(3), &call).unwrap();
    let balance = |harness: &mut Harness| {
        let balance = send(harness, OTHER, &IThings::balanceOfCall { account: CONTRACT }).unwrap();
        (balance.free, balance.reserved)
    };
    assert_eq!(balance(&mut harness), (U256::from(3), quote));
    assert!(
        refusal(&mut harness, OTHER, &IThings::cancelCall { requestId: id })
            .is(&IThings::NotAuthorized { caller: OTHER })
    );
    send(&mut harness, CONTRACT, &IThings::cancelCall { requestId: id }).unwrap();
    assert_eq!(balance(&mut harness), (quote + U256::from(3), U256::ZERO));
    assert_eq!(status(&mut harness, id), (Status::Cancelled, 0));
}

#[test]
fn a_gateway_takes_custody_of_a_request_whose_thing_is_offline() {
    let (mut harness, device) = prepared(1);
    let id = ask(&mut harness, read(&device, Agreement::Gateway)).unwrap();
    let custody = |signer: &PrivateKeySigner| {
        let signature = signer.sign_hash_sync(&digest(&Custody { requestId: id }, CHAIN_ID)).unwrap();
        IThings::queueCall { requestId: id, signature: signature.as_bytes().to_vec().into() }
    };
    assert!(refusal(&mut harness, RELAYER, &custody(&gateway(5))).is(&IThings::InvalidProof {}));
    send(&mut harness, RELAYER, &custody(&gateway(0))).unwrap();
    assert_eq!(status(&mut harness, id), (Status::Queued, 0));
    let again = refusal(&mut harness, RELAYER, &custody(&gateway(0)));
    assert!(again.is(&IThings::WrongStatus { status: Status::Queued }));
    report(&mut harness, id, 0, b"", vec![answer(&gateway(0), id, 0, b"")]).unwrap();
}

#[test]
fn open_requests_are_listed_in_order_and_bounded() {
    let (mut harness, device) = prepared(1);
    let ids: Vec<U256> =
        (0..THING_REQUESTS_MAX).map(|_| ask(&mut harness, read(&device, Agreement::Gateway)).unwrap()).collect();
    assert!(ask(&mut harness, read(&device, Agreement::Gateway)).is_err());
    let page = |harness: &mut Harness, cursor: U256, limit: u64| {
        let call = IThings::pendingCall { thing: device.thing(), cursor, limit: U256::from(limit) };
        let page = send(harness, OTHER, &call).unwrap();
        (page.requestIds, page.next)
    };
    assert_eq!(page(&mut harness, U256::ZERO, 2), (ids[..2].to_vec(), ids[2]));
    for id in [ids[0], ids[3], *ids.last().unwrap()] {
        send(&mut harness, CONTRACT, &IThings::cancelCall { requestId: id }).unwrap();
    }
    let left: Vec<_> = ids.iter().copied().filter(|id| ![ids[0], ids[3], ids[255]].contains(id)).collect();
    let (first, next) = page(&mut harness, U256::ZERO, 100);
    let (second, next2) = page(&mut harness, next, 1_000);
    assert_eq!(([first, second].concat(), next2), (left, U256::ZERO));
    ask(&mut harness, read(&device, Agreement::Gateway)).unwrap();
}

#[test]
fn limits_and_contradictions_are_refused() {
    let (mut harness, device) = prepared(3);
    let good = read(&device, Agreement::Gateway);
    let edge = IThings::Request {
        deadline: START + REQUEST_SECONDS_MAX,
        maxAttempts: REQUEST_ATTEMPTS_MAX,
        callbackGas: CALLBACK_GAS_MAX,
        maxResultBytes: REQUEST_RESULT_BYTES_MAX as u32,
        input: vec![b' '; REQUEST_INPUT_BYTES_MAX].into(),
        ..good.clone()
    };
    ask(&mut harness, edge.clone()).unwrap();
    let command = IThings::Request { operation: Operation::InvokeAction, affordance: "open".into(), ..good.clone() };
    ask(&mut harness, command.clone()).unwrap();
    let wrong = [
        IThings::Request { deadline: edge.deadline + 1, ..edge.clone() },
        IThings::Request { maxAttempts: REQUEST_ATTEMPTS_MAX + 1, ..edge.clone() },
        IThings::Request { maxAttempts: 0, ..edge.clone() },
        IThings::Request { callbackGas: CALLBACK_GAS_MAX + 1, ..edge.clone() },
        IThings::Request { maxResultBytes: REQUEST_RESULT_BYTES_MAX as u32 + 1, ..edge.clone() },
        IThings::Request { input: vec![b' '; REQUEST_INPUT_BYTES_MAX + 1].into(), ..edge },
        IThings::Request { deadline: START, ..good.clone() },
        IThings::Request { onResult: FixedBytes::ZERO, ..good.clone() },
        IThings::Request { affordance: "pressure".into(), ..good.clone() },
        IThings::Request { affordance: "open".into(), ..good.clone() },
        IThings::Request { thing: B256::ZERO, ..good.clone() },
        IThings::Request { mappingId: B256::repeat_byte(1), ..good.clone() },
        IThings::Request { agreement: Agreement::Identical, ..command.clone() },
        IThings::Request { agreement: Agreement::Median, ..command },
    ];
    for (index, of) in wrong.into_iter().enumerate() {
        assert!(ask(&mut harness, of).is_err(), "{index}");
    }
    let few = ask(&mut harness, IThings::Request { agreement: Agreement::Identical, ..good.clone() }).unwrap_err();
    assert!(few.is(&IThings::TooFewGateways { gateways: U256::from(3) }));
    let call = IThings::requestCall { request_: good };
    assert!(refusal(&mut harness, OTHER, &call).is(&IThings::CallerIsNotContract {}));
}
