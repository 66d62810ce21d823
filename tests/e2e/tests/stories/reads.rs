//! An unchanged fleet is read in bulk: more tenants take no more requests, until a page is full.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e::{Fleet, World, story};
use localcloud::Options;
use localcloud::proxy::Filter;

#[tokio::test(flavor = "multi_thread")]
async fn reads() {
    story(
        "reads",
        Options::for_test(&["dev"]),
        Fleet::of(&["one"]),
        async |world| {
            world.apply().await?;
            let of_one = requests_of_a_plan(world).await?;
            world.fleet.add("two")?;
            world.fleet.add("three")?;
            world.apply().await?;
            let of_three = requests_of_a_plan(world).await?;
            // The smallest page is DescribeServices' (10 services a call), so three tenants fill none.
            ensure!(
                of_one == of_three,
                "of one tenant {of_one:#?}\nof three {of_three:#?}"
            );
            world.note(&format!(
                "a plan takes {} requests, of one tenant and of three: {of_one:?}",
                of_one.values().sum::<usize>()
            ));
            Ok(())
        },
    )
    .await;
}

async fn requests_of_a_plan(world: &World) -> Result<BTreeMap<(String, String), usize>> {
    world.bbws()?.plan_is_empty().await?;
    world.cloud.proxy().requests().clear();
    world.bbws()?.plan_is_empty().await?;
    let all = world.bbws()?.requests();
    let counts = world.cloud.proxy().requests().counts(&all);
    let writes = world.requests(&Filter {
        reads: Some(false),
        ..all
    });
    ensure!(
        writes.is_empty(),
        "a plan changes nothing, and yet: {writes:?}"
    );
    Ok(counts)
}
