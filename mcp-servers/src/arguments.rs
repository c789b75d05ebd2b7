//! The arguments of a tool call, from the caller's JSON to the tool's own type. What the tool
//! advertises as its schema is what is enforced; everything that is wrong is told at once, a
//! sentence for each field. Never decides what only the data can tell.

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, JsonType, ValidationError, Validator};
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fields::{Date, is_email};

/// What is wrong with the arguments: a sentence for each field, by the field's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(BTreeMap<String, String>);

impl Problems {
    /// The most fields that one answer names.
    const MOST: usize = 100;
    /// The most characters of a field's name that are repeated: the caller chose it.
    const LONGEST_NAME: usize = 64;

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what is wrong with `field`, as the rest of a sentence: `must …`. What was said of it
    /// first stays.
    pub fn add(&mut self, field: &str, sentence: impl Into<String>) {
        let printable = |character: char| if character.is_control() { '\u{fffd}' } else { character };
        let field = field.chars().take(Self::LONGEST_NAME).map(printable).collect();
        if self.0.len() < Self::MOST {
            self.0.entry(field).or_insert(sentence.into());
        }
    }

    /// Adds what `others` say of fields that nothing was said of yet.
    pub fn extend(&mut self, others: Self) {
        for (field, sentence) in others.0 {
            self.add(&field, sentence);
        }
    }

    /// The sentence about `field`.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// The same for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.0.iter().map(|(field, message)| json!({"field": field, "message": message})).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (field, message)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{field}: {message}")?;
        }
        Ok(())
    }
}

/// The arguments of a tool that takes none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArguments {}

/// Arguments that are not what the tool takes: what is wrong, and the members that are right by
/// themselves, so that the tool can add what only its data tells.
#[derive(Debug)]
pub struct Flawed {
    /// What is wrong so far.
    pub problems: Problems,
    members: JsonObject,
}

impl Flawed {
    /// The member `name`, where it was given and nothing is wrong with it by itself.
    #[must_use]
    pub fn field<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let is_right = self.problems.get(name).is_none();
        self.members.get(name).filter(|_| is_right).and_then(|value| T::deserialize(value).ok())
    }
}

/// The JSON Schema of arguments, compiled.
pub(crate) struct ArgumentSchema {
    advertised: JsonObject,
    compiled: Validator,
}

impl ArgumentSchema {
    /// The schema of `A`, which takes no member that it does not name.
    ///
    /// # Errors
    /// Where `A` is no JSON object, or its schema is none.
    pub(crate) fn of<A: JsonSchema>() -> Result<Self, String> {
        let advertised = object_schema::<A>(SchemaSettings::draft2020_12())?;
        let compiled = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_format("date", |text: &str| text.parse::<Date>().is_ok())
            .with_format("email", is_email)
            .build(&Value::Object(advertised.clone()))
            .map_err(|error| error.to_string())?;
        Ok(Self { advertised, compiled })
    }

    /// What the tool advertises.
    pub(crate) fn advertised(&self) -> &JsonObject {
        &self.advertised
    }

    /// The arguments as `A`, or everything that is wrong with them.
    pub(crate) fn read<A: DeserializeOwned>(&self, members: JsonObject) -> Result<A, Flawed> {
        let members = Value::Object(members);
        let mut problems = Problems::default();
        for error in self.compiled.iter_errors(&members) {
            describe(&error, &mut problems);
        }
        if problems.is_empty() {
            match A::deserialize(&members) {
                Ok(arguments) => return Ok(arguments),
                // The types refuse what their schemas let through: refused all the same.
                Err(error) => problems.add("arguments", error.to_string()),
            }
        }
        let Value::Object(members) = members else { return Err(Flawed { problems, members: JsonObject::new() }) };
        Err(Flawed { problems, members })
    }
}

/// The schema of `T` without definitions to follow and without the name of the Rust type.
pub(crate) fn object_schema<T: JsonSchema>(settings: SchemaSettings) -> Result<JsonObject, String> {
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let Value::Object(mut schema) = schema.to_value() else { return Err("its schema is no object".to_owned()) };
    if schema.get("type") != Some(&json!("object")) {
        return Err("only a struct with named fields can be arguments or a result".to_owned());
    }
    schema.remove("title");
    schema.remove("description");
    schema.entry("properties").or_insert_with(|| json!({}));
    schema.insert("additionalProperties".to_owned(), json!(false));
    Ok(schema)
}

/// Puts one violation into the words of the house.
fn describe(error: &ValidationError<'_>, problems: &mut Problems) {
    let at = error.instance_path().to_string();
    let field = at.trim_start_matches('/').replace('/', ".");
    let inside = |member: &str| if field.is_empty() { member.to_owned() } else { format!("{field}.{member}") };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            problems.add(&inside(property.as_str().unwrap_or_default()), "is required");
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for member in unexpected {
                problems.add(&inside(member), "is not known here");
            }
        }
        kind => problems.add(&field, sentence(kind, error.instance())),
    }
}

