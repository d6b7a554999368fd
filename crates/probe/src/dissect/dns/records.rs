//! Questions, resource records, and what the usual ones hold.

use super::super::draft::{Draft, big, size};
use super::super::tree::{Bits, Unit, Value, Wrong};
use super::Message;
use super::name::{self, Bad};

/// IANA "Resource Record (RR) TYPEs".
fn type_name(number: u64) -> Option<&'static str> {
    let name = match number {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        39 => "DNAME",
        41 => "OPT",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        50 => "NSEC3",
        52 => "TLSA",
        64 => "SVCB",
        65 => "HTTPS",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        257 => "CAA",
        _ => return None,
    };
    Some(name)
}

const fn class_name(number: u64) -> Option<&'static str> {
    match number {
        1 => Some("IN"),
        3 => Some("CH"),
        254 => Some("NONE"),
        255 => Some("ANY"),
        _ => None,
    }
}

/// IANA "DNS EDNS0 Option Codes".
const fn option_name(number: u64) -> Option<&'static str> {
    match number {
        3 => Some("NSID"),
        8 => Some("client-subnet"),
        10 => Some("cookie"),
        11 => Some("TCP-keepalive"),
        12 => Some("padding"),
        15 => Some("extended-error"),
        _ => None,
    }
}

/// RFC 9460, section 14.3.2.
const fn parameter_name(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("mandatory"),
        1 => Some("alpn"),
        2 => Some("no-default-alpn"),
        3 => Some("port"),
        4 => Some("ipv4hint"),
        5 => Some("ech"),
        6 => Some("ipv6hint"),
        _ => None,
    }
}

impl Message {
    pub(super) fn question(self, draft: &mut Draft<'_>) -> Option<()> {
        self.name(draft, "dns.name")?;
        let kind = draft.number("dns.type", 2)?;
        draft.name(type_name(kind));
        let class = draft.number("dns.class", 2)?;
        draft.name(class_name(class));
        Some(())
    }

    pub(super) fn record(self, draft: &mut Draft<'_>) -> Option<()> {
        self.name(draft, "dns.name")?;
        let kind = draft.number("dns.type", 2)?;
        draft.name(type_name(kind));
        if kind == 41 {
            option_header(draft)?;
        } else {
            let class = draft.number("dns.class", 2)?;
            draft.name(class_name(class));
            draft.number("dns.ttl", 4)?;
            draft.unit(Unit::Seconds);
        }
        let at = draft.at();
        let length = size(draft.number("dns.data-length", 2)?);
        draft.unit(Unit::Bytes);
        let end = draft.at() + length;
        if end > draft.view().end {
            let missing = end - draft.view().end;
            draft.cut(missing);
        }
        self.data(draft, kind, end)?;
        if draft.at() > end {
            let wrong = Wrong::Length { says: length as u64, bound: (draft.at() - at - 2) as u64 };
            draft.flaw(wrong, "dns.data-length", at..at + 2);
            return None;
        }
        let rest = end.saturating_sub(draft.at());
        if rest > 0 {
            draft.bytes("dns.data", rest)?;
        }
        Some(())
    }

    /// What the record is about; `end` is where its length says that it ends.
    fn data(self, draft: &mut Draft<'_>, kind: u64, end: usize) -> Option<()> {
        let length = end.saturating_sub(draft.at());
        match kind {
            1 if length == 4 => drop(draft.ipv4("dns.a")?),
            28 if length == 16 => drop(draft.ipv6("dns.aaaa")?),
            2 => self.name(draft, "dns.ns")?,
            5 => self.name(draft, "dns.cname")?,
            12 => self.name(draft, "dns.ptr")?,
            39 => self.name(draft, "dns.dname")?,
            15 => {
                draft.number("dns.preference", 2)?;
                self.name(draft, "dns.mx")?;
            }
            16 => {
                while draft.at() < end {
                    text(draft, "dns.txt", end)?;
                }
            }
            6 => self.authority(draft)?,
            33 => {
                for key in ["dns.srv-priority", "dns.srv-weight", "dns.srv-port"] {
                    draft.number(key, 2)?;
                }
                self.name(draft, "dns.srv-target")?;
            }
            41 => {
                while draft.at() < end {
                    let name = draft.peek(0, 2).and_then(|code| option_name(big(code)));
                    draft.named("dns.option", name, option)?;
                }
            }
            64 | 65 => self.service(draft, end)?,
            257 if length >= 2 => {
                draft.number("dns.caa-flags", 1)?;
                text(draft, "dns.caa-tag", end)?;
                let rest = end.saturating_sub(draft.at());
                draft.text("dns.caa-value", rest)?;
            }
            _ => {}
        }
        Some(())
    }

