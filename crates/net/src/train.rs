//! Which trains of datagrams a socket takes: several that leave through one call and are cut apart by the kernel or the
//! device (`UDP_SEGMENT`, udp(7)), and several that one read gives (`UDP_GRO`).
//!
//! A system that knows them says so when asked; one that does not would send a train as a single datagram, so none is sent
//! there. What a system knows, a device or a route may still refuse: that is remembered, and datagrams go one by one.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;

#[cfg(target_os = "linux")]
use nix::sys::socket::{
    getsockopt, setsockopt,
    sockopt::{UdpGroSegment, UdpGsoSegment},
};

/// The most bytes of a train: what one IPv6 packet carries, and so one of IPv4, too (RFC 8200, section 3; RFC 768).
const BYTES: usize = 65_535 - 40 - 8;

/// The most datagrams of a train: `UDP_MAX_SEGMENTS` of Linux since 6.10.
const MOST: usize = 128;

/// Before that.
const FEWER: usize = 64;

/// What one socket takes.
#[derive(Clone, Debug)]
pub(crate) struct Trains {
    /// Datagrams of a train at most; 1: it takes none.
    most: Cell<usize>,
    /// The longest datagrams of a train. Longer ones would not fit the route's packets, and are only cut into fragments
    /// where they travel alone.
    longest: Cell<usize>,
    hears: bool,
}

impl Trains {
    /// What the system says.
    #[cfg(target_os = "linux")]
    pub(crate) fn of(socket: &impl AsFd) -> Self {
        let most = if getsockopt(socket, UdpGsoSegment).is_ok() { MOST } else { 1 };
        Self { most: Cell::new(most), longest: Cell::new(BYTES), hears: true }
    }

    /// Elsewhere there are none.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of(_socket: &impl AsFd) -> Self {
        Self::none()
    }

    /// None.
    pub(crate) const fn none() -> Self {
        Self { most: Cell::new(1), longest: Cell::new(0), hears: false }
    }

    /// From now on a read may give a train. Where the system has none to give, it goes on giving single datagrams.
    pub(crate) fn hear(&self, socket: &impl AsFd) {
        #[cfg(target_os = "linux")]
        if self.hears {
            let _best_effort = setsockopt(socket, UdpGroSegment, &true);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = socket;
    }

    /// How many bytes a train of datagrams of `segment` bytes may have: those of one, where there is no such train.
    pub(crate) const fn room(&self, segment: usize) -> usize {
        if segment == 0 || segment > self.longest.get() {
            return segment;
        }
        let fit = BYTES / segment;
        let count = if fit < self.most.get() { fit } else { self.most.get() };
        if count > 1 { count * segment } else { segment }
    }

    /// Whether an error may be about the train, and not about its datagrams: a device cannot cut it apart (`EIO`), its
    /// datagrams are too long for a packet (`EMSGSIZE`), or either or too many (`EINVAL`).
    pub(crate) fn is_refusal(error: &io::Error) -> bool {
        matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP))
    }

    /// A train of `count` datagrams of `segment` bytes was refused, and one of them alone was not.
    pub(crate) fn refused(&self, error: &io::Error, segment: usize, count: usize) {
        match error.raw_os_error() {
            Some(libc::EINVAL) if count > FEWER => self.most.set(FEWER),
            Some(libc::EINVAL | libc::EMSGSIZE) => self.longest.set(segment - 1),
            _ => self.most.set(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Trains {
        Trains { most: Cell::new(MOST), longest: Cell::new(BYTES), hears: true }
    }

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn a_train_has_bounds_in_datagrams_and_in_bytes() {
        let trains = known();
        for (segment, room) in
            [(0, 0), (1, 128), (64, 8192), (1400, 46 * 1400), (40_000, 40_000), (65_507, 65_507)]
        {
            assert_eq!(trains.room(segment), room, "{segment}");
        }
        assert_eq!(Trains::none().room(64), 64);
    }

    #[test]
    fn what_was_refused_is_not_tried_again() {
        let trains = known();
        trains.refused(&error(libc::EINVAL), 10, 100);
        assert_eq!((trains.room(10), trains.room(1400)), (640, 46 * 1400));
        trains.refused(&error(libc::EMSGSIZE), 9000, 7);
        assert_eq!((trains.room(9000), trains.room(8999)), (9000, 7 * 8999));
        trains.refused(&error(libc::EIO), 64, 2);
        assert_eq!(trains.room(64), 64);
        assert!(!Trains::is_refusal(&error(libc::ECONNREFUSED)));
    }
}
