//! Checks a file's tree against its schema and collects every difference.
//!
//! A schema is first compiled into a [`Shape`]. That understands exactly the keywords that our own types produce and
//! refuses any other, so nothing in a published schema can go unchecked.

use serde_json::{Map, Value};

use super::finding::{Finding, Rule, Source};
use super::names::{self, InvalidName};
use super::suggest;
use super::yaml::{Entry, Kind, Node};

/// What a value must look like.
#[derive(Debug)]
pub(super) enum Shape {
    Mapping(Vec<Field>),
    List {
        items: Box<Shape>,
        min: usize,
        max: usize,
    },
    Integer {
        min: i64,
        max: i64,
    },
    OneOfIntegers(Vec<i64>),
    Boolean,
    OneOfWords(Vec<String>),
    /// Text that a newtype of `names` must accept.
    Name(fn(&str) -> Result<(), InvalidName>),
}

#[derive(Debug)]
pub(super) struct Field {
    key: String,
    required: bool,
    says: String,
    shape: Shape,
}

impl Shape {
    /// Compiles a JSON Schema.
    ///
    /// # Errors
    /// Says which keyword or form it doesn't know: a mistake in our types, which a test finds.
    pub(super) fn compile(schema: &Value) -> Result<Self, String> {
        let empty = Map::new();
        let definitions = schema
            .get("$defs")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        compile(schema, definitions)
    }

    /// Adds a finding for everything in `node` that is not as this shape wants it.
    pub(super) fn check(
        &self,
        node: &Node,
        what: &str,
        source: &Source,
        findings: &mut Vec<Finding>,
    ) {
        let mut report = |rule, message: String, help: String| {
            findings.push(source.finding(node.span, rule, message, help));
        };
        match (self, &node.kind) {
            (_, Kind::Refused) => {}
            (Self::Mapping(fields), Kind::Mapping(entries)) => {
                check_mapping(fields, entries, node, what, source, findings);
            }
            (Self::List { items, min, max }, Kind::List(nodes)) => {
                if !(*min..=*max).contains(&nodes.len()) {
                    let found = nodes.len();
                    report(
                        Rule::InvalidValue,
                        format!("{what} has {found} items"),
                        format!("list {min} to {max}"),
                    );
                }
                for item in nodes {
                    items.check(item, &format!("an item of {what}"), source, findings);
                }
            }
            (Self::Integer { min, max }, Kind::Integer(number, _)) => {
                if !(*min..=*max).contains(number) {
                    report(
                        Rule::InvalidValue,
                        format!("{what} is {number}, outside of {min} to {max}"),
                        format!("use a whole number from {min} to {max}"),
                    );
                }
            }
            (Self::OneOfIntegers(allowed), Kind::Integer(number, _)) => {
                if !allowed.contains(number) {
                    report(
                        Rule::InvalidValue,
                        format!("{what} may not be {number}"),
                        one_of(allowed),
                    );
                }
            }
            (Self::Boolean, Kind::Bool(_)) => {}
            (Self::OneOfWords(words), Kind::Text(text)) => {
                if !words.contains(text) {
                    let help = suggest::closest(text, words.iter().map(String::as_str))
                        .map_or_else(
                            || one_of(words),
                            |word| format!("did you mean `{word}`? ({})", one_of(words)),
                        );
                    report(
                        Rule::InvalidValue,
                        format!("{what} may not be `{text}`"),
                        help,
                    );
                }
            }
            (Self::Name(check), Kind::Text(text)) => {
                if let Err(InvalidName { problem, help }) = check(text) {
                    report(Rule::InvalidValue, format!("`{text}` {problem}"), help);
                }
            }
            _ => {
                let message = format!(
                    "{what} must be {}, not {}",
                    self.describe(),
                    node.describe()
                );
                report(Rule::WrongType, message, self.help_with_type(node));
            }
        }
    }

    const fn describe(&self) -> &'static str {
        match self {
            Self::Mapping(_) => "a mapping",
            Self::List { .. } => "a list",
            Self::Integer { .. } | Self::OneOfIntegers(_) => "a whole number",
            Self::Boolean => "true or false",
            Self::OneOfWords(_) | Self::Name(_) => "text",
        }
    }

    fn help_with_type(&self, node: &Node) -> String {
        match (self, &node.kind) {
            (Self::Name(_) | Self::Integer { .. } | Self::OneOfIntegers(_), Kind::Null) => {
                "write a value behind the colon, or remove the key".to_owned()
            }
            (Self::OneOfWords(words), _) => one_of(words),
            (Self::Boolean, _) => "write `true` or `false`, without quotes".to_owned(),
            (Self::Name(_), Kind::Integer(_, raw) | Kind::Number(raw)) => {
                format!("put it in quotes: `\"{raw}\"`")
            }
            (Self::Name(_), Kind::Bool(value)) => format!("put it in quotes: `\"{value}\"`"),
            (Self::Integer { .. } | Self::OneOfIntegers(_), Kind::Text(_) | Kind::Number(_)) => {
                "write digits only, without quotes, unit or fraction".to_owned()
            }
            (Self::List { .. }, _) => "write one item a line, each after `- `".to_owned(),
            (Self::Mapping(fields), _) => {
                let keys: Vec<&str> = fields
                    .iter()
                    .filter(|field| field.required)
                    .map(|field| field.key.as_str())
                    .collect();
                format!(
                    "write `key: value` lines, indented, with the keys {}",
                    listed(&keys)
                )
            }
            (Self::Name(_) | Self::Integer { .. } | Self::OneOfIntegers(_), _) => {
                "write a single value behind the colon".to_owned()
            }
        }
    }
}

