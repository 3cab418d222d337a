//! Manufacturing: three machines of one model that speak three protocols and three formats. One contract sees the same
//! degrees, and stops the hot one with one command, whatever has to be repeated for it.
use super::{CoapServer, Device, HttpService, Protocol, Site, allow, gateway_key, now_ms, site::WAIT};
use crate::journey::{
    ACTION,
    abi::{
        ISemantics::{self, Format},
        IThings::{self, Operation},
    },
    above, commander, deploy, request,
};
use alloy_primitives::{Address, B256, I256, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use eyre::{WrapErr, bail, ensure};
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};
use serde_json::{Value, json};
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

const MODEL: &str = include_str!("../../../contracts/models/machine-state/model.json");
const TEMPERATURE: &str = "http://qudt.org/vocab/quantitykind/Temperature";
/// Degrees Celsius above which the contract stops a machine.
const LIMIT: i64 = 100;
/// For callbacks and the trigger, ether.
const FUNDS: u64 = 100;
const POLL: Duration = Duration::from_millis(50);
/// The queue that the mill's messages come through.
const QUEUE: &str = "mill";

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct ManufacturingReport {
    /// Temperatures that all three machines said alike.
    pub temperatures: u64,
    /// Times that the hot machine was told to stop, under one key.
    pub told: u64,
    /// From the hot reading to the machine's answer that it stopped, on the chain.
    pub stopped_after: Duration,
}

impl fmt::Display for ManufacturingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { temperatures, told, stopped_after } = self;
        let seconds = stopped_after.as_secs_f64();
        writeln!(f, "| temperatures of three machines alike | stop command told | carried out | stopped after |")?;
        writeln!(f, "|---|---|---|---|")?;
        write!(f, "| {temperatures} | {told} | 1 | {seconds:.1} s |")
    }
}

/// Runs it with services over HTTP in this process, libcoap's server, and RabbitMQ.
///
/// # Errors
/// The machines are not read alike, or the command is given or carried out another number of times than once.
pub async fn manufacturing(folder: &Path) -> eyre::Result<ManufacturingReport> {
    let mut factory = Factory::start(folder).await?;
    for tenths in [850, 0, -400, 999] {
        factory.say(tenths).await?;
    }
    ensure!(factory.commands().await?.is_empty(), "a command without a reason");

    // The press is too hot. Who should stop it is busy at first, and then its gateway is killed.
    factory.control.say(503, "busy");
    let begun = Instant::now();
    factory.say(1_201).await?;
    factory.wait_until_told().await?;
    factory.site.gateway.kill()?;
    factory.control.say(200, "stopped");
    factory.site.gateway.start_again().await?;
    let commands = factory.commands().await?;
    let [stop] = commands.as_slice() else { bail!("not one command: {commands:?}") };
    let status = IThings::statusOfCall { requestId: *stop };
    let is_fulfilled = |found: &IThings::statusOfReturn| found.status == IThings::Status::Fulfilled;
    factory.site.owner.wait_for(THINGS_ADDRESS, &status, WAIT, is_fulfilled).await?;
    let stopped_after = begun.elapsed();

    // Still hot: that is no new crossing.
    for tenths in [1_210, 1_001] {
        factory.say(tenths).await?;
    }
    ensure!(factory.commands().await?.len() == 1, "a command for each hot reading");
    let replies = factory.control.replies.lock();
    let told = replies.keys.values().sum();
    ensure!(replies.keys.len() == 1 && told > 1, "told {told} times, under {} keys", replies.keys.len());
    let carried_out: u64 = replies.carried_out.values().sum();
    ensure!(carried_out == 1, "carried out {carried_out} times");
    Ok(ManufacturingReport { temperatures: factory.said, told, stopped_after })
}

/// Three machines, what they speak through, and the contract.
struct Factory {
    site: Site,
    /// JSON in Fahrenheit over HTTP.
    press: (HttpService, Machine),
    /// SenML-CBOR in kelvin over CoAP.
    lathe: (CoapServer, Machine),
    /// Tenths of a degree in two bytes, over AMQP.
    mill: Machine,
    /// What stops the press.
    control: HttpService,
    contract: Address,
    model: B256,
    /// Temperatures that all have said.
    said: u64,
}

/// A machine, and how what it says is read.
struct Machine {
    device: Device,
    mapping: B256,
}

impl Factory {
    async fn start(folder: &Path) -> eyre::Result<Self> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let [hot, control] = [HttpService::start(here, "{}").await?, HttpService::start(here, "stopped").await?];
        let cool = CoapServer::start(&folder.join("lathe"))?;
        let ports = [("http", "press.test", hot.address.port()), ("http", "control.test", control.address.port())];
        let ports = ports.into_iter().chain([("coap", "lathe.test", cool.port)]);
        let config: String = ports.map(|(scheme, host, port)| allow(scheme, host, "127.0.0.1", port)).collect();
        let mut site = Site::start_with(folder, Protocol::Amqp, &config).await?;

