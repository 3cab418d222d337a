//! Operands: a value from a payload, with what the mapping does to it before it has a unit.
use super::{
    condition::fields_of,
    document::Members,
    selector::{Context, Scope, Selector},
};
use crate::{
    binary::absent,
    error::Error,
    expression::Expression,
    json::Value,
    meter::{Work, prices},
    number::{Decimal, Rational},
    reading::Reading,
};

/// A value, how it is found and what is done to it: absent, enum, scale, add, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operand {
    pub(crate) source: Source,
    absent: Vec<Reading>,
    pub(crate) names: Option<Enumeration>,
    pub(crate) scale: Option<Rational>,
    pub(crate) add: Option<Rational>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Select(Selector),
    Compute { expression: Expression, inputs: Vec<Selector> },
    Constant(Reading),
}

/// Codes and what they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enumeration {
    pub(crate) codes: Vec<(String, Reading)>,
    /// Any other code. `Some(None)`: no value.
    otherwise: Option<Option<Reading>>,
}

/// Members of an operand.
pub(crate) const OPERAND: [&str; 9] =
    ["value", "compute", "with", "constant", "absent", "enum", "otherwise", "scale", "add"];

impl Operand {
    /// Reads an operand from members of a rule.
    pub(crate) fn compile(members: Members<'_>, context: &mut Context<'_>) -> Result<Self, Error> {
        let source = match (members.get("value"), members.text("compute")?, members.get("constant")) {
            (Some(value), None, None) => Source::Select(context.selector(value, &members.at("value"))?),
            (None, Some(text), None) => {
                let expression = Expression::parse(text).map_err(|reason| members.wrong("compute", reason))?;
                Source::Compute { inputs: inputs(members, &expression, context)?, expression }
            }
            (None, None, Some(value)) => {
                let constant = Reading::from_value(value).ok().flatten();
                Source::Constant(
                    constant.ok_or_else(|| members.wrong("constant", "must be a number, text or truth value"))?,
                )
            }
            _ => {
                return Err(
                    members.wrong("value", "exactly one of value, compute, constant and position must be there")
                );
            }
        };
        Ok(Self {
            source,
            absent: absent(members)?,
            names: Enumeration::compile(members)?,
            scale: members.rational("scale")?,
            add: members.rational("add")?,
        })
    }

    /// Reads an operand that stands alone: a selector, or an object with members of an operand.
    pub(crate) fn alone(value: &Value, at: &str, context: &mut Context<'_>) -> Result<Self, Error> {
        if ["value", "compute", "constant"].iter().any(|name| value.get(name).is_some()) {
            return Self::compile(Members::new(value, at, &OPERAND)?, context);
        }
        let source = Source::Select(context.selector(value, at)?);
        Ok(Self { source, absent: Vec::new(), names: None, scale: None, add: None })
    }

    /// The value in a payload, or none.
    pub(crate) fn evaluate(&self, scope: Scope<'_>, work: &mut Work<'_>) -> Result<Option<Reading>, Error> {
        work.step()?;
        let raw = match &self.source {
            Source::Select(selector) => scope.select(selector)?,
            Source::Constant(reading) => Some(reading.clone()),
            Source::Compute { expression, inputs } => {
                let mut values = Vec::with_capacity(inputs.len());
                for input in inputs {
                    work.step()?;
                    values.push(scope.select(input)?.and_then(|reading| reading.number()));
                }
                expression.evaluate(&values, work)?.map(Reading::Number)
            }
        };
        let Some(raw) = raw.filter(|raw| !self.absent.iter().any(|absent| absent.is(raw))) else { return Ok(None) };
        work.number(raw.bits())?;
        let reading = match &self.names {
            None => raw,
            Some(names) => {
                work.spend(prices::STEP, names.codes.len())?;
                match names.meaning(&raw)? {
                    Some(reading) => reading,
                    None => return Ok(None),
                }
            }
        };
        if self.scale.is_none() && self.add.is_none() {
            return Ok(Some(reading));
        }
        let mut number = reading.number().ok_or(Error::payload(0, "a number is needed for scale and add"))?;
        if let Some(scale) = &self.scale {
            number = number.multiply(scale)?;
        }
        if let Some(add) = &self.add {
            number = number.add(add)?;
        }
        Ok(Some(Reading::Number(number)))
    }

