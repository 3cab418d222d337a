//! What the Contract Database fetches is proved before the callback sees it.
use super::{
    Device, OTHER, OWNER, RELAYER, refusal,
    requests::{answer, due, gateway, invalid_proof, read, report, status},
    send,
};
use crate::{
    database::abi::{IContractDatabase, IThings as Asked},
    governance::abi::IGovernance,
    precompiles::harness::{CHAIN_ID, Failure, Harness, START, forwarder},
    things::{
        abi::IThings::{self, Agreement, Status},
        signatures::{Fetch, digest},
    },
};
use IContractDatabase::ProviderKind;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::SolValue;
use ed25519_dalek::Signer as _;
use pervade_chainspec::{
    PervadeConfig, ValidatorConfig,
    params::{CONTENT_RESULT_BYTES_MAX, CONTRACT_DATABASE_ADDRESS, GOVERNANCE_ADDRESS, THINGS_ADDRESS},
};
use pervade_evidence::{Codec, ContentId, HashFunction, Tally};

/// A contract that calls the database with what it is called with.
const FETCHER: Address = Address::repeat_byte(0xc2);

/// Somebody outside who signs what they say.
struct Provider(ed25519_dalek::SigningKey);

impl Provider {
    fn new(seed: u8) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    fn cose_key(&self) -> Bytes {
        [&hex!("a4010103272006215820")[..], self.0.verifying_key().as_bytes()].concat().into()
    }

    /// COSE_Sign1 with EdDSA.
    fn sign(&self, payload: &[u8]) -> Vec<u8> {
        let protected = hex!("43a10127");
        let to_sign = [&hex!("846a")[..], b"Signature1", &protected, &hex!("40"), &byte_string(payload)].concat();
        let signature = self.0.sign(&to_sign).to_bytes();
        [&hex!("d284")[..], &protected, &hex!("a0"), &byte_string(payload), &hex!("5840"), &signature].concat()
    }
}

/// CBOR, up to 65,535 bytes.
fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let head = match length {
        0..24 => vec![0x40 + length as u8],
        24..256 => vec![0x58, length as u8],
        _ => vec![0x59, (length >> 8) as u8, length as u8],
    };
    [head, bytes.to_vec()].concat()
}

/// A device that the fetching contract may read, with a gateway; the chain has the same gateway.
fn prepared() -> (Harness, Device) {
    let public_key = hex!("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").into();
    let chain = PervadeConfig::new(vec![ValidatorConfig { account: OWNER, public_key, power: 1 }], 200_000_000);
    let code = forwarder(CONTRACT_DATABASE_ADDRESS, 0xf1);
    let mut harness = Harness::with_code(chain, &[OWNER, OTHER, RELAYER], &[(FETCHER, &code)]);
    let device = Device::new(7);
    device.register(&mut harness);
    let thing = device.thing();
    let grant = IThings::grantCall { thing, consumer: FETCHER, operations: 1, expiry: u64::MAX };
    send(&mut harness, OWNER, &grant).unwrap();
    let gateways = vec![gateway(0).address()];
    send(&mut harness, OWNER, &IThings::assignGatewaysCall { thing, gateways }).unwrap();
    let propose = IGovernance::proposeCall {
        action: IGovernance::Action::SetGateway,
        arguments: (gateway(0).address(), true).abi_encode_params().into(),
        expiry: START + 60,
    };
    harness.send(OWNER, GOVERNANCE_ADDRESS, U256::ZERO, &propose).unwrap();
    harness.next_block(0);
    harness.next_block(0);
    (harness, device)
}

fn asked(of: IThings::Request) -> Asked::Request {
    Asked::Request {
        thing: of.thing,
        operation: Asked::Operation::try_from(of.operation as u8).unwrap(),
        affordance: of.affordance,
        input: of.input,
        mappingId: of.mappingId,
        agreement: Asked::Agreement::try_from(of.agreement as u8).unwrap(),
        minGateways: of.minGateways,
        deadline: of.deadline,
        maxAttempts: of.maxAttempts,
        maxResultBytes: of.maxResultBytes,
        onResult: of.onResult,
        onFailure: of.onFailure,
        callbackGas: of.callbackGas,
        maxFeePerGas: of.maxFeePerGas,
    }
}

fn set_provider(harness: &mut Harness, kind: ProviderKind, thing: B256, keys: Vec<Bytes>, policy: Bytes) -> B256 {
    let call = IContractDatabase::setProviderCall { kind, thing, keys, policy };
    harness.send(OWNER, CONTRACT_DATABASE_ADDRESS, U256::ZERO, &call).unwrap()
}

fn fetch(harness: &mut Harness, provider: B256, of: IThings::Request) -> Result<U256, Failure> {
    let call = IContractDatabase::fetchCall { provider, request: asked(of) };
    harness.send(OWNER, FETCHER, U256::from(5), &call)
}

