//! The Eclipse Thingweb playground's Thing Descriptions: valid ones are accepted, invalid ones refused.
use super::Verdict;
use pervade_chainspec::params::DESCRIPTION_BYTES_MAX;
use pervade_evm_ext::things::check_description;
use serde_json::Value;
use std::path::Path;

const TOO_LONG: &str = "longer than a description may be";

pub(super) fn run(file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    file.extension().filter(|extension| *extension == "json")?;
    let valid = match file.parent()?.file_name()?.to_str()? {
        "valid" | "warning" => true,
        "invalid" => false,
        _ => return None,
    };
    // Thing Models describe no thing.
    if !file.ancestors().any(|folder| folder.ends_with("tds")) {
        return None;
    }
    Some(vec![(String::new(), check(valid, content))])
}

fn check(valid: bool, content: &[u8]) -> Result<(), Verdict> {
    if content.len() > DESCRIPTION_BYTES_MAX {
        return Err(Verdict::Skipped(TOO_LONG));
    }
    let document: Value = serde_json::from_slice(content)?;
    let id = document["id"].as_str().unwrap_or("urn:none");
    match (valid, check_description(id, content)) {
        (true, Ok(())) | (false, Err(_)) => Ok(()),
        (true, Err(reason)) => Err(Verdict::Failed(format!("refused: {reason}"))),
        (false, Ok(())) => Err(Verdict::Failed("accepted".to_owned())),
    }
}
