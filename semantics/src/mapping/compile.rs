//! From a document to a mapping.
use super::{
    Format, Mapping,
    document::Members,
    rule::{DEFAULTS, Rule},
    selector::Context,
};
use crate::{
    abi::Signature,
    binary::{Item, Layout, compile_layout},
    error::Error,
    json,
    limits::{DOCUMENT_DEPTH_MAX, PROGRAM_BYTES_MAX, RULES_MAX},
    model::Model,
};

/// Members of every document.
const DOCUMENT: [&str; 4] = ["description", "model", "format", "observations"];
/// Members of documents for binary payloads.
const BINARY: [&str; 4] = ["layout", "endian", "bitOrder", "port"];

pub(crate) fn compile(model: &Model, format: Format, program: &[u8]) -> Result<Mapping, Error> {
    if program.len() > PROGRAM_BYTES_MAX {
        return Err(Error::limit("bytes of a mapping", PROGRAM_BYTES_MAX));
    }
    let document = json::parse(program, DOCUMENT_DEPTH_MAX).map_err(|error| match error {
        Error::MalformedPayload { offset, reason } => Error::mapping(format!("byte {offset}"), reason),
        other => other,
    })?;
    let own: &[&str] = match format {
        Format::Binary => &BINARY,
        Format::AbiEvent => &["event"],
        Format::AbiCall => &["call"],
        _ => &[],
    };
    let members = Members::new(&document, "", &[&DOCUMENT[..], &DEFAULTS[..], own].concat())?;
    if members.text("format")?.is_some_and(|name| name != format.name()) {
        return Err(members.wrong("format", format!("the mapping is defined for {}", format.name())));
    }
    if members.text("model")?.is_some_and(|iri| iri != model.iri()) {
        return Err(members.wrong("model", format!("the mapping is defined for {}", model.iri())));
    }
    let layout = if format == Format::Binary { Some(compile_layout(members)?) } else { None };
    let signature = match format {
        Format::AbiEvent => Some(signature(members, "event")?),
        Format::AbiCall => Some(signature(members, "call")?),
        _ => None,
    };
    let parameters =
        |signature: &Signature| signature.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    let mut context = Context {
        format,
        layout: layout.as_ref(),
        parameters: signature.as_ref().map(parameters),
        fields: layout.as_ref().map(fields).unwrap_or_default(),
        little: members.text("endian")? == Some("little")
            || members.text("bitOrder")? == Some("lsb") && !members.has("endian"),
        inline: Vec::new(),
        in_each: false,
    };
    let list = members.array("observations")?.unwrap_or_default();
    if list.is_empty() {
        return Err(members.wrong("observations", "must have rules"));
    }
    if list.len() > RULES_MAX {
        return Err(Error::limit("rules of a mapping", RULES_MAX));
    }
    let mut rules = Vec::with_capacity(list.len());
    for (position, value) in list.iter().enumerate() {
        rules.push(Rule::compile(value, &format!("/observations/{position}"), members, model, &mut context)?);
    }
    let inline = context.inline;
    Ok(Mapping { format, model: model.clone(), rules, layout, inline, signature })
}

fn signature(members: Members<'_>, name: &str) -> Result<Signature, Error> {
    let text = members.text(name)?.ok_or_else(|| members.wrong(name, "must be a signature of Solidity"))?;
    Signature::parse(text).map_err(|reason| members.wrong(name, reason))
}

/// Names of all fields of a layout.
fn fields(layout: &Layout) -> Vec<String> {
    fn collect(items: &[Item], found: &mut Vec<String>) {
        for item in items {
            match item {
                Item::Field(field) => found.extend(field.name.clone()),
                Item::Compute { name, .. } => found.push(name.clone()),
                Item::When { then, otherwise, .. } => {
                    collect(then, found);
                    collect(otherwise, found);
                }
                Item::Switch { cases, otherwise, .. } => {
                    cases.iter().for_each(|case| collect(case.items(), found));
                    if let crate::binary::Otherwise::Items(items) = otherwise {
                        collect(items, found);
                    }
                }
                Item::Repeat { items, .. } | Item::Window { items, .. } => collect(items, found),
            }
        }
    }
    let mut found = if layout.port { vec!["port".to_owned()] } else { Vec::new() };
    collect(&layout.items, &mut found);
    found.sort();
    found.dedup();
    found
}
