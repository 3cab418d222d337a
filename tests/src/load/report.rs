//! Figures and tables.
use super::Workload;
use std::ops::Range;

/// What a run measured.
#[derive(Debug, Clone)]
pub struct Report {
    /// `web3_clientVersion`.
    pub client: String,
    /// What was done.
    pub workload: Workload,
    /// Transactions or reads.
    pub count: u64,
    /// Blocks from the first submission on, to the one that completed the run.
    pub blocks: Range<u64>,
    /// From the first submission to the last block, seconds.
    pub elapsed_s: f64,
    /// From the first submission to the last answer, seconds.
    pub submitted_s: f64,
    /// CPU time of the node, seconds.
    pub cpu_s: Option<f64>,
    /// Peak resident memory of the node, MiB.
    pub peak_mib: Option<f64>,
}

impl Report {
    /// Transactions (or reads) a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.elapsed_s
    }

    /// CPU seconds per 10,000 transactions (or reads).
    pub fn cpu_per_10k(&self) -> Option<f64> {
        self.cpu_s.map(|cpu_s| cpu_s * 10_000.0 / self.count as f64)
    }

    fn row(&self) -> Vec<String> {
        let optional = |value: Option<f64>, digits| value.map_or("-".into(), |value| format!("{value:.digits$}"));
        vec![
            self.client.split('/').next().unwrap_or("?").into(),
            self.workload.name().into(),
            self.count.to_string(),
            self.blocks.clone().count().to_string(),
            format!("{:.2}", self.submitted_s),
            format!("{:.2}", self.elapsed_s),
            format!("{:.0}", self.rate()),
            optional(self.cpu_per_10k(), 3),
            optional(self.peak_mib, 0),
        ]
    }
}

/// Prints one line a run.
pub fn print_reports(reports: &[Report]) {
    let head =
        ["node", "workload", "count", "blocks", "submitted s", "included s", "per s", "CPU s/10,000", "peak MiB"];
    println!("{}", table(&head, &reports.iter().map(Report::row).collect::<Vec<_>>()));
}

/// A table with right-aligned figures and left-aligned first columns.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let is_text = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .all(|cell| !cell.starts_with(|first: char| first.is_ascii_digit()))
    };
    let line = |row: &Vec<String>| {
        let cells = widths.iter().enumerate().map(|(column, width)| {
            let cell = row.get(column).map_or("", String::as_str);
            if is_text(column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  ");
    let body: Vec<_> = rows.iter().map(line).collect();
    [vec![line(&head), rule], body].concat().join("\n")
}
