//! Layered settings: the command line, then the environment, then a TOML file, then the default.
//! A program declares each setting once, as a global argument of clap with `env`; this module
//! brings in the other layers as defaults of those arguments, so that clap does all parsing and
//! writes all errors. Never interprets a setting.
//!
//! A setting `--database-url` with `env = "AUTH_DATABASE_URL"` is `database_url` in the file.
//! Lists are declared with `value_delimiter = ','` and are arrays in the file. A secret
//! `AUTH_MASTER_KEY` is never a flag and never in the file; `AUTH_MASTER_KEY_FILE`,
//! `--master-key-file` and `master_key_file` name a file that holds it.
//!
//! Errors repeat a value that does not parse: what may hold a password, such as the URL of a
//! database, is best declared as text and parsed by its owner.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{ArgAction, Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command, FromArgMatches, value_parser};

use crate::secret::{Secret, SecretError};

mod file;

/// What a program calls its settings.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// The beginning of its environment variables, without the underscore: `AUTH`.
    pub prefix: &'static str,
    /// The environment variables that hold secrets: `AUTH_MASTER_KEY`.
    pub secrets: &'static [&'static str],
}

/// Where settings are read from. Tests pass their own.
pub struct Sources {
    /// The command line, the program's name first.
    pub arguments: Vec<OsString>,
    /// The environment.
    pub environment: BTreeMap<String, OsString>,
}

impl Sources {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        Self {
            arguments: std::env::args_os().collect(),
            environment: variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect(),
        }
    }
}

/// What was read.
pub struct Loaded<T> {
    /// The settings.
    pub settings: T,
    /// The secrets.
    pub secrets: Secrets,
    /// What is worth a warning once logs are written, such as an unknown environment variable.
    pub warnings: Vec<String>,
}

/// The secrets that were given, by the environment variable that names each.
pub struct Secrets(BTreeMap<&'static str, Secret>);

impl Secrets {
    /// Hands out the secret of that name, if it was given; a second time there is nothing left.
    pub fn take(&mut self, variable: &str) -> Option<Secret> {
        self.0.remove(variable)
    }
}

/// Why there are no settings; also the answer to `--help` and `--version`.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// What clap answers to the command line.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// A value from the file or the environment is not what it should be.
    #[error("{error}\nThe value comes from {origin}.")]
    Value {
        /// What clap says of it.
        error: clap::Error,
        /// Where it was set.
        origin: String,
    },
    /// A variable is set to the empty text.
    #[error("the environment variable {0} is set but empty: give it a value or unset it")]
    Empty(String),
    /// The settings file cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A secret cannot be used.
    #[error("{0}: {1}")]
    Secret(&'static str, #[source] SecretError),
}

impl SettingsError {
    /// Tells the person, and gives the exit code: 0 for help and version, else 2.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        const USAGE: u8 = 2;
        // A terminal that is gone cannot be told that it is gone.
        match self {
            Self::CommandLine(error) => {
                let _ = error.print();
                u8::try_from(error.exit_code()).unwrap_or(USAGE).into()
            }
            Self::Value { .. } => {
                let _ = writeln!(std::io::stderr(), "{self}");
                USAGE.into()
            }
            other => {
                let _ = writeln!(std::io::stderr(), "error: {other}");
                USAGE.into()
            }
        }
    }
}

/// Reads the settings that `command` declares (its global arguments with `env`) from all layers.
/// Adds `--config` and the `…_FILE` form of each secret.
///
/// # Errors
/// What is wrong and where it was set; also the texts of `--help` and `--version`.
pub fn load<T: FromArgMatches>(command: Command, names: Names, sources: Sources) -> Result<Loaded<T>, SettingsError> {
    let Sources { arguments, mut environment } = sources;
    let (command, settings) = declare(command, names);
    // The command line alone first: it may ask for help, and it may name the file.
    let first = command.clone().try_get_matches_from(&arguments)?;
    let warnings = unknown_variables(names, &settings, &environment);
    let config = take(&mut environment, &config_variable(names))?.map(PathBuf::from);
    let mut given = match first.get_one::<PathBuf>(CONFIG).or(config.as_ref()) {
        Some(path) => file::read(path, &settings, names)?,
        None => BTreeMap::new(),
    };
    for setting in &settings {
        if let Some(value) = take(&mut environment, &setting.variable)? {
            let origin = format!("the environment variable {}", setting.variable);
            given.insert(setting.id.clone(), Given { values: vec![value], origin });
        }
    }
    let command = command.mut_args(|arg| match given.get(arg.get_id().as_str()) {
        Some(given) => arg.default_values(given.values.clone()),
        None => arg,
    });
    let matches = command.try_get_matches_from(arguments).map_err(|error| with_origin(error, &settings, &given))?;
    let secrets = secrets(names, &matches, &mut environment)?;
    Ok(Loaded { settings: T::from_arg_matches(&matches)?, secrets, warnings })
}

