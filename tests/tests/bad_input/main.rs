//! Malformed files and requests: each gets a clear error, none a panic, and the data directory stays as it was.
//!
//! The bad inputs are valid ones, changed by named operators at every place that they fit, and some written by hand.
mod chains;
mod genesis;
mod keystores;
mod mutate;
mod requests;
mod verdict;
