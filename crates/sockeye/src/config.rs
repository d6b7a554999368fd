//! `sockeye.toml`: `[[serve]]` tables, each with an endpoint, a service, its arguments, and serve's long flag names.
//!
//! Bounds belong to the whole server. They may stand in any table, but two tables must not disagree.

use std::collections::BTreeMap;

use sockeye_core::fault::{Class, nearest};
use sockeye_core::{Code, Fault};
use toml::{Table, Value};

use crate::bounds::Bounds;
use crate::given::{self, Params};
use crate::serve::One;

/// The argument that marks a fault of the command line's kind as one of a file's text.
pub const FILE: &str = "file";

/// The name it is found by.
pub const NAME: &str = "sockeye.toml";

/// What a file says.
#[derive(Clone, Debug)]
pub struct File {
    /// The listeners, in order.
    pub listeners: Vec<Entry>,
    /// Bounds of the server.
    pub bounds: Bounds,
}

/// One `[[serve]]` table.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What answers where.
    pub one: One,
    /// Endpoint parameters given as keys; they win over the URL.
    pub params: Params,
    /// Faults on purpose, as written.
    pub faults: Vec<String>,
}

/// Reads a file's text. `path` is for people. Every fault is of class
/// File, or marked by [`FILE`].
pub fn read(path: &str, text: &str) -> Result<File, Fault> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        bad(path, format_args!("line {line}: {}", error.message()))
    })?;
    let mut listeners = Vec::new();
    let mut set = BTreeMap::new();
    for (key, value) in &table {
        let tables = match (key.as_str(), value) {
            ("serve", Value::Array(tables)) => tables,
            ("serve", _) => return Err(bad(path, "serve: [[serve]]")),
            _ => return Err(unknown(path, key, ["serve"])),
        };
        for value in tables {
            let Value::Table(table) = value else { return Err(bad(path, "serve: [[serve]]")) };
            listeners.push(entry(path, table, &mut set)?);
        }
    }
    if listeners.is_empty() {
        return Err(bad(path, "[[serve]]: 0"));
    }
    let mut bounds = Bounds::default();
    for (name, value) in &set {
        bounds.set(name, value).map_err(|fault| in_file(path, fault))?;
    }
    Ok(File { listeners, bounds })
}

fn entry(path: &str, table: &Table, set: &mut BTreeMap<String, String>) -> Result<Entry, Fault> {
    let mut endpoint = None;
    let mut service = None;
    let mut args = Vec::new();
    let mut params = Params::new();
    let mut faults = Vec::new();
    for (key, value) in table {
        let text = || scalar(value).ok_or_else(|| bad(path, key));
        match key.as_str() {
            "endpoint" => endpoint = Some(text()?),
            "service" => service = Some(text()?),
            "fault" => {
                let one = || scalar(value).map(|one| vec![one]);
                faults = words(value).or_else(one).ok_or_else(|| bad(path, key))?;
            }
            "args" => args = words(value).ok_or_else(|| bad(path, key))?,
            name if given::is_param(name) => params.push((key.clone(), text()?)),
            name if Bounds::NAMES.contains(&name) => {
                // Lists may be written as lists.
                let list = || words(value).filter(|items| !items.is_empty()).map(|items| items.join(","));
                let value = text().or_else(|fault| list().ok_or(fault))?;
                if set.get(name).is_some_and(|known| *known != value) {
                    return Err(bad(path, format_args!("{name}: {} / {value}", set[name])));
                }
                set.insert(key.clone(), value);
            }
            _ => return Err(unknown(path, key, keys())),
        }
    }
    let one = One {
        endpoint: endpoint.ok_or_else(|| bad(path, "endpoint"))?,
        service: service.ok_or_else(|| bad(path, "service"))?,
        args,
    };
    let checked = given::endpoint(&one.endpoint, &params).and_then(|_| given::service(&one.service));
    checked.map_err(|fault| in_file(path, fault))?;
    Ok(Entry { one, params, faults })
}

