//! The documents tell the truth: every command in them runs, every setting, command and link in them
//! exists, and none that exists is missing.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::markdown::{self, Block};
use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{World, http};

/// A machine of its own: a folder that stands for `/`, with stand-ins for the commands that would
/// change the tester's machine. Every other command is the real one.
struct Machine {
    root: tempfile::TempDir,
    auth_port: u16,
    hr_port: u16,
}

/// The stand-ins. `ROOT` is the folder, `BUILT` where the built binaries lie.
const STAND_INS: [(&str, &str); 4] = [
    (
        "cargo",
        r#"test "$1" = build && mkdir -p target/release && cp "$BUILT"/auth-service "$BUILT"/mcp-hr target/release/"#,
    ),
    ("sudo", r#"if [ "$1" = -u ]; then test -e "$ROOT/users/$2" && shift 2; fi; exec "$@""#),
    ("useradd", r#"for user; do :; done; mkdir -p "$ROOT/users"; touch "$ROOT/users/$user""#),
    (
        "systemctl",
        r#"test "$1" = daemon-reload && exit
test "$1 $2" = 'enable --now' || exit 1
shift 2
for name; do
  unit=$ROOT/etc/systemd/system/$name.service
  value() { sed -n "s/^$1=//p" "$unit"; }
  test -e "$ROOT/users/$(value User)" || exit 1
  mkdir -p -m "$(value StateDirectoryMode)" "$ROOT/var/lib/$(value StateDirectory)"
  $(value ExecStart) >"$ROOT/$name.log" 2>&1 &
  echo $! >"$ROOT/$name.pid"
done"#,
    ),
];

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["stand-ins", "checkout", "usr/local/bin", "etc/systemd/system", "var/lib"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for (name, script) in STAND_INS {
            let path = root.path().join("stand-ins").join(name);
            std::fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { root, auth_port: free_port(), hr_port: free_port() }
    }

    /// The commands as they read on this machine: its folders for `/`'s, free ports for the fixed ones.
    fn here(&self, commands: &str) -> String {
        let mut commands = commands.to_owned();
        for folder in ["/usr/local/bin", "/etc/", "/var/lib/"] {
            commands = commands.replace(folder, &format!("{}{folder}", self.root.path().display()));
        }
        for (fixed, free) in [("8000", self.auth_port), ("8001", self.hr_port)] {
            for host in ["localhost", "127.0.0.1"] {
                commands = commands.replace(&format!("{host}:{fixed}"), &format!("{host}:{free}"));
            }
        }
        commands
    }

    /// Runs a block of commands; what it asks for is answered with `input`.
    fn run(&self, block: &Block, input: &str) -> Ended {
        let root = self.root.path();
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{0}/stand-ins:{0}/usr/local/bin:{path}", root.display());
        let mut command = bash(&self.here(&block.text), &root.join("checkout"), &path);
        command.env("ROOT", root).env("BUILT", binary::folder());
        let answers = root.join("answers");
        std::fs::write(&answers, format!("{input}\n")).unwrap();
        binary::run(command.stdin(std::fs::File::open(answers).unwrap()))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for entry in std::fs::read_dir(self.root.path()).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "pid") {
                let pid = std::fs::read_to_string(&path).unwrap_or_default();
                // It may have ended by itself.
                let _ = Command::new("kill").args(["-KILL", pid.trim()]).stderr(Stdio::null()).status();
            }
        }
    }
}

/// A shell that stops at the first failure.
fn bash(commands: &str, folder: &Path, path: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", commands]).current_dir(folder);
    command.env_clear().env("PATH", path).stdin(Stdio::null());
    command
}

fn blocks_of(document: &str, language: &str) -> Vec<Block> {
    let blocks = markdown::blocks(&markdown::read(document));
    blocks.into_iter().filter(|block| block.language == language).collect()
}

