//! A running mcp-hr.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::binary;
use crate::guarded_server::Kind;
use crate::http::{Answer, Http};
use crate::mcp::{Caller, Era};
use crate::service::Service;

/// The tools of mcp-hr that only read (seed: HR server).
pub const READING: [&str; 2] = ["get_employee_records", "get_hr_summary"];

/// The tools of mcp-hr that change something.
pub const WRITING: [&str; 2] = ["add_employee_record", "create_leave_request"];

/// The arguments of a leave of six days: what `create_leave_request` takes.
#[must_use]
pub fn leave() -> Value {
    json!({
        "employee_id": "EMP-001", "leave_type": "annual", "start_date": "2026-03-02", "end_date": "2026-03-07",
        "reason": "Family",
    })
}

/// mcp-hr as the seed names it and its tools.
pub const HR: Kind =
    Kind { binary: "mcp-hr", server: "hr", mcp_name: "HRManagementMCP", reading: &READING, writing: &WRITING };

/// A running mcp-hr on data in a folder.
#[derive(Debug)]
pub struct HrServer {
    /// The process.
    pub process: Service,
    /// Its resource identifier: the URL of its MCP endpoint.
    pub resource: String,
    /// A client to call it with.
    pub http: Http,
}

impl HrServer {
    /// Starts one on a free port with the sample data, its own data in `folder`, trusting `issuer`.
    #[must_use]
    pub fn start(folder: &Path, issuer: &str) -> Self {
        Self::with_process(Service::start("mcp-hr", |port| Self::serve(folder, port, issuer)))
    }

    /// Starts one on a given port: the same server again, where it was stopped there.
    #[must_use]
    pub fn start_on(port: u16, folder: &Path, issuer: &str) -> Self {
        let process = Service::start_on("mcp-hr", port, Self::serve(folder, port, issuer));
        Self::with_process(process.unwrap_or_else(|log| panic!("mcp-hr did not start:\n{log}")))
    }

    /// The server that this process is.
    #[must_use]
    pub fn with_process(process: Service) -> Self {
        let resource = Self::resource_on(process.port);
        Self { process, resource, http: Http::new() }
    }

    fn resource_on(port: u16) -> String {
        format!("http://localhost:{port}/mcp")
    }

    /// The command that serves on `port` from the data in `folder`.
    #[must_use]
    pub fn serve(folder: &Path, port: u16, issuer: &str) -> Command {
        let mut command = binary::command("mcp-hr");
        command.arg("--sample-data").current_dir(folder);
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--resource", &Self::resource_on(port)]);
        // Tests race and flood it; how often a caller may call is proved elsewhere.
        command.args(["--calls-per-second", "0"]);
        command
            .args(["--issuer", issuer, "--database-url"])
            .arg(format!("sqlite://{}", folder.join("hr.db").display()));
        command
    }

    /// The URL of a path beside the MCP endpoint.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.resource.replace("/mcp", path)
    }

    /// The URL of the resource's metadata, which every challenge names.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        self.url("/.well-known/oauth-protected-resource/mcp")
    }

    /// Holds `answer` to the challenge of a token that is not accepted (RFC 6750 section 3).
    pub fn has_refused_token(&self, answer: &Answer, what: &str) {
        assert_eq!(answer.status, 401, "{what}: {answer:#?}");
        let challenge = answer.challenge();
        assert!(challenge.starts_with("Bearer "), "{what}: {challenge}");
        let metadata = format!(r#"resource_metadata="{}""#, self.metadata_url());
        for part in [r#"error="invalid_token""#, "error_description=", metadata.as_str()] {
            assert!(challenge.contains(part), "{what}: {part} is not in {challenge}");
        }
    }

    /// What `mcp-hr manifest` prints for this server's resource.
    #[must_use]
    pub fn manifest(&self) -> Value {
        let mut command = binary::command("mcp-hr");
        binary::run(command.args(["manifest", "--resource", &self.resource])).well().json()
    }

    /// A caller of its tools.
    #[must_use]
    pub fn caller(&self, token: &str, era: Era) -> Caller<'_> {
        Caller::new(&self.http, &self.resource, Some(token), era)
    }
}
