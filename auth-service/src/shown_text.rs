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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_people_are_shown_is_one_line_of_a_length_and_moves_no_cursor() {
        assert_eq!(check("title", "é", 1), Ok(()));
        for wrong in ["ab", "\n", "\u{1b}", "\u{7f}", "\u{9b}"] {
            assert!(check("title", wrong, 1).is_err_and(|told| told.contains("title")), "{wrong:?}");
        }
        assert_eq!(printable("\u{1b}]0;é\u{7}\n"), "\u{fffd}]0;é\u{fffd}\u{fffd}");
    }
}
