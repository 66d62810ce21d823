//! Who holds a lease: in words for people, and as a process that others on the same machine can see to be gone.

use serde::{Deserialize, Serialize};

/// A process of one machine since its last boot, in one process namespace. Ids are reused, start times are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    /// Boot and process namespace: two containers of one machine don't see each other's processes.
    place: String,
    id: u32,
    /// Clock ticks since boot.
    started: String,
}

impl Process {
    /// This process; none where `/proc` does not tell.
    pub(super) fn this() -> Option<Self> {
        let id = std::process::id();
        Some(Self {
            place: place()?,
            id,
            started: started(id)?,
        })
    }

    /// Whether it is known to have ended. A process of another place is never known to.
    pub(super) fn has_ended(&self) -> bool {
        place().as_ref() == Some(&self.place) && started(self.id).as_ref() != Some(&self.started)
    }
}

fn place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Field 22 of `/proc/<id>/stat`, counted behind the command name, which may hold anything (proc(5)).
fn started(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

/// Who runs this, for whoever waits for it.
#[must_use]
pub fn holder() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let who = variable("GITHUB_ACTOR")
        .or_else(|| variable("USER"))
        .unwrap_or_else(|| "unknown".to_owned());
    match variable("GITHUB_RUN_ID") {
        Some(id) => format!("{who}, workflow run {id}"),
        None => format!("{who}, process {}", std::process::id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_place_can_be_seen_to_have_ended() {
        let this = Process::this().expect("/proc is there");
        assert!(!this.has_ended());
        assert!(
            Process {
                started: "0".to_owned(),
                ..this.clone()
            }
            .has_ended()
        );
        assert!(
            !Process {
                place: "elsewhere".to_owned(),
                started: "0".to_owned(),
                ..this
            }
            .has_ended()
        );
    }
}
