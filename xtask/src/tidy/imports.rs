//! The import table: what each crate is for shows in what it may not know. Holds direct dependencies, and for crates
//! that must not be reached at all, those through other crates of the workspace. Development dependencies are free.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Finding, Tree};

/// One row: a package, and what it must never import.
struct Row {
    package: &'static str,
    never: &'static [&'static [&'static str]],
    reach: Reach,
}

/// How far a ban reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The crate's own dependencies.
    Direct,
    /// Also those of the workspace crates it imports.
    Through,
}

const RUNTIME: &[&str] =
    &["tokio", "tokio-util", "tokio-stream", "async-std", "smol", "mio", "futures-executor"];
const SOCKETS: &[&str] =
    &["socket2", "nix", "libc", "rustix", "polling", "quinn", "quinn-udp", "rustls", "tokio-rustls"];
const FILES: &[&str] = &["tempfile", "memmap2", "walkdir", "ignore", "notify"];
const CLOCKS: &[&str] = &["chrono", "jiff", "quanta", "coarsetime", "web-time"];
const RANDOM: &[&str] = &["rand", "rand_core", "getrandom", "fastrand", "oorandom", "uuid"];
const STORE: &[&str] = &["rusqlite", "libsqlite3-sys", "sqlx"];
const WEB: &[&str] = &["axum", "hyper", "tower-http", "reqwest", "tokio-tungstenite", "tungstenite"];
const PRINT: &[&str] =
    &["clap", "reedline", "indicatif", "comfy-table", "crossterm", "console", "termcolor", "anstream"];
const SIMULATION: &[&str] = &["smoltcp"];
const NET: &[&str] = &["sockeye-net"];
const SCRIPT: &[&str] = &["sockeye-script"];
const SERVICE: &[&str] = &["sockeye-service"];
const RECORD: &[&str] = &["sockeye-record"];
const ABOVE: &[&str] = &["sockeye", "sockeye-console", "sockeye-cli"];
const HARNESS: &[&str] = &["sockeye-testkit", "xtask"];

const fn row(package: &'static str, reach: Reach, never: &'static [&'static [&'static str]]) -> Row {
    Row { package, never, reach }
}

/// A crate that is not here has no reason to be one: say in the commit what it must never import.
const TABLE: &[Row] = &[
    row(
        "sockeye-core",
        Reach::Through,
        &[RUNTIME, SOCKETS, FILES, CLOCKS, RANDOM, STORE, WEB, PRINT, NET, ABOVE, HARNESS],
    ),
    row(
        "sockeye-wire",
        Reach::Through,
        &[RUNTIME, SOCKETS, FILES, CLOCKS, RANDOM, STORE, WEB, PRINT, NET, ABOVE, HARNESS],
    ),
    row(
        "sockeye-script",
        Reach::Through,
        &[RUNTIME, SOCKETS, FILES, CLOCKS, RANDOM, STORE, WEB, PRINT, NET, ABOVE, HARNESS],
    ),
    row(
        "sockeye-service",
        Reach::Through,
        &[RUNTIME, SOCKETS, FILES, CLOCKS, RANDOM, STORE, WEB, PRINT, NET, ABOVE, HARNESS],
    ),
    row("sockeye-record", Reach::Through, &[RUNTIME, SOCKETS, WEB, NET, ABOVE, HARNESS]),
    row("sockeye-lab", Reach::Through, &[RUNTIME, SOCKETS, CLOCKS, RECORD, NET, ABOVE, HARNESS]),
    row("sockeye-net", Reach::Through, &[SERVICE, SCRIPT, RECORD, STORE, &["clap", "axum"], ABOVE, HARNESS]),
    row("sockeye-probe", Reach::Through, &[RECORD, SERVICE, SCRIPT, PRINT, ABOVE, HARNESS]),
    row("sockeye-load", Reach::Through, &[RECORD, SERVICE, SCRIPT, PRINT, ABOVE, HARNESS]),
    row("sockeye", Reach::Through, &[&["axum"], PRINT, &["sockeye-console", "sockeye-cli"], HARNESS]),
    row("sockeye-console", Reach::Direct, &[&["clap"], NET, STORE, &["sockeye-cli"], HARNESS]),
    row("sockeye-cli", Reach::Direct, &[RUNTIME, SOCKETS, STORE, SIMULATION, NET, HARNESS]),
    row("sockeye-testkit", Reach::Direct, &[]),
    row("xtask", Reach::Direct, &[RUNTIME, SOCKETS]),
];

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let crates = normal_dependencies(&tree.metadata);
    let mut findings = Vec::new();
    for package in crates.keys() {
        let path = manifest(package);
        let Some(row) = TABLE.iter().find(|row| row.package == package) else {
            let what = "has no row in the import table (xtask/src/tidy/imports.rs)";
            findings.push(Finding::new(path, 0, what));
            continue;
        };
        let reached = match row.reach {
            Reach::Direct => crates[package].iter().map(|name| (name.clone(), String::new())).collect(),
            Reach::Through => reach(package, &crates),
        };
        let banned: BTreeSet<&str> = row.never.iter().flat_map(|set| set.iter().copied()).collect();
        for (name, through) in reached {
            if banned.contains(name.as_str()) {
                findings.push(Finding::new(path.as_str(), 0, format!("must never import {name}{through}")));
            }
        }
    }
    findings
}

