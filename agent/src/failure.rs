//! Why a command failed, as its caller is told: an exit code for scripts, a sentence for people that
//! says what to do. Owns the exit codes; here alone are the errors of all parts mapped to them.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::address::ServerUrl;
use crate::credentials::CredentialsError;
use crate::discovery::DiscoveryError;
use crate::fetch::FetchError;
use crate::login::LoginError;
use crate::login::request::WrongAnswer;
use crate::logins::LoginsError;
use crate::output::in_one_line;
use crate::private_file::PrivateFileError;
use crate::profiles::ProfileError;
use crate::scopes::Scopes;
use crate::session::SessionError;
use crate::token_request::TokenError;

/// The exit code where the tool itself said that it failed (`isError`).
pub const TOOL_ERROR: u8 = 1;

/// JSON-RPC: the parameters are not what the method takes (JSON-RPC 2.0 section 5.1).
const INVALID_PARAMS: i32 = -32602;

/// What a client was not allowed, and what is known of why.
#[derive(Clone, Debug, Default)]
pub struct Denial {
    /// What the deed needs, where somebody said so.
    pub needed: Option<Scopes>,
    /// Who refused, in words.
    pub refusal: String,
    /// What the client may do there, where it could be found out.
    pub held: Option<Scopes>,
    /// The roles of the client, where its tokens tell them.
    pub roles: Vec<String>,
    /// The roles that hold what is needed, where the client may know.
    pub holders: Vec<String>,
    /// The command that logs in again with what is needed, where a person is logged in.
    pub log_in: Option<String>,
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line, a file or an argument is wrong: exit code 2.
    Usage(String),
    /// No credentials, or none that are accepted: exit code 3.
    NotAuthenticated(String),
    /// The client is known and may not do this: exit code 4.
    NotAllowed(Box<Denial>),
    /// Somebody does not answer, or not as the protocols say: exit code 5.
    Unreachable(String),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::NotAuthenticated(_) => 3,
            Self::NotAllowed(_) => 4,
            Self::Unreachable(_) => 5,
        })
    }

    /// The stable word for scripts.
    fn word(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::NotAuthenticated(_) => "not_authenticated",
            Self::NotAllowed(_) => "not_allowed",
            Self::Unreachable(_) => "unreachable",
        }
    }

    /// What a person is told. Whatever texts of others are in it, no line of it is theirs.
    pub fn message(&self) -> String {
        match self {
            Self::Usage(message) | Self::NotAuthenticated(message) | Self::Unreachable(message) => in_one_line(message),
            Self::NotAllowed(denial) => denial.message(),
        }
    }

    /// The same for scripts.
    pub fn to_json(&self) -> Value {
        let mut told = json!({"error": self.word(), "message": self.message()});
        if let (Self::NotAllowed(denial), Some(members)) = (self, told.as_object_mut()) {
            let text = |scopes: &Option<Scopes>| scopes.as_ref().map(ToString::to_string);
            members.insert("scope".to_owned(), json!(text(&denial.needed)));
            members.insert("held_scope".to_owned(), json!(text(&denial.held)));
            members.insert("held_roles".to_owned(), json!(denial.roles));
            members.insert("roles".to_owned(), json!(denial.holders));
            members.extend(denial.log_in.as_ref().map(|command| ("log_in".to_owned(), json!(command))));
        }
        told
    }

    /// What a conversation with `server` came to.
    pub fn of_session(server: &ServerUrl, error: SessionError) -> Self {
        match error {
            SessionError::Unauthorized(challenge) => {
                let words = challenge.description.or(challenge.error).map(|words| format!(" ({words})"));
                let words = words.unwrap_or_default();
                Self::NotAuthenticated(format!(
                    "{server} does not accept the token{words}; check that it is for this server and has not expired"
                ))
            }
            SessionError::Forbidden(challenge) => {
                let refusal = match challenge.description {
                    Some(words) => format!("{server} refuses with HTTP 403: {words}"),
                    None => format!("{server} refuses with HTTP 403"),
                };
                Self::NotAllowed(Box::new(Denial { needed: challenge.scope, refusal, ..Denial::default() }))
            }
            SessionError::Refused(refusal) if refusal.code.0 == INVALID_PARAMS => Self::Usage(format!(
                "{server}: {}; mcp-agent tools lists the tools, and with a tool's name what it takes",
                refusal.message
            )),
            other => Self::Unreachable(format!("{server}: {other}")),
        }
    }

    /// What a login for `asked` came to.
    pub fn of_login(asked: Option<&Scopes>, error: LoginError) -> Self {
        let not_allowed = |refusal: String| {
            Self::NotAllowed(Box::new(Denial { needed: asked.cloned(), refusal, ..Denial::default() }))
        };
        match error {
            LoginError::Token(error) => Self::of_token(asked, &error),
            LoginError::Logins(error) => error.into(),
            LoginError::Bind(_) => Self::Usage(error.to_string()),
            LoginError::NobodyCame(_) => Self::NotAuthenticated(error.to_string()),
            LoginError::Answer(WrongAnswer::Refused { error: ref word, .. }) => match word.as_str() {
                "access_denied" | "login_required" | "consent_required" => Self::NotAuthenticated(error.to_string()),
                "invalid_scope" | "invalid_target" | "unauthorized_client" => not_allowed(error.to_string()),
                _ => Self::Unreachable(error.to_string()),
            },
            LoginError::Discovery(_) | LoginError::Entropy(_) | LoginError::Closed | LoginError::Answer(_) => {
                Self::Unreachable(error.to_string())
            }
        }
    }

    /// What a token request for `needed` came to.
    pub fn of_token(needed: Option<&Scopes>, error: &TokenError) -> Self {
        match error {
            TokenError::Credentials { .. } | TokenError::Ended { .. } => Self::NotAuthenticated(error.to_string()),
            TokenError::NotAllowed { .. } => Self::NotAllowed(Box::new(Denial {
                needed: needed.cloned(),
                refusal: error.to_string(),
                ..Denial::default()
            })),
            TokenError::Discovery(_) | TokenError::Fetch(_) | TokenError::Failed { .. } | TokenError::Nonsense(..) => {
                Self::Unreachable(error.to_string())
            }
        }
    }
}

