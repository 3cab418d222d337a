//! What a process used, as Linux counts it.
use super::LoadError;
use std::fs;

/// Ticks of the CPU times in `/proc` a second (`USER_HZ`, 100 on every Linux that Rust's standard library knows).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU and memory of a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time of all its threads, seconds.
    pub cpu_s: f64,
    /// Most resident memory so far, MiB.
    pub peak_mib: f64,
    /// Resident memory now, MiB.
    pub resident_mib: f64,
}

/// Reads `/proc/PID`.
///
/// # Errors
/// [`LoadError::Option`] if there is no such process.
pub fn usage_of(pid: u32) -> Result<Usage, LoadError> {
    read(&pid.to_string())
}

/// Usage of this process.
///
/// # Errors
/// Like [`usage_of`].
pub fn own_usage() -> Result<Usage, LoadError> {
    read("self")
}

/// Makes the peak start again from what is resident now, where the kernel allows it.
pub(crate) fn reset_peak(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn read(pid: &str) -> Result<Usage, LoadError> {
    let fail = |reason: String| LoadError::Option { option: "--pid", reason };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| fail(format!("{pid}: {error}")))?;
    // The name in parentheses may hold anything: fields count from the last one. utime and stime are the 14th and 15th.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| fail(format!("{pid}: {error}")))?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0)
    };
    Ok(Usage {
        cpu_s: ticks / TICKS_PER_SECOND,
        peak_mib: kib("VmHWM:") / 1024.0,
        resident_mib: kib("VmRSS:") / 1024.0,
    })
}
