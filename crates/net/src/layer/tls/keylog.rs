//! The secrets of sessions in a file, in the format of NSS (`SSLKEYLOGFILE`), for whoever looks at the packets with
//! Wireshark. Whoever has the file can read all of these sessions.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, OnceLock};

use rustls::{KeyLog, NoKeyLog};
use sockeye_core::{Code, Endpoint, Fault};

static DEFAULT: OnceLock<String> = OnceLock::new();

/// Says where secrets go for endpoints that do not say so themselves: what SSLKEYLOGFILE names. The first call counts.
pub fn log_secrets_to(path: String) {
    let _earlier = DEFAULT.set(path);
}

/// The log of an endpoint: its file is appended to, and made for its owner alone.
pub(super) fn open(endpoint: &Endpoint) -> Result<Arc<dyn KeyLog>, Fault> {
    let Some(path) = endpoint.params.keylog.as_ref().or_else(|| DEFAULT.get()) else {
        return Ok(Arc::new(NoKeyLog));
    };
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file = file.map_err(|error| Fault::new(Code::Unwritable, "").arg("path", path).detail(error))?;
    Ok(Arc::new(Secrets(file)))
}

/// Where they go.
#[derive(Debug)]
struct Secrets(File);

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = line(label, client_random, secret);
        // One write a line, so that lines of several programs stay whole. A disk that is full costs the log a line, and
        // the session nothing.
        let _full = (&self.0).write_all(line.as_bytes());
    }
}

fn line(label: &str, client_random: &[u8], secret: &[u8]) -> String {
    let mut line = String::from(label);
    for part in [client_random, secret] {
        line.push(' ');
        for byte in part {
            let _ = write!(line, "{byte:02x}");
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_wireshark_reads_them() {
        assert_eq!(line("CLIENT_RANDOM", &[0, 0xab], &[1]), "CLIENT_RANDOM 00ab 01\n");
    }
}
