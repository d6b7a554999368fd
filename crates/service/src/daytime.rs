//! `daytime` (RFC 867): the date and time as a line, then the session closes. A datagram of any content is answered.
//!
//! The RFC leaves the form open. This is its second one, with four digits of the year and always in UTC:
//! `21 Nov 2026 06:45:03 UTC`. On raw streams and in datagrams the line ends with CRLF.

use sockeye_core::{Conversation, Input, Outbox, Peer, Service, Tick};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::entry::{Entry, Example, Step};
use crate::reflection::Reflection;

pub(crate) const ENTRY: Entry = Entry {
    name: "daytime",
    options: &[],
    words: "",
    takes_rest: false,
    loads: None,
    welcome: &[],
    examples: &[
        Example {
            args: &[],
            datagrams: false,
            framing: "",
            whole: false,
            steps: &[Step::ExpectSize(SIZE), Step::ExpectEof],
        },
        Example {
            args: &[],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[Step::Send(b""), Step::ExpectSize(SIZE)],
        },
    ],
    build: |given| {
        given.words(0)?;
        Ok(Box::new(Daytime))
    },
};

const FORM: &[BorrowedFormatItem<'_>] =
    format_description!("[day] [month repr:short] [year] [hour]:[minute]:[second] UTC");

/// The line with its CRLF, in bytes.
const SIZE: usize = 26;

struct Daytime;

impl Service for Daytime {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Clock { datagrams: peer.datagrams, reflection: Reflection::of(peer) })
    }
}

struct Clock {
    datagrams: bool,
    reflection: Reflection,
}

impl Conversation for Clock {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { .. } if !self.datagrams => {
                tell(out);
                out.close();
            }
            Input::Message { data, .. } if self.datagrams && self.reflection.allows(data.len(), SIZE) => {
                tell(out);
            }
            Input::Stop => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

fn tell(out: &mut Outbox) {
    let wall = i128::from(out.wall());
    let moment = OffsetDateTime::from_unix_timestamp_nanos(wall).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let framing = out.lane().framing;
    let bare = framing.is_raw() || framing.is_dgram();
    out.message_with(|to| {
        // A vector takes every byte, and the format uses only parts that every moment has.
        let _ = moment.format_into(to, FORM);
        if bare {
            to.extend_from_slice(b"\r\n");
        }
    });
}
