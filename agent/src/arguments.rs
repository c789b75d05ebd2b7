//! A tool's arguments as they are written on a command line: `name=value`, read by the tool's input
//! schema, and `name:=json`. Owns that reading; whether the arguments are right the server says.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::{Map, Number, Value};

/// One argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Written,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// `name=value`: what it is the schema says.
    Text(String),
    /// `name:=json`: just this.
    Json(Value),
}

/// The text is no argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidArgument(String);

impl FromStr for Argument {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why: &str| InvalidArgument(why.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(|| invalid("expected name=value or name:=json"))?;
        let (name, value) = match name.strip_suffix(':') {
            Some(name) => {
                let json = serde_json::from_str(value);
                (name, Written::Json(json.map_err(|error| InvalidArgument(format!("not JSON after :=: {error}")))?))
            }
            None => (name, Written::Text(value.to_owned())),
        };
        if name.is_empty() {
            return Err(invalid("an argument has a name before its ="));
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// The JSON object of these arguments. A name that stands several times is a list, where the schema
/// wants one. What the schema does not know stays text, and the server will say so.
///
/// # Errors
/// All values that cannot be what the schema wants, each with what is expected.
pub fn object(arguments: &[Argument], schema: Option<&Map<String, Value>>) -> Result<Map<String, Value>, String> {
    let mut by_name: BTreeMap<&str, Vec<&Written>> = BTreeMap::new();
    for argument in arguments {
        by_name.entry(&argument.name).or_default().push(&argument.value);
    }
    let mut object = Map::new();
    let mut wrong = Vec::new();
    for (name, values) in by_name {
        let wanted = schema.map(|root| Wanted::property(root, name)).unwrap_or_default();
        match wanted.read_all(&values) {
            Ok(value) => {
                object.insert(name.to_owned(), value);
            }
            Err(expected) => wrong.push(format!("{name}: expected {expected}")),
        }
    }
    if wrong.is_empty() { Ok(object) } else { Err(wrong.join("; ")) }
}

/// What the schema wants of a value, as far as text can be read by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// The names of JSON Schema's types; none where the schema does not say.
    types: Vec<String>,
    /// What the members of a list are.
    items: Option<Box<Wanted>>,
}

/// How deep references and alternatives are followed.
const DEEPEST: usize = 4;

impl Wanted {
    fn property(root: &Map<String, Value>, name: &str) -> Self {
        let mut wanted = Self::default();
        if let Some(schema) = root.get("properties").and_then(|properties| properties.get(name)) {
            wanted.gather(root, schema, DEEPEST);
        }
        wanted
    }

    /// Gathers the types that `schema` allows, through references and alternatives.
    fn gather(&mut self, root: &Map<String, Value>, schema: &Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match schema.get("type") {
            Some(Value::String(one)) => self.types.push(one.clone()),
            Some(Value::Array(all)) => self.types.extend(all.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
        if let Some(items) = schema.get("items") {
            let mut wanted = Self::default();
            wanted.gather(root, items, depth);
            self.items = Some(Box::new(wanted));
        }
        for alternatives in ["anyOf", "oneOf", "allOf"] {
            for alternative in schema.get(alternatives).and_then(Value::as_array).into_iter().flatten() {
                self.gather(root, alternative, depth);
            }
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|name| referenced(root, name)) {
            self.gather(root, target, depth);
        }
    }

    fn allows(&self, kind: &str) -> bool {
        self.types.iter().any(|allowed| allowed == kind)
    }

    fn read_all(&self, values: &[&Written]) -> Result<Value, String> {
        match values {
            [Written::Json(json)] => Ok(json.clone()),
            [Written::Text(text)] => self.read(text),
            several if self.allows("array") => {
                let item = |value: &&Written| match value {
                    Written::Json(json) => Ok(json.clone()),
                    Written::Text(text) => self.read_item(text),
                };
                several.iter().map(item).collect::<Result<_, _>>().map(Value::Array)
            }
            _ => Err("it once".to_owned()),
        }
    }

    fn read_item(&self, text: &str) -> Result<Value, String> {
        self.items.as_ref().map_or_else(|| Ok(text.into()), |items| items.read(text))
    }

    /// Text is text where the schema allows text or says nothing; else the first of the other types
    /// that it can be read as.
    fn read(&self, text: &str) -> Result<Value, String> {
        if self.types.is_empty() || self.allows("string") {
            return Ok(text.into());
        }
        let readings = self.types.iter().filter_map(|kind| match kind.as_str() {
            "integer" => integer(text),
            "number" => number(text),
            "boolean" => text.parse().ok().map(Value::Bool),
            "null" => (text == "null").then_some(Value::Null),
            "object" => serde_json::from_str(text).ok().filter(Value::is_object),
            "array" => array(text).or_else(|| self.read_item(text).ok().map(|item| Value::Array(vec![item]))),
            _ => None,
        });
        let expected = || self.types.iter().map(|kind| described(kind)).collect::<Vec<_>>().join(" or ");
        readings.into_iter().next().ok_or_else(expected)
    }
}

/// The schema that a reference within this schema names.
fn referenced<'a>(root: &'a Map<String, Value>, reference: &str) -> Option<&'a Value> {
    let mut path = reference.strip_prefix("#/")?.split('/');
    let first = root.get(path.next()?)?;
    path.try_fold(first, |schema, step| schema.get(step))
}

fn integer(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| text.parse::<u64>().ok().map(Number::from)).map(Value::Number)
}

fn number(text: &str) -> Option<Value> {
    let json = serde_json::from_str(text).ok().filter(Value::is_number);
    json.or_else(|| text.parse().ok().and_then(Number::from_f64).map(Value::Number))
}

fn array(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(Value::is_array)
}

fn described(kind: &str) -> &str {
    match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "null" => "null",
        "object" => "a JSON object",
        "array" => "a JSON list",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(arguments: &[&str], schema: &Value) -> Result<Value, String> {
        let arguments: Vec<Argument> = arguments.iter().map(|text| text.parse().unwrap()).collect();
        object(&arguments, schema.as_object()).map(Value::Object)
    }

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "count": {"type": "integer"},
                "salary": {"type": ["number", "null"]},
                "active": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "status": {"$ref": "#/$defs/Status"},
                "tags": {"type": "array", "items": {"type": "integer"}},
                "detail": {"type": "object"},
                "loop": {"$ref": "#/$defs/Loop"},
            },
            "$defs": {"Status": {"type": "string", "enum": ["1"]}, "Loop": {"$ref": "#/$defs/Loop"}},
        })
    }

    #[test]
    fn values_are_read_by_the_schema() {
        let arguments = ["name=7", "count=7", "salary=1e3", "active=true", "status=1", "detail={\"a\":1}", "loop=x"];
        assert_eq!(
            read(&arguments, &schema()),
            Ok(json!({
                "name": "7", "count": 7, "salary": 1e3, "active": true, "status": "1", "detail": {"a": 1}, "loop": "x"
            }))
        );
        assert_eq!(read(&["name=a=b", "unknown=7"], &schema()), Ok(json!({"name": "a=b", "unknown": "7"})));
        assert_eq!(read(&["salary=null", "name="], &schema()), Ok(json!({"salary": null, "name": ""})));
    }

    #[test]
    fn json_is_taken_as_it_stands() {
        assert_eq!(read(&["count:=\"7\"", "x:=[1,{}]"], &schema()), Ok(json!({"count": "7", "x": [1, {}]})));
    }

    #[test]
    fn a_list_is_json_or_one_argument_for_each_member() {
        for arguments in [&["tags=[1,2]"][..], &["tags=1", "tags=2"], &["tags=1", "tags:=2"]] {
            assert_eq!(read(arguments, &schema()), Ok(json!({"tags": [1, 2]})), "{arguments:?}");
        }
        assert_eq!(read(&["tags=1"], &schema()), Ok(json!({"tags": [1]})));
    }

    #[test]
    fn every_value_that_cannot_be_read_is_named_at_once() {
        assert_eq!(
            read(&["count=many", "salary=x", "name=a", "name=b", "tags=x", "active=yes", "detail=[]"], &schema()),
            Err("active: expected true or false or null; count: expected a whole number; detail: expected a JSON \
                 object; name: expected it once; salary: expected a number or null; tags: expected a JSON list"
                .to_owned())
        );
    }

    #[test]
    fn without_a_schema_text_stays_text() {
        let arguments = ["a=1".parse().unwrap(), "b:=1".parse().unwrap()];
        assert_eq!(object(&arguments, None).map(Value::Object), Ok(json!({"a": "1", "b": 1})));
    }

    #[test]
    fn what_is_no_argument_is_refused() {
        for wrong in ["", "name", "=x", ":=1", "a:=", "a:={"] {
            assert!(wrong.parse::<Argument>().is_err(), "{wrong}");
        }
    }
}
