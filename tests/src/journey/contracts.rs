//! Contracts of a few dozen bytes, as assembly: each as one author would have written it, none like another.
use alloy_primitives::{B256, hex};
use pervade_chainspec::params::THINGS_ADDRESS;

/// Init code that leaves `code`.
pub fn deploy(code: &[u8]) -> Vec<u8> {
    // PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN
    let mut init = vec![0x61];
    init.extend(length(code));
    init.extend(hex!("80600a5f395ff3"));
    init.extend(code);
    init
}

fn length(code: &[u8]) -> [u8; 2] {
    u16::try_from(code.len()).expect("codes are short").to_be_bytes()
}

/// A carrier's: any function `f(bytes32 a, int256 b)` writes the event `topic0` with `a` indexed and `b` as data.
pub fn loaded(topic0: B256) -> Vec<u8> {
    // MSTORE(0, calldata[36]); LOG2(0, 32, topic0, calldata[4]); STOP
    hex::decode(format!("6024355f526004357f{}60205fa200", hex::encode(topic0))).expect("assembly")
}

/// A customs office's: any function of two words writes the event `topic0` with both as data, nothing indexed.
pub fn cleared(topic0: B256) -> Vec<u8> {
    // CALLDATACOPY(0, 4, 64); LOG1(0, 64, topic0); STOP
    hex::decode(format!("604060045f377f{}60405fa100", hex::encode(topic0))).expect("assembly")
}

/// A retailer's: takes any call, and writes nothing.
pub fn received() -> Vec<u8> {
    vec![0x00]
}

/// Forwards what others call to the Things precompile. When that calls `action`, it sends `request` there, and counts in slot 1
/// how often that succeeded; its other calls are counted in slot 0.
pub fn commander(action: [u8; 4], request: &[u8]) -> Vec<u8> {
    let things = hex::encode(THINGS_ADDRESS);
    let size = hex::encode(length(request));
    // The same number of bytes whatever the addresses of the three jumps are.
    let assemble = |own: usize, ok: usize, act: usize, data: usize| {
        let head = format!("3373{things}1461{own:04x}57");
        let forward = format!("365f5f375f5f365f3473{things}5af13d5f5f3e61{ok:04x}573d5ffd");
        let done = "5b3d5ff3".to_owned();
        let mine = format!("5b5f3560e01c63{}1461{act:04x}57", hex::encode(action));
        let count = "5f546001015f5500".to_owned();
        let ask = format!("5b61{size}61{data:04x}5f395f5f61{size}5f5f73{things}5af16001540160015500");
        [head, forward, done, mine, count, ask].map(|part| hex::decode(part).expect("assembly"))
    };
    let lengths = assemble(0, 0, 0, 0).map(|part| part.len());
    let mut starts = [0; 6];
    for part in 1..starts.len() {
        starts[part] = starts[part - 1] + lengths[part - 1];
    }
    let all = lengths.iter().sum();
    let mut code = assemble(starts[3], starts[2], starts[5], all).concat();
    code.extend(request);
    code
}
