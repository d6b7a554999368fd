//! The services of RFC 862 to 868 beyond their examples: pace, moments, and what keeps them from being used against
//! others.

use sockeye_core::{Address, Code, Framing};
use sockeye_service::{Given, find};
use sockeye_testkit::{Ending, Stage};
use sockeye_wire::charset::Charset;

fn stage(name: &str) -> Stage {
    let entry = find(name).expect("it is registered");
    Stage::new((entry.build)(&Given::default()).expect("it needs no arguments"))
}

fn far(port: u16) -> Address {
    Address::Ip(([192, 0, 2, 1], port).into())
}

#[test]
fn chargen_keeps_to_its_readers_pace_and_never_tires() {
    let mut stage = stage("chargen").window(1000);
    let peer = stage.connect();
    let lines = 95 * 40;
    let text = stage.take(peer, lines * 74);
    assert_eq!(text.len(), lines * 74);
    for (number, line) in text.chunks(74).enumerate() {
        assert_eq!(line[0] as usize, 0x20 + number % 95);
        assert!(
            line[..72].windows(2).all(|pair| pair[1] == pair[0] + 1 || (pair[0], pair[1]) == (b'~', b' '))
        );
        assert_eq!(&line[72..], b"\r\n");
    }
    assert!(stage.faults().is_empty());
}

#[test]
fn chargen_ends_with_its_reader() {
    let mut stage = stage("chargen");
    let peer = stage.connect();
    stage.fin(peer);
    while !stage.received(peer).is_empty() {}
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
    assert_eq!(stage.sessions(), 0);
}

#[test]
fn chargen_datagrams_vary_up_to_512() {
    let mut stage = stage("chargen");
    let peer = stage.datagrams();
    let mut lengths: Vec<usize> = (0..100)
        .map(|_| {
            stage.send(peer, b"");
            stage.datagram(peer).unwrap().len()
        })
        .collect();
    assert!(lengths.iter().all(|length| *length <= 512));
    lengths.sort_unstable();
    lengths.dedup();
    assert!(lengths.len() > 50, "{lengths:?}");
}

#[test]
fn off_loopback_an_answer_is_never_larger_than_its_question() {
    for name in ["echo", "chargen", "daytime", "time"] {
        for size in [0, 3, 4, 25, 26, 600] {
            let mut stage = stage(name);
            let peer = stage.datagrams_from(far(4000));
            stage.send(peer, &vec![b'x'; size]);
            let answer = stage.datagram(peer);
            assert!(answer.as_ref().is_none_or(|answer| answer.len() <= size), "{name} {size}");
            assert!(answer.is_some() || size < 26, "{name} {size} got no answer");
        }
    }
}

#[test]
fn small_services_are_not_answered() {
    for name in ["echo", "chargen", "daytime", "time"] {
        for port in [7, 13, 17, 19, 37] {
            let mut stage = stage(name);
            let peer = stage.datagrams_from(far(port));
            stage.send(peer, &[b'x'; 600]);
            assert_eq!(stage.datagram(peer), None, "{name} answered port {port}");
        }
    }
}

#[test]
fn daytime_and_time_tell_the_stages_moment() {
    let mut day = stage("daytime");
    let peer = day.connect();
    assert_eq!(day.received(peer), b"21 Nov 2026 06:45:03 UTC\r\n");
    assert_eq!(day.ended(peer), Some(Ending::Fin));

    let mut framed = stage("daytime").framed(Framing::parse("line").unwrap());
    let peer = framed.connect();
    assert_eq!(framed.received(peer), b"21 Nov 2026 06:45:03 UTC\n");

    let mut time = stage("time");
    let peer = time.connect();
    let seconds = u32::try_from(sockeye_testkit::stage::WALL / 1_000_000_000).unwrap();
    assert_eq!(time.received(peer), seconds.wrapping_add(2_208_988_800).to_be_bytes());
}

#[test]
fn discard_takes_a_peers_words_for_ever_and_says_nothing() {
    let mut stage = stage("discard");
    let peer = stage.connect();
    stage.send(peer, &vec![0; 1 << 20]);
    assert_eq!(stage.received(peer), b"");
    stage.stop();
    assert_eq!(stage.ended(peer), None);
    stage.fin(peer);
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
}

#[test]
fn receive_prints_another_character_set_as_utf8() {
    let entry = find("receive").unwrap();
    let charset = Charset::parse("gbk").unwrap();
    let build = || (entry.build)(&Given { charset, ..Given::default() }).unwrap();
    let mut raw = Stage::new(build());
    let peer = raw.connect();
    for byte in b"\xc4\xe3\xba\xc3\xc4" {
        raw.send(peer, &[*byte]);
    }
    assert_eq!(raw.printed(), "你好".as_bytes());
    raw.fin(peer);
    assert_eq!(raw.printed(), "\u{fffd}".as_bytes());
    assert_eq!(raw.ended(peer), Some(Ending::Fin));

    let mut framed = Stage::new(build()).framed(Framing::parse("line").unwrap());
    let peer = framed.connect();
    framed.send(peer, b"\xc4\xe3\n\xba\xc3\n");
    assert_eq!(framed.printed(), "你\n好\n".as_bytes());
}

#[test]
fn replies_without_a_rule_name_the_flag_that_is_missing() {
    let entry = find("reply").unwrap();
    let fault = (entry.build)(&Given::default()).err().unwrap();
    assert_eq!((fault.code, fault.value("what"), fault.value("name")), (Code::Usage, "missing", "--on"));
}
