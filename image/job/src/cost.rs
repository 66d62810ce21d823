//! What work costs this process.

use std::fs;

/// The most memory that it had in use so far, in bytes (`VmHWM`, proc_pid_status(5)); 0 where the system does not tell.
pub(crate) fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_some() {
        assert!(super::peak_memory() > 1 << 20);
    }
}
