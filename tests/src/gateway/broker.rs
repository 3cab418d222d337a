//! Message brokers of others, between things and gateways.
use super::{Mosquitto, RabbitMq};
use serde_json::{Value, json};
use std::path::Path;

/// Host of the broker in descriptions and in gateways' configurations.
pub const BROKER_HOST: &str = "broker.test";

/// How things and gateways speak to their broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// mosquitto
    Mqtt,
    /// RabbitMQ
    Amqp,
}

impl Protocol {
    /// Scheme of addresses.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Amqp => "amqp",
        }
    }

    /// The form under which a gateway follows a topic, or a queue of that name, at the broker's port.
    pub fn form(self, port: u16, topic: &str) -> Value {
        match self {
            Self::Mqtt => json!({ "href": format!("mqtt://{BROKER_HOST}:{port}/{topic}"), "op": "subscribeevent" }),
            Self::Amqp => json!({
                "href": format!("amqp://{BROKER_HOST}:{port}/"), "amqv:queue": topic, "op": "subscribeevent"
            }),
        }
    }
}

/// A real broker in a process of its own, with what it keeps on disk. Killed when dropped.
#[derive(Debug)]
pub enum Broker {
    /// For MQTT.
    Mosquitto(Mosquitto),
    /// For AMQP.
    RabbitMq(RabbitMq),
}

impl Broker {
    /// Starts one with its files in a folder.
    ///
    /// # Errors
    /// It is not installed, or does not answer.
    pub async fn start(protocol: Protocol, folder: &Path) -> eyre::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(match protocol {
            Protocol::Mqtt => Self::Mosquitto(Mosquitto::start(folder)?),
            Protocol::Amqp => Self::RabbitMq(RabbitMq::start(folder).await?),
        })
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        match self {
            Self::Mosquitto(broker) => broker.port,
            Self::RabbitMq(broker) => broker.port,
        }
    }

    /// Stops it as an operator does, and starts it again.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn restart(&mut self) -> eyre::Result<()> {
        match self {
            Self::Mosquitto(broker) => broker.restart(),
            Self::RabbitMq(broker) => broker.restart().await,
        }
    }

    /// Publishes messages as a device does: each until the broker answers for it.
    ///
    /// # Errors
    /// The broker does not.
    pub async fn publish(&self, topic: &str, messages: Vec<Vec<u8>>) -> eyre::Result<()> {
        match self {
            Self::Mosquitto(broker) => broker.publish(topic, messages).await,
            Self::RabbitMq(broker) => broker.publish(topic, messages).await,
        }
    }
}
