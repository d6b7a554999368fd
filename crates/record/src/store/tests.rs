//! A store in a directory of its own: what is written is there, found, and gone when it is removed.

use std::sync::{Arc, Mutex};

use sockeye_core::event::Totals;
use sockeye_core::{Address, Direction, Event, How, Kind, SessionId, Tick};
use sockeye_script::transcript::Subject;

use super::*;
use crate::sink::{Report, Sink as _};

#[derive(Default)]
struct Told(Mutex<Vec<(u64, u64)>>);

impl Report for Told {
    fn stopped(&self, _fault: &Fault) {}

    fn saved(&self, _at: Tick, session: SessionId, id: u64) {
        self.0.lock().unwrap().push((session.0, id));
    }

    fn lost(&self, _events: u64) {}
}

/// A directory that is gone when the test is over.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("sockeye-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        Self(place)
    }

    fn path(&self) -> PathBuf {
        self.0.join("deep/sessions.db")
    }

    fn store(&self) -> Store {
        Store::create(&self.path()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const HOUR: u64 = 3_600_000_000_000;

fn scribe(place: &Place, told: &Arc<Told>, zero: u64) -> Scribe {
    let endpoints = vec!["tcp://:0?enc=gbk".to_owned()];
    let about = About { verb: "serve".to_owned(), subject: Subject::Server { endpoints }, seed: Some(7) };
    let mut scribe = Scribe::new(place.store(), about, Sync::Program, told.clone()).unwrap();
    scribe.start(zero).unwrap();
    let kind = Kind::Listening { url: "tcp://127.0.0.1:9000", service: "echo" };
    give(&mut scribe, 0, 0, kind);
    scribe
}

fn give(scribe: &mut Scribe, at: u64, session: u64, kind: Kind<'_>) {
    scribe.event(&Event { at: Tick(at), session: SessionId(session), how: How::Traced, kind }).unwrap();
}

fn accept(scribe: &mut Scribe, session: u64) {
    let local = Address::Ip("127.0.0.1:9000".parse().unwrap());
    let remote = Address::Ip(format!("192.0.2.{session}:5000").parse().unwrap());
    give(scribe, session, session, Kind::Accepted { transport: "tcp", local: &local, remote: &remote });
}

fn say(scribe: &mut Scribe, session: u64, data: &[u8]) {
    give(scribe, 100, session, Kind::Message { leg: 0, direction: Direction::In, data });
}

fn close(scribe: &mut Scribe, session: u64) {
    let totals = Totals { messages_in: 1, bytes_in: 5, ..Totals::default() };
    give(scribe, 200 + session, session, Kind::Closed { totals });
}

/// Three sessions that share their blocks; the third goes on.
fn three(place: &Place, told: &Arc<Told>, zero: u64) -> Scribe {
    let mut scribe = scribe(place, told, zero);
    for session in 1..=3 {
        accept(&mut scribe, session);
    }
    say(&mut scribe, 1, b"hello Wor");
    say(&mut scribe, 2, b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7");
    say(&mut scribe, 1, b"ld \x00\x01 100%");
    say(&mut scribe, 3, b"binary \xff\xfe\x00 tail");
    close(&mut scribe, 1);
    close(&mut scribe, 2);
    scribe.flush().unwrap();
    scribe
}

fn ids(store: &mut Store, filter: &Filter) -> Vec<u64> {
    store.list(filter).unwrap().into_iter().map(|session| session.id).collect()
}

fn words(words: &[&str]) -> Filter {
    Filter { words: words.iter().map(|word| (*word).to_owned()).collect(), ..Filter::default() }
}

fn messages(store: &Store, id: u64) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let see = |event: &Event<'_>| {
        if let Kind::Message { data, .. } = event.kind {
            assert_eq!(event.session.0, id);
            messages.push(data.to_vec());
        }
    };
    store.events(&[id], see).unwrap();
    messages
}

#[test]
fn a_session_is_told_saved_when_it_is_there_for_others() {
    let place = Place::new("saved");
    let told = Arc::new(Told::default());
    let mut scribe = three(&place, &told, HOUR);
    assert_eq!(*told.0.lock().unwrap(), [(1, 1), (2, 2)]);
    let mut other = place.store();
    let listed = other.list(&Filter::default()).unwrap();
    assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [3, 2, 1]);
    let first = other.session(1).unwrap().unwrap();
    assert_eq!((first.began, first.ended), (HOUR + 1, Some(HOUR + 201)));
    assert_eq!((first.service.as_str(), first.verb.as_str(), first.seed), ("echo", "serve", Some(7)));
    assert_eq!(first.endpoint, "tcp://127.0.0.1:9000?enc=gbk");
    assert_eq!((first.remote.as_str(), first.outcome.as_deref()), ("192.0.2.1:5000", Some("done")));
    assert_eq!(first.totals.unwrap().bytes_in, 5);
    assert_eq!((listed[0].ended, listed[0].totals), (None, None));
    assert_eq!(messages(&other, 1), [b"hello Wor".to_vec(), b"ld \x00\x01 100%".to_vec()]);
    scribe.end().unwrap();
    assert_eq!(other.session(3).unwrap().unwrap().outcome.as_deref(), Some("cut"));
    assert_eq!(other.session(9).unwrap(), None);
    assert_eq!(other.bounds().unwrap(), Some((1, 3)));
}

