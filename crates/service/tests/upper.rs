//! `upper` in depth: every byte, and other character sets.

use proptest::prelude::*;
use sockeye_service::{Given, find};
use sockeye_testkit::{Chunking, Stage};
use sockeye_wire::charset::Charset;

fn stage(args: &[&str], charset: &str) -> Stage {
    let entry = find("upper").expect("it is registered");
    let mut given = Given::read(entry, args).expect("its arguments are good");
    given.charset = Charset::parse(charset).expect("there is such a set");
    Stage::new((entry.build)(&given).expect("it can be built"))
}

/// What Python's `bytes.upper` is documented to do: a to z become A to Z, nothing else changes.
fn python(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if byte.is_ascii_lowercase() { byte - 32 } else { *byte }).collect()
}

#[test]
fn every_byte_is_as_python_has_it() {
    let all: Vec<u8> = (0..=255).collect();
    let mut stage = stage(&[], "utf-8");
    let peer = stage.connect();
    stage.send(peer, &all);
    assert_eq!(stage.received(peer), python(&all));
}

proptest! {
    #[test]
    fn any_bytes_in_any_chunks_are_as_python_has_them(bytes: Vec<u8>, seed: u64) {
        let mut stage = stage(&[], "utf-8").chunked(Chunking::Random(seed));
        let peer = stage.connect();
        stage.send(peer, &bytes);
        prop_assert_eq!(stage.received(peer), python(&bytes));
    }

    #[test]
    fn any_text_in_any_chunks_is_raised_whole(text: String, seed: u64) {
        let mut stage = stage(&["--unicode"], "utf-8").chunked(Chunking::Random(seed));
        let peer = stage.connect();
        stage.send(peer, text.as_bytes());
        stage.fin(peer);
        let raised: String = text.chars().flat_map(char::to_uppercase).collect();
        prop_assert_eq!(stage.received(peer), raised.into_bytes());
    }
}

#[test]
fn gbk_text_cut_in_a_character_is_raised_whole() {
    let gbk = Charset::parse("gbk").unwrap();
    let mut stage = stage(&["--unicode"], "gbk").chunked(Chunking::Single);
    let peer = stage.connect();
    stage.send(peer, &gbk.encode("世a界б").unwrap());
    stage.fin(peer);
    assert_eq!(stage.received(peer), gbk.encode("世A界Б").unwrap().into_owned());
}

#[test]
fn a_letter_whose_capital_the_set_lacks_is_kept() {
    let latin = Charset::parse("windows-1252").unwrap();
    let mut stage = stage(&["--unicode"], "windows-1252");
    let peer = stage.connect();
    stage.send(peer, &latin.encode("éµ").unwrap());
    assert_eq!(stage.received(peer), latin.encode("Éµ").unwrap().into_owned());
}
