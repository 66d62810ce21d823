//! What `audit` and `doctor` say of an account: one live environment, in which one thing after the other is weakened or broken, and
//! mended again.

mod audit;
mod doctor;

use e2e::{Fleet, story};
use localcloud::Options;

/// Whom the weakenings of a tenant's own are about; `bolt` shows that they are about nobody else.
const TENANT: &str = "acme";

#[tokio::test(flavor = "multi_thread")]
async fn checks() {
    story(
        "checks",
        Options::for_test(&["dev"]),
        Fleet::of(&[TENANT, "bolt"]),
        async |world| {
            world.apply().await?;
            audit::tell(world).await?;
            // Last: what it ends with is not put back in a moment.
            doctor::tell(world).await
        },
    )
    .await;
}
