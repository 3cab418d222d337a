//! Layouts from a mapping's document.
use super::{BitOrder, Case, Field, Item, Kind, Layout, Otherwise, Size};
use crate::{
    error::Error,
    expression::Expression,
    json::Value,
    limits::{DEPTH_MAX, FIELD_BITS_MAX, PAYLOAD_BYTES_MAX},
    mapping::Members,
    reading::Reading,
};
use num_bigint::{BigInt, Sign};

/// Members of a field.
const FIELD: [&str; 15] = [
    "name",
    "bits",
    "bytes",
    "type",
    "signed",
    "endian",
    "offset",
    "bit",
    "shift",
    "mask",
    "scale",
    "add",
    "absent",
    "optional",
    "description",
];

/// How fields are read that do not say.
#[derive(Clone, Copy)]
struct Defaults {
    little: bool,
    order: BitOrder,
}

/// Reads `layout`, `endian`, `bitOrder` and `port` of a document.
pub(crate) fn compile_layout(document: Members<'_>) -> Result<Layout, Error> {
    let order = match document.text("bitOrder")? {
        None | Some("msb") => BitOrder::HighestFirst,
        Some("lsb") => BitOrder::LowestFirst,
        Some(_) => return Err(document.wrong("bitOrder", "must be \"msb\" or \"lsb\"")),
    };
    let little = endian(document)?.unwrap_or(order == BitOrder::LowestFirst);
    let defaults = Defaults { little, order };
    let items = items(document, "layout", defaults, 0)?;
    Ok(Layout { order, port: document.flag("port")?, items })
}

/// Reads a field that stands alone in a rule, with the document's defaults.
pub(crate) fn compile_field(value: &Value, at: &str, layout: &Layout, little: bool) -> Result<Field, Error> {
    let members = Members::new(value, at, &FIELD)?;
    if !members.has("offset") {
        return Err(members.wrong("offset", "a field outside a layout must say where it is"));
    }
    field(members, Defaults { little, order: layout.order })
}

fn endian(members: Members<'_>) -> Result<Option<bool>, Error> {
    match members.text("endian")? {
        None => Ok(None),
        Some("big") => Ok(Some(false)),
        Some("little") => Ok(Some(true)),
        Some(_) => Err(members.wrong("endian", "must be \"big\" or \"little\"")),
    }
}

fn items(members: Members<'_>, name: &str, defaults: Defaults, depth: usize) -> Result<Vec<Item>, Error> {
    let list = members.array(name)?.unwrap_or_default();
    list_of(list, &members.at(name), defaults, depth)
}

fn list_of(list: &[Value], at: &str, defaults: Defaults, depth: usize) -> Result<Vec<Item>, Error> {
    if depth > DEPTH_MAX {
        return Err(Error::mapping(at, format!("layouts nest at most {DEPTH_MAX} times")));
    }
    let depth = depth.saturating_add(1);
    let each =
        list.iter().enumerate().map(|(position, value)| item(value, &format!("{at}/{position}"), defaults, depth));
    each.collect()
}

fn item(value: &Value, at: &str, defaults: Defaults, depth: usize) -> Result<Item, Error> {
    if value.get("compute").is_some() {
        let members = Members::new(value, at, &["name", "compute", "description"])?;
        let name = members.text("name")?.ok_or_else(|| members.wrong("name", "a computed number needs a name"))?;
        return Ok(Item::Compute { name: name.to_owned(), expression: expression(members, "compute")? });
    }
    if value.get("when").is_some() {
        let members = Members::new(value, at, &["when", "then", "else", "description"])?;
        return Ok(Item::When {
            condition: expression(members, "when")?,
            then: items(members, "then", defaults, depth)?,
            otherwise: items(members, "else", defaults, depth)?,
        });
    }
    if value.get("switch").is_some() {
        return switch(Members::new(value, at, &["switch", "cases", "otherwise", "description"])?, defaults, depth);
    }
    if value.get("repeat").is_some() {
        let members = Members::new(value, at, &["repeat", "layout", "shared", "description"])?;
        let rest = matches!(members.get("repeat"), Some(Value::Text(text)) if text == "rest");
        return Ok(Item::Repeat {
            count: if rest { None } else { Some(expression(members, "repeat")?) },
            items: items(members, "layout", defaults, depth)?,
            shared: members.flag("shared")?,
        });
    }
    if value.get("window").is_some() {
        let members = Members::new(value, at, &["window", "layout", "description"])?;
        return Ok(Item::Window {
            bytes: expression(members, "window")?,
            items: items(members, "layout", defaults, depth)?,
        });
    }
    field(Members::new(value, at, &FIELD)?, defaults).map(Item::Field)
}

