//! What each layer gives, who wins, and what is refused.

use std::fs;
use std::net::SocketAddr;

use clap::{CommandFactory, Parser, Subcommand};
use tempfile::TempDir;

use super::*;

/// A program.
#[derive(Debug, Parser)]
#[command(name = "program")]
struct Program {
    /// The issuer.
    #[arg(long, env = "TEST_ISSUER", global = true, default_value = "http://localhost:8000")]
    issuer: String,
    /// Where to listen.
    #[arg(long, env = "TEST_METRICS_LISTEN", global = true)]
    metrics_listen: Option<SocketAddr>,
    /// Hosts.
    #[arg(long, env = "TEST_HOSTS", global = true, value_delimiter = ',')]
    hosts: Vec<String>,
    /// Whether TLS ends in front.
    #[arg(long, env = "TEST_TLS_TERMINATED", global = true)]
    tls_terminated: bool,
    /// Only for the command line.
    #[arg(long)]
    sample_data: bool,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Checks.
    CheckConfig,
}

const NAMES: Names = Names { prefix: "TEST", secrets: &["TEST_MASTER_KEY"] };

fn try_load(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Loaded<Program>, SettingsError> {
    let program = std::iter::once(OsString::from("program"));
    let sources = Sources {
        arguments: program.chain(arguments.iter().map(OsString::from)).collect(),
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect(),
    };
    load(Program::command(), NAMES, sources)
}

fn loaded(arguments: &[&str], environment: &[(&str, &str)]) -> Loaded<Program> {
    try_load(arguments, environment).unwrap_or_else(|error| panic!("{error}"))
}

fn error(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    try_load(arguments, environment).err().map(|error| error.to_string()).unwrap()
}

/// A settings file with that text, and its path.
fn file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn the_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let (_folder, path) = file("issuer = \"https://file\"");
    let environment = [("TEST_ISSUER", "https://environment")];
    let issuer = |arguments: &[&str], environment: &[(&str, &str)]| loaded(arguments, environment).settings.issuer;
    assert_eq!(issuer(&[], &[]), "http://localhost:8000");
    assert_eq!(issuer(&["--config", &path], &[]), "https://file");
    assert_eq!(issuer(&["--config", &path], &environment), "https://environment");
    assert_eq!(issuer(&["--config", &path, "--issuer", "https://flag"], &environment), "https://flag");
}

#[test]
fn settings_are_the_same_before_and_after_a_subcommand() {
    let (_folder, path) = file("issuer = \"https://file\"");
    for arguments in [["--config", &path, "check-config"], ["check-config", "--config", &path]] {
        assert_eq!(loaded(&arguments, &[]).settings.issuer, "https://file");
    }
    for arguments in [["--issuer", "https://flag", "check-config"], ["check-config", "--issuer", "https://flag"]] {
        assert_eq!(loaded(&arguments, &[("TEST_CONFIG", &path)]).settings.issuer, "https://flag");
    }
}

#[test]
fn every_kind_of_value_comes_from_the_file() {
    let (_folder, path) = file("metrics_listen = \"127.0.0.1:9000\"\nhosts = [\"a\", \"b\"]\ntls_terminated = true");
    let settings = loaded(&["--config", &path], &[]).settings;
    assert_eq!(settings.metrics_listen, "127.0.0.1:9000".parse().ok());
    assert_eq!(settings.hosts, ["a", "b"]);
    assert!(settings.tls_terminated);
    let settings = loaded(&["--config", &path, "--hosts", "c"], &[]).settings;
    assert_eq!(settings.hosts, ["c"], "a list is replaced, not extended");
}

#[test]
fn every_kind_of_value_comes_from_the_environment() {
    let environment =
        [("TEST_METRICS_LISTEN", "127.0.0.1:9000"), ("TEST_HOSTS", "a,b"), ("TEST_TLS_TERMINATED", "true")];
    let settings = loaded(&[], &environment).settings;
    assert_eq!(settings.metrics_listen, "127.0.0.1:9000".parse().ok());
    assert_eq!(settings.hosts, ["a", "b"]);
    assert!(settings.tls_terminated);
}

