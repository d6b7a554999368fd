//! How payload becomes what is printed: converted from the peer's character set, as a hex dump, or as it is.

use sockeye_core::Outbox;
use sockeye_wire::charset::{Charset, Decoder};
use sockeye_wire::hexdump::Hexdump;

/// What is printed for what comes in. Exact on raw streams, one message a line where something marks messages.
pub(crate) struct Shown {
    charset: Charset,
    decoder: Decoder,
    dump: Option<Hexdump>,
    marked: bool,
    text: String,
}

impl Shown {
    /// `marked`: a framing or a datagram marks where a message ends.
    pub(crate) fn new(charset: Charset, hex: bool, marked: bool) -> Self {
        Self {
            charset,
            decoder: charset.decoder(),
            dump: hex.then(|| Hexdump::new(0)),
            marked,
            text: String::new(),
        }
    }

    /// Whether what is printed is what came, byte for byte.
    pub(crate) fn is_exact(&self) -> bool {
        self.dump.is_none() && self.charset.is_utf8() && !self.marked
    }

    /// Prints one message, or what one read of a raw stream gave.
    pub(crate) fn message(&mut self, data: &[u8], out: &mut Outbox) {
        self.text.clear();
        if let Some(dump) = &mut self.dump {
            dump.push(data, &mut self.text);
            out.print(self.text.as_bytes());
            return;
        }
        if self.charset.is_utf8() {
            out.print(data);
        } else {
            self.decoder.decode(data, self.marked, &mut self.text);
            out.print(self.text.as_bytes());
        }
        if self.marked {
            out.print(b"\n");
        }
    }

    /// Nothing follows: prints what was kept back of an unfinished character.
    pub(crate) fn end(&mut self, out: &mut Outbox) {
        if self.dump.is_some() || self.charset.is_utf8() || self.marked {
            return;
        }
        self.text.clear();
        self.decoder.decode(&[], true, &mut self.text);
        if !self.text.is_empty() {
            out.print(self.text.as_bytes());
        }
    }
}
