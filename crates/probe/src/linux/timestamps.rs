//! When bytes of a connection entered the interface's queue, left, and were acknowledged (the kernel's
//! `Documentation/networking/timestamping.rst`). Needs no right beyond owning the socket.

use std::io;
use std::os::fd::AsFd;

use super::capture::nanoseconds;
use super::sys;
use crate::trace::story::{Stage, Stamp};

/// Stamps that are taken at once.
const MOST: usize = 1024;

/// What is asked for: scheduled, sent, acknowledged, by the kernel's clock, with the byte they are about, without the
/// bytes themselves.
const WANTED: i32 = (1 << 8) | (1 << 1) | (1 << 9) | (1 << 4) | (1 << 7) | (1 << 11);

/// Counts bytes from the first that is written from now on, not from the first unacknowledged (Linux 6.2).
const FROM_HERE: i32 = 1 << 16;

/// `SO_EE_ORIGIN_TIMESTAMPING`.
const ORIGIN: u8 = 4;

/// Asks for stamps of a TCP socket that is connected, or connecting.
pub(crate) fn ask(socket: &impl AsFd) -> io::Result<()> {
    let set = |what| sys::set_number(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, what);
    set(WANTED | FROM_HERE).or_else(|_| set(WANTED))
}

/// Takes the stamps that are there.
pub(crate) fn take(socket: &impl AsFd) -> Vec<Stamp> {
    let mut stamps = Vec::new();
    let (mut control, mut from) = ([0; 64], sys::Address::default());
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    while stamps.len() < MOST {
        let Ok(got) = sys::receive(socket, &mut [], &mut control, &mut from, flags) else { break };
        stamps.extend(stamp(sys::control(&control, got.control)));
    }
    stamps
}

/// A stamp by its control messages.
fn stamp(messages: impl Iterator<Item = (libc::c_int, libc::c_int, Vec<u8>)>) -> Option<Stamp> {
    let (mut at, mut about) = (None, None);
    for (level, kind, data) in messages {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => at = nanoseconds(&data),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => about = stage(&data),
            _ => {}
        }
    }
    let (stage, byte) = about?;
    Some(Stamp { at: at?, stage, byte })
}

/// What a `struct sock_extended_err` says: the stage, and the number of the byte from 1.
fn stage(error: &[u8]) -> Option<(Stage, u32)> {
    let number = |at: usize| Some(u32::from_ne_bytes(error.get(at..at + 4)?.try_into().ok()?));
    if *error.get(4)? != ORIGIN {
        return None;
    }
    let stage = match number(8)? {
        0 => Stage::Sent,
        1 => Stage::Scheduled,
        2 => Stage::Acknowledged,
        _ => return None,
    };
    Some((stage, number(12)?.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_write_is_stamped_on_its_way() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = listener.accept().unwrap().0;
        ask(&client).unwrap();
        client.write_all(b"hello").unwrap();
        server.read_exact(&mut [0; 5]).unwrap();
        server.write_all(b"x").unwrap();
        // The answer comes with the acknowledgement, or after it.
        client.read_exact(&mut [0]).unwrap();
        let mut stages: Vec<_> = take(&client).iter().map(|stamp| (stamp.stage.word(), stamp.byte)).collect();
        stages.sort_unstable();
        assert_eq!(stages, [("acknowledged", 5), ("scheduled", 5), ("sent", 5)]);
    }

    #[test]
    fn other_errors_and_short_ones_are_no_stamps() {
        for length in 0..16 {
            assert_eq!(stage(&[0; 16][..length]), None);
        }
        assert_eq!(stage(&[0; 16]), None);
    }
}
