//! What devices and contracts of different makers mean, in one form, traced.
mod look_alike;
mod manufacturing;
mod parties;
mod supply_chain;
mod validators;