        let model = site.owner.define_model(MODEL).await?;
        let rule = |value: &str| format!(r#"{{"observations":[{{"property":"{TEMPERATURE}","value":{value}}}]}}"#);
        let tenths = rule(r#"{"offset":0,"bits":16,"signed":true,"scale":"1/10"}"#);
        let press = machine(&mut site, model, "press", Format::Json, &rule(r#""$.temp","unit":"[degF]""#)).await?;
        let lathe = machine(&mut site, model, "lathe", Format::SenmlCbor, &rule(r#""temp""#)).await?;
        let mill = machine(&mut site, model, "mill", Format::Binary, &tenths).await?;
        let stop = request(press.device.id(), Operation::InvokeAction, "stop", B256::ZERO, in_an_hour());
        let code = hex::encode(deploy(&commander(ACTION, &stop.abi_encode())));
        let contract = site.owner.deploy(&code, Vec::new(), U256::ZERO).await?;

        let reading = |form: Value| json!({ "reading": { "forms": [form] } });
        let href =
            |scheme: &str, host: &str, port: u16| json!({ "href": format!("{scheme}://{host}.test:{port}/now") });
        let descriptions = [
            json!({
                "properties": reading(href("http", "press", hot.address.port())),
                "actions": { "stop": { "forms": [href("http", "control", control.address.port())] } },
            }),
            json!({ "properties": reading(href("coap", "lathe", cool.port)) }),
            json!({ "events": reading(Protocol::Amqp.form(site.link.port, QUEUE)) }),
        ];
        for (Machine { device, .. }, description) in [&press, &lathe, &mill].into_iter().zip(&descriptions) {
            device.register(&mut site.owner, description, &[gateway_key(0).address()]).await?;
            device.grant(&mut site.owner, contract).await?;
        }
        site.fund(contract, FUNDS).await?;
        let trigger = above(press.device.id(), model, TEMPERATURE, LIMIT);
        site.owner.call(contract, &IThings::watchCall { trigger }, U256::ZERO).await?;
        Ok(Self { site, press: (hot, press), lathe: (cool, lathe), mill, control, contract, model, said: 0 })
    }

    /// All machines are so many tenths of a degree Celsius hot: two are asked by the contract, one says so itself, twice, as
    /// brokers do. Waits until the chain has the same of all three.
    async fn say(&mut self, tenths: i16) -> eyre::Result<()> {
        self.said += 1;
        self.press.0.say(200, &fahrenheit(tenths));
        self.lathe.0.put("now", &senml(tenths)).await?;
        let message =
            self.mill.device.signed(self.said, now_ms(), self.mill.mapping, &tenths.to_be_bytes()).abi_encode();
        self.site.broker.publish(QUEUE, vec![message.clone(), message]).await?;
        for Machine { device, mapping } in [&self.press.1, &self.lathe.1] {
            let ask = request(device.id(), Operation::ReadProperty, "reading", *mapping, in_an_hour());
            self.site.owner.call(self.contract, &ask, U256::ZERO).await?;
        }
        let expected = I256::try_from(tenths)?;
        for Machine { device, .. } in [&self.press.1, &self.lathe.1, &self.mill] {
            let (source, property) = (device.id(), keccak256(TEMPERATURE));
            let asked = ISemantics::latestCall { source, subject: source, model: self.model, property };
            let is_said = |found: &ISemantics::Observation| {
                (found.number, found.exponent, found.unit.as_str()) == (expected, -1, "Cel")
            };
            let waited = self.site.owner.wait_for(SEMANTICS_ADDRESS, &asked, WAIT, is_said).await;
            waited.wrap_err_with(|| format!("{} at {tenths} tenths:\n{}", device.urn(), self.site.gateway.log()))?;
        }
        Ok(())
    }

    /// Commands that the contract gave.
    async fn commands(&self) -> eyre::Result<Vec<U256>> {
        let topics = [json!(IThings::Requested::SIGNATURE_HASH), Value::Null, json!(self.press.1.device.id())];
        let filter = json!([{ "address": THINGS_ADDRESS, "fromBlock": "0x0", "topics": topics }]);
        let rpc = &self.site.owner.rpc;
        let mut commands = Vec::new();
        for log in rpc.call("eth_getLogs", filter).await?.as_array().into_iter().flatten() {
            let id: U256 = serde_json::from_value(log["topics"][1].clone())?;
            let request = rpc.call("pervade_getRequest", json!([id])).await?;
            if request["operation"] == "invokeAction" {
                commands.push(id);
            }
        }
        Ok(commands)
    }

    /// Waits until the press was told to stop.
    async fn wait_until_told(&self) -> eyre::Result<()> {
        let begun = Instant::now();
        while self.control.replies.lock().asked.is_empty() {
            if begun.elapsed() > WAIT {
                bail!("nobody tells the press to stop:\n{}", self.site.gateway.log());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

/// Names a machine, and defines how what it says is read.
async fn machine(site: &mut Site, model: B256, name: &str, format: Format, program: &str) -> eyre::Result<Machine> {
    let mapping = site.owner.define_mapping(model, format, program).await?;
    Ok(Machine { device: Device::new(name), mapping })
}

/// `{"temp":185.00}` for 85 degrees Celsius.
fn fahrenheit(tenths: i16) -> String {
    let hundredths = i64::from(tenths) * 18 + 3_200;
    let sign = if hundredths < 0 { "-" } else { "" };
    let (whole, part) = (hundredths.abs() / 100, hundredths.abs() % 100);
    format!(r#"{{"temp":{sign}{whole}.{part:02}}}"#)
}

/// A record `temp` in kelvin, as SenML has it in CBOR (RFC 8428): `[{0: "temp", 1: "K", 2: kelvin}]`.
fn senml(tenths: i16) -> Vec<u8> {
    let kelvin = (f64::from(tenths) * 10.0 + 27_315.0) / 100.0;
    let head = [&[0x81, 0xa3, 0x00, 0x64][..], b"temp", &[0x01, 0x61], b"K", &[0x02, 0xfb]].concat();
    [head, kelvin.to_be_bytes().to_vec()].concat()
}

/// Unix seconds.
fn in_an_hour() -> u64 {
    now_ms() / 1_000 + 3_600
}