#[test]
fn words_of_any_length_are_found_in_their_charset_and_bytes_anywhere() {
    let place = Place::new("search");
    let mut scribe = three(&place, &Arc::default(), HOUR);
    let mut store = place.store();
    for (asked, found) in [
        (&["你"][..], &[2][..]),
        (&["你好"], &[2]),
        (&["你好，世"], &[2]),
        (&["hello world"], &[1]),
        (&["WORLD", "lo"], &[1]),
        (&["hello", "你"], &[]),
        (&["%"], &[1]),
        (&["0%"], &[1]),
        (&["100%"], &[1]),
        (&["_"], &[]),
        (&["\"quoted\" OR x"], &[]),
        (&["tail"], &[3]),
    ] {
        assert_eq!(ids(&mut store, &words(asked)), found, "{asked:?}");
    }
    // What comes later is found later, also where nothing was searched between.
    say(&mut scribe, 3, b"afterwards");
    scribe.flush().unwrap();
    assert_eq!(ids(&mut store, &words(&["afterwards"])), [3]);
    let hit = store.hit(2, &["世".to_owned()]).unwrap().unwrap();
    assert_eq!(hit.text, "你好，世界");
    let bytes = |bytes: &[u8]| Filter { bytes: Some(bytes.to_vec()), ..Filter::default() };
    assert_eq!(ids(&mut store, &bytes(b"\xff\xfe")), [3]);
    assert_eq!(ids(&mut store, &bytes(b"\x00")), [3, 1]);
    assert_eq!(ids(&mut store, &bytes(b"absent")), [0; 0]);
    assert_eq!(ids(&mut store, &Filter { bytes: Some(b"\x00".to_vec()), ..words(&["tail"]) }), [3]);
}

#[test]
fn lists_are_filtered_by_who_and_when() {
    let place = Place::new("filter");
    drop(three(&place, &Arc::default(), HOUR));
    drop(three(&place, &Arc::default(), 5 * HOUR));
    let mut store = place.store();
    let all = Filter::default();
    assert_eq!(ids(&mut store, &Filter { peer: Some("192.0.2.2".to_owned()), ..all.clone() }), [5, 2]);
    assert_eq!(ids(&mut store, &Filter { since: Some(2 * HOUR), ..all.clone() }), [6, 5, 4]);
    assert_eq!(ids(&mut store, &Filter { until: Some(2 * HOUR), limit: Some(2), ..all.clone() }), [3, 2]);
    assert_eq!(ids(&mut store, &Filter { service: Some("echo".to_owned()), ..all.clone() }).len(), 6);
    assert_eq!(ids(&mut store, &Filter { service: Some("upper".to_owned()), ..all }), [0; 0]);
    // Sessions of two runs keep their own times.
    let mut times = Vec::new();
    let first = store.events(&[1, 4], |event| times.push((event.session.0, event.at.0))).unwrap();
    assert_eq!(first, HOUR);
    assert!(times.contains(&(1, 1)) && times.contains(&(4, 4 * HOUR + 1)), "{times:?}");
}

