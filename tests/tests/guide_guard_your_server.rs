//! docs/guides/guard-your-server.md, followed as it is written: its files are those of two examples that
//! are built with everything else, its manifests resolve, and its commands lead from an empty folder to
//! a call that is denied and one that is allowed. One more test builds both from nothing, for real.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic; that is how it fails")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{AuthService, Service, markdown};

const GUIDE: &str = "docs/guides/guard-your-server.md";

/// One of the guide's two ways.
struct Way {
    section: &'static str,
    binary: &'static str,
    /// The port that the guide says.
    port: u16,
    /// Its sources among the examples of mcp-servers.
    example: &'static str,
    /// The environment that gives it another address to listen on, resource and issuer.
    settings: [&'static str; 3],
}

const LAMP: Way = Way {
    section: "A server of your own",
    binary: "lamp",
    port: 8004,
    example: "lamp",
    settings: ["LAMP_LISTEN", "LAMP_RESOURCE", "LAMP_ISSUER"],
};

const ROOMS: Way = Way {
    section: "A server like ours",
    binary: "mcp-rooms",
    port: 8005,
    example: "rooms",
    settings: ["MCP_LISTEN", "MCP_RESOURCE", "MCP_ISSUER"],
};

impl Way {
    /// The files that the section shows, by the paths that stand above them.
    fn files(&self) -> BTreeMap<String, String> {
        let guide = markdown::read(GUIDE);
        let section = guide.split("\n## ").find(|part| part.starts_with(self.section)).unwrap();
        let mut files = BTreeMap::new();
        let mut named = None;
        let mut lines = section.lines();
        while let Some(line) = lines.next() {
            let path = line.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
            if line.starts_with("```") {
                let text = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
                files.extend(named.take().map(|path: &str| (path.to_owned(), text)));
            } else if !line.is_empty() {
                named = path.filter(|path| !path.contains('`'));
            }
        }
        files
    }

    /// Writes the files into an empty folder, where the checkout is not beside it but where it is.
    fn write(&self, folder: &Path) {
        for (path, text) in self.files() {
            let text = text.replace("../bailiwick/", &format!("{}/", binary::repository().display()));
            std::fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
            std::fs::write(folder.join(path), text).unwrap();
        }
        // The versions that are known to be here: nothing is fetched.
        std::fs::copy(binary::repository().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    }

    /// The section's commands in their order, split at the one that starts the server in a second
    /// terminal.
    fn commands(&self) -> (String, String) {
        let blocks = markdown::blocks(&markdown::read(GUIDE)).into_iter();
        let texts: Vec<_> = blocks
            .filter(|block| block.section == self.section && block.language == "sh")
            .map(|block| block.text)
            .collect();
        let start = format!("target/debug/{}\n", self.binary);
        let at = texts.iter().position(|text| *text == start).unwrap();
        (texts[..at].concat(), texts[at + 1..].concat())
    }
}

/// Cargo on the files in `folder`, without a network.
fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).arg("--offline").current_dir(folder);
    command
}

/// A shell on one host: the token service's commands on its data, free ports for the guide's.
struct Host {
    folder: tempfile::TempDir,
    auth: AuthService,
    port: u16,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = AuthService::start(folder.path());
        Self { folder, auth, port: free_port() }
    }

    fn command(&self, way: &Way, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let folder = self.folder.path();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command.env_clear().current_dir(folder).stdin(Stdio::null());
        command.env("PATH", format!("{}:{}:{path}", folder.join("stand-ins").display(), binary::folder().display()));
        command.env("AUTH_ISSUER", &self.auth.issuer);
        command.env("AUTH_DATABASE_URL", format!("sqlite://{}", folder.join("auth.db").display()));
        let values = [
            format!("127.0.0.1:{}", self.port),
            format!("http://localhost:{}/mcp", self.port),
            self.auth.issuer.clone(),
        ];
        command.envs(way.settings.iter().zip(values));
        command
    }

    /// Runs commands of the guide, which stop at the first that fails.
    fn run(&self, way: &Way, commands: &str) -> Ended {
        let commands = commands.replace("http://localhost:8000", &self.auth.issuer);
        let commands = commands.replace(&format!("localhost:{}", way.port), &format!("localhost:{}", self.port));
        binary::run(self.command(way, "bash").args(["-euo", "pipefail", "-c", &commands]))
    }
}

