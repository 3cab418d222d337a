//! The codes that UCUM knows, each with its value in base units.
use super::{
    parser,
    unit::{Meaning, Special},
};
use crate::{error::Error, number::Rational};
use std::{collections::BTreeMap, sync::LazyLock};

/// A row of UCUM's table: `code` is `value` times `unit`.
#[derive(Debug)]
pub(super) struct UnitRow {
    pub(super) code: &'static str,
    /// Takes prefixes.
    pub(super) metric: bool,
    pub(super) arbitrary: bool,
    /// Name of the function of a special unit.
    pub(super) function: Option<&'static str>,
    pub(super) value: &'static str,
    pub(super) unit: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/ucum_table.rs"));

/// A code with its meaning.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) metric: bool,
    pub(super) meaning: Meaning,
}

static ENTRIES: LazyLock<BTreeMap<&'static str, Entry>> = LazyLock::new(|| {
    let mut entries = BTreeMap::new();
    for (position, code) in BASES.iter().enumerate() {
        entries.insert(*code, Entry { metric: true, meaning: Meaning::base(position) });
    }
    for row in UNITS {
        let _ = resolve(row, &mut entries);
    }
    entries
});

static PREFIX_VALUES: LazyLock<Vec<(&'static str, Rational)>> = LazyLock::new(|| {
    PREFIXES.iter().filter_map(|(code, value)| Some((*code, Rational::parse(value).ok()?.reduced()))).collect()
});

/// Finds a symbol: a code of the table, or a prefix with a metric one.
pub(super) fn find(symbol: &str) -> Option<Meaning> {
    lookup(symbol, |code| ENTRIES.get(code).cloned())
}

fn lookup(symbol: &str, mut entry: impl FnMut(&str) -> Option<Entry>) -> Option<Meaning> {
    if let Some(found) = entry(symbol) {
        return Some(found.meaning);
    }
    PREFIX_VALUES.iter().find_map(|(prefix, value)| {
        let found = entry(symbol.strip_prefix(prefix)?).filter(|entry| entry.metric)?;
        found.meaning.scaled(value).ok()
    })
}

/// Rows refer to others in any order: those that one needs are resolved first.
fn resolve(row: &'static UnitRow, entries: &mut BTreeMap<&'static str, Entry>) -> Result<Entry, Error> {
    if let Some(entry) = entries.get(row.code) {
        return Ok(entry.clone());
    }
    let inner = parser::parse(row.unit, &mut |symbol| {
        lookup(symbol, |code| match entries.get(code) {
            Some(entry) => Some(entry.clone()),
            None => UNITS.iter().find(|row| row.code == code).and_then(|row| resolve(row, entries).ok()),
        })
    })?;
    let mut meaning = inner.scaled(&Rational::parse(row.value)?)?;
    meaning.factor = meaning.factor.reduced();
    if let Some(function) = row.function {
        meaning.special = Some(special(row.code, function, &meaning.factor)?);
    }
    if row.arbitrary && meaning.arbitrary.is_empty() {
        meaning.arbitrary.insert(row.code, 1);
    }
    let entry = Entry { metric: row.metric, meaning };
    entries.insert(row.code, entry.clone());
    Ok(entry)
}

/// Zero of the scale in base units: UCUM, table of functions.
fn special(code: &'static str, function: &'static str, factor: &Rational) -> Result<Special, Error> {
    let celsius = || Rational::parse("273.15");
    Ok(match function {
        "Cel" | "degRe" => Special::Offset(celsius()?),
        "degF" => Special::Offset(Rational::parse("459.67")?.multiply(factor)?.reduced()),
        _ => Special::NotRational { code, function },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_meaning() {
        for row in UNITS {
            assert!(ENTRIES.contains_key(row.code), "{row:?}");
        }
        assert_eq!(ENTRIES.len(), UNITS.len() + BASES.len());
        assert_eq!((PREFIX_VALUES.len(), BASES.len()), (PREFIXES.len(), 7));
    }

    #[test]
    fn prefixes_are_taken_by_metric_codes_only() {
        assert!(find("mm").is_some() && find("m[H2O]").is_some() && find("mm[H2O]").is_some());
        assert!(find("m[in_i]").is_none() && find("mmin").is_none() && find("mmm").is_none());
    }
}
