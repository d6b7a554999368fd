//! Connecting, listening, hanging up, cutting, and once more.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use sockeye_core::{Effect, PEER};
use sockeye_testkit::program::Scratch;

use crate::stage::{Eye, connect, listen, on, play, say, told};

#[test]
fn two_legs_of_one_conversation_talk_with_each_other() {
    let eye = Eye::new(false);
    let log = told(
        vec![
            on("begin", |out, _| listen(out, 1, "tcp://127.0.0.1:0?frame=line")),
            on("listening 1", |out, urls| connect(out, 2, &format!("{}?frame=u16be", urls[&1]))),
            // Framings differ, so what arrives is what the other framing made of it.
            on("opened 2", |out, _| {
                out.to(2);
                out.raw(b"hello\nhalf");
                out.effect(Effect::Hang { leg: 2 });
            }),
            on("eof 1", |out, _| out.close()),
        ],
        Some(eye.clone()),
    );
    assert!(
        log.contains(&"message 1 hello".to_owned()) && log.contains(&"message 1 half".to_owned()),
        "{log:?}"
    );
    // Both ends of both legs are told, and the one that came to us was not connected to.
    let connected = eye.begins("connected ");
    let ends: Vec<Vec<&str>> = connected.iter().map(|line| line.split(' ').collect()).collect();
    let [one, two] = &ends[..] else { panic!("{connected:?}") };
    assert_eq!((one[3], one[4]), (two[4], two[3]));
    assert_eq!(eye.begins("connecting"), ["connecting 2"]);
    assert_eq!(eye.lines().last().unwrap(), "closed");
}

#[test]
fn a_leg_listens_for_one_peer_after_the_other() {
    for endpoint in ["tcp://:0", "tcp://127.0.0.1:0"] {
        let log = told(
            vec![
                on("begin", move |out, _| listen(out, 1, endpoint)),
                on("listening 1", |out, urls| {
                    connect(out, 2, &urls[&1]);
                    connect(out, 3, &urls[&1]);
                }),
                on("opened 2", |out, _| say(out, 2, "x")),
                on("opened 3", |out, _| say(out, 3, "x")),
                on("message 1 x", move |out, _| {
                    say(out, 1, "first");
                    out.effect(Effect::Hang { leg: 1 });
                    listen(out, 1, endpoint);
                }),
                // Which of the two is let in first is the kernel's choice.
                on("message 2 first", |out, _| out.effect(Effect::Hang { leg: 2 })),
                on("message 3 first", |out, _| out.effect(Effect::Hang { leg: 3 })),
                on("message 1 x", |out, _| say(out, 1, "second")),
                on("message 2 second", |out, _| out.close()),
                on("message 3 second", |out, _| out.close()),
            ],
            None,
        );
        assert_eq!(log.iter().filter(|line| *line == "opened 1").count(), 2, "{log:?}");
    }
}

#[test]
fn a_leg_is_connected_again_after_hanging_up_and_the_peer_sees_one_end_before_the_next_beginning() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let again = url.clone();
    let size = 4 << 20;
    let peer = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        first.read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), size);
        let (mut second, _) = listener.accept().unwrap();
        second.write_all(b"welcome back").unwrap();
        // The one before is still there, and what it says is discarded.
        first.write_all(b"late").unwrap();
        let mut rest = Vec::new();
        second.read_to_end(&mut rest).unwrap();
        rest
    });
    let eye = Eye::new(false);
    let log = told(
        vec![
            on("begin", move |out, _| connect(out, 1, &url)),
            on("opened 1", move |out, _| {
                out.to(1);
                out.raw(&vec![b'x'; size]);
                out.effect(Effect::Hang { leg: 1 });
                connect(out, 1, &again);
            }),
            on("message 1 welcome back", |out, _| {
                say(out, 1, "bye");
                out.to(PEER);
                out.close();
            }),
        ],
        Some(eye.clone()),
    );
    assert_eq!(log, ["begin", "opened 1", "opened 1", "message 1 welcome back"]);
    let told: Vec<String> = eye.lines().into_iter().map(|line| line.chars().take(11).collect()).collect();
    // The late words of the first connection, and its end, are not told as the second's.
    assert_eq!(told[..5], ["connecting ", "connected 1", "fin 1 out", "connecting ", "connected 1"]);
    assert_eq!(told[5..], ["fin 1 out", "fin 1 in", "closed"]);
    assert_eq!(peer.join().unwrap(), b"bye");
}

