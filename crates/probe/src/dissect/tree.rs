//! What a dissection is: layers, each with its fields, what is wrong with it, and what it carries.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

/// A protocol, as a layer of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Ethernet II and IEEE 802.3.
    Ethernet,
    /// The tag of IEEE 802.1Q.
    Vlan,
    /// IEEE 802.2, with SNAP.
    Llc,
    /// What Linux writes before packets of its "any" device, two versions.
    Cooked,
    /// What BSDs write before packets of the loopback device.
    Null,
    /// RFC 826.
    Arp,
    /// RFC 791.
    Ipv4,
    /// RFC 8200.
    Ipv6,
    /// An extension header of IPv6 (RFC 8200, section 4; RFC 4302).
    Ipv6Extension,
    /// RFC 792.
    Icmp,
    /// RFC 4443, RFC 4861.
    Icmpv6,
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 1035.
    Dns,
    /// RFC 2131.
    Dhcp,
    /// RFC 9112.
    Http,
    /// RFC 8446, RFC 5246.
    Tls,
    /// Bytes of something that is not known here, or of an application.
    Data,
}

/// The five layers that courses teach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Five {
    /// 1: signals on a medium.
    Physical,
    /// 2: frames to a neighbour.
    Link,
    /// 3: packets to any host.
    Network,
    /// 4: between programs.
    Transport,
    /// 5: what programs say.
    Application,
}

impl Five {
    /// Its name, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Link => "link",
            Self::Network => "network",
            Self::Transport => "transport",
            Self::Application => "application",
        }
    }

    /// Its number, from 1.
    pub const fn number(self) -> u8 {
        match self {
            Self::Physical => 1,
            Self::Link => 2,
            Self::Network => 3,
            Self::Transport => 4,
            Self::Application => 5,
        }
    }
}

impl Protocol {
    /// Every protocol.
    pub const ALL: &'static [Self] = &[
        Self::Ethernet,
        Self::Vlan,
        Self::Llc,
        Self::Cooked,
        Self::Null,
        Self::Arp,
        Self::Ipv4,
        Self::Ipv6,
        Self::Ipv6Extension,
        Self::Icmp,
        Self::Icmpv6,
        Self::Tcp,
        Self::Udp,
        Self::Dns,
        Self::Dhcp,
        Self::Http,
        Self::Tls,
        Self::Data,
    ];

    /// Its word, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Vlan => "vlan",
            Self::Llc => "llc",
            Self::Cooked => "cooked",
            Self::Null => "null",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Extension => "ipv6-extension",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Dns => "dns",
            Self::Dhcp => "dhcp",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Data => "data",
        }
    }

    /// Its place among the five layers.
    pub const fn five(self) -> Five {
        match self {
            Self::Ethernet | Self::Vlan | Self::Llc | Self::Cooked | Self::Null | Self::Arp => Five::Link,
            Self::Ipv4 | Self::Ipv6 | Self::Ipv6Extension | Self::Icmp | Self::Icmpv6 => Five::Network,
            Self::Tcp | Self::Udp => Five::Transport,
            Self::Dns | Self::Dhcp | Self::Http | Self::Tls | Self::Data => Five::Application,
        }
    }

    /// Its place among the seven layers of OSI (ISO/IEC 7498-1), as it is commonly put: the protocols of the Internet
    /// were not made for that model. TLS does what layers 5 and 6 are for.
    pub const fn seven(self) -> &'static [u8] {
        match self {
            Self::Tls => &[5, 6],
            protocol => match protocol.five() {
                Five::Physical => &[1],
                Five::Link => &[2],
                Five::Network => &[3],
                Five::Transport => &[4],
                Five::Application => &[7],
            },
        }
    }
}

/// Where bits are, counted from the first of the input; the first bit of a byte is its highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// The first.
    pub start: usize,
    /// How many.
    pub count: usize,
}

impl Bits {
    /// The bits of these bytes.
    pub const fn of(bytes: &Range<usize>) -> Self {
        Self {
            start: bytes.start.saturating_mul(8),
            count: bytes.end.saturating_sub(bytes.start).saturating_mul(8),
        }
    }

    /// The bytes they are in.
    pub const fn bytes(self) -> Range<usize> {
        self.start / 8..self.start.saturating_add(self.count).div_ceil(8)
    }

    /// Whether they are whole bytes.
    pub const fn is_whole(self) -> bool {
        self.start.is_multiple_of(8) && self.count.is_multiple_of(8)
    }
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A number that is better read in hexadecimal, of so many digits.
    Hex(u64, usize),
    /// One bit.
    Flag(bool),
    /// A hardware address.
    Mac([u8; 6]),
    /// An address.
    Ip(IpAddr),
    /// Text as it came; whoever shows it escapes it.
    Text(Vec<u8>),
    /// A domain name as DNS writes it, without its final dot; the root is `<Root>`. Already in ASCII: bytes beyond are
    /// `\DDD` (RFC 1035, section 5.1).
    Domain(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing of its own: what it is made of are the fields in it.
    Group,
}

impl fmt::Display for Value {
    /// Plainly: decimal, dotted or colon notation, hex of bytes. Text is as it came, with what is no UTF-8 replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Hex(number, digits) => write!(f, "0x{number:0digits$x}"),
            Self::Flag(set) => f.write_str(if *set { "1" } else { "0" }),
            Self::Mac(mac) => {
                for (at, byte) in mac.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
                }
                Ok(())
            }
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Text(text) => f.write_str(&String::from_utf8_lossy(text)),
            Self::Domain(name) => f.write_str(name),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Group => Ok(()),
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Eight bytes each.
    EightBytes,
}