    /// RFC 1035, section 3.3.13.
    fn authority(self, draft: &mut Draft<'_>) -> Option<()> {
        self.name(draft, "dns.soa-server")?;
        self.name(draft, "dns.soa-mailbox")?;
        draft.number("dns.soa-serial", 4)?;
        for key in ["dns.soa-refresh", "dns.soa-retry", "dns.soa-expire", "dns.soa-minimum"] {
            draft.number(key, 4)?;
            draft.unit(Unit::Seconds);
        }
        Some(())
    }

    /// RFC 9460, section 2.2.
    fn service(self, draft: &mut Draft<'_>, end: usize) -> Option<()> {
        draft.number("dns.service-priority", 2)?;
        self.name(draft, "dns.service-target")?;
        while draft.at() < end {
            let name = draft.peek(0, 2).and_then(|key| parameter_name(big(key)));
            draft.named("dns.service-parameter", name, |draft| parameter(draft, end))?;
        }
        Some(())
    }

    fn name(self, draft: &mut Draft<'_>, key: &'static str) -> Option<()> {
        let at = draft.at();
        let message = draft.view().whole.get(self.start..draft.view().end)?;
        match name::read(message, at.checked_sub(self.start)?) {
            Ok(name) => {
                let (range, _) = draft.take(name.size)?;
                draft.push(key, Value::Domain(name.text), Bits::of(&range));
                Some(())
            }
            Err(Bad::Cut(missing)) => {
                draft.cut(missing);
                None
            }
            Err(Bad::Broken(size)) => {
                draft.flaw(Wrong::Name, key, at..(at + size).min(draft.view().end));
                None
            }
        }
    }
}

/// RFC 6891, section 6.1.3: an OPT record has other things in place of class and TTL.
fn option_header(draft: &mut Draft<'_>) -> Option<()> {
    draft.number("dns.udp-size", 2)?;
    draft.unit(Unit::Bytes);
    draft.number("dns.extended-rcode", 1)?;
    draft.number("dns.edns-version", 1)?;
    let (range, _) = draft.take(2)?;
    draft.bits("dns.dnssec-ok", range.start, 0, 1);
    Some(())
}

fn option(draft: &mut Draft<'_>) -> Option<()> {
    let code = draft.number("dns.option-code", 2)?;
    draft.name(option_name(code));
    let length = size(draft.number("dns.option-length", 2)?);
    if length > 0 {
        draft.bytes("dns.option-data", length)?;
    }
    Some(())
}

fn parameter(draft: &mut Draft<'_>, end: usize) -> Option<()> {
    let key = draft.number("dns.parameter-key", 2)?;
    draft.name(parameter_name(key));
    let length = size(draft.number("dns.parameter-length", 2)?);
    let stop = (draft.at() + length).min(end.max(draft.at()));
    match key {
        1 => {
            while draft.at() < stop {
                text(draft, "dns.alpn", stop)?;
            }
        }
        3 if length == 2 => drop(draft.number("dns.port", 2)?),
        4 => {
            while draft.at() + 4 <= stop {
                draft.ipv4("dns.ipv4-hint")?;
            }
        }
        6 => {
            while draft.at() + 16 <= stop {
                draft.ipv6("dns.ipv6-hint")?;
            }
        }
        _ => {}
    }
    let rest = stop.saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("dns.parameter-value", rest)?;
    }
    Some(())
}

/// A character string (RFC 1035, section 3.3): a byte of length before it.
fn text(draft: &mut Draft<'_>, key: &'static str, end: usize) -> Option<()> {
    let (range, bytes) = draft.take(1)?;
    let length = usize::from(*bytes.first()?);
    if range.end + length > end {
        draft.flaw(
            Wrong::Malformed,
            key,
            range.start..end.clamp(range.start, draft.view().end.max(range.start)),
        );
        return None;
    }
    if length == 0 {
        draft.push(key, Value::Text(Vec::new()), Bits::of(&(range.end..range.end)));
        return Some(());
    }
    draft.text(key, length)?;
    Some(())
}