/// Every key of a `[[serve]]` table.
pub fn keys() -> impl Iterator<Item = &'static str> {
    let params = sockeye_core::endpoint::PARAMS.iter().copied();
    ["endpoint", "service", "args", "fault"].into_iter().chain(params).chain(Bounds::NAMES.iter().copied())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn words(value: &Value) -> Option<Vec<String>> {
    let Value::Array(values) = value else { return None };
    values.iter().map(scalar).collect()
}

fn bad(path: &str, detail: impl ToString) -> Fault {
    Fault::new(Code::BadFile, "").arg("path", path).detail(detail)
}

/// A fault of the command line's kind, found in a file: the file is what to mend.
pub(crate) fn in_file(path: &str, fault: Fault) -> Fault {
    if fault.code.class() == Class::Usage { fault.doing(path).arg(FILE, path) } else { fault }
}

fn unknown<'a>(path: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Fault {
    let near = nearest(name, known).unwrap_or_default();
    Fault::new(Code::UnknownKey, "").arg("path", path).arg("name", name).arg("near", near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> Fault {
        let fault = read("sockeye.toml", text).unwrap_err();
        assert!(fault.code.class() == Class::File || fault.value(FILE) == "sockeye.toml", "{fault}");
        fault
    }

    const ECHO: &str = "[[serve]]\nendpoint = \":0\"\nservice = \"echo\"\n";

    #[test]
    fn every_kind_of_key_is_read() {
        let text =
            format!("{ECHO}args = [\"--a\", 1]\nframe = \"line\"\nidle = 2\nonce = true\ndrain = \"1s\"\n");
        let file = read("sockeye.toml", &text).unwrap();
        let entry = &file.listeners[0];
        assert_eq!(entry.one.args, ["--a", "1"]);
        assert!(entry.params.contains(&("frame".to_owned(), "line".to_owned())));
        assert!(entry.params.contains(&("idle".to_owned(), "2".to_owned())));
        let faults = read("sockeye.toml", &format!("{ECHO}fault = \"reset\"\n")).unwrap();
        assert_eq!(faults.listeners[0].faults, ["reset"]);
        assert_eq!(file.bounds.max_sessions, Some(1));
        let lists = "allow = [\"10.0.0.0/8\", \"::1\"]\ndeny = \"10.1.0.0/16\"\nmax-pending = 7\n";
        let limits = read("sockeye.toml", &format!("{ECHO}{lists}")).unwrap().bounds.limits;
        assert_eq!((limits.allow.len(), limits.deny.len(), limits.pending.full), (2, 1, 7));
    }

    #[test]
    fn a_slip_in_a_key_is_named_with_what_is_near() {
        let fault = fails(&format!("{ECHO}servise = \"echo\"\n"));
        assert_eq!((fault.code, fault.value("near")), (Code::UnknownKey, "service"));
        assert_eq!(fails("[server]\n").value("near"), "serve");
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        assert!(fails("[[serve]]\nendpoint = \n").detail.unwrap().starts_with("line 2: "));
        assert_eq!(fails("[[serve]]\nservice = \"echo\"\n").detail.unwrap(), "endpoint");
        assert!(fails("serve = 1\n").detail.unwrap().contains("serve"));
        assert_eq!(fails("").code, Code::BadFile);
        assert_eq!(fails(&format!("{ECHO}frame = [1]\n")).code, Code::BadFile);
        assert_eq!(fails(&format!("{ECHO}allow = []\n")).code, Code::BadFile);
        assert_eq!(fails(&format!("{ECHO}allow = [\"10.0.0.1/8\"]\n")).value("near"), "10.0.0.0/8");
        assert_eq!(fails(&format!("{ECHO}frame = \"pink\"\n")).code, Code::UnknownFraming);
        assert!(fails(&format!("{ECHO}once = true\n{ECHO}once = false\n")).detail.unwrap().contains("once"));
    }
}
