//! Proposes blocks that pay another validator: good ones, if the other had proposed them.
use super::{Adversary, Another, Candidate, Tools};
use crate::sim::coverage::Path;

/// See the module.
pub struct FalseBeneficiary;

impl Adversary for FalseBeneficiary {
    fn another_block(&self) -> Option<Another> {
        Some(Another::PaysTheNext)
    }

    fn build(&mut self, tools: &mut Tools<'_>, built: Candidate, other: Option<Candidate>) -> Candidate {
        match other.filter(|_| tools.random.per_mille(600)) {
            Some(other) => {
                tools.coverage.hit(Path::FalseBeneficiary);
                other
            }
            None => built,
        }
    }
}
