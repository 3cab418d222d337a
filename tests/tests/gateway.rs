//! Contracts reach things through gateways, whatever fails on the way. Longer runs are `slow_`, and in
//! `cargo run -p pervade-tests --bin gateway`.
use pervade_tests::gateway::{command_once, intermittent_delivery, messages, requests, shipping_cost};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_reads_a_service_through_the_gateway_of_a_development_node() {
    let folder = tempfile::tempdir().unwrap();
    let pace = requests(folder.path(), 1, 200).await.unwrap();
    println!("{pace}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_shipping_cost_is_agreed_upon_by_four_gateways_and_lies_are_not() {
    let folder = tempfile::tempdir().unwrap();
    println!("{:?}", shipping_cost(folder.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_delivery_is_paid_once_while_gateway_broker_and_node_fail() {
    let folder = tempfile::tempdir().unwrap();
    println!("{:?}", intermittent_delivery(folder.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_commands_are_carried_out_once_while_gateways_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let report = command_once(folder.path(), 60, Duration::from_secs(3), 1, Duration::from_secs(240)).await.unwrap();
    println!("{report}");
    assert!(report.kills > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_messages_go_from_a_broker_to_the_chain_at_a_pace() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", messages(folder.path(), 1_000).await.unwrap());
}