/// Takes a variable out of the environment. One that is set to nothing is more likely a mistake than
/// a wish for the default.
fn take(environment: &mut BTreeMap<String, OsString>, variable: &str) -> Result<Option<OsString>, SettingsError> {
    let value = environment.remove(variable);
    if value.as_ref().is_some_and(|value| value.is_empty()) {
        return Err(SettingsError::Empty(variable.to_owned()));
    }
    Ok(value)
}

/// The id of the argument that names the file.
const CONFIG: &str = "config";

/// One setting as its argument declares it.
struct Setting {
    /// Its argument.
    id: String,
    /// Its flag, without dashes.
    flag: String,
    /// Its environment variable.
    variable: String,
    /// Whether it may have several values.
    is_list: bool,
}

impl Setting {
    /// Its name in the file.
    fn key(&self) -> String {
        self.flag.replace('-', "_")
    }
}

/// What a layer below the command line gives to one setting.
struct Given {
    values: Vec<OsString>,
    origin: String,
}

fn config_variable(names: Names) -> String {
    format!("{}_CONFIG", names.prefix)
}

/// The flag of the file that may hold a secret, without dashes.
fn secret_file_flag(names: Names, variable: &str) -> String {
    let name = variable.strip_prefix(names.prefix).unwrap_or(variable).trim_start_matches('_');
    format!("{name}_file").to_lowercase().replace('_', "-")
}

/// Adds the arguments that every program has, and takes `env` from all: reading the environment is
/// this module's, since clap would read the real one.
fn declare(command: Command, names: Names) -> (Command, Vec<Setting>) {
    let mut command = command.arg(
        Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("PATH")
            .global(true)
            .value_parser(value_parser!(PathBuf))
            .help(format!("TOML file with settings [env: {}]", config_variable(names))),
    );
    for variable in names.secrets {
        let flag = secret_file_flag(names, variable);
        command = command.arg(
            Arg::new(flag.clone())
                .long(flag)
                .value_name("PATH")
                .global(true)
                .value_parser(value_parser!(PathBuf))
                .env(format!("{variable}_FILE"))
                .help(format!("File that holds the secret, where {variable} does not hold it")),
        );
    }
    let mut settings = Vec::new();
    let command = command.mut_args(|arg| {
        let (Some(variable), Some(flag)) = (arg.get_env(), arg.get_long()) else { return arg };
        let variable = variable.to_string_lossy().into_owned();
        settings.push(Setting {
            id: arg.get_id().to_string(),
            flag: flag.to_owned(),
            variable: variable.clone(),
            is_list: matches!(arg.get_action(), ArgAction::Append),
        });
        let with_variable = |help: Option<&StyledStr>| help.map(|help| format!("{help} [env: {variable}]"));
        let (short, long) = (with_variable(arg.get_help()), with_variable(arg.get_long_help()));
        let arg = arg.env(Resettable::Reset);
        let arg = if let Some(short) = short { arg.help(short) } else { arg };
        if let Some(long) = long { arg.long_help(long) } else { arg }
    });
    (command, settings)
}

fn unknown_variables(names: Names, settings: &[Setting], environment: &BTreeMap<String, OsString>) -> Vec<String> {
    let prefix = format!("{}_", names.prefix);
    let config = config_variable(names);
    let is_known = |name: &str| {
        name == config || names.secrets.contains(&name) || settings.iter().any(|setting| setting.variable == name)
    };
    let unknown = environment.keys().filter(|name| name.starts_with(&prefix) && !is_known(name));
    unknown.map(|name| format!("the environment variable {name} is unknown and is ignored")).collect()
}

/// Says where the value that clap complains of was set, if not on the command line.
fn with_origin(error: clap::Error, settings: &[Setting], given: &BTreeMap<String, Given>) -> SettingsError {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return error.into() };
    let flag = argument.split([' ', '=']).next().unwrap_or_default().trim_start_matches('-');
    let setting = settings.iter().find(|setting| setting.flag == flag);
    match setting.and_then(|setting| given.get(&setting.id)) {
        Some(given) => SettingsError::Value { origin: given.origin.clone(), error },
        None => error.into(),
    }
}

fn secrets(
    names: Names,
    matches: &ArgMatches,
    environment: &mut BTreeMap<String, OsString>,
) -> Result<Secrets, SettingsError> {
    let mut secrets = BTreeMap::new();
    for variable in names.secrets {
        let path = matches.get_one::<PathBuf>(&secret_file_flag(names, variable));
        let secret = Secret::from_either(environment.remove(*variable), path.map(PathBuf::as_path));
        if let Some(secret) = secret.map_err(|error| SettingsError::Secret(variable, error))? {
            secrets.insert(*variable, secret);
        }
    }
    Ok(Secrets(secrets))
}

fn file_error(path: &Path, reason: impl Into<String>) -> SettingsError {
    SettingsError::File { path: path.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests;
