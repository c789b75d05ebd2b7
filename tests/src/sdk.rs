//! A client made with an SDK of MCP, whichever: a program of tests/python or tests/node that connects to a
//! server, prints the page to open whenever a person has to be asked, and calls the tools that it is told.
//! Owns what is said between it and the tests.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::binary::Ended;
use crate::dialogue::Dialogue;

/// A running client.
#[derive(Debug)]
pub struct SdkClient(Dialogue);

/// What it says.
#[derive(Debug)]
pub enum Said {
    /// This page is to be opened.
    Page(Page),
    /// This came of connecting or of a call: `version`, or `is_error` and `result`; then the `tools` that are
    /// listed and the `scope` that is held.
    Answer(Value),
}

/// The page that asks a person: an authorization request (OAuth 2.1 section 4.1.1).
#[derive(Clone, Debug)]
pub struct Page {
    /// Its URL.
    pub url: String,
    /// The parameters of the request.
    pub parameters: BTreeMap<String, String>,
}

impl SdkClient {
    /// Starts one.
    #[must_use]
    pub fn start(command: Command) -> Self {
        Self(Dialogue::start(command))
    }

    /// What it says next.
    #[must_use]
    pub fn says(&mut self) -> Said {
        let line = self.0.hear();
        match serde_json::from_str(&line) {
            Ok(answer) => Said::Answer(answer),
            Err(_) => Said::Page(Page::at(&line)),
        }
    }

    /// The page that it wants opened, and nothing else, next.
    #[must_use]
    pub fn page(&mut self) -> Page {
        match self.says() {
            Said::Page(page) => page,
            Said::Answer(answer) => panic!("nobody is asked: {answer}"),
        }
    }

    /// The answer that it has without asking anybody.
    #[must_use]
    pub fn answer(&mut self) -> Value {
        match self.says() {
            Said::Answer(answer) => answer,
            Said::Page(page) => panic!("a person is asked: {page:#?}"),
        }
    }

    /// Has it begin to call a tool.
    pub fn begin(&self, tool: &str, arguments: &Value) {
        self.0.say(&format!("{tool} {arguments}"));
    }

    /// Has it call a tool for which nobody is asked.
    #[must_use]
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.begin(tool, arguments);
        self.answer()
    }

    /// Lets it go; it has no more to say and ends well.
    pub fn finish(self) {
        let ended = self.end().well();
        assert_eq!(ended.stdout, "", "{ended:#?}");
    }

    /// Lets it go, however it ends.
    #[must_use]
    pub fn end(self) -> Ended {
        self.0.finish()
    }
}

impl Page {
    /// The page at that URL.
    #[must_use]
    pub fn at(url: &str) -> Self {
        let parsed = reqwest::Url::parse(url).unwrap_or_else(|error| panic!("{error}: {url}"));
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let parameters: BTreeMap<String, String> = pairs.iter().cloned().collect();
        assert_eq!(parameters.len(), pairs.len(), "a parameter stands twice: {url}");
        Self { url: url.to_owned(), parameters }
    }

    /// A parameter, empty where there is none.
    #[must_use]
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}
