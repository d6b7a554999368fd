//! What is fuzzed: one function a parser that meets bytes of a peer, or words of a user. Each takes any bytes and
//! panics if a promise of the parser is broken; a fuzzer looks for bytes that make it, and a test on the stable
//! toolchain runs the bytes that fuzzers have found worth keeping (`fuzz/corpus`). A new target is a function here, its
//! row in [`ALL`], and its file in `fuzz/fuzz_targets`.

mod capture;
mod file;
mod framing;
mod gate;
mod packet;
mod script;
mod text;
mod upgrade;

/// One target.
pub struct Target {
    /// Its name, also that of its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes; panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// Every target.
pub const ALL: &[Target] = &[
    Target { name: "framing", run: framing::run },
    Target { name: "upgrade", run: upgrade::run },
    Target { name: "endpoint", run: text::endpoint },
    Target { name: "parameter", run: text::parameter },
    Target { name: "notation", run: text::notation },
    Target { name: "escape", run: text::escape },
    Target { name: "charset", run: text::charset },
    Target { name: "auth-server", run: gate::auth_server },
    Target { name: "auth-client", run: gate::auth_client },
    Target { name: "proxy-header", run: gate::proxy_header },
    Target { name: "via-socks", run: gate::via_socks },
    Target { name: "via-http", run: gate::via_http },
    Target { name: "users-file", run: file::users },
    Target { name: "certificate", run: file::certificate },
    Target { name: "import", run: capture::import },
    Target { name: "script", run: script::run },
    Target { name: "packet", run: packet::run },
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("there is no fuzz target {name}"));
    (target.run)(data);
}

/// Cuts `data` as its own first bytes say: what a fuzzer tries instead of the same few chunkings.
pub(crate) struct Cuts<'a> {
    /// `None`: not at all.
    sizes: Option<&'a [u8]>,
    at: usize,
}

impl<'a> Cuts<'a> {
    pub(crate) const fn new(sizes: &'a [u8]) -> Self {
        Self { sizes: Some(sizes), at: 0 }
    }

    /// All in one.
    pub(crate) const fn whole() -> Self {
        Self { sizes: None, at: 0 }
    }

    /// The length of the next chunk, 1 to `have`.
    pub(crate) fn next(&mut self, have: usize) -> usize {
        let Some(sizes) = self.sizes else { return have };
        let size = sizes.get(self.at % sizes.len().max(1)).copied().unwrap_or(0);
        self.at += 1;
        (usize::from(size) % 33 + 1).min(have)
    }

    /// `data` in chunks.
    pub(crate) fn each(mut self, mut data: &[u8], mut take: impl FnMut(&[u8])) {
        while !data.is_empty() {
            let (chunk, rest) = data.split_at(self.next(data.len()));
            take(chunk);
            data = rest;
        }
    }
}

/// Splits off the first `count` bytes, or all there are.
pub(crate) fn head(data: &[u8], count: usize) -> (&[u8], &[u8]) {
    data.split_at(count.min(data.len()))
}
