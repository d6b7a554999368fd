//! Every fault in virtual time: what it does, that it repeats, and that no stream loses its order.

use std::collections::VecDeque;
use std::time::Duration;

use sockeye_core::{Medium, Tick};

use super::*;

const ROOM: usize = 64 * 1024;

/// What came out of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Out {
    Data(Vec<u8>),
    End,
    Cut(Cut, String),
}

/// One run: what came out and when, and what was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    out: Vec<(u64, Out)>,
    told: Vec<String>,
}

impl Run {
    fn bytes(&self) -> Vec<u8> {
        self.data().concat()
    }

    fn data(&self) -> Vec<Vec<u8>> {
        let data =
            self.out.iter().filter_map(|(_, out)| if let Out::Data(data) = out { Some(data) } else { None });
        data.cloned().collect()
    }

    fn millis(&self) -> Vec<u64> {
        self.out.iter().map(|(at, _)| at / 1_000_000).collect()
    }
}

fn lines(faults: &[&str], seed: u64, medium: Medium) -> [Line; 2] {
    impairments(faults, seed).begin(medium, ROOM)
}

fn impairments(faults: &[&str], seed: u64) -> Impairments {
    let read = |text: &&str| Spec::parse(text).unwrap_or_else(|fault| panic!("{fault}"));
    Impairments::new(faults.iter().map(read).collect(), seed)
}

