//! Captures that other programs have made.

use std::collections::BTreeMap;

use sockeye_core::{Code, Direction, Kind};
use sockeye_record::import::{self, FLAWS_MAX, Options};

/// A capture that is read says of every session when it began before what happened in it, nothing after its end, and no
/// more bytes than were in the file.
pub(super) fn import(data: &[u8]) {
    let mut open = BTreeMap::new();
    let mut ended = 0_u64;
    let (mut said, mut last) = (0, 0);
    let read = import::read(data, &Options::default(), &mut |event| {
        let session = event.session.0;
        assert!(event.at.0 >= last, "time runs back");
        last = event.at.0;
        match event.kind {
            Kind::Accepted { .. } => assert!(open.insert(session, [false; 2]).is_none(), "it begins twice"),
            Kind::Closed { .. } => {
                assert!(open.remove(&session).is_some(), "it ends without a beginning");
                ended += 1;
            }
            Kind::Message { data, direction, .. } => {
                let ends = open.get(&session);
                assert!(ends.is_some_and(|ends| !ends[side(direction)]), "said where there is nobody");
                said += data.len();
            }
            Kind::HalfClosed { direction, .. } => {
                let ends = open.get_mut(&session);
                assert!(
                    ends.is_some_and(|ends| !std::mem::replace(&mut ends[side(direction)], true)),
                    "two ends"
                );
            }
            _ => assert!(open.contains_key(&session), "{} of nobody", event.kind.word()),
        }
    });
    match read {
        Ok(summary) => {
            assert!(open.is_empty(), "sessions without an end");
            assert!(ended <= summary.flows.len() as u64 && summary.flaws.len() <= FLAWS_MAX);
            let flows: u64 = summary.flows.iter().map(|flow| flow.sent + flow.answered).sum();
            assert_eq!(flows, said as u64, "another sum");
            assert!(said <= data.len(), "{said} bytes out of {}", data.len());
        }
        Err(fault) => assert_eq!(fault.code, Code::BadCapture),
    }
}

const fn side(direction: Direction) -> usize {
    match direction {
        Direction::In => 0,
        Direction::Out => 1,
    }
}