    /// Binary fields that it reads.
    pub(crate) fn fields(&self, found: &mut Vec<String>) {
        match &self.source {
            Source::Select(selector) => fields_of(std::slice::from_ref(selector), found),
            Source::Compute { inputs, .. } => fields_of(inputs, found),
            Source::Constant(_) => {}
        }
    }
}

/// Selectors for the names of an expression: from `with`, else by the name itself.
pub(crate) fn inputs(
    members: Members<'_>,
    expression: &Expression,
    context: &mut Context<'_>,
) -> Result<Vec<Selector>, Error> {
    let with = members.get("with");
    if let Some(names) =
        with.map(|with| with.as_object().ok_or_else(|| members.wrong("with", "must be an object"))).transpose()?
        && let Some(unused) = names.keys().find(|name| !expression.names().contains(name))
    {
        return Err(members.wrong(&format!("with/{unused}"), "is not used by the expression"));
    }
    let each = expression.names().iter().map(|name| match with.and_then(|with| with.get(name)) {
        Some(value) => context.selector(value, &members.at(&format!("with/{name}"))),
        None => context.named(name, &members.at("compute")),
    });
    each.collect()
}

impl Enumeration {
    fn compile(members: Members<'_>) -> Result<Option<Self>, Error> {
        let reading = |value: &Value, name: &str| {
            Reading::from_value(value).map_err(|_| members.wrong(name, "must be a number, text, truth value or null"))
        };
        let otherwise = members.get("otherwise").map(|value| reading(value, "otherwise")).transpose()?;
        let Some(value) = members.get("enum") else {
            return match otherwise {
                None => Ok(None),
                Some(_) => Err(members.wrong("otherwise", "has no meaning without enum")),
            };
        };
        let list = value.as_object().ok_or_else(|| members.wrong("enum", "must be an object of codes"))?;
        let mut codes = Vec::with_capacity(list.len());
        for (code, meaning) in list {
            let name = format!("enum/{code}");
            let meaning = reading(meaning, &name)?.ok_or_else(|| members.wrong(&name, "must have a meaning"))?;
            codes.push((normal(code), meaning));
        }
        Ok(Some(Self { codes, otherwise }))
    }

    /// What a code stands for. None: no value.
    fn meaning(&self, raw: &Reading) -> Result<Option<Reading>, Error> {
        let code = normal(&raw.text()?);
        match (self.codes.iter().find(|(known, _)| *known == code), &self.otherwise) {
            (Some((_, meaning)), _) => Ok(Some(meaning.clone())),
            (None, Some(otherwise)) => Ok(otherwise.clone()),
            (None, None) => Err(Error::payload(0, "a code that the mapping's enum does not have")),
        }
    }

    /// The code of a meaning, as a number if it is one.
    pub(crate) fn code(&self, meaning: &Reading) -> Option<Reading> {
        let (code, _) = self.codes.iter().find(|(_, known)| known.is(meaning))?;
        Some(match (code.as_str(), Decimal::parse(code)) {
            ("true", _) => Reading::Bool(true),
            ("false", _) => Reading::Bool(false),
            (_, Ok(number)) => Reading::Number(number.to_rational()),
            (text, Err(_)) => Reading::Text(text.to_owned()),
        })
    }
}

/// One way to write a code: `0x0a`, `10` and `10.0` are the same.
fn normal(code: &str) -> String {
    if let Some(digits) = code.strip_prefix("0x").filter(|digits| digits.len() <= 16)
        && let Ok(number) = u64::from_str_radix(digits, 16)
    {
        return number.to_string();
    }
    Decimal::parse(code).map_or_else(|_| code.to_owned(), |number| number.to_string())
}
