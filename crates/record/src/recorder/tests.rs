//! Sinks that take, wait, fail and panic.

use std::sync::mpsc;

use sockeye_core::Direction;

use super::*;

/// What a test hears of a recording.
#[derive(Default)]
struct Told {
    stopped: Mutex<Vec<Fault>>,
    lost: AtomicUsize,
}

impl Report for Told {
    fn stopped(&self, fault: &Fault) {
        self.stopped.lock().unwrap().push(fault.clone());
    }

    fn saved(&self, _at: Tick, _session: SessionId, _id: u64) {}

    fn lost(&self, events: u64) {
        self.lost.store(usize::try_from(events).unwrap(), Ordering::SeqCst);
    }
}

type Taken = Arc<Mutex<Vec<Vec<u8>>>>;

/// Keeps payloads. It takes the first only when `gate` opens, and does `end` with a payload of `!`.
struct Stub {
    taken: Taken,
    gate: Option<mpsc::Receiver<()>>,
    end: fn() -> Result<(), Fault>,
}

impl Sink for Stub {
    fn wants_wire(&self) -> bool {
        false
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        if let Some(gate) = self.gate.take() {
            gate.recv().unwrap();
        }
        match event.kind {
            Kind::Message { data: b"!", .. } => return (self.end)(),
            Kind::Message { data, .. } => self.taken.lock().unwrap().push(data.to_vec()),
            Kind::Note(note) => self.taken.lock().unwrap().push(note.args[0].1.as_bytes().to_vec()),
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

fn stub(gate: Option<mpsc::Receiver<()>>, end: fn() -> Result<(), Fault>) -> (Target, Taken) {
    let taken = Taken::default();
    let sink = Stub { taken: Arc::clone(&taken), gate, end };
    (Target { name: "stub".to_owned(), sink: Box::new(sink) }, taken)
}

fn say(recorder: &Recorder, data: &[u8]) {
    let kind = Kind::Message { leg: 0, direction: Direction::In, data };
    recorder.event(&Event { at: Tick(1), session: SessionId(1), how: How::Traced, kind });
}

const LONG: Duration = Duration::from_mins(1);

#[test]
fn a_sink_that_waits_holds_sessions_up_and_loses_nothing() {
    let (open, gate) = mpsc::channel();
    let (target, taken) = stub(Some(gate), || Ok(()));
    let told = Arc::new(Told::default());
    let recorder = Recorder::start(vec![target], WhenFull::Hold, 100_000, told.clone());
    let mut count = 0_u32;
    // A driver reads while it may; what it has read is recorded, whatever the bound.
    while !recorder.is_full() {
        say(&recorder, &[count.to_le_bytes().as_slice(), &[0; 60]].concat());
        count += 1;
    }
    assert!(count < 2000, "the bound is none: {count}");
    for _ in 0..100 {
        say(&recorder, &count.to_le_bytes());
        count += 1;
    }
    assert!(recorder.is_full());
    open.send(()).unwrap();
    assert!(recorder.finish(LONG));
    let numbers: Vec<u32> =
        taken.lock().unwrap().iter().map(|data| u32::from_le_bytes(data[..4].try_into().unwrap())).collect();
    assert!(numbers.into_iter().eq(0..count));
    assert!(!recorder.is_full());
    assert_eq!(told.lost.load(Ordering::SeqCst), 0);
}

#[test]
fn events_over_the_bound_are_counted_where_they_may_be_lost() {
    let (open, gate) = mpsc::channel();
    let (target, taken) = stub(Some(gate), || Ok(()));
    let told = Arc::new(Told::default());
    let recorder = Recorder::start(vec![target], WhenFull::Drop, 1000, told.clone());
    for _ in 0..500 {
        say(&recorder, b"0123456789");
    }
    assert!(!recorder.is_full());
    open.send(()).unwrap();
    assert!(recorder.finish(LONG));
    let taken = taken.lock().unwrap();
    let lost = told.lost.load(Ordering::SeqCst);
    let (kept, notes): (Vec<_>, Vec<_>) = taken.iter().partition(|data| data.len() == 10);
    assert_eq!(kept.len() + lost, 500);
    assert!(lost > 400, "{lost}");
    let told: usize =
        notes.iter().map(|note| String::from_utf8((*note).clone()).unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!(told, lost);
}

#[test]
fn a_sink_that_fails_is_told_of_once_and_the_others_go_on() {
    let full = || Err(Fault::new(Code::Unwritable, "").arg("path", "x").detail("disk full"));
    let (failing, before) = stub(None, full);
    let (panicking, also) = stub(None, || panic!("as the test wants it"));
    let (well, all) = stub(None, || Ok(()));
    let told = Arc::new(Told::default());
    let recorder = Recorder::start(vec![failing, panicking, well], WhenFull::Hold, 1000, told.clone());
    for data in [b"a", b"!", b"b"] {
        say(&recorder, data);
    }
    assert!(recorder.finish(LONG));
    assert_eq!((before.lock().unwrap().len(), also.lock().unwrap().len()), (1, 1));
    assert_eq!(*all.lock().unwrap(), [b"a".to_vec(), b"b".to_vec()]);
    let stopped = told.stopped.lock().unwrap();
    let said: Vec<_> = stopped.iter().map(|fault| (fault.code, fault.detail.as_deref())).collect();
    let code = Code::RecordingStopped;
    assert_eq!(said, [(code, Some("disk full")), (code, Some("panic"))]);
    // After the end nothing is taken, and nobody is held up.
    say(&recorder, b"late");
    assert!(!recorder.is_full() && recorder.finish(LONG));
}
