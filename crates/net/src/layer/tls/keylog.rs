//! The secrets of sessions in a file, in the format of NSS (`SSLKEYLOGFILE`), for whoever looks at the packets with
//! Wireshark. Whoever has the file can read all of these sessions.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use rustls::KeyLog;
use sockeye_core::{Code, Endpoint, Fault};

use crate::tap::Tap;

static DEFAULT: OnceLock<String> = OnceLock::new();

/// Says where secrets go for endpoints that do not say so themselves: what SSLKEYLOGFILE names. The first call counts.
pub fn log_secrets_to(path: String) {
    let _earlier = DEFAULT.set(path);
}

thread_local! {
    /// Who is shown the secrets of the handshake that this thread is at.
    static TAP: RefCell<Option<Tap>> = const { RefCell::new(None) };
}

/// The log of an endpoint: its file is appended to, and made for its owner alone. Secrets of a handshake that is
/// [`tapped`] are shown as well.
pub(super) fn open(endpoint: &Endpoint) -> Result<Arc<dyn KeyLog>, Fault> {
    let Some(path) = endpoint.params.keylog.as_ref().or_else(|| DEFAULT.get()) else {
        return Ok(Arc::new(Secrets(None)));
    };
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file = file.map_err(|error| Fault::new(Code::Unwritable, "").arg("path", path).detail(error))?;
    Ok(Arc::new(Secrets(Some(file))))
}

/// Runs a handshake whose secrets are shown to who is shown its bytes, if anybody is. A log is of a layer, and does not
/// know whose handshake it logs; but the thread is at one only.
pub(super) async fn tapped<T>(tap: Option<Tap>, handshake: impl Future<Output = T>) -> T {
    if tap.is_none() {
        return handshake.await;
    }
    let mut handshake = pin!(handshake);
    poll_fn(|cx| {
        TAP.set(tap.clone());
        let polled = handshake.as_mut().poll(cx);
        TAP.set(None);
        polled
    })
    .await
}

/// Where they go, besides.
#[derive(Debug)]
struct Secrets(Option<File>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        // TLS 1.2 does not ask before.
        if !self.will_log(label) {
            return;
        }
        let line = line(label, client_random, secret);
        if let Some(mut file) = self.0.as_ref() {
            // One write a line, so that lines of several programs stay whole. A disk that is full costs the log a line,
            // and the session nothing.
            let _full = file.write_all(line.as_bytes());
        }
        TAP.with_borrow(|tap| {
            if let Some(tap) = tap {
                tap.secret(line.trim_end());
            }
        });
    }

    fn will_log(&self, _label: &str) -> bool {
        self.0.is_some() || TAP.with_borrow(Option::is_some)
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
