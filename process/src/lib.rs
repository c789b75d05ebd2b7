//! What every Bailiwick process does alike: settings, secrets, logs, metrics, listeners, TLS,
//! shutdown, the allocator, and the rule for plain HTTP. Owns no setting of its own and knows no
//! program; each program names its settings and calls what it needs.

pub mod client_secret;
pub mod listener;
pub mod logs;
pub mod metrics;
pub mod plain_http;
pub mod secret;
pub mod settings;
pub mod shutdown;
pub mod tls;

pub use client_secret::ClientSecret;
use mimalloc::MiMalloc;
pub use secret::Secret;

/// The allocator of every process that is built with this crate: a call makes some 150 allocations.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
