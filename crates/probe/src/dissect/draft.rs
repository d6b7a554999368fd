//! A layer under construction: reads fields off bytes, within bounds, and notes where they end too early.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::tree::{Bits, Field, Flaw, Layer, Protocol, Unit, Value, Wrong};

/// The most layers within layers: an ICMP message quotes a packet that may quote one.
const DEEPEST: usize = 24;

/// The most fields of one layer, and the most layers that one carries.
const FIELDS: usize = 4096;

/// The most flaws of one layer.
const FLAWS: usize = 64;

/// Bytes of an input that belong to something, and what is known of them from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// The whole input.
    pub(super) whole: &'a [u8],
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends, at most where the input does.
    pub(super) end: usize,
    /// How many bytes more there should be after `end`, as far as is known.
    pub(super) missing: usize,
    /// How deep within other layers.
    pub(super) depth: usize,
    /// Whether there is more of it that is not to be expected here.
    pub(super) part: Part,
}

/// Why not all of something is here, and rightly so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It is all here, or should be.
    Whole,
    /// The rest is in other fragments.
    Fragment,
    /// It is quoted by an error message, which may stop anywhere.
    Quote,
    /// It is a piece of a stream, and may go on in the next.
    Stream,
}

impl<'a> View<'a> {
    pub(super) const fn new(whole: &'a [u8], missing: usize) -> Self {
        Self { whole, start: 0, end: whole.len(), missing, depth: 0, part: Part::Whole }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.whole.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether all of it is there, and a length beyond it would be a mistake.
    pub(super) const fn is_whole(&self) -> bool {
        self.missing == 0 && matches!(self.part, Part::Whole)
    }

    /// Whether all that a checksum covers is there.
    pub(super) const fn is_complete(&self) -> bool {
        self.missing == 0 && !matches!(self.part, Part::Fragment)
    }
}

/// A layer under construction.
pub(super) struct Draft<'a> {
    view: View<'a>,
    at: usize,
    layer: Layer,
    /// How many fields there are, those within others too.
    count: usize,
    headed: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(protocol: Protocol, view: View<'a>) -> Self {
        let layer = Layer {
            protocol,
            kind: None,
            range: view.start..view.end,
            head: 0,
            tail: 0,
            fields: Vec::new(),
            flaws: Vec::new(),
            layers: Vec::new(),
        };
        Self { at: view.start, view, layer, count: 0, headed: false }
    }

    /// The layer as it came to be. What was read and carries nothing is the layer's own.
    pub(super) fn finish(mut self) -> Layer {
        if !self.headed {
            self.layer.head = self.at.saturating_sub(self.view.start);
        }
        self.layer
    }

    pub(super) const fn view(&self) -> &View<'a> {
        &self.view
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(super) const fn left(&self) -> usize {
        self.view.end.saturating_sub(self.at)
    }

