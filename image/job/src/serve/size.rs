//! What fits into the container's memory: how many PHP workers, how large the page cache.

use std::fmt::Write as _;

const MIB: u64 = 1 << 20;
/// What is there whatever the number of workers: OPcache's and APCu's shared memory, nginx, this program, files in `/tmp`.
const FIXED: u64 = 192 * MIB;
/// A worker's own memory. Measured: 40 MiB after front pages of a plain WordPress 7.1; plugins and the administration
/// take more.
const WORKER: u64 = 64 * MIB;
/// A task smaller than Fargate's smallest still answers its health check while a page is made.
const FEWEST: u64 = 2;
/// More would only queue at the database.
const MOST: u64 = 64;

/// The memory of this container, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// The smallest of what the task definition says in `BBWS_MEMORY_MIB` (on Fargate, a container without a limit of its
    /// own does not see the task's), and of the limits that the kernel tells of: this control group's (version 2, or 1
    /// with those above it) and the machine's memory.
    #[must_use]
    pub fn of_container() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::smallest(
            std::env::var("BBWS_MEMORY_MIB").ok().as_deref(),
            &read("/sys/fs/cgroup/memory.max"),
            &read("/sys/fs/cgroup/memory/memory.stat"),
            &read("/proc/meminfo"),
        )
    }

    fn smallest(task: Option<&str>, version_2: &str, version_1: &str, machine: &str) -> Self {
        let field = |text: &str, name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let limits = [
            task.and_then(|task| task.parse().ok())
                .map(|mebibytes: u64| mebibytes.saturating_mul(MIB)),
            version_2.trim().parse().ok(),
            field(version_1, "hierarchical_memory_limit "),
            field(machine, "MemTotal:").map(|kibibytes| kibibytes * 1024),
        ];
        Self(limits.into_iter().flatten().min().unwrap_or(512 * MIB))
    }

    /// How many requests PHP works on at a time.
    #[must_use]
    pub fn workers(self) -> u64 {
        (self.0.saturating_sub(FIXED) / WORKER).clamp(FEWEST, MOST)
    }

    /// The most that cached pages take of `/tmp`, which is memory, in MiB. `/tmp` must hold a request's body twice beside.
    #[must_use]
    pub fn page_cache(self) -> u64 {
        (self.0 / 16 / MIB).clamp(16, 48)
    }

    /// PHP-FPM's settings of the pool that depend on it. Two workers are always there; others come and go with the load.
    #[must_use]
    pub fn pool(self) -> String {
        let workers = self.workers();
        let spare = workers.div_ceil(2);
        let mut text = String::from("[www]\npm = dynamic\n");
        let _ = writeln!(text, "pm.max_children = {workers}");
        let _ = writeln!(text, "pm.start_servers = 2\npm.min_spare_servers = 1");
        let _ = writeln!(text, "pm.max_spare_servers = {}", spare.max(2));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_counts() {
        let machine = "MemTotal:       2000000 kB\nMemFree: 1 kB\n";
        let version_1 =
            "cache 1\nhierarchical_memory_limit 536870912\nhierarchical_memsw_limit 9\n";
        assert_eq!(
            Size::smallest(None, "max\n", "", machine),
            Size(2_048_000_000)
        );
        assert_eq!(
            Size::smallest(None, "", version_1, machine),
            Size(512 * MIB)
        );
        assert_eq!(
            Size::smallest(None, "268435456\n", version_1, machine),
            Size(256 * MIB)
        );
        assert_eq!(Size::smallest(None, "", "", ""), Size(512 * MIB));
        let task = |memory| Size::smallest(Some(memory), "max\n", version_1, machine);
        assert_eq!(task("256"), Size(256 * MIB));
        assert_eq!(task("1024"), Size(512 * MIB));
        assert_eq!(task("much"), Size(512 * MIB));
    }

    #[test]
    fn workers_fit_into_the_task() {
        let workers = |mebibytes: u64| Size(mebibytes * MIB).workers();
        assert_eq!(
            [128, 512, 1024, 2048, 30_720].map(workers),
            [2, 5, 13, 29, 64]
        );
        assert!(Size(512 * MIB).pool().contains("pm.max_children = 5\n"));
        // PHP-FPM refuses a pool whose spare workers are more than all.
        assert!(Size(0).pool().contains("pm.max_spare_servers = 2\n"));
    }
}
