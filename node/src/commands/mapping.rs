//! `pervade mapping`: checks mappings and runs them over payloads, without a chain.
use crate::NodeError;
use alloy_primitives::{B256, keccak256};
use clap::{Args, Subcommand};
use pervade_semantics::{
    Counter, Format, Mapping, Model,
    json::{self, Value},
    limits::{DOCUMENT_DEPTH_MAX, PAYLOAD_BYTES_MAX, PROGRAM_BYTES_MAX},
};
use std::{
    fs::File,
    io::{Read, stdin},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What to do with mappings.
#[derive(Debug, Subcommand)]
pub enum MappingCommand {
    /// Checks a mapping against its model
    Check(MappingArgs),
    /// Reads a payload through a mapping and prints its observations
    Run(RunArgs),
}

/// A mapping and its model.
#[derive(Debug, Args)]
pub struct MappingArgs {
    /// Mapping document (JSON); its member "format" says what it reads
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Model (JSON; without it: model.json beside the mapping)
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

/// A mapping and a payload for it.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Mapping and model.
    #[command(flatten)]
    pub mapping: MappingArgs,
    /// File with the payload, its bytes as 0x and hexadecimal digits, or - for standard input; a file that ends in .hex
    /// holds digits
    #[arg(value_name = "PAYLOAD", allow_hyphen_values = true)]
    pub payload: String,
    /// LoRaWAN port, for mappings that have "port": true
    #[arg(long, value_name = "PORT")]
    pub port: Option<u8>,
    /// What observations are about: 0x and 64 digits, or text whose keccak-256 it is
    #[arg(long, value_name = "SUBJECT", default_value = "")]
    pub subject: String,
    /// Mapping of the same model to write the observations with; prints the payload instead
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Runs `pervade mapping ...`.
///
/// # Errors
/// A file cannot be read; the model, the mapping or the payload is wrong: where, and why.
pub fn run(command: MappingCommand) -> Result<(), NodeError> {
    match command {
        MappingCommand::Check(args) => {
            let (mapping, program) = load(&args.file, args.model.as_deref())?;
            println!("{}: {} payloads into {}", args.file.display(), mapping.format().name(), mapping.model().iri());
            println!("document: {} bytes, keccak256 {}", program.len(), keccak256(&program));
            if let Some(signature) = mapping.signature() {
                println!("signature: {} ({})", signature.canonical(), signature.hash());
            }
            Ok(())
        }
        MappingCommand::Run(args) => run_payload(&args),
    }
}

fn run_payload(args: &RunArgs) -> Result<(), NodeError> {
    let file = &args.mapping.file;
    let (mapping, _) = load(file, args.mapping.model.as_deref())?;
    let mut payload = read_payload(&args.payload)?;
    if let Some(port) = args.port {
        payload.insert(0, port);
    }
    let subject = match args.subject.as_str() {
        "" => B256::ZERO,
        digits if digits.starts_with("0x") => digits
            .parse()
            .map_err(|_| NodeError::Setting { setting: "subject", reason: "0x is followed by 64 digits".into() })?,
        text => keccak256(text),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let mut counter = Counter::default();
    let observations = mapping
        .normalize(subject, &payload, now_ms, &mut counter)
        .map_err(|error| wrong(Path::new(&args.payload), &error))?;
    if let Some(to) = &args.to {
        let (to_mapping, _) = load(to, args.mapping.model.as_deref())?;
        let written = to_mapping.write(&observations, &mut counter).map_err(|error| wrong(to, &error))?;
        match String::from_utf8(written) {
            Ok(text) if matches!(to_mapping.format(), Format::Json | Format::SenmlJson) => println!("{text}"),
            Ok(text) => println!("0x{}", hex::encode(text)),
            Err(bytes) => println!("0x{}", hex::encode(bytes.as_bytes())),
        }
        return Ok(());
    }
    for observation in &observations {
        let known = mapping.model().properties().iter().find(|property| property.id == observation.property);
        println!("{}", json::write(&observation.to_value(known.map_or("", |property| &property.iri))));
    }
    eprintln!("{} observations, {} gas of work", observations.len(), counter.work);
    Ok(())
}

/// The mapping of a file with its model, and the file's bytes.
fn load(file: &Path, model: Option<&Path>) -> Result<(Mapping, Vec<u8>), NodeError> {
    let beside = file.with_file_name("model.json");
    let model_file = model.unwrap_or(&beside);
    let model = Model::parse(&read(model_file, PROGRAM_BYTES_MAX)?).map_err(|error| wrong(model_file, &error))?;
    let program = read(file, PROGRAM_BYTES_MAX)?;
    let document = json::parse(&program, DOCUMENT_DEPTH_MAX).map_err(|error| wrong(file, &error))?;
    let format = document.get("format").and_then(Value::as_text).and_then(Format::of);
    let format = format.ok_or_else(|| {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        refuse(file, format!("/format: must be one of {}", names.join(", ")))
    })?;
    let mapping = Mapping::compile(&model, format, &program).map_err(|error| wrong(file, &error))?;
    Ok((mapping, program))
}

fn read_payload(payload: &str) -> Result<Vec<u8>, NodeError> {
    let digits = |text: &str| {
        let text: String = text.split_whitespace().collect();
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        hex::decode(digits).map_err(|error| refuse(Path::new(payload), error.to_string()))
    };
    if payload == "-" {
        let mut bytes = Vec::new();
        let failed = |source| NodeError::File { action: "read", path: "-".into(), source };
        stdin().take(limit(PAYLOAD_BYTES_MAX)).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(bytes);
    }
    if payload.starts_with("0x") {
        return digits(payload);
    }
    let bytes = read(Path::new(payload), PAYLOAD_BYTES_MAX.saturating_mul(3))?;
    if payload.ends_with(".hex") { digits(&String::from_utf8_lossy(&bytes)) } else { Ok(bytes) }
}

/// A file, and one byte more than it may have at most.
fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, NodeError> {
    let failed = |source| NodeError::File { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit(bytes_max)).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

fn limit(bytes_max: usize) -> u64 {
    u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1)
}

fn wrong(file: &Path, error: &pervade_semantics::Error) -> NodeError {
    refuse(file, error.to_string())
}

fn refuse(file: &Path, reason: String) -> NodeError {
    NodeError::Mapping { file: file.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/models").join(name)
    }

    #[test]
    fn examples_are_checked_run_and_translated() {
        let file = example("climate/dragino-lht65.mapping.json");
        run(MappingCommand::Check(MappingArgs { file: file.clone(), model: None })).unwrap();
        let args = |payload: String| RunArgs {
            mapping: MappingArgs { file: file.clone(), model: None },
            payload,
            port: None,
            subject: "thing".into(),
            to: Some(example("climate/tasmota-bme280.mapping.json")),
        };
        run(MappingCommand::Run(args(example("climate/dragino-lht65.payload.hex").display().to_string()))).unwrap();
        run(MappingCommand::Run(args("0xcbf60b0d0376010add7fff".into()))).unwrap();
        let error = run(MappingCommand::Run(args("0xcbf6".into()))).unwrap_err();
        assert!(error.to_string().contains("byte 2"), "{error}");
    }

    #[test]
    fn mistakes_are_told_with_file_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.json");
        std::fs::write(&file, r#"{"format":"Json","observations":[{"property":"urn:x","value":"$.a"}]}"#).unwrap();
        let model = Some(example("climate/model.json"));
        let error = run(MappingCommand::Check(MappingArgs { file: file.clone(), model })).unwrap_err();
        assert!(error.to_string().contains("m.json: invalid mapping: /observations/0/property"), "{error}");
        assert!(run(MappingCommand::Check(MappingArgs { file, model: None })).is_err());
    }
}
