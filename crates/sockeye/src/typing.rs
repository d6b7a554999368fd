//! Stdin as it is: bytes in pieces, for a conversation that must not lose or add a line ending.

use std::io::Read;

use sockeye_net::operator::{Source, Typed};

/// One piece, in bytes. With the bound on pieces typed ahead, a stalled peer costs about 4 MiB.
const PIECE: usize = 16 * 1024;

/// A source that gives stdin's bytes as they come, cut nowhere in particular.
pub(crate) fn pieces() -> Source {
    let (sender, source) = Source::channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut piece = vec![0; PIECE];
        loop {
            match stdin.read(&mut piece) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(length) => {
                    if sender.blocking_send(Typed::Line(piece[..length].to_vec())).is_err() {
                        return;
                    }
                }
            }
        }
        // Nobody listening any more is no loss: the session is over.
        let _ = sender.blocking_send(Typed::Eof);
    });
    source
}
