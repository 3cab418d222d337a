//! UCUM's functional tests: `fixtures` of this project hold the whole file; here is what each kind of case means.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use pervade_semantics::{
    Error,
    number::{Decimal, Rounding},
    ucum::{Unit, convert},
};

#[test]
fn expressions_that_ucum_accepts_are_valid() {
    for unit in [
        "m",
        "/m",
        "10*3/ul",
        "10*-6/ul",
        "10*+3/ul",
        "m[H2O]",
        "rad2",
        "m3.kg-1.s-2",
        "4.[pi].10*-7.N/A2",
        "rad2{a}",
        "1{c}",
        "{e}",
        "{a}.rad2{b}",
        "dB[10.nV]",
        "%",
        "mm[Hg]",
        "[arb'U]/mL",
        "kg.m/s2",
        "((m))",
        "m/(s.(kg/l))",
        "Gi.By".replace('.', "").as_str(),
        "''",
    ] {
        assert!(Unit::parse(unit).is_ok(), "{unit}: {:?}", Unit::parse(unit));
    }
}

#[test]
fn expressions_that_ucum_refuses_are_invalid() {
    for unit in [
        "m/",
        "10+3/ul",
        "rad2{錠}",
        "{a}rad2{b}",
        "{|}1",
        "iU",
        "molv",
        "[iIU]/d",
        "g/12h",
        "mmol/kg[H20]",
        "m..s",
        ".m",
        "(m",
        "m)",
        "m{",
        "m{}",
        "m s",
        "0.m",
        "Cel/h",
        "Cel2",
        "[in_i",
        "in_i]",
        "m[",
        "2m",
        "m2.5x",
        "kmin",
        "-1",
    ] {
        assert!(matches!(Unit::parse(unit), Err(Error::InvalidUnit { .. })), "{unit}: {:?}", Unit::parse(unit));
    }
}

fn converted(number: &str, from: &str, to: &str, digits: i32) -> String {
    let number = Decimal::parse(number).unwrap();
    convert(&number, from, to, -digits, Rounding::HalfEven).map_or_else(|error| error.to_string(), |n| n.to_string())
}

#[test]
fn conversions_are_exact_to_the_digits_asked_for() {
    for (number, from, to, digits, expected) in [
        ("6.3", "mm", "m", 4, "63"),
        ("1", "4.[pi].10*-7.N", "N", 29, "125663706143591729538506"),
        ("1", "1/[ly]", "cm-1", 41, "105700083402461546370946"),
        ("1", "m[Hg]", "g.s-2.m-1", 0, "133322000"),
        ("212", "[degF]", "Cel", 2, "10000"),
        ("37", "Cel", "[degF]", 1, "986"),
        ("-40", "[degF]", "Cel", 0, "-40"),
        ("80", "[degRe]", "Cel", 3, "100000"),
        ("0", "Cel", "K", 2, "27315"),
        ("100", "[degR]", "K", 6, "55555556"),
        ("1", "deg", "'", 0, "60"),
        ("1500", "mCel", "Cel", 1, "15"),
        ("1", "kW.h", "MJ", 1, "36"),
        ("50", "%", "1", 1, "5"),
        ("1", "KiBy", "bit", 0, "8192"),
        ("1", "L", "dm3", 0, "1"),
        ("3", "[iU]/mL", "k[iU]/L", 0, "3"),
    ] {
        assert_eq!(converted(number, from, to, digits), expected, "{number} {from} {to}");
    }
}

#[test]
fn a_result_with_more_digits_than_asked_for_is_inexact_unless_rounded() {
    let number = Decimal::parse("100").unwrap();
    assert_eq!(convert(&number, "[degF]", "Cel", -2, Rounding::Exact), Err(Error::Inexact));
    assert_eq!(convert(&number, "Cel", "[degF]", 0, Rounding::Exact).unwrap(), 212.into());
}

#[test]
fn units_without_exact_values_are_refused_by_name() {
    for (from, to, name) in [
        ("B[SPL]", "Pa", "B[SPL]"),
        ("dB", "Np", "B"),
        ("[pH]", "mol/l", "[pH]"),
        ("%[slope]", "deg", "%[slope]"),
        ("bit_s", "bit", "bit_s"),
        ("[m/s2/Hz^(1/2)]", "m", "[m/s2/Hz^(1/2)]"),
        ("[hp'_X]", "1", "[hp'_X]"),
    ] {
        let error = convert(&Decimal::from(1), from, to, 0, Rounding::HalfEven).unwrap_err();
        assert!(error.to_string().contains(&format!("{name} is defined by the function")), "{error}");
    }
    let error = convert(&Decimal::from(1), "[iU]", "1", 0, Rounding::HalfEven).unwrap_err();
    assert!(error.to_string().contains("arbitrary"), "{error}");
    assert!(matches!(convert(&Decimal::from(1), "m", "s", 0, Rounding::HalfEven), Err(Error::Incommensurable { .. })));
    assert_eq!(convert(&Decimal::from(7), "dB", "dB", 0, Rounding::Exact).unwrap(), 7.into());
}

#[test]
fn worst_units_are_bounded() {
    let deep = |depth: usize| format!("{}m{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Unit::parse(&deep(16)).is_ok());
    assert!(matches!(Unit::parse(&deep(17)), Err(Error::LimitExceeded { .. })));
    assert!(Unit::parse(&"m".repeat(256)).is_err_and(|error| matches!(error, Error::InvalidUnit { .. })));
    assert!(matches!(Unit::parse(&"m".repeat(257)), Err(Error::LimitExceeded { .. })));
    assert!(Unit::parse("m99").is_ok());
    for unit in ["m100", "m99.m", "Ym99.Ym99", "m4294967296", "9999999999999999999999999999999999999999[h]99"] {
        assert!(Unit::parse(unit).is_err(), "{unit}");
    }
}
