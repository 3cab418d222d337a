//! One measured part.
use crate::load::{own_usage, reset_peak, table};
use std::{fs, process, time::Instant};

/// Nanoseconds of a second.
const NS_PER_S: f64 = 1e9;

/// CPU time, wall time and memory of a piece of work.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What was done.
    pub name: String,
    /// What one unit of it is.
    pub unit: &'static str,
    /// How many units were done.
    pub units: usize,
    /// Elapsed, seconds.
    pub wall_s: f64,
    /// Of all threads, seconds.
    pub cpu_s: f64,
    /// Most resident memory while it ran, MiB.
    pub peak_mib: f64,
    /// CPU time per unit, as a multiple of another stage of the same run.
    pub ratio: Option<(f64, String)>,
}

impl Stage {
    /// Does the work and measures it.
    ///
    /// # Errors
    /// The work's own.
    pub fn run<T>(
        name: impl Into<String>,
        unit: &'static str,
        units: usize,
        work: impl FnOnce() -> eyre::Result<T>,
    ) -> eyre::Result<(Self, T)> {
        reset_peak(process::id());
        let before = cpu_s()?;
        let start = Instant::now();
        let result = work()?;
        let wall_s = start.elapsed().as_secs_f64();
        let cpu_s = cpu_s()? - before;
        let peak_mib = own_usage()?.peak_mib;
        let stage = Self { name: name.into(), unit, units, wall_s, cpu_s, peak_mib, ratio: None };
        Ok((stage, result))
    }

    /// States the CPU time per unit as a multiple of `other`'s.
    pub fn relative_to(mut self, other: &Self) -> Self {
        self.ratio = Some((self.cpu_s_per_unit() / other.cpu_s_per_unit(), other.name.clone()));
        self
    }

    pub(super) fn cpu_s_per_unit(&self) -> f64 {
        self.cpu_s / self.units as f64
    }
}

fn cpu_s() -> eyre::Result<f64> {
    Ok(cpu_ns()? / NS_PER_S)
}

/// CPU time of all threads there are: by the nanosecond where the kernel counts so, else by the hundredth of a second.
pub(crate) fn cpu_ns() -> eyre::Result<f64> {
    // The kernel brings the counter of a running thread up to date at each tick, and when the thread gives way.
    std::thread::yield_now();
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Ok(own_usage()?.cpu_s * NS_PER_S) };
    let mut sum_ns = 0.0;
    for thread in threads {
        // A thread may end while this is read.
        let Ok(counters) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum_ns += counters.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0);
    }
    if sum_ns > 0.0 { Ok(sum_ns) } else { Ok(own_usage()?.cpu_s * NS_PER_S) }
}

/// The stages as a table.
pub(super) fn print(stages: &[Stage]) -> String {
    let rows: Vec<_> = stages
        .iter()
        .map(|stage| {
            let per_unit = 1e6 / stage.units as f64;
            vec![
                stage.name.clone(),
                format!("{}", stage.units),
                stage.unit.into(),
                format!("{:.2}", stage.wall_s),
                format!("{:.2}", stage.cpu_s),
                format!("{:.1}", stage.wall_s * per_unit),
                format!("{:.1}", stage.cpu_s * per_unit),
                format!("{:.0}", stage.peak_mib),
                stage.ratio.as_ref().map_or("-".into(), |(ratio, other)| format!("{ratio:.2} of {other}")),
            ]
        })
        .collect();
    let head = ["stage", "units", "unit", "wall s", "CPU s", "wall us/unit", "CPU us/unit", "peak MiB", "CPU ratio"];
    table(&head, &rows)
}
