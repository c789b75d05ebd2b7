//! What the guide sets up: a desk with the checkout and the authority, hosts, and what is asked of them.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::{Host, Network, markdown};
use tempfile::TempDir;

const GUIDE: &str = "docs/guides/deploy.md";

/// Which host has which name; `auth` gets a second one in the end.
const NAMES: [(&str, u8); 6] = [
    ("auth.example.com", 1),
    ("hr.example.com", 2),
    ("work.example.com", 3),
    ("agent.example.com", 4),
    ("foreign.example.com", 4),
    ("id.example.com", 1),
];

/// One block of commands of the guide: the section that it stands in, and which of its blocks it is.
pub fn commands(section: &str, number: usize) -> String {
    let blocks = markdown::blocks(&markdown::read(GUIDE));
    let blocks: Vec<_> = blocks.into_iter().filter(|block| block.section == section).collect();
    assert!(number < blocks.len(), "{GUIDE} has no block {number} under {section:?}");
    assert_eq!(blocks[number].language, "sh", "{section} {number}");
    blocks[number].text.clone()
}

/// The secrets that were printed, in their order.
fn printed_secrets(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with("client_secret"));
    lines.map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
}

/// A desk away from all hosts: the checkout, and the authority's key.
pub struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let units = binary::repository().join("docs/guides/deploy");
        let copy = desk.0.path().join("docs/guides/deploy");
        std::fs::create_dir_all(&copy).unwrap();
        for unit in std::fs::read_dir(units).unwrap() {
            let unit = unit.unwrap();
            std::fs::copy(unit.path(), copy.join(unit.file_name())).unwrap();
        }
        let cargo = desk.0.path().join("stand-ins/cargo");
        std::fs::create_dir_all(cargo.parent().unwrap()).unwrap();
        let script = r#"#!/bin/sh
set -eu
test "$*" = 'build --release --locked --workspace --bins'
mkdir -p target/release
for binary in auth-service mcp-hr mcp-project mcp-crm mcp-agent; do
  strip --strip-debug -o "target/release/$binary" "$BUILT/$binary"
done
"#;
        std::fs::write(&cargo, script).unwrap();
        std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
        desk
    }

    pub fn run(&self, script: &str) {
        let path = format!("{}/stand-ins:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(&self.0).stdin(Stdio::null());
        let _ = binary::run(command.env("PATH", path).env("BUILT", binary::folder())).well();
    }

    /// Carries files to a host.
    pub fn carry(&self, files: &[&str], host: &Host) {
        for file in files {
            host.receive(&self.0.path().join(file));
        }
    }

    /// The serial number of a certificate.
    pub fn serial(&self, certificate: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["x509", "-noout", "-serial", "-in", certificate]).current_dir(&self.0);
        binary::run(&mut command).well().stdout
    }

    /// The guide's function that makes certificates, without the certificates that it makes there.
    pub fn certify(&self, arguments: &str) {
        let block = commands("An authority of your own", 0);
        let function = block.split("certify() {").nth(1).and_then(|rest| rest.split("\n}\n").next()).unwrap();
        self.run(&format!("umask 077\ncertify() {{{function}\n}}\ncertify {arguments}"));
    }
}

/// All that the guide has set up.
pub struct Deployment {
    pub desk: Desk,
    pub auth: Host,
    pub hr: Host,
    pub work: Host,
    pub agent: Host,
    /// The secret of `my-agent`.
    pub secret: String,
    _network: Network,
}

impl Deployment {
    /// From the build to the registration.
    pub fn new() -> Self {
        let network = Network::new(&NAMES);
        let desk = Desk::new();
        desk.run(&commands("Build", 0));
        desk.run(&commands("An authority of your own", 0));
        let [auth, hr, work, agent] =
            [("auth", 1), ("hr", 2), ("work", 3), ("agent", 4)].map(|(name, number)| network.boot(name, number));
        for host in [&auth, &hr, &work, &agent] {
            desk.carry(&["bailiwick.tar", "ca.crt"], host);
            let _ = host.well(&commands("An authority of your own", 1));
            let _ = host.well(&commands("Every host", 0));
        }
        desk.carry(&["auth.crt", "auth.key"], &auth);
        desk.carry(&["hr.crt", "hr.key"], &hr);
        desk.carry(&["work.crt", "work.key"], &work);
        let checked = auth.well(&commands("The token service", 0));
        assert!(checked.contains("on; certificate valid until 20"), "{checked}");
        let guards = printed_secrets(&auth.well(&commands("The MCP servers", 0)));
        assert_eq!(guards.len(), 3);
        for (host, number, secrets) in [(&hr, 2, &guards[..1]), (&work, 3, &guards[1..])] {
            let script = commands("The MCP servers", 1) + &commands("The MCP servers", number);
            let checked = host.run(&script, &secrets.join("\n")).well().stdout;
            assert!(checked.contains("the TLS certificate is valid until 20"), "{checked}");
        }
        let secrets = printed_secrets(&auth.well(&commands("Register servers and agents", 0)));
        let secret = secrets.last().unwrap().clone();
        Self { desk, auth, hr, work, agent, secret, _network: network }
    }

    /// What the agent's host does last in the guide's installation.
    pub fn call_all_servers(&self) -> Ended {
        self.agent.run(&commands("Register servers and agents", 1), &self.secret)
    }

    /// A fresh token of the agent for a resource, asked for at an issuer.
    pub fn token(&self, issuer: &str, resource: &str) -> String {
        let script = format!(
            "curl -sS --fail {issuer}/oauth2/token -u 'my-agent:{}' -d grant_type=client_credentials \
             -d resource={resource} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'",
            self.secret
        );
        self.agent.well(&script).trim().to_owned()
    }

    /// The status of a tool call at HR with this token.
    pub fn status_at_hr(&self, token: &str) -> String {
        self.agent.well(&call("https://hr.example.com/mcp", "get_hr_summary", token))
    }
}

/// A tool call by curl that prints the status.
pub fn call(resource: &str, tool: &str, token: &str) -> String {
    format!(
        "curl -sS -o /dev/null -w '%{{http_code}}' {resource} -H 'Authorization: Bearer {token}' \
         -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
         -H 'MCP-Protocol-Version: 2025-11-25' \
         -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{{}}}}}}'"
    )
}