/// Everything `package` reaches, and through which crate: its own dependencies, and those of workspace crates among
/// them.
fn reach(package: &str, crates: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, String> {
    let mut reached = BTreeMap::new();
    let mut waiting = vec![(package.to_owned(), String::new())];
    while let Some((from, through)) = waiting.pop() {
        for name in &crates[&from] {
            if reached.insert(name.clone(), through.clone()).is_none() && crates.contains_key(name) {
                waiting.push((name.clone(), format!(" through {name}")));
            }
        }
    }
    reached
}

/// The workspace's packages with the names of their normal dependencies.
fn normal_dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]).into_iter();
    packages
        .map(|package| {
            let normal =
                list(&package["dependencies"]).into_iter().filter(|dependency| dependency["kind"].is_null());
            (text(&package["name"]), normal.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

fn manifest(package: &str) -> String {
    match package.strip_prefix("sockeye-") {
        Some(name) => format!("crates/{name}/Cargo.toml"),
        None if package == "sockeye" => "crates/sockeye/Cargo.toml".to_owned(),
        None => format!("{package}/Cargo.toml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(packages: &Value) -> Vec<String> {
        let metadata = json!({ "packages": packages });
        let tree = Tree { metadata, ..Tree::of(&[]) };
        run(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_banned_import_fails_and_a_development_one_does_not() {
        let packages = json!([{ "name": "sockeye-core", "dependencies": [
            { "name": "tokio", "kind": null },
            { "name": "rand", "kind": "dev" },
            { "name": "bytes", "kind": null },
        ]}]);
        assert_eq!(found(&packages), ["must never import tokio"]);
    }

    #[test]
    fn a_ban_reaches_through_other_crates() {
        let packages = json!([
            { "name": "sockeye-service", "dependencies": [{ "name": "sockeye-wire", "kind": null }] },
            { "name": "sockeye-wire", "dependencies": [{ "name": "socket2", "kind": null }] },
            { "name": "sockeye-cli", "dependencies": [{ "name": "sockeye", "kind": null }] },
            { "name": "sockeye", "dependencies": [{ "name": "sockeye-net", "kind": null }] },
            { "name": "sockeye-net", "dependencies": [{ "name": "tokio", "kind": null }] },
        ]);
        assert_eq!(
            found(&packages),
            ["must never import socket2 through sockeye-wire", "must never import socket2"]
        );
    }

    #[test]
    fn a_crate_without_a_row_fails() {
        let packages = json!([{ "name": "sockeye-utils", "dependencies": [] }]);
        assert_eq!(found(&packages), ["has no row in the import table (xtask/src/tidy/imports.rs)"]);
    }
}
