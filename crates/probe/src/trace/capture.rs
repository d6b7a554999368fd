//! Frames as they pass this machine's interfaces: kept while a connection lives, within bounds, and picked out afterwards.
//!
//! Capturing needs root or CAP_NET_RAW; whoever has neither is told so by [`Tape::start`].

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::segment::Packet;
use crate::sockets::Protocol;

/// How often the thread that captures looks whether it is to stop.
const GLANCE: Duration = Duration::from_millis(20);

/// Frames that are read before that.
const BATCH: usize = 1000;

/// Interfaces that are told apart for one connection.
const INTERFACES: usize = 16;

/// `PACKET_OUTGOING`: this machine sent it.
const OUTGOING: u8 = 4;

/// One frame, "cooked": from its IP header on, with what the kernel says of the link below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The kernel's time, in nanoseconds since 1970-01-01T00:00:00Z; on a [`Tape`] always there.
    pub at: Option<u64>,
    /// The protocol, as in Ethernet's type field.
    pub protocol: u16,
    /// The number of the interface.
    pub interface: u32,
    /// What kind of link that is (`ARPHRD_…`).
    pub hardware: u16,
    /// Whom it was for: 0 this machine, 1 all, 2 a group, 3 another, 4 sent by this machine.
    pub kind: u8,
    /// Bytes of the sender's hardware address.
    pub address_length: u8,
    /// The sender's hardware address.
    pub address: [u8; 8],
    /// Bytes it had on the wire, from the IP header on.
    pub length: u32,
    /// Those that were kept.
    pub data: Vec<u8>,
    /// Between whom it is, or what it says something about, where that can be read: sender, then receiver. On a [`Tape`]
    /// known of every frame, so that those of one connection are found fast among many.
    pub ends: Option<(SocketAddr, SocketAddr)>,
}

impl Frame {
    /// Its packet, if that can be read.
    pub fn packet(&self) -> Option<Packet> {
        Packet::read(&self.data, usize::try_from(self.length).unwrap_or(usize::MAX))
    }

    /// Reads between whom it is.
    fn read_ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        Some(match self.packet()? {
            Packet::Tcp(segment) => (segment.from, segment.to),
            Packet::Udp(datagram) => (datagram.from, datagram.to),
            Packet::Icmp(icmp) => (icmp.about_from, icmp.about_to),
        })
    }

    /// Whether this machine sent it. On loopback what is received is taken, and so this is never said.
    pub const fn is_outgoing(&self) -> bool {
        self.kind == OUTGOING
    }

    /// The frame with the header that capture files have for such (LINKTYPE_LINUX_SLL2, 276).
    pub fn cooked(&self) -> Vec<u8> {
        let mut cooked = Vec::with_capacity(20 + self.data.len());
        cooked.extend(self.protocol.to_be_bytes());
        cooked.extend([0; 2]);
        cooked.extend(self.interface.to_be_bytes());
        cooked.extend(self.hardware.to_be_bytes());
        cooked.extend([self.kind, self.address_length]);
        cooked.extend(self.address);
        cooked.extend(&self.data);
        cooked
    }
}

/// What is kept when more comes than there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// What came first: one connection from its beginning.
    First,
    /// What came last: connections that come and go.
    Last,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Frames.
    pub frames: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Which.
    pub keep: Keep,
}

impl Bounds {
    /// For one connection: 50,000 frames, 32 MiB.
    pub const ONE: Self = Self { frames: 50_000, bytes: 32 << 20, keep: Keep::First };
    /// For a server's connections, as many as come.
    pub const MANY: Self = Self { keep: Keep::Last, ..Self::ONE };
}

/// A capture under way, on a thread of its own.
#[derive(Debug)]
pub struct Tape {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    kept: Mutex<Kept>,
    more: Condvar,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// How many came in all.
    count: u64,
    left_out: u64,
    dropped: u64,
}

/// What was lost of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Frames that the kernel had no room for.
    pub dropped: u64,
    /// Frames that there was no room for here.
    pub left_out: u64,
}

