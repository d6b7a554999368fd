//! Asking the servers of the DNS over UDP, each by itself and all at once, until a deadline.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::dns::{self, Kind, Reply};
use super::{Answer, Served};

/// How long a server is waited for before it is asked again: a datagram may be lost.
const AGAIN: Duration = Duration::from_millis(700);

/// How often it is looked whether the end has come closer.
const LOOK: Duration = Duration::from_millis(100);

/// Names that are tried for one, at most.
const CANDIDATES: usize = 4;

/// What one question has come to.
struct Open {
    question: Vec<u8>,
    candidate: usize,
    reply: Option<Reply>,
}

/// Asks one server for the addresses of the first of these names that it has any for. `seed` makes the questions' numbers; the
/// moment when it is to end may come closer.
pub fn ask(server: SocketAddr, candidates: &[String], seed: u16, until: impl Fn() -> Instant) -> Served {
    let started = Instant::now();
    let answer = match exchange(server, candidates, seed, &until) {
        Ok(answer) => answer,
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Answer::NobodyThere,
            _ => Answer::Unreachable,
        },
    };
    Served { server: server.ip(), answer, took: started.elapsed() }
}

fn exchange(
    server: SocketAddr,
    candidates: &[String],
    seed: u16,
    until: &dyn Fn() -> Instant,
) -> io::Result<Answer> {
    let mut open = questions(candidates, seed);
    if open.is_empty() {
        return Ok(Answer::NoName);
    }
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // Only this server's answers are heard then, and its ICMP errors.
    socket.connect(server)?;
    let mut bytes = [0; dns::ANSWER];
    let mut unreadable = false;
    while Instant::now() < until() {
        for asked in open.iter().filter(|asked| asked.reply.is_none()) {
            socket.send(&asked.question)?;
        }
        let round = Instant::now() + AGAIN;
        while let Some(left) =
            round.min(until()).checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
        {
            // The end may come closer while it waits.
            socket.set_read_timeout(Some(left.min(LOOK)))?;
            match socket.recv(&mut bytes) {
                Ok(length) => unreadable |= !take(&mut open, &bytes[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if let Some(answer) = decided(&open, candidates.len()) {
                return Ok(answer);
            }
        }
    }
    // One family may have been answered alone.
    let partly =
        open.iter().filter_map(|asked| asked.reply.as_ref()).find(|reply| !reply.addresses.is_empty());
    Ok(match partly {
        Some(reply) => found(std::iter::once(reply)),
        None if unreadable => Answer::Unreadable,
        None => Answer::Silent,
    })
}

fn questions(candidates: &[String], seed: u16) -> Vec<Open> {
    let kinds = [Kind::A, Kind::Aaaa];
    let all = candidates.iter().take(CANDIDATES).enumerate();
    let all = all.flat_map(|(candidate, name)| kinds.map(|kind| (candidate, name, kind)));
    all.zip(0..)
        .filter_map(|((candidate, name, kind), at)| {
            let question = dns::question(seed.wrapping_add(at), name, kind)?;
            Some(Open { question, candidate, reply: None })
        })
        .collect()
}

/// Whether these bytes answer one of the questions.
fn take(open: &mut [Open], bytes: &[u8]) -> bool {
    for asked in open {
        if let Some(reply) = dns::reply(&asked.question, bytes) {
            asked.reply = Some(reply);
            return true;
        }
    }
    false
}

/// The answer, once the first name that has one is answered in full.
fn decided(open: &[Open], candidates: usize) -> Option<Answer> {
    let mut last = None;
    for candidate in 0..candidates {
        let replies: Vec<Option<&Reply>> = open
            .iter()
            .filter(|asked| asked.candidate == candidate)
            .map(|asked| asked.reply.as_ref())
            .collect();
        if replies.is_empty() {
            continue;
        }
        let replies: Vec<&Reply> = replies.into_iter().collect::<Option<_>>()?;
        if replies.iter().any(|reply| !reply.addresses.is_empty()) {
            return Some(found(replies.into_iter()));
        }
        // A name that is there without an address tells more than one that is not there.
        let worst = replies.iter().map(|reply| reply.rcode).find(|code| *code != 0 && *code != 3);
        let answer = match worst {
            Some(code) => Answer::Failed(code),
            None if replies.iter().any(|reply| reply.rcode == 3) => Answer::NoName,
            None => found(replies.into_iter()),
        };
        if !matches!(last, Some(Answer::Addresses { .. } | Answer::Failed(_))) {
            last = Some(answer);
        }
    }
    last
}

fn found<'a>(replies: impl Iterator<Item = &'a Reply>) -> Answer {
    let (mut addresses, mut ttl, mut alias) = (Vec::new(), None::<u32>, None);
    for reply in replies {
        addresses.extend(&reply.addresses);
        ttl = match (ttl, reply.ttl) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        alias = alias.or_else(|| reply.alias.clone());
    }
    Answer::Addresses { addresses, ttl, alias }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(&answer(&bytes[..length]), from);
            }
        });
        address
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn a_server_that_knows_the_name_gives_its_address() {
        let at = server(|question| {
            let mut answer = question.to_vec();
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            // AAAA has none.
            if question[question.len() - 3] == 1 {
                answer[7] = 1;
                answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x02\0\x0b");
            }
            answer
        });
        let served = ask(at, &["a.example".to_owned()], 9, soon);
        assert_eq!(served.answer.addresses(), ["10.2.0.11".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_name_that_is_not_there_is_told_from_a_failure() {
        for (code, expected) in [(3, Answer::NoName), (2, Answer::Failed(2)), (5, Answer::Failed(5))] {
            let at = server(move |question| {
                let mut answer = question.to_vec();
                answer[2..4].copy_from_slice(&[0x81, 0x80 | code]);
                answer
            });
            assert_eq!(ask(at, &["a.example".to_owned()], 9, soon).answer, expected);
        }
    }

    #[test]
    fn nobody_there_is_told_from_silence() {
        let held = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = held.local_addr().unwrap();
        let until = Instant::now() + Duration::from_millis(50);
        assert_eq!(ask(at, &["a.example".to_owned()], 9, || until).answer, Answer::Silent);
        drop(held);
        assert_eq!(ask(at, &["a.example".to_owned()], 9, soon).answer, Answer::NobodyThere);
    }
}
