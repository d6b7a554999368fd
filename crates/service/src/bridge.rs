//! Two legs of a session joined: what `forward` and `exec` share. The peer is not read until the other leg is there.

use sockeye_core::{Effect, Leg, Outbox, PEER};

/// The leg that was asked for.
pub(crate) const FAR: Leg = 1;

/// Messages kept until the far leg is there, and their bytes in all. Streams are not read until then; datagrams cannot be
/// left in the socket that all peers share, and more than these are lost, as datagrams may be.
const EARLY: usize = 16;
const EARLY_BYTES: usize = 64 * 1024;

/// Joins the peer's leg with [`FAR`].
#[derive(Default)]
pub(crate) struct Bridge {
    open: bool,
    early: Vec<Box<[u8]>>,
}

impl Bridge {
    /// Whether the far leg is there.
    pub(crate) const fn is_open(&self) -> bool {
        self.open
    }

    /// Asks for the far leg.
    pub(crate) fn ask(effect: Effect, out: &mut Outbox) {
        out.effect(Effect::Read { leg: PEER, on: false });
        out.effect(effect);
    }

    /// The far leg is there.
    pub(crate) fn join(&mut self, out: &mut Outbox) {
        self.open = true;
        out.to(FAR);
        for message in std::mem::take(&mut self.early) {
            out.message(&message);
        }
        out.effect(Effect::Relay { a: PEER, b: FAR });
        out.effect(Effect::Read { leg: PEER, on: true });
    }

    /// Hands a message over, where the driver does not pass the bytes on by itself.
    pub(crate) fn carry(&mut self, from: Leg, data: &[u8], out: &mut Outbox) {
        if self.open {
            out.to(opposite(from));
            out.message(data);
            return;
        }
        let kept: usize = self.early.iter().map(|message| message.len()).sum();
        if self.early.len() < EARLY && kept + data.len() <= EARLY_BYTES {
            self.early.push(data.into());
        }
    }

    /// Hands a FIN over, and leaves the leg it went to the current one. Where the driver has passed it on by itself, a
    /// second one is nothing.
    pub(crate) fn finish(from: Leg, out: &mut Outbox) {
        out.to(opposite(from));
        out.finish();
    }
}

const fn opposite(leg: Leg) -> Leg {
    if leg == PEER { FAR } else { PEER }
}
