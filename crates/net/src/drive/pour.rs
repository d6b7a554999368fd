//! A peer's bytes that the conversation only prints, or throws away: in bulk, the kernel moves them there (`splice(2)`).
//!
//! Few bytes go through the conversation as ever. Once reads fill the buffer, and what the session has printed is on
//! stdout, the kernel writes there past the front. Whatever cannot be written so (a full disk, a reader that is gone) is
//! printed after all: the front knows what to say of it.

use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sockeye_core::{Basin, Leg, PEER};

use crate::drive::bulk::Bulk;
use crate::drive::port::Got;
use crate::drive::session::Session;
use crate::splice::{self, Pipe, Sink};
use crate::world::{BLOCKED, Lent, READ, World};

/// How often it is looked whether what was printed is on stdout, before the session goes on printing.
const LOOKS: u8 = 4;

/// Where one peer's bytes go, and what is on its way there.
pub(crate) struct Pour {
    into: Basin,
    pipe: Option<Box<Pipe>>,
    /// Whether the front is known to be through with what it was given, or how often that was looked for in vain.
    looked: Option<u8>,
}

/// The descriptors that bytes are poured into, of one thread.
#[derive(Default)]
pub(crate) struct Basins {
    stdout: OnceCell<Option<Sink>>,
    nowhere: OnceCell<Option<Sink>>,
}

impl Basins {
    /// `None` where the kernel cannot move bytes there: a terminal, a file that is appended to.
    fn get(&self, basin: Basin) -> Option<&Sink> {
        let made = match basin {
            Basin::Stdout => self.stdout.get_or_init(|| {
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                stdout.ok().and_then(|stdout| Sink::new(stdout).ok())
            }),
            Basin::Nowhere => self.nowhere.get_or_init(|| {
                let null = File::options().write(true).open("/dev/null");
                null.ok().and_then(|null| Sink::new(null.into()).ok())
            }),
        };
        made.as_ref()
    }
}

impl Session {
    /// The peer's bytes are to be poured.
    pub(super) fn pour(&mut self, into: Basin) {
        if self.machine.lane(PEER).is_cut_anywhere() && !self.world.wants_messages {
            self.peer.pour = Some(Box::new(Pour { into, pipe: None, looked: Some(0) }));
        }
    }

    /// The conversation is about to be given so many bytes that may as well be poured.
    pub(super) fn note_poured(&mut self, leg: Leg, count: usize) {
        if leg != PEER || !self.peer.bulk.has_read(count == READ) {
            return;
        }
        let Some(pour) = &mut self.peer.pour else { return };
        pour.looked = Some(0);
        let is_free = self.peer.faults.is_none() && self.peer.port.stream().is_some_and(splice::is_source);
        if is_free && self.world.basins.get(pour.into).is_some() {
            self.peer.bulk = Bulk::On(0);
        }
    }

    /// Pours what was moved last, then moves more. `much` is what a move may bring, `most` what a read may.
    pub(super) fn poll_pour(
        &mut self,
        much: usize,
        most: usize,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) -> Poll<io::Result<Got>> {
        let world = Rc::clone(&self.world);
        let Some(pour) = self.peer.pour.as_deref_mut() else { return Poll::Pending };
        if let Some(looks) = pour.looked.filter(|_| pour.into == Basin::Stdout) {
            if world.front.is_through() {
                pour.looked = None;
            } else if looks < LOOKS {
                pour.looked = Some(looks + 1);
                self.arm(world.clock.now() + BLOCKED);
                return Poll::Pending;
            } else {
                // Others print without a pause. What they wait for, this session waits for too.
                self.peer.bulk = Bulk::Never;
                return self.peer.poll_read(cx, &mut lent.buffer[..most]);
            }
        }
        match pour.poll_empty(cx, &world) {
            Poll::Ready(true) => {}
            Poll::Ready(false) => {
                self.pour_rest();
                self.peer.bulk = Bulk::Never;
            }
            Poll::Pending => {
                // Of all sessions that wait for stdout, only the last to ask is woken.
                self.arm(world.clock.now() + BLOCKED);
                return Poll::Pending;
            }
        }
        let pipe = if self.peer.bulk.is_on() { world.pipes.lend() } else { None };
        let (Some(mut pipe), Some(stream)) = (pipe, self.peer.port.stream()) else {
            return self.peer.poll_read(cx, &mut lent.buffer[..most]);
        };
        match splice::poll_fill(stream, cx, &mut pipe, much) {
            Poll::Ready(Ok(count)) if count > 0 => {
                if let Some(pour) = &mut self.peer.pour {
                    pour.pipe = Some(pipe);
                }
                Poll::Ready(Ok(Got::Moved(count)))
            }
            outcome => {
                world.pipes.give_back(*pipe);
                match ready!(outcome) {
                    Ok(_) => Poll::Ready(Ok(Got::Eof)),
                    Err(error) if splice::is_unfit(&error) => {
                        self.peer.bulk = Bulk::Never;
                        self.peer.poll_read(cx, &mut lent.buffer[..most])
                    }
                    Err(error) => Poll::Ready(Err(error)),
                }
            }
        }
    }

    /// Counts what was moved. Where the next bytes are read again, they must not overtake it.
    pub(super) fn poured(&mut self, count: usize) {
        self.peer.bytes_in += count as u64;
        self.passed_in += 1;
        self.peer.bulk.has_moved(count);
        if !self.peer.bulk.is_on() {
            self.pour_rest();
        }
    }

    /// Prints what is still on its way: the kernel cannot write it, or the session is over.
    pub(super) fn pour_rest(&mut self) {
        let Some(pour) = self.peer.pour.as_deref_mut() else { return };
        let Some(mut pipe) = pour.pipe.take() else { return };
        // Reading back what we have put into our own pipe does not fail.
        if let Ok(bytes) = pipe.take()
            && pour.into == Basin::Stdout
        {
            self.prints = true;
            self.world.front.print(self.id, &bytes);
        }
        self.world.pipes.give_back(*pipe);
    }
}

impl Pour {
    /// Empties the pipe. `false`: the rest of it can only be printed.
    fn poll_empty(&mut self, cx: &mut Context<'_>, world: &World) -> Poll<bool> {
        while let Some(pipe) = self.pipe.as_deref_mut() {
            let Some(sink) = world.basins.get(self.into) else { return Poll::Ready(false) };
            if ready!(sink.poll_empty(cx, pipe)).is_err() {
                return Poll::Ready(false);
            }
            if let Some(pipe) = self.pipe.take_if(|pipe| pipe.held() == 0) {
                world.pipes.give_back(*pipe);
            }
        }
        Poll::Ready(true)
    }
}