#[test]
fn an_unknown_key_is_refused_and_the_known_ones_are_named() {
    let (_folder, path) = file("issuerr = \"https://file\"");
    let error = error(&["--config", &path], &[]);
    let known = "hosts, issuer, master_key_file, metrics_listen, tls_terminated";
    assert_eq!(error, format!("{path}: unknown key issuerr; the known keys are {known}"));
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_refused_with_the_reason() {
    let large = format!("#{}", "x".repeat(64 * 1024));
    let cases = [
        ("issuer = ", "line 1"),
        ("issuer = \"a\"\nissuer = \"b\"", "line 2"),
        ("issuer = [\"a\"]", "issuer: takes one value"),
        ("issuer = \"\"", "issuer: is empty"),
        ("[issuer]\nx = 1", "issuer: takes a plain value"),
        ("sample_data = true", "unknown key sample_data"),
        ("config = \"other.toml\"", "unknown key config"),
        ("master_key = \"x\"", "master_key is a secret and does not belong here"),
        (&large, "more than 65536 bytes"),
    ];
    for (text, expected) in cases {
        let (_folder, path) = file(text);
        let error = error(&["--config", &path], &[]);
        assert!(error.starts_with(&path) && error.contains(expected), "{error}");
    }
    assert!(error(&["--config", "/nowhere.toml"], &[]).starts_with("/nowhere.toml: cannot be read"));
}

#[test]
fn a_wrong_value_is_told_with_its_place() {
    let (_folder, path) = file("metrics_listen = \"here\"");
    let of_file = error(&["--config", &path], &[]);
    assert!(of_file.contains("'here' for '--metrics-listen"), "{of_file}");
    assert!(of_file.contains(&format!("comes from metrics_listen in {path}")), "{of_file}");
    let of_environment = error(&[], &[("TEST_METRICS_LISTEN", "there")]);
    assert!(of_environment.contains("the environment variable TEST_METRICS_LISTEN"), "{of_environment}");
    let of_flag = error(&[], &[("TEST_TLS_TERMINATED", "yes")]);
    assert!(of_flag.contains("true, false") && of_flag.contains("TEST_TLS_TERMINATED"), "{of_flag}");
    assert!(!error(&["--metrics-listen", "x"], &[]).contains("comes from"));
    for variable in ["TEST_ISSUER", "TEST_CONFIG"] {
        let expected = format!("the environment variable {variable} is set but empty: give it a value or unset it");
        assert_eq!(error(&[], &[(variable, "")]), expected);
    }
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let warnings = loaded(&[], &[("TEST_ISSUR", "x"), ("TEST_ISSUER", "y"), ("PATH", "z")]).warnings;
    assert_eq!(warnings, ["the environment variable TEST_ISSUR is unknown and is ignored"]);
}

#[test]
fn an_unknown_flag_is_refused() {
    assert!(error(&["--issuerr", "x"], &[]).contains("--issuerr"));
    assert!(error(&["--master-key", "x"], &[]).contains("--master-key"), "a secret is never a flag");
}

#[test]
fn a_secret_comes_from_the_environment_or_from_a_file() {
    let (_folder, secret_file) = file("hush\r\n");
    let (_folder, config) = file(&format!("master_key_file = \"{secret_file}\""));
    let taken = |arguments: &[&str], environment: &[(&str, &str)]| {
        let secret = loaded(arguments, environment).secrets.take("TEST_MASTER_KEY");
        secret.map(|secret| secret.expose().to_owned())
    };
    assert_eq!(taken(&[], &[]), None);
    assert_eq!(taken(&[], &[("TEST_MASTER_KEY", "hush")]).as_deref(), Some("hush"));
    assert_eq!(taken(&[], &[("TEST_MASTER_KEY_FILE", &secret_file)]).as_deref(), Some("hush"));
    assert_eq!(taken(&["--master-key-file", &secret_file], &[]).as_deref(), Some("hush"));
    assert_eq!(taken(&["--config", &config], &[]).as_deref(), Some("hush"));
}

#[test]
fn a_secret_that_cannot_be_used_is_refused_without_being_told() {
    let (_folder, path) = file("hush");
    let both = error(&[], &[("TEST_MASTER_KEY", "hush"), ("TEST_MASTER_KEY_FILE", &path)]);
    assert!(both.starts_with("TEST_MASTER_KEY: is set, and so is the file"), "{both}");
    assert!(!both.contains("hush"), "{both}");
    let (_folder, empty) = file("\n");
    for error in [error(&[], &[("TEST_MASTER_KEY", "")]), error(&["--master-key-file", &empty], &[])] {
        assert!(error.contains("TEST_MASTER_KEY: is empty"), "{error}");
    }
    assert!(error(&["--master-key-file", "/nowhere"], &[]).contains("cannot be read from /nowhere"));
    let (_folder, long) = file(&"x".repeat(Secret::LONGEST + 1));
    assert!(error(&["--master-key-file", &long], &[]).contains("more than 16384 bytes"));
}

#[test]
fn help_names_the_variables_and_tells_no_value() {
    let environment = [("TEST_ISSUER", "https://private"), ("TEST_MASTER_KEY", "hush")];
    let help = error(&["--help"], &environment).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("[env: TEST_ISSUER]") && help.contains("[env: TEST_CONFIG]"), "{help}");
    assert!(help.contains("--master-key-file") && help.contains("[env: TEST_MASTER_KEY_FILE]"), "{help}");
    assert!(!help.contains("private") && !help.contains("hush"), "{help}");
    assert!(error(&["check-config", "--help"], &environment).contains("[env: TEST_ISSUER]"));
}

#[test]
fn help_is_given_whatever_the_environment_and_the_file_hold() {
    assert!(error(&["--help"], &[("TEST_CONFIG", "/nowhere"), ("TEST_METRICS_LISTEN", "x")]).contains("Usage"));
}
