//! A real MQTT broker, and devices that publish there.
use eyre::{Context, bail};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const READY_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const ACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);
/// Messages of a device on their way at a time.
const IN_FLIGHT: usize = 100;

/// mosquitto, with what it keeps for clients that are away on disk. Killed when dropped.
#[derive(Debug)]
pub struct Mosquitto {
    folder: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    child: Child,
}

impl Mosquitto {
    /// Starts it with its files in a folder.
    ///
    /// # Errors
    /// It is not installed, or does not listen.
    pub fn start(folder: &Path, port: u16) -> eyre::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nmax_inflight_messages 0\nuser root\n",
            folder.display()
        );
        std::fs::write(folder.join("mosquitto.conf"), config)?;
        let child = run(folder)?;
        let broker = Self { folder: folder.to_owned(), port, child };
        broker.wait()?;
        Ok(broker)
    }

    fn wait(&self) -> eyre::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if begun.elapsed() > READY_MAX {
                bail!("mosquitto does not listen on port {}", self.port);
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Stops it as an operator does, and starts it again.
    ///
    /// # Errors
    /// It does not come back.
    pub fn restart(&mut self) -> eyre::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        self.child = run(&self.folder)?;
        self.wait()
    }

    /// Publishes messages as a device does: each until the broker acknowledges it (quality of service 1).
    ///
    /// # Errors
    /// The broker does not.
    pub async fn publish(&self, name: &str, messages: Vec<(String, Vec<u8>)>) -> eyre::Result<()> {
        let mut options = MqttOptions::new(name, "127.0.0.1", self.port);
        options.set_inflight(u16::try_from(IN_FLIGHT)?);
        let (client, mut events) = AsyncClient::new(options, IN_FLIGHT);
        let mut waiting = messages.len();
        let sender = tokio::spawn(async move {
            for (topic, body) in messages {
                client.publish(topic, QoS::AtLeastOnce, false, body).await?;
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
        tokio::time::timeout(ACKNOWLEDGED_MAX, acknowledged).await.wrap_err("the broker does not acknowledge")??;
        drop(sender.await??);
        Ok(())
    }
}

fn run(folder: &Path) -> eyre::Result<Child> {
    // Debian has it where only root looks.
    let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
    let mut command = Command::new(program);
    command.arg("-c").arg(folder.join("mosquitto.conf")).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().wrap_err("mosquitto cannot be started")
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended; nobody is left to tell if not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
