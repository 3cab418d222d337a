//! pervade
fn main() {}
