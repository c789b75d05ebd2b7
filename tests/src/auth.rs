//! A running auth-service and its OAuth endpoints, called as a client does.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::admin::AdminApi;
use crate::binary::{self, Ended};
use crate::http::{self, Answer, Http};
use crate::service::{Service, eventually};

/// What a client authenticates with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its `client_id`.
    pub id: String,
    /// Its `client_secret`.
    pub secret: String,
}

impl Credentials {
    /// Reads the answer that shows a new client's secret.
    #[must_use]
    pub fn read(answer: &Value) -> Self {
        let member = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned();
        Self { id: member("client_id"), secret: member("client_secret") }
    }
}

/// A running auth-service on data in a folder.
#[derive(Debug)]
pub struct AuthService {
    /// The process.
    pub process: Service,
    /// Its issuer identifier, which is also the base URL of everything it serves.
    pub issuer: String,
    /// A client to call it with.
    pub http: Http,
    folder: PathBuf,
}

impl AuthService {
    /// Starts one on a free port, with its data in `folder`.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        Self::with_process(Service::start("auth-service", |port| Self::serve(folder, port)), folder)
    }

    /// Starts one on a given port: the same service again, where it was stopped there.
    #[must_use]
    pub fn start_on(port: u16, folder: &Path) -> Self {
        let process = Service::start_on("auth-service", port, Self::serve(folder, port));
        Self::with_process(process.unwrap_or_else(|log| panic!("auth-service did not start:\n{log}")), folder)
    }

    /// The service that this process is, with its data in `folder`.
    #[must_use]
    pub fn with_process(process: Service, folder: &Path) -> Self {
        let issuer = Self::issuer_on(process.port);
        Self { process, issuer, http: Http::new(), folder: folder.to_path_buf() }
    }

    fn issuer_on(port: u16) -> String {
        format!("http://localhost:{port}")
    }

    /// The command that serves on `port` from the data in `folder`.
    #[must_use]
    pub fn serve(folder: &Path, port: u16) -> Command {
        Self::serve_as(folder, port, &Self::issuer_on(port))
    }

    /// The same as a further process of the service of that issuer.
    #[must_use]
    pub fn serve_as(folder: &Path, port: u16, issuer: &str) -> Command {
        let mut command = Self::command_line(folder, &["serve"]);
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--issuer", issuer]);
        command
    }

    /// Another process that serves the same data as the same issuer, on another port.
    #[must_use]
    pub fn replica(&self) -> Service {
        Service::start("auth-service", |port| {
            let mut command = Self::command_line(&self.folder, &["serve"]);
            command.args(["--listen", &format!("127.0.0.1:{port}"), "--issuer", &self.issuer]);
            command
        })
    }

    /// A command of `auth-service` on the data in `folder`, settings by environment.
    #[must_use]
    pub fn command_line(folder: &Path, arguments: &[&str]) -> Command {
        let mut command = binary::command("auth-service");
        command.args(arguments).current_dir(folder);
        command.env("AUTH_DATABASE_URL", format!("sqlite://{}", folder.join("auth.db").display()));
        command
    }

    /// Runs a command of `auth-service` on this service's data, from another process.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Self::command_line(&self.folder, arguments);
        binary::run(command.env("AUTH_ISSUER", &self.issuer))
    }

    /// Makes an administrator from the command line, as the operator of a new installation does.
    #[must_use]
    pub fn make_administrator(&self, id: &str) -> Credentials {
        Credentials::read(&self.run(&["client", "create", "--id", id, "--role", "admin", "--json"]).well().json())
    }

    /// The identifier of the admin API as a resource.
    #[must_use]
    pub fn admin_resource(&self) -> String {
        format!("{}/admin/v1", self.issuer)
    }

    /// The identifier of the revocation feed as a resource, which is also its URL.
    #[must_use]
    pub fn feed_resource(&self) -> String {
        format!("{}/revocations", self.issuer)
    }

    /// The admin API, called by `administrator` with all that it may do.
    #[must_use]
    pub fn admin(&self, administrator: &Credentials) -> AdminApi<'_> {
        AdminApi::new(self, self.token(administrator, &[("resource", &self.admin_resource())]))
    }

    /// `GET path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        http::send(self.http.get(format!("{}{path}", self.issuer)))
    }

    /// `POST path` with a form, authenticated by HTTP Basic.
    #[must_use]
    pub fn post_form(&self, path: &str, client: &Credentials, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(format!("{}{path}", self.issuer));
        http::send(request.basic_auth(&client.id, Some(&client.secret)).form(form))
    }

    /// A token request (client credentials) with more parameters.
    #[must_use]
    pub fn request_token(&self, client: &Credentials, more: &[(&str, &str)]) -> Answer {
        self.post_form("/oauth2/token", client, &[&[("grant_type", "client_credentials")], more].concat())
    }

    /// An access token, from a request that succeeds.
    #[must_use]
    pub fn token(&self, client: &Credentials, more: &[(&str, &str)]) -> String {
        self.request_token(client, more).expect(200).text("access_token")
    }

    /// The tokens that were issued to a client until now, as the log tells of them.
    #[must_use]
    pub fn issued_to(&self, client_id: &str) -> Vec<Value> {
        let log = self.process.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == "token issued" && line["client_id"] == client_id).collect()
    }

    /// The same, once there are so many: the log comes a little after the answers.
    #[must_use]
    pub fn await_issued(&self, client_id: &str, count: usize) -> Vec<Value> {
        eventually("the log tells of the tokens", || self.issued_to(client_id).len() >= count);
        self.issued_to(client_id)
    }

    /// What `/oauth2/introspect` tells `client` of `token`.
    #[must_use]
    pub fn introspect(&self, client: &Credentials, token: &str) -> Value {
        self.post_form("/oauth2/introspect", client, &[("token", token)]).expect(200).json()
    }

    /// The published keys.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.get("/.well-known/jwks.json").expect(200).json()
    }

    /// The settings by which a command finds this service's data.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let database = self.folder.join("auth.db");
        [("AUTH_ISSUER", self.issuer.clone()), ("AUTH_DATABASE_URL", format!("sqlite://{}", database.display()))]
    }
}