fn switch(members: Members<'_>, defaults: Defaults, depth: usize) -> Result<Item, Error> {
    let on = match members.get("switch") {
        Some(Value::Array(list)) => {
            let each = list.iter().enumerate().map(|(position, value)| {
                expression_of(value).map_err(|reason| members.wrong(&format!("switch/{position}"), reason))
            });
            each.collect::<Result<Vec<_>, _>>()?
        }
        _ => vec![expression(members, "switch")?],
    };
    let cases = members.get("cases").and_then(Value::as_object);
    let cases = cases.ok_or_else(|| members.wrong("cases", "must be an object"))?;
    let mut compiled = Vec::new();
    for (key, list) in cases {
        let name = format!("cases/{key}");
        let parts: Vec<_> = key.split([',', ' ']).filter(|part| !part.is_empty()).collect();
        let keys = parts.iter().map(|part| range(part)).collect::<Option<Vec<_>>>();
        let keys = keys.filter(|keys| keys.len() == on.len());
        let keys = keys.ok_or_else(|| {
            members.wrong(&name, "a case has a number (or a range a..b) for each expression of the switch")
        })?;
        let list = list.as_array().ok_or_else(|| members.wrong(&name, "must be an array of items"))?;
        compiled.push(Case { keys, items: list_of(list, &members.at(&name), defaults, depth)? });
    }
    let otherwise = match members.get("otherwise") {
        None => Otherwise::Refuse,
        Some(Value::Text(text)) if text == "error" => Otherwise::Refuse,
        Some(Value::Text(text)) if text == "stop" => Otherwise::Stop,
        Some(Value::Array(list)) => Otherwise::Items(list_of(list, &members.at("otherwise"), defaults, depth)?),
        Some(_) => return Err(members.wrong("otherwise", "must be \"error\", \"stop\" or an array of items")),
    };
    Ok(Item::Switch { on, cases: compiled, otherwise })
}

/// `7`, `0x1f`, or `1..5` with both ends.
fn range(text: &str) -> Option<(BigInt, BigInt)> {
    match text.split_once("..") {
        Some((low, high)) => Some((integer(low)?, integer(high)?)),
        None => integer(text).map(|number| (number.clone(), number)),
    }
}

fn integer(text: &str) -> Option<BigInt> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    if digits.len() > 78 {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), radix)
}

fn expression(members: Members<'_>, name: &str) -> Result<Expression, Error> {
    let value = members.get(name).ok_or_else(|| members.wrong(name, "is missing"))?;
    expression_of(value).map_err(|reason| members.wrong(name, reason))
}

/// A number, or text of an expression.
fn expression_of(value: &Value) -> Result<Expression, String> {
    match value {
        Value::Number(number) => Expression::parse(&number.to_string()),
        Value::Text(text) => Expression::parse(text),
        _ => Err("must be a number or an expression".to_owned()),
    }
}

