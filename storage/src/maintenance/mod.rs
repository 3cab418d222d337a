//! What an operator does with a data directory beside running a node: `pervade db stats | check | prune`.
mod check;
mod content;
mod prune;
mod stats;

pub use check::{CheckProgress, CheckReport, CheckStage};
pub use content::ContentReport;
pub use prune::PruneReport;
pub use stats::{ColumnStats, DatabaseStats};