impl Tape {
    /// Begins to capture TCP or UDP with this port at either end, and ICMP. When this returns, nothing is missed any more.
    /// `PermissionDenied` without the right to, `Unsupported` on systems other than Linux.
    pub fn start(protocol: Protocol, port: u16, bounds: Bounds) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let capture = Source::open(protocol, port)?;
        let thread = std::thread::Builder::new().name("capture".to_owned());
        let thread = thread.spawn(move || own.run(capture, bounds))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits until `is_done`, or this long. It is asked whenever there are more frames, and given those that are new.
    pub fn wait(
        &self,
        patience: Duration,
        mut is_done: impl FnMut(&mut dyn Iterator<Item = &Frame>) -> bool,
    ) {
        let end = Instant::now() + patience;
        let mut kept = self.shared.lock();
        let mut seen = None;
        loop {
            if seen != Some(kept.count) {
                let new = usize::try_from(kept.count - seen.unwrap_or(0)).unwrap_or(usize::MAX);
                // Of what came, some may have been let go again.
                let old = kept.frames.len().saturating_sub(new);
                seen = Some(kept.count);
                if is_done(&mut kept.frames.iter().skip(old)) {
                    return;
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            kept = self.shared.more.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes out the frames that are wanted, in the order of their times.
    pub fn take(&self, mut wanted: impl FnMut(&Frame) -> bool) -> Vec<Frame> {
        let mut kept = self.shared.lock();
        let (mut taken, mut left) = (Vec::new(), VecDeque::with_capacity(kept.frames.len()));
        for frame in kept.frames.drain(..) {
            if wanted(&frame) {
                taken.push(frame);
            } else {
                left.push_back(frame);
            }
        }
        kept.frames = left;
        kept.bytes = kept.frames.iter().map(|frame| frame.data.len()).sum();
        drop(kept);
        // Processors that capture side by side hand frames over in another order than that of their times.
        taken.sort_by_key(|frame| frame.at);
        taken
    }

    /// What was lost so far.
    pub fn lost(&self) -> Lost {
        let kept = self.shared.lock();
        Lost { dropped: kept.dropped, left_out: kept.left_out }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut capture: Source, bounds: Bounds) {
        while !self.stop.load(Ordering::Relaxed) {
            if capture.wait(GLANCE).is_err() || !self.read(&mut capture, bounds) {
                return;
            }
        }
    }

    /// Reads what is there. `false`: nothing more can be read.
    fn read(&self, capture: &mut Source, bounds: Bounds) -> bool {
        for _ in 0..BATCH {
            match capture.next() {
                Ok(Some(mut frame)) => {
                    frame.at = frame.at.or_else(now);
                    frame.ends = frame.read_ends();
                    // What nobody can ask for is not kept.
                    if frame.ends.is_some() {
                        self.lock().put(frame, bounds);
                    }
                }
                Ok(None) => break,
                Err(_) => return false,
            }
        }
        if let Ok(drops) = capture.drops() {
            self.lock().dropped += u64::from(drops);
        }
        self.more.notify_all();
        true
    }
}

impl Kept {
    fn put(&mut self, frame: Frame, bounds: Bounds) {
        self.count += 1;
        let is_full = |kept: &Self| kept.frames.len() >= bounds.frames || kept.bytes >= bounds.bytes;
        if bounds.keep == Keep::First && is_full(self) {
            self.left_out += 1;
            return;
        }
        while is_full(self) {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.bytes -= oldest.data.len();
            self.left_out += 1;
        }
        self.bytes += frame.data.len();
        self.frames.push_back(frame);
    }
}

fn now() -> Option<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// Whether a frame of a [`Tape`] is of the conversation between these two, or ICMP about it.
pub fn is_between(frame: &Frame, one: SocketAddr, other: SocketAddr) -> bool {
    frame.ends.is_some_and(|ends| ends == (one, other) || ends == (other, one))
}

/// Each packet once. A packet passes several interfaces of one machine (a VLAN and its card, a bridge and its port): those
/// of the first interface that has both directions are kept, else of each direction's first.
pub fn at_one_place(frames: Vec<Frame>) -> Vec<Frame> {
    let mut seen: Vec<(u32, [bool; 2])> = Vec::new();
    for frame in &frames {
        let way = usize::from(frame.is_outgoing());
        let is_known = seen.iter().any(|(interface, _)| *interface == frame.interface);
        if !is_known && seen.len() < INTERFACES {
            seen.push((frame.interface, [false; 2]));
        }
        let own = seen.iter_mut().find(|(interface, _)| *interface == frame.interface);
        if let Some((_, ways)) = own {
            ways[way] = true;
        }
    }
    let both = seen.iter().find(|(_, ways)| ways[0] && ways[1]);
    let place = |way: usize| -> Option<u32> {
        both.or_else(|| seen.iter().find(|(_, ways)| ways[way])).map(|(interface, _)| *interface)
    };
    let places = [place(0), place(1)];
    frames
        .into_iter()
        .filter(|frame| places[usize::from(frame.is_outgoing())] == Some(frame.interface))
        .collect()
}

#[cfg(target_os = "linux")]
use crate::linux::capture::Capture as Source;

/// There is none on this system.
#[cfg(not(target_os = "linux"))]
struct Source;

#[cfg(not(target_os = "linux"))]
impl Source {
    fn open(_protocol: Protocol, _port: u16) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn wait(&self, _patience: Duration) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn next(&mut self) -> io::Result<Option<Frame>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn drops(&self) -> io::Result<u32> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(interface: u32, kind: u8, length: usize) -> Frame {
        Frame {
            at: Some(0),
            protocol: 0x800,
            interface,
            hardware: 1,
            kind,
            address_length: 6,
            address: [1, 2, 3, 4, 5, 6, 0, 0],
            length: 0,
            data: vec![0; length],
            ends: None,
        }
    }

    #[test]
    fn what_is_kept_is_bounded_at_either_end() {
        for (keep, first) in [(Keep::First, 0), (Keep::Last, 7)] {
            let mut kept = Kept::default();
            let bounds = Bounds { frames: 3, bytes: 1000, keep };
            (0..10).for_each(|number| kept.put(frame(number, 0, 10), bounds));
            let numbers: Vec<u32> = kept.frames.iter().map(|frame| frame.interface).collect();
            assert_eq!((numbers, kept.left_out, kept.bytes), (vec![first, first + 1, first + 2], 7, 30));
        }
        let mut kept = Kept::default();
        let bounds = Bounds { frames: 100, bytes: 25, keep: Keep::Last };
        (0..10).for_each(|number| kept.put(frame(number, 0, 10), bounds));
        assert_eq!((kept.frames.len(), kept.bytes), (3, 30));
    }

    #[test]
    fn each_packet_is_kept_once() {
        let places = |frames: &[(u32, u8)]| -> Vec<(u32, u8)> {
            let frames = frames.iter().map(|(interface, kind)| frame(*interface, *kind, 0)).collect();
            at_one_place(frames).iter().map(|frame| (frame.interface, frame.kind)).collect()
        };
        // Out by the VLAN (5) and then its card (2), in by the card and then the VLAN.
        assert_eq!(places(&[(5, 4), (2, 4), (2, 0), (5, 0)]), [(5, 4), (5, 0)]);
        // Out by one and in by another.
        assert_eq!(places(&[(3, 4), (4, 0), (3, 4)]), [(3, 4), (4, 0), (3, 4)]);
        assert_eq!(places(&[(1, 0), (1, 0)]), [(1, 0), (1, 0)]);
    }

    #[test]
    fn a_cooked_frame_has_its_header() {
        let cooked = frame(3, 4, 5).cooked();
        assert_eq!(cooked[..12], [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6]);
        assert_eq!((cooked.len(), &cooked[12..18]), (25, &[1, 2, 3, 4, 5, 6][..]));
    }
}