/// A gateway reports what it got.
fn bring(harness: &mut Harness, id: U256, result: &[u8]) -> Result<(), Failure> {
    report(harness, id, 0, result, vec![answer(&gateway(0), id, 0, result)])
}

fn invalid_evidence() -> Failure {
    use alloy_sol_types::SolError;
    Failure::Revert(IContractDatabase::InvalidEvidence {}.abi_encode().into())
}

fn callback(id: U256, data: &[u8]) -> Bytes {
    [&[1; 4][..], &(id, Bytes::copy_from_slice(data)).abi_encode_params()].concat().into()
}

#[test]
fn a_signed_answer_reaches_the_callback_without_its_envelope() {
    let (mut harness, device) = prepared();
    let (good, liar) = (Provider::new(1), Provider::new(9));
    let keys = vec![Provider::new(2).cose_key(), good.cose_key()];
    let provider = set_provider(&mut harness, ProviderKind::Signed, device.thing(), keys, Bytes::new());
    let id = fetch(&mut harness, provider, read(&device, Agreement::Gateway)).unwrap();
    let balance = send(&mut harness, OTHER, &IThings::balanceOfCall { account: FETCHER }).unwrap();
    assert_eq!((balance.free, harness.balance(THINGS_ADDRESS)), (U256::from(5), U256::from(5)), "value goes along");
    let data = b"{\"price\": 42}";
    assert_eq!(bring(&mut harness, id, data), Err(invalid_evidence()), "no signature");
    assert_eq!(bring(&mut harness, id, &liar.sign(data)), Err(invalid_evidence()));
    let message = good.sign(data);
    for place in 0..message.len() {
        let mut flipped = message.clone();
        flipped[place] ^= 1;
        assert_eq!(bring(&mut harness, id, &flipped), Err(invalid_evidence()), "byte {place}");
    }
    let stranger = vec![answer(&gateway(1), id, 0, &message)];
    assert_eq!(report(&mut harness, id, 0, &message, stranger), Err(invalid_proof()), "the agreement counts as well");
    bring(&mut harness, id, &message).unwrap();
    assert_eq!(due(&mut harness, true), [callback(id, data)]);
    assert_eq!(status(&mut harness, id), (Status::Fulfilled, 0));
    let requested = send(&mut harness, OTHER, &IThings::requestOfCall { requestId: id }).unwrap();
    assert_eq!(requested.requester, FETCHER);
}

#[test]
fn a_quorum_needs_more_than_two_thirds_of_its_keys() {
    let (mut harness, device) = prepared();
    let providers: Vec<_> = (1..=4).map(Provider::new).collect();
    let keys = providers.iter().map(Provider::cose_key).collect();
    let provider = set_provider(&mut harness, ProviderKind::Quorum, device.thing(), keys, Bytes::new());
    let of = IThings::Request { maxResultBytes: 4_096, ..read(&device, Agreement::Gateway) };
    let id = fetch(&mut harness, provider, of).unwrap();
    let signed = |numbers: &[usize], data: &[u8]| -> Vec<u8> {
        let messages = numbers.iter().flat_map(|number| byte_string(&providers[*number].sign(data)));
        std::iter::once(0x80 + numbers.len() as u8).chain(messages).collect()
    };
    assert_eq!(bring(&mut harness, id, &signed(&[0, 1], b"7")), Err(invalid_evidence()));
    assert_eq!(bring(&mut harness, id, &signed(&[0, 1, 1], b"7")), Err(invalid_evidence()));
    bring(&mut harness, id, &signed(&[3, 0, 1], b"7")).unwrap();
    assert_eq!(due(&mut harness, true), [callback(id, b"7")]);
}

#[test]
fn an_attestation_is_made_for_the_request_and_its_claims_are_the_answer() {
    let (mut harness, device) = prepared();
    let enclave = Provider::new(1);
    let policy: Bytes = [&hex!("a10181")[..], &enclave.cose_key()].concat().into();
    let provider = set_provider(&mut harness, ProviderKind::Attested, device.thing(), Vec::new(), policy);
    let first = fetch(&mut harness, provider, read(&device, Agreement::Gateway)).unwrap();
    let second = fetch(&mut harness, provider, read(&device, Agreement::Gateway)).unwrap();
    // {10: nonce, 100: 21}
    let claims = |id| {
        let nonce = digest(&Fetch { requestId: id }, CHAIN_ID);
        [&hex!("a20a5820")[..], nonce.as_slice(), &hex!("186415")].concat()
    };
    let token = enclave.sign(&claims(first));
    assert_eq!(bring(&mut harness, second, &token), Err(invalid_evidence()), "another request's");
    bring(&mut harness, first, &token).unwrap();
    assert_eq!(due(&mut harness, true), [callback(first, &claims(first))]);
}

