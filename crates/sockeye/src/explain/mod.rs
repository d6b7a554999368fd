//! `explain`: a packet or a message, layer by layer; and with [`wrap`] the other way.
//!
//! Bytes come as hex in any usual notation, out of a file (a capture, text with hex, or as they are) or from stdin. Bare
//! bytes are taken for Ethernet unless told otherwise: a guess is made only if it is asked for, and otherwise offered.

pub mod wrap;

use std::io::Read;

use sockeye_core::{Code, Fault};
use sockeye_probe::dissect::{self, Layer, Start};
use sockeye_record::import;
use sockeye_wire::dump;

use crate::bounds::bad_value;

/// The most bytes of one packet that is no part of a capture: 1 MiB.
pub const PACKET_MAX: usize = 1 << 20;

/// What the bytes begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Ethernet, or what a capture says.
    #[default]
    Usual,
    /// This.
    As(Start),
    /// What makes most sense.
    Guess,
}

impl Reading {
    /// Reads a value of `--as`.
    pub fn parse(word: &str) -> Result<Self, Fault> {
        if word == "guess" {
            return Ok(Self::Guess);
        }
        Start::of(word).map(Self::As).ok_or_else(|| {
            let words: Vec<&str> = Start::ALL.iter().map(|(word, _)| *word).chain(["guess"]).collect();
            bad_value("--as", word).detail(words.join(", "))
        })
    }
}

/// Which packets of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one, counted from 1.
    Number(u64),
    /// All of them.
    All,
}

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Request {
    /// A file, `-`, or hex in one or more words.
    pub words: Vec<String>,
    /// What the bytes begin with.
    pub reading: Reading,
    /// Which packets.
    pub which: Which,
}

/// One packet, taken apart.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// When it was captured, in nanoseconds since 1970 began (UTC).
    pub at: Option<u64>,
    /// What it was taken to begin with.
    pub start: Start,
    /// Whether that is a guess.
    pub guessed: bool,
    /// What it might begin with instead, where it makes no sense as it is.
    pub instead: Option<Start>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many at its end were not captured.
    pub missing: usize,
    /// Its layers.
    pub layers: Vec<Layer>,
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After a packet.
    Whole,
    /// Within one, which is left out.
    Within,
}

/// Explains packets, one after another as they are found.
pub fn run(request: &Request, each: &mut dyn FnMut(&Explained)) -> Result<End, Fault> {
    let bytes = match input(&request.words)? {
        Input::Capture(bytes) => return capture(request, &bytes, each),
        Input::Bytes(bytes) => bytes,
    };
    if bytes.is_empty() {
        return Err(missing());
    }
    if bytes.len() > PACKET_MAX {
        return Err(Fault::new(Code::BadCapture, "").arg("what", "large").arg("max", PACKET_MAX));
    }
    each(&explain(1, None, Start::Ethernet, request.reading, bytes, 0));
    Ok(End::Whole)
}

fn explain(
    number: u64,
    at: Option<u64>,
    usual: Start,
    reading: Reading,
    bytes: Vec<u8>,
    missing: usize,
) -> Explained {
    let (start, guessed) = match reading {
        Reading::Usual => (usual, false),
        Reading::As(start) => (start, false),
        Reading::Guess => dissect::guess(&bytes).map_or((usual, false), |start| (start, true)),
    };
    let layers = dissect::dissect(&bytes, start, missing);
    let odd = reading == Reading::Usual && at.is_none() && !dissect::is_likely(&layers);
    let instead = if odd { dissect::guess(&bytes).filter(|other| *other != start) } else { None };
    Explained { number, at, start, guessed, instead, bytes, missing, layers }
}

fn capture(request: &Request, bytes: &[u8], each: &mut dyn FnMut(&Explained)) -> Result<End, Fault> {
    let (mut number, mut shown) = (0, 0);
    let whole = import::packets(bytes, &mut |packet| {
        number += 1;
        if matches!(request.which, Which::Number(wanted) if wanted != number) {
            return;
        }
        shown += 1;
        let usual = Start::of_link(packet.link_type).unwrap_or_default();
        let data = packet.data.to_vec();
        each(&explain(number, Some(packet.at), usual, request.reading, data, packet.missing));
    })?;
    match request.which {
        Which::Number(wanted) if shown == 0 && number > 0 => {
            Err(bad_value("--packet", &wanted.to_string()).detail(format_args!("1-{number}")))
        }
        _ if number == 0 => Err(Fault::new(Code::BadCapture, "").arg("what", "empty")),
        _ if whole => Ok(End::Whole),
        _ => Ok(End::Within),
    }
}

