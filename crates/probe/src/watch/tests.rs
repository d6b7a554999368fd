//! The books against made-up looks and news, and the whole against real sockets.

use super::ledger::Ledger;
use super::*;
use crate::sockets::{Family, TcpInfo};

const SECOND: Duration = Duration::from_secs(1);

fn socket(cookie: u64, state: State) -> Socket {
    let info = matches!(state, State::TimeWait).then_some(()).is_none();
    Socket {
        protocol: Protocol::Tcp,
        family: Family::V4,
        state,
        local: "127.0.0.1:1000".parse().unwrap(),
        peer: if state == State::Listen { "0.0.0.0:0" } else { "127.0.0.1:2000" }.parse().unwrap(),
        interface: 0,
        cookie,
        uid: Some(7),
        inode: None,
        receive_queue: 0,
        send_queue: 0,
        timer: None,
        only_v6: None,
        congestion: None,
        tcp: info.then(|| figures(0)),
    }
}

fn figures(bytes: u64) -> TcpInfo {
    let mut info = TcpInfo::parse(&[0; 256]).unwrap();
    info.bytes_received = Some(bytes);
    info.bytes_acked = Some(2 * bytes);
    info
}

struct Book {
    ledger: Ledger,
    at: Duration,
}

impl Book {
    fn new() -> Self {
        Self { ledger: Ledger::default(), at: Duration::ZERO }
    }

    fn look(&mut self, found: &[Socket]) -> Vec<(What, State, How)> {
        self.at += SECOND;
        let mut events = Vec::new();
        self.ledger.look(self.at, found.to_vec(), false, &Owners::default(), &mut events);
        events.iter().map(|event| (event.what, event.row.socket.state, event.how)).collect()
    }

    fn died(&mut self, socket: Socket) -> Vec<Event> {
        let mut events = Vec::new();
        self.ledger.died(self.at, socket, &mut events);
        events
    }
}

#[test]
fn a_connection_comes_changes_dies_and_waits() {
    let mut book = Book::new();
    let listener = socket(1, State::Listen);
    assert_eq!(book.look(std::slice::from_ref(&listener)), [(What::Present, State::Listen, How::Polled)]);
    let new = socket(2, State::Established);
    let opened = [(What::Opened, State::Established, How::Polled)];
    assert_eq!(book.look(&[listener.clone(), new.clone()]), opened);
    assert_eq!(book.look(&[listener.clone(), new.clone()]), []);
    let closing = socket(2, State::FinWait2);
    let changed = [(What::Changed { from: Some(State::Established) }, State::FinWait2, How::Polled)];
    assert_eq!(book.look(&[listener.clone(), closing]), changed);
    let died = book.died(Socket { tcp: Some(figures(99)), uid: None, ..socket(2, State::Closed) });
    assert_eq!(died.len(), 1);
    assert_eq!((died[0].what, died[0].how), (What::Died { last: Some(State::FinWait2) }, How::Traced));
    let row = &died[0].row;
    assert_eq!(row.socket.tcp.as_ref().unwrap().bytes_received, Some(99), "the final figures");
    assert_eq!((row.socket.uid, row.seen), (Some(7), Some(2 * SECOND)), "what only looks could tell");
    let waits = Socket { uid: None, ..socket(77, State::TimeWait) };
    let after = [(What::Changed { from: Some(State::FinWait2) }, State::TimeWait, How::Polled)];
    assert_eq!(book.look(&[listener.clone(), waits]), after);
    assert!(book.ledger.rows().all(|row| row.socket.uid == Some(7)), "the user is remembered");
    let over = [(What::Changed { from: Some(State::TimeWait) }, State::Closed, How::Polled)];
    assert_eq!(book.look(&[listener]), over);
    assert_eq!(book.ledger.rows().count(), 1);
}

#[test]
fn a_death_that_was_missed_is_found_by_looking_twice_and_told_once() {
    let mut book = Book::new();
    book.look(&[socket(2, State::Established)]);
    assert_eq!(book.look(&[]), [], "the news may be under way");
    assert_eq!(book.ledger.rows().count(), 0);
    let found = [(What::Died { last: Some(State::Established) }, State::Established, How::Polled)];
    assert_eq!(book.look(&[]), found);
    assert_eq!(book.died(socket(2, State::Closed)), [], "the news came after all");
}

