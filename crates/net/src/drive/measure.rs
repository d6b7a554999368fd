//! What a session tells the metrics, where there are any: at the end of each poll, so that a message costs nothing.

use sockeye_core::Tick;
use sockeye_core::event::Totals;

use crate::drive::session::Session;

impl Session {
    /// What came and went so far.
    pub(super) fn totals(&self) -> Totals {
        // What a relay passed on without the conversation counts as it was read.
        let (messages_in, messages_out) = self.machine.messages();
        Totals {
            messages_in: messages_in + self.passed_in,
            messages_out: messages_out + self.passed_out,
            bytes_in: self.peer.bytes_in,
            bytes_out: self.peer.bytes_out,
        }
    }

    /// The peer was read at `now`, when so many bytes had gone out; the answers are made, and written unless they wait.
    #[cold]
    pub(super) fn measure_read(&mut self, now: Tick, before: u64) {
        if let Some(meter) = &mut self.meter {
            meter.asked(now, before);
        }
        self.measure_answer();
    }

    fn measure_answer(&mut self) {
        let (Some(metrics), Some(meter)) = (self.world.shared.metrics.get(), &mut self.meter) else { return };
        if let Some(after) = meter.answered(self.world.clock.now(), self.peer.bytes_out) {
            metrics.answered(after);
        }
    }

    /// The session sleeps now.
    #[cold]
    pub(super) fn measure(&mut self) {
        self.measure_answer();
        let totals = self.totals();
        let (Some(metrics), Some(meter)) = (self.world.shared.metrics.get(), &mut self.meter) else { return };
        metrics.session(meter, totals);
        // What waits for a peer that does not read is still to be answered; anything else is answered by a later event.
        if self.peer.queue.is_empty() {
            meter.waits_no_longer();
        }
    }

    /// The session is over.
    pub(super) fn measure_end(&mut self) {
        self.measure();
        let now = self.world.clock.now();
        if let (Some(metrics), Some(meter)) = (self.world.shared.metrics.get(), &self.meter) {
            metrics.session_ended(meter, now);
        }
    }
}