/// What was given.
enum Input {
    /// A capture file.
    Capture(Vec<u8>),
    /// One packet.
    Bytes(Vec<u8>),
}

fn input(words: &[String]) -> Result<Input, Fault> {
    match words {
        [] => Err(missing()),
        [word] if word == "-" => {
            let mut bytes = Vec::new();
            let limit = import::FILE_MAX as u64 + 1;
            let read = std::io::stdin().lock().take(limit).read_to_end(&mut bytes);
            read.map_err(|error| Fault::new(Code::BadFile, "").arg("path", "-").detail(error))?;
            contents(bytes)
        }
        [word] if std::fs::metadata(word).is_ok() => contents(file(word)?),
        [word] if !dump::looks_so(word) && !is_mistyped(word) => {
            Err(Fault::new(Code::NoFile, "").arg("path", word))
        }
        words => dump::read(&words.join(" ")).map(Input::Bytes),
    }
}

/// Whether a word that names no file is hex with a slip in it, more likely than a name.
fn is_mistyped(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_hexdigit).count();
    !word.contains(['/', '.']) && 2 * digits >= word.chars().count()
}

fn file(path: &str) -> Result<Vec<u8>, Fault> {
    let bad = |error: std::io::Error| Fault::new(Code::BadFile, "").arg("path", path).detail(error);
    let mut bytes = Vec::new();
    let limit = import::FILE_MAX as u64 + 1;
    std::fs::File::open(path).map_err(bad)?.take(limit).read_to_end(&mut bytes).map_err(bad)?;
    Ok(bytes)
}

/// What bytes of a file are: a capture, text with hex, or a packet as it is.
fn contents(bytes: Vec<u8>) -> Result<Input, Fault> {
    if import::is_capture(&bytes) {
        return Ok(Input::Capture(bytes));
    }
    let text = std::str::from_utf8(&bytes).ok().filter(|text| text.len() <= 8 * PACKET_MAX);
    match text {
        Some(text) if dump::looks_so(text) => dump::read(text).map(Input::Bytes),
        // A dump has a column of characters, and an array a name, which may be anything.
        Some(text) if dump::is_dump(text) || text.contains("0x") => {
            let read = dump::read(text).ok().filter(|read| !read.is_empty());
            Ok(Input::Bytes(read.unwrap_or(bytes)))
        }
        _ => Ok(Input::Bytes(bytes)),
    }
}

fn missing() -> Fault {
    Fault::new(Code::Usage, "explain").arg("what", "missing").arg("name", "HEX|FILE|-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_with_a_slip_is_told_from_the_name_of_no_file() {
        let code = |word: &str| input(&[word.to_owned()]).err().map(|fault| fault.code);
        assert_eq!(["45zz", "4500 zz", "4500g"].map(code), [Some(Code::BadHex); 3]);
        assert_eq!(["zz", "capture", "4500.txt"].map(code), [Some(Code::NoFile); 3]);
    }

    fn explained(words: &[&str], reading: Reading) -> Explained {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let mut found = Vec::new();
        let request = Request { words, reading, which: Which::Number(1) };
        run(&request, &mut |packet| found.push(packet.clone())).unwrap();
        found.remove(0)
    }

    const ICMP: &str = "45000020000100004001f6d3c0000201c0000207080033370001000161626364";

    #[test]
    fn bare_bytes_are_ethernet_and_a_guess_is_only_offered() {
        let packet = explained(&[ICMP], Reading::Usual);
        assert_eq!((packet.start, packet.guessed, packet.instead), (Start::Ethernet, false, Some(Start::Ip)));
        let packet = explained(&[ICMP], Reading::Guess);
        assert_eq!((packet.start, packet.guessed, packet.instead), (Start::Ip, true, None));
        let packet = explained(&["45", "00 00", "14"], Reading::As(Start::Ip));
        assert_eq!((packet.bytes, packet.instead), (vec![0x45, 0, 0, 0x14], None));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let code = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            let request = Request { words, reading: Reading::Usual, which: Which::All };
            run(&request, &mut |_| {}).unwrap_err().code
        };
        assert_eq!(code(&[]), Code::Usage);
        assert_eq!(code(&["no-such-file.pcap"]), Code::NoFile);
        assert_eq!(code(&["4500 00 3g"]), Code::BadHex);
        assert_eq!(code(&["/"]), Code::BadFile);
        assert_eq!(Reading::parse("ipx").unwrap_err().code, Code::BadValue);
    }
}