fn sentence(kind: &ValidationErrorKind, value: &Value) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => {
            let wanted = type_words(kind);
            let found = match type_word(JsonType::from(value)) {
                "a number" if wanted == "a whole number" => "a fraction",
                other => other,
            };
            format!("must be {wanted}, not {found}")
        }
        ValidationErrorKind::Enum { options } => format!("must be one of {}", choices(options)),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} entries"),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {limit} entries"),
        ValidationErrorKind::UniqueItems => "must not name an entry twice".to_owned(),
        ValidationErrorKind::Format { format } if format == "date" => Date::EXPECTED.to_string(),
        ValidationErrorKind::Format { format } if format == "email" => crate::fields::Email::EXPECTED.to_string(),
        ValidationErrorKind::Pattern { .. } if value.as_str().is_some_and(is_blank) => "must not be blank".to_owned(),
        ValidationErrorKind::Pattern { .. } => "must not contain control characters".to_owned(),
        other => format!("does not fit the rule {}", other.keyword()),
    }
}

/// Whether a pattern sees only white space in it, to which a byte order mark belongs (ECMA-262, WhiteSpace).
fn is_blank(text: &str) -> bool {
    text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}').is_empty()
}

/// The allowed values of an enumeration, without the null that only says "may be left out".
fn choices(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let words = options.iter().filter(|option| !option.is_null());
    words.map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned)).collect::<Vec<_>>().join(", ")
}

fn type_words(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => type_word(*one).to_owned(),
        TypeKind::Multiple(several) => {
            let wanted = several.iter().filter(|one| *one != JsonType::Null);
            wanted.map(type_word).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn type_word(json_type: JsonType) -> &'static str {
    match json_type {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{Email, Line, Positive, Prose};

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        DeepBlue,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read to see whether it can be")]
    struct Everything {
        name: Line<5>,
        email: Email,
        day: Date,
        pay: Positive,
        colour: Colour,
        other_colour: Option<Colour>,
        notes: Option<Prose<0, 5>>,
        reason: Option<Prose<1, 5>>,
    }

    fn read(arguments: &Value) -> Result<Everything, Flawed> {
        let schema = ArgumentSchema::of::<Everything>().unwrap();
        schema.read(arguments.as_object().unwrap().clone())
    }

    fn right() -> Value {
        json!({"name": "Ada", "email": "a@b.co", "day": "2024-02-29", "pay": 1, "colour": "deep_blue"})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut arguments = right();
        arguments[field] = value;
        arguments
    }

    #[test]
    fn right_arguments_are_read() {
        assert!(read(&right()).is_ok());
        assert!(read(&with("notes", Value::Null)).is_ok(), "null is the same as absent");
        assert!(read(&with("other_colour", json!("red"))).is_ok());
    }

    #[test]
    fn each_wrong_field_gets_its_sentence() {
        let cases = [
            ("name", json!("Adalbert"), "must have at most 5 characters"),
            ("name", json!(""), "must not be empty"),
            ("name", json!("  "), "must not be blank"),
            ("name", json!("a\u{0}"), "must not contain control characters"),
            ("name", json!("a\nb"), "must not contain control characters"),
            ("name", json!("\u{feff}"), "must not be blank"),
            ("name", json!(7), "must be text, not a number"),
            ("name", Value::Null, "must be text, not null"),
            ("reason", json!(" \n"), "must not be blank"),
            ("notes", json!("a\u{7}"), "must not contain control characters"),
            ("notes", json!(["a"]), "must be text, not a list"),
            ("email", json!("a"), "must be an e-mail address such as name@example.com"),
            ("day", json!("2024-02-30"), "must be a date that exists, written YYYY-MM-DD"),
            ("pay", json!(0), "must be greater than 0"),
            ("pay", json!("1"), "must be a number, not text"),
            ("colour", json!("green"), "must be one of red, deep_blue"),
            ("other_colour", json!("green"), "must be one of red, deep_blue"),
            ("shape", json!(1), "is not known here"),
        ];
        for (field, value, sentence) in cases {
            let flawed = read(&with(field, value.clone())).unwrap_err();
            assert_eq!(flawed.problems.to_string(), format!("{field}: {sentence}"), "{value}");
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let flawed = read(&json!({"name": "", "pay": -1, "day": "x", "shape": 1})).unwrap_err();
        let expected = "colour: is required\nday: must be a date that exists, written YYYY-MM-DD\nemail: is required\n\
                        name: must not be empty\npay: must be greater than 0\nshape: is not known here";
        assert_eq!(flawed.problems.to_string(), expected);
    }

    #[test]
    fn a_flawed_call_still_gives_its_right_members() {
        let flawed = read(&json!({"name": "", "email": "a@b.co", "day": "x"})).unwrap_err();
        assert_eq!(flawed.field::<String>("email").as_deref(), Some("a@b.co"));
        assert_eq!(flawed.field::<String>("name"), None);
        assert_eq!(flawed.field::<Date>("day"), None);
        assert_eq!(flawed.field::<f64>("pay"), None);
    }

    #[test]
    fn names_that_the_caller_chose_are_repeated_within_bounds() {
        let mut arguments = right();
        for number in 0..200 {
            arguments[format!("{}\u{1b}{number}", "x".repeat(100))] = json!(1);
            arguments[format!("{number}\u{1b}")] = json!(1);
        }
        let problems = read(&arguments).unwrap_err().problems;
        assert_eq!(problems.0.len(), Problems::MOST);
        assert!(problems.0.keys().all(|name| name.chars().count() <= Problems::LONGEST_NAME));
        assert!(!problems.to_string().contains('\u{1b}'));
    }
}