#[test]
fn a_cut_is_an_rst_and_a_reset_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let again = url.clone();
    let peer = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let cut = first.read(&mut [0; 1]).unwrap_err().kind();
        let (mut second, _) = listener.accept().unwrap();
        // An RST that comes sooner may fail the connecting itself.
        second.read_exact(&mut [0; 1]).unwrap();
        socket2_linger(&second);
        cut
    });
    let eye = Eye::new(false);
    let log = told(
        vec![
            on("begin", move |out, _| connect(out, 1, &url)),
            on("opened 1", move |out, _| {
                out.effect(Effect::Cut { leg: 1 });
                connect(out, 1, &again);
            }),
            on("opened 1", |out, _| say(out, 1, "!")),
            on("failed 1 reset", |out, _| out.close()),
        ],
        Some(eye.clone()),
    );
    assert_eq!(log, ["begin", "opened 1", "opened 1", "failed 1 reset"]);
    assert_eq!(peer.join().unwrap(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(eye.begins("reset "), ["reset 1 out", "reset 1 in"]);
}

/// Makes dropping it an RST.
fn socket2_linger(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

#[test]
fn a_leg_that_cannot_be_opened_is_the_conversations_concern_and_an_observer_knows_all() {
    // Bound, so that nobody else gets the port, and never listening.
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    bound.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let shut = bound.local_addr().unwrap().as_socket().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", taken.local_addr().unwrap());
    let eye = Eye::new(false);
    let log = told(
        vec![
            on("begin", move |out, _| connect(out, 1, &format!("tcp://{shut}"))),
            on("failed 1 refused", move |out, _| listen(out, 2, &at)),
            on("failed 2 taken", |out, _| connect(out, 1, "tpc://x:1")),
            on("failed 1 unknown-scheme", |out, _| out.close()),
        ],
        Some(eye.clone()),
    );
    assert_eq!(log.len(), 4, "{log:?}");
    let errors = eye.begins("error ");
    assert!(errors[0].starts_with(&format!("error [refused] connect tcp://{shut}")), "{errors:?}");
    assert!(errors[1].starts_with("error [taken] listen tcp://127.0.0.1:"), "{errors:?}");
}

#[test]
fn a_broken_frame_is_of_its_leg_alone() {
    let eye = Eye::new(false);
    let log = told(
        vec![
            on("begin", |out, _| listen(out, 1, "tcp://127.0.0.1:0?frame=u32be,max:16")),
            on("listening 1", |out, urls| connect(out, 2, &urls[&1])),
            on("opened 2", |out, _| say(out, 2, "xxxxxxxx")),
            on("failed 1 oversize", |out, _| listen(out, 1, "tcp://127.0.0.1:0?frame=line")),
            on("eof 2", |out, _| out.close()),
        ],
        Some(eye.clone()),
    );
    assert!(log.contains(&"failed 1 oversize".to_owned()), "{log:?}");
    assert!(eye.begins("error [oversize] tcp://127.0.0.1:").len() == 1, "{:?}", eye.lines());
}

#[test]
fn a_conversation_that_fails_fails_the_play() {
    let (_, outcome) = play(
        vec![on("begin", |out, _| out.fail(sockeye_core::Fault::new(sockeye_core::Code::Timeout, "it")))],
        None,
    );
    assert_eq!(outcome.unwrap_err().subject, "it");
}

#[test]
fn a_datagram_leg_that_listens_hears_one_peer_at_a_time() {
    let eye = Eye::new(false);
    let log = told(
        vec![
            on("begin", |out, _| listen(out, 1, "udp://any:0")),
            on("listening 1", |out, urls| {
                let url = urls[&1].replace("0.0.0.0", "127.0.0.1");
                connect(out, 2, &url);
                connect(out, 3, &url);
            }),
            on("opened 3", |out, _| say(out, 2, "one")),
            on("message 1 one", |out, _| {
                // Not heard: the leg has its peer.
                say(out, 3, "unheard");
                say(out, 1, "answer");
            }),
            on("message 2 answer", |out, _| say(out, 2, "two")),
            on("message 1 two", |out, _| {
                out.effect(Effect::Hang { leg: 1 });
                listen(out, 1, "udp://any:0");
                say(out, 3, "three");
            }),
            on("message 1 three", |out, _| say(out, 1, "")),
            on("message 3 ", |out, _| out.close()),
        ],
        Some(eye.clone()),
    );
    assert!(!log.contains(&"message 1 unheard".to_owned()), "{log:?}");
    assert!(eye.begins("connected 1 udp 127.0.0.1:").len() == 2, "{:?}", eye.begins("connected"));
}

#[test]
fn unix_sockets_are_listened_at_and_connected_to() {
    let scratch = Scratch::new();
    let path = scratch.path().join("a.sock");
    let at = format!("unix://{}", path.display());
    let gram = format!("unixgram://{}", scratch.path().join("b.sock").display());
    let (to, from) = (at.clone(), gram.clone());
    told(
        vec![
            on("begin", move |out, _| {
                listen(out, 1, &at);
                listen(out, 3, &gram);
            }),
            on("listening 1", move |out, _| connect(out, 2, &to)),
            on("listening 3", move |out, _| connect(out, 4, &from)),
            on("opened 2", |out, _| say(out, 2, "hello")),
            on("opened 4", |out, _| say(out, 4, "gram")),
            on("message 1 hello", |out, _| {
                out.to(1);
                out.finish();
            }),
            on("message 3 gram", |out, _| say(out, 3, "answer")),
            on("message 4 answer", |out, _| out.effect(Effect::Hang { leg: 2 })),
            on("eof 1", |out, _| out.close()),
        ],
        None,
    );
    assert!(!path.exists(), "the socket's file is left behind");
}

#[test]
fn plays_on_many_threads_do_not_know_of_each_other() {
    let play = || {
        told(
            vec![
                on("begin", |out, _| listen(out, 1, "tcp://127.0.0.1:0?frame=line")),
                on("listening 1", |out, urls| connect(out, 2, &format!("{}?frame=line", urls[&1]))),
                on("opened 2", |out, _| say(out, 2, "x")),
                on("message 1 x", |out, _| say(out, 1, "y")),
                on("message 2 y", |out, _| out.close()),
            ],
            None,
        )
    };
    let threads: Vec<_> = (0..16).map(|_| std::thread::spawn(play)).collect();
    assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
}

#[test]
fn an_end_of_the_play_loses_nothing_that_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let size = 8 << 20;
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // Unread input would turn the last bytes into an RST.
        stream.write_all(b"not read").unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        got.len()
    });
    told(
        vec![
            on("begin", move |out, _| connect(out, 1, &url)),
            on("opened 1", move |out, _| {
                out.to(1);
                out.raw(&vec![b'x'; size]);
                out.close();
            }),
        ],
        None,
    );
    assert_eq!(peer.join().unwrap(), size);
}
