//! What tests need besides programs: a directory, an address, bytes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// A directory for one test, removed with all that is in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new empty directory.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Unix socket paths hold 108 bytes at most, so the name is short.
        let path = env::temp_dir().join(format!("skt{}-{number}", process::id()));
        let made = fs::create_dir_all(&path);
        made.unwrap_or_else(|error| panic!("{} cannot be made: {error}", path.display()));
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind in the directory for temporary files harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `HOST:PORT` of a URL such as `tcp://127.0.0.1:9000`.
pub fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['?', '/']).next().unwrap_or(rest)
}

/// A loopback address that no other test of this machine uses at the moment, for programs that cannot tell which free
/// port they were given: on it every port is free.
pub fn quiet_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % 250 + 1;
    let id = process::id();
    format!("127.{}.{}.{number}", id / 251 % 200 + 32, id % 251)
}

/// Bytes that do not compress and do not repeat, the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    // xorshift64* (Vigna 2016): short, and good enough to show a lost, doubled or swapped block.
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
