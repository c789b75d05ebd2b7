//! Records as all servers keep and show them: their written ids, lists of texts in one column, and
//! how many are shown at once. Knows no table and no tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most records in one answer.
pub const MOST_LISTED: usize = 1000;

/// The most records that are read for one answer: one more than are listed tells that there are
/// more.
pub const MOST_READ: i64 = 1001;

/// A written id: `EMP-001` is number 1 of the employees.
#[must_use]
pub fn written_id(prefix: &str, number: i64) -> String {
    format!("{prefix}-{number:03}")
}

/// Leaves in `found` what one answer may hold. Gives what is to be said of it: of which records (the
/// employees, the tasks) only the first are listed, or, where there are none, what `nothing` says.
#[must_use]
pub fn cut<T>(found: &mut Vec<T>, records: &str, nothing: impl FnOnce() -> String) -> Option<String> {
    if found.len() > MOST_LISTED {
        found.truncate(MOST_LISTED);
        return Some(format!("Only the first {MOST_LISTED} {records} are listed: narrow the search."));
    }
    found.is_empty().then(nothing)
}

/// A list of texts that is stored in one column, as a JSON array: it is read and written whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct TextList(Vec<String>);

impl TextList {
    /// What stands in the column.
    #[must_use]
    pub fn to_column(&self) -> String {
        serde_json::Value::from(self.0.as_slice()).to_string()
    }
}

impl<T: Into<String>> FromIterator<T> for TextList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        Self(texts.into_iter().map(Into::into).collect())
    }
}

/// From what stands in the column.
impl TryFrom<String> for TextList {
    type Error = serde_json::Error;

    fn try_from(column: String) -> Result<Self, Self::Error> {
        serde_json::from_str(&column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_id_has_three_digits_or_more() {
        for (number, id) in [(1, "EMP-001"), (999, "EMP-999"), (1000, "EMP-1000")] {
            assert_eq!(written_id("EMP", number), id);
        }
    }

    #[test]
    fn a_list_of_texts_comes_out_of_its_column_as_it_went_in() {
        for texts in [vec![], vec!["api"], vec!["a \"b\"", "", "\u{e4},\n[]"]] {
            let list = TextList::from_iter(texts);
            assert_eq!(TextList::try_from(list.to_column()).unwrap(), list);
        }
        assert!(TextList::try_from("api".to_owned()).is_err());
    }

    #[test]
    fn an_answer_that_is_cut_or_empty_says_so() {
        let cut_of = |length: usize| {
            let mut found = vec![(); length];
            let message = cut(&mut found, "tasks", || "There are no tasks yet.".to_owned());
            (found.len(), message)
        };
        assert_eq!(cut_of(0), (0, Some("There are no tasks yet.".to_owned())));
        assert_eq!(cut_of(1), (1, None));
        assert_eq!(cut_of(MOST_LISTED), (MOST_LISTED, None));
        let said = "Only the first 1000 tasks are listed: narrow the search.".to_owned();
        assert_eq!(cut_of(MOST_LISTED + 1), (MOST_LISTED, Some(said)));
    }
}
