//! libcoap's server, a machine that is asked over CoAP.
use eyre::{Context, bail, ensure};
use std::{
    fs,
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const SERVER: &str = "/usr/bin/coap-server-notls";
const CLIENT: &str = "/usr/bin/coap-client-notls";
const READY_MAX: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// A running server whose resources clients create. Killed when dropped.
#[derive(Debug)]
pub struct CoapServer {
    folder: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    child: Child,
}

impl CoapServer {
    /// Starts it, with what is put to it passing through a folder.
    ///
    /// # Errors
    /// It is not installed.
    pub fn start(folder: &Path) -> eyre::Result<Self> {
        fs::create_dir_all(folder)?;
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(SERVER);
        // -d: resources that clients may create.
        command.args(["-A", "127.0.0.1", "-p", &port.to_string(), "-d", "10"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child =
            child.wrap_err("libcoap's server cannot be started: `scripts/install-deps.sh --tests` installs it")?;
        Ok(Self { folder: folder.to_owned(), port, child })
    }

    /// From now on a resource says this.
    ///
    /// # Errors
    /// The server does not take it in time.
    pub async fn put(&self, resource: &str, payload: &[u8]) -> eyre::Result<()> {
        let file = self.folder.join("payload");
        fs::write(&file, payload)?;
        let begun = Instant::now();
        loop {
            let mut command = Command::new(CLIENT);
            command.args(["-m", "put", "-B", "2", "-f"]).arg(&file);
            let output = command.arg(format!("coap://127.0.0.1:{}/{resource}", self.port)).output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            if self.get(resource)? == payload {
                return Ok(());
            }
            if begun.elapsed() > READY_MAX {
                bail!("libcoap's server does not take what is put to it on port {}", self.port);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn get(&self, resource: &str) -> eyre::Result<Vec<u8>> {
        let file = self.folder.join("answer");
        // What an earlier question left is no answer to this one.
        let _ = fs::remove_file(&file);
        let mut command = Command::new(CLIENT);
        command.args(["-m", "get", "-B", "2", "-o"]).arg(&file);
        command.arg(format!("coap://127.0.0.1:{}/{resource}", self.port)).output()?;
        Ok(fs::read(&file).unwrap_or_default())
    }
}

impl Drop for CoapServer {
    fn drop(&mut self) {
        // It may have ended; nobody is left to tell if not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
