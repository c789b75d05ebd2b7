//! Tools and their kinds: what a server declares where it defines a tool. Owns the two kinds and
//! the set of a server's tools; knows no transport and no tool's meaning.

use serde::{Deserialize, Serialize};

use crate::identifier::{is_word, text_type};
use crate::scope::ServerName;

text_type!(
    /// The name of a tool: 1 to 128 characters of `A-Z a-z 0-9 . _ -` (MCP, server/tools). The
    /// words `read` and `write` stand for kinds in a scope and so name no tool.
    ToolName,
    |text| is_word(text, 128, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !matches!(text, "read" | "write"),
    "a tool name has 1 to 128 characters of A-Z a-z 0-9 . _ - and is neither read nor write"
);

/// Whether a tool changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolKind {
    /// It only reads.
    Read,
    /// Everything else.
    Write,
}

/// One tool of a server, as the server declares it and the token service has it registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name in MCP and in scopes.
    pub name: ToolName,
    /// Read or write.
    pub kind: ToolKind,
    /// What a person is shown; at most [`Tool::LONGEST_TITLE`] characters.
    #[serde(default)]
    pub title: String,
}

impl Tool {
    /// The longest title, in characters.
    pub const LONGEST_TITLE: usize = 200;
}

/// The tools of one server, each name once, ordered by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    server: ServerName,
    tools: Vec<Tool>,
}

/// Why a list of tools is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTools {
    /// The same name twice.
    #[error("tool {0} is declared twice")]
    Repeated(ToolName),
    /// More than [`Tools::MOST`].
    #[error("a server has at most {most} tools", most = Tools::MOST)]
    TooMany,
    /// A title above [`Tool::LONGEST_TITLE`].
    #[error("the title of tool {0} has more than {longest} characters", longest = Tool::LONGEST_TITLE)]
    LongTitle(ToolName),
}

impl Tools {
    /// The most tools that one server may have.
    pub const MOST: usize = 1000;

    /// The tools of `server`.
    pub fn new(server: ServerName, tools: impl IntoIterator<Item = Tool>) -> Result<Self, InvalidTools> {
        let mut tools: Vec<Tool> = tools.into_iter().take(Self::MOST + 1).collect();
        if tools.len() > Self::MOST {
            return Err(InvalidTools::TooMany);
        }
        if let Some(tool) = tools.iter().find(|tool| tool.title.chars().count() > Tool::LONGEST_TITLE) {
            return Err(InvalidTools::LongTitle(tool.name.clone()));
        }
        tools.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(pair) = tools.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(InvalidTools::Repeated(pair[0].name.clone()));
        }
        Ok(Self { server, tools })
    }

    /// The server that they belong to: the first part of their scopes.
    #[must_use]
    pub fn server(&self) -> &ServerName {
        &self.server
    }

    /// The tool of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tool> {
        let at = self.tools.binary_search_by(|tool| tool.name.as_str().cmp(name)).ok()?;
        self.tools.get(at)
    }

    /// All tools, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }

    /// The kind of the tool of that name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<ToolKind> {
        self.get(name).map(|tool| tool.kind)
    }
}
