//! Probes on Linux: echo requests on datagram or raw sockets (icmp(7), raw(7)), datagrams whose errors are asked for
//! (`IP_RECVERR`, ip(7)), connections. Times are the kernel's where it gives them (`SO_TIMESTAMPING`).

mod datagrams;
mod echo;
mod knock;
mod line;

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::ping::{Plan, Prober, Way};

/// Opens a way, if this system and this user may have it.
pub(crate) fn open(plan: &Plan, way: Way) -> io::Result<Box<dyn Prober>> {
    Ok(match way {
        Way::IcmpDatagram => Box::new(echo::Echo::datagram(plan)?),
        Way::IcmpRaw => Box::new(echo::Echo::raw(plan)?),
        Way::Udp(port) => Box::new(datagrams::Datagrams::open(plan, port)?),
        Way::Tcp(port) => Box::new(knock::Knock::open(plan, port)?),
    })
}

/// The plan's host with a port.
fn target(plan: &Plan, port: u16) -> SocketAddr {
    match plan.to {
        IpAddr::V6(address) => SocketAddr::V6(SocketAddrV6::new(address, port, 0, plan.zone)),
        address @ IpAddr::V4(_) => SocketAddr::new(address, port),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;
    use crate::ping::{Answer, Moment, Reply, Report, run};

    fn probe(to: &str, way: Way, size: usize) -> io::Result<(Report, Vec<Answer>)> {
        let plan = Plan {
            to: to.parse().unwrap(),
            zone: 0,
            ways: vec![way],
            size,
            count: 3,
            interval: Duration::from_millis(10),
            wait: Duration::from_secs(10),
            budget: None,
            seed: 0x1234_5678_9abc_def0,
        };
        let mut answers = Vec::new();
        let report = run(&plan, &AtomicBool::new(false), |moment| match moment {
            Moment::Answer(answer) => answers.push(answer.clone()),
            Moment::Begun(opening) => assert_eq!(opening.way, Some(way)),
            other => panic!("{other:?}"),
        })?;
        Ok((report, answers))
    }

    #[test]
    fn a_closed_port_answers_datagrams() {
        for to in ["127.0.0.1", "::1"] {
            let closed = UdpSocket::bind((to, 0)).unwrap().local_addr().unwrap().port();
            for size in [0, 40] {
                let (report, answers) = probe(to, Way::Udp(Some(closed)), size).unwrap();
                assert_eq!(report.figures.answered, 3, "{to} {report:?}");
                assert!(answers.iter().all(|answer| answer.what == Reply::Closed), "{answers:?}");
                assert_eq!(answers.iter().map(|answer| answer.number).collect::<Vec<_>>(), [1, 2, 3]);
                assert!(answers.iter().all(|answer| answer.from.to_string() == to));
            }
        }
    }

    #[test]
    fn a_service_answers_datagrams_as_it_likes() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let echo = std::thread::spawn(move || {
            for turn in 0..3 {
                let mut buffer = [0; 100];
                let (length, from) = server.recv_from(&mut buffer).unwrap();
                // Brings it back; brings it back changed; says something else.
                buffer[30] ^= u8::from(turn == 1);
                let answer = if turn == 2 { &b"hello"[..] } else { &buffer[..length] };
                server.send_to(answer, from).unwrap();
            }
        });
        let (_, answers) = probe("127.0.0.1", Way::Udp(Some(port)), 40).unwrap();
        echo.join().unwrap();
        let told: Vec<_> =
            answers.iter().map(|answer| (answer.number, answer.bytes, answer.differs_at)).collect();
        assert_eq!(told, [(1, 40, None), (2, 40, Some(30)), (3, 5, None)]);
        assert!(answers.iter().all(|answer| answer.what == Reply::Datagram && answer.ttl == Some(64)));
    }

    #[test]
    fn ports_open_and_closed_answer_connections() {
        for to in ["127.0.0.1", "::1"] {
            // Bound, so that nobody else gets the port, and closed until it listens.
            let address = SocketAddr::new(to.parse().unwrap(), 0);
            let socket =
                socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None);
            let socket = socket.unwrap();
            socket.bind(&address.into()).unwrap();
            let port = socket.local_addr().unwrap().as_socket().unwrap().port();
            let (_, answers) = probe(to, Way::Tcp(port), 0).unwrap();
            assert!(answers.iter().all(|answer| answer.what == Reply::Closed), "{answers:?}");
            socket.listen(8).unwrap();
            let (report, answers) = probe(to, Way::Tcp(port), 0).unwrap();
            assert_eq!((report.figures.answered, report.figures.lost()), (3, 0));
            assert!(answers.iter().all(|answer| answer.what == Reply::Open), "{answers:?}");
        }
    }

    /// Whoever may have one or the other way of ICMP is answered by loopback; who may have neither is refused both.
    #[test]
    fn echo_requests_are_answered_where_they_are_allowed() {
        for to in ["127.0.0.1", "::1"] {
            for way in [Way::IcmpDatagram, Way::IcmpRaw] {
                for size in [0, 56, 9000] {
                    match probe(to, way, size) {
                        Ok((report, answers)) => {
                            assert_eq!(
                                (report.figures.answered, report.figures.corrupt),
                                (3, 0),
                                "{to} {way:?}"
                            );
                            assert!(
                                answers.iter().all(|answer| answer.bytes == size && answer.ttl == Some(64))
                            );
                        }
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}"),
                    }
                }
            }
        }
    }
}
