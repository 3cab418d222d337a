//! Thing Communication, at 0x…7101.
use super::{
    Case,
    database::{ProviderKind, bytes, setProviderCall},
    evidence::{cose_key, identifier},
    machine::{CHAIN_ID, Loop, Machine},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue};
use eyre::OptionExt;
use pervade_chainspec::params::{
    BATCH_MESSAGES_MAX, CONTRACT_DATABASE_ADDRESS, DESCRIPTION_BYTES_MAX, PAYLOAD_BYTES_MAX, REQUEST_GATEWAYS_MAX,
    REQUEST_INPUT_BYTES_MAX, THINGS_ADDRESS,
};
use pervade_evidence::{Codec, HashFunction};
use pervade_evm_ext::things::{Answer, Custody, DeviceMessage, Register, digest};

mod abi {
    #![allow(missing_docs)]
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/IThings.sol"
    );
    alloy_sol_types::sol! {
        struct SignedAnswer {
            uint32 attempt;
            uint16 code;
            bytes result;
            bytes32 resultHash;
            uint64 observedAtMs;
            bytes signature;
        }
    }
}
use abi::{
    IThings::{self, Agreement, KeyType, Operation, TriggerKind},
    SignedAnswer,
};

const TO: Address = THINGS_ADDRESS;
/// Things that are registered and used.
const THINGS: u64 = 64;
/// Requests to one thing: fewer than may be open.
const REQUESTS: u64 = 120;
/// Seconds: all requests and triggers are of blocks long before.
const LATER: u64 = 1_000_000;
/// A failure code: unreachable.
const UNREACHABLE: u16 = 2;

/// A device with its key.
struct Device {
    id: String,
    signer: PrivateKeySigner,
}

impl Device {
    fn new(number: u64) -> eyre::Result<Self> {
        let signer = PrivateKeySigner::from_bytes(&keccak256(number.to_be_bytes()))?;
        Ok(Self { id: format!("urn:example:device:{number}"), signer })
    }

    fn thing(&self) -> B256 {
        keccak256(&self.id)
    }

    fn key(&self) -> Bytes {
        self.signer.credential().verifying_key().to_encoded_point(true).as_bytes().to_vec().into()
    }

