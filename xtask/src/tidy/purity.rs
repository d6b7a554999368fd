//! Pure crates are functions of bytes and time: the standard library's clocks, sockets, files, threads and processes
//! are out of their reach, in tests as well. (`imports` holds what other crates bring.)

use proc_macro2::TokenTree;

use super::source::{line, starts_with_path, visit};
use super::{Finding, Tree};

const PURE: &[&str] = &["core", "wire", "script", "service"];

/// Crates that may use files, and nothing else of the list.
const CLOCKLESS: &[&str] = &["lab"];

const MODULES: &[&[&str]] = &[
    &["std", "fs"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "env"],
    &["std", "os"],
    &["std", "io", "stdin"],
];

const SOCKETS: &[&str] =
    &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram", "ToSocketAddrs"];

const CLOCKS: &[&str] = &["Instant", "SystemTime", "UNIX_EPOCH"];

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some((name, inside)) = file.path.strip_prefix("crates/").and_then(|path| path.split_once('/'))
        else {
            continue;
        };
        let pure = PURE.contains(&name);
        if !inside.starts_with("src/") || !(pure || CLOCKLESS.contains(&name)) {
            continue;
        }
        visit(&file.text, &mut |tokens, _| {
            if let Some(what) = impure(tokens, pure) {
                let what = format!("{what} has no place in a pure crate: let the driver bring it");
                findings.push(Finding::new(&file.path, line(&tokens[0]), what));
            }
        });
    }
    findings
}

fn impure(tokens: &[TokenTree], pure: bool) -> Option<String> {
    let TokenTree::Ident(word) = tokens.first()? else { return None };
    let word = word.to_string();
    if CLOCKS.contains(&word.as_str()) || SOCKETS.contains(&word.as_str()) {
        return Some(word);
    }
    let module = MODULES.iter().find(|path| pure && starts_with_path(tokens, path))?;
    Some(module.join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_a_file_or_a_socket_in_a_pure_crate_fails() {
        let text = "use std::time::Instant;\nuse std::{fmt, fs};\nfn f() -> std::net::UdpSocket { g() }\n";
        let clean = "//! Uses no std::fs.\nuse std::net::IpAddr;\nuse std::time::Duration;\n";
        let tree = Tree::of(&[
            ("crates/core/src/a.rs", text),
            ("crates/core/src/b.rs", clean),
            ("crates/net/src/a.rs", text),
            ("crates/lab/src/a.rs", text),
        ]);
        let found: Vec<_> = run(&tree).into_iter().map(|finding| (finding.path, finding.line)).collect();
        let at = |name: &str, line| (format!("crates/{name}/src/a.rs"), line);
        assert_eq!(found, [at("core", 1), at("core", 2), at("core", 3), at("lab", 1), at("lab", 3)]);
    }
}
