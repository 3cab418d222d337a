//! Log lines: text or JSON, to standard error or a file.
use crate::{
    NodeError,
    config::{LogConfig, LogFormat},
};
use std::{fs::OpenOptions, io::IsTerminal, sync::Mutex};
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

/// Installs the process's log subscriber. `RUST_LOG` overrides `verbosity`, `quiet` limits it to warnings.
///
/// # Errors
/// The log file cannot be opened; `RUST_LOG` is malformed.
pub fn init(config: &LogConfig, verbosity: u8) -> Result<(), NodeError> {
    let filter = filter(config.quiet, verbosity)?;
    let (writer, colours) = match &config.file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(NodeError::file("open", path))?;
            (BoxMakeWriter::new(Mutex::new(file)), false)
        }
        None => (BoxMakeWriter::new(std::io::stderr), std::io::stderr().is_terminal()),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    // A second call (tests) leaves the first subscriber in place.
    let _ = match config.format {
        LogFormat::Text => lines.with_target(verbosity > 3).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

fn filter(quiet: bool, verbosity: u8) -> Result<EnvFilter, NodeError> {
    if let Ok(directives) = std::env::var("RUST_LOG")
        && !directives.is_empty()
    {
        let wrong = |e: tracing_subscriber::filter::ParseError| NodeError::Setting {
            setting: "verbosity",
            reason: format!("RUST_LOG is malformed: {e}"),
        };
        return EnvFilter::try_new(directives).map_err(wrong);
    }
    // Libraries below us are of interest only to those who look for everything.
    let directives = match (quiet, verbosity) {
        (_, 0) => "off",
        (_, 1) => "error",
        (true, _) | (_, 2) => "warn",
        (_, 3) => "warn,pervade=info,pervade_node=info,pervade_storage=info,pervade_txpool=info,pervade_rpc=info",
        (_, 4) => {
            "info,pervade=debug,pervade_node=debug,pervade_storage=debug,pervade_evm_ext=debug,pervade_txpool=debug,pervade_rpc=debug"
        }
        _ => "trace",
    };
    Ok(EnvFilter::new(directives))
}
