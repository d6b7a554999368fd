//! Whom names are asked of: `resolv.conf` (resolv.conf(5)), read as the C library reads it.

use std::io::{self, Read};
use std::net::IpAddr;

/// Servers that the C library uses at the most (`MAXNS`).
pub const MAX_USED: usize = 3;

/// Bytes of the file that are read at the most.
const SIZE: u64 = 64 * 1024;

/// What `resolv.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolvers {
    /// Its path.
    pub path: String,
    /// The servers, in their order; only the first [`MAX_USED`] are asked. With none the C library asks 127.0.0.1.
    pub servers: Vec<Resolver>,
    /// What is appended to short names (`search`, or `domain`; the last such line counts).
    pub search: Vec<String>,
    /// The words of `options`.
    pub options: Vec<String>,
    /// `nameserver` lines whose address is none: line and what stands there. The C library skips them.
    pub mistakes: Vec<(usize, String)>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// Its address.
    pub address: IpAddr,
    /// The link it is on, if that is said (`fe80::1%eth0`).
    pub zone: Option<String>,
    /// The line it stands in, from 1.
    pub line: usize,
}

impl Resolvers {
    /// Reads a file; one that is not there says nothing. More than 64 KiB of it are not read.
    pub fn read(path: &str) -> io::Result<Self> {
        let mut bytes = Vec::new();
        match std::fs::File::open(path) {
            Ok(file) => file.take(SIZE).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self::parse(path, &String::from_utf8_lossy(&bytes)))
    }

    /// Understands the text of one. A comment begins a line with `#` or `;`; a keyword stands in its first column.
    pub fn parse(path: &str, text: &str) -> Self {
        let mut found = Self { path: path.to_owned(), ..Self::default() };
        for (number, line) in text.lines().enumerate() {
            if line.starts_with(['#', ';', ' ', '\t']) {
                continue;
            }
            let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            match words.next() {
                Some("nameserver") => found.server(number + 1, words.next().unwrap_or_default()),
                Some("search") => found.search = words.map(str::to_owned).collect(),
                Some("domain") => found.search = words.take(1).map(str::to_owned).collect(),
                Some("options") => found.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        found
    }

    fn server(&mut self, line: usize, word: &str) {
        let (address, zone) = match word.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (word, None),
        };
        match address.parse() {
            Ok(address) => self.servers.push(Resolver { address, zone, line }),
            Err(_) => self.mistakes.push((line, word.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_c_library_reads_them() {
        let text = "# made by hand\nnameserver 192.0.2.1\n;nameserver 192.0.2.2\n nameserver 192.0.2.3\n\
                    nameserver\t2001:db8::53  # note\nnameserver fe80::1%eth0\nnameserver none\nnameserver\n\
                    domain a.example\nsearch b.example c.example\noptions ndots:2\noptions edns0\n";
        let found = Resolvers::parse("r", text);
        let servers: Vec<(String, Option<&str>, usize)> = found
            .servers
            .iter()
            .map(|server| (server.address.to_string(), server.zone.as_deref(), server.line))
            .collect();
        let expected = [
            ("192.0.2.1".to_owned(), None, 2),
            ("2001:db8::53".to_owned(), None, 5),
            ("fe80::1".to_owned(), Some("eth0"), 6),
        ];
        assert_eq!(servers, expected);
        assert_eq!(found.search, ["b.example", "c.example"]);
        assert_eq!(found.options, ["ndots:2", "edns0"]);
        assert_eq!(found.mistakes, [(7, "none".to_owned()), (8, String::new())]);
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing() {
        let found = Resolvers::read("/no/such/resolv.conf").unwrap();
        assert_eq!((found.servers.len(), found.path.as_str()), (0, "/no/such/resolv.conf"));
    }
}
