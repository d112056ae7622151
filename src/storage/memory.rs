//! x
/// x
#[derive(Debug)]
pub struct Memory;
