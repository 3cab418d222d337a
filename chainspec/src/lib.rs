//! What a chain is: genesis, forks, fees, validators and every number that nodes must agree on.
mod error;
mod forks;
pub mod params;
mod pervade;
mod spec;

pub use error::ChainSpecError;
pub use forks::{BlockForks, ForkSchedule};
pub use pervade::{BaseFeeRule, PervadeConfig, ValidatorConfig};
pub use spec::ChainSpec;
