//! `pervade node`: runs a node.
use crate::{
    NodeError, OpenedChain,
    config::{LogOptions, NodeConfig, NodeOptions, VerbosityOptions},
    datadir::DataDir,
    dev::{DevNetwork, mnemonic_accounts},
    gateway::GatewayRole,
    keys::{read_keystore, read_password},
    logging,
    service::{Node, Role},
    shutdown::Shutdown,
};
use alloy_signer_local::PrivateKeySigner;
use clap::Args;
use pervade_chainspec::ChainSpec;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Arguments of `pervade node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// TOML file with settings; the command line and the environment win over it
    #[arg(long, env = "PERVADE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Prints the settings that would hold, as a configuration file, and ends
    #[arg(long)]
    pub dump_config: bool,
    /// Ends when standard input does: `pervade devnet` holds its other end
    #[arg(long, hide = true)]
    pub lifeline: bool,
    /// The settings.
    #[command(flatten)]
    pub options: NodeOptions,
}

/// Runs `pervade node ...` until a signal or a fatal error.
///
/// # Errors
/// A setting, the chain or a file is refused; storage failed for good.
pub fn run(args: NodeArgs, log: LogOptions, verbosity: Option<u8>) -> Result<(), NodeError> {
    let options = NodeOptions { log, verbosity: VerbosityOptions { verbosity }, ..args.options };
    let config = options.resolve(args.config.as_deref())?;
    if args.dump_config {
        let text = toml::to_string(&config)
            .map_err(|e| NodeError::Setting { setting: "dump-config", reason: e.to_string() })?;
        print!("{text}");
        return Ok(());
    }
    logging::init(&config.log, config.verbosity.verbosity)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| NodeError::Stopped { part: "the runtime", reason: e.to_string() })?;
    runtime.block_on(serve(&config, args.lifeline))
}

async fn serve(config: &NodeConfig, lifeline: bool) -> Result<(), NodeError> {
    let shutdown = Shutdown::default();
    shutdown.on_signals()?;
    if lifeline {
        shutdown.on_end_of_input()?;
    }
    let (chain, role, banner) = open(config)?;
    let gateway = gateway_role(config, &chain.spec)?;
    let (chain_id, genesis, head) = (chain.spec.chain_id(), chain.spec.genesis_hash(), chain.storage.head());
    let datadir = chain.datadir.root().to_owned();
    let role_name = role.name();
    let node = Node::start(config, chain, role, gateway, shutdown).await?;
    if let Some(banner) = banner.filter(|_| !config.log.quiet && config.verbosity.verbosity > 1) {
        print!("{banner}");
        for (kind, scheme, addr) in [("HTTP", "http", node.http), ("WebSocket", "ws", node.ws)] {
            if let Some(addr) = addr {
                println!("{:11}{scheme}://{addr}", format!("{kind}:"));
            }
        }
        println!();
    }
    tracing::info!(
        chain_id,
        %genesis,
        height = head.number(),
        block_hash = %head.hash,
        datadir = %datadir.display(),
        role = role_name,
        http = node.http.map(tracing::field::display),
        ws = node.ws.map(tracing::field::display),
        metrics = node.metrics.map(tracing::field::display),
        "node started"
    );
    node.run().await?;
    tracing::info!("node stopped");
    Ok(())
}

/// The gateway that the settings name. A development network has an account for it.
fn gateway_role(config: &NodeConfig, spec: &ChainSpec) -> Result<Option<GatewayRole>, NodeError> {
    if config.gateway.config.is_some() && spec.pervade().is_none() {
        let reason = "this chain has no things: leave it out".into();
        return Err(NodeError::Setting { setting: "gateway", reason });
    }
    let dev = match config.dev.enabled && config.gateway.config.is_some() {
        true => mnemonic_accounts(config.dev.accounts)?.pop(),
        false => None,
    };
    GatewayRole::read(&config.gateway, dev)
}

/// Opens what the settings name. The last is what a development network prints.
///
/// # Errors
/// A file, the chain or the data directory is refused.
pub fn open(config: &NodeConfig) -> Result<(OpenedChain, Role, Option<String>), NodeError> {
    if config.dev.enabled {
        let network = DevNetwork::new(&config.dev)?;
        let banner = network.banner();
        let role = Role::Producer { account: network.validator.address(), pacing: network.pacing };
        return Ok((open_dev(config, network)?, role, Some(banner)));
    }
    let missing = || NodeError::Setting { setting: "datadir", reason: "is missing".into() };
    let datadir = DataDir::new(config.chain.datadir.clone().ok_or_else(missing)?);
    let key =
        config.validator.key.as_deref().map(|file| read_key(file, config.operator.password.as_deref())).transpose()?;
    let spec = datadir.read_chain(config.chain.chain.as_deref())?;
    let role = role(&spec, key.as_ref())?;
    let (spec, storage) = datadir.open_chain(config.chain.chain.as_deref(), config.storage_options()?)?;
    Ok((OpenedChain { spec, storage, datadir, temporary: None }, role, None))
}

fn open_dev(config: &NodeConfig, network: DevNetwork) -> Result<OpenedChain, NodeError> {
    let (datadir, temporary) = match &config.chain.datadir {
        Some(dir) => (DataDir::new(dir), None),
        None => {
            let dir = tempfile::Builder::new().prefix("pervade-dev-").tempdir();
            let dir = dir.map_err(NodeError::file("create", std::env::temp_dir()))?;
            (DataDir::new(dir.path()), Some(dir))
        }
    };
    let spec = Arc::new(network.spec);
    let storage = datadir.open(&spec, config.storage_options()?, &network.genesis_json)?;
    Ok(OpenedChain { spec, storage, datadir, temporary })
}

fn read_key(file: &Path, password: Option<&Path>) -> Result<PrivateKeySigner, NodeError> {
    read_keystore(file, &read_password(password)?)
}

/// What this node does on the chain with this key.
fn role(spec: &ChainSpec, key: Option<&PrivateKeySigner>) -> Result<Role, NodeError> {
    match (spec.pervade(), key) {
        // One validator decides as several do: others can follow it, and a vote can add a second.
        (Some(_), key) => Ok(Role::Member { key: key.cloned() }),
        (None, None) => Ok(Role::ReadOnly),
        (None, Some(_)) => {
            let reason = "its genesis has no validators: leave --validator.key out to serve it read-only";
            Err(NodeError::Chain { reason: reason.into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::compressed_public_key;
    use alloy_genesis::Genesis;
    use pervade_chainspec::{NetworkParams, ValidatorConfig};

    fn network(keys: &[&PrivateKeySigner]) -> ChainSpec {
        let validators = keys
            .iter()
            .map(|key| ValidatorConfig { account: key.address(), public_key: compressed_public_key(key), power: 1 })
            .collect();
        ChainSpec::from_genesis(ChainSpec::new_network(NetworkParams::new(7, validators)), None).unwrap()
    }

    #[test]
    fn validators_decide_together_however_many_and_others_follow_them() {
        let (one, two) = (PrivateKeySigner::random(), PrivateKeySigner::random());
        for spec in [network(&[&one]), network(&[&one, &two])] {
            assert!(matches!(role(&spec, Some(&one)).unwrap(), Role::Member { key: Some(key) } if key == one));
            assert!(matches!(role(&spec, None).unwrap(), Role::Member { key: None }));
        }
    }

    #[test]
    fn a_plain_genesis_is_read_only() {
        let genesis = Genesis { gas_limit: 5_000_000, ..Default::default() };
        let spec = ChainSpec::from_genesis(genesis, None).unwrap();
        assert!(matches!(role(&spec, None).unwrap(), Role::ReadOnly));
        assert!(role(&spec, Some(&PrivateKeySigner::random())).is_err());
    }
}
