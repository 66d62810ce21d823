//! Nothing in a schema may go unchecked.

use serde_json::json;

use super::finding::Source;
use super::schema::{ManifestKind, json_schema};
use super::shape::Shape;
use super::yaml;

#[test]
fn the_published_schemas_compile() {
    for kind in [
        ManifestKind::Environment,
        ManifestKind::Tenant,
        ManifestKind::Site,
    ] {
        Shape::compile(&json_schema(kind)).unwrap();
    }
}

#[test]
fn unknown_keywords_and_open_mappings_are_refused() {
    let refused = [
        json!({"type": "integer", "multipleOf": 256}),
        json!({"type": "string"}),
        json!({"type": "array", "items": {"const": 1}, "uniqueItems": true}),
        json!({"type": "object", "properties": {}}),
        json!({"type": "object", "properties": {"a": {"const": 1}}, "additionalProperties": false}),
        json!({"$ref": "#/$defs/Nowhere"}),
        json!({"anyOf": [{"const": 1}, {"type": "null"}]}),
    ];
    for schema in refused {
        assert!(Shape::compile(&schema).is_err(), "{schema}");
    }
}

/// No schema takes null: a key without a value is a slip.
#[test]
fn no_schema_speaks_of_null() {
    for kind in [
        ManifestKind::Environment,
        ManifestKind::Tenant,
        ManifestKind::Site,
    ] {
        let text = json_schema(kind).to_string();
        assert!(
            !text.contains("\"null\"") && !text.contains("null,"),
            "{text}"
        );
    }
}

#[test]
fn bounds_hold_at_their_edges() {
    let shape = Shape::compile(&json!({"type": "integer", "minimum": 1, "maximum": 3})).unwrap();
    for (text, problems) in [("0", 1), ("1", 0), ("3", 0), ("4", 1)] {
        let source = Source {
            file: "test.yaml".to_owned(),
            text: text.to_owned(),
        };
        let mut findings = Vec::new();
        let node = yaml::parse(&source, &mut findings).unwrap();
        shape.check(&node, "it", &source, &mut findings);
        assert_eq!(findings.len(), problems, "{text}");
    }
}