fn field(members: Members<'_>, defaults: Defaults) -> Result<Field, Error> {
    let width = usize::try_from(FIELD_BITS_MAX).unwrap_or(usize::MAX);
    let kind = kind(members)?;
    let byte_string = matches!(kind, Kind::Text | Kind::Hex | Kind::Bytes);
    let size = match (members.get("bits"), members.get("bytes")) {
        (None, Some(Value::Text(text))) if text == "rest" => Size::Rest,
        (None, Some(Value::Number(_))) => {
            Size::Bits(members.count("bytes", PAYLOAD_BYTES_MAX)?.unwrap_or(0).saturating_mul(8))
        }
        (None, Some(_)) => Size::Bytes(expression(members, "bytes")?),
        (Some(_), None) => Size::Bits(members.count("bits", PAYLOAD_BYTES_MAX.saturating_mul(8))?.unwrap_or(0)),
        _ => return Err(members.wrong("bits", "a field has either bits or bytes")),
    };
    let named = members.has("name") || members.has("offset");
    match size {
        Size::Bits(bits) if byte_string && bits % 8 != 0 => {
            return Err(members.wrong("bits", "text and bytes have whole bytes"));
        }
        Size::Bits(bits) if named && !byte_string && bits > width => {
            return Err(members.wrong("bits", format!("a number has at most {width} bits")));
        }
        Size::Bits(bits) if kind == Kind::Float && !matches!(bits, 16 | 32 | 64) => {
            return Err(members.wrong("bits", "a float has 16, 32 or 64 bits"));
        }
        Size::Bits(bits) if kind == Kind::Decimal && bits % 4 != 0 => {
            return Err(members.wrong("bits", "a decimal has four bits a digit"));
        }
        _ => {}
    }
    let little = endian(members)?;
    if let (Some(true), Size::Bits(bits), BitOrder::HighestFirst) = (little, &size, defaults.order)
        && bits % 8 != 0
    {
        let reason = "little-endian fields have whole bytes; use shift and mask, or bitOrder \"lsb\"";
        return Err(members.wrong("endian", reason));
    }
    Ok(Field {
        name: members.text("name")?.map(str::to_owned),
        size,
        kind,
        little: little.unwrap_or(defaults.little),
        offset: if members.has("offset") { Some(expression(members, "offset")?) } else { None },
        bit: members.count("bit", 7)?.unwrap_or(0),
        shift: u64::try_from(members.count("shift", width)?.unwrap_or(0)).unwrap_or(0),
        mask: mask(members)?,
        scale: members.rational("scale")?,
        add: members.rational("add")?,
        absent: absent(members)?,
        optional: members.flag("optional")?,
    })
}

fn mask(members: Members<'_>) -> Result<Option<BigInt>, Error> {
    let mask = match members.get("mask") {
        None => return Ok(None),
        Some(Value::Number(number)) => number.to_integer(),
        Some(Value::Text(text)) => integer(text),
        Some(_) => None,
    };
    let mask = mask.filter(|mask| mask.sign() == Sign::Plus && mask.bits() <= FIELD_BITS_MAX);
    mask.map(Some).ok_or_else(|| members.wrong("mask", "must be a whole number above 0, such as \"0x3fff\""))
}

/// Raw values that mean that there is none.
pub(crate) fn absent(members: Members<'_>) -> Result<Vec<Reading>, Error> {
    let list = members.array("absent")?.unwrap_or_default();
    let each = list.iter().enumerate().map(|(position, value)| {
        let reading = match value {
            Value::Text(text) if text.starts_with("0x") => integer(text).map(|number| Reading::Number(number.into())),
            other => Reading::from_value(other).ok().flatten(),
        };
        reading.ok_or_else(|| members.wrong(&format!("absent/{position}"), "must be a number, text or truth value"))
    });
    each.collect()
}

fn kind(members: Members<'_>) -> Result<Kind, Error> {
    let signed = members.flag("signed")?;
    Ok(match members.text("type")? {
        None if signed => Kind::Signed,
        None | Some("uint") if !signed => Kind::Unsigned,
        Some("int") => Kind::Signed,
        Some("sign-magnitude") => Kind::SignMagnitude,
        Some("bcd") => Kind::Decimal,
        Some("float") => Kind::Float,
        Some("bool") => Kind::Bool,
        Some("text") => Kind::Text,
        Some("hex") => Kind::Hex,
        Some("bytes") => Kind::Bytes,
        _ => {
            let known = "must be uint, int, sign-magnitude, bcd, float, bool, text, hex or bytes";
            return Err(members.wrong("type", known));
        }
    })
}
