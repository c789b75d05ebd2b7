//! `auth-service client …`.

use std::collections::BTreeSet;

use bailiwick_core::{ClientId, ResourceUri, RoleName, SecretDigest};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::client_import::{self, ImportClients};
use super::output::{Format, joined, lines, moment, table};
use super::{CommandError, administration};
use crate::admin::clients::{ClientDetails, ClientRegistration, ClientView};
use crate::admin::secrets::NewSecretView;
use crate::administration::{Administration, ClientWithSecrets, NewSecret};
use crate::clients::{AccessTokenLifetime, AuthenticationMethod, Client, ClientChanges, GrantType, NewClient};
use crate::redirect_uris::RedirectUri;
use crate::secrets::SecretId;
use crate::settings::Settings;

/// The clients that are read at a time.
const PAGE: u32 = 1000;

/// What is done with clients.
#[derive(Subcommand, Debug)]
pub enum ClientCommand {
    /// Register a client and print its secret, this once
    Create(CreateClient),
    /// List the clients
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show a client
    Show {
        /// Its client_id
        client_id: ClientId,
        #[command(flatten)]
        format: Format,
    },
    /// Change a client: what is not given stays; its tokens end where something is taken away
    Update(UpdateClient),
    /// Delete a client and end its tokens
    Delete {
        /// Its client_id
        client_id: ClientId,
        #[command(flatten)]
        format: Format,
    },
    /// Register many clients at once, each with a generated secret
    Import(ImportClients),
    /// The secrets of a client
    #[command(subcommand)]
    Secret(SecretCommand),
}

/// A client to be registered.
#[derive(Args, Debug)]
pub struct CreateClient {
    /// Its client_id [default: generated]
    #[arg(long, value_name = "CLIENT_ID")]
    id: Option<ClientId>,
    /// Its name for people
    #[arg(long, default_value = "")]
    name: String,
    /// A grant that it may use; may be repeated [default: client_credentials, or with a redirect URI
    /// authorization_code and refresh_token]
    #[arg(long = "grant-type", value_name = "GRANT")]
    grant_types: Vec<GrantType>,
    /// Where people are sent back to; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<RedirectUri>,
    /// It has no secret: it runs where none would stay one
    #[arg(long)]
    public: bool,
    /// A role that it holds; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// A resource that it may ask for, by URI; may be repeated [default: all that its roles reach]
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<ResourceUri>,
    /// A static claim of its tokens; the value is JSON, or else a text; may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// The lifetime of its access tokens in seconds [default: 900]
    #[arg(long, value_name = "SECONDS")]
    access_token_ttl: Option<AccessTokenLifetime>,
    /// Its secret is to be its API key too: also print its entry for the clients file of a server
    #[arg(long, conflicts_with = "public")]
    api_key: bool,
    #[command(flatten)]
    format: Format,
}

/// A secret that was made, and the entry by which a server knows it as an API key, where that was asked for.
#[derive(Serialize)]
struct Bridged<'a, T> {
    #[serde(flatten)]
    made: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients_file_entry: Option<&'a str>,
}

/// Changes of a client.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct UpdateClient {
    /// Its client_id
    client_id: ClientId,
    /// A new name for people
    #[arg(long)]
    name: Option<String>,
    /// The grants that it may use from now on; may be repeated
    #[arg(long = "grant-type", value_name = "GRANT")]
    grant_types: Vec<GrantType>,
    /// Where people may be sent back to from now on; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI", conflicts_with = "no_redirect_uris")]
    redirect_uris: Vec<RedirectUri>,
    /// Let people be sent back nowhere
    #[arg(long)]
    no_redirect_uris: bool,
    /// Its roles from now on; may be repeated
    #[arg(long = "role", value_name = "ROLE", conflicts_with = "no_roles")]
    roles: Vec<RoleName>,
    /// Take all roles away: it may do nothing any more
    #[arg(long)]
    no_roles: bool,
    /// Take all roles away, and let it do for people what a client may that never had any
    #[arg(long, conflicts_with_all = ["roles", "no_roles"])]
    no_role_limit: bool,
    /// The resources that it may ask for from now on, by URI; may be repeated
    #[arg(long = "resource", value_name = "URI", conflicts_with = "any_resource")]
    resources: Vec<ResourceUri>,
    /// Let it ask for all that its roles reach
    #[arg(long)]
    any_resource: bool,
    /// A static claim of its tokens from now on; may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// The lifetime of its access tokens in seconds
    #[arg(long, value_name = "SECONDS")]
    access_token_ttl: Option<AccessTokenLifetime>,
    /// Shut it out and end its tokens
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let it in again
    #[arg(long)]
    enable: bool,
    #[command(flatten)]
    format: Format,
}

