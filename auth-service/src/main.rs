//! Placeholder
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the parts of the service that use these modules are built beside them")
)]

mod crypto;
mod limits;

fn main() {}
