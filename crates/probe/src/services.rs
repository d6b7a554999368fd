//! What IANA has registered for ports (RFC 6335), from a copy of its registry that is part of the program, and the
//! ranges ports are divided into.
//!
//! The copy is `iana/services.txt`, made by `iana/compact.py`; its first line has its date.

use std::sync::OnceLock;

use crate::sockets::Protocol;

const TEXT: &str = include_str!("../iana/services.txt");

/// One entry of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The first port, and the last; they are the same but for few.
    pub first: u16,
    /// The last.
    pub last: u16,
    /// Its name; none for a port that is reserved and has no service.
    pub name: Option<&'static str>,
    /// What it is; empty where that says no more than the name.
    pub about: &'static str,
    tcp: bool,
    udp: bool,
}

impl Service {
    /// Whether it is registered for this protocol.
    pub const fn has(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Tcp => self.tcp,
            Protocol::Udp => self.udp,
        }
    }

    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.splitn(4, ' ');
        let (ports, letters, name) = (columns.next()?, columns.next()?, columns.next()?);
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        Some(Self {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            name: Some(name).filter(|name| *name != "-"),
            about: columns.next().unwrap_or_default(),
            tcp: letters.contains('t'),
            udp: letters.contains('u'),
        })
    }
}

/// Every entry, by port.
pub fn all() -> &'static [Service] {
    static ALL: OnceLock<Vec<Service>> = OnceLock::new();
    ALL.get_or_init(|| {
        TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(Service::parse).collect()
    })
}

/// The day the registry was copied on: the latest change it has, as `2026-01-23`.
pub fn as_of() -> &'static str {
    let head = TEXT.lines().next().unwrap_or_default();
    head.split_once("as of ").and_then(|(_, rest)| rest.get(..10)).unwrap_or_default()
}

/// What is registered for a port, in the registry's order; nothing where it is unassigned.
pub fn registered(port: u16, protocol: Protocol) -> impl Iterator<Item = &'static Service> {
    // Ranges begin before what they hold, and none is longer than this.
    const LONGEST: u16 = 256;
    let begin = all().partition_point(|service| service.first < port.saturating_sub(LONGEST));
    let end = all().partition_point(|service| service.first <= port);
    let near = all().get(begin..end).unwrap_or_default();
    near.iter().filter(move |service| service.last >= port && service.has(protocol))
}

/// The name by which a port is known: that of its first entry.
pub fn name(port: u16, protocol: Protocol) -> Option<&'static str> {
    registered(port, protocol).find_map(|service| service.name)
}

/// The entries of a name, in any case of its letters.
pub fn named(name: &str) -> Vec<&'static Service> {
    all().iter().filter(|service| service.name.is_some_and(|own| own.eq_ignore_ascii_case(name))).collect()
}

/// Names that are near to one that is not there, the nearest first: those that begin with it, then those that have it
/// within.
pub fn near(name: &str) -> Vec<&'static str> {
    let wanted = name.to_ascii_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut near: Vec<(bool, usize, &str)> = all()
        .iter()
        .filter_map(|service| service.name)
        .filter_map(|own| {
            let at = own.to_ascii_lowercase().find(&wanted)?;
            Some((at > 0, own.len(), own))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().map(|(_, _, own)| own).take(5).collect()
}

/// The three ranges of RFC 6335, section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 0 to 1023, also called system ports: assigned by IANA after review.
    WellKnown,
    /// 1024 to 49151, also called user ports: assigned by IANA on application.
    Registered,
    /// 49152 to 65535, also called private or ephemeral ports: never assigned.
    Dynamic,
}

impl Class {
    /// The range a port is in.
    pub const fn of(port: u16) -> Self {
        match port {
            0..=1023 => Self::WellKnown,
            1024..=49151 => Self::Registered,
            49152..=u16::MAX => Self::Dynamic,
        }
    }

    /// Its name in lower case, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WellKnown => "well-known",
            Self::Registered => "registered",
            Self::Dynamic => "dynamic",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_whole_sorted_and_dated() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().len(), lines, "a line cannot be read");
        assert!(lines > 7000);
        assert!(all().is_sorted_by_key(|service| service.first));
        assert!(all().iter().all(|service| service.first <= service.last && (service.tcp || service.udp)));
        assert!(all().iter().all(|service| service.last - service.first <= 256), "see `registered`");
        assert!(as_of().len() == 10 && as_of().starts_with("20"), "{}", as_of());
        // It reaches terminals as it is.
        assert!(!TEXT.chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn ports_have_names_and_names_have_ports() {
        let names = |port, protocol| -> Vec<_> {
            registered(port, protocol).filter_map(|service| service.name).collect()
        };
        assert_eq!(names(80, Protocol::Tcp), ["http", "www", "www-http"]);
        assert_eq!((name(22, Protocol::Tcp), name(6010, Protocol::Tcp)), (Some("ssh"), Some("x11")));
        assert_eq!(names(7788, Protocol::Tcp), Vec::<&str>::new());
        // One is TCP's alone.
        assert_eq!((name(513, Protocol::Tcp), name(513, Protocol::Udp)), (Some("login"), Some("who")));
        let ports: Vec<_> = named("HTTPS").iter().map(|service| service.first).collect();
        assert_eq!(ports, [443]);
        assert!(
            registered(0, Protocol::Udp).all(|service| service.name.is_none() && service.about == "Reserved")
        );
    }

    #[test]
    fn what_is_nearly_a_name_leads_to_it() {
        assert_eq!(near("postgre").first(), Some(&"postgresql"));
        assert_eq!((near("").len(), near("no such thing").len()), (0, 0));
    }

    #[test]
    fn classes_are_those_of_rfc_6335() {
        let of = |port| Class::of(port).name();
        assert_eq!(
            [of(0), of(1023), of(1024), of(49151)],
            ["well-known", "well-known", "registered", "registered"]
        );
        assert_eq!([of(49152), of(65535)], ["dynamic", "dynamic"]);
    }
}