#[test]
fn a_removed_session_is_in_no_block_and_its_neighbours_are_whole() {
    let place = Place::new("remove");
    let mut scribe = three(&place, &Arc::default(), HOUR);
    let mut store = place.store();
    assert_eq!(ids(&mut store, &words(&["hello"])), [1]);
    // This very program records the third.
    assert_eq!(store.remove(&[1, 3, 77]).unwrap(), Removed { gone: 1, recording: 1 });
    assert_eq!(ids(&mut store, &words(&["hello"])), [0; 0]);
    assert_eq!(messages(&store, 2).len() + messages(&store, 3).len(), 2);
    let bytes = Filter { bytes: Some(b"hello".to_vec()), ..Filter::default() };
    assert_eq!(ids(&mut store, &bytes), [0; 0]);
    scribe.end().unwrap();
    drop(scribe);
    assert_eq!(store.remove(&[2, 3]).unwrap().gone, 2);
    for table in ["run", "listener", "session", "block", "part", "said"] {
        let count: u64 =
            store.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "{table}");
    }
    let words: u64 = store
        .db
        .query_row("SELECT count(*) FROM words WHERE words MATCH '\"hello\"'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(words, 0);
    drop(store);
    let file = std::fs::read(place.path()).unwrap();
    assert!(!file.windows(5).any(|window| window == b"hello"), "what was removed is in the file still");
}

#[test]
fn what_is_old_or_too_much_is_pruned() {
    let place = Place::new("prune");
    for hour in [1, 5, 9] {
        let mut scribe = scribe(&place, &Arc::default(), hour * HOUR);
        accept(&mut scribe, 1);
        for _ in 0..20 {
            say(&mut scribe, 1, &vec![7; 60_000]);
        }
        close(&mut scribe, 1);
        scribe.end().unwrap();
    }
    let mut store = place.store();
    let age = Some(Duration::from_hours(6));
    assert_eq!(store.prune(Keep { age, size: None }, 10 * HOUR).unwrap().gone, 1);
    let size = store.size().unwrap();
    assert!(size > 2_400_000, "{size}");
    store.prune(Keep { age: None, size: Some(2_000_000) }, 10 * HOUR).unwrap();
    assert_eq!(ids(&mut store, &Filter::default()), [3]);
    assert!(std::fs::metadata(place.path()).unwrap().len() < 2_000_000);
}

#[test]
fn a_store_is_private_and_other_files_are_refused() {
    let place = Place::new("foreign");
    assert!(Store::open(&place.path()).unwrap().is_none());
    drop(place.store());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place.path()), mode(place.path().parent().unwrap())), (0o600, 0o700));
    }
    let what = |path: &Path| Store::create(path).err().unwrap().value("what").to_owned();
    let text = place.0.join("text");
    std::fs::write(&text, "no store at all, but long enough to be looked at ".repeat(20)).unwrap();
    assert_eq!(what(&text), "foreign");
    let other = place.0.join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert_eq!(what(&other), "foreign");
    let newer = place.0.join("newer.db");
    let store = Store::create(&newer).unwrap();
    store.db.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    assert_eq!(what(&newer), "newer");
    assert_eq!(what(Path::new("/proc/nowhere/sessions.db")), "open");
}

#[test]
fn two_programs_write_at_once() {
    let place = Place::new("two");
    let (first, second) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let mut one = scribe(&place, &first, HOUR);
    one.flush().unwrap();
    let mut two = scribe(&place, &second, HOUR);
    two.flush().unwrap();
    for _ in 0..20 {
        for scribe in [&mut one, &mut two] {
            accept(scribe, 1);
            say(scribe, 1, b"both");
            scribe.flush().unwrap();
        }
    }
    for scribe in [&mut one, &mut two] {
        close(scribe, 1);
        scribe.flush().unwrap();
    }
    assert_eq!((&*first.0.lock().unwrap(), &*second.0.lock().unwrap()), (&vec![(1, 1)], &vec![(1, 2)]));
    assert_eq!((messages(&place.store(), 1).len(), messages(&place.store(), 2).len()), (20, 20));
}
