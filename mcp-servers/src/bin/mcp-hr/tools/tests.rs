//! The HR tools as a client meets them. Today is 2024-02-01 where a test says nothing else.

use serde_json::{Value, json};

use super::*;
use crate::sample;

#[path = "../../../../tests/tool_server/mod.rs"]
mod tool_server;

mod employees_tests;
mod leave_tests;
mod protocol_tests;
mod summary_tests;

use tool_server::with;

type Server = tool_server::Server<Hr>;

/// The sample data of the product.
fn sample_data() -> Value {
    serde_json::from_str(include_str!("../sample-data.json")).unwrap()
}
