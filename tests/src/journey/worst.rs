//! Looks for inputs on which the Semantics precompile takes longest for the gas it charges.
//!
//! ```text
//!   seeds ──► measured: ns per gas ──► the slowest of each function stay ──► changed at random ──┐
//!                     ▲                                                                          │
//!                     └──────────────────────────────────────────────────────────────────────────┘
//! ```
//! The functions are run as the precompile runs them, on the library: a unit of its work is a unit of gas, and what the
//! precompile charges besides (the mapping's document, units, the call itself) is added. What it charges for storage is left
//! out, time and gas of it.
use crate::components::stage::cpu_ns;
use alloy_primitives::{B256, Bytes};
use pervade_semantics::{
    Counter, Error, Format, Mapping, Meter, Model, extract,
    limits::PAYLOAD_BYTES_MAX,
    number::{Decimal, Rounding},
    prices, ucum,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// Gas that the precompile takes for every call.
const CALL_GAS: u64 = 300;
/// Slowest inputs of a function that are changed further.
const KEPT: usize = 12;
/// Runs of which the fastest counts: the others were disturbed.
const RUNS: usize = 3;
/// Time of the processor that a figure is taken from, nanoseconds.
const SURE_NS: f64 = 3e7;

/// One input.
#[derive(Debug, Clone)]
pub enum Input {
    /// `normalize`: a program and a payload.
    Normalize(Format, String, Vec<u8>),
    /// `translate`: through a program and back through it.
    Translate(Format, String, Vec<u8>),
    /// `convert`: number, unit, unit, exponent.
    Convert(String, String, String, i32),
    /// `extract`: document and path.
    Extract(Format, Vec<u8>, String),
}

/// What the search found.
#[derive(Debug, Clone)]
pub struct Worst {
    /// Function of the precompile.
    pub function: &'static str,
    /// Gas that the input is charged.
    pub gas: u64,
    /// Time that it takes.
    pub time: Duration,
    /// The input.
    pub input: Input,
}

impl Worst {
    /// Nanoseconds per gas.
    pub fn ns_per_gas(&self) -> f64 {
        self.time.as_nanos() as f64 / self.gas.max(1) as f64
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (function, gas, time) = (self.function, self.gas, self.time);
        write!(f, "{function:<10} {:>7.2} ns/gas  {gas:>9} gas  {time:>10.1?}  {}", self.ns_per_gas(), self.input)
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes: &[u8]| {
            let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(60)).unwrap_or_default()).into_owned();
            format!("{} bytes {head:?}", bytes.len())
        };
        match self {
            Self::Normalize(format, program, payload) | Self::Translate(format, program, payload) => {
                write!(f, "{} {program} {}", format.name(), shown(payload))
            }
            Self::Convert(number, from, to, exponent) => write!(f, "{number} {from} -> {to} e{exponent}"),
            Self::Extract(format, document, path) => write!(f, "{} {path} {}", format.name(), shown(document)),
        }
    }
}

/// Searches for so long, and answers the slowest input of each function, slowest first.
pub fn search(seed: u64, time_max: Duration) -> Vec<Worst> {
    let mut random = StdRng::seed_from_u64(seed);
    let begun = Instant::now();
    let mut pools: Vec<Vec<Worst>> = Vec::new();
    for input in seeds() {
        let Some(worst) = measure(input) else { continue };
        match pools.iter_mut().find(|pool| pool.first().is_some_and(|first| first.function == worst.function)) {
            Some(pool) => pool.push(worst),
            None => pools.push(vec![worst]),
        }
    }
    while begun.elapsed() < time_max {
        for pool in &mut pools {
            let Some(parent) = pool.choose(&mut random) else { continue };
            if let Some(worst) = measure(change(&parent.input, &mut random)) {
                pool.push(worst);
            }
            pool.sort_by(|a, b| b.ns_per_gas().total_cmp(&a.ns_per_gas()));
            pool.truncate(KEPT);
        }
    }
    // What was slow once may have been disturbed: the answer is what takes the processor long again.
    let again = |pool: &Vec<Worst>| {
        let measured = pool.iter().filter_map(|worst| Some(Worst { time: cpu_time(&worst.input)?, ..worst.clone() }));
        measured.max_by(|a, b| a.ns_per_gas().total_cmp(&b.ns_per_gas()))
    };
    let mut found: Vec<Worst> = pools.iter().filter_map(again).collect();
    found.sort_by(|a, b| b.ns_per_gas().total_cmp(&a.ns_per_gas()));
    found
}