impl Unit {
    /// Its word, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::EightBytes => "eight-bytes",
        }
    }
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is, one of [`KEYS`](super::KEYS).
    pub key: &'static str,
    /// What it holds.
    pub value: Value,
    /// Where it is.
    pub at: Bits,
    /// What its value is called: the name of a register, or words joined by hyphens. Never translated.
    pub name: Option<String>,
    /// What it counts.
    pub unit: Option<Unit>,
    /// What it is made of.
    pub fields: Vec<Self>,
}

/// What is wrong, or odd, with a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The input ends before the layer does: at least so many bytes more are needed.
    Truncated {
        /// How many, at least.
        missing: usize,
    },
    /// The rest of it is in other fragments.
    Fragment,
    /// The message that quotes it stops here.
    Quote,
    /// It goes on in a later segment of the stream.
    Continues {
        /// How many bytes more, at least.
        missing: usize,
    },
    /// A checksum that is not what the bytes come to.
    Checksum {
        /// What it says.
        found: u16,
        /// What it should say.
        right: u16,
    },
    /// A checksum that cannot be checked, because not all that it covers is there.
    Unverified,
    /// A length that cannot be: less than its own header, or more than what carries it has.
    Length {
        /// What it says.
        says: u64,
        /// What it should be at least (where it says less) or at the most.
        bound: u64,
    },
    /// Bits that must be zero and are not.
    Reserved,
    /// A version number that is another protocol's.
    Version(u64),
    /// A value that the field must not have.
    Value(u64),
    /// A compressed name that does not end, or points where no name is (RFC 1035, section 4.1.4).
    Name,
    /// Bytes that are not what the protocol's grammar says.
    Malformed,
    /// More of them than are shown.
    Many {
        /// How many are shown.
        shown: usize,
    },
    /// Layers within layers, deeper than is shown.
    Deep,
}

impl Wrong {
    /// Its word, never translated.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Fragment => "fragment",
            Self::Quote => "quote",
            Self::Continues { .. } => "continues",
            Self::Checksum { .. } => "checksum",
            Self::Unverified => "unverified",
            Self::Length { .. } => "length",
            Self::Reserved => "reserved",
            Self::Version(_) => "version",
            Self::Value(_) => "value",
            Self::Name => "name",
            Self::Malformed => "malformed",
            Self::Many { .. } => "many",
            Self::Deep => "deep",
        }
    }

    /// Whether it is a mistake of the packet, rather than something that cannot be seen.
    pub const fn is_mistake(&self) -> bool {
        !matches!(
            self,
            Self::Unverified
                | Self::Fragment
                | Self::Quote
                | Self::Continues { .. }
                | Self::Many { .. }
                | Self::Deep
        )
    }
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What.
    pub wrong: Wrong,
    /// The key of the field it is about; empty where it is about the layer.
    pub key: &'static str,
    /// The bytes it is about.
    pub at: Range<usize>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its protocol.
    pub protocol: Protocol,
    /// Which of its kinds, where it has several: `hop-by-hop`, `handshake`. Never translated.
    pub kind: Option<&'static str>,
    /// The bytes it covers, with what it carries.
    pub range: Range<usize>,
    /// Its own bytes before what it carries.
    pub head: usize,
    /// Its own bytes after what it carries.
    pub tail: usize,
    /// Its fields.
    pub fields: Vec<Field>,
    /// What is wrong with it.
    pub flaws: Vec<Flaw>,
    /// What it carries.
    pub layers: Vec<Self>,
}

impl Layer {
    /// How many bytes it added to what it carries.
    pub const fn added(&self) -> usize {
        self.head.saturating_add(self.tail)
    }

    /// It and all within it, from the outside.
    pub fn walk(&self) -> Vec<&Self> {
        let mut all = Vec::new();
        let mut open = vec![self];
        while let Some(layer) = open.pop() {
            all.push(layer);
            open.extend(layer.layers.iter().rev());
        }
        all
    }

    /// Its first field of this key, within others too.
    pub fn field(&self, key: &str) -> Option<&Field> {
        fn find<'a>(fields: &'a [Field], key: &str) -> Option<&'a Field> {
            fields.iter().find_map(
                |field| {
                    if field.key == key { Some(field) } else { find(&field.fields, key) }
                },
            )
        }
        find(&self.fields, key)
    }
}
