//! Inputs that are made to cost: what they take for each unit of work that is charged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use alloy_primitives::B256;
use pervade_semantics::{
    Counter, Error, Format, Mapping, Meter, Model, extract,
    limits::PAYLOAD_BYTES_MAX,
    number::{Decimal, Rounding},
    prices, ucum,
};
use std::time::{Duration, Instant};

/// An input with its work, which is known before.
struct Case {
    name: &'static str,
    run: Box<dyn Fn(&mut Counter) -> Result<(), Error>>,
}

fn case(name: &'static str, run: impl Fn(&mut Counter) -> Result<(), Error> + 'static) -> Case {
    Case { name, run: Box::new(run) }
}

fn model() -> Model {
    Model::parse(
        br#"{"iri":"urn:m","properties":[{"iri":"urn:t","unit":"Cel","exponent":-2},{"iri":"urn:s","kind":"Text"}]}"#,
    )
    .unwrap()
}

fn filled(unit: &str, open: &str, close: &str) -> Vec<u8> {
    let count = (PAYLOAD_BYTES_MAX - open.len() - close.len()) / unit.len();
    let mut text = format!("{open}{}", unit.repeat(count));
    text.truncate(PAYLOAD_BYTES_MAX - close.len());
    (text.trim_end_matches(',').to_owned() + close).into_bytes()
}

fn parse(format: Format, payload: Vec<u8>) -> impl Fn(&mut Counter) -> Result<(), Error> {
    move |counter| extract(format, &payload, "$[0][0]", counter).map(drop)
}

fn normalize(format: Format, program: &str, payload: Vec<u8>) -> impl Fn(&mut Counter) -> Result<(), Error> {
    let mapping = Mapping::compile(&model(), format, program.as_bytes()).unwrap();
    move |counter| mapping.normalize(B256::ZERO, &payload, 0, counter).map(drop)
}

fn convert(
    number: &'static str,
    from: &'static str,
    to: &'static str,
    exponent: i32,
) -> impl Fn(&mut Counter) -> Result<(), Error> {
    move |counter| {
        counter.spend(prices::NUMBER + prices::UNIT_BYTE * (from.len() + to.len()) as u64)?;
        ucum::convert(&Decimal::parse(number)?, from, to, exponent, Rounding::HalfEven).map(drop)
    }
}

fn cases() -> Vec<Case> {
    let members: Vec<_> = (0..2_400).map(|n| format!("\"{n:04x}\":{}", n % 10)).collect();
    let digits = vec!["7".repeat(1_000); 24].join(",");
    let each = r#"{"observations":[{"property":"urn:t","each":"$","value":"@","scale":"1/3","unit":"[degF]"}]}"#;
    let power = r#"{"layout":[{"name":"a","bits":256},{"repeat":"60000","layout":[{"name":"b","compute":"(a^8) % 7 + a^8 / 3"}]}],"observations":[{"property":"urn:t","value":"b"}]}"#;
    let spin = r#"{"layout":[{"repeat":"60000","layout":[{"when":"1","then":[]}]}],"observations":[{"property":"urn:s","constant":"x"}]}"#;
    vec![
        case("empty arrays", parse(Format::Json, filled("[],", "[", "]"))),
        case("members", parse(Format::Json, format!("{{{}}}", members.join(",")).into_bytes())),
        case("long numbers", parse(Format::Json, format!("[{digits}]").into_bytes())),
        case("large exponents", parse(Format::Json, filled("1e4096,", "[", "]"))),
        case("escapes", parse(Format::Json, filled("\\u00e9", "[\"", "\"]"))),
        case("deepest nesting", parse(Format::Json, format!("{}{}", "[".repeat(16), "]".repeat(16)).into_bytes())),
        case(
            "CBOR of empty arrays",
            parse(Format::Cbor, [vec![0x9f], vec![0x80; PAYLOAD_BYTES_MAX - 2], vec![0xff]].concat()),
        ),
        case("CBOR floats", parse(Format::Cbor, [vec![0x9f], [0xf9, 0, 1].repeat(8_000), vec![0xff]].concat())),
        case(
            "CBOR small doubles",
            parse(Format::Cbor, [vec![0x9f], [0xfb, 0, 0xf, 1, 2, 3, 4, 5, 6].repeat(2_700), vec![0xff]].concat()),
        ),
        case(
            "CBOR bigfloats",
            parse(Format::Cbor, [vec![0x9f], [0xc5, 0x82, 0x39, 0x04, 0x4b, 0x03].repeat(4_000), vec![0xff]].concat()),
        ),
        case("lengths that promise", parse(Format::Cbor, vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        case("SenML of far exponents", {
            let program = r#"{"observations":[{"property":"urn:t","value":"a"}]}"#;
            normalize(
                Format::SenmlJson,
                program,
                filled("{\"n\":\"b\",\"v\":1e900,\"bv\":1e-99,\"t\":1e-99},", "[", "]"),
            )
        }),
        case("many elements", normalize(Format::Json, each, format!("[{}]", vec!["451"; 256].join(",")).into_bytes())),
        case(
            "long elements",
            normalize(
                Format::Json,
                each,
                format!("[{}]", vec![format!("0.{}", "7".repeat(1_000)); 24].join(",")).into_bytes(),
            ),
        ),
        case("powers of powers", normalize(Format::Binary, power, vec![0xff; 32])),
        case("endless repetition", normalize(Format::Binary, spin, vec![0; 8])),
        case(
            "a unit of many factors",
            convert("1", "[m_e]9.[h]9.[e]9.[k]9.[G]9", "[m_e]9.[h]9.[e]9.[k]9.[G]9.1", -100),
        ),
        case("exponents apart", convert("1e128", "Ym", "ym", -128)),
        case("prefixes that are none", convert("1", "YZEPTGMkhdadcmunpfazyKiMiGiTi", "m", 0)),
    ]
}

#[test]
fn worst_inputs_take_bounded_time_for_their_work() {
    println!("{:<26} {:>12} {:>12} {:>8}", "input", "work", "ns", "ns/work");
    let mut slowest = 0;
    for Case { name, run } in cases() {
        let mut best = Duration::MAX;
        let mut work = 0;
        for _ in 0..3 {
            let mut counter = Counter::default();
            let start = Instant::now();
            let _ = run(&mut counter);
            best = best.min(start.elapsed());
            work = counter.work.max(1);
        }
        let nanos = u64::try_from(best.as_nanos()).unwrap();
        println!("{name:<26} {work:>12} {nanos:>12} {:>8}", nanos / work);
        slowest = slowest.max(nanos / work);
        assert!(best < Duration::from_secs(1), "{name} takes {best:?}");
    }
    assert!(slowest < 200, "{slowest} ns for a unit of work, even without optimizations");
}
