//! The command line.
use crate::{
    commands::{
        db::DbCommand,
        devnet::DevnetArgs,
        export::ExportArgs,
        gateway::GatewayArgs,
        genesis::{CheckArgs, NewArgs},
        import::ImportArgs,
        keys::KeysCommand,
        mapping::MappingCommand,
        node::NodeArgs,
        status::StatusArgs,
        testnet::TestnetCommand,
        verify::VerifyArgs,
    },
    config::{LogOptions, VerbosityOptions},
};
use clap::{ArgAction, Parser, Subcommand};

/// Pervade, a blockchain node for devices and those who run them.
///
/// Flags may also be given as environment variables (PERVADE_HTTP_PORT for --http.port) and, for `pervade node`, in a
/// TOML file (`port` in the section `[http]`). The command line wins over the environment, that over the file.
#[derive(Debug, Parser)]
#[command(name = "pervade", version, propagate_version = true, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where log lines go.
    #[command(flatten)]
    pub log: LogOptions,
    /// How much is logged.
    #[command(flatten)]
    pub verbosity: VerbosityOptions,
    /// Logs more; twice for everything
    #[arg(short = 'v', action = ArgAction::Count, global = true, help_heading = "Logging")]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a node
    Node(Box<NodeArgs>),
    /// Runs a network of validators on this machine
    Devnet(DevnetArgs),
    /// Runs a gateway: carries requests of contracts to things, and messages of things to the chain
    Gateway(GatewayArgs),
    /// Makes a network of validators
    #[command(subcommand)]
    Testnet(TestnetCommand),
    /// Shows the state of a running node
    Status(StatusArgs),
    /// Proves the head that a node shows, from the genesis or a trusted block
    Verify(VerifyArgs),
    /// Executes and stores the blocks of an RLP file
    Import(ImportArgs),
    /// Writes stored blocks to an RLP file
    Export(ExportArgs),
    /// Makes and checks genesis files
    #[command(subcommand)]
    Genesis(GenesisCommand),
    /// Makes, imports and shows validator keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Looks into, checks and prunes a data directory
    #[command(subcommand)]
    Db(DbCommand),
    /// Checks and runs mappings of devices' payloads, without a chain
    #[command(subcommand)]
    Mapping(MappingCommand),
}

/// What to do with genesis files.
#[derive(Debug, Subcommand)]
pub enum GenesisCommand {
    /// Writes a new network's genesis file
    New(NewArgs),
    /// Checks a genesis file, and prints its hash and state root
    Check(CheckArgs),
}

impl Cli {
    /// `--verbosity` with each `-v` added; 3 if nothing is said.
    pub fn verbosity(&self) -> Option<u8> {
        match (self.verbosity.verbosity, self.verbose) {
            (level, 0) => level,
            (level, more) => Some(level.unwrap_or(3).saturating_add(more).min(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable_named_after_it() {
        let command = Cli::command();
        let node = command.find_subcommand("node").unwrap();
        for arg in node.get_arguments().filter(|arg| arg.get_env().is_some()) {
            let expected = format!("PERVADE_{}", arg.get_long().unwrap().replace(['.', '-'], "_").to_uppercase());
            assert_eq!(arg.get_env().unwrap().to_str(), Some(expected.as_str()));
        }
    }

    #[test]
    fn logging_flags_stand_before_or_after_the_command() {
        for line in [["pervade", "-v", "node", "--dev"], ["pervade", "node", "--dev", "-v"]] {
            assert_eq!(Cli::try_parse_from(line).unwrap().verbosity(), Some(4));
        }
    }
}
