//! Scopes in words: which tools they open, those that only look apart from those that change
//! something. Owns the words of the list; the titles are those of the registered resource.

use bailiwick_core::{Scope, ScopeSet, Tool, ToolKind, Tools, What};

use super::texts::ENGLISH;

/// One scope that can be allowed or not.
pub struct Item {
    /// The scope.
    pub scope: Scope,
    /// What it is in words.
    pub title: String,
    /// The tools that it opens, where it is more than one by its nature.
    pub tools: Vec<String>,
}

/// A set of scopes.
pub struct ScopesInWords {
    /// Those that open tools that only look.
    pub reading: Vec<Item>,
    /// Those that open tools that change something.
    pub writing: Vec<Item>,
}

impl ScopesInWords {
    /// The words for `scope`; `*` stands as its two halves, so that each can be refused.
    pub fn of(scope: &ScopeSet, tools: &Tools) -> Self {
        let mut words = Self { reading: Vec::new(), writing: Vec::new() };
        for one in scope.iter() {
            match &one.what {
                What::Read => words.reading.push(class(one, ToolKind::Read, tools)),
                What::Write => words.writing.push(class(one, ToolKind::Write, tools)),
                What::All => {
                    let half = |what| Scope::new(one.server.clone(), what);
                    words.reading.push(class(&half(What::Read), ToolKind::Read, tools));
                    words.writing.push(class(&half(What::Write), ToolKind::Write, tools));
                }
                What::Tool(name) => {
                    let Some(tool) = tools.get(name.as_str()) else { continue };
                    let group = if tool.kind == ToolKind::Read { &mut words.reading } else { &mut words.writing };
                    group.push(Item { scope: one.clone(), title: title(tool), tools: Vec::new() });
                }
            }
        }
        words
    }

    /// All items.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.reading.iter().chain(&self.writing)
    }

    /// What it lets somebody look at, one line each.
    pub fn reading_titles(&self) -> Vec<&str> {
        lines(&self.reading)
    }

    /// What it lets somebody change, one line each.
    pub fn writing_titles(&self) -> Vec<&str> {
        lines(&self.writing)
    }
}

fn lines(items: &[Item]) -> Vec<&str> {
    let lines = items.iter().flat_map(|item| match item.tools.as_slice() {
        [] => vec![item.title.as_str()],
        tools => tools.iter().map(String::as_str).collect(),
    });
    lines.collect()
}

fn class(scope: &Scope, kind: ToolKind, tools: &Tools) -> Item {
    let all = if kind == ToolKind::Read { ENGLISH.reading_all } else { ENGLISH.writing_all };
    let tools = tools.iter().filter(|tool| tool.kind == kind).map(title).collect();
    Item { scope: scope.clone(), title: all.to_owned(), tools }
}

fn title(tool: &Tool) -> String {
    if tool.title.is_empty() { tool.name.to_string() } else { tool.title.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Tools {
        let tool = |name: &str, kind, title: &str| Tool { name: name.parse().unwrap(), kind, title: title.to_owned() };
        let tools = [
            tool("look", ToolKind::Read, "Look at things"),
            tool("peek", ToolKind::Read, ""),
            tool("change", ToolKind::Write, "Change a thing"),
        ];
        Tools::new("hr".parse().unwrap(), tools).unwrap()
    }

    fn words(scope: &str) -> (Vec<String>, Vec<String>) {
        let words = ScopesInWords::of(&scope.parse().unwrap(), &tools());
        let scopes = |items: &[Item]| items.iter().map(|item| item.scope.to_string()).collect();
        (scopes(&words.reading), scopes(&words.writing))
    }

    #[test]
    fn everything_stands_as_two_halves_that_together_are_everything() {
        assert_eq!(words("hr:*"), (vec!["hr:read".to_owned()], vec!["hr:write".to_owned()]));
        let words = ScopesInWords::of(&"hr:*".parse().unwrap(), &tools());
        let both: ScopeSet = words.items().map(|item| item.scope.clone()).collect();
        assert!(both.implies(&"hr:*".parse().unwrap(), &tools()));
        assert_eq!(words.reading_titles(), ["Look at things", "peek"]);
        assert_eq!(words.writing_titles(), ["Change a thing"]);
    }

    #[test]
    fn a_tool_stands_in_the_group_of_its_kind_with_its_title() {
        assert_eq!(words("hr:look hr:change"), (vec!["hr:look".to_owned()], vec!["hr:change".to_owned()]));
        let words = ScopesInWords::of(&"hr:look".parse().unwrap(), &tools());
        assert_eq!(words.reading_titles(), ["Look at things"]);
    }
}
