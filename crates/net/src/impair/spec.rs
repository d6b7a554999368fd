//! What `--fault` says: `KIND[:VALUE][,key=value]…`.

use regex::bytes::Regex;
use sockeye_core::fault::nearest;
use sockeye_core::{Code, Fault, Medium, quantity};

use super::piece::{Build, Probability, Stage};
use super::trigger::Trigger;
use super::{Entry, KEYS, Way, find};
use crate::chance::Chance;

/// How large a compiled `on=` may get, in bytes: a bound on what a slip costs.
const COMPILED: usize = 1 << 20;

/// One fault that was asked for.
pub struct Spec {
    text: String,
    entry: &'static Entry,
    build: Box<Build>,
    way: Ways,
    pub(super) share: Probability,
    on: Option<Regex>,
    after: u64,
}

impl Spec {
    /// Reads one fault. What cannot be read is a fault of the command line's kind that says how it is written.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (kind, rest) = match text.find([':', ',']) {
            Some(at) => (&text[..at], &text[at..]),
            None => (text, ""),
        };
        let entry = find(kind)?;
        let bad = || {
            let fault = Fault::new(Code::BadFault, "").arg("name", text);
            fault.arg("syntax", format!("{}[,{}]", entry.syntax, KEYS.join("][,")))
        };
        let items = Items(rest.get(1..).unwrap_or_default());
        let mut value = "";
        let mut keys = Keys::default();
        let mut first = rest.starts_with(':');
        if rest == ":" || rest.ends_with(',') && !rest.ends_with("/,") {
            return Err(bad());
        }
        for item in items {
            match item.split_once('=') {
                Some((key, value)) => keys.set(key, value).map_err(|slip| slip.fault(bad()))?,
                None if first => value = item,
                None => return Err(bad().detail(item)),
            }
            first = false;
        }
        let build =
            (entry.read)(value).ok_or_else(|| if value.is_empty() { bad() } else { bad().detail(value) })?;
        let share = keys.share.unwrap_or(Probability::CERTAIN);
        let after = keys.after.unwrap_or_default();
        Ok(Self {
            text: text.to_owned(),
            entry,
            build,
            way: keys.way.unwrap_or(Ways::Both),
            share,
            on: keys.on,
            after,
        })
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.entry.name
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it means something there; `scheme` is how people call it.
    pub fn fit(&self, medium: Medium, scheme: &str) -> Result<(), Fault> {
        if self.entry.fits.contains(&medium) {
            return Ok(());
        }
        let near = self.entry.instead.join(", ");
        let fault = Fault::new(Code::UnfitFault, "").arg("name", self.entry.name).arg("scheme", scheme);
        Err(fault.arg("near", near))
    }

    /// Whether it is for this direction.
    pub(super) fn goes(&self, way: Way) -> bool {
        match self.way {
            Ways::Both => true,
            Ways::One(own) => own == way,
        }
    }

    pub(super) fn build(&self, medium: Medium, chance: Chance) -> Box<dyn Stage> {
        (self.build)(medium, chance)
    }

    pub(super) fn trigger(&self, medium: Medium) -> Trigger {
        Trigger::new(self.on.clone(), self.after, medium)
    }
}

/// Which directions have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ways {
    One(Way),
    Both,
}

/// What keys say. Each at most once.
#[derive(Default)]
struct Keys {
    way: Option<Ways>,
    share: Option<Probability>,
    on: Option<Regex>,
    after: Option<u64>,
}

/// What is wrong with a key.
enum Slip {
    /// There is no such key; the nearest.
    Unknown(String),
    /// What cannot be read, and why.
    Bad(String),
}

impl Slip {
    fn fault(self, fault: Fault) -> Fault {
        match self {
            Self::Unknown(near) => fault.arg("near", near),
            Self::Bad(detail) => fault.detail(detail),
        }
    }
}

impl Keys {
    fn set(&mut self, key: &str, value: &str) -> Result<(), Slip> {
        let bad = || Slip::Bad(format!("{key}={value}"));
        let repeated = match key {
            "dir" => {
                let way = match value {
                    "up" => Ways::One(Way::Up),
                    "down" => Ways::One(Way::Down),
                    "both" => Ways::Both,
                    _ => return Err(bad()),
                };
                self.way.replace(way).is_some()
            }
            "p" => self.share.replace(Probability::read(value).ok_or_else(bad)?).is_some(),
            "on" => self.on.replace(pattern(value).map_err(Slip::Bad)?).is_some(),
            "after" => self.after.replace(quantity::size("after", value).map_err(|_| bad())?).is_some(),
            _ => {
                let known = KEYS.iter().filter_map(|key| key.split('=').next());
                let near = nearest(key, known).map(|near| format!("{near}=")).unwrap_or_default();
                return if near.is_empty() { Err(bad()) } else { Err(Slip::Unknown(near)) };
            }
        };
        if repeated { Err(bad()) } else { Ok(()) }
    }
}

