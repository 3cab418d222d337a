//! Turns the UCUM table into constants.
use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let source = Path::new("data/ucum-essence.xml");
    println!("cargo:rerun-if-changed={}", source.display());
    let text = fs::read_to_string(source)?;
    let document = roxmltree::Document::parse(&text)?;
    let mut prefixes = String::new();
    let mut bases = String::new();
    let mut units = String::new();
    for node in document.root_element().children().filter(roxmltree::Node::is_element) {
        let code = node.attribute("Code").ok_or("an entry without a code")?;
        let value =
            node.children().find(|child| child.has_tag_name(("http://unitsofmeasure.org/ucum-essence", "value")));
        match node.tag_name().name() {
            "prefix" => {
                let value = value.and_then(|value| value.attribute("value")).ok_or("a prefix without a value")?;
                writeln!(prefixes, "    ({code:?}, {value:?}),")?;
            }
            "base-unit" => writeln!(bases, "    {code:?},")?,
            "unit" => {
                let value = value.ok_or("a unit without a value")?;
                let function = value.children().find(|child| child.tag_name().name() == "function");
                let source = function.unwrap_or(value);
                let metric = node.attribute("isMetric") == Some("yes");
                let arbitrary = node.attribute("isArbitrary") == Some("yes");
                writeln!(
                    units,
                    "    UnitRow {{ code: {code:?}, metric: {metric}, arbitrary: {arbitrary}, function: {:?}, value: {:?}, unit: {:?} }},",
                    function.and_then(|function| function.attribute("name")),
                    source.attribute("value").ok_or("a unit without a number")?,
                    source.attribute("Unit").ok_or("a unit without a unit")?,
                )?;
            }
            other => return Err(format!("an unknown entry {other}").into()),
        }
    }
    let table = format!(
        "pub(super) const PREFIXES: &[(&str, &str)] = &[\n{prefixes}];\n\
         pub(super) const BASES: &[&str] = &[\n{bases}];\n\
         pub(super) const UNITS: &[UnitRow] = &[\n{units}];\n"
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("ucum_table.rs"), table)?;
    Ok(())
}
