//! Random mappings over random payloads give the same in every process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use alloy_primitives::{B256, Keccak256};
use pervade_semantics::{Counter, Format, Mapping, Model};
use std::{env, process::Command};

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.next(list.len())]
    }

    fn json(&mut self, depth: usize) -> String {
        match self.next(if depth > 3 { 5 } else { 8 }) {
            0 => format!("{}", self.next(1000)),
            1 => format!("-{}.{:03}e{}", self.next(100), self.next(1000), self.next(9)),
            2 => self.pick(&["true", "false", "null"]).to_owned(),
            3 => format!("\"{}\"", self.pick(&["a", "open", "12.5", "é\\n", "0xff"])),
            4 => format!("{}e-{}", self.next(1 << 30), self.next(30)),
            5 => format!("[{},{}]", self.json(depth + 1), self.json(depth + 1)),
            _ => format!(
                "{{\"a\":{},\"b\":{},\"c\":{}}}",
                self.json(depth + 1),
                self.json(depth + 1),
                self.json(depth + 1)
            ),
        }
    }

    fn path(&mut self) -> String {
        let steps = self.next(4);
        (0..steps).fold("$".to_owned(), |path, _| path + self.pick(&[".a", ".b", ".c", "[0]", "[1]", "[-1]"]))
    }

    fn rule(&mut self, format: Format) -> String {
        let property = self.pick(&["urn:t", "urn:s", "urn:b", "urn:d"]);
        let value = match format {
            Format::Json => format!("\"{}\"", self.path()),
            _ => format!(
                "{{\"offset\":{},\"bits\":{},\"type\":\"{}\",\"scale\":\"{}/{}\"}}",
                self.next(6),
                self.pick(&["8", "16", "32", "12", "64"]),
                self.pick(&["uint", "int", "bcd", "sign-magnitude", "float", "bool", "hex"]),
                self.next(50),
                1 + self.next(50)
            ),
        };
        let extra = match self.next(6) {
            0 => ",\"unit\":\"[degF]\"",
            1 => ",\"unit\":\"K\"",
            2 => ",\"scale\":\"1/3\",\"add\":-40",
            3 => ",\"enum\":{\"1\":\"on\",\"0\":\"off\"},\"otherwise\":null",
            4 => ",\"exact\":true",
            _ => "",
        };
        format!("{{\"property\":\"{property}\",\"value\":{value}{extra}}}")
    }
}

fn model() -> Model {
    let properties = r#"[{"iri":"urn:t","unit":"Cel","exponent":-3},{"iri":"urn:s","kind":"Text"},{"iri":"urn:b","kind":"Bool"},{"iri":"urn:d","kind":"Bytes"}]"#;
    Model::parse(format!(r#"{{"iri":"urn:m","properties":{properties}}}"#).as_bytes()).unwrap()
}

/// Results, errors and work of so many cases, hashed.
fn digest(seed: u64, cases: usize) -> (B256, usize) {
    let model = model();
    let mut random = Random(seed);
    let mut hash = Keccak256::new();
    let mut read = 0;
    for _ in 0..cases {
        let format = if random.next(2) == 0 { Format::Json } else { Format::Binary };
        let rules: Vec<_> = (0..1 + random.next(4)).map(|_| random.rule(format)).collect();
        let program = format!("{{\"observations\":[{}]}}", rules.join(","));
        let payload = match format {
            Format::Json => random.json(0).into_bytes(),
            _ => (0..random.next(16)).map(|_| random.next(256) as u8).collect(),
        };
        let mapping = match Mapping::compile(&model, format, program.as_bytes()) {
            Ok(mapping) => mapping,
            Err(error) => {
                hash.update(error.to_string());
                continue;
            }
        };
        let mut counter = Counter::default();
        let result = mapping.normalize(B256::ZERO, &payload, 1_700_000_000_000, &mut counter);
        read += usize::from(result.as_ref().is_ok_and(|found| !found.is_empty()));
        let written = result.as_ref().ok().map(|found| mapping.write(found, &mut counter));
        hash.update(format!("{result:?} {written:?} {}", counter.work));
    }
    (hash.finalize(), read)
}

const SEED: &str = "PERVADE_TEST_SEED";
const CASES: &str = "PERVADE_TEST_CASES";

#[test]
fn digest_of_a_seed() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let (Some(seed), Some(cases)) = (number(SEED), number(CASES)) else { return };
    println!("digest {}", digest(seed, usize::try_from(cases).unwrap()).0);
}

fn two_processes(seed: u64, cases: usize) {
    println!("seed {seed}");
    let (ours, read) = digest(seed, cases);
    assert!(read * 20 > cases, "only {read} of {cases} payloads say something");
    let other = Command::new(env::current_exe().unwrap())
        .args(["--exact", "digest_of_a_seed", "--nocapture"])
        .envs([(SEED, seed.to_string()), (CASES, cases.to_string())])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&other.stdout).into_owned();
    assert!(text.contains(&format!("digest {ours}")), "{ours} is not in {text}");
}

#[test]
fn two_processes_agree_on_random_mappings_and_payloads() {
    two_processes(0xc0ffee, 5_000);
}

#[test]
fn slow_two_processes_agree_on_a_million_random_mappings_and_payloads() {
    two_processes(0x00c0_ffee_0002, 1_000_000);
}
