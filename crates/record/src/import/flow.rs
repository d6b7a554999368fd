//! Flows told apart, and the events of each.

use std::collections::HashMap;
use std::net::SocketAddr;

use sockeye_core::event::Totals;
use sockeye_core::{Address, Code, Direction, Event, Fault, How, Kind, PEER, SessionId, Tick};

use super::dissect::{Head, Segment, Tcp};
use super::half::{Half, Piece};
use super::{FLAWS_MAX, FLOWS_MAX, Flow, Options, Summary};

/// The lowest port that no service has for its own (RFC 6335, section 6: user ports).
const USER_PORTS: u16 = 1024;

/// Every flow of a capture.
pub(super) struct Flows<'a> {
    options: &'a Options,
    sink: &'a mut dyn FnMut(&Event<'_>),
    now: Tick,
    /// The latest flow between two places: an index of `tracks`.
    latest: HashMap<Ends, usize>,
    tracks: Vec<Track>,
    left_out: u64,
    flaws: Vec<Fault>,
    /// Where a flaw stands in `flaws`, by its flow (0: none) and sort, and how much it comes to.
    sums: HashMap<(u64, &'static str), (usize, u64)>,
    more_flaws: u64,
}

/// Two places and what connects them, whichever way round.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ends {
    low: SocketAddr,
    high: SocketAddr,
    transport: &'static str,
}

/// How far a flow has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has answered.
    Begun,
    /// It stands.
    Open,
    /// It is over.
    Over,
}

struct Track {
    flow: Flow,
    stage: Stage,
    /// Whether it is wanted.
    shown: bool,
    client: Half,
    server: Half,
    totals: Totals,
    /// Whether it had begun before the capture did.
    late: bool,
    /// Whether it has been told that it is encrypted, or that it is not.
    judged: bool,
}

