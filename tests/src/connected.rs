//! A program of a guide, run as a reader runs it: with the demo's names in its environment, and where it
//! sends a person to a browser, with the person there. Owns the processes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary::{self, Ended};
use crate::browser::Browser;
use crate::person::Person;
use crate::world::World;

/// How long a program may take until it sends the person to the browser: interpreters start slowly.
const SENT_WITHIN: Duration = Duration::from_mins(1);
/// How often it is looked whether it has.
const LOOKED_EVERY: Duration = Duration::from_millis(20);

/// A reader's desk: a folder for the programs, and a browser that is opened by command.
#[derive(Debug)]
pub struct Desk<'a> {
    world: &'a World,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl<'a> Desk<'a> {
    /// One with the names that the demo leaves in `.demo/env`.
    #[must_use]
    pub fn new(world: &'a World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opener = folder.path().join("open");
        let script =
            format!("#!/bin/sh\necho \"$1\" >{0}.new && mv {0}.new {0}\n", folder.path().join("sent").display());
        fs::write(&opener, script).unwrap();
        fs::set_permissions(&opener, fs::Permissions::from_mode(0o700)).unwrap();
        let (officer, editor) = (world.client(&["Officer"]), world.editor());
        let environment = vec![
            ("HR_URL", world.hr.resource.clone()),
            ("AUTH_ISSUER", world.auth.issuer.clone()),
            ("OFFICER_CLIENT_ID", officer.id),
            ("OFFICER_CLIENT_SECRET", officer.secret),
            ("PUBLIC_CLIENT_ID", editor.client_id),
            ("BROWSER", opener.display().to_string()),
            ("HOME", folder.path().display().to_string()),
        ];
        Self { world, folder, environment }
    }

    /// Puts a program on the desk.
    #[must_use]
    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A link to installed packages, for programs that look for them above themselves.
    pub fn link(&self, packages: &str) {
        let link = self.folder.path().join("node_modules");
        if !link.exists() {
            std::os::unix::fs::symlink(installed(packages), link).unwrap();
        }
    }

    /// A command that runs `program`, one of those that scripts/test installs below `target`, else of the
    /// machine.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(if program.contains('/') { installed(program) } else { program.into() });
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
        command.current_dir(self.folder.path()).envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// Runs a program that sends a person to a browser: they sign in, allow all that is asked for, and go back.
    #[must_use]
    pub fn run_with(&self, person: &Person, mut command: Command) -> Ended {
        let sent = self.folder.path().join("sent");
        let _ = fs::remove_file(&sent);
        let told = fs::File::create(self.folder.path().join("told")).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(told).spawn().unwrap();
        let deadline = Instant::now() + SENT_WITHIN;
        let address = loop {
            if let Some(address) = self.address() {
                break address;
            }
            let is_over = process.try_wait().unwrap().is_some() || Instant::now() > deadline;
            assert!(!is_over, "the person is not sent to the browser: {}", self.read("told"));
            thread::sleep(LOOKED_EVERY);
        };
        let browser = Browser::new();
        let answer = person.decide(&browser, &address, "allow");
        let _ = Browser::new().get(answer.header("location")).expect(200);
        let mut ended = Ended::of(process.wait_with_output().unwrap());
        ended.stderr = self.read("told");
        ended
    }

    /// Where the program sends the person: by opening a browser, or by saying so.
    fn address(&self) -> Option<String> {
        let authorize = format!("{}/oauth2/authorize?", self.world.auth.issuer);
        let told = format!("{}\n{}", self.read("sent"), self.read("told"));
        let (_, rest) = told.split_once(&authorize)?;
        let (query, _) = rest.split_once(char::is_whitespace)?;
        Some(format!("{authorize}{query}"))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

/// What scripts/test has installed below `target`.
fn installed(path: &str) -> PathBuf {
    let found = binary::folder().parent().map(|target| target.join(path)).unwrap_or_default();
    let hint = "is missing: scripts/test installs it (CONTRIBUTING.md says how to do it by hand)";
    assert!(found.exists(), "{} {hint}", found.display());
    found
}
