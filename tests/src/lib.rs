//! The harness of the black-box tests: starts the built binaries on free ports in temporary folders
//! and speaks to them as any client would. Owns processes, requests and the running [`World`]; it
//! knows nothing of the binaries' insides and never imports their code.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a test may panic; that is how it fails"
)]

pub mod admin;
pub mod agent;
pub mod auth;
pub mod bearer_proxy;
pub mod binary;
pub mod browser;
pub mod chromium;
pub mod confidential;
pub mod conformance;
pub mod connected;
pub mod crm;
pub mod dialogue;
pub mod disk;
pub mod editor;
pub mod feed;
pub mod guarded_server;
pub mod hr;
pub mod http;
pub mod issuer;
pub mod jwt;
pub mod markdown;
pub mod mcp;
pub mod network;
pub mod node;
pub mod person;
pub mod project;
pub mod python;
pub mod quickstart;
pub mod scripted;
pub mod sdk;
pub mod service;
pub mod site;
pub mod world;

pub use admin::AdminApi;
pub use agent::Agent;
pub use auth::{AuthService, Credentials};
pub use browser::{Browser, Form};
pub use confidential::Confidential;
pub use crm::CRM;
pub use editor::Editor;
pub use feed::FeedReader;
pub use guarded_server::GuardedServer;
pub use hr::{HR, HrServer};
pub use http::{Answer, Http};
pub use issuer::TestIssuer;
pub use mcp::{Caller, Era};
pub use network::{Host, Network};
pub use person::Person;
pub use project::PROJECT;
pub use quickstart::Quickstart;
pub use scripted::{Asked, Reply, ScriptedServer};
pub use sdk::{Said, SdkClient};
pub use service::Service;
pub use site::{Server, Site};
pub use world::World;
