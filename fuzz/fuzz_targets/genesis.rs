//! Genesis files: an error or a chain, and the same chain each time.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pervade_chainspec::ChainSpec;

fuzz_target!(|json: &[u8]| {
    if let Ok(chain) = ChainSpec::from_json("fuzz.json", json) {
        let again = ChainSpec::from_json("fuzz.json", json).expect("the same file");
        assert_eq!(chain.genesis_hash(), again.genesis_hash());
    }
});
