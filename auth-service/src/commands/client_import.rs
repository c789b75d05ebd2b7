//! `auth-service client import`: a fleet of clients from a file with one JSON object on each line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::CommandError;
use super::output::Format;
use crate::administration::{Administration, Imported, RegisteredClient};
use crate::clients::NewClient;

/// The clients of one transaction.
const BATCH: usize = 5000;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// The wrong lines that are told before the rest is only counted.
const TOLD: usize = 10;

/// Register many clients at once, each with a generated secret
#[derive(Args, Debug)]
pub struct ImportClients {
    /// The clients: one JSON object on each line, with the members of a client in the admin API
    file: PathBuf,
    /// Where to write each client_id with its secret, one JSON object a line; must not exist yet
    #[arg(long, value_name = "PATH")]
    secrets: PathBuf,
    /// Pass over clients that are registered already, as after an import that was cut off
    #[arg(long)]
    skip_existing: bool,
    #[command(flatten)]
    format: Format,
}

/// Does it: every line is read and checked before the first client is registered.
pub async fn run(administration: &Administration, command: ImportClients) -> Result<(), CommandError> {
    let total = check(&command.file)?;
    let mut secrets = create_privately(&command.secrets)?;
    let started = Instant::now();
    let mut sum = Imported::default();
    let mut lines = read(&command.file)?;
    loop {
        let batch: Vec<NewClient> = lines.by_ref().take(BATCH).collect::<Result<_, _>>()?;
        if batch.is_empty() {
            break;
        }
        let keep = |registered: &[RegisteredClient]| write(&mut secrets, registered).map_err(|error| error.to_string());
        let imported = administration.import(batch, command.skip_existing, keep).await?;
        sum.registered += imported.registered;
        sum.skipped += imported.skipped;
        show_progress(sum.registered + sum.skipped, total);
    }
    let figures = json!({"registered": sum.registered, "skipped": sum.skipped});
    command.format.print(&figures, |_| {
        let (seconds, path) = (started.elapsed().as_secs_f64(), command.secrets.display());
        let skipped = if sum.skipped == 0 { String::new() } else { format!(", {} skipped", sum.skipped) };
        format!("{} clients registered{skipped} in {seconds:.1} s; their secrets are in {path}\n", sum.registered)
    })
}

/// Reads every line once; names the first wrong ones with their numbers.
fn check(path: &Path) -> Result<usize, CommandError> {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in read(path)? {
        count += 1;
        if let Err(error) = line {
            wrong.push(error.to_string());
        }
    }
    if wrong.is_empty() {
        return Ok(count);
    }
    let more = wrong.len().saturating_sub(TOLD);
    wrong.truncate(TOLD);
    let rest = if more == 0 { String::new() } else { format!("\nand {more} more") };
    Err(CommandError::Other(format!("nothing was registered\n{}{rest}", wrong.join("\n"))))
}

fn read(path: &Path) -> Result<impl Iterator<Item = Result<NewClient, CommandError>>, CommandError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| CommandError::Other(format!("{name}: {error}")))?;
    let parse = move |number: usize, line: std::io::Result<String>| {
        let wrong = |cause: &dyn std::fmt::Display| CommandError::Other(format!("{name}:{}: {cause}", number + 1));
        let line = line.map_err(|error| wrong(&error))?;
        if line.len() > LONGEST_LINE {
            return Err(wrong(&format!("the line has more than {LONGEST_LINE} bytes")));
        }
        let client: NewClient = bailiwick_core::json::read(line.as_bytes()).map_err(|error| wrong(&error))?;
        if client.client_id.is_none() {
            return Err(wrong(&"client_id is missing"));
        }
        Ok(client)
    };
    Ok(BufReader::new(file).lines().enumerate().map(move |(number, line)| parse(number, line)))
}

/// The secrets are for their owner alone, and never written over something else.
fn create_privately(path: &Path) -> Result<File, CommandError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| CommandError::Other(format!("{}: {error}", path.display())))
}

/// Writes and syncs: what is committed after this has its secret on the disk.
fn write(file: &mut File, registered: &[RegisteredClient]) -> std::io::Result<()> {
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(registered.len() * 128));
    for one in registered {
        let Some(secret) = &one.secret else { continue };
        let line = json!({"client_id": one.client.client_id, "client_secret": secret.secret.expose()});
        serde_json::to_writer(&mut *text, &line)?;
        text.push(b'\n');
    }
    file.write_all(&text)?;
    file.sync_data()
}

fn show_progress(done: usize, total: usize) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // A terminal that is gone misses nothing that matters.
        let _ = write!(terminal, "\r{done} of {total} clients");
        if done == total {
            let _ = writeln!(terminal);
        }
    }
}
