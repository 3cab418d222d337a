//! The service: finds the open requests that name this gateway, carries them out, agrees with the other gateways, and tells
//! the chain. Brings messages of things to it too.
//!
//! ```text
//!                 requests, logs                          words of the others
//!  node ──────────────────────────► jobs ◄──────────────────────────────────── node ◄── p2p
//!   ▲                                │ whose turn? (rotation)                    ▲
//!   │                                ├──► attempt ──► bindings ──► thing         │
//!   │                                │       └──► word, signed ──────────────────┘
//!   │ report, custody                ▼ agreement
//!   ├──────────────────────── transactions
//!   │ publishBatch                   ▲
//!   └────────────────────────────────┤
//!  thing ──► broker ──► followers ──► mailbox ──► acknowledged when a block has it
//! ```
//!
//! What holds:
//! - Nothing is kept on disk. What is open, what was sent and what was published is asked of the chain after every start; a
//!   request's id makes a command that is given twice one command.
//! - Whose turn it is follows from request, gateways and block time. Nobody is asked, and nobody needs to be trusted to keep
//!   to it: the chain checks the proof alone.
//! - A message of a thing is acknowledged only after a block has it, or has refused it for good.
mod agreement;
mod attempt;
mod chain;
mod clock;
mod envelope;
mod followers;
mod funds;
mod job;
pub mod limits;
mod mailbox;
mod node;
mod rotation;
mod session;
mod status;
mod transactions;
mod word;

pub use node::{HttpNode, NodeRpc, result};
pub use status::{AttemptFailure, GatewayStatus, StatusBoard, describe_metrics};
pub use word::Word;

use crate::Bindings;
use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use limits::NODE_RETRY;
use session::{Session, Work};
use std::sync::Arc;

/// A gateway: bindings to things, an account, and a node.
pub struct Gateway {
    node: Arc<dyn NodeRpc>,
    bindings: Arc<Bindings>,
    key: PrivateKeySigner,
    status: StatusBoard,
}

impl Gateway {
    /// A gateway with the account of `key`, which requests and things name, and which pays for its transactions.
    pub fn new(node: Arc<dyn NodeRpc>, bindings: Bindings, key: PrivateKeySigner, status: StatusBoard) -> Self {
        status.update(|status| status.account = key.address());
        Self { node, bindings: Arc::new(bindings), key, status }
    }

    /// Its account.
    pub fn account(&self) -> Address {
        self.key.address()
    }

    /// Works until it is dropped. A node that does not answer is asked again.
    pub async fn run(self) {
        let mut work = Work::new(self.bindings, self.key.address());
        let mut told = None;
        loop {
            let opened = Session::open(self.node.clone(), self.key.clone(), self.status.clone(), &mut work).await;
            let error = match opened {
                Ok(mut session) => match session.step(&mut work).await {
                    Ok(()) => {
                        if told.take().is_some() {
                            tracing::info!("the gateway works again");
                        }
                        session.run(&mut work).await
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let problem = error.to_string();
            self.status.update(|status| status.problem.clone_from(&problem));
            // A node that is away for an hour is one line.
            if told.as_ref() != Some(&problem) {
                tracing::warn!(%error, "the gateway cannot work: it tries again until it can");
                told = Some(problem);
            }
            tokio::time::sleep(NODE_RETRY).await;
        }
    }
}
