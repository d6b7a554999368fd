//! Lines of JSON held beside a schema in `docs/`, as far as ours make use of its language (JSON Schema 2020-12).

#![expect(clippy::unwrap_used, reason = "a schema or a line that cannot be read must fail the test")]

use serde_json::Value;

/// Checks that every line is as the schema of its `kind` says, and gives the kinds that were among them, in order. Panics
/// with what is wrong, and where.
pub fn check(schema: &str, text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        of_kind(&schema, &line);
        line["kind"].as_str().unwrap().to_owned()
    });
    lines.collect()
}

/// Checks that the kinds which a schema names are these, in any order and however often.
pub fn names_all(schema: &str, seen: &[String]) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let named: Vec<&str> =
        schema["properties"]["kind"]["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for kind in &named {
        assert!(seen.iter().any(|seen| seen == kind), "no line of kind {kind} was checked");
    }
    for kind in seen {
        assert!(named.contains(&&**kind), "the schema does not name {kind}");
    }
}

fn of_kind(schema: &Value, line: &Value) {
    let own = schema["oneOf"].as_array().unwrap().iter().find(|kind| kind["title"] == line["kind"]);
    let own = own.unwrap_or_else(|| panic!("the schema has no {}", line["kind"]));
    for part in [schema, own] {
        for name in part["required"].as_array().unwrap() {
            assert!(line.get(name.as_str().unwrap()).is_some(), "{name} is missing in {line}");
        }
    }
    for (name, value) in line.as_object().unwrap() {
        let rule = own["properties"].get(name).or_else(|| schema["properties"].get(name));
        let rule = rule.unwrap_or_else(|| panic!("the schema has no {name} of {}", own["title"]));
        fits(value, rule, name);
    }
}

fn fits(value: &Value, rule: &Value, at: &str) {
    let is = |name: &Value| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{at}: the schema has a type that this check does not know: {other}"),
    };
    let typed = match &rule["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    let listed = rule["enum"].as_array().is_none_or(|values| values.contains(value));
    let constant = rule.get("const").is_none_or(|constant| constant == value);
    assert!(typed && listed && constant, "{at}: {value} is not {rule}");
    if let (Some(fields), Some(rules)) = (value.as_object(), rule["properties"].as_object()) {
        for (name, value) in fields {
            let rule = rules.get(name).unwrap_or_else(|| panic!("the schema has no {at}.{name}"));
            fits(value, rule, &format!("{at}.{name}"));
        }
    }
    if let (Some(items), Some(rule)) = (value.as_array(), rule.get("items")) {
        for item in items {
            fits(item, rule, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "required": ["kind"],
        "properties": { "kind": { "enum": ["one"] } },
        "oneOf": [{ "title": "one", "required": ["n"], "properties": {
            "n": { "type": ["integer", "null"] },
            "parts": { "items": { "type": "object", "properties": { "a": { "const": 1 } } } }
        } }]
    }"#;

    #[test]
    fn a_line_that_fits_gives_its_kind() {
        let text = "{\"kind\":\"one\",\"n\":null}\n{\"kind\":\"one\",\"n\":3,\"parts\":[{\"a\":1}]}\n";
        let seen = check(SCHEMA, text);
        assert_eq!(seen, ["one", "one"]);
        names_all(SCHEMA, &seen);
    }

    #[test]
    fn whatever_does_not_fit_panics() {
        for line in [
            r#"{"kind":"two","n":1}"#,
            r#"{"kind":"one"}"#,
            r#"{"kind":"one","n":"1"}"#,
            r#"{"kind":"one","n":1,"more":2}"#,
            r#"{"kind":"one","n":1,"parts":[{"a":2}]}"#,
            r#"{"kind":"one","n":1,"parts":[{"b":1}]}"#,
        ] {
            assert!(std::panic::catch_unwind(|| check(SCHEMA, line)).is_err(), "{line}");
        }
        assert!(std::panic::catch_unwind(|| names_all(SCHEMA, &[])).is_err());
    }
}
