//! One validator as a child process: started, looked after, started again when it dies, stopped in order.
use crate::{NodeError, remote::Remote, testnet::CONFIG_FILE};
use std::{
    fs::File,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Where a validator's log goes, in its folder.
pub(super) const LOG_FILE: &str = "node.log";
/// A validator that ends sooner than this after its start does not get along.
const SHORT_LIFE: Duration = Duration::from_secs(5);
/// Short lives in a row after which there is no hope.
const SHORT_LIVES_MAX: u32 = 3;
/// Longest wait for a validator that was asked to stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
/// How often an ending process is looked at.
const STOP_POLL: Duration = Duration::from_millis(20);
/// How much of a log is shown when a validator cannot be kept running, bytes.
const LOG_TAIL_BYTES: usize = 2_000;

/// A validator's process.
pub(super) struct Validator {
    dir: PathBuf,
    http_port: u16,
    child: Child,
    started: Instant,
    short_lives: u32,
    /// Client of its JSON-RPC.
    pub(super) remote: Remote,
}

impl Validator {
    pub(super) fn start(dir: PathBuf, http_port: u16) -> Result<Self, NodeError> {
        let child = spawn(&dir, http_port)?;
        let remote = Remote::new(format!("http://127.0.0.1:{http_port}"));
        Ok(Self { dir, http_port, child, started: Instant::now(), short_lives: 0, remote })
    }

    fn name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Starts it again if it has died; tells so.
    ///
    /// # Errors
    /// It dies again and again.
    pub(super) fn look_after(&mut self) -> Result<Option<String>, NodeError> {
        let ended = self.child.try_wait().map_err(NodeError::file("watch the validator in", &self.dir))?;
        let Some(status) = ended else { return Ok(None) };
        self.short_lives = if self.started.elapsed() < SHORT_LIFE { self.short_lives + 1 } else { 0 };
        if self.short_lives == SHORT_LIVES_MAX {
            let tail = self.log_tail();
            let reason =
                format!("{} times soon after its start ({}); its log ends with\n{tail}", SHORT_LIVES_MAX, how(status));
            return Err(NodeError::Child { name: self.name(), reason });
        }
        self.child = spawn(&self.dir, self.http_port)?;
        self.started = Instant::now();
        Ok(Some(format!("{} ended ({}) and is started again", self.name(), how(status))))
    }

    /// Closes its standard input.
    pub(super) fn ask_to_stop(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end, and kills it if that takes too long.
    pub(super) async fn wait_for_stop(&mut self) {
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIME_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            tokio::time::sleep(STOP_POLL).await;
        }
        tracing::warn!(validator = self.name(), "does not end, and is killed: nothing acknowledged is lost");
        // It may have ended in this moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read(self.dir.join(LOG_FILE)).unwrap_or_default();
        String::from_utf8_lossy(log.get(log.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or_default()).into_owned()
    }
}

fn spawn(dir: &Path, http_port: u16) -> Result<Child, NodeError> {
    let binary = std::env::current_exe().map_err(NodeError::file("find", "this program"))?;
    let log = dir.join(LOG_FILE);
    let output = File::options().create(true).append(true).open(&log).map_err(NodeError::file("write", &log))?;
    let port = http_port.to_string();
    Command::new(binary)
        .current_dir(dir)
        .args(["node", "--config", CONFIG_FILE, "--lifeline", "--http.port", &port, "--ws.port", &port])
        .args(["--http.corsdomain", "*", "--http.vhosts", "*", "--ws.origins", "*"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(output)
        // A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
        .process_group(0)
        .spawn()
        .map_err(NodeError::file("start a validator in", dir))
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}
