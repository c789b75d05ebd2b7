//! What commands read: a file, or standard input where the path is `-`. Owns the limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::CommandError;

/// The text at `path`, of at most `longest` bytes.
pub fn read(path: &Path, longest: u64) -> Result<String, CommandError> {
    let named = |cause: &dyn std::fmt::Display| CommandError::Other(format!("{}: {cause}", path.display()));
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| named(&error))?)
    };
    let mut text = String::new();
    source.take(longest + 1).read_to_string(&mut text).map_err(|error| named(&error))?;
    if text.len() as u64 > longest {
        return Err(named(&format!("it has more than {longest} bytes")));
    }
    Ok(text)
}