/// One piece of work, as often as it is asked for.
type Run = Box<dyn Fn(&mut Counter) -> Result<(), Error>>;

/// `None` for a mapping that is refused when it is defined.
fn measure(input: Input) -> Option<Worst> {
    let (function, extra, run) = prepare(&input)?;
    let mut best = Duration::MAX;
    let mut work = 0;
    for _ in 0..RUNS {
        let mut counter = Counter::default();
        counter.spend(CALL_GAS + extra).ok()?;
        let start = Instant::now();
        // An error costs what was charged until it showed.
        let _ = run(&mut counter);
        best = best.min(start.elapsed());
        work = counter.work;
    }
    Some(Worst { function, gas: work, time: best, input })
}

/// Time of the processor for one run, whatever else the machine does.
fn cpu_time(input: &Input) -> Option<Duration> {
    let (_, _, run) = prepare(input)?;
    let begun = cpu_ns().ok()?;
    let mut runs = 0.0;
    loop {
        for _ in 0..RUNS {
            let _ = run(&mut Counter::default());
            runs += 1.0;
        }
        let taken_ns = cpu_ns().ok()? - begun;
        if taken_ns > SURE_NS {
            return Some(Duration::from_nanos((taken_ns / runs) as u64));
        }
    }
}

/// Name, gas besides the work, and what is to be done; `None` for a mapping that is refused when it is defined.
fn prepare(input: &Input) -> Option<(&'static str, u64, Run)> {
    Some(match input.clone() {
        Input::Normalize(format, program, payload) => {
            let mapping = Mapping::compile(&model(), format, program.as_bytes()).ok()?;
            let loading = prices::COMPILE_BYTE * program.len() as u64;
            let run = move |counter: &mut Counter| mapping.normalize(B256::ZERO, &payload, 0, counter).map(drop);
            ("normalize", loading, Box::new(run))
        }
        Input::Translate(format, program, payload) => {
            let mapping = Mapping::compile(&model(), format, program.as_bytes()).ok()?;
            let loading = 2 * prices::COMPILE_BYTE * program.len() as u64;
            let run = move |counter: &mut Counter| {
                let found = mapping.normalize(B256::ZERO, &payload, 0, counter)?;
                mapping.write(&found, counter).map(drop)
            };
            ("translate", loading, Box::new(run))
        }
        Input::Convert(number, from, to, exponent) => {
            let gas = prices::NUMBER + prices::UNIT_BYTE * (from.len() + to.len()) as u64;
            let run = move |_: &mut Counter| {
                ucum::convert(&Decimal::parse(&number)?, &from, &to, exponent, Rounding::HalfEven).map(drop)
            };
            ("convert", gas, Box::new(run))
        }
        Input::Extract(format, document, path) => {
            let document = Bytes::from(document);
            let run = move |counter: &mut Counter| extract(format, &document, &path, counter).map(drop);
            ("extract", 0, Box::new(run))
        }
    })
}