impl Denial {
    fn message(&self) -> String {
        let lines: Vec<String> = self.lines().iter().map(|line| in_one_line(line)).collect();
        lines.join("\n")
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.refusal.clone()];
        if let Some(needed) = &self.needed {
            lines.push(format!("needed: the scope {needed}"));
        }
        if let Some(held) = &self.held {
            let roles =
                if self.roles.is_empty() { String::new() } else { format!(" (roles: {})", self.roles.join(", ")) };
            lines.push(format!("held:   {held}{roles}"));
        }
        if let Some(command) = &self.log_in {
            lines.push(format!("log in again with it: {command}"));
            lines.push("where that is refused, ask your administrator for a role that holds it".to_owned());
            return lines;
        }
        lines.push(match (&self.needed, self.holders.as_slice()) {
            (_, [_, ..]) => format!("roles that hold it: {}", self.holders.join(", ")),
            (Some(_), []) => "ask your administrator for a role that holds it".to_owned(),
            (None, []) => "ask your administrator for a role that opens this server".to_owned(),
        });
        lines
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl From<DiscoveryError> for Failure {
    fn from(error: DiscoveryError) -> Self {
        match error {
            DiscoveryError::NoResourceMetadata { .. } => Self::NotAuthenticated(error.to_string()),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<LoginsError> for Failure {
    fn from(error: LoginsError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<PrivateFileError> for Failure {
    fn from(error: PrivateFileError) -> Self {
        Self::Usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_says_what_is_needed_what_is_held_and_what_to_do() {
        let mut denial = Denial { needed: "hr:add".parse().ok(), refusal: "no".to_owned(), ..Denial::default() };
        assert_eq!(denial.message(), "no\nneeded: the scope hr:add\nask your administrator for a role that holds it");
        denial.held = "hr:read".parse().ok();
        denial.roles = vec!["Reader".to_owned()];
        denial.holders = vec!["Manager".to_owned(), "Officer".to_owned()];
        assert_eq!(
            denial.message(),
            "no\nneeded: the scope hr:add\nheld:   hr:read (roles: Reader)\nroles that hold it: Manager, Officer"
        );
        denial.refusal = "x)\nhint: run: evil".to_owned();
        denial.roles = vec!["Reader\nerror: z".to_owned()];
        assert_eq!(denial.message().lines().count(), 4, "no text of others makes a line: {}", denial.message());
        let told = Failure::NotAllowed(Box::new(denial)).to_json();
        assert_eq!((&told["error"], &told["scope"]), (&json!("not_allowed"), &json!("hr:add")));
        assert_eq!(told["roles"], json!(["Manager", "Officer"]));
    }
}