impl<'a> Flows<'a> {
    pub(super) fn new(options: &'a Options, sink: &'a mut dyn FnMut(&Event<'_>)) -> Self {
        Self {
            options,
            sink,
            now: Tick::ZERO,
            latest: HashMap::new(),
            tracks: Vec::new(),
            left_out: 0,
            flaws: Vec::new(),
            sums: HashMap::new(),
            more_flaws: 0,
        }
    }

    /// What follows happened so many nanoseconds after the first packet. Time does not run back.
    pub(super) fn moment(&mut self, nanos: u64) {
        self.now = self.now.max(Tick(nanos));
    }

    /// Takes in what a packet carried.
    pub(super) fn segment(&mut self, segment: &Segment<'_>) {
        let transport = if matches!(segment.head, Head::Udp) { "udp" } else { "tcp" };
        let (low, high) = (segment.from.min(segment.to), segment.from.max(segment.to));
        let ends = Ends { low, high, transport };
        let known = self.latest.get(&ends).copied().filter(|at| !self.begins_anew(*at, segment));
        let Some(at) = known.or_else(|| self.begin(ends, segment)) else {
            self.left_out += 1;
            return;
        };
        match segment.head {
            Head::Udp => self.datagram(at, segment),
            Head::Tcp(head) => self.tcp(at, head, segment),
        }
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) {
        for at in 0..self.tracks.len() {
            self.close(at, How::Inferred);
        }
        if self.left_out > 0 {
            self.flaw(None, "flows", self.left_out);
        }
    }

    pub(super) fn into_summary(self, summary: &mut Summary) {
        summary.flows = self.tracks.into_iter().map(|track| track.flow).collect();
        summary.flaws = self.flaws;
        summary.more_flaws = self.more_flaws;
    }

    /// Something is missing or cannot be used; `at`: in that flow.
    pub(super) fn flaw(&mut self, at: Option<usize>, what: &'static str, count: u64) {
        let mut fault = Fault::new(Code::FlawedCapture, "").arg("what", what).arg("count", count);
        let mut number = 0;
        if let Some(track) = at.and_then(|at| self.tracks.get(at)) {
            if !track.shown {
                return;
            }
            let Flow { transport, client, server, .. } = &track.flow;
            number = track.flow.number;
            fault = fault.doing(format!("flow {number} {transport} {client} {server}"));
            self.show(number, How::Inferred, Kind::Error(&fault));
        }
        if let Some((at, sum)) = self.sums.get_mut(&(number, what)) {
            *sum += count;
            let subject = std::mem::take(&mut self.flaws[*at].subject);
            self.flaws[*at] = Fault::new(Code::FlawedCapture, subject).arg("what", what).arg("count", *sum);
        } else if self.flaws.len() < FLAWS_MAX {
            self.sums.insert((number, what), (self.flaws.len(), count));
            self.flaws.push(fault);
        } else {
            self.more_flaws += 1;
        }
    }

    fn show(&mut self, number: u64, how: How, kind: Kind<'_>) {
        (self.sink)(&Event { at: self.now, session: SessionId(number), how, kind });
    }

    /// Whether the segment is the first of another connection between the same ports. What was not ended is over then.
    fn begins_anew(&mut self, at: usize, segment: &Segment<'_>) -> bool {
        let Some(track) = self.tracks.get(at) else { return true };
        let Head::Tcp(Tcp { syn: true, ack: None, sequence, .. }) = segment.head else { return false };
        let half = if segment.from == track.flow.client { &track.client } else { &track.server };
        if track.stage != Stage::Over && !half.begins_elsewhere(sequence) {
            return false;
        }
        self.close(at, How::Inferred);
        true
    }

    fn begin(&mut self, ends: Ends, segment: &Segment<'_>) -> Option<usize> {
        if self.tracks.len() >= FLOWS_MAX {
            return None;
        }
        let (client, server) = roles(segment);
        let number = self.tracks.len() as u64 + 1;
        let wanted = |peer: &String| [client, server].iter().any(|end| end.to_string().contains(peer));
        let shown = self.options.peer.as_ref().is_none_or(wanted);
        let transport = ends.transport;
        self.tracks.push(Track {
            flow: Flow { number, transport, client, server, sent: 0, answered: 0 },
            stage: Stage::Begun,
            shown,
            client: Half::default(),
            server: Half::default(),
            totals: Totals::default(),
            late: false,
            judged: false,
        });
        self.latest.insert(ends, self.tracks.len() - 1);
        Some(self.tracks.len() - 1)
    }

    /// It stands: the handshake was seen, or data.
    fn open(&mut self, at: usize) {
        let track = &mut self.tracks[at];
        if track.stage != Stage::Begun {
            return;
        }
        track.stage = Stage::Open;
        let Flow { number, transport, client, server, .. } = track.flow;
        if track.shown {
            let (local, remote) = (Address::Ip(server), Address::Ip(client));
            let kind = Kind::Accepted { transport, local: &local, remote: &remote };
            self.show(number, How::Captured, kind);
        }
        if self.tracks[at].late {
            self.flaw(Some(at), "middle", 1);
        }
    }

    fn datagram(&mut self, at: usize, segment: &Segment<'_>) {
        self.open(at);
        if segment.missing > 0 {
            self.flaw(Some(at), "cut", segment.missing as u64);
            return;
        }
        let direction = self.direction(at, segment);
        self.message(at, direction, segment.data);
    }

    fn tcp(&mut self, at: usize, head: Tcp, segment: &Segment<'_>) {
        let direction = self.direction(at, segment);
        let track = &mut self.tracks[at];
        if track.stage == Stage::Over {
            return;
        }
        track.late |= !track.client.is_known() && !track.server.is_known() && !head.syn;
        let (own, other) = match direction {
            Direction::In => (&mut track.client, &mut track.server),
            Direction::Out => (&mut track.server, &mut track.client),
        };
        let sequence = head.sequence.wrapping_add(u32::from(head.syn));
        if !head.rst || own.is_known() {
            own.expect(sequence);
        }
        if let Some(ack) = head.ack {
            other.expect(ack);
            other.acknowledged(ack);
        }
        let speaks = !segment.data.is_empty() || head.fin || segment.missing > 0;
        if head.syn && head.ack.is_some() || speaks && !head.rst {
            self.open(at);
        }
        // What a RST carries is no part of the stream.
        if segment.missing > 0 && !head.rst {
            self.flaw(Some(at), "cut", segment.missing as u64);
        }
        // Behind what was cut off a FIN would stand in the wrong place.
        let fin = head.fin && segment.missing == 0;
        if !head.rst {
            self.feed(at, direction, |half, out| half.segment(sequence, segment.data, fin, out));
        }
        let (track, other) = (&self.tracks[at], opposite(direction));
        let half = if other == Direction::In { &track.client } else { &track.server };
        if half.lacks_what_arrived() {
            self.feed(at, other, Half::end);
        }
        let track = &self.tracks[at];
        if head.rst {
            self.reset(at, direction);
        } else if track.client.ended && track.server.ended {
            self.close(at, How::Captured);
        }
    }

    /// Runs one direction, and tells what comes of it.
    fn feed(
        &mut self,
        at: usize,
        direction: Direction,
        run: impl FnOnce(&mut Half, &mut dyn FnMut(Piece<'_>)),
    ) {
        let half = |track: &mut Track| match direction {
            Direction::In => std::mem::take(&mut track.client),
            Direction::Out => std::mem::take(&mut track.server),
        };
        let mut taken = half(&mut self.tracks[at]);
        run(&mut taken, &mut |piece| match piece {
            Piece::Data(data) => self.message(at, direction, data),
            Piece::Hole(count) => self.flaw(Some(at), "gap", count),
            Piece::Fin => {
                let number = self.tracks[at].flow.number;
                if self.tracks[at].shown {
                    let kind = Kind::HalfClosed { leg: PEER, direction, farewell: None };
                    self.show(number, How::Captured, kind);
                }
            }
        });
        match direction {
            Direction::In => self.tracks[at].client = taken,
            Direction::Out => self.tracks[at].server = taken,
        }
    }

    fn message(&mut self, at: usize, direction: Direction, data: &[u8]) {
        let Track { flow, totals, shown, judged, .. } = &mut self.tracks[at];
        let count = data.len() as u64;
        match direction {
            Direction::In => {
                flow.sent += count;
                totals.messages_in += 1;
                totals.bytes_in += count;
            }
            Direction::Out => {
                flow.answered += count;
                totals.messages_out += 1;
                totals.bytes_out += count;
            }
        }
        let (number, shown) = (flow.number, *shown);
        let is_tls = !std::mem::replace(judged, true) && flow.transport == "tcp" && begins_tls(data);
        if is_tls {
            self.flaw(Some(at), "tls", 1);
        }
        if shown {
            self.show(number, How::Captured, Kind::Message { leg: PEER, direction, data });
        }
    }

    /// Tells the rest of both directions.
    fn drain(&mut self, at: usize) {
        for direction in [Direction::In, Direction::Out] {
            self.feed(at, direction, Half::end);
        }
    }

    fn reset(&mut self, at: usize, direction: Direction) {
        if self.tracks[at].stage == Stage::Open {
            self.drain(at);
            if self.tracks[at].shown {
                let number = self.tracks[at].flow.number;
                self.show(number, How::Captured, Kind::Reset { leg: PEER, direction });
            }
        }
        self.close(at, How::Captured);
    }

    fn close(&mut self, at: usize, how: How) {
        if self.tracks[at].stage == Stage::Open {
            self.drain(at);
            let Track { flow, totals, shown, .. } = &self.tracks[at];
            let (number, totals, shown) = (flow.number, *totals, *shown);
            if shown {
                self.show(number, how, Kind::Closed { totals });
            }
        }
        let track = &mut self.tracks[at];
        track.stage = Stage::Over;
        (track.client, track.server) = (Half::default(), Half::default());
    }

    fn direction(&self, at: usize, segment: &Segment<'_>) -> Direction {
        if segment.from == self.tracks[at].flow.client { Direction::In } else { Direction::Out }
    }
}

const fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
    }
}

/// Who is the client, who the server: a SYN tells. Where none was captured, a service's own port does, and else whoever
/// spoke first is the client.
fn roles(segment: &Segment<'_>) -> (SocketAddr, SocketAddr) {
    let (from, to) = (segment.from, segment.to);
    let answers = match segment.head {
        Head::Tcp(Tcp { syn: true, ack, .. }) => ack.is_some(),
        _ => from.port() < USER_PORTS && from.port() < to.port(),
    };
    if answers { (to, from) } else { (from, to) }
}

/// Whether a stream begins as TLS does: a record of the handshake, with a ClientHello in it (RFC 8446, section 5.1).
fn begins_tls(data: &[u8]) -> bool {
    matches!(data, [0x16, 3, 0..=4, _, _, 1, ..])
}
