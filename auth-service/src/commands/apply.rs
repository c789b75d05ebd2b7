//! `auth-service apply`: clients, roles and resources as a file says.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::output::Format;
use super::{CommandError, administration, input};
use crate::administration::Apply;
use crate::configuration::{Action, Configuration, Difference, FileForm, MemberDifference};
use crate::settings::Settings;
use crate::shown_text::printable;

/// The longest file that is read, in bytes.
const LONGEST_FILE: u64 = 64 * 1024 * 1024;

/// Bring clients, roles and resources to what a file says
#[derive(Args, Debug)]
pub struct ApplyCommand {
    /// The file, .toml, .yaml or .yml; - for standard input
    file: PathBuf,
    /// Show the difference and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete what the file does not name, built-in things excepted
    #[arg(long)]
    prune: bool,
    /// How the file is written [default: as its name ends, else toml]
    #[arg(long, value_name = "FORM")]
    form: Option<FileForm>,
    #[command(flatten)]
    format: Format,
}

/// Does it.
pub async fn run(settings: &Settings, command: ApplyCommand) -> Result<(), CommandError> {
    let form = command.form.unwrap_or_else(|| form_of(&command.file));
    let text = input::read(&command.file, LONGEST_FILE)?;
    let configuration = Configuration::read(&text, form)
        .map_err(|error| CommandError::Other(format!("{}: {error}", command.file.display())))?;
    let how = Apply { dry_run: command.dry_run, prune: command.prune };
    let differences = administration(settings).await?.apply(configuration, how).await?;
    command.format.print(&differences, |differences| described(differences, how.dry_run))
}

fn form_of(path: &Path) -> FileForm {
    let ending = path.extension().and_then(std::ffi::OsStr::to_str);
    if matches!(ending, Some("yaml" | "yml")) { FileForm::Yaml } else { FileForm::Toml }
}

fn described(differences: &[Difference], dry_run: bool) -> String {
    if differences.is_empty() {
        return "nothing differs\n".to_owned();
    }
    let count = |action| differences.iter().filter(|difference| difference.action == action).count();
    let (created, updated, deleted) = (count(Action::Create), count(Action::Update), count(Action::Delete));
    let tense = if dry_run { "would be " } else { "" };
    let mut lines: Vec<String> = differences.iter().flat_map(lines_of).collect();
    lines.push(format!("{created} {tense}created, {updated} {tense}changed, {deleted} {tense}deleted\n"));
    lines.join("\n")
}

fn lines_of(difference: &Difference) -> Vec<String> {
    let mark = match difference.action {
        Action::Create => '+',
        Action::Update => '~',
        Action::Delete => '-',
    };
    let mut lines = vec![format!("{mark} {} {}", difference.kind, difference.name)];
    lines.extend(difference.members.iter().map(|member| format!("    {}", changed(difference.action, member))));
    lines
}

fn changed(action: Action, member: &MemberDifference) -> String {
    match action {
        Action::Create => format!("{} = {}", member.member, shown(&member.after)),
        Action::Delete => format!("{} = {}", member.member, shown(&member.before)),
        Action::Update => format!("{}: {} -> {}", member.member, shown(&member.before), shown(&member.after)),
    }
}

/// A value on one line: texts as they are, lists of many by their length.
fn shown(value: &Value) -> String {
    /// As many as a line has room for.
    const LISTED: usize = 4;
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.len() > LISTED || items.iter().any(Value::is_object) => {
            format!("{} items", items.len())
        }
        other => other.to_string(),
    }
}