#[test]
fn news_in_time_are_the_only_ones() {
    let mut book = Book::new();
    book.look(&[socket(2, State::Established)]);
    book.look(&[]);
    assert_eq!(book.died(socket(2, State::Closed)).len(), 1);
    assert_eq!((book.look(&[]), book.look(&[])), (vec![], vec![]));
}

#[test]
fn one_that_nobody_saw_alive_is_told_with_what_can_be_known() {
    let mut book = Book::new();
    book.look(&[]);
    let died = book.died(socket(5, State::Closed));
    assert_eq!((died[0].what, died[0].row.seen), (What::Died { last: None }, None));
    assert_eq!(died[0].row.holder, Holder::Unseen);
    let waits = [(What::Changed { from: None }, State::TimeWait, How::Polled)];
    assert_eq!(book.look(&[socket(6, State::TimeWait)]), waits);
    let early = Socket { local: "127.0.0.1:3000".parse().unwrap(), ..socket(8, State::TimeWait) };
    assert_eq!(book.look(&[socket(6, State::TimeWait), early]), waits, "the news come later");
    let mut never_used = socket(7, State::Closed);
    never_used.local.set_port(0);
    assert_eq!(book.died(never_used), []);
}

#[test]
fn a_look_that_was_cut_says_nothing_of_who_is_missing() {
    let mut book = Book::new();
    book.look(&[socket(2, State::Established)]);
    let mut events = Vec::new();
    for _ in 0..5 {
        book.ledger.look(SECOND, Vec::new(), true, &Owners::default(), &mut events);
    }
    assert_eq!(events, []);
}

#[test]
fn rates_are_what_came_between_two_looks() {
    let mut book = Book::new();
    let with = |bytes| Socket { tcp: Some(figures(bytes)), ..socket(2, State::Established) };
    book.look(&[with(1000)]);
    assert_eq!(book.ledger.rows().next().unwrap().rates, None);
    book.look(&[with(4000)]);
    assert_eq!(book.ledger.rows().next().unwrap().rates, Some(Rates { received: 3000, sent: 6000 }));
    // A look without time between has no rate.
    book.at = book.at.saturating_sub(SECOND);
    book.look(&[with(9000)]);
    assert_eq!(book.ledger.rows().next().unwrap().rates, None);
}

#[cfg(target_os = "linux")]
#[test]
fn the_whole_sees_a_socket_of_its_own_come_and_go() {
    use std::net::{TcpListener, TcpStream};
    let mut watch = Watch::start(Some(Protocol::Tcp)).unwrap();
    let mut news = News::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    watch.look(&mut news).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mine = client.local_addr().unwrap();
    watch.look(&mut news).unwrap();
    let there = client.peer_addr().unwrap();
    let of_mine = |event: &&Event| (event.row.socket.local, event.row.socket.peer) == (mine, there);
    let opened = news.events.iter().find(of_mine).unwrap();
    assert_eq!((opened.what, opened.row.socket.state), (What::Opened, State::Established));
    let Holder::Process { process, .. } = &opened.row.holder else { panic!("{:?}", opened.row.holder) };
    assert_eq!(process.pid, std::process::id());
    let present =
        news.events.iter().find(|event| event.row.socket.waits() && event.row.socket.local == there).unwrap();
    assert_eq!(present.what, What::Present);
    let server = listener.accept().unwrap().0;
    drop(client);
    drop(server);
    while !news.events.iter().any(|event| of_mine(&event) && matches!(event.what, What::Died { .. })) {
        watch.wait(Duration::from_millis(50), &mut news).unwrap();
    }
    let died = news.events.iter().rfind(of_mine).unwrap();
    assert_eq!((died.how, died.what), (How::Traced, What::Died { last: Some(State::Established) }));
    let Holder::Process { process, .. } = &died.row.holder else { panic!("{:?}", died.row.holder) };
    assert_eq!(process.pid, std::process::id());
}
