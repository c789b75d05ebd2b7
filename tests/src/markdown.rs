//! The documents of the repository: which there are, and the commands that they show.

use std::path::{Path, PathBuf};

use crate::binary;

/// A fenced block of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the opening fence, such as `bash`.
    pub language: String,
    /// The heading that it stands under.
    pub section: String,
    /// Its text.
    pub text: String,
}

/// The fenced blocks of a document, in their order.
#[must_use]
pub fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut section = String::new();
    let mut open: Option<Block> = None;
    for line in document.lines() {
        if let Some(mut block) = open.take() {
            if line.trim_end() == "```" {
                blocks.push(block);
            } else {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
        } else if let Some(language) = line.strip_prefix("```") {
            open = Some(Block { language: language.trim().to_owned(), section: section.clone(), text: String::new() });
        } else if line.starts_with('#') {
            line.trim_start_matches('#').trim().clone_into(&mut section);
        }
    }
    assert!(open.is_none(), "a fenced block is not closed: {open:?}");
    blocks
}

/// The text of a file of the repository.
#[must_use]
pub fn read(path: &str) -> String {
    std::fs::read_to_string(binary::repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Markdown file of the repository that a reader is meant to follow, as paths from its root.
#[must_use]
pub fn documents() -> Vec<PathBuf> {
    let root = binary::repository();
    let mut found = Vec::new();
    for start in ["README.md", "CONTRIBUTING.md", "docs"] {
        collect(&root.join(start), &mut found);
    }
    let mut paths: Vec<_> = found.iter().map(|path| path.strip_prefix(&root).unwrap().to_path_buf()).collect();
    paths.sort();
    paths
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "md") {
        found.push(path.to_path_buf());
    }
}
