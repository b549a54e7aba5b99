//! What the process itself uses, read from `/proc` when somebody asks; elsewhere than on Linux there is no answer.

/// Resident memory in bytes (`man 5 proc_pid_status`, `VmRSS`).
pub(super) fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<i64>().ok()?.checked_mul(1024)
}

/// User and system time in seconds (`man 5 proc_pid_stat`, fields 14 and 15, in hundredths).
pub(super) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the name, may hold spaces; it ends with the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn linux_tells_memory_and_time() {
        assert!(super::resident_bytes().unwrap() > 1 << 20);
        assert!(super::cpu_seconds().unwrap() >= 0.0);
    }
}
