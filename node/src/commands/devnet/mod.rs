//! `pervade devnet`: a whole network on this machine, each validator a process of its own.
//!
//! ```text
//! devnet ──stdin──► node0, node1, ...     a node ends in order when its standard input does, so that none outlives this
//!    ▲                 │ stderr ──► DIR/nodeI/node.log
//!    └── JSON-RPC ◄────┘ pervade_nodeStatus, for the status line
//! ```
mod child;
mod display;

use super::testnet::{NetworkArgs, unix_time};
use crate::{
    NodeError,
    dev::{MNEMONIC, mnemonic_accounts},
    shutdown::Shutdown,
    testnet::{FUNDED_ACCOUNTS, Testnet},
};
use alloy_primitives::hex;
use child::Validator;
use clap::Args;
use display::Display;
use std::{fmt::Write, path::PathBuf, time::Duration};
use tokio::time::interval;

/// How often children are looked after and asked how they are.
const LOOK_PERIOD: Duration = Duration::from_millis(500);

/// Arguments of `pervade devnet`.
#[derive(Debug, Args)]
pub struct DevnetArgs {
    /// Folder of the network; made if it is new, gone on with if not
    #[arg(long, value_name = "DIR", default_value = "devnet")]
    pub dir: PathBuf,
    /// Port of JSON-RPC (HTTP and WebSocket) of the first validator; the others have the next ones
    #[arg(long = "http.port", value_name = "PORT", default_value_t = 8545)]
    pub http_port: u16,
    /// What a new network is to be.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// Runs `pervade devnet ...` until a signal.
///
/// # Errors
/// The folder has another network; a validator does not start.
pub fn run(args: &DevnetArgs) -> Result<(), NodeError> {
    super::block_on(serve(args))?
}

async fn serve(args: &DevnetArgs) -> Result<(), NodeError> {
    let shutdown = Shutdown::default();
    shutdown.on_signals()?;
    let testnet = open(args)?;
    if testnet.validators.len() > usize::from(u16::MAX - args.http_port) {
        let reason = format!("{} leaves no ports for {} validators", args.http_port, testnet.validators.len());
        return Err(NodeError::Setting { setting: "http.port", reason });
    }
    let mut validators = Vec::new();
    for (port, folder) in (args.http_port..).zip(&testnet.validators) {
        validators.push(Validator::start(folder.dir.clone(), port)?);
    }
    println!("{}", banner(&testnet, args)?);
    let ended = watch(&mut validators, &shutdown).await;
    for validator in &mut validators {
        validator.ask_to_stop();
    }
    for validator in &mut validators {
        validator.wait_for_stop().await;
    }
    println!("stopped; `pervade devnet --dir {}` goes on with the same chain", args.dir.display());
    ended
}

/// The network of the folder, made if there is none.
fn open(args: &DevnetArgs) -> Result<Testnet, NodeError> {
    match Testnet::open(&args.dir)? {
        None => Testnet::create(&args.dir, &args.network.plan(Vec::new(), args.http_port), unix_time()),
        Some(testnet) if testnet.validators.len() == args.network.validators => Ok(testnet),
        Some(testnet) => {
            let (dir, has) = (args.dir.display(), testnet.validators.len());
            let reason = format!("{} asked for, {dir} has a network of {has}", args.network.validators);
            Err(NodeError::Setting { setting: "validators", reason })
        }
    }
}

/// Looks after the children until the shutdown begins or one cannot be kept running.
async fn watch(validators: &mut [Validator], shutdown: &Shutdown) -> Result<(), NodeError> {
    let mut display = Display::new();
    let mut look = interval(LOOK_PERIOD);
    loop {
        tokio::select! {
            () = shutdown.begun() => break,
            _ = look.tick() => {}
        }
        for validator in validators.iter_mut() {
            if let Some(message) = validator.look_after()? {
                display.say(&message);
            }
        }
        let answers = tokio::select! {
            () = shutdown.begun() => break,
            answers = display::ask(validators) => answers,
        };
        display.show(&answers);
    }
    display.finish();
    Ok(())
}

/// What is printed at the start. The keys are as public as the mnemonic.
fn banner(testnet: &Testnet, args: &DevnetArgs) -> Result<String, NodeError> {
    let mut text = format!("\nAccounts (chain id {}), funded, with their private keys:\n", testnet.spec.chain_id());
    // Writing to a string cannot fail.
    for account in mnemonic_accounts(FUNDED_ACCOUNTS)? {
        let _ = writeln!(text, "  {}  0x{}", account.address(), hex::encode(account.to_bytes()));
    }
    let _ = writeln!(text, "\nMnemonic:  {MNEMONIC}\n\nValidators, each with HTTP and WebSocket on its port:");
    for (port, validator) in (args.http_port..).zip(&testnet.validators) {
        let (account, log) = (validator.account, validator.dir.join(child::LOG_FILE));
        let _ = writeln!(text, "  http://127.0.0.1:{port}  {account}  {}", log.display());
    }
    Ok(text)
}