/// Follows one way with the server that was built at `built`; gives what the calls were answered.
fn follow(way: &Way, built: &Path) -> Vec<String> {
    let hint = "is missing: run `cargo build --workspace --bins --examples` first, as scripts/test does";
    assert!(built.exists(), "{} {hint}", built.display());
    let host = Host::new();
    let cargo = host.folder.path().join("stand-ins/cargo");
    std::fs::create_dir_all(cargo.parent().unwrap()).unwrap();
    let script = format!(
        "#!/bin/sh\nset -eu\ntest \"$*\" = build\nmkdir -p target/debug\ncp '{}' target/debug/{}\n",
        built.display(),
        way.binary
    );
    std::fs::write(&cargo, script).unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (before, after) = way.commands();
    let ended = host.run(way, &before);
    assert_eq!(ended.code, 0, "{before}\n{ended:#?}");
    let command = host.command(way, host.folder.path().join("target/debug").join(way.binary));
    let server = Service::start_on(way.binary, host.port, command);
    let server = server.unwrap_or_else(|log| panic!("{} did not start:\n{log}", way.binary));
    let ended = host.run(way, &after);
    assert_eq!(ended.code, 0, "{after}\n{ended:#?}");
    drop(server);
    ended.stdout.split("HTTP/1.1 ").skip(1).map(str::to_owned).collect()
}

/// The answers have these statuses and hold these words.
fn answers_are(answers: &[String], expected: &[(&str, &str)]) {
    assert_eq!(answers.len(), expected.len(), "{answers:#?}");
    for (answer, (status, words)) in answers.iter().zip(expected) {
        assert!(answer.starts_with(status) && answer.contains(words), "{status} {words}: {answer}");
    }
}

fn lamp_is_guarded(answers: &[String]) {
    let challenge = r#"Bearer error="insufficient_scope", scope="lamp:switch_lamp", resource_metadata="http://"#;
    answers_are(answers, &[("200", "lit: false"), ("403", challenge), ("200", "lit: true")]);
}

fn rooms_are_guarded(answers: &[String]) {
    answers_are(
        answers,
        &[
            ("200", r#""bookings":[],"count":0,"message":"No room is booked.""#),
            ("403", r#"error="insufficient_scope", scope="rooms:book_room""#),
            ("200", r#""booking_id":"BOOK-001""#),
            ("200", r#""text":"day: is taken: choose another day or another room""#),
        ],
    );
}

#[test]
fn the_guides_sources_are_the_examples_that_are_built_with_everything_else() {
    let examples = binary::repository().join("mcp-servers/examples");
    for (way, count) in [(LAMP, 2), (ROOMS, 5)] {
        let files = way.files();
        assert_eq!(files.len(), count, "{:?}", files.keys());
        // The manifest is checked below; the build script of the examples is that of their package.
        for (path, text) in files.iter().filter(|(path, _)| !["Cargo.toml", "build.rs"].contains(&path.as_str())) {
            let example = examples.join(way.example).join(path.trim_start_matches("src/"));
            let example = std::fs::read_to_string(example).unwrap();
            // Migrations are looked for from the folder of the package.
            let example = example.replace(&format!("\"./examples/{}/migrations\"", way.example), "\"./migrations\"");
            assert_eq!(*text, example, "{path}");
        }
    }
}

#[test]
fn the_guides_manifests_name_packages_and_features_that_exist() {
    for way in [LAMP, ROOMS] {
        let folder = tempfile::tempdir().unwrap();
        way.write(folder.path());
        let tree = binary::run(&mut cargo(folder.path(), &["tree", "--edges", "normal"])).well();
        assert!(tree.stdout.contains("bailiwick-guard v"), "{tree:#?}");
    }
}

#[test]
fn a_server_of_ones_own_is_guarded_as_the_guide_says() {
    lamp_is_guarded(&follow(&LAMP, &binary::folder().join("examples/lamp")));
}

#[test]
fn a_server_like_ours_is_guarded_as_the_guide_says() {
    rooms_are_guarded(&follow(&ROOMS, &binary::folder().join("examples/rooms")));
}

/// Each server is a workspace of its own, whose dependencies have other features than this one's: the
/// first build makes them all anew.
#[test]
#[ignore = "takes minutes: cargo test --workspace --test guide_guard_your_server -- --ignored"]
fn both_servers_build_from_an_empty_folder_and_are_guarded() {
    let target: PathBuf = binary::folder().join("guides");
    for (way, check) in [(LAMP, lamp_is_guarded as fn(&[String])), (ROOMS, rooms_are_guarded)] {
        let folder = tempfile::tempdir().unwrap();
        way.write(folder.path());
        let _ = binary::run(cargo(folder.path(), &["build"]).env("CARGO_TARGET_DIR", &target)).well();
        check(&follow(&way, &target.join("debug").join(way.binary)));
    }
}
