//! The guarded server of the tests: a few tools that note when they run.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use bailiwick_guard::Principal;
use http::request::Parts;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ProtocolVersion, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;

/// The revisions that it speaks; rmcp knows older ones too.
const SPOKEN: &[ProtocolVersion] =
    &[ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2025_06_18];

/// The tools that ran, in their order.
pub(crate) type Ran = Arc<Mutex<Vec<String>>>;

#[derive(Clone)]
pub(crate) struct Server {
    router: Arc<ToolRouter<Self>>,
    ran: Ran,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Name {
    name: Option<String>,
}

#[tool_router(vis = "pub(crate)")]
impl Server {
    pub(crate) fn new(ran: Ran) -> Self {
        Self { router: Arc::new(Self::tool_router()), ran }
    }

    fn note(&self, what: &str) -> String {
        self.ran.lock().unwrap().push(what.to_owned());
        format!("{what} ran")
    }

    #[tool(description = "Looks", annotations(read_only_hint = true))]
    fn look(&self) -> String {
        self.note("look")
    }

    #[tool(description = "Lists", annotations(read_only_hint = true))]
    fn list(&self) -> String {
        self.note("list")
    }

    #[tool(description = "Adds", annotations(read_only_hint = false))]
    fn add(&self, Parameters(name): Parameters<Name>) -> String {
        self.note(format!("add {}", name.name.unwrap_or_default()).trim_end())
    }

    #[tool(description = "Says who calls and what reaches a tool", annotations(read_only_hint = true))]
    fn whoami(&self, Extension(parts): Extension<Parts>) -> String {
        self.note("whoami");
        let caller = parts.extensions.get::<Principal>().unwrap();
        let authorization = parts.headers.contains_key("authorization");
        format!("{} {} {} {authorization}", caller.subject(), caller.client_id(), caller.scope())
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(SPOKEN)
    }
}
