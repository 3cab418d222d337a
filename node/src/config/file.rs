//! The configuration file, TOML.
use super::*;
use serde::Deserialize;
use std::{net::IpAddr, path::PathBuf};

/// Largest configuration file, bytes: one with every key is below 4 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file's shape.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct File {
    chain: Option<PathBuf>,
    datadir: Option<PathBuf>,
    gcmode: Option<GcMode>,
    cache: Option<usize>,
    password: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    discovery: Option<bool>,
    addr: Option<IpAddr>,
    port: Option<u16>,
    bootnodes: Option<List>,
    trusted_peers: Option<List>,
    max_peers: Option<usize>,
    nodekey: Option<PathBuf>,
    nat: Option<ExternalAddress>,
    verbosity: Option<u8>,
    history: HistoryOptions,
    validator: ValidatorOptions,
    gateway: GatewayOptions,
    http: HttpOptions,
    ws: WsOptions,
    rpc: RpcOptions,
    txpool: TxpoolOptions,
    dev: DevOptions,
    log: LogOptions,
}

/// Reads a configuration file. Relative paths in it are relative to the working directory, as on the command line.
pub(super) fn read(path: &Path) -> Result<NodeOptions, NodeError> {
    let wrong = |reason: String| NodeError::ConfigFile { file: path.to_owned(), reason };
    let bytes = std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(wrong(format!("is {bytes} bytes long: more than {FILE_BYTES_MAX}, so no configuration file")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<NodeOptions, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    if file.verbosity.is_some_and(|level| level > 5) {
        return Err("verbosity: is not between 0 and 5".into());
    }
    Ok(NodeOptions {
        chain: ChainOptions { chain: file.chain, datadir: file.datadir },
        store: StoreOptions { gcmode: file.gcmode, cache: file.cache },
        operator: OperatorOptions { password: file.password, metrics: file.metrics },
        network: NetworkOptions {
            discovery: file.discovery,
            addr: file.addr,
            port: file.port,
            bootnodes: file.bootnodes,
            trusted_peers: file.trusted_peers,
            max_peers: file.max_peers,
            nodekey: file.nodekey,
            nat: file.nat,
        },
        verbosity: VerbosityOptions { verbosity: file.verbosity },
        history: file.history,
        validator: file.validator,
        gateway: file.gateway,
        http: file.http,
        ws: file.ws,
        rpc: file.rpc,
        txpool: file.txpool,
        dev: file.dev,
        log: file.log,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_follow_the_dots_of_the_flags() {
        let options = parse(
            "chain = \"g.json\"\ncache = 8\n[http]\nenabled = true\napi = [\"eth\"]\n[dev]\nperiod = \"500ms\"\n",
        )
        .unwrap();
        assert_eq!(options.chain.chain, Some("g.json".into()));
        assert_eq!(options.store.cache, Some(8));
        assert_eq!(options.http.enabled, Some(true));
        assert_eq!(options.http.api, Some(List::of(&["eth"])));
        assert_eq!(options.dev.period.unwrap().0.as_millis(), 500);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        for text in ["chian = \"x\"", "[http]\nprot = 1", "[htpp]\nport = 1"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("unknown field") && error.contains("line"), "{error}");
        }
    }

    #[test]
    fn a_mistyped_value_is_refused() {
        for text in ["cache = \"much\"", "[http]\nport = 70000", "[rpc]\nevmtimeout = \"5 parsecs\"", "verbosity = 9"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_printed_configuration_is_read_back_as_it_is() {
        for dev in [true, false] {
            let mut options = NodeOptions::default();
            options.dev.enabled = Some(dev);
            options.chain.datadir = Some("d".into());
            let config = options.resolve(None).unwrap();
            let text = toml::to_string(&config).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("c.toml");
            std::fs::write(&path, text).unwrap();
            assert_eq!(NodeOptions::default().resolve(Some(&path)).unwrap(), config);
        }
    }
}
