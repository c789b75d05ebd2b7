//! Clients, roles and resources as a file says them, for those who keep them under version control.
//! Owns the form of the file and what differs between two states; applying is
//! [`crate::administration`]'s. No secret is ever in it.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{ClientId, ResourceUri, RoleName, ServerName, Tool, json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clients::{AccessTokenLifetime, AuthenticationMethod, Client, GrantType, NewClient, holds_null};
use crate::redirect_uris::RedirectUri;
use crate::resources::{Resource, ResourceManifest};
use crate::roles::{Role, RoleDefinition};

/// What a file says. A part that is missing says nothing of that part.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// Roles by name.
    pub roles: BTreeMap<RoleName, RoleDefinition>,
    /// Resources by name.
    pub resources: BTreeMap<ServerName, ResourceManifest>,
    /// Clients by `client_id`.
    pub clients: BTreeMap<ClientId, ClientDefinition>,
}

/// A client as a file says it: what is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientDefinition {
    /// Its name for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_name: String,
    /// The grants that it may use; left out: `client_credentials`, or with `redirect_uris`
    /// `authorization_code` and `refresh_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<BTreeSet<GrantType>>,
    /// How it authenticates; left out: `client_secret_basic`.
    #[serde(skip_serializing_if = "is_default")]
    pub token_endpoint_auth_method: AuthenticationMethod,
    /// Where people may be sent back to.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub redirect_uris: BTreeSet<RedirectUri>,
    /// Its roles.
    pub roles: BTreeSet<RoleName>,
    /// Whether it may do for people what its roles give and nothing else; left out: what it is, and so
    /// where it has roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_to_roles: Option<bool>,
    /// The resources that it may ask for; left out: all that its roles reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<BTreeSet<ResourceUri>>,
    /// The static claims of its tokens.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
    /// The lifetime of its access tokens in seconds; left out: 900.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_ttl: Option<AccessTokenLifetime>,
    /// Whether it is shut out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// The form that a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileForm {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

