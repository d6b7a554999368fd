//! Lines of `addr --json` and `ping --json` held beside `docs/hosts.schema.json`, as far as that makes use of its language.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/hosts.schema.json");

/// Checks every line, and gives the kinds that were among them.
pub(crate) fn check(text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap();
    let mut seen = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let own = kinds.iter().find(|kind| kind["title"] == line["kind"]);
        let own = own.unwrap_or_else(|| panic!("the schema has no {}", line["kind"]));
        for (name, value) in line.as_object().unwrap() {
            let rule = own["properties"].get(name).or_else(|| schema["properties"].get(name));
            let rule = rule.unwrap_or_else(|| panic!("the schema has no {name} of {}", own["title"]));
            fits(value, rule, name);
        }
        for part in [&schema, own] {
            for name in part["required"].as_array().unwrap() {
                assert!(line.get(name.as_str().unwrap()).is_some(), "{name} is missing in {line}");
            }
        }
        seen.push(line["kind"].as_str().unwrap().to_owned());
    }
    seen
}

fn fits(value: &Value, rule: &Value, at: &str) {
    let is = |name: &Value| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{at}: the schema has a type that this test does not know: {other}"),
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
