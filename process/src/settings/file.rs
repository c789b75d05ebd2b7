//! The settings file: one flat TOML table. Owns its limits and the refusal of keys that nobody
//! declared; values stay text, since parsing them is clap's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::{Table, Value};

use super::{Given, Names, Setting, SettingsError, file_error, secret_file_flag};

/// The most bytes that a settings file may have.
const LONGEST: u64 = 64 * 1024;

/// Reads what the file at `path` gives to `settings`, by the ids of their arguments.
pub(super) fn read(path: &Path, settings: &[Setting], names: Names) -> Result<BTreeMap<String, Given>, SettingsError> {
    let text = read_text(path).map_err(|error| file_error(path, format!("cannot be read: {error}")))?;
    // Not the error's own display: it quotes the line, and a misplaced secret may stand on it.
    let table: Table = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        file_error(path, format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
    })?;
    let mut given = BTreeMap::new();
    for (key, value) in table {
        let Some(setting) = settings.iter().find(|setting| setting.key() == key) else {
            return Err(file_error(path, unknown(&key, settings, names)));
        };
        let values = values(value, setting.is_list).map_err(|reason| file_error(path, format!("{key}: {reason}")))?;
        given.insert(setting.id.clone(), Given { values, origin: format!("{key} in {}", path.display()) });
    }
    Ok(given)
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    Ok(text)
}

fn unknown(key: &str, settings: &[Setting], names: Names) -> String {
    let secret = names.secrets.iter().map(|variable| secret_file_flag(names, variable).replace('-', "_"));
    if let Some(file) = secret.into_iter().find(|file| file.strip_suffix("_file") == Some(key)) {
        return format!("{key} is a secret and does not belong here: keep it in a file of its own, named by {file}");
    }
    let mut known: Vec<_> = settings.iter().map(Setting::key).collect();
    known.sort_unstable();
    format!("unknown key {key}; the known keys are {}", known.join(", "))
}

fn values(value: Value, is_list: bool) -> Result<Vec<OsString>, &'static str> {
    match value {
        Value::Array(_) if !is_list => Err("takes one value, not a list"),
        Value::Array(values) => values.into_iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

fn one(value: Value) -> Result<OsString, &'static str> {
    Ok(match value {
        Value::String(text) if text.is_empty() => return Err("is empty: give it a value or leave it out"),
        Value::String(text) => text.into(),
        Value::Integer(number) => number.to_string().into(),
        Value::Float(number) => number.to_string().into(),
        Value::Boolean(truth) => truth.to_string().into(),
        Value::Datetime(_) => return Err("takes no date"),
        Value::Array(_) | Value::Table(_) => return Err("takes a plain value; the file has no sections"),
    })
}
