//! Every example of every service, on the memory driver, however the bytes of a stream arrive.

use sockeye_service::{ALL, Entry, Example};
use sockeye_testkit::{Chunking, chunking, run_in_memory};

fn each(mut check: impl FnMut(&Entry, &Example, Chunking)) {
    for entry in ALL {
        for example in entry.examples {
            for chunking in chunking::EVERY {
                if *chunking == Chunking::Whole || !example.whole {
                    check(entry, example, *chunking);
                }
            }
        }
    }
}

#[test]
fn every_example_holds_under_every_chunking() {
    each(|entry, example, chunking| {
        if let Err(mismatch) = run_in_memory(entry, example, chunking) {
            panic!("{} {:?} {chunking:?}: {mismatch}", entry.name, example.args);
        }
    });
}

#[test]
fn every_service_is_described() {
    for entry in ALL {
        assert!(!entry.examples.is_empty(), "{} has no example", entry.name);
        assert_eq!(ALL.iter().filter(|other| other.name == entry.name).count(), 1);
        for welcome in entry.welcome {
            let given = sockeye_service::Given::read(entry, welcome.args).unwrap();
            assert!((entry.build)(&given).is_ok(), "{} {:?}", entry.name, welcome.args);
        }
    }
}