/// The secret that was printed last.
fn printed_secret(text: &str) -> Option<String> {
    let line = text.lines().rev().find(|line| line.starts_with("client_secret"))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

#[test]
fn the_installation_in_the_readme_works_as_it_is_written() {
    let machine = Machine::new();
    let mut secret = String::new();
    let mut last = String::new();
    for block in blocks_of("README.md", "bash").iter().filter(|block| block.section == "Install it for real") {
        let ended = machine.run(block, &secret);
        assert_eq!(ended.code, 0, "{}\n{ended:#?}", block.text);
        secret = printed_secret(&ended.stdout).unwrap_or(secret);
        last = ended.stdout;
    }
    assert!(last.contains(r#""total_employees":0"#), "the last command called no tool: {last}");
    for (file, mode) in [("var/lib/bailiwick-auth", 0o700), ("var/lib/bailiwick-auth/master.key", 0o600)] {
        let found = std::fs::metadata(machine.root.path().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{file}");
    }
}

#[test]
fn the_commands_of_the_reference_run_as_they_are_written() {
    let world = World::shared();
    let officer = world.client(&["Officer"]);
    let path = format!("{}:{}", binary::folder().display(), std::env::var("PATH").unwrap_or_default());
    for document in markdown::documents().iter().filter(|path| path.starts_with("docs")) {
        let folder = tempfile::tempdir().unwrap();
        let blocks = blocks_of(&document.to_string_lossy(), "bash");
        let commands = blocks.iter().map(|block| block.text.as_str()).collect::<String>();
        let mut command = bash(&commands, folder.path(), &path);
        for (name, value) in [
            ("AUTH_ISSUER", &world.auth.issuer),
            ("ADMIN_RESOURCE", &world.auth.admin_resource()),
            ("ADMIN_CLIENT_ID", &world.administrator.id),
            ("ADMIN_CLIENT_SECRET", &world.administrator.secret),
            ("HR_URL", &world.hr.resource),
            ("OFFICER_CLIENT_ID", &officer.id),
            ("OFFICER_CLIENT_SECRET", &officer.secret),
        ] {
            command.env(name, value);
        }
        let ended = binary::run(&mut command);
        assert_eq!(ended.code, 0, "{}\n{commands}\n{ended:#?}", document.display());
        assert!(!ended.stdout.contains(r#""error""#), "{}\n{ended:#?}", document.display());
    }
}

#[test]
fn the_scripts_and_tests_that_are_named_exist() {
    let repository = binary::repository();
    for document in ["README.md", "CONTRIBUTING.md"] {
        for block in blocks_of(document, "bash").iter().filter(|block| block.section != "Install it for real") {
            for line in block.text.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let exists = match words[..] {
                    [script, ..] if script.starts_with("scripts/") => is_executable(&repository.join(script)),
                    ["cargo", _, "--workspace", "--test", test, ..] => {
                        repository.join(format!("tests/tests/{test}.rs")).exists()
                    }
                    ["cargo", "build" | "test" | "clippy", "--workspace", ..] | ["python3", "-m", "venv", ..] => true,
                    [python, "-m", "pip", "install", "--requirement", file] => {
                        python.starts_with("target/python/") && repository.join(file).exists()
                    }
                    ["mkdir", "-p", "target/node", "&&", "cp", "tests/node/package*.json", "target/node"]
                    | ["npm", "ci", "--prefix", "target/node", ..] => {
                        repository.join("tests/node/package-lock.json").exists()
                    }
                    _ => false,
                };
                assert!(exists, "{document}: {line}");
            }
        }
    }
    assert!(is_executable(&repository.join(".ci/run")));
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

/// The first cell of each row of the tables in one section, between backticks.
fn first_cells(document: &str, section: &str) -> BTreeSet<String> {
    let text = markdown::read(document);
    let section = text.split("\n## ").find(|part| part.starts_with(section)).unwrap_or(&text);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

#[test]
fn the_settings_page_names_every_setting_and_no_other() {
    for (binary, prefix, section) in [("auth-service", "AUTH_", "auth-service"), ("mcp-hr", "MCP_", "MCP servers")] {
        let help = binary::run(binary::command(binary).arg("--help")).well().stdout.replace('\n', " ");
        let words = help.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
        let mut settings: BTreeSet<String> = words.filter(|word| word.starts_with(prefix)).map(str::to_owned).collect();
        // How the file is named stands in the text above the table.
        settings.remove(&format!("{prefix}CONFIG"));
        assert_eq!(first_cells("docs/reference/settings.md", section), settings, "{binary}");
    }
}

#[test]
fn the_settings_page_names_what_the_quickstart_has_beyond_other_servers() {
    let help_of = |name| binary::run(binary::command(name).arg("--help")).well().stdout;
    let (quickstart, hr) = (help_of("mcp-quickstart"), help_of("mcp-hr"));
    let variables = |help: &str| -> BTreeSet<String> {
        let words = help.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
        words.filter(|word| word.contains('_')).map(str::to_owned).collect()
    };
    let own: BTreeSet<String> = variables(&quickstart).difference(&variables(&hr)).cloned().collect();
    assert_eq!(first_cells("docs/reference/settings.md", "mcp-quickstart"), own);
}

/// The commands below `command`, as its help lists them.
fn commands_below(binary: &str, command: &[&str]) -> BTreeSet<String> {
    let help = binary::run(binary::command(binary).args(command).arg("--help")).well().stdout;
    let list = help.split("Commands:\n").nth(1).and_then(|list| list.split("\n\n").next()).unwrap_or_default();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<String> = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    let mut all = BTreeSet::new();
    for name in names.iter().filter(|name| *name != "help") {
        let path = [command, &[name.as_str()]].concat();
        let below = commands_below(binary, &path);
        if below.is_empty() {
            all.insert(format!("{binary} {}", path.join(" ")));
        }
        all.extend(below);
    }
    all
}

#[test]
fn the_command_line_page_names_every_command_and_no_other() {
    let mut commands = commands_below("auth-service", &[]);
    commands.extend(commands_below("mcp-hr", &[]));
    commands.insert("mcp-hr".to_owned());
    assert_eq!(first_cells("docs/reference/command-line.md", "?"), commands);
}

#[test]
fn every_link_leads_somewhere() {
    let repository = binary::repository();
    for document in markdown::documents() {
        let text = markdown::read(&document.to_string_lossy());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().map(Path::to_path_buf).unwrap_or_default();
            let target: PathBuf = if file.is_empty() { document.clone() } else { folder.join(file) };
            assert!(repository.join(&target).exists(), "{}: {link}", document.display());
            let headings = markdown::read(&target.to_string_lossy());
            let mut headings = headings.lines().filter(|line| line.starts_with('#')).map(anchor_of);
            assert!(anchor.is_empty() || headings.any(|heading| heading == anchor), "{}: {link}", document.display());
        }
    }
}

/// The anchor that a heading gets.
fn anchor_of(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
}

#[test]
fn every_decision_is_listed() {
    let list = markdown::read("docs/decisions/README.md");
    for document in markdown::documents().iter().filter(|path| path.starts_with("docs/decisions")) {
        let name = document.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name == "README.md" || list.contains(&name), "docs/decisions/README.md does not list {name}");
    }
}

#[test]
fn the_routes_of_the_servers_are_the_documented_ones() {
    let world = World::shared();
    let text = markdown::read("docs/reference/endpoints.md");
    let section = text.split("\n## ").find(|section| section.starts_with("MCP servers")).unwrap_or_default();
    let paths = section.lines().filter_map(|line| line.strip_prefix("| `GET ")).filter_map(|row| row.split('`').next());
    let mut count = 0;
    for path in paths {
        let _ = http::send(world.hr.http.get(world.hr.url(path))).expect(200);
        count += 1;
    }
    assert_eq!(count, 5);
}
