//! UCUM's functional tests: validation, conversion, multiplication, division.
use super::Verdict;
use pervade_semantics::{
    Error,
    number::{Decimal, Rational},
    ucum::{Conversion, Unit},
};
use roxmltree::{Document, Node};

/// The cases of a file; none if it holds something else.
pub(super) fn run(file: &std::path::Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    if file.extension()? != "xml" {
        return None;
    }
    let text = std::str::from_utf8(content).ok()?;
    let document = Document::parse(text).ok()?;
    if document.root_element().tag_name().name() != "ucumTests" {
        return None;
    }
    let cases = document.descendants().filter(|node| node.has_tag_name("case"));
    Some(cases.map(|case| (name(case), outcome(case))).collect())
}

fn name(case: Node<'_, '_>) -> String {
    let group = case.parent_element().map_or("", |group| group.tag_name().name());
    format!("{group} {}", case.attribute("id").unwrap_or_default())
}

fn outcome(case: Node<'_, '_>) -> Result<(), Verdict> {
    match case.parent_element().map_or("", |group| group.tag_name().name()) {
        "validation" => validation(case),
        "conversion" => {
            let conversion = Conversion::new(&unit(case, "srcUnit")?, &unit(case, "dstUnit")?);
            let found = exact(conversion)?.apply(&number(case, "value")?)?;
            compare(&found, attribute(case, "outcome")?)
        }
        group @ ("multiplication" | "division") => {
            let (left, right) = (unit(case, "u1")?, unit(case, "u2")?);
            let (v1, v2) = (number(case, "v1")?, number(case, "v2")?);
            let (unit_found, value) = if group == "division" {
                (left.divide(&right)?, v1.divide(&v2)?)
            } else {
                (left.multiply(&right)?, v1.multiply(&v2)?)
            };
            let found = exact(Conversion::new(&unit_found, &unit(case, "uRes")?))?.apply(&value)?;
            compare(&found, attribute(case, "vRes")?)
        }
        "displayNameGeneration" => Err(Verdict::Skipped("names of units for people")),
        group => Err(Verdict::Failed(format!("an unknown kind of case: {group}"))),
    }
}

fn validation(case: Node<'_, '_>) -> Result<(), Verdict> {
    let valid = attribute(case, "valid")? == "true";
    super::expect(valid, Unit::parse(attribute(case, "unit")?))
}

fn attribute<'a>(case: Node<'a, '_>, name: &str) -> Result<&'a str, Verdict> {
    case.attribute(name).ok_or_else(|| Verdict::Failed(format!("the case has no {name}")))
}

fn unit(case: Node<'_, '_>, name: &str) -> Result<Unit, Verdict> {
    Ok(Unit::parse(attribute(case, name)?)?)
}

fn number(case: Node<'_, '_>, name: &str) -> Result<Rational, Verdict> {
    Ok(Decimal::parse(attribute(case, name)?)?.to_rational())
}

/// Units that have no exact values are refused by name; that is what the product promises.
fn exact(conversion: Result<Conversion, Error>) -> Result<Conversion, Verdict> {
    match conversion {
        Err(Error::InvalidUnit { reason, .. }) if reason.contains("no exact values") => {
            Err(Verdict::Skipped("logarithmic and other units without exact values"))
        }
        other => Ok(other?),
    }
}

/// Equal to half a unit of the expected value's last digit.
fn compare(found: &Rational, expected: &str) -> Result<(), Verdict> {
    let (mantissa, power) = expected.split_once(['e', 'E']).unwrap_or((expected, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let power: i32 = power.parse().map_err(|_| Verdict::Failed("an exponent that is no number".into()))?;
    let digit = Decimal::new(5, power.saturating_sub(decimals as i32).saturating_sub(1))?.to_rational();
    let gap = found.subtract(&Decimal::parse(expected)?.to_rational())?;
    if gap <= digit && gap.negated() <= digit {
        return Ok(());
    }
    Err(Verdict::Failed(format!("{}/{} is not {expected}", found.numerator(), found.denominator())))
}