    /// The bytes that are left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.view.whole.get(self.at..self.view.end).unwrap_or_default()
    }

    /// Which kind it is.
    pub(super) const fn kind(&mut self, kind: &'static str) {
        self.layer.kind = Some(kind);
    }

    /// Ends it there: what is behind is not its own, nor what it carries.
    pub(super) fn close(&mut self, end: usize) {
        if end <= self.view.end {
            self.view.end = end.max(self.at);
            self.view.missing = 0;
            self.layer.range.end = self.view.end;
        } else {
            self.view.missing = end - self.view.end;
        }
    }

    /// Looks at bytes ahead without reading them.
    pub(super) fn peek(&self, ahead: usize, count: usize) -> Option<&'a [u8]> {
        self.rest().get(ahead..ahead.checked_add(count)?)
    }

    /// Reads bytes that must be there; notes it if they are not.
    pub(super) fn take(&mut self, count: usize) -> Option<(Range<usize>, &'a [u8])> {
        if self.count >= FIELDS {
            let at = self.at..self.view.end;
            self.flaw(Wrong::Many { shown: FIELDS }, "", at);
            return None;
        }
        let Some(bytes) = self.peek(0, count) else {
            self.cut(count.saturating_sub(self.left()));
            return None;
        };
        let range = self.at..self.at + count;
        self.at = range.end;
        Some((range, bytes))
    }

    /// Goes on there.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.at = at.clamp(self.at, self.view.end.max(self.at));
    }

    /// Notes that it ends too early.
    pub(super) fn cut(&mut self, missing: usize) {
        let wrong = match self.view.part {
            Part::Fragment => Wrong::Fragment,
            Part::Quote => Wrong::Quote,
            Part::Stream if self.view.missing == 0 => Wrong::Continues { missing },
            Part::Whole | Part::Stream => Wrong::Truncated { missing },
        };
        if !self.layer.flaws.iter().any(|flaw| flaw.wrong.word() == wrong.word()) {
            let at = self.view.end..self.view.end;
            self.flaw(wrong, "", at);
        }
    }

    /// Notes something wrong with the bytes of a field.
    pub(super) fn flaw(&mut self, wrong: Wrong, key: &'static str, at: Range<usize>) {
        if self.layer.flaws.len() < FLAWS {
            self.layer.flaws.push(Flaw { wrong, key, at });
        }
    }

    /// Adds a field.
    pub(super) fn push(&mut self, key: &'static str, value: Value, at: Bits) {
        debug_assert!(super::KEYS.contains(&key), "{key} is not among the keys");
        self.count += 1;
        self.layer.fields.push(Field { key, value, at, name: None, unit: None, fields: Vec::new() });
    }

    /// What the last field's value is called.
    pub(super) fn name(&mut self, name: Option<impl Into<String>>) {
        if let Some(last) = self.layer.fields.last_mut() {
            last.name = name.map(Into::into);
        }
    }

    /// What the last field counts.
    pub(super) fn unit(&mut self, unit: Unit) {
        if let Some(last) = self.layer.fields.last_mut() {
            last.unit = Some(unit);
        }
    }

    /// A field of its own for what `read` reads.
    pub(super) fn group<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::take(&mut self.layer.fields);
        let start = self.at;
        let result = read(self);
        let fields = std::mem::replace(&mut self.layer.fields, outer);
        if !fields.is_empty() {
            let value = Value::Group;
            self.push(key, value, Bits::of(&(start..self.at)));
            if let Some(last) = self.layer.fields.last_mut() {
                last.fields = fields;
            }
        }
        result
    }

    /// The same, and what the group is called, whether all of it is there or not.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        name: Option<&'static str>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.layer.fields.len();
        let result = self.group(key, read);
        if self.layer.fields.len() > before {
            self.name(name);
        }
        result
    }

    /// What the last field is called, or holds by way of summary.
    pub(super) fn last(&mut self) -> Option<&mut Field> {
        self.layer.fields.last_mut()
    }

    /// A number of up to eight bytes, the highest first.
    pub(super) fn number(&mut self, key: &'static str, count: usize) -> Option<u64> {
        let (range, bytes) = self.take(count)?;
        let number = big(bytes);
        self.push(key, Value::Number(number), Bits::of(&range));
        Some(number)
    }

    /// The same, shown in hexadecimal.
    pub(super) fn hex(&mut self, key: &'static str, count: usize) -> Option<u64> {
        let (range, bytes) = self.take(count)?;
        let number = big(bytes);
        self.push(key, Value::Hex(number, count * 2), Bits::of(&range));
        Some(number)
    }

    /// Bits of bytes that were read, the first counted from the start of the byte `byte`. At most 32.
    pub(super) fn bits(&mut self, key: &'static str, byte: usize, first: usize, count: usize) -> u64 {
        let at = Bits { start: byte * 8 + first, count };
        let bytes = self.view.whole.get(at.bytes()).unwrap_or_default();
        let unused = (at.bytes().end * 8).saturating_sub(at.start + count);
        let number = big(bytes) >> unused & ((1 << count) - 1);
        let value = if count == 1 { Value::Flag(number == 1) } else { Value::Number(number) };
        self.push(key, value, at);
        number
    }

    pub(super) fn mac(&mut self, key: &'static str) -> Option<[u8; 6]> {
        let (range, bytes) = self.take(6)?;
        let mac = *bytes.first_chunk()?;
        self.push(key, Value::Mac(mac), Bits::of(&range));
        Some(mac)
    }

    pub(super) fn ipv4(&mut self, key: &'static str) -> Option<Ipv4Addr> {
        let (range, bytes) = self.take(4)?;
        let ip = Ipv4Addr::from(*bytes.first_chunk::<4>()?);
        self.push(key, Value::Ip(IpAddr::V4(ip)), Bits::of(&range));
        Some(ip)
    }

    pub(super) fn ipv6(&mut self, key: &'static str) -> Option<Ipv6Addr> {
        let (range, bytes) = self.take(16)?;
        let ip = Ipv6Addr::from(*bytes.first_chunk::<16>()?);
        self.push(key, Value::Ip(IpAddr::V6(ip)), Bits::of(&range));
        Some(ip)
    }

    pub(super) fn bytes(&mut self, key: &'static str, count: usize) -> Option<&'a [u8]> {
        let (range, bytes) = self.take(count)?;
        self.push(key, Value::Bytes(bytes.to_vec()), Bits::of(&range));
        Some(bytes)
    }

    pub(super) fn text(&mut self, key: &'static str, count: usize) -> Option<&'a [u8]> {
        let (range, bytes) = self.take(count)?;
        self.push(key, Value::Text(bytes.to_vec()), Bits::of(&range));
        Some(bytes)
    }

    /// Its own bytes end here, and what it carries begins.
    pub(super) const fn head_ends(&mut self) {
        self.layer.head = self.at.saturating_sub(self.view.start);
        self.headed = true;
    }

    /// What is left, as a view for a layer within.
    pub(super) fn inner(&self) -> View<'a> {
        View { start: self.at, depth: self.view.depth + 1, ..self.view }
    }

    /// Adds a layer within, made by `make` of what is left, unless that is too deep or there is nothing. Goes on after
    /// it.
    pub(super) fn carry(&mut self, make: impl FnOnce(View<'a>) -> Layer) {
        if !self.headed {
            self.head_ends();
        }
        let view = self.inner();
        if view.depth > DEEPEST || self.layer.layers.len() >= FIELDS {
            let at = view.start..view.end;
            self.flaw(Wrong::Deep, "", at);
            self.at = self.view.end;
            return;
        }
        if view.len() == 0 && view.is_whole() {
            return;
        }
        let layer = make(view);
        self.at = layer.range.end.max(self.at);
        self.layer.layers.push(layer);
    }

    /// Its own bytes behind what it carries.
    pub(super) const fn tail(&mut self, count: usize) {
        self.layer.tail = count;
    }
}

/// What a checksum covers besides the message: the addresses of the IP packet that carries it (RFC 9293, section 3.1;
/// RFC 8200, section 8.1).
#[derive(Clone, Copy, Debug)]
pub(super) enum Pseudo {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Pseudo {
    /// Its bytes for a message of this protocol and length.
    fn bytes(&self, protocol: u8, length: usize) -> Vec<u8> {
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let [_, _, high, low] = length;
        match self {
            Self::V4(from, to) => [&from.octets()[..], &to.octets(), &[0, protocol, high, low]].concat(),
            Self::V6(from, to) => [&from.octets()[..], &to.octets(), &length, &[0, 0, 0, protocol]].concat(),
        }
    }
}

/// What a checksum is to be taken of.
pub(super) struct Summed<'a> {
    /// The bytes, with the checksum in them.
    pub(super) bytes: &'a [u8],
    /// Where in them the checksum is; even.
    pub(super) at: usize,
    /// What is summed before them.
    pub(super) pseudo: Option<(Pseudo, u8)>,
}

impl Summed<'_> {
    /// The checksum that they should have.
    pub(super) fn right(&self) -> u16 {
        let before = self.pseudo.map(|(pseudo, protocol)| pseudo.bytes(protocol, self.bytes.len()));
        let behind = self.bytes.get(self.at + 2..).unwrap_or_default();
        let front = self.bytes.get(..self.at).unwrap_or_default();
        checksum(&[before.as_deref().unwrap_or_default(), front, behind])
    }
}

