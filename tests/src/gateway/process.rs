//! `pervade gateway`, a process of its own.
use super::{CONFIG_FILE, KEY_FILE, PASSWORD_FILE, write_gateway};
use crate::harness::{free_ports, pervade_binary};
use eyre::bail;
use serde_json::Value;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const READY_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// A gateway that stands alone. Killed when dropped.
#[derive(Debug)]
pub struct GatewayProcess {
    folder: PathBuf,
    rpc: String,
    metrics: u16,
    child: Child,
}

impl GatewayProcess {
    /// Starts it, with its files in a folder, and waits until it has looked at the chain.
    ///
    /// # Errors
    /// It ends.
    pub async fn start(folder: &Path, index: u32, rpc: &str, config: &str) -> eyre::Result<Self> {
        write_gateway(folder, index, config)?;
        let [metrics] = free_ports()?;
        let child = run(folder, rpc, metrics)?;
        let mut gateway = Self { folder: folder.to_owned(), rpc: rpc.to_owned(), metrics, child };
        gateway.wait().await?;
        Ok(gateway)
    }

    async fn wait(&mut self) -> eyre::Result<()> {
        let begun = Instant::now();
        while self.status().await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the gateway ended ({status}):\n{}", self.log());
            }
            if begun.elapsed() > READY_MAX {
                bail!("the gateway does not answer:\n{}", self.log());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn status(&self) -> eyre::Result<Value> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/status", self.metrics)).await?;
        Ok(answer.json().await?)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// It had ended by itself.
    pub fn kill(&mut self) -> eyre::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the gateway had ended by itself ({status}):\n{}", self.log());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again after a kill.
    ///
    /// # Errors
    /// It ends.
    pub async fn start_again(&mut self) -> eyre::Result<()> {
        self.child = run(&self.folder, &self.rpc, self.metrics)?;
        self.wait().await
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("gateway.log")).unwrap_or_default()
    }
}

fn run(folder: &Path, rpc: &str, metrics: u16) -> eyre::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("gateway.log"))?;
    let mut command = Command::new(pervade_binary()?);
    command.current_dir(folder).args(["gateway", "--rpc", rpc, "--config", CONFIG_FILE, "--key", KEY_FILE]);
    command.args(["--password", PASSWORD_FILE, "--metrics", &format!("127.0.0.1:{metrics}")]);
    Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        // It may have ended; nobody is left to tell if not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