impl Configuration {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it and where, in the words of the reader of that form.
    pub fn read(text: &str, form: FileForm) -> Result<Self, String> {
        match form {
            FileForm::Toml => {
                let read = toml::from_str(text).map_err(|error| error.to_string())?;
                let file: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
                refuse_what_json_lacks(&mut Vec::new(), &toml::Value::Table(file))?;
                Ok(read)
            }
            FileForm::Yaml => {
                // The reader of YAML takes the last of two members of one name.
                let _: json::Unambiguous = yaml_serde::from_str(text).map_err(|error| error.to_string())?;
                yaml_serde::from_str(text).map_err(|error| error.to_string())
            }
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    /// What cannot be written in that form.
    pub fn write(&self, form: FileForm) -> Result<String, String> {
        match form {
            FileForm::Toml => {
                if let Some((client_id, _)) = self.clients.iter().find(|(_, client)| client.holds_null()) {
                    return Err(format!(
                        "the claims of the client {client_id} hold null, which TOML cannot write; take it out of them, \
                         or export with --form yaml"
                    ));
                }
                toml::to_string_pretty(self).map_err(|error| error.to_string())
            }
            FileForm::Yaml => yaml_serde::to_string(self).map_err(|error| error.to_string()),
        }
    }
}

/// Refuses what a claim cannot be in JSON: a date, and a number that is none. `path` is where `value` stands.
fn refuse_what_json_lacks<'a>(path: &mut Vec<&'a str>, value: &'a toml::Value) -> Result<(), String> {
    let refuse = |what: &str| Err(format!("{} is {what}; write it as a text", path.join(".")));
    match value {
        toml::Value::Datetime(_) => refuse("a date or a time"),
        toml::Value::Float(number) if !number.is_finite() => refuse("no number"),
        toml::Value::Array(values) => values.iter().try_for_each(|value| refuse_what_json_lacks(path, value)),
        toml::Value::Table(members) => members.iter().try_for_each(|(name, value)| {
            path.push(name);
            refuse_what_json_lacks(path, value)?;
            path.pop();
            Ok(())
        }),
        _ => Ok(()),
    }
}

impl ClientDefinition {
    /// Whether its claims, stored when that was accepted, hold `null`.
    fn holds_null(&self) -> bool {
        self.claims.values().any(holds_null)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<ClientDefinition> for NewClient {
    fn from(definition: ClientDefinition) -> Self {
        Self {
            client_name: definition.client_name,
            grant_types: definition.grant_types,
            token_endpoint_auth_method: definition.token_endpoint_auth_method,
            redirect_uris: definition.redirect_uris,
            roles: definition.roles,
            limited_to_roles: definition.limited_to_roles,
            resources: definition.resources,
            claims: definition.claims,
            access_token_ttl: definition.access_token_ttl,
            disabled: definition.disabled,
            client_id: None,
        }
    }
}

impl From<&Client> for ClientDefinition {
    fn from(client: &Client) -> Self {
        let is_default = client.grant_types == GrantType::default_with(&client.redirect_uris);
        Self {
            client_name: client.client_name.clone(),
            grant_types: (!is_default).then(|| client.grant_types.clone()),
            token_endpoint_auth_method: client.token_endpoint_auth_method,
            redirect_uris: client.redirect_uris.clone(),
            roles: client.roles.clone(),
            limited_to_roles: (client.limited_to_roles && client.roles.is_empty()).then_some(true),
            resources: client.resources.clone(),
            claims: client.claims.clone(),
            access_token_ttl: client.access_token_ttl,
            disabled: client.disabled,
        }
    }
}

impl From<&Role> for RoleDefinition {
    fn from(role: &Role) -> Self {
        Self { description: role.description.clone(), scope: role.scope.clone() }
    }
}

impl From<&Resource> for ResourceManifest {
    fn from(resource: &Resource) -> Self {
        let tools: Vec<Tool> = resource.tools.iter().cloned().collect();
        Self {
            resource: resource.resource.clone(),
            title: resource.title.clone(),
            tools,
            signing_alg: resource.signing_alg,
        }
    }
}

/// One thing that an apply does or would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What is done.
    pub action: Action,
    /// `role`, `resource` or `client`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The members that differ; for what is new or goes, all that it says.
    pub members: Vec<MemberDifference>,
}

/// What is done to one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is new.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

/// One member that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberDifference {
    /// Its name.
    pub member: String,
    /// What it was; `null` where it was not there.
    pub before: Value,
    /// What it becomes; `null` where it goes.
    pub after: Value,
}

/// What differs between the two states of one thing; `None` where nothing does.
pub fn difference<T: Serialize>(
    kind: &'static str,
    name: &dyn std::fmt::Display,
    before: Option<&T>,
    after: Option<&T>,
) -> Option<Difference> {
    let action = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => Action::Create,
        (Some(_), Some(_)) => Action::Update,
        (Some(_), None) => Action::Delete,
    };
    let (before, after) = (members_of(before), members_of(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |members: &Map<String, Value>, name: &String| members.get(name).cloned().unwrap_or_default();
    let members: Vec<MemberDifference> = names
        .into_iter()
        .map(|name| MemberDifference { member: name.clone(), before: value(&before, name), after: value(&after, name) })
        .filter(|member| member.before != member.after)
        .collect();
    if action == Action::Update && members.is_empty() {
        return None;
    }
    Some(Difference { action, kind, name: name.to_string(), members })
}

fn members_of<T: Serialize>(thing: Option<&T>) -> Map<String, Value> {
    match thing.map(serde_json::to_value) {
        Some(Ok(Value::Object(members))) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
        [roles.Officer]
        description = "HR only"
        scope = "hr:*"

        [resources.hr]
        resource = "http://localhost:8001/mcp"
        title = "HR"
        signing_alg = "ES256"
        tools = [{ name = "get_hr_summary", kind = "read", title = "Summary" }]

        [clients.payroll]
        client_name = "Payroll"
        roles = ["Officer"]
        claims = { job_role = "Officer" }
    "#;

    #[test]
    fn what_is_written_is_read_again_in_both_forms() {
        let configuration = Configuration::read(TOML, FileForm::Toml).unwrap();
        for form in [FileForm::Toml, FileForm::Yaml] {
            let written = configuration.write(form).unwrap();
            let again = Configuration::read(&written, form).unwrap();
            assert_eq!(members_of(Some(&again)), members_of(Some(&configuration)), "{written}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_at_every_depth() {
        for (wrong, named) in [
            ("[rolls]", "rolls"),
            ("[roles.A]\nscope = \"hr:*\"\nscopes = \"x\"", "scopes"),
            ("[clients.a]\nclient_secret = \"x\"", "client_secret"),
            ("[clients.a]\nclient_id = \"b\"", "client_id"),
            ("[resources.hr]\nresource = \"http://a.example\"\ntools = [{name=\"a\",kind=\"read\",x=1}]", "x"),
            ("[clients.usr_a]", "usr_"),
        ] {
            let error = Configuration::read(wrong, FileForm::Toml).unwrap_err();
            assert!(error.contains(named), "{wrong}: {error}");
        }
        assert!(Configuration::read("rolls: {}", FileForm::Yaml).is_err());
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_in_both_forms_at_every_depth() {
        for (wrong, form) in [
            ("[roles.A]\nscope = \"hr:*\"\n[roles.A]\nscope = \"hr:read\"", FileForm::Toml),
            ("roles:\n  A: {scope: \"hr:*\"}\n  A: {scope: \"hr:read\"}", FileForm::Yaml),
            ("roles:\n  A: {scope: \"hr:*\", scope: \"hr:read\"}", FileForm::Yaml),
            ("clients:\n  a: {claims: {team: {lead: x, lead: y}}}", FileForm::Yaml),
            ("clients:\n  a: {}\nclients:\n  b: {}", FileForm::Yaml),
        ] {
            assert!(Configuration::read(wrong, form).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_json_cannot_say_is_refused_and_named() {
        for value in ["2026-01-01", "12:00:00", "nan", "-inf", "[1, 2026-01-01T00:00:00Z]"] {
            let error = Configuration::read(&format!("[clients.a]\nclaims = {{ since = {value} }}"), FileForm::Toml);
            assert!(error.unwrap_err().contains("clients.a.claims.since"), "{value}");
        }
        assert!(Configuration::read("clients: {a: {claims: {n: .nan}}}", FileForm::Yaml).is_err());
    }

    #[test]
    fn a_client_that_toml_cannot_write_is_named() {
        let mut configuration = Configuration::read(TOML, FileForm::Toml).unwrap();
        let mut payroll = configuration.clients.values().next().cloned().unwrap();
        payroll.claims.insert("team".to_owned(), serde_json::json!([{"lead": null}]));
        configuration.clients.insert("older".parse().unwrap(), payroll);
        let error = configuration.write(FileForm::Toml).unwrap_err();
        assert!(error.contains("older") && error.contains("--form yaml"), "{error}");
        assert!(configuration.write(FileForm::Yaml).is_ok());
    }

    #[test]
    fn a_difference_names_the_members_that_differ_and_no_others() {
        let before = ClientDefinition { client_name: "A".to_owned(), ..ClientDefinition::default() };
        let after = ClientDefinition { disabled: true, ..before.clone() };
        assert_eq!(difference("client", &"a", Some(&before), Some(&before)), None);
        let found = difference("client", &"a", Some(&before), Some(&after)).unwrap();
        let members: Vec<&str> = found.members.iter().map(|member| member.member.as_str()).collect();
        assert_eq!((found.action, members), (Action::Update, vec!["disabled"]));
        assert_eq!(difference("client", &"a", None, Some(&before)).unwrap().action, Action::Create);
        assert_eq!(difference("client", &"a", Some(&before), None).unwrap().action, Action::Delete);
    }
}
