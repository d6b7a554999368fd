//! Framings: the same bytes give the same messages however they are cut, nothing is held beyond the bound, and every
//! message goes round.

use std::cell::RefCell;
use std::rc::Rc;

use sockeye_core::framing::ALL;
use sockeye_core::{Conversation, Framing, Input, Lane, Machine, Outbox, PEER, Tick};

use super::{Cuts, head};

const MAX: usize = 512;

/// What the one example that names a `max` of its own, above ours, may take: who writes it means it.
const OWN_MAX: (&str, usize) = ("u16le,max:64k", 64 << 10);

/// What stands around a message at most: magic, skipped bytes, length, tail.
const AROUND: usize = 1024;

/// Keeps what comes and sends each message back.
struct Mirror(Rc<RefCell<Vec<Vec<u8>>>>);

impl Conversation for Mirror {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        if let Input::Message { data, .. } = input {
            self.0.borrow_mut().push(data.to_vec());
            out.message(data);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// What bytes come to: messages, what was sent back, and how it ended.
#[derive(PartialEq, Eq, Debug)]
struct Heard {
    messages: Vec<Vec<u8>>,
    sent: Vec<u8>,
    end: Result<(), &'static str>,
}

/// The first byte picks a framing out of the registry's examples, eight more cut the rest.
pub(super) fn run(data: &[u8]) {
    let Some((pick, rest)) = data.split_first() else { return };
    let specs: Vec<&str> = ALL.iter().flat_map(|entry| entry.examples).map(|example| example.spec).collect();
    let spec = specs[usize::from(*pick) % specs.len()];
    let Ok(framing) = Framing::parse(spec) else { panic!("the example {spec} does not parse") };
    if framing.is_raw() || framing.is_dgram() {
        return;
    }
    let (cuts, bytes) = head(rest, 8);
    let max = if spec == OWN_MAX.0 { OWN_MAX.1 } else { MAX };
    let whole = hear(framing, max, bytes, Cuts::new(&[32]));
    let cut = hear(framing, max, bytes, Cuts::new(cuts));
    assert_eq!(whole, cut, "{spec}");
    if whole.end.is_ok() {
        let again = hear(framing, max, &whole.sent, Cuts::new(cuts));
        assert_eq!(again.messages, whole.messages, "{spec}: what was sent is not what was meant");
    }
}

fn hear(framing: Framing, max: usize, bytes: &[u8], cuts: Cuts<'_>) -> Heard {
    let messages = Rc::new(RefCell::default());
    let mut machine = Machine::new(Box::new(Mirror(Rc::clone(&messages))), Lane::stream(framing), MAX);
    let mut out = Outbox::new(|| 0);
    let mut sent = Vec::new();
    let mut end = Ok(());
    cuts.each(bytes, |chunk| {
        if end.is_ok() {
            out.reset();
            let mut chunk = chunk.to_vec();
            end = machine.bytes(Tick::ZERO, PEER, &mut chunk, &mut out).map_err(|fault| fault.code.word());
            sent.extend_from_slice(out.bytes());
            assert!(machine.held() <= 2 * max + AROUND, "{} bytes are held", machine.held());
        }
    });
    if end.is_ok() {
        out.reset();
        end = machine.eof(Tick::ZERO, PEER, &mut out).map_err(|fault| fault.code.word());
        sent.extend_from_slice(out.bytes());
    }
    let messages = messages.take();
    assert!(messages.iter().all(|message| message.len() <= max), "a message is longer than the bound");
    Heard { messages, sent, end }
}
