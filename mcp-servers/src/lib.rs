//! What all guarded MCP servers share: settings, commands, the SQLite file, tools with enforced
//! schemas, health. A server adds its domain, its storage and its tools, and nothing else.

pub mod arguments;
mod clients_file;
pub mod database;
pub mod fields;
mod health;
mod http_sse;
mod initialize;
pub mod program;
pub mod records;
mod settings;
pub mod tool;
