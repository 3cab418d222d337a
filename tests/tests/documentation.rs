//! The book says what the program does: tables of the documentation against flags, fields, methods and metrics.
use clap::CommandFactory;
use pervade_chainspec::{PervadeConfig, ValidatorConfig, params};
use pervade_node::cli::Cli;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Files below a folder with an extension.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// Source text of a crate.
fn source(package: &str) -> String {
    let mut found = Vec::new();
    files(&root().join(package).join("src"), "rs", &mut found);
    found.iter().map(|file| fs::read_to_string(file).expect("a source can be read")).collect()
}

/// Words that begin so, in double quotes or backquotes, made of letters, digits and underscores.
fn quoted(text: &str, beginning: &str) -> BTreeSet<String> {
    let words = text.split(['"', '`']).filter(|word| word.starts_with(beginning));
    words
        .filter(|word| word.len() > beginning.len() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .map(str::to_owned)
        .collect()
}

fn difference(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Vec<String> {
    left.difference(right).cloned().collect()
}

fn assert_same(documented: &BTreeSet<String>, real: &BTreeSet<String>, file: &str) {
    let missing = difference(real, documented);
    assert!(missing.is_empty(), "{file} lacks {missing:?}");
    let gone = difference(documented, real);
    assert!(gone.is_empty(), "{file} has what the program has not: {gone:?}");
}

#[test]
fn the_settings_are_the_flags_of_the_node() {
    let mut command = Cli::command();
    command.build();
    let node = command.find_subcommand("node").expect("pervade node");
    let not_settings = ["config", "dump-config", "lifeline", "help", "version", "verbose"];
    let flags = node.get_arguments().filter_map(|arg| arg.get_long());
    let real: BTreeSet<_> = flags.filter(|flag| !not_settings.contains(flag)).map(str::to_owned).collect();
    let text = read("docs/settings.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `--"));
    let documented = rows.map(|row| row.split(['`', ' ']).next().unwrap_or_default().to_owned()).collect();
    assert_same(&documented, &real, "docs/settings.md");
}

#[test]
fn the_genesis_reference_has_every_field_of_the_section() {
    let validator = ValidatorConfig { account: params::THINGS_ADDRESS, public_key: vec![2; 33].into(), power: 1 };
    let config = PervadeConfig::new(vec![validator], params::GAS_LIMIT_DEFAULT);
    let section = serde_json::to_value(config).expect("the section is JSON");
    let text = read("docs/genesis.md");
    for field in section.as_object().expect("an object").keys() {
        assert!(text.contains(&format!("\n| `{field}` |")), "docs/genesis.md lacks {field}");
    }
    for field in section["validators"][0].as_object().expect("an object").keys() {
        assert!(text.contains(&format!("| `validators[].{field}` |")), "docs/genesis.md lacks validators[].{field}");
    }
}

#[test]
fn the_genesis_reference_states_the_protocols_limits() {
    let text = read("docs/genesis.md");
    for (field, limits) in [
        ("blockPeriodMs", vec![params::BLOCK_PERIOD_MS_DEFAULT, params::BLOCK_PERIOD_MS_MAX]),
        ("emptyBlockPeriodMs", vec![params::EMPTY_BLOCK_PERIOD_MS_DEFAULT, params::EMPTY_BLOCK_PERIOD_MS_MAX]),
        ("gasLimit", vec![params::GAS_LIMIT_MIN, params::GAS_LIMIT_MAX]),
        ("validators", vec![params::VALIDATORS_MAX as u64]),
        ("baseFee", vec![params::BASE_FEE_MINIMUM_DEFAULT]),
        (
            "systemGasSharePercent",
            vec![
                params::SYSTEM_GAS_SHARE_PERCENT_DEFAULT,
                params::SYSTEM_GAS_SHARE_PERCENT_MIN,
                params::SYSTEM_GAS_SHARE_PERCENT_MAX,
            ],
        ),
    ] {
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with(&format!("| `{field}` |"))).collect();
        for limit in limits {
            assert!(rows.iter().any(|row| row.contains(&limit.to_string())), "docs/genesis.md: {field} lacks {limit}");
        }
    }
    for account in [params::SYSTEM_ACCOUNT.to_string(), params::GOVERNANCE_ADDRESS.to_string()] {
        assert!(read("docs/protocol.md").contains(&account), "docs/protocol.md lacks {account}");
    }
}

#[test]
fn the_metrics_are_those_of_the_program() {
    let source: String = ["storage", "txpool", "rpc", "evm-ext", "p2p", "gateway", "node"].map(source).concat();
    let recorded = |name: &str| source.split(&format!("{name}!(\"")).skip(1).map(until_quote).collect::<Vec<_>>();
    let real = ["gauge", "counter", "histogram"].iter().flat_map(|kind| recorded(kind)).collect();
    let text = read("docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `/"));
    let names = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    assert_same(&names.map(str::to_owned).collect(), &real, "docs/metrics.md");
}

fn until_quote(text: &str) -> String {
    text.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn the_openrpc_document_has_every_method_of_our_own() {
    let document: serde_json::Value =
        serde_json::from_str(&read("docs/openrpc.json")).expect("docs/openrpc.json is JSON");
    let methods = document["methods"].as_array().expect("a list of methods");
    let documented = methods.iter().map(|method| method["name"].as_str().expect("a name").to_owned()).collect();
    let mut real = quoted(&source("rpc"), "pervade_");
    // What notifications are called, and metrics.
    real.retain(|name| name != "pervade_subscription" && !name.starts_with("pervade_rpc_"));
    assert_same(&documented, &real, "docs/openrpc.json");
    for method in methods {
        assert!(read("docs/json-rpc.md").contains(method["name"].as_str().expect("a name")), "{}", method["name"]);
    }
}

#[test]
fn the_methods_are_those_of_the_program() {
    let source = source("rpc");
    let text = read("docs/json-rpc.md");
    let of = |text: &str| ["eth_", "net_", "web3_", "txpool_"].iter().flat_map(|name| quoted(text, name)).collect();
    let mut real: BTreeSet<String> = of(&source);
    real.remove("eth_subscription"); // what notifications are called
    let documented: BTreeSet<String> = of(&text);
    assert_same(&documented, &real, "docs/json-rpc.md");
}

#[test]
fn links_lead_somewhere() {
    let mut documents = vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("CHANGELOG.md")];
    files(&root().join("docs"), "md", &mut documents);
    let mut wrong = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).expect("a document can be read");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let folder = document.parent().expect("a folder");
            if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                wrong.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
