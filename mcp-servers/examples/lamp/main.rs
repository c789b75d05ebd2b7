//! A lamp that some agents may look at and others may switch.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bailiwick_guard::Guard;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde_json::json;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Lamp {
    is_lit: Arc<AtomicBool>,
    router: Arc<ToolRouter<Self>>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Switch {
    /// Whether it is to be lit.
    on: bool,
}

#[tool_router]
impl Lamp {
    #[tool(description = "Tells whether the lamp is lit", annotations(read_only_hint = true))]
    fn see_lamp(&self) -> String {
        format!("lit: {}", self.is_lit.load(Ordering::Relaxed))
    }

    #[tool(description = "Switches the lamp on or off", annotations(read_only_hint = false))]
    fn switch_lamp(&self, Parameters(switch): Parameters<Switch>) -> String {
        self.is_lit.store(switch.on, Ordering::Relaxed);
        self.see_lamp()
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Lamp {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lamp = Lamp { is_lit: Arc::default(), router: Arc::new(Lamp::tool_router()) };
    let setting = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut output = std::io::stdout();

    let guard = Guard::builder(
        setting("LAMP_RESOURCE", "http://localhost:8004/mcp").parse()?, // where clients reach this server
        setting("LAMP_ISSUER", "http://localhost:8000").parse()?,       // whose tokens it takes
        "lamp".parse()?,                                                // what its scopes begin with
    )
    .title("Lamp")
    .tools(Lamp::tool_router().list_all())
    .build()?;
    if std::env::args().nth(1).as_deref() == Some("manifest") {
        let tools: Vec<_> = guard.manifest().iter().collect();
        let manifest = json!({"resource": guard.resource(), "title": guard.title(), "tools": tools});
        return Ok(writeln!(output, "{manifest:#}")?);
    }
    tokio::spawn(guard.run());
    let routes = guard.protect(move || Ok(lamp.clone()));

    let listener = TcpListener::bind(setting("LAMP_LISTEN", "127.0.0.1:8004")).await?;
    writeln!(output, "{}", json!({"message": "serving", "listen": listener.local_addr()?}))?;
    axum::serve(listener, routes).await?;
    Ok(())
}
