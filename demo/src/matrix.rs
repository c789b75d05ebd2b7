//! Which agent may call which tool, as a picture. Owns the three verdicts and the drawing, which fits
//! the terminal; asking is [`crate::questions`]'s.

use anstyle::Style;

use crate::screen::{BOLD, DIM, GREEN, RED};

/// What came of asking as one agent for one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is listed, and a call reaches it.
    Allowed,
    /// It is not listed, and a call is refused.
    Denied,
    /// There is no token for its server, and a token for another one opens nothing there.
    Hidden,
}

impl Verdict {
    /// In the order of the legend, each with its explanation.
    pub const EXPLAINED: [(Self, &'static str); 3] = [
        (Self::Allowed, "allowed: tools/list shows it, and a call reaches the tool"),
        (Self::Denied, "denied: tools/list leaves it out, and a call is refused with HTTP 403"),
        (Self::Hidden, "hidden: no token for its server; one for another is refused with HTTP 401"),
    ];

    fn mark(self, layout: Layout) -> &'static str {
        match (self, layout) {
            (Self::Allowed, Layout::Terse) => "y",
            (Self::Denied, Layout::Terse) => "x",
            (Self::Allowed, _) => "yes",
            (Self::Denied, _) => "403",
            (Self::Hidden, _) => "-",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Allowed => GREEN,
            Self::Denied => RED,
            Self::Hidden => DIM,
        }
    }
}

/// The tools of one server and what came of asking for each, agent by agent.
#[derive(Clone, Debug)]
pub struct Rows {
    /// What people call the server.
    pub title: String,
    /// The tools in order, each with one verdict for each agent.
    pub tools: Vec<(String, Vec<Verdict>)>,
}

/// The whole picture.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The agents in order.
    pub agents: Vec<&'static str>,
    /// Server by server.
    pub servers: Vec<Rows>,
}

/// How much room a column gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Under the agent's name.
    Named,
    /// Under a number that stands for it.
    Numbered,
    /// Under a number, with marks of one character.
    Terse,
}

impl Layout {
    fn column(self, agent: &str) -> usize {
        match self {
            Self::Named => agent.len() + 2,
            Self::Numbered => 5,
            Self::Terse => 2,
        }
    }
}

impl Matrix {
    /// The rows for a terminal of `width` characters, the legend not included.
    pub fn drawn(&self, width: usize) -> String {
        let layout = self.layout(width);
        let names = self.longest_tool();
        let headings = self.agents.iter().zip(1..).map(|(agent, number)| {
            let heading = if layout == Layout::Named { (*agent).to_owned() } else { format!("{number}") };
            format!("{BOLD}{heading:>width$}{BOLD:#}", width = layout.column(agent))
        });
        let mut lines = vec![" ".repeat(names + 2) + &headings.collect::<String>()];
        for Rows { title, tools } in &self.servers {
            lines.push(format!("{BOLD}{title}{BOLD:#}"));
            lines.extend(tools.iter().map(|(tool, verdicts)| self.row(layout, &format!("  {tool:<names$}"), verdicts)));
        }
        lines.join("\n") + "\n"
    }

    /// What the numbers above the columns stand for, where there are numbers.
    pub fn numbers(&self, width: usize) -> Option<String> {
        let numbered = || self.agents.iter().zip(1..).map(|(agent, number)| format!("{number}:{agent}"));
        (self.layout(width) != Layout::Named).then(|| numbered().collect::<Vec<_>>().join("  "))
    }

    /// The mark of a verdict at this width, with room for the longest.
    pub fn mark(&self, verdict: Verdict, width: usize) -> String {
        let (mark, style) = (verdict.mark(self.layout(width)), verdict.style());
        format!("{style}{mark:<3}{style:#}")
    }

    fn row(&self, layout: Layout, start: &str, verdicts: &[Verdict]) -> String {
        let cells = verdicts.iter().zip(&self.agents).map(|(verdict, agent)| {
            let style = verdict.style();
            format!("{style}{:>width$}{style:#}", verdict.mark(layout), width = layout.column(agent))
        });
        start.to_owned() + &cells.collect::<String>()
    }

    /// The roomiest that fits.
    fn layout(&self, width: usize) -> Layout {
        let needed = |layout: Layout| {
            self.longest_tool() + 2 + self.agents.iter().map(|agent| layout.column(agent)).sum::<usize>()
        };
        [Layout::Named, Layout::Numbered].into_iter().find(|layout| needed(*layout) <= width).unwrap_or(Layout::Terse)
    }

    fn longest_tool(&self) -> usize {
        self.servers.iter().flat_map(|rows| &rows.tools).map(|(tool, _)| tool.len()).max().unwrap_or_default()
    }
}
