//! Runs the binary: as a node that answers, or as a command that ends.
use super::{Rpc, pervade_binary};
use eyre::{Context, bail, eyre};
use serde_json::json;
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Longest wait for the first answer of a node that was just started.
const READY_MAX: Duration = Duration::from_secs(60);
/// Time between two questions while waiting for it.
const READY_POLL: Duration = Duration::from_millis(5);
/// Longest wait for a node that was asked to stop.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Longest run of a command that should end by itself.
const COMMAND_MAX: Duration = Duration::from_secs(60);
/// How much of a log is shown when a node failed, bytes.
const LOG_TAIL: usize = 4000;

/// How to start a node.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    datadir: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    /// Network namespace, and the address of its host.
    namespace: Option<(String, String)>,
    log: PathBuf,
}

impl NodeOptions {
    /// A development node (`--dev`) with this data directory. Its log is appended to a file beside that.
    pub fn dev(datadir: &Path) -> Self {
        Self::new(datadir).arg("--dev")
    }

    /// A node of the network that `chain` describes; it makes blocks if `key` is given.
    pub fn chain(datadir: &Path, chain: &Path, key: Option<&ValidatorKey<'_>>) -> Self {
        let options = Self::new(datadir).arg("--chain").arg(chain);
        match key {
            Some(key) => options.arg("--validator.key").arg(key.keystore).arg("--password").arg(key.password),
            None => options,
        }
    }

    /// A node that runs in `folder`, to which the paths of its settings are relative.
    pub fn of_folder(datadir: &Path, folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..Self::new(datadir) }
    }

    /// In a network namespace (`ip netns`), whose host has this address.
    pub fn in_namespace(mut self, name: &str, address: &str) -> Self {
        self.namespace = Some((name.to_owned(), address.to_owned()));
        self.arg("--http.addr").arg("0.0.0.0").arg("--ws.addr").arg("0.0.0.0")
    }

    fn command(&self) -> eyre::Result<Command> {
        let binary = pervade_binary()?;
        let mut command = match &self.namespace {
            None => Command::new(binary),
            Some((name, _)) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(binary);
                command
            }
        };
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        Ok(command)
    }

    fn new(datadir: &Path) -> Self {
        let log = datadir.with_extension("log");
        Self { datadir: datadir.to_owned(), args: Vec::new(), env: Vec::new(), folder: None, namespace: None, log }
    }

    /// Adds a command line argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Where the node's output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

/// A validator's key for [`NodeOptions::chain`].
#[derive(Debug, Clone, Copy)]
pub struct ValidatorKey<'a> {
    /// Keystore file.
    pub keystore: &'a Path,
    /// File with its password.
    pub password: &'a Path,
}

/// A node that answers. Killed when dropped.
#[derive(Debug)]
pub struct RunningNode {
    child: Child,
    log: PathBuf,
    /// Client of its HTTP server.
    pub rpc: Rpc,
    /// Address of its WebSocket server.
    pub ws_url: String,
    /// Ports of HTTP and WebSocket.
    pub ports: [u16; 2],
    /// From the start of the process to the first answer.
    pub ready_after: Duration,
}

impl RunningNode {
    /// Starts a node on free ports and waits until it answers.
    ///
    /// # Errors
    /// It ends, or does not answer in time: with the end of its log.
    pub async fn start(options: &NodeOptions) -> eyre::Result<Self> {
        Self::start_at(options, free_ports()?).await
    }

    /// Starts a node with HTTP and WebSocket on these ports and waits until it answers.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_at(options: &NodeOptions, ports: [u16; 2]) -> eyre::Result<Self> {
        let [http, ws] = ports;
        let output = File::options().create(true).append(true).open(&options.log)?;
        let started = Instant::now();
        let host = options.namespace.as_ref().map_or("127.0.0.1", |(_, address)| address);
        let child = options
            .command()?
            .arg("node")
            .arg("--datadir")
            .arg(&options.datadir)
            .args(["--http", "--http.port", &http.to_string(), "--ws", "--ws.port", &ws.to_string()])
            .args(&options.args)
            .envs(options.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .wrap_err("the node cannot be started")?;
        let mut node = Self {
            child,
            log: options.log.clone(),
            rpc: Rpc::new(format!("http://{host}:{http}")),
            ws_url: format!("ws://{host}:{ws}"),
            ports,
            ready_after: Duration::ZERO,
        };
        while node.rpc.call("eth_blockNumber", json!([])).await.is_err() {
            if let Some(status) = node.child.try_wait()? {
                bail!("the node ended at start ({status}):\n{}", node.log_tail());
            }
            if started.elapsed() > READY_MAX {
                bail!("the node does not answer after {READY_MAX:?}:\n{}", node.log_tail());
            }
            tokio::time::sleep(READY_POLL).await;
        }
        node.ready_after = started.elapsed();
        Ok(node)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`, and waits for the end.
    ///
    /// # Errors
    /// The process had ended by itself before.
    pub fn kill(&mut self) -> eyre::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the node had ended by itself ({status}):\n{}", self.log_tail());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn stop(mut self) -> eyre::Result<ExitStatus> {
        terminate(self.pid())?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if asked.elapsed() > STOP_MAX {
                bail!("the node still runs {STOP_MAX:?} after SIGTERM:\n{}", self.log_tail());
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    /// Everything it printed, this run and earlier ones with the same data directory.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The end of what it printed.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let start = log.len().saturating_sub(LOG_TAIL);
        log.get(log.ceil_char_boundary(start)..).unwrap_or_default().to_owned()
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        // It may have ended; nobody is left to tell if not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM: the standard library only sends SIGKILL.
fn terminate(pid: u32) -> eyre::Result<()> {
    let status = Command::new("kill").args(["-TERM", &pid.to_string()]).status()?;
    status.success().then_some(()).ok_or_else(|| eyre!("kill -TERM {pid}: {status}"))
}

/// Ports that were free a moment ago.
///
/// # Errors
/// The machine has none left.
pub fn free_ports<const N: usize>() -> eyre::Result<[u16; N]> {
    // All are held until all are known, so that they differ.
    let listeners = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// What a command that ended by itself left.
#[derive(Debug)]
pub struct ExitedCommand {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `pervade` with these arguments until it ends.
///
/// # Errors
/// It cannot be started, or does not end within a minute (it is killed then).
pub fn run_command<I>(args: I) -> eyre::Result<ExitedCommand>
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut child = Command::new(pervade_binary()?)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > COMMAND_MAX {
            child.kill()?;
            child.wait()?;
            bail!("the command did not end within {COMMAND_MAX:?}");
        }
        std::thread::sleep(READY_POLL);
    };
    let text = |thread: std::thread::JoinHandle<String>| thread.join().unwrap_or_default();
    Ok(ExitedCommand { status, stdout: text(stdout), stderr: text(stderr) })
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is shown.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
