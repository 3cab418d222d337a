//! What other crates rely on, tried from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chain;
mod content;
mod cost;
mod damage;
mod logs;
mod memory;
mod model;
mod observations;
mod opening;
mod reading;
mod recovery;
mod seals;
mod speed;
mod state;
mod upkeep;
