//! Conditions: when a rule applies.
use super::{
    document::Members,
    operand::{Operand, inputs},
    selector::{Context, Scope, Selector},
};
use crate::{
    error::Error, expression::Expression, json::Value, limits::DEPTH_MAX, meter::Work, number::Rational,
    reading::Reading,
};

/// Whether a rule applies to a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Expression {
        expression: Expression,
        inputs: Vec<Selector>,
    },
    /// The value is one of these.
    In {
        operand: Operand,
        values: Vec<Reading>,
    },
    /// There is a value, or there is none.
    Exists {
        operand: Operand,
        exists: bool,
    },
    /// The value is a number between these.
    Between {
        operand: Operand,
        minimum: Option<Rational>,
        maximum: Option<Rational>,
    },
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

const TEST: [&str; 7] = ["path", "equals", "in", "exists", "minimum", "maximum", "with"];

impl Condition {
    pub(crate) fn compile(value: &Value, at: &str, context: &mut Context<'_>, depth: usize) -> Result<Self, Error> {
        if depth >= DEPTH_MAX {
            return Err(Error::mapping(at, format!("conditions nest at most {DEPTH_MAX} times")));
        }
        let depth = depth.saturating_add(1);
        if let Value::Text(text) = value {
            let expression = Expression::parse(text).map_err(|reason| Error::mapping(at, reason))?;
            let each = expression.names().iter().map(|name| context.named(name, at));
            return Ok(Self::Expression { inputs: each.collect::<Result<_, _>>()?, expression });
        }
        for (name, build) in [("all", Self::All as fn(Vec<Self>) -> Self), ("any", Self::Any)] {
            if value.get(name).is_some() {
                let members = Members::new(value, at, &[name])?;
                let list = members.array(name)?.unwrap_or_default();
                let each = list.iter().enumerate().map(|(position, value)| {
                    Self::compile(value, &members.at(&format!("{name}/{position}")), context, depth)
                });
                return Ok(build(each.collect::<Result<_, _>>()?));
            }
        }
        if let Some(inner) = value.get("not") {
            let members = Members::new(value, at, &["not"])?;
            return Ok(Self::Not(Box::new(Self::compile(inner, &members.at("not"), context, depth)?)));
        }
        if value.get("expression").is_some() {
            let members = Members::new(value, at, &["expression", "with"])?;
            let text = members.text("expression")?.unwrap_or_default();
            let expression = Expression::parse(text).map_err(|reason| members.wrong("expression", reason))?;
            return Ok(Self::Expression { inputs: inputs(members, &expression, context)?, expression });
        }
        test(Members::new(value, at, &TEST)?, context)
    }

    /// # Errors
    /// Those of operands and expressions.
    pub(crate) fn holds(&self, scope: Scope<'_>, work: &mut Work<'_>) -> Result<bool, Error> {
        work.step()?;
        Ok(match self {
            Self::Expression { expression, inputs } => {
                let mut values = Vec::with_capacity(inputs.len());
                for input in inputs {
                    work.step()?;
                    values.push(scope.select(input)?.and_then(|reading| reading.number()));
                }
                expression.evaluate(&values, work)?.is_some_and(|number| !number.is_zero())
            }
            Self::In { operand, values } => {
                let found = operand.evaluate(scope, work)?;
                found.is_some_and(|found| values.iter().any(|value| value.is(&found)))
            }
            Self::Exists { operand, exists } => operand.evaluate(scope, work)?.is_some() == *exists,
            Self::Between { operand, minimum, maximum } => {
                let number = operand.evaluate(scope, work)?.and_then(|reading| reading.number());
                number.is_some_and(|number| {
                    minimum.as_ref().is_none_or(|minimum| *minimum <= number)
                        && maximum.as_ref().is_none_or(|maximum| number <= *maximum)
                })
            }
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(scope, work)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(scope, work)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(condition) => !condition.holds(scope, work)?,
        })
    }

    /// Binary fields that it looks at.
    pub(crate) fn fields(&self, found: &mut Vec<String>) {
        match self {
            Self::Expression { inputs, .. } => fields_of(inputs, found),
            Self::In { operand, .. } | Self::Exists { operand, .. } | Self::Between { operand, .. } => {
                operand.fields(found)
            }
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().for_each(|inner| inner.fields(found)),
            Self::Not(condition) => condition.fields(found),
        }
    }
}

pub(crate) fn fields_of(selectors: &[Selector], found: &mut Vec<String>) {
    found.extend(selectors.iter().filter_map(|selector| match selector {
        Selector::Field(name) => Some(name.clone()),
        _ => None,
    }));
}

fn test(members: Members<'_>, context: &mut Context<'_>) -> Result<Condition, Error> {
    let path = members.get("path").ok_or_else(|| members.wrong("path", "is missing: what the condition is about"))?;
    let operand = Operand::alone(path, &members.at("path"), context)?;
    let reading = |value: &Value, name: &str| {
        let reading = Reading::from_value(value).ok().flatten();
        reading.ok_or_else(|| members.wrong(name, "must be a number, text or truth value"))
    };
    if let Some(value) = members.get("equals") {
        return Ok(Condition::In { operand, values: vec![reading(value, "equals")?] });
    }
    if let Some(list) = members.array("in")? {
        let values = list.iter().map(|value| reading(value, "in")).collect::<Result<_, _>>()?;
        return Ok(Condition::In { operand, values });
    }
    if members.has("exists") {
        return Ok(Condition::Exists { operand, exists: members.flag("exists")? });
    }
    let (minimum, maximum) = (members.rational("minimum")?, members.rational("maximum")?);
    if minimum.is_none() && maximum.is_none() {
        return Err(members.wrong("equals", "one of equals, in, exists, minimum and maximum must be there"));
    }
    Ok(Condition::Between { operand, minimum, maximum })
}