/// `/REGEX/flags`, where `\/` is a slash and flags are some of `imsux`, which mean what they mean in `(?imsux)`.
fn pattern(text: &str) -> Result<Regex, String> {
    let written = || format!("on={text}");
    let inner = text.strip_prefix('/').ok_or_else(written)?;
    let (regex, flags) = inner.rsplit_once('/').ok_or_else(written)?;
    if regex.is_empty() || !flags.chars().all(|flag| "imsux".contains(flag)) {
        return Err(written());
    }
    let regex = regex.replace("\\/", "/");
    let regex = if flags.is_empty() { regex } else { format!("(?{flags}){regex}") };
    let built = regex::bytes::RegexBuilder::new(&regex).size_limit(COMPILED).build();
    built.map_err(|error| error.to_string().lines().last().unwrap_or_default().to_owned())
}

/// Splits at commas, except within `on=/…/`.
struct Items<'a>(&'a str);

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let start = if self.0.starts_with("on=/") { closing(self.0) } else { 0 };
        let (item, rest) = match self.0[start..].find(',') {
            Some(at) => (&self.0[..start + at], &self.0[start + at + 1..]),
            None => (self.0, ""),
        };
        self.0 = rest;
        Some(item)
    }
}

/// Where the slash that ends the pattern of `on=/…/` stands; the end of the text if none does.
fn closing(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip("on=/".len()) {
        match byte {
            b'/' if !escaped => return at,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        match Spec::parse(text) {
            Ok(_) => panic!("{text} was read"),
            Err(fault) => fault,
        }
    }

    #[test]
    fn kinds_values_and_keys_are_read() {
        for text in [
            "latency:200ms~50ms",
            "loss:0.3,dir=up",
            "reset",
            "reset:2s,p=.5",
            "reset:after=64k",
            "reset,after=64k",
            "reset:on=/LOGIN/",
            "reset:on=/a,b\\/c,dir=up/i,dir=down,p=1",
            "timeout",
            "timeout:0",
            "slicer:64~16@10ms,after=1k,on=/x/",
        ] {
            let spec = Spec::parse(text).unwrap_or_else(|fault| panic!("{fault}"));
            assert_eq!(spec.text(), text);
        }
        let spec = Spec::parse("reset:on=/a,b\\/c,dir=up/i,dir=down,after=2k").unwrap();
        assert!(spec.on.as_ref().unwrap().is_match(b"A,B/C,DIR=up"));
        assert_eq!((spec.way, spec.after), (Ways::One(Way::Down), 2048));
    }

    #[test]
    fn slips_say_how_it_is_written() {
        assert_eq!(
            (fault("latncy:1s").code, fault("latncy:1s").value("near")),
            (Code::UnknownFault, "latency")
        );
        assert_eq!(fault("").code, Code::UnknownFault);
        for text in [
            "latency",
            "latency:",
            "latency:fast",
            "latency:50ms~100ms",
            "loss:1.5",
            "loss:-1",
            "loss:30%",
            "bandwidth:0",
            "limit:0",
            "slicer:0",
            "slicer:10~10",
            "slicer:10@",
            "loss:0.1,0.2",
            "loss:0.1,",
            "loss:0.1,dir=left",
            "loss:0.1,p=2",
            "loss:0.1,p=0.5,p=0.5",
            "loss:0.1,after=much",
            "loss:0.1,on=x",
            "loss:0.1,on=/x",
            "loss:0.1,on=//",
            "loss:0.1,on=/(/",
            "loss:0.1,on=/x/q",
            "loss:0.1,wobble=1",
        ] {
            let fault = fault(text);
            assert_eq!((fault.code, fault.value("name")), (Code::BadFault, text));
            let kind = text.split([':', ',']).next().unwrap();
            assert!(fault.value("syntax").starts_with(kind), "{fault}");
        }
        assert_eq!(fault("loss:0.1,afer=1k").value("near"), "after=");
        assert_eq!(fault("loss:0.1,p=2").detail.as_deref(), Some("p=2"));
    }

    #[test]
    fn every_example_is_read_and_fits_somewhere() {
        for entry in super::super::ALL {
            assert!(!entry.examples.is_empty() && entry.syntax.starts_with(entry.name), "{}", entry.name);
            for example in entry.examples {
                let spec = Spec::parse(example).unwrap_or_else(|fault| panic!("{fault}"));
                assert_eq!(spec.name(), entry.name);
            }
            for medium in [Medium::Bytes, Medium::Messages, Medium::Datagrams] {
                let fit = Spec::parse(entry.examples[0]).unwrap().fit(medium, "here");
                assert_eq!(fit.is_ok(), entry.fits.contains(&medium), "{}", entry.name);
                let told = fit
                    .err()
                    .is_none_or(|fault| fault.code == Code::UnfitFault && !fault.value("near").is_empty());
                assert!(told, "{}", entry.name);
            }
            assert!(entry.instead.iter().all(|name| find(name).is_ok()), "{}", entry.name);
        }
    }
}