fn check_mapping(
    fields: &[Field],
    entries: &[Entry],
    node: &Node,
    what: &str,
    source: &Source,
    findings: &mut Vec<Finding>,
) {
    // A required key that is there under a misspelt name is one problem, not two.
    let mut misspelt = Vec::new();
    for entry in entries {
        if let Some(field) = fields.iter().find(|field| field.key == entry.key) {
            field
                .shape
                .check(&entry.value, &format!("`{}`", entry.key), source, findings);
            continue;
        }
        let known = fields.iter().map(|field| field.key.as_str());
        let meant = suggest::closest(&entry.key, known.clone());
        misspelt.extend(meant);
        let help = meant.map_or_else(
            || format!("the keys here are {}", listed(&known.collect::<Vec<_>>())),
            |key| format!("did you mean `{key}`?"),
        );
        let message = format!("{what} has no key `{}`", entry.key);
        findings.push(source.finding(entry.key_span, Rule::UnknownKey, message, help));
    }
    for field in fields.iter().filter(|field| field.required) {
        let key = field.key.as_str();
        if entries.iter().all(|entry| entry.key != key) && !misspelt.contains(&key) {
            // A mapping's own span can be long; its first key shows the place well enough.
            let at = entries.first().map_or(node.span, |entry| entry.key_span);
            let message = format!("{what} lacks the key `{key}`");
            findings.push(source.finding(
                at,
                Rule::MissingKey,
                message,
                format!("add `{key}:` ({})", field.says),
            ));
        }
    }
}

fn one_of<T: std::fmt::Display>(allowed: &[T]) -> String {
    match allowed {
        [only] => format!("use `{only}`"),
        _ => format!("use one of {}", listed(allowed)),
    }
}

fn listed<T: std::fmt::Display>(words: &[T]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

fn compile(schema: &Value, definitions: &Map<String, Value>) -> Result<Shape, String> {
    let object = schema
        .as_object()
        .ok_or_else(|| format!("{schema} is no object"))?;
    if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
        only(object, &["$ref", "description"])?;
        let name = reference.trim_start_matches("#/$defs/");
        if let Some(check) = names::check_of(name) {
            return Ok(Shape::Name(check));
        }
        let definition = definitions
            .get(name)
            .ok_or_else(|| format!("{reference} leads nowhere"))?;
        return compile(definition, definitions);
    }
    if let Some(constant) = object.get("const").and_then(Value::as_i64) {
        only(object, &["const", "description"])?;
        return Ok(Shape::OneOfIntegers(vec![constant]));
    }
    if let Some(branches) = object.get("oneOf").and_then(Value::as_array) {
        only(object, &["oneOf", "description"])?;
        return words(branches);
    }
    match object.get("type").and_then(Value::as_str) {
        Some("object") => compile_mapping(object, definitions),
        Some("array") => {
            only(
                object,
                &["type", "description", "items", "minItems", "maxItems"],
            )?;
            let items = object.get("items").ok_or("a list without items")?;
            let bound = |key, default| {
                object
                    .get(key)
                    .map_or(default, |value| number(value) as usize)
            };
            Ok(Shape::List {
                items: Box::new(compile(items, definitions)?),
                min: bound("minItems", 0),
                max: bound("maxItems", usize::MAX),
            })
        }
        Some("integer") => {
            only(
                object,
                &[
                    "type",
                    "description",
                    "format",
                    "minimum",
                    "maximum",
                    "enum",
                ],
            )?;
            if let Some(allowed) = object.get("enum").and_then(Value::as_array) {
                return Ok(Shape::OneOfIntegers(allowed.iter().map(number).collect()));
            }
            let bound = |key, default| object.get(key).map_or(default, number);
            Ok(Shape::Integer {
                min: bound("minimum", i64::MIN),
                max: bound("maximum", i64::from(u32::MAX)),
            })
        }
        Some("boolean") => {
            only(object, &["type", "description"])?;
            Ok(Shape::Boolean)
        }
        _ => Err(format!("no shape for {schema}")),
    }
}

fn compile_mapping(
    object: &Map<String, Value>,
    definitions: &Map<String, Value>,
) -> Result<Shape, String> {
    only(
        object,
        &[
            "$schema",
            "$defs",
            "title",
            "type",
            "description",
            "properties",
            "required",
            "additionalProperties",
        ],
    )?;
    if object.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(format!("{object:?} lets unknown keys pass"));
    }
    let required: Vec<&str> = object
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = object
        .get("properties")
        .and_then(Value::as_object)
        .ok_or("a mapping without keys")?;
    let fields = properties.iter().map(|(key, schema)| {
        let says = schema
            .get("description")
            .and_then(Value::as_str)
            .ok_or_else(|| format!("`{key}` has no description"))?;
        Ok(Field {
            key: key.clone(),
            required: required.contains(&key.as_str()),
            says: says.to_owned(),
            shape: compile(schema, definitions)?,
        })
    });
    fields.collect::<Result<_, String>>().map(Shape::Mapping)
}

fn words(branches: &[Value]) -> Result<Shape, String> {
    let words = branches.iter().map(|branch| {
        let word = branch.get("const").and_then(Value::as_str);
        word.map(str::to_owned)
            .ok_or_else(|| format!("{branch} is no word"))
    });
    words.collect::<Result<_, String>>().map(Shape::OneOfWords)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(i64::MAX)
}

fn only(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("the keyword `{key}` is not understood")),
        None => Ok(()),
    }
}
