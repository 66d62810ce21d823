//! The image that tasks work with: built from its lock, or else the nearest thing to it.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::programs::{Programs, captured, output};
use crate::stages::Stages;

/// Builds the image from its lock. When that fails and Debian's mirrors no longer have what the lock pins, builds it from
/// their newest packages, and says so; any other failure stays one. The image's name and tag.
pub(crate) async fn build(programs: &Programs, stages: &Stages, next: &str) -> Result<String> {
    let built = stages.run("bbws image build", next, built(programs, stages));
    let built: Value = serde_json::from_slice(&built.await?)?;
    let reference = built["result"]["reference"].as_str();
    Ok(reference.context("the image has no name")?.to_owned())
}

async fn built(programs: &Programs, stages: &Stages) -> Result<Vec<u8>> {
    let bbws = |arguments: &[&str]| {
        let mut command = programs.bbws(&programs.root, None)?;
        command.args(arguments);
        anyhow::Ok(command)
    };
    let failure = match output(bbws(&["image", "build", "--json"])?).await {
        Ok(built) => return Ok(built),
        Err(failure) => failure,
    };
    let asked = captured(&mut bbws(&["image", "lock", "--check", "--json"])?).await?;
    let asked: Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
    let missing: Vec<_> = match asked["result"]["missing"].as_array() {
        Some(missing) if !missing.is_empty() => missing.iter().filter_map(Value::as_str).collect(),
        _ => return Err(failure),
    };
    stages.say(format_args!(
        "THE IMAGE IS NOT THE LOCK'S: Debian's mirrors no longer have {}.\n           It is built with their newest packages; \
         `bbws image lock --update` mends this",
        missing.join(", ")
    ));
    output(bbws(&["image", "build", "--refresh-packages", "--json"])?).await
}
