//! Texts that people are shown, on pages and in terminals: names, titles, descriptions, reasons. Owns what such a
//! text may be; how long each is its owner's.

/// Checks a text of at most `longest` characters that is shown as `member`.
///
/// # Errors
/// What it must be: a control character moves a terminal's cursor, and hides or forges what stands there.
pub fn check(member: &str, text: &str, longest: usize) -> Result<(), String> {
    if text.chars().count() <= longest && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(format!("{member} has at most {longest} characters, none of them a control character"))
}

/// What a terminal is shown of a text that may be older than [`check`].
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }).collect()
}