/// What is done with the secrets of a client.
#[derive(Subcommand, Debug)]
pub enum SecretCommand {
    /// Add a live secret and print it, this once
    Add {
        /// The client
        client_id: ClientId,
        /// It is to be an API key of the client too: also print the entry for the clients file of a server
        #[arg(long)]
        api_key: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Retire a secret
    Retire {
        /// The client
        client_id: ClientId,
        /// The secret
        #[arg(allow_hyphen_values = true)]
        secret_id: SecretId,
        /// End the client's tokens too, which the secret's thief may hold
        #[arg(long)]
        and_its_tokens: bool,
        #[command(flatten)]
        format: Format,
    },
}

/// Does it.
pub async fn run(settings: &Settings, command: ClientCommand) -> Result<(), CommandError> {
    let administration = administration(settings).await?;
    match command {
        ClientCommand::Create(create) => register(&administration, create).await,
        ClientCommand::List { format } => list(&administration, format).await,
        ClientCommand::Show { client_id, format } => show(administration.client(&client_id).await?, format),
        ClientCommand::Update(update) => {
            let format = update.format;
            let client_id = update.client_id.clone();
            show(administration.update_client(&client_id, update.changes()).await?, format)
        }
        ClientCommand::Delete { client_id, format } => {
            administration.delete_client(&client_id).await?;
            format.done(&format!("client {client_id} deleted; its tokens have ended"))
        }
        ClientCommand::Import(command) => client_import::run(&administration, command).await,
        ClientCommand::Secret(command) => secret(&administration, command).await,
    }
}

async fn register(administration: &Administration, create: CreateClient) -> Result<(), CommandError> {
    let new = NewClient {
        client_id: create.id,
        client_name: create.name,
        grant_types: (!create.grant_types.is_empty()).then(|| BTreeSet::from_iter(create.grant_types)),
        token_endpoint_auth_method: if create.public {
            AuthenticationMethod::None
        } else {
            AuthenticationMethod::ClientSecretBasic
        },
        redirect_uris: BTreeSet::from_iter(create.redirect_uris),
        roles: BTreeSet::from_iter(create.roles),
        resources: (!create.resources.is_empty()).then(|| BTreeSet::from_iter(create.resources)),
        claims: Map::from_iter(create.claims),
        access_token_ttl: create.access_token_ttl,
        ..NewClient::default()
    };
    let registered = administration.create_client(new).await?;
    let secret = registered.secret.as_ref().filter(|_| create.api_key);
    let entry = secret.map(|made| clients_file_entry(&registered.client, made));
    let bridged = Bridged { made: ClientRegistration::from(&registered), clients_file_entry: entry.as_deref() };
    create.format.print(&bridged, |_| {
        let client_id = ("client_id", registered.client.client_id.to_string());
        let roles = ("roles", joined(&registered.client.roles));
        match &registered.secret {
            Some(made) => shown_once(
                &lines([client_id, ("client_secret", made.secret.expose().to_owned()), roles]),
                entry.as_deref(),
            ),
            None => lines([client_id, ("redirect_uris", joined(&registered.client.redirect_uris)), roles]),
        }
    })
}

/// The entry by which a server knows a client's secret as its API key.
fn clients_file_entry(client: &Client, made: &NewSecret) -> String {
    SecretDigest::of(made.secret.expose()).entry(&client.client_id, &client.roles, None)
}

/// What is printed of a secret that was made, and of its entry for a server where there is one.
fn shown_once(made: &str, entry: Option<&str>) -> String {
    let entry = entry.map(|entry| format!("\nFor the clients file of a server:\n\n{entry}"));
    format!("{made}\nKeep the secret now: it is not shown again.\n{}", entry.unwrap_or_default())
}

async fn list(administration: &Administration, format: Format) -> Result<(), CommandError> {
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let after = clients.last().map(|client| client.client_id.to_string()).unwrap_or_default();
        let page = administration.clients_after(&after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        clients.extend(page);
        if is_last {
            break;
        }
    }
    if format.json {
        let views: Vec<ClientView> = clients.into_iter().map(ClientView::from).collect();
        return format.print(&views, |_| String::new());
    }
    let row = |client: &Client| {
        let state = if client.disabled { "disabled" } else { "enabled" };
        [client.client_id.to_string(), state.to_owned(), joined(&client.roles), client.client_name.clone()]
    };
    format.done(table(["CLIENT", "STATE", "ROLES", "NAME"], clients.iter().map(row)).trim_end())
}

fn show(found: ClientWithSecrets, format: Format) -> Result<(), CommandError> {
    let text = described(&found);
    format.print(&ClientDetails::from(found), |_| text)
}

fn described(found: &ClientWithSecrets) -> String {
    let client = &found.client;
    let roles = match (client.roles.is_empty(), client.limited_to_roles) {
        (true, true) => "none any more: it may do nothing".to_owned(),
        _ => joined(&client.roles),
    };
    let head = lines([
        ("client_id", client.client_id.to_string()),
        ("name", client.client_name.clone()),
        ("state", if client.disabled { "disabled" } else { "enabled" }.to_owned()),
        ("grants", joined(client.grant_types.iter().map(|grant| grant.as_str()))),
        ("authenticates by", client.token_endpoint_auth_method.as_str().to_owned()),
        ("redirect_uris", joined(&client.redirect_uris)),
        ("roles", roles),
        ("resources", client.resources.as_ref().map_or("all that its roles reach".to_owned(), joined)),
        ("claims", Value::Object(client.claims.clone()).to_string()),
        ("token lifetime", format!("{} s", client.access_token_lifetime().as_secs())),
        ("registered", moment(client.created_at)),
    ]);
    let rows = found.secrets.iter().map(|secret| {
        let last_used = secret.last_used_at.map_or("never".to_owned(), moment);
        [secret.secret_id.as_str().to_owned(), moment(secret.created_at), last_used]
    });
    format!("{head}\n{}", table(["SECRET", "MADE", "LAST USED"], rows))
}

async fn secret(administration: &Administration, command: SecretCommand) -> Result<(), CommandError> {
    match command {
        SecretCommand::Add { client_id, api_key, format } => {
            // First what may fail: the secret is shown this once.
            let ClientWithSecrets { client, .. } = administration.client(&client_id).await?;
            let made = administration.add_secret(&client_id).await?;
            let entry = api_key.then(|| clients_file_entry(&client, &made));
            let bridged = Bridged { made: NewSecretView::from(&made), clients_file_entry: entry.as_deref() };
            format.print(&bridged, |_| {
                let secret_id = ("secret_id", made.secret_id.as_str().to_owned());
                shown_once(&lines([secret_id, ("client_secret", made.secret.expose().to_owned())]), entry.as_deref())
            })
        }
        SecretCommand::Retire { client_id, secret_id, and_its_tokens, format } => {
            administration.retire_secret(&client_id, &secret_id, and_its_tokens).await?;
            let tokens = if and_its_tokens { "; the client's tokens have ended" } else { "" };
            format.done(&format!("secret {} retired{tokens}", secret_id.as_str()))
        }
    }
}

impl UpdateClient {
    fn changes(self) -> ClientChanges {
        let resources = (!self.resources.is_empty()).then(|| Some(BTreeSet::from_iter(self.resources)));
        ClientChanges {
            client_name: self.name,
            grant_types: (!self.grant_types.is_empty()).then(|| BTreeSet::from_iter(self.grant_types)),
            token_endpoint_auth_method: None,
            redirect_uris: (self.no_redirect_uris || !self.redirect_uris.is_empty())
                .then(|| BTreeSet::from_iter(self.redirect_uris)),
            roles: (self.no_roles || self.no_role_limit || !self.roles.is_empty())
                .then(|| BTreeSet::from_iter(self.roles)),
            limited_to_roles: self.no_role_limit.then_some(false),
            resources: if self.any_resource { Some(None) } else { resources },
            claims: (!self.claims.is_empty()).then(|| Map::from_iter(self.claims)),
            access_token_ttl: self.access_token_ttl.map(Some),
            disabled: (self.disable || self.enable).then_some(self.disable),
        }
    }
}

/// Reads `NAME=VALUE`, the value as JSON where it is some, else as a text.
fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a claim is NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}
