//! Contracts reach things through gateways, whatever fails on the way. In full size: the program `gateway`.
use pervade_tests::gateway::{
    CommandOptions, Protocol, ThroughputOptions, archive, asset_tracking, command_once, encounter, hostile_callbacks,
    intermittent_delivery, manufacturing, shipping_cost, throughput,
};

#[tokio::test(flavor = "multi_thread")]
async fn shipping_cost_is_agreed_upon_by_four_gateways_and_lies_are_not() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", shipping_cost(folder.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_paid_once_while_link_gateway_broker_and_node_fail() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", intermittent_delivery(folder.path(), Protocol::Mqtt).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_delivery_over_amqp_is_paid_once_too() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", intermittent_delivery(folder.path(), Protocol::Amqp).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_commands_are_carried_out_once_while_gateways_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let options = CommandOptions { count: 60, every_ms: 1_000, seed: 1, seconds: 240 };
    let report = command_once(folder.path(), options).await.unwrap();
    println!("{report}");
    assert!(report.kills > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_an_escrow_pays_once_when_the_goods_are_there_and_never_before() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", asset_tracking(folder.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_an_encounter_is_what_both_devices_heard() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", encounter(folder.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_three_machines_have_one_temperature_and_the_hot_one_is_stopped_once() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", manufacturing(folder.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callbacks_that_mean_harm_harm_nobody_and_blocks_come_in_time() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", hostile_callbacks(folder.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_messages_and_answers_come_through_a_gateway_at_a_pace() {
    let folder = tempfile::tempdir().unwrap();
    let options = ThroughputOptions { messages: 1_000, requests: 5, period_ms: 200 };
    let report = throughput(folder.path(), options).await.unwrap();
    println!("{report}");
    assert!(report.requests.median <= 2 * report.requests.period, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_file_outside_is_what_its_kept_identifier_says_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", archive(folder.path()).await.unwrap());
}
