//! mosquitto, which keeps persistent sessions on disk.
use crate::harness::free_ports;
use eyre::{Context, bail};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

const READY_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const ACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);
/// Messages of a device on their way at a time.
const IN_FLIGHT: u16 = 100;
/// Where Debian has it, which only root's path names.
const DEBIAN: &str = "/usr/sbin/mosquitto";

/// A running mosquitto. Killed when dropped.
#[derive(Debug)]
pub struct Mosquitto {
    folder: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    child: Child,
    devices: AtomicU64,
}

impl Mosquitto {
    /// Starts it with its files in a folder.
    ///
    /// # Errors
    /// It is not installed, or does not listen.
    pub fn start(folder: &Path) -> eyre::Result<Self> {
        let [port] = free_ports()?;
        // 0: as many messages as there are.
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             max_queued_messages 0\nmax_inflight_messages 0\nuser root\n",
            folder.display()
        );
        std::fs::write(folder.join("mosquitto.conf"), config)?;
        let child = run(folder)?;
        let mut broker = Self { folder: folder.to_owned(), port, child, devices: AtomicU64::new(0) };
        broker.wait()?;
        Ok(broker)
    }

    fn wait(&mut self) -> eyre::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("mosquitto ended ({status}): see {}", self.folder.join("mosquitto.log").display());
            }
            if begun.elapsed() > READY_MAX {
                bail!("mosquitto does not listen on port {}", self.port);
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// SIGTERM, and a new start.
    ///
    /// # Errors
    /// It does not come back.
    pub fn restart(&mut self) -> eyre::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        self.child = run(&self.folder)?;
        self.wait()
    }

    /// Publishes with quality of service 1, each message until it is acknowledged.
    ///
    /// # Errors
    /// It is not.
    pub async fn publish(&self, topic: &str, messages: Vec<Vec<u8>>) -> eyre::Result<()> {
        let device = format!("device-{}", self.devices.fetch_add(1, Ordering::Relaxed));
        let mut options = MqttOptions::new(device, "127.0.0.1", self.port);
        options.set_inflight(IN_FLIGHT);
        let (client, mut events) = AsyncClient::new(options, usize::from(IN_FLIGHT));
        let mut waiting = messages.len();
        let topic = topic.to_owned();
        let sender = tokio::spawn(async move {
            for body in messages {
                client.publish(&topic, QoS::AtLeastOnce, false, body).await?;
            }
            Ok::<_, rumqttc::ClientError>(client)
        });
        let acknowledged = async {
            while waiting > 0 {
                if let Event::Incoming(Packet::PubAck(_)) = events.poll().await? {
                    waiting -= 1;
                }
            }
            Ok::<_, rumqttc::ConnectionError>(())
        };
        tokio::time::timeout(ACKNOWLEDGED_MAX, acknowledged).await.wrap_err("mosquitto does not acknowledge")??;
        drop(sender.await??);
        Ok(())
    }
}

fn run(folder: &Path) -> eyre::Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("mosquitto.log"))?;
    let mut command = Command::new(if Path::new(DEBIAN).exists() { DEBIAN } else { "mosquitto" });
    command.arg("-c").arg(folder.join("mosquitto.conf"));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().wrap_err("mosquitto cannot be started: `scripts/install-deps.sh --tests` installs it")
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended; nobody is left to tell if not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