#[test]
fn rotated_keys_count_at_once_and_providers_speak_of_their_thing_only() {
    let (mut harness, device) = prepared();
    let (old, new, other) = (Provider::new(1), Provider::new(2), Device::new(8));
    other.register(&mut harness);
    let provider = set_provider(&mut harness, ProviderKind::Signed, device.thing(), vec![old.cose_key()], Bytes::new());
    let id = fetch(&mut harness, provider, read(&device, Agreement::Gateway)).unwrap();
    set_provider(&mut harness, ProviderKind::Signed, device.thing(), vec![new.cose_key()], Bytes::new());
    assert_eq!(bring(&mut harness, id, &old.sign(b"1")), Err(invalid_evidence()));
    bring(&mut harness, id, &new.sign(b"1")).unwrap();
    let elsewhere = fetch(&mut harness, provider, read(&other, Agreement::Gateway)).unwrap_err();
    assert!(elsewhere.reason().contains("another thing"));
    let unknown = fetch(&mut harness, B256::ZERO, read(&device, Agreement::Gateway)).unwrap_err();
    assert!(unknown.is(&IContractDatabase::UnknownProvider { provider: B256::ZERO }));
    let content = set_provider(&mut harness, ProviderKind::Content, device.thing(), Vec::new(), Bytes::new());
    assert!(fetch(&mut harness, content, read(&device, Agreement::Gateway)).is_err());
    assert!(fetch(&mut harness, provider, read(&device, Agreement::Median)).is_err());
}

