//! Connections as probes: open and refused are both answers.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::SocketType;

use super::line::{Errors, Line, wait};
use super::target;
use crate::ping::{About, Heard, Plan, Prober, Reply};

/// Connections under way at the most; beyond them the first is given up.
const MOST: usize = 256;

/// Connections under way.
pub(super) struct Knock {
    to: SocketAddr,
    /// How long one is kept: somewhat longer than its answer may take, so that a late one is still heard.
    keep: Duration,
    open: VecDeque<(u64, Instant, Line)>,
    /// What was told before anybody waited.
    heard: Vec<Heard>,
}

impl Knock {
    pub(super) fn open(plan: &Plan, port: u16) -> io::Result<Self> {
        // That sockets can be had is found out now, where another way may still be taken.
        socket(plan.to.is_ipv6())?;
        Ok(Self { to: target(plan, port), keep: plan.wait * 2, open: VecDeque::new(), heard: Vec::new() })
    }

    fn answer(&self, number: u64, what: Reply) -> Heard {
        Heard::Answer {
            about: About::Number(number),
            from: self.to.ip(),
            bytes: 0,
            ttl: None,
            what,
            differs_at: None,
            arrived: None,
        }
    }

    /// What became of a connection that is not under way any more. A refusal that a router sent is no answer.
    fn outcome(&self, number: u64, errno: i32, line: &mut Line) -> Heard {
        if errno == 0 {
            return self.answer(number, Reply::Open);
        }
        let queued = line.next_error().ok().flatten().and_then(|got| got.told.error);
        match queued.filter(|report| report.icmp().is_some()) {
            Some(report) => Heard::Trouble {
                about: About::Number(number),
                from: report.offender,
                icmp: report.icmp(),
                errno: report.errno,
            },
            None if errno == libc::ECONNREFUSED => self.answer(number, Reply::Closed),
            None => Heard::Trouble { about: About::Number(number), from: None, icmp: None, errno },
        }
    }
}

fn socket(is_v6: bool) -> io::Result<Line> {
    Line::open(is_v6, SocketType::STREAM, None, Errors::Queued)
}

impl Prober for Knock {
    fn send(&mut self, number: u64) -> io::Result<()> {
        let mut line = socket(self.to.is_ipv6())?;
        match rustix::net::connect(&line.socket, &self.to) {
            Err(Errno::INPROGRESS) => {
                if self.open.len() == MOST {
                    self.open.pop_front();
                }
                self.open.push_back((number, Instant::now(), line));
            }
            Ok(()) => self.heard.push(self.answer(number, Reply::Open)),
            Err(Errno::CONNREFUSED) => {
                let outcome = self.outcome(number, libc::ECONNREFUSED, &mut line);
                self.heard.push(outcome);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn hear(&mut self, patience: Duration) -> io::Result<Vec<Heard>> {
        let mut heard = std::mem::take(&mut self.heard);
        let patience = if heard.is_empty() { patience } else { Duration::ZERO };
        let ready: Vec<bool> = {
            let sockets = self
                .open
                .iter()
                .map(|(_, _, line)| PollFd::from_borrowed_fd(line.socket.as_fd(), PollFlags::OUT));
            let mut sockets: Vec<PollFd<'_>> = sockets.collect();
            wait(&mut sockets, patience)?;
            sockets.iter().map(|socket| !socket.revents().is_empty()).collect()
        };
        let mut rest = VecDeque::with_capacity(self.open.len());
        for ((number, since, mut line), ready) in std::mem::take(&mut self.open).into_iter().zip(ready) {
            if ready {
                let error = rustix::net::sockopt::socket_error(&line.socket)?;
                let errno = error.err().map_or(0, Errno::raw_os_error);
                heard.push(self.outcome(number, errno, &mut line));
            } else if since.elapsed() < self.keep {
                rest.push_back((number, since, line));
            }
        }
        self.open = rest;
        Ok(heard)
    }
}