/// Pieces with the milliseconds at which they come; `None` is the sender's end.
type Input<'a> = &'a [(u64, Option<&'a [u8]>)];

/// Drives a line as a driver does, in virtual time: pushes what comes when there is room, and takes what has arrived at
/// once. It must come to rest by itself.
fn drive(line: &mut Line, input: Input<'_>) -> Run {
    let (mut run, mut now) = (Run::default(), Tick::ZERO);
    let mut coming: VecDeque<_> = input.iter().collect();
    line.begin(now);
    for _ in 0..1_000_000 {
        line.wake(now);
        while let Some((at, bytes)) = coming.front()
            && Duration::from_millis(*at) <= now.since(Tick::ZERO)
            && line.has_room(now)
        {
            match bytes {
                Some(bytes) => line.push(now, bytes, None),
                None => line.end(now),
            }
            coming.pop_front();
        }
        while let Some(arrived) = line.front(now) {
            let (out, count) = match arrived {
                Arrived::Data(bytes, _) => (Some(Out::Data(bytes.to_vec())), bytes.len()),
                Arrived::End => (Some(Out::End), 0),
                Arrived::Cut(_) => (None, 0),
            };
            let cut = if let Arrived::Cut(cut) = arrived { Some(cut) } else { None };
            let ends = !matches!(arrived, Arrived::Data(..));
            if ends {
                let struck = line.take_end();
                let out = out.or_else(|| cut.zip(struck).map(|(cut, struck)| Out::Cut(cut, struck.detail)));
                run.out.extend(out.map(|out| (now.0, out)));
            } else {
                run.out.extend(out.map(|out| (now.0, out)));
                line.take(count);
            }
        }
        run.told
            .extend(line.struck().into_iter().map(|struck| format!("{}: {}", struck.name, struck.detail)));
        let next =
            coming.front().map(|(at, _)| Tick::ZERO + Duration::from_millis(*at)).filter(|at| *at > now);
        match line.due(now).into_iter().chain(next).min() {
            Some(then) => now = then,
            None => return run,
        }
    }
    panic!("the line never comes to rest");
}

fn up(faults: &[&str], medium: Medium, input: Input<'_>) -> Run {
    let [mut line, _] = lines(faults, 7, medium);
    drive(&mut line, input)
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    (0..length).map(|_| chance.bits().to_le_bytes()[0]).collect()
}

/// A stream cut anywhere, in time, with an end.
fn cut_anywhere(stream: &[u8], chance: &mut Chance) -> Vec<(u64, Option<Vec<u8>>)> {
    let (mut pieces, mut at, mut rest) = (Vec::new(), 0, stream);
    while !rest.is_empty() {
        let most = 1 + usize::try_from(chance.below(400)).unwrap();
        let (piece, after) = rest.split_at(most.min(rest.len()));
        pieces.push((at, Some(piece.to_vec())));
        rest = after;
        at += chance.below(30);
    }
    pieces.push((at, None));
    pieces
}

fn borrowed(pieces: &[(u64, Option<Vec<u8>>)]) -> Vec<(u64, Option<&[u8]>)> {
    pieces.iter().map(|(at, bytes)| (*at, bytes.as_deref())).collect()
}

#[test]
fn no_stream_loses_its_order_or_a_byte_but_by_an_end() {
    for entry in ALL.iter().filter(|entry| entry.fits.contains(&Medium::Bytes)) {
        for example in entry.examples {
            for seed in 0..20 {
                let mut chance = Chance::new(seed);
                let stream = noise(seed, 4000);
                let pieces = cut_anywhere(&stream, &mut chance);
                let [up, down] =
                    lines(&[*example, "latency:30ms~30ms", "slicer:100~50"], seed, Medium::Bytes);
                for mut line in [up, down] {
                    let run = drive(&mut line, &borrowed(&pieces));
                    let bytes = run.bytes();
                    let label = format!("{example}, seed {seed}");
                    assert!(run.out.is_sorted_by_key(|(at, _)| *at), "{label}");
                    if entry.name == "corrupt" {
                        assert_eq!(bytes.len(), stream.len(), "{label}");
                    } else {
                        assert!(stream.starts_with(&bytes), "{label}");
                    }
                    let whole = bytes.len() == stream.len() && matches!(run.out.last(), Some((_, Out::End)));
                    let ends = matches!(entry.name, "limit" | "reset" | "timeout");
                    assert!(whole || ends, "{label}: {} bytes, {:?}", bytes.len(), run.out.last());
                    assert!(line.is_empty() && line.held() < 5000, "{label}: {}", line.held());
                }
            }
        }
    }
}

#[test]
fn datagrams_stay_whole_and_only_dup_makes_more() {
    for entry in ALL.iter().filter(|entry| entry.fits.contains(&Medium::Datagrams)) {
        for example in entry.examples {
            let sent: Vec<Vec<u8>> = (0..200).map(|number| noise(number, 40)).collect();
            let input: Vec<(u64, Option<&[u8]>)> = sent.iter().map(|data| (0, Some(&data[..]))).collect();
            let [_, mut down] = lines(&[*example], 3, Medium::Datagrams);
            let got = drive(&mut down, &input).data();
            let known = |data: &Vec<u8>| {
                let flipped =
                    |one: &Vec<u8>| one.iter().zip(data).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
                sent.iter().any(|one| one == data || entry.name == "corrupt" && flipped(one) == 1)
            };
            assert!(got.iter().all(known), "{example}");
            match entry.name {
                "dup" => assert!(got.len() >= sent.len()),
                "loss" | "timeout" => assert!(got.len() <= sent.len()),
                _ => assert_eq!(got.len(), sent.len(), "{example}"),
            }
        }
    }
}

#[test]
fn a_websocket_keeps_its_messages_and_its_order() {
    for entry in ALL.iter().filter(|entry| entry.fits.contains(&Medium::Messages)) {
        let sent: Vec<Vec<u8>> = (0..50).map(|number| noise(number, 20)).collect();
        let input: Vec<(u64, Option<&[u8]>)> = sent.iter().map(|data| (0, Some(&data[..]))).collect();
        let got = up(&[entry.examples[0]], Medium::Messages, &input).data();
        if entry.name == "corrupt" {
            assert_eq!(got.len(), sent.len());
        } else {
            assert!(sent.starts_with(&got), "{}", entry.name);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_and_another_another() {
    let faults = ["corrupt:0.05", "loss:0.3", "latency:50ms~50ms", "slicer:30~20@1ms"];
    let pieces = cut_anywhere(&noise(1, 2000), &mut Chance::new(1));
    let run = |seed, session: usize, way: usize| {
        let impairments = impairments(&faults, seed);
        let mut all: Vec<[Line; 2]> = (0..=session).map(|_| impairments.begin(Medium::Bytes, ROOM)).collect();
        drive(&mut all[session][way], &borrowed(&pieces))
    };
    let first = run(7, 0, 0);
    assert!(first == run(7, 0, 0) && first.told.len() > 50);
    for (seed, session, way) in [(8, 0, 0), (7, 1, 0), (7, 0, 1)] {
        assert!(first.bytes() != run(seed, session, way).bytes(), "{seed} {session} {way}");
    }
}

#[test]
fn what_is_done_to_the_bytes_of_a_stream_does_not_depend_on_how_it_was_cut() {
    let stream = noise(5, 3000);
    let fault = ["corrupt:0.02,on=/[a-f]/", "limit:2500"];
    let whole = up(&fault, Medium::Bytes, &[(0, Some(&stream)), (1, None)]);
    assert!(whole.bytes() != stream[..2500] && whole.bytes().len() == 2500);
    for seed in 0..20 {
        let pieces = cut_anywhere(&stream, &mut Chance::new(seed));
        let run = up(&fault, Medium::Bytes, &borrowed(&pieces));
        assert_eq!((run.bytes(), run.told), (whole.bytes(), whole.told.clone()));
    }
}

#[test]
fn latency_counts_from_when_it_came_and_the_end_keeps_its_place() {
    let input: Input<'_> = &[(0, Some(b"a")), (10, Some(b"b")), (500, Some(b"c")), (501, None)];
    let run = up(&["latency:200ms"], Medium::Bytes, input);
    assert_eq!((run.millis(), run.told), (vec![200, 210, 700, 701], vec!["latency: 200ms".to_owned()]));
    let jittered = up(&["latency:200ms~150ms"], Medium::Bytes, input);
    assert!(jittered.millis().iter().all(|at| (50..=851).contains(at)) && jittered.bytes() == b"abc");
}

#[test]
fn bandwidth_is_exact_and_does_not_let_data_pile_up() {
    let chunk = vec![0; 16 * 1024];
    let input: Vec<(u64, Option<&[u8]>)> = (0..16).map(|_| (0, Some(&chunk[..]))).collect();
    let [mut line, _] = lines(&["bandwidth:64k"], 1, Medium::Bytes);
    let run = drive(&mut line, &input);
    assert_eq!((run.bytes().len(), *run.millis().last().unwrap()), (256 * 1024, 4000));
    let by_first_second = run.out.iter().filter(|(at, _)| *at <= 1_000_000_000).count();
    assert!((18..=24).contains(&by_first_second), "{by_first_second} parts of 50 ms");
    let [mut line, _] = lines(&["bandwidth:64k"], 1, Medium::Bytes);
    line.push(Tick::ZERO, &chunk, None);
    assert!(!line.has_room(Tick::ZERO) && line.has_room(Tick(200_000_000)));
}

#[test]
fn loss_is_loss_of_datagrams_and_delay_of_a_stream() {
    let input: Vec<(u64, Option<&[u8]>)> = (0..1000).map(|at| (at, Some(&b"ping"[..]))).collect();
    let lost = up(&["loss:0.3"], Medium::Datagrams, &input);
    assert_eq!((lost.data().len(), lost.told.len()), (673, 327));
    assert_eq!(lost.told[0], "loss: datagram=3 bytes=4");
    let late = up(&["loss:1"], Medium::Bytes, &[(0, Some(b"a")), (1, Some(b"b")), (2, None)]);
    assert_eq!((late.bytes(), late.millis()), (b"ab".to_vec(), vec![12_600, 12_601, 12_601]));
    assert_eq!(late.told, ["loss: byte=0 late=12600ms", "loss: byte=1 late=12600ms"]);
}

#[test]
fn reordered_datagrams_swap_with_the_next_or_wait_in_vain() {
    let input: Input<'_> =
        &[(0, Some(b"1")), (1, Some(b"2")), (2, Some(b"3")), (3, Some(b"4")), (4, Some(b"5"))];
    let run = up(&["reorder:1"], Medium::Datagrams, input);
    assert_eq!((run.bytes(), run.millis()), (b"21435".to_vec(), vec![1, 1, 3, 3, 104]));
    assert_eq!(run.told, ["reorder: datagram=1 after=2", "reorder: datagram=3 after=4"]);
    let slow = up(&["reorder:1"], Medium::Datagrams, &[(0, Some(b"1")), (500, Some(b"2"))]);
    assert_eq!((slow.bytes(), slow.millis(), slow.told.len()), (b"12".to_vec(), vec![100, 600], 0));
}

#[test]
fn duplicates_follow_at_once() {
    let run = up(&["dup:1"], Medium::Datagrams, &[(0, Some(b"1")), (1, Some(b""))]);
    assert_eq!(run.data(), [&b"1"[..], b"1", b"", b""]);
}

#[test]
fn a_limit_cuts_a_stream_at_the_byte_and_messages_between_two() {
    let closed = |at: u64| (at, Out::Cut(Cut::Close, "byte=5".to_owned()));
    let input: Input<'_> = &[(0, Some(b"abc")), (0, Some(b"def")), (0, Some(b"g")), (0, None)];
    let stream = up(&["limit:5"], Medium::Bytes, input);
    assert_eq!((stream.bytes(), stream.out.last()), (b"abcde".to_vec(), Some(&closed(0))));
    let messages = up(&["limit:5"], Medium::Messages, input);
    assert_eq!((messages.bytes(), messages.out.last()), (b"abc".to_vec(), Some(&closed(0))));
}

#[test]
fn a_reset_comes_at_once_after_a_time_after_bytes_or_after_a_match() {
    let input: Input<'_> = &[(0, Some(b"ab LO")), (50, Some(b"GIN lin")), (90, None)];
    let cut = |fault: &str| {
        let run = up(&[fault], Medium::Bytes, input);
        let (at, last) = run.out.last().cloned().unwrap();
        let Out::Cut(Cut::Reset, detail) = last else { panic!("{last:?}") };
        (String::from_utf8(run.bytes()).unwrap(), at / 1_000_000, detail)
    };
    let wanted = |bytes: &str, at: u64, detail: &str| (bytes.to_owned(), at, detail.to_owned());
    assert_eq!(cut("reset"), wanted("", 0, "byte=0"));
    assert_eq!(cut("reset:20ms"), wanted("ab LO", 20, "after=20ms"));
    assert_eq!(cut("reset:after=6"), wanted("ab LOG", 50, "byte=6"));
    assert_eq!(cut("reset:on=/LOGIN/"), wanted("ab LOGIN", 50, "byte=8"));
    assert_eq!(cut("reset:10ms,on=/LOGIN/"), wanted("ab LOGIN lin", 60, "after=10ms"));
}

#[test]
fn a_timeout_lets_nothing_pass_and_may_close() {
    let input: Input<'_> = &[(0, Some(b"ab")), (10, Some(b"c")), (20, None)];
    let forever = up(&["timeout"], Medium::Bytes, input);
    assert_eq!((forever.out, forever.told), (vec![], vec!["timeout: after=never".to_owned()]));
    let run = up(&["timeout:2s,after=1"], Medium::Bytes, input);
    let closed = Out::Cut(Cut::Close, "after=2s".to_owned());
    assert_eq!(run.out, [(0, Out::Data(b"a".to_vec())), (2_000_000_000, closed)]);
}

#[test]
fn a_slow_close_delays_the_end_alone() {
    let run = up(&["slow-close:2s"], Medium::Bytes, &[(0, Some(b"ab")), (10, None)]);
    assert_eq!((run.millis(), run.told), (vec![0, 2010], vec!["slow-close: 2s".to_owned()]));
}

#[test]
fn slices_have_their_size_and_their_pauses() {
    let run = up(&["slicer:3@10ms"], Medium::Bytes, &[(0, Some(b"abcdefgh")), (1, Some(b"ij")), (2, None)]);
    assert_eq!(run.data(), [&b"abc"[..], b"def", b"gh", b"i", b"j"]);
    assert_eq!(run.millis(), [0, 10, 20, 20, 30, 30]);
    let sizes = up(&["slicer:10~5"], Medium::Bytes, &[(0, Some(&[0; 3000]))]).data();
    let sizes: std::collections::BTreeSet<usize> = sizes[..sizes.len() - 1].iter().map(Vec::len).collect();
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), (5..=15).collect::<Vec<_>>());
}

#[test]
fn directions_and_shares_are_kept() {
    let [up, down] = lines(&["latency:1s,dir=up"], 1, Medium::Bytes);
    assert!(!up.is_clean() && down.is_clean());
    let impairments = impairments(&["latency:1s,p=0.25"], 9);
    let (mut both, mut none) = (0, 0);
    for _ in 0..1000 {
        match impairments.begin(Medium::Bytes, ROOM).map(|line| line.is_clean()) {
            [false, false] => both += 1,
            [true, true] => none += 1,
            mixed => panic!("{mixed:?}"),
        }
    }
    assert!((200..300).contains(&both) && both + none == 1000, "{both}");
}

#[test]
fn what_is_under_way_can_be_recalled_in_order() {
    let [mut line, _] = lines(&["latency:1s", "slicer:4"], 1, Medium::Bytes);
    line.push(Tick::ZERO, b"hello, ", None);
    line.push(Tick(1), b"world", None);
    line.end(Tick(2));
    line.take(0);
    assert!(matches!(line.front(Tick(1_000_000_000)), Some(Arrived::Data(b"hell", _))));
    line.take(2);
    assert_eq!((line.recall(), line.held()), (b"llo, world".to_vec(), 0));
    assert_eq!(line.front(Tick(2_000_000_000)), Some(Arrived::End));
}

#[test]
fn what_is_told_is_bounded() {
    let run = up(&["corrupt:1"], Medium::Bytes, &[(0, Some(&[0; 5000]))]);
    assert_eq!((run.told.len(), run.told.last().map(String::as_str)), (1024, Some("corrupt: ...")));
}

#[test]
fn a_line_holds_no_more_than_its_room_and_one_piece() {
    for faults in [&["latency:1h"][..], &["slicer:1@1s"], &["timeout"]] {
        let [mut line, _] = lines(faults, 1, Medium::Bytes);
        let mut pushed = 0;
        while line.has_room(Tick::ZERO) && pushed < 1000 {
            line.push(Tick::ZERO, &[0; 1024], None);
            pushed += 1;
        }
        assert!(line.held() < ROOM + 70 * 1024, "{faults:?}: {}", line.held());
    }
    let [mut line, _] = lines(&["latency:1h"], 1, Medium::Datagrams);
    while line.has_room(Tick::ZERO) {
        line.push(Tick::ZERO, b"", None);
    }
    assert!(line.held() < ROOM + 100);
}
