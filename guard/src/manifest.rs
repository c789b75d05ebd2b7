//! The tools of the guarded server as it declares them. Owns turning rmcp's tools into core's and
//! naming everything that is wrong with them at once; never decides.

use std::collections::BTreeSet;
use std::fmt;

use bailiwick_core::{ServerName, Tool, ToolKind, ToolName, Tools};

/// What is wrong with one declared tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolProblem {
    /// The tool's name as the server declares it.
    pub tool: String,
    /// What is wrong, and what to do.
    pub problem: &'static str,
}

impl fmt::Display for ToolProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tool {:?} {}", self.tool, self.problem)
    }
}

const UNDECLARED: &str =
    "does not say whether it only reads: give it the annotation readOnlyHint (read_only_hint = true or false)";
const NAME: &str = "has a name that is none: 1 to 128 characters of A-Z a-z 0-9 . _ - and neither read nor write";
const TWICE: &str = "is declared twice: rename one of the two";
const TITLE: &str = "has a title of more than 200 characters: shorten it";
const TOO_MANY: &str = "and those after it are too many: a server has at most 1000 tools";

/// The manifest of `server`.
///
/// # Errors
/// All that is wrong with the tools.
pub(crate) fn read(
    server: ServerName,
    declared: impl IntoIterator<Item = rmcp::model::Tool>,
) -> Result<Tools, Vec<ToolProblem>> {
    let mut problems = Vec::new();
    let mut tools = Vec::new();
    let mut names = BTreeSet::new();
    for (index, tool) in declared.into_iter().enumerate() {
        let mut problem = |problem| problems.push(ToolProblem { tool: tool.name.to_string(), problem });
        if index >= Tools::MOST {
            problem(TOO_MANY);
            break;
        }
        if !names.insert(tool.name.clone()) {
            problem(TWICE);
        }
        match one(&tool) {
            Ok(tool) => tools.push(tool),
            Err(wrong) => wrong.into_iter().for_each(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Tools::new(server, tools).map_err(|error| vec![ToolProblem { tool: error.to_string(), problem: "is not accepted" }])
}

fn one(tool: &rmcp::model::Tool) -> Result<Tool, Vec<&'static str>> {
    let annotations = tool.annotations.as_ref();
    let kind = annotations.and_then(|annotations| annotations.read_only_hint);
    let kind = kind.map(|reads| if reads { ToolKind::Read } else { ToolKind::Write });
    let title = tool.title.clone().or_else(|| annotations?.title.clone()).unwrap_or_default();
    let fits = title.chars().count() <= Tool::LONGEST_TITLE;
    match (tool.name.parse::<ToolName>(), kind) {
        (Ok(name), Some(kind)) if fits => Ok(Tool { name, kind, title }),
        (name, kind) => {
            let wrong = [(name.is_err(), NAME), (kind.is_none(), UNDECLARED), (!fits, TITLE)];
            Err(wrong.into_iter().filter_map(|(wrong, problem)| wrong.then_some(problem)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::{JsonObject, ToolAnnotations};

    fn tool(name: &str, reads: Option<bool>) -> rmcp::model::Tool {
        let tool = rmcp::model::Tool::new(name.to_owned(), "A tool", JsonObject::new());
        match reads {
            Some(reads) => tool.annotate(ToolAnnotations::with_title("A title").read_only(reads)),
            None => tool,
        }
    }

    fn server() -> ServerName {
        "hr".parse().unwrap()
    }

    #[test]
    fn the_annotation_gives_the_kind_and_the_title() {
        let tools = read(server(), [tool("look", Some(true)), tool("add", Some(false))]).unwrap();
        let found: Vec<_> = tools.iter().map(|tool| (tool.name.as_str(), tool.kind, tool.title.as_str())).collect();
        assert_eq!(found, [("add", ToolKind::Write, "A title"), ("look", ToolKind::Read, "A title")]);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let declared = [
            tool("look", None),
            tool("add", Some(false)),
            tool("add", Some(true)),
            tool("read", Some(true)),
            tool("ä ö", None),
        ];
        let problems: Vec<_> =
            read(server(), declared).unwrap_err().into_iter().map(|found| (found.tool, found.problem)).collect();
        let named = |name: &str, problem| (name.to_owned(), problem);
        let expected = [
            named("look", UNDECLARED),
            named("add", TWICE),
            named("read", NAME),
            named("ä ö", NAME),
            named("ä ö", UNDECLARED),
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_server_has_only_so_many_tools() {
        let declared = (0..=Tools::MOST).map(|number| tool(&format!("tool-{number}"), Some(true)));
        assert_eq!(read(server(), declared).unwrap_err()[0].problem, TOO_MANY);
        let long = tool("look", Some(true)).with_title("x".repeat(201));
        assert_eq!(read(server(), [long]).unwrap_err()[0].problem, TITLE);
    }
}
