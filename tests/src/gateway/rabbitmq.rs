//! RabbitMQ, which keeps durable queues on disk.
use crate::harness::free_ports;
use eyre::{Context, bail};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// It takes its time.
const READY_MAX: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// A message that survives a restart.
const PERSISTENT: u8 = 2;

/// A running RabbitMQ, with a directory of names of its own. Killed when dropped.
#[derive(Debug)]
pub struct RabbitMq {
    folder: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    names_port: u16,
    child: Child,
}

impl RabbitMq {
    /// Starts it with its files in a folder; the user `guest` may do everything.
    ///
    /// # Errors
    /// It is not installed, or does not answer.
    pub async fn start(folder: &Path) -> eyre::Result<Self> {
        let [port, names_port] = free_ports()?;
        let config = format!("listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users = none\n");
        std::fs::write(folder.join("rabbitmq.conf"), config)?;
        std::fs::write(folder.join("enabled_plugins"), "[].")?;
        let child = run(folder, port, names_port)?;
        let mut broker = Self { folder: folder.to_owned(), port, names_port, child };
        broker.wait().await?;
        Ok(broker)
    }

    async fn wait(&mut self) -> eyre::Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.connect().await {
            if let Some(status) = self.child.try_wait()? {
                bail!("RabbitMQ ended ({status}): see {}", self.folder.join("rabbitmq.log").display());
            }
            if begun.elapsed() > READY_MAX {
                bail!("RabbitMQ does not answer on port {}: {error}", self.port);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Connection, lapin::Error> {
        let uri = format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port);
        Connection::connect(&uri, ConnectionProperties::default()).await
    }

    /// SIGTERM, and a new start.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn restart(&mut self) -> eyre::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > READY_MAX {
                bail!("RabbitMQ does not end");
            }
            tokio::time::sleep(POLL).await;
        }
        self.child = run(&self.folder, self.port, self.names_port)?;
        self.wait().await
    }

    /// Publishes persistent messages to a durable queue, each until it is confirmed.
    ///
    /// # Errors
    /// It is not.
    pub async fn publish(&self, queue: &str, messages: Vec<Vec<u8>>) -> eyre::Result<()> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), FieldTable::default()).await?;
        for body in messages {
            let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
            let options = BasicPublishOptions::default();
            channel.basic_publish("".into(), queue.into(), options, &body, properties).await?.await?;
        }
        Ok(())
    }
}

fn run(folder: &Path, port: u16, names_port: u16) -> eyre::Result<Child> {
    let [nodes_port] = free_ports()?;
    let log = File::options().create(true).append(true).open(folder.join("rabbitmq.log"))?;
    let mut command = Command::new(PROGRAM);
    command
        .env("HOME", folder)
        .env("RABBITMQ_NODENAME", format!("pervade-{port}@localhost"))
        .env("RABBITMQ_DIST_PORT", nodes_port.to_string())
        .env("ERL_EPMD_PORT", names_port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        // Then the script becomes the broker, and one process is all that there is to end.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn().wrap_err("RabbitMQ cannot be started: `scripts/install-deps.sh --tests` installs it")
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // It may have ended; nobody is left to tell if not. The directory of names goes on without the broker.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = Command::new("epmd").args(["-port", &self.names_port.to_string(), "-kill"]).output();
    }
}
