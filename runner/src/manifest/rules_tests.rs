//! Fargate's pairs, counted against AWS's table.

use super::rules::is_fargate_size;

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>, in GiB.
#[test]
fn fargate_offers_exactly_the_documented_pairs() {
    let table: [(i64, Vec<i64>); 6] = [
        (512, (1..=4).collect()),
        (1024, (2..=8).collect()),
        (2048, (4..=16).collect()),
        (4096, (8..=30).collect()),
        (8192, (16..=60).step_by(4).collect()),
        (16384, (32..=120).step_by(8).collect()),
    ];
    for (cpu, gibibytes) in table {
        for memory in 1..=130 {
            assert_eq!(
                is_fargate_size(cpu, memory * 1024),
                gibibytes.contains(&memory),
                "{cpu} {memory} GiB"
            );
        }
        assert!(!is_fargate_size(cpu, gibibytes[0] * 1024 + 512), "{cpu}");
    }
    let smallest: Vec<i64> = (1..=130 * 1024)
        .filter(|memory| is_fargate_size(256, *memory))
        .collect();
    assert_eq!(smallest, [512, 1024, 2048]);
}
