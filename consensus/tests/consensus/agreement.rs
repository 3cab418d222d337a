//! All nodes decide the same, and go on, whatever happens to them.
use crate::cluster::{Cluster, Options};
use pervade_consensus::Offence;

#[test]
fn a_single_validator_decides_alone() {
    let mut cluster = Cluster::new(Options { validators: 1, ..Options::default() });
    cluster.run_to(10, 5_000);
}

#[test]
fn four_validators_and_a_follower_stay_in_step() {
    let mut cluster = Cluster::new(Options { followers: 1, ..Options::default() });
    cluster.run_to(20, 10_000);
    assert!(cluster.evidence.is_empty() && cluster.offences.is_empty(), "{:?}", cluster.offences);
}

#[test]
fn large_blocks_arrive_in_parts() {
    let mut cluster = Cluster::new(Options { block_bytes: 300_000, ..Options::default() });
    cluster.run_to(3, 5_000);
    assert!(cluster.nodes[0].chain[0].body.len() > 300_000);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut cluster = Cluster::new(Options { seed, loss_percent: 10, ..Options::default() });
        cluster.run_for(5_000);
        cluster.trace
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn nodes_agree_and_go_on_through_loss_delay_and_crashes() {
    for seed in 0..6 {
        let options = Options { seed, loss_percent: 10, delay_ms: (1, 60), followers: 1, ..Options::default() };
        let mut cluster = Cluster::new(options);
        for _ in 0..12 {
            let victim = cluster.random.below(5) as usize;
            if cluster.is_up(victim) && cluster.random.below(2) == 0 {
                // At some write or sync from here on.
                let mut store = cluster.nodes[victim].store.lock().unwrap();
                let begun = store.operations();
                let offset = begun % 7;
                store.fail_from(begun + offset);
                drop(store);
            } else if cluster.is_up(victim) {
                cluster.crash(victim);
            }
            cluster.run_for(1_500);
            for index in 0..5 {
                if !cluster.is_up(index) {
                    cluster.nodes[index].store.lock().unwrap().lose_power(&mut cluster.random);
                    cluster.restart(index);
                }
            }
            cluster.run_for(1_500);
        }
        for index in 0..5 {
            // A failure may still lie in wait for the next write.
            if cluster.is_up(index) {
                cluster.nodes[index].store.lock().unwrap().fail_from(u64::MAX);
            }
        }
        cluster.options.loss_percent = 0;
        let head = cluster.heads().into_iter().max().unwrap();
        println!("seed {seed}: {head} heights");
        assert!(head > 5, "seed {seed}: only {head} heights in 36 s");
        cluster.run_to(head + 3, 20_000);
    }
}

#[test]
fn a_node_cut_off_catches_up() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(3, 5_000);
    cluster.cut_off(&[3]);
    cluster.run_for(20_000);
    let heads = cluster.heads();
    assert!(heads[0] > heads[3] + 20, "{heads:?}");
    cluster.cut_off(&[]);
    cluster.run_to(heads[0] + 5, 10_000);
}

#[test]
fn halves_wait_for_each_other() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(3, 5_000);
    cluster.cut_off(&[2, 3]);
    cluster.run_for(1_000);
    let head = cluster.heads().into_iter().max().unwrap();
    cluster.run_for(30_000);
    assert!(cluster.heads().into_iter().max().unwrap() <= head + 1, "two of four decided");
    cluster.cut_off(&[]);
    cluster.run_to(head + 3, 10_000);
}

#[test]
fn a_follower_syncs_from_nothing() {
    let mut cluster = Cluster::new(Options { followers: 1, ..Options::default() });
    cluster.crash(4);
    cluster.run_for(40_000);
    let head = cluster.heads()[0];
    assert!(head > 100, "{head}");
    cluster.restart(4);
    cluster.run_to(head, 20_000);
    cluster.run_to(head + 10, 10_000);
}

#[test]
fn sets_change_at_a_height_and_who_leaves_follows() {
    let changes = vec![(5, vec![0, 1, 2]), (10, vec![1, 2, 3]), (15, vec![0, 1, 2, 3])];
    let mut cluster = Cluster::new(Options { changes, ..Options::default() });
    cluster.run_to(12, 10_000);
    let signers = |cluster: &Cluster, height: usize| cluster.nodes[0].chain[height - 1].certificate.signatures.len();
    assert_eq!((signers(&cluster, 7), signers(&cluster, 12)), (3, 3));
    let is_voting = |cluster: &Cluster, index: usize| cluster.nodes[index].machine.as_ref().unwrap().status().is_voting;
    assert!(!is_voting(&cluster, 0) && is_voting(&cluster, 3));
    cluster.run_to(20, 10_000);
    assert!(is_voting(&cluster, 0));
}

#[test]
fn a_peer_with_false_blocks_is_reported_and_others_are_asked() {
    let mut cluster = Cluster::new(Options { followers: 1, ..Options::default() });
    cluster.crash(4);
    cluster.run_for(10_000);
    let head = cluster.heads()[0];
    // One gives blocks that are others', one certificates that do not hold.
    for block in &mut cluster.nodes[0].chain[..head as usize - 1] {
        block.body = [&block.body[..], &[1_u8][..]].concat().into();
    }
    for block in &mut cluster.nodes[1].chain[..head as usize - 1] {
        block.certificate.signatures[0].signature.0[5] ^= 1;
    }
    cluster.restart(4);
    cluster.run_to(head, 30_000);
    let reported = cluster.offences.iter().filter(|(node, offence)| *node == 4 && *offence == Offence::FalseBlock);
    assert!(reported.count() > 0);
}
