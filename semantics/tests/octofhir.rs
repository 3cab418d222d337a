//! Agreement with another implementation of UCUM on random pairs of units, to the precision of its floating point.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use octofhir_ucum as other;
use pervade_semantics::{
    number::{Decimal, Rational, Rounding},
    ucum::{Conversion, Unit},
};

/// Units that are combined; their dimensions meet often.
const ATOMS: [&str; 60] = [
    "m", "s", "g", "K", "C", "cd", "rad", "[in_i]", "[ft_us]", "[mi_i]", "[nmi_i]", "min", "h", "d", "wk", "mo", "a",
    "[lb_av]", "[oz_tr]", "t", "N", "Pa", "J", "W", "A", "V", "F", "Ohm", "S", "Wb", "T", "H", "lm", "lx", "Bq", "Gy",
    "Sv", "kat", "U", "l", "L", "ar", "bar", "atm", "m[Hg]", "m[H2O]", "[psi]", "dyn", "erg", "P", "St", "eV", "u",
    "AU", "pc", "[c]", "[g]", "[gal_us]", "[degR]", "mol",
];
const PREFIXES: [&str; 8] = ["", "k", "m", "u", "M", "n", "c", "h"];
const METRIC: [&str; 24] = [
    "m", "s", "g", "K", "N", "Pa", "J", "W", "A", "V", "F", "Ohm", "S", "T", "H", "l", "L", "bar", "eV", "pc", "mol",
    "kat", "Hz", "cal",
];

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn unit(&mut self) -> String {
        let atom = |random: &mut Self| match random.next(3) {
            0 => ATOMS[random.next(ATOMS.len())].to_owned(),
            _ => format!("{}{}", PREFIXES[random.next(PREFIXES.len())], METRIC[random.next(METRIC.len())]),
        };
        let mut text = atom(self);
        for _ in 0..self.next(3) {
            let (operator, exponent) = (["/", "."][self.next(2)], ["", "2", "3", "-1"][self.next(4)]);
            text = format!("{text}{operator}{}{exponent}", atom(self));
        }
        text
    }

    /// A unit of the same dimension, most of the time: the same atoms with other prefixes, or a known relative.
    fn relative(&mut self, unit: &str) -> String {
        const FAMILIES: [&[&str]; 12] = [
            &["m", "km", "[in_i]", "[ft_us]", "[mi_i]", "[nmi_i]", "pc", "AU", "cm"],
            &["s", "min", "h", "d", "wk", "mo", "a", "ms"],
            &["g", "kg", "[lb_av]", "[oz_tr]", "t", "u", "mg"],
            &["Pa", "bar", "atm", "m[Hg]", "m[H2O]", "[psi]", "kPa", "N/m2"],
            &["J", "erg", "eV", "kW.h", "cal", "N.m", "V.C"],
            &["l", "L", "[gal_us]", "dm3", "mL", "[cin_i]"],
            &["K", "[degR]", "mK"],
            &["W", "kW", "J/s", "[HP]", "V.A"],
            &["Cel", "[degF]", "K", "[degRe]"],
            &["deg", "rad", "gon", "'", "''", "circ"],
            &["m/s", "km/h", "[kn_i]", "[c]"],
            &["N", "dyn", "kgf", "[lbf_av]"],
        ];
        match self.next(4) {
            0 => self.unit(),
            1 => unit.to_owned(),
            _ => {
                let family = FAMILIES[self.next(FAMILIES.len())];
                family[self.next(family.len())].to_owned()
            }
        }
    }

    fn pair(&mut self) -> (String, String) {
        let from = if self.next(2) == 0 { self.unit() } else { self.relative("m") };
        let to = self.relative(&from);
        (from, to)
    }
}

/// Thirty significant digits at most: more than a double has.
fn approximate(number: &Rational) -> f64 {
    for exponent in [60, 40, 20, 0, -20, -40, -60] {
        let scaled = number.to_scaled(exponent - 25, Rounding::HalfEven).unwrap();
        if scaled.bits() > 70 {
            return format!("{scaled}e{}", exponent - 25).parse().unwrap();
        }
    }
    0.0
}

fn agree(pairs: usize, seed: u64) {
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut compared = 0;
    for _ in 0..pairs {
        let (from, to) = random.pair();
        let ours = Unit::parse(&from).and_then(|from| Conversion::new(&from, &Unit::parse(&to)?));
        let value = 1 + random.next(1_000);
        let theirs = other::convert(f64::from(u32::try_from(value).unwrap()), &from, &to);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                let ours =
                    approximate(&ours.apply(&Decimal::from(u64::try_from(value).unwrap()).to_rational()).unwrap());
                let tolerance = theirs.abs().max(1e-40) * 1e-12
                    + if from.contains("deg") || to.contains("deg") || from == "Cel" { 1e-10 } else { 0.0 };
                let lost = ours == 0.0 && theirs.abs() < 1e-60 || theirs.abs() > 1e80;
                assert!(lost || (ours - theirs).abs() <= tolerance, "{value} {from} in {to}: {ours}, not {theirs}");
                compared += 1;
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{from} to {to}: {ours:?}, but {theirs:?}"),
        }
    }
    assert!(compared * 10 > pairs, "only {compared} of {pairs} pairs are commensurable");
}

#[test]
fn random_pairs_agree_with_another_implementation() {
    agree(5_000, 0x5eed);
}

#[test]
fn slow_a_hundred_thousand_random_pairs_agree_with_another_implementation() {
    agree(100_000, 0x5eed_0002);
}
