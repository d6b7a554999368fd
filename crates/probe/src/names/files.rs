//! What files say of where names come from: hosts(5), nsswitch.conf(5), and the search list of resolv.conf(5). Functions
//! of their text.

use std::net::IpAddr;

/// Lines of a file that are read.
const LINES: usize = 100_000;

/// Domains of a search list that are tried (`MAXDNSRCH` of resolv.h).
const SEARCH: usize = 6;

/// A line of the hosts file that names a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsLine {
    /// Its number, from 1.
    pub number: usize,
    /// The address it gives.
    pub address: IpAddr,
    /// The line, without its comment.
    pub text: String,
}

/// The lines that name `host`.
pub fn hosts(text: &str, host: &str) -> Vec<HostsLine> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let line = |(at, line): (usize, &str)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut words = line.split_whitespace();
        let address = words.next()?.split('%').next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then(|| HostsLine {
            number: at + 1,
            address,
            text: line.split_whitespace().collect::<Vec<_>>().join(" "),
        })
    };
    text.lines().take(LINES).enumerate().filter_map(line).collect()
}

/// The names that the DNS is asked for, in order: a short one with each domain of `search` behind it; `options` may say how
/// many dots a name has that is tried as it is first (`ndots:N`, 1 without it).
pub fn candidates(name: &str, search: &[String], options: &[String]) -> Vec<String> {
    if name.ends_with('.') {
        return vec![name.trim_end_matches('.').to_owned()];
    }
    let dots = options.iter().rev().find_map(|word| word.strip_prefix("ndots:")?.parse().ok());
    let mut names: Vec<String> =
        search.iter().take(SEARCH).map(|domain| format!("{name}.{domain}")).collect();
    let as_it_is = if name.matches('.').count() >= dots.unwrap_or(1) { 0 } else { names.len() };
    names.insert(as_it_is, name.to_owned());
    names
}

/// The sources of host names in nsswitch.conf, in order, without what is said about their results: `files`, `dns`.
/// Without such a line it is these two.
pub fn sources(text: &str) -> Vec<String> {
    let line = text.lines().take(LINES).find_map(|line| line.trim_start().strip_prefix("hosts:"));
    let line = line.map(|line| line.split('#').next().unwrap_or_default());
    let mut inside = false;
    let mut found = Vec::new();
    for word in line.unwrap_or("files dns").split_whitespace() {
        inside |= word.starts_with('[');
        if !inside {
            found.push(word.to_owned());
        }
        inside &= !word.ends_with(']');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_hosts_file_is_found_with_its_number() {
        let text = "# x\n127.0.0.1 localhost\n\n10.1.0.9\tapp.example app # old\nbad app\n::1 APP\n";
        let found = hosts(text, "app");
        let found: Vec<_> = found.iter().map(|line| (line.number, line.text.as_str())).collect();
        assert_eq!(found, [(4, "10.1.0.9 app.example app"), (6, "::1 APP")]);
        assert_eq!(hosts(text, "old"), []);
    }

    #[test]
    fn a_short_name_is_tried_in_every_domain() {
        let search = ["lan".to_owned(), "example.org".to_owned()];
        let options = ["edns0".to_owned(), "ndots:2".to_owned()];
        assert_eq!(candidates("a.b", &search, &options), ["a.b.lan", "a.b.example.org", "a.b"]);
        assert_eq!(candidates("a.b", &search, &[])[0], "a.b");
        assert_eq!(candidates("a", &search, &[])[2], "a");
        assert_eq!(candidates("a.", &search, &[]), ["a"]);
    }

    #[test]
    fn sources_are_read_without_their_rules() {
        assert_eq!(
            sources("passwd: files\nhosts: files mdns4 [NOTFOUND = return] dns # x\n"),
            ["files", "mdns4", "dns"]
        );
        assert_eq!(sources(""), ["files", "dns"]);
    }
}