    /// A description of about so many bytes.
    fn description(&self, length: usize) -> Bytes {
        let head = format!(
            r#"{{"@context":"https://www.w3.org/2022/wot/td/v1.1","id":"{}","title":"T","securityDefinitions":{{"n":{{"scheme":"nosec"}}}},"security":"n","properties":{{"temp":{{"type":"number","forms":[{{"href":"http://t.example/temp"}}]}}"#,
            self.id
        );
        let more = |index: usize| {
            format!(r#","p{index}":{{"type":"number","forms":[{{"href":"http://t.example/p{index}"}}]}}"#)
        };
        let room = length.saturating_sub(head.len() + 2) / more(100).len();
        let more: String = (0..room).map(more).collect();
        format!("{head}{more}}}}}").into_bytes().into()
    }

    /// One as long as it may be, with as many values as it can have.
    fn crowded_description(&self) -> Bytes {
        let short = self.description(0);
        let open = String::from_utf8_lossy(&short[..short.len() - 1]).into_owned();
        let room = (DESCRIPTION_BYTES_MAX - short.len() - r#","x":[0]"#.len()) / 3;
        format!(r#"{open},"x":[{}0]}}"#, "[],".repeat(room)).into_bytes().into()
    }

    fn registration(&self, owner: Address, length: usize) -> eyre::Result<Bytes> {
        self.registration_with(owner, self.description(length))
    }

    fn registration_with(&self, owner: Address, description: Bytes) -> eyre::Result<Bytes> {
        let possession = sign(&self.signer, digest(&Register { id: self.id.clone(), owner }, CHAIN_ID))?;
        let call = IThings::registerCall {
            id: self.id.clone(),
            keyType: KeyType::Secp256k1,
            key: self.key(),
            description,
            possession,
        };
        Ok(call.abi_encode().into())
    }

    fn message(&self, sequence: u64, payload: Bytes) -> eyre::Result<IThings::Message> {
        let (thing, observed_at_ms) = (self.thing(), 1_000);
        let signed = DeviceMessage {
            thing,
            generation: 1,
            sequence,
            observedAtMs: observed_at_ms,
            mappingId: B256::ZERO,
            payloadHash: keccak256(&payload),
        };
        let signature = sign(&self.signer, digest(&signed, CHAIN_ID))?;
        Ok(IThings::Message {
            thing,
            sequence,
            observedAtMs: observed_at_ms,
            mappingId: B256::ZERO,
            payload,
            signature,
        })
    }
}

fn sign(signer: &PrivateKeySigner, digest: B256) -> eyre::Result<Bytes> {
    Ok(signer.sign_hash_sync(&digest)?.as_bytes().to_vec().into())
}

/// All functions but `resume` and `wake`, which take up what a callback or an action left. Those that take value are called
/// without.
pub(super) fn cases(machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let mut cases = registry(machine.caller)?;
    cases.extend(messages(machine)?);
    cases.extend(requests(machine)?);
    cases.extend(triggers());
    let account = |n: u64| Address::from_word(keccak256(n.to_be_bytes()));
    let fund = (0..400).map(|n| IThings::fundCall { account: account(n) }.abi_encode().into());
    let balance_of = (0..400).map(|n| IThings::balanceOfCall { account: account(n) }.abi_encode().into());
    cases.push(Case::new("things.fund", "nothing", Loop::Load, TO).calls(50, fund));
    cases.push(Case::new("things.balanceOf", "", Loop::Load, TO).calls(50, balance_of));
    let withdraw = (0..400).map(|n| IThings::withdrawCall { to: account(n), value: U256::ZERO }.abi_encode().into());
    cases.push(Case::new("things.withdraw", "nothing", Loop::Load, TO).calls(50, withdraw));
    cases.extend(fetches(machine)?);
    Ok(cases)
}

fn registry(owner: Address) -> eyre::Result<Vec<Case>> {
    let devices = (1_000..1_000 + THINGS).map(Device::new).collect::<eyre::Result<Vec<_>>>()?;
    let full = |from: u64| {
        (from..from + THINGS)
            .map(|n| Device::new(n)?.registration(owner, DESCRIPTION_BYTES_MAX))
            .collect::<eyre::Result<Vec<_>>>()
    };
    let crowded = (3_000..3_000 + THINGS).map(|n| {
        let device = Device::new(n)?;
        device.registration_with(owner, device.crowded_description())
    });
    let crowded = crowded.collect::<eyre::Result<Vec<_>>>()?;
    let register: Vec<_> = devices.iter().map(|device| device.registration(owner, 0)).collect::<eyre::Result<_>>()?;
    let each = |call: &dyn Fn(&Device) -> Vec<u8>| -> Vec<Bytes> {
        devices.iter().map(|device| call(device).into()).collect()
    };
    let gateways: Vec<_> =
        (0..REQUEST_GATEWAYS_MAX as u64).map(|n| Address::from_word(keccak256(n.to_be_bytes()))).collect();
    let case = |function, input: &str, against| Case::new(function, input, against, TO);
    let update = |device: &Device| {
        let description = device.description(DESCRIPTION_BYTES_MAX);
        IThings::updateCall { thing: device.thing(), description }.abi_encode()
    };
    let assign = |device: &Device| {
        IThings::assignGatewaysCall { thing: device.thing(), gateways: gateways.clone() }.abi_encode()
    };
    let rotate = |device: &Device| {
        IThings::rotateKeyCall { thing: device.thing(), keyType: KeyType::Secp256k1, key: device.key() }.abi_encode()
    };
    let grant = |device: &Device| {
        IThings::grantCall { thing: device.thing(), consumer: owner, operations: 7, expiry: LATER }.abi_encode()
    };
    let grant_of = |device: &Device| IThings::grantOfCall { thing: device.thing(), consumer: owner }.abi_encode();
    let transfer = |device: &Device| IThings::transferThingCall { thing: device.thing(), owner }.abi_encode();
    Ok(vec![
        case("things.register", "small", Loop::Fill).calls(16, register),
        case("things.register", "8 KiB", Loop::Fill).calls(8, full(2_000)?),
        case("things.register", "8 KiB of lists", Loop::Fill).calls(8, crowded),
        case("things.update", "8 KiB", Loop::Overwrite).calls(8, each(&update)),
        case("things.assignGateways", "64", Loop::Fill).calls(4, each(&assign)),
        case("things.grant", "", Loop::Fill).calls(32, each(&grant)),
        case("things.thingOf", "8 KiB", Loop::Load)
            .calls(16, each(&|device| IThings::thingOfCall { thing: device.thing() }.abi_encode())),
        case("things.gatewaysOf", "64", Loop::Load)
            .calls(16, each(&|device| IThings::gatewaysOfCall { thing: device.thing() }.abi_encode())),
        case("things.grantOf", "", Loop::Load).calls(16, each(&grant_of)),
        case("things.rotateKey", "", Loop::Overwrite).calls(32, each(&rotate)),
        case("things.transferThing", "", Loop::Overwrite).calls(32, each(&transfer)),
        case("things.retire", "", Loop::Overwrite)
            .calls(32, each(&|device| IThings::retireCall { thing: device.thing() }.abi_encode())),
    ])
}

fn messages(machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let device = Device::new(1)?;
    machine.call(TO, &[device.registration(machine.caller, 0)?], 1)?;
    let publish = |from: u64, length: usize, count: u64| -> eyre::Result<Vec<Bytes>> {
        let call = |n| Ok(IThings::publishCall { message: device.message(n, bytes(n, length))? }.abi_encode().into());
        (from..from + count).map(call).collect()
    };
    let batch = |from: u64, length: usize, messages: u64| -> eyre::Result<Bytes> {
        let messages = (from..from + messages).map(|n| device.message(n, bytes(n, length)));
        let messages = messages.collect::<eyre::Result<_>>()?;
        Ok(IThings::publishBatchCall { messages }.abi_encode().into())
    };
    let most = BATCH_MESSAGES_MAX as u64;
    let batches = (0..6).map(|n| batch((n + 10) * most, 32, most)).collect::<eyre::Result<Vec<_>>>()?;
    // The first is accepted; the others are skipped before their signature is looked at.
    let skipped = (0..6).map(|_| batch(10 * most, 32, most)).collect::<eyre::Result<Vec<_>>>()?;
    let is_published = (0..2_000).map(|sequence| {
        IThings::isPublishedCall { thing: device.thing(), sequence: sequence << 8 }.abi_encode().into()
    });
    let case = |function, input: &str, against| Case::new(function, input, against, TO);
    Ok(vec![
        case("things.publish", "32 bytes", Loop::Overwrite).calls(50, publish(0, 32, 400)?),
        case("things.publish", "24 KiB", Loop::Overwrite).calls(5, publish(400, PAYLOAD_BYTES_MAX, 80)?),
        case("things.publishBatch", "256 messages", Loop::Overwrite).calls(1, batches),
        case("things.publishBatch", "256 skipped", Loop::Load).calls(1, skipped),
        case("things.isPublished", "", Loop::Load).calls(200, is_published),
    ])
}

fn requests(machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let gateways = (0..REQUEST_GATEWAYS_MAX as u64)
        .map(|n| Ok(PrivateKeySigner::from_bytes(&keccak256((n, "gateway").abi_encode()))?))
        .collect::<eyre::Result<Vec<_>>>()?;
    let mut before = Vec::new();
    let devices = [Device::new(2)?, Device::new(3)?];
    for device in &devices {
        let accounts = gateways.iter().map(|gateway| gateway.address()).collect();
        before.push(device.registration(machine.caller, 0)?);
        before.push(IThings::assignGatewaysCall { thing: device.thing(), gateways: accounts }.abi_encode().into());
    }
    machine.call(TO, &before, 1)?;
    let [small, large] = &devices;
    let ids = 1..=REQUESTS;
    let request = |device: &Device, input: usize| -> Vec<Bytes> {
        let call = IThings::requestCall { request_: read(device, input) }.abi_encode();
        vec![call.into(); REQUESTS as usize]
    };
    let each =
        |call: &dyn Fn(U256) -> Vec<u8>| -> Vec<Bytes> { ids.clone().map(|id| call(U256::from(id)).into()).collect() };
    let custody = ids.clone().map(|id| {
        let id = U256::from(id);
        let Some(gateway) = gateways.first() else { eyre::bail!("no gateways") };
        let signature = sign(gateway, digest(&Custody { requestId: id }, CHAIN_ID))?;
        Ok(IThings::queueCall { requestId: id, signature }.abi_encode().into())
    });
    // More than two thirds of the gateways say that the thing cannot be reached.
    let signers = gateways.get(..gateways.len() * 2 / 3 + 1).unwrap_or_default();
    let report = (1..=REQUESTS / 2).map(|id| {
        let id = U256::from(id);
        let answers = signers.iter().map(|signer| answer(signer, id)).collect::<eyre::Result<Vec<_>>>()?;
        let proof = (machine.caller, answers).abi_encode_params().into();
        Ok(IThings::reportCall { requestId: id, code: UNREACHABLE, result: Bytes::new(), proof }.abi_encode().into())
    });
    let custody = custody.collect::<eyre::Result<Vec<_>>>()?;
    let report = report.collect::<eyre::Result<Vec<_>>>()?;
    let cancel =
        (REQUESTS / 2 + 1..=REQUESTS).map(|id| IThings::cancelCall { requestId: U256::from(id) }.abi_encode().into());
    let quote = IThings::quoteCall { request_: read(large, REQUEST_INPUT_BYTES_MAX) }.abi_encode();
    let pending =
        IThings::pendingCall { thing: small.thing(), cursor: U256::ZERO, limit: U256::from(256) }.abi_encode();
    let case = |function, input: &str, against| Case::new(function, input, against, TO);
    let of = |id| IThings::requestOfCall { requestId: id + U256::from(REQUESTS) }.abi_encode();
    Ok(vec![
        case("things.quote", "8 KiB", Loop::Load).calls(1, vec![quote.into(); 60]),
        case("things.request", "small", Loop::Fill).calls(5, request(small, 0)),
        case("things.request", "8 KiB", Loop::Fill).calls(5, request(large, REQUEST_INPUT_BYTES_MAX)),
        case("things.requestOf", "8 KiB", Loop::Load).calls(10, each(&of)),
        case("things.statusOf", "", Loop::Load)
            .calls(40, each(&|id| IThings::statusOfCall { requestId: id }.abi_encode())),
        case("things.resultOf", "none", Loop::Load)
            .calls(40, each(&|id| IThings::resultOfCall { requestId: id }.abi_encode())),
        case("things.pending", &format!("{REQUESTS} requests"), Loop::Load).calls(1, vec![pending.into(); 40]),
        case("things.queue", "", Loop::Overwrite).calls(20, custody),
        case("things.report", "43 signatures", Loop::Overwrite).calls(5, report),
        case("things.cancel", "", Loop::Overwrite).calls(20, cancel),
    ])
}

/// Requests of the Contract Database.
fn fetches(machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let device = Device::new(4)?;
    let gateways = vec![machine.voter];
    let kind = ProviderKind::Signed;
    let set = setProviderCall { kind, thing: device.thing(), keys: vec![cose_key(1)?], policy: Bytes::new() };
    let assign = IThings::assignGatewaysCall { thing: device.thing(), gateways };
    machine.call(TO, &[device.registration(machine.caller, 0)?, assign.abi_encode().into()], 1)?;
    machine.call(CONTRACT_DATABASE_ADDRESS, &[set.abi_encode().into()], 1)?;
    let provider = keccak256((machine.caller, U256::from(kind as u8), device.thing()).abi_encode());
    let request = IThings::Request { agreement: Agreement::Gateway, minGateways: 1, ..read(&device, 0) };
    // The interface's structure is the same, so the calldata is put together from its parts. A structure's type is that of a
    // tuple, as in the signature of the function that takes nothing else.
    let of_request = IThings::requestCall::SIGNATURE.strip_prefix("request(").and_then(|rest| rest.strip_suffix(')'));
    let request_type = of_request.ok_or_eyre("request takes something else than a request")?;
    let call =
        |signature: String, arguments: Vec<u8>| -> Bytes { [&keccak256(signature)[..4], &arguments].concat().into() };
    let fetch = call(format!("fetch(bytes32,{request_type})"), (provider, request.clone()).abi_encode_params());
    let cid = identifier(Codec::Raw, HashFunction::Sha2_256, b"a file")?;
    let arguments = (Bytes::from(cid), 0u64, 6u32, request).abi_encode_params();
    let fetch_content = call(format!("fetchContent(bytes,uint64,uint32,{request_type})"), arguments);
    let case = |function, call| {
        Case::new(function, "", Loop::Fill, CONTRACT_DATABASE_ADDRESS).calls(10, vec![call; REQUESTS as usize])
    };
    Ok(vec![case("database.fetch", fetch), case("database.fetchContent", fetch_content)])
}

/// A request without a callback for failures, so that nothing else becomes due.
fn read(device: &Device, input: usize) -> IThings::Request {
    IThings::Request {
        thing: device.thing(),
        operation: Operation::ReadProperty,
        affordance: "temp".into(),
        input: bytes(1, input),
        mappingId: B256::ZERO,
        agreement: Agreement::Identical,
        minGateways: 4,
        deadline: LATER,
        maxAttempts: 3,
        maxResultBytes: 256,
        onResult: FixedBytes([1; 4]),
        onFailure: FixedBytes::ZERO,
        callbackGas: 100_000,
        maxFeePerGas: 0,
    }
}

fn answer(signer: &PrivateKeySigner, id: U256) -> eyre::Result<SignedAnswer> {
    let result_hash = keccak256([]);
    let signed = Answer { requestId: id, attempt: 1, code: UNREACHABLE, resultHash: result_hash, observedAtMs: 1_000 };
    Ok(SignedAnswer {
        attempt: 1,
        code: UNREACHABLE,
        result: Bytes::new(),
        resultHash: result_hash,
        observedAtMs: 1_000,
        signature: sign(signer, digest(&signed, CHAIN_ID))?,
    })
}

fn triggers() -> Vec<Case> {
    let trigger = IThings::Trigger {
        kind: TriggerKind::AtTime,
        thing: B256::ZERO,
        otherThing: B256::ZERO,
        model: B256::ZERO,
        property: B256::ZERO,
        comparison: IThings::Comparison::Greater,
        threshold: I256::ZERO,
        exponent: 0,
        hysteresis: U256::ZERO,
        radiusMetres: 0,
        maxAge: 0,
        firstTime: LATER,
        interval: 0,
        maxFirings: 0,
        action: FixedBytes([1, 2, 3, 4]),
        actionGas: 100_000,
        maxFeePerGas: 0,
    };
    let watch = IThings::watchCall { trigger }.abi_encode();
    let of = (1..=200u64).map(|id| IThings::triggerOfCall { triggerId: U256::from(id) }.abi_encode().into());
    let unwatch = (1..=200u64).map(|id| IThings::unwatchCall { triggerId: U256::from(id) }.abi_encode().into());
    let case = |function, input: &str, against| Case::new(function, input, against, TO);
    vec![
        case("things.watch", "a time", Loop::Fill).calls(25, vec![Bytes::from(watch); 200]),
        case("things.triggerOf", "", Loop::Load).calls(25, of),
        case("things.unwatch", "", Loop::Overwrite).calls(25, unwatch),
    ]
}