fn model() -> Model {
    let properties =
        r#"{"iri":"urn:t","unit":"Cel","exponent":-2},{"iri":"urn:s","kind":"Text"},{"iri":"urn:b","kind":"Bytes"}"#;
    Model::parse(format!(r#"{{"iri":"urn:m","properties":[{properties}]}}"#).as_bytes()).expect("a model")
}

fn rule(value: &str) -> String {
    format!(r#"{{"observations":[{{"property":"urn:t",{value}}}]}}"#)
}

fn filled(unit: &[u8], open: &[u8], close: &[u8]) -> Vec<u8> {
    let count = (PAYLOAD_BYTES_MAX - open.len() - close.len()) / unit.len();
    let mut all = [open, &unit.repeat(count)].concat();
    if all.last() == Some(&b',') {
        all.pop();
    }
    all.extend(close);
    all
}

/// What is made to cost: deepest nesting, longest numbers, far exponents, lengths that promise, many small things.
fn seeds() -> Vec<Input> {
    let list = |unit: &str| filled(unit.as_bytes(), b"[", b"]");
    let each = || rule(r#""each":"$","value":"@","scale":"1/3","unit":"[degF]""#);
    let digits = "7".repeat(1_000);
    let long = "9".repeat(10_000);
    let cbor = |unit: &[u8]| filled(unit, &[0x9f], &[0xff]);
    let program =
        |layout: &str, rest: &str| format!(r#"{{"layout":[{layout}],"observations":[{{"property":"urn:t",{rest}}}]}}"#);
    let mut seeds = Vec::new();
    let documents = [
        (Format::Json, list("[],")),
        (Format::Json, list("1,")),
        (Format::Json, list("1e4096,")),
        (Format::Json, list("{\"a\":1},")),
        (Format::Json, list(&format!("{digits},"))),
        (Format::Json, long.into_bytes()),
        (Format::Json, list("\"\\u00e9\",")),
        (Format::Json, list("{\"a\":{}},")),
        (Format::Json, [b"[".repeat(16), b"]".repeat(16)].concat()),
        (Format::Json, b"[".repeat(PAYLOAD_BYTES_MAX)),
        (Format::Cbor, cbor(&[0x80])),
        (Format::Cbor, cbor(&[0xa0])),
        (Format::Cbor, cbor(&[0xf9, 0, 1])),
        (Format::Cbor, cbor(&[0xfb, 0, 0xf, 1, 2, 3, 4, 5, 6])),
        (Format::Cbor, cbor(&[0xc5, 0x82, 0x39, 0x04, 0x4b, 0x03])),
        (Format::Cbor, cbor(&[0xc4, 0x82, 0x39, 0x0f, 0xff, 0x03])),
        (Format::Cbor, cbor(&[0x5f, 0x41, 0, 0xff])),
        (Format::Cbor, vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (Format::Cbor, vec![0x5b, 0, 0, 0, 1, 0, 0, 0, 0]),
    ];
    for (format, document) in documents {
        seeds.push(Input::Extract(format, document.clone(), "$[0]".into()));
        seeds.push(Input::Normalize(format, each(), document.clone()));
        seeds.push(Input::Translate(format, rule(r#""value":"$[0]","decimals":9"#), document));
    }
    let pack = list("{\"n\":\"b\",\"v\":1e900,\"bv\":1e-99,\"t\":1e-99},");
    seeds.push(Input::Normalize(Format::SenmlJson, rule(r#""value":"a""#), pack.clone()));
    seeds.push(Input::Normalize(Format::SenmlJson, rule(r#""value":"*b""#), pack));
    let power = r#"{"name":"a","bits":256},{"repeat":"60000","layout":[{"name":"b","compute":"(a^8) % 7 + a^8 / 3"}]}"#;
    seeds.push(Input::Normalize(Format::Binary, program(power, r#""value":"b""#), vec![0xff; 32]));
    let spin = r#"{"repeat":"60000","layout":[{"when":"1","then":[]}]}"#;
    seeds.push(Input::Normalize(Format::Binary, program(spin, r#""constant":1"#), vec![0; 8]));
    let bits = r#"{"repeat":"rest","layout":[{"name":"a","bits":1}]}"#;
    seeds.push(Input::Normalize(Format::Binary, program(bits, r#""value":"a""#), vec![0xaa; 400]));
    seeds.push(Input::Translate(Format::Binary, program(r#"{"name":"a","bits":16}"#, r#""value":"a""#), vec![1; 2]));
    for (number, from, to, exponent) in [
        ("1", "[m_e]9.[h]9.[e]9.[k]9.[G]9", "[m_e]9.[h]9.[e]9.[k]9.[G]9.1", -100),
        ("1e128", "Ym", "ym", -128),
        ("1", "YZEPTGMkhdadcmunpfazyKiMiGiTi", "m", 0),
        ("1", "[degF]", "K", -18),
        ("7", "((((m))))", "[ft_i]", 5),
        ("7", "m{a}", "[pi].[in_i]2/m", -77),
    ] {
        seeds.push(Input::Convert(number.into(), from.into(), to.into(), exponent));
    }
    seeds
}

/// One step of the search.
fn change(input: &Input, random: &mut StdRng) -> Input {
    let mut input = input.clone();
    match &mut input {
        Input::Normalize(_, program, payload) | Input::Translate(_, program, payload) => {
            if random.random_ratio(1, 4) {
                *program = change_text(program, random);
            } else {
                change_bytes(payload, random);
            }
        }
        Input::Extract(_, document, path) => {
            if random.random_ratio(1, 8) {
                *path = change_text(path, random);
            } else {
                change_bytes(document, random);
            }
        }
        Input::Convert(number, from, to, exponent) => match random.random_range(0..4) {
            0 => *exponent = random.random_range(-128..128),
            1 => *number = format!("{}e{}", random.random::<u128>(), random.random_range(-128..128)),
            2 => *from = change_unit(from, random),
            _ => *to = change_unit(to, random),
        },
    }
    input
}

/// Repeats, cuts, moves or replaces a piece.
fn change_bytes(bytes: &mut Vec<u8>, random: &mut StdRng) {
    if bytes.is_empty() {
        bytes.push(random.random());
        return;
    }
    let start = random.random_range(0..bytes.len());
    let end = (start + random.random_range(1..=64)).min(bytes.len());
    let piece = bytes[start..end].to_vec();
    match random.random_range(0..5) {
        0 => bytes[start] = random.random(),
        1 => {
            bytes[start] =
                *b"0123456789eE.-+[]{},:\"\\ \x80\x9f\xa0\xbf\xc2\xc4\xc5\xf9\xfb\xff".choose(random).unwrap_or(&b'0')
        }
        2 => drop(bytes.drain(start..end)),
        3 => {
            let count = random.random_range(1..=32);
            bytes.splice(start..start, piece.repeat(count));
        }
        _ => {
            let at = random.random_range(0..bytes.len());
            bytes.splice(at..at, piece);
        }
    }
    bytes.truncate(PAYLOAD_BYTES_MAX);
}

fn change_text(text: &str, random: &mut StdRng) -> String {
    let pieces = [
        ("1/3", "1/7919"),
        ("1/3", "1"),
        ("[degF]", "K"),
        ("60000", "4000"),
        ("a^8", "a"),
        ("256", "64"),
        ("\"b\"", "\"a\""),
        ("\"when\":\"1\"", "\"when\":\"1 + 1 + 1\""),
        ("$[0]", "$[-1]"),
        ("$[0]", "$[1][0]['a']"),
        ("% 7", "% 3"),
        ("/ 3", "/ a"),
        ("\"bits\":1}", "\"bits\":12}"),
        ("\"@\"", "\"@[0]\""),
        ("\"decimals\":9", "\"decimals\":0"),
    ];
    let Some((from, to)) = pieces.choose(random) else { return text.to_owned() };
    if random.random() { text.replacen(from, to, 1) } else { text.replacen(to, from, 1) }
}

fn change_unit(unit: &str, random: &mut StdRng) -> String {
    const ATOMS: [&str; 16] = [
        "m", "s", "g", "[degF]", "Cel", "[m_e]9", "[h]9", "[k]9", "[G]9", "[pi]", "[ft_i]2", "Ym-9", "10*9", "(m.s)3",
        "/[c]9", "[e]8",
    ];
    let atom = ATOMS.choose(random).unwrap_or(&"m");
    match random.random_range(0..4) {
        0 => (*atom).to_owned(),
        1 => format!("{unit}.{atom}"),
        2 => format!("({unit})/{atom}"),
        _ => unit.chars().take(random.random_range(1..=unit.chars().count().max(1))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_search_finds_an_input_of_every_function_and_none_takes_long() {
        let found = search(1, Duration::from_secs(2));
        for worst in &found {
            println!("{worst}");
            assert!(worst.time < Duration::from_secs(1), "{worst}");
        }
        let mut functions: Vec<_> = found.iter().map(|worst| worst.function).collect();
        functions.sort_unstable();
        assert_eq!(functions, ["convert", "extract", "normalize", "translate"]);
    }
}