#[test]
fn what_a_provider_says_is_read_through_the_mapping_here() {
    let (mut harness, device) = prepared();
    let program = r#"{"observations": [{"property": "urn:temperature", "value": "$.t", "unit": "Cel"}]}"#;
    let (_, mapping) = super::mapped::define(&mut harness, program);
    let keys = vec![Provider::new(1).cose_key()];
    let provider = set_provider(&mut harness, ProviderKind::Signed, device.thing(), keys, Bytes::new());
    for (payload, code) in [(&br#"{"t": 5}"#[..], 0), (b"no", 8)] {
        let of = IThings::Request { mappingId: mapping, ..read(&device, Agreement::Gateway) };
        let id = fetch(&mut harness, provider, of).unwrap();
        bring(&mut harness, id, &Provider::new(1).sign(payload)).unwrap();
        assert_eq!(status(&mut harness, id), (Status::Settled, code));
    }
}

/// Length-delimited field of Protocol Buffers.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A UnixFS file of raw leaves: its identifier, and root and leaves.
fn file(leaves: &[Vec<u8>]) -> (ContentId, Vec<Bytes>) {
    let id = |codec, block: &[u8]| ContentId::of(codec, HashFunction::Sha2_256, block, &mut Tally::default()).unwrap();
    let size: usize = leaves.iter().map(Vec::len).sum();
    let mut about = [vec![0x08, 2, 0x18], varint(size as u64)].concat();
    let mut root = Vec::new();
    for leaf in leaves {
        about.extend([vec![0x20], varint(leaf.len() as u64)].concat());
        let link = [field(1, &id(Codec::Raw, leaf).to_bytes()), field(2, b""), vec![0x18], varint(leaf.len() as u64)];
        root.extend(field(2, &link.concat()));
    }
    root.extend(field(1, &about));
    let blocks = std::iter::once(root.clone()).chain(leaves.iter().cloned()).map(Bytes::from).collect();
    (id(Codec::DagPb, &root), blocks)
}

fn content(of: &IThings::Request, id: &ContentId, offset: u64, length: u32) -> IContractDatabase::fetchContentCall {
    let of = IThings::Request { affordance: String::new(), thing: B256::ZERO, ..of.clone() };
    IContractDatabase::fetchContentCall { cid: id.to_bytes().into(), offset, length, request: asked(of) }
}

/// Anybody reports blocks.
fn bring_blocks(harness: &mut Harness, id: U256, blocks: &[Bytes]) -> Result<(), Failure> {
    let result: Bytes = (blocks.to_vec(),).abi_encode_params().into();
    report(harness, id, 0, &result, Vec::new())
}

fn invalid_content() -> Failure {
    use alloy_sol_types::SolError;
    Failure::Revert(IContractDatabase::InvalidContent {}.abi_encode().into())
}

#[test]
fn content_settles_a_request_whoever_has_it_and_a_turned_bit_does_not() {
    let (mut harness, device) = prepared();
    let leaves: Vec<Vec<u8>> =
        (1..4u8).map(|seed| (0..200u8).map(|place| place.wrapping_mul(seed)).collect()).collect();
    let whole = leaves.concat();
    let (cid, blocks) = file(&leaves);
    let of = read(&device, Agreement::Gateway);
    let request = |harness: &mut Harness, offset, length| {
        harness.send(OWNER, FETCHER, U256::ZERO, &content(&of, &cid, offset, length)).unwrap()
    };
    let all = request(&mut harness, 0, 0);
    let asked = send(&mut harness, OTHER, &IThings::requestOfCall { requestId: all }).unwrap().request_;
    let input = format!(r#"{{"uriVariables":{{"cid":"{cid}","offset":0,"length":0}}}}"#);
    assert_eq!(asked.input, input.as_bytes().to_vec());
    for block in 0..blocks.len() {
        for byte in [0, blocks[block].len() / 2, blocks[block].len() - 1] {
            let mut flipped = blocks.clone();
            let mut bytes = flipped[block].to_vec();
            bytes[byte] ^= 0x10;
            flipped[block] = bytes.into();
            assert_eq!(bring_blocks(&mut harness, all, &flipped), Err(invalid_content()), "block {block} byte {byte}");
        }
    }
    assert_eq!(bring_blocks(&mut harness, all, &blocks[..3]), Err(invalid_content()), "one is missing");
    bring_blocks(&mut harness, all, &blocks).unwrap();
    let part = request(&mut harness, 190, 20);
    bring_blocks(&mut harness, part, &blocks[..3]).unwrap();
    assert_eq!(due(&mut harness, true), [callback(all, &whole), callback(part, &whole[190..210])]);
}

#[test]
fn that_nobody_has_content_takes_a_gateways_word() {
    let (mut harness, device) = prepared();
    let (cid, _) = file(&[vec![1; 10]]);
    let call = content(&read(&device, Agreement::Gateway), &cid, 0, 0);
    let id = harness.send(OWNER, FETCHER, U256::ZERO, &call).unwrap();
    assert_eq!(report(&mut harness, id, 2, b"", Vec::new()), Err(invalid_proof()));
    report(&mut harness, id, 2, b"", vec![answer(&gateway(0), id, 2, b"")]).unwrap();
    assert_eq!(status(&mut harness, id), (Status::Settled, 2));
    let none = IThings::Request { minGateways: 2, ..read(&device, Agreement::Identical) };
    let none = harness.send(OWNER, FETCHER, U256::ZERO, &content(&none, &cid, 0, 0)).unwrap_err();
    assert!(none.is(&IThings::TooFewGateways { gateways: U256::ONE }));
}

#[test]
fn content_of_24_kibibytes_fits_and_what_is_longer_than_asked_for_fails() {
    let (mut harness, device) = prepared();
    let most = CONTENT_RESULT_BYTES_MAX as u32;
    let of = IThings::Request { maxResultBytes: most, ..read(&device, Agreement::Gateway) };
    for (bytes, code) in [(CONTENT_RESULT_BYTES_MAX, 0), (CONTENT_RESULT_BYTES_MAX + 1, 5)] {
        let (cid, blocks) = file(&[vec![3; bytes]]);
        let id = harness.send(OWNER, FETCHER, U256::ZERO, &content(&of, &cid, 0, 0)).unwrap();
        bring_blocks(&mut harness, id, &blocks).unwrap();
        assert_eq!(status(&mut harness, id), (Status::Settled, code), "{bytes}");
    }
    let result = due(&mut harness, true);
    assert!(result[0].len() > CONTENT_RESULT_BYTES_MAX);
    let (cid, _) = file(&[vec![3; 9]]);
    let too_long = content(&IThings::Request { maxResultBytes: most + 1, ..of.clone() }, &cid, 0, 0);
    assert!(harness.send(OWNER, FETCHER, U256::ZERO, &too_long).is_err());
    let beyond = content(&IThings::Request { maxResultBytes: 8, ..of }, &cid, 0, 9);
    assert!(harness.send(OWNER, FETCHER, U256::ZERO, &beyond).is_err());
}

#[test]
fn only_contracts_fetch() {
    let (mut harness, device) = prepared();
    let keys = vec![Provider::new(1).cose_key()];
    let provider = set_provider(&mut harness, ProviderKind::Signed, device.thing(), keys, Bytes::new());
    let call = IContractDatabase::fetchCall { provider, request: asked(read(&device, Agreement::Gateway)) };
    let refused = harness.send(OTHER, CONTRACT_DATABASE_ADDRESS, U256::ZERO, &call).unwrap_err();
    assert!(refused.is(&IThings::CallerIsNotContract {}));
    let unread = refusal(&mut harness, OTHER, &IThings::resultOfCall { requestId: U256::from(9) });
    assert!(unread.is(&IThings::UnknownRequest { requestId: U256::from(9) }));
}