impl Draft<'_> {
    /// Reads a checksum, and says whether it is right. `summed` is `None` where that cannot be told. A right checksum of
    /// zero is written as `zero`.
    pub(super) fn checksum(
        &mut self,
        key: &'static str,
        zero: u16,
        summed: Option<Summed<'_>>,
    ) -> Option<()> {
        let at = self.at;
        let found = u16::try_from(self.hex(key, 2)?).unwrap_or(0);
        let Some(summed) = summed else {
            self.name(Some("not-checked"));
            self.flaw(Wrong::Unverified, key, at..at + 2);
            return Some(());
        };
        let right = match summed.right() {
            0 => zero,
            right => right,
        };
        if right == found {
            self.name(Some("correct"));
        } else {
            self.name(Some("wrong"));
            self.flaw(Wrong::Checksum { found, right }, key, at..at + 2);
        }
        Some(())
    }
}

/// A number, its highest byte first. Only the last eight bytes count.
pub(super) fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The same as a length.
pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The Internet checksum (RFC 1071) of these bytes, one piece after another. All but the last have an even length.
pub(super) fn checksum(pieces: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for piece in pieces {
        for pair in piece.chunks(2) {
            let high = pair.first().copied().unwrap_or(0);
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([high, low]));
        }
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_1071() {
        // Section 3: the sum of these is ddf2.
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        assert_eq!(checksum(&[&[0xff, 0xff, 0x01]]), !0x0100);
    }

    #[test]
    fn bits_are_counted_from_the_highest() {
        let whole = [0x45, 0xb8, 0x12];
        let mut draft = Draft::new(Protocol::Ipv4, View::new(&whole, 0));
        assert_eq!(draft.bits("ipv4.version", 0, 0, 4), 4);
        assert_eq!(draft.bits("ipv4.header-length", 0, 4, 4), 5);
        assert_eq!(draft.bits("ipv4.dscp", 1, 0, 6), 0x2e);
        assert_eq!(draft.bits("ipv4.fragment-offset", 1, 3, 13), 0x1812);
    }
}
