//! A tool's result as people read it: records as a table, an object as lines, content as what it is.
//! Owns that form; scripts get the result as the protocol has it.

use std::collections::HashSet;

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Map, Value};

use crate::output::{MOST_CELLS, Output, in_one_line, printable};

/// The most columns of a table. Records with more names than these have nothing to be compared in.
const MOST_COLUMNS: usize = 64;

/// The result as text.
pub fn text(result: &CallToolResult, output: Output) -> String {
    match &result.structured_content {
        Some(Value::Object(members)) => object(members, output),
        Some(Value::Array(rows)) => list(rows, output),
        Some(other) => format!("{}\n", cell(other)),
        None => content(&result.content),
    }
}

/// What a tool says that failed.
pub fn error_text(result: &CallToolResult) -> String {
    let text = content(&result.content);
    let text = text.trim_end();
    if text.is_empty() { "the tool failed without saying why".to_owned() } else { text.to_owned() }
}

/// An object as lines; a list of records in it as a table below.
fn object(members: &Map<String, Value>, output: Output) -> String {
    let is_table = |value: &Value| value.as_array().is_some_and(|rows| rows.iter().all(Value::is_object));
    let (tables, plain): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| is_table(value));
    let pairs: Vec<_> = plain.into_iter().map(|(name, value)| (name.clone(), cell(value))).collect();
    let mut parts = Vec::new();
    let is_only = tables.len() == 1;
    for (name, rows) in tables {
        let table = list(rows.as_array().map(Vec::as_slice).unwrap_or_default(), output);
        parts.push(if is_only { table } else { format!("{}\n{table}", in_one_line(name)) });
    }
    if !pairs.is_empty() {
        parts.push(output.lines(&pairs));
    }
    parts.join("\n")
}

/// Records as a table, what tells them apart first; else one a line.
fn list(rows: &[Value], output: Output) -> String {
    let Some(mut columns) = columns(rows) else {
        return rows.iter().map(|row| in_one_line(&cell(row)) + "\n").collect();
    };
    columns.sort_by_key(|name| place(name));
    let row = |row: &Value| columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default()).collect();
    let heading: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    output.table(&heading, &rows.iter().map(row).collect::<Vec<_>>())
}

/// The names in records, in the order in which they come; none where something is no record, or where they make
/// more than [`MOST_COLUMNS`] or [`MOST_CELLS`].
fn columns(rows: &[Value]) -> Option<Vec<&str>> {
    let (mut columns, mut known) = (Vec::new(), HashSet::new());
    for row in rows {
        columns.extend(row.as_object()?.keys().map(String::as_str).filter(|name| known.insert(*name)));
        if columns.len() > MOST_COLUMNS {
            return None;
        }
    }
    (columns.len().saturating_mul(rows.len()) <= MOST_CELLS).then_some(columns)
}

/// Where a column stands: identifiers, then names, then all others. JSON objects have no order.
fn place(name: &str) -> u8 {
    match name {
        "id" => 0,
        name if name.ends_with("_id") => 1,
        "name" | "title" => 2,
        _ => 3,
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

fn content(blocks: &[ContentBlock]) -> String {
    let block = |block: &ContentBlock| match block {
        ContentBlock::Text(text) => printable(&text.text),
        ContentBlock::Image(image) => described(&image.mime_type, "image", image.data.len()),
        ContentBlock::Audio(audio) => described(&audio.mime_type, "audio", audio.data.len()),
        ContentBlock::ResourceLink(link) => printable(&link.uri),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => printable(text),
            ResourceContents::BlobResourceContents { blob, uri, .. } => described(uri, "blob", blob.len()),
            _ => "[a resource of a kind that mcp-agent does not know]".to_owned(),
        },
        _ => "[content of a kind that mcp-agent does not know]".to_owned(),
    };
    blocks.iter().map(|one| block(one) + "\n").collect()
}

/// Binary content is not printed; `--json` has it.
fn described(name: &str, kind: &str, base64_characters: usize) -> String {
    format!("[{kind} {}, {base64_characters} characters of base64: see --json]", printable(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OUTPUT: Output = Output { json: false, width: None };

    fn structured(value: Value) -> String {
        text(&CallToolResult::structured(value), OUTPUT)
    }

    #[test]
    fn records_are_a_table_and_the_rest_lines() {
        assert_eq!(
            structured(json!({"count": 2, "employees": [{"id": "E1", "salary": 5}, {"id": "E2", "note": null}]})),
            "ID  SALARY  NOTE\nE1  5\nE2          -\n\ncount  2\n"
        );
        assert_eq!(structured(json!([{"age": 1, "name": "n", "id": "i"}])), "ID  NAME  AGE\ni   n     1\n");
        assert_eq!(structured(json!({"employees": [], "count": 0})), "none\n\ncount  0\n");
        assert_eq!(structured(json!({"a": 1, "deep": {"b": [1]}})), "a     1\ndeep  {\"b\":[1]}\n");
        assert_eq!(structured(json!([1, "x"])), "1\nx\n");
        assert_eq!(structured(json!(null)), "-\n");
    }

    #[test]
    fn records_of_too_many_names_or_too_many_are_printed_one_a_line() {
        let many = |count: usize| json!((0..count).map(|name| json!({format!("c{name}"): 1})).collect::<Vec<_>>());
        assert_eq!(structured(many(MOST_COLUMNS)).lines().count(), MOST_COLUMNS + 1, "a heading and the rows");
        let lines = structured(many(6000));
        assert!(lines.starts_with("{\"c0\":1}\n{\"c1\":1}\n") && lines.lines().count() == 6000, "{lines:.100}");
        let long = json!({"rows": vec![json!({"a": 1, "b": 2}); MOST_CELLS / 2 + 1]});
        assert!(structured(long).starts_with("{\"a\":1,\"b\":2}\n"));
    }

    #[test]
    fn content_without_structure_is_printed_as_what_it_is() {
        let result =
            CallToolResult::success(vec![ContentBlock::text("a\u{1b}b"), ContentBlock::image("AAAA", "image/png")]);
        assert_eq!(text(&result, OUTPUT), "a\u{fffd}b\n[image image/png, 4 characters of base64: see --json]\n");
        assert_eq!(error_text(&CallToolResult::error(vec![])), "the tool failed without saying why");
    }
}
