//! Where a name's addresses come from: the hosts file, the servers of the DNS, each asked by itself, and what the system's
//! own resolver says to the same question. Read [`Names`] first.

pub mod ask;
pub mod dns;
pub mod files;

use std::net::IpAddr;
use std::time::Duration;

pub use files::HostsLine;

/// Everything that was found about a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The name.
    pub name: String,
    /// The sources that the system looks at, in its order (nsswitch.conf).
    pub sources: Vec<String>,
    /// Lines of the hosts file that name it.
    pub hosts: Vec<HostsLine>,
    /// What each server of the DNS says.
    pub servers: Vec<Served>,
    /// What the system's resolver says, which is what programs go by.
    pub system: System,
    /// Who on this machine may answer from memory.
    pub cache: Cache,
}

/// Who on this machine may answer from memory, so that an answer is as old as its time to live allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// Nobody that is known of: every program asks anew.
    #[default]
    None,
    /// nscd(8), whose socket is there.
    Nscd,
    /// The server of the DNS that is asked, which is on this machine, as systemd-resolved is.
    Server(IpAddr),
}

/// What one server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Whom was asked.
    pub server: IpAddr,
    /// What it said.
    pub answer: Answer,
    /// How long that took.
    pub took: Duration,
}

/// What a server says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Addresses, IPv4 first; none where the name is there and has none.
    Addresses {
        /// These.
        addresses: Vec<IpAddr>,
        /// The smallest time to live, in seconds.
        ttl: Option<u32>,
        /// The name that an alias leads to.
        alias: Option<String>,
    },
    /// There is no such name (NXDOMAIN).
    NoName,
    /// Another response code: 2 server failure, 5 refused.
    Failed(u8),
    /// Nothing, until time ran out.
    Silent,
    /// Nobody listens there: ICMP port unreachable.
    NobodyThere,
    /// It cannot be asked: there is no way to it.
    Unreachable,
    /// What came cannot be read.
    Unreadable,
}

impl Answer {
    /// The addresses it gives.
    pub fn addresses(&self) -> &[IpAddr] {
        if let Self::Addresses { addresses, .. } = self { addresses } else { &[] }
    }
}

/// What the system's resolver says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum System {
    /// It was not asked.
    #[default]
    Unasked,
    /// These addresses, in its order (RFC 6724).
    Addresses(Vec<IpAddr>),
    /// An error, in its own words.
    Failed(String),
    /// It had not answered when time ran out.
    Late,
}

impl Names {
    /// Whether the hosts file is looked at before the DNS, and names it.
    pub fn is_of_hosts(&self) -> bool {
        let at = |source: &str| self.sources.iter().position(|known| known == source);
        let files = at("files");
        !self.hosts.is_empty() && files.is_some() && (at("dns").is_none() || files < at("dns"))
    }

    /// The addresses that programs would use. Where the system's resolver is late, those it is going to find.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut found = match &self.system {
            System::Addresses(addresses) => addresses.clone(),
            System::Failed(_) => Vec::new(),
            System::Unasked | System::Late if self.is_of_hosts() => {
                self.hosts.iter().map(|line| line.address).collect()
            }
            // It goes on to the next server where one is silent.
            System::Unasked | System::Late => {
                let first = self.servers.iter().find(|served| !matches!(served.answer, Answer::Silent));
                first.map(|served| served.answer.addresses().to_vec()).unwrap_or_default()
            }
        };
        let mut seen = Vec::new();
        found.retain(|address| {
            let is_new = !seen.contains(address);
            seen.push(*address);
            is_new
        });
        found
    }

    /// Addresses that another source gives and programs do not use.
    pub fn alternates(&self) -> Vec<IpAddr> {
        let used = self.addresses();
        let mut others: Vec<IpAddr> = Vec::new();
        for address in self.servers.iter().flat_map(|served| served.answer.addresses()) {
            if !used.contains(address) && !others.contains(address) {
                others.push(*address);
            }
        }
        others
    }

    /// Whether no server of the DNS answered at all, and nothing else knows an address: then it is the way to them that is
    /// to be looked at.
    pub fn is_unanswered(&self) -> bool {
        let silent = |served: &Served| matches!(served.answer, Answer::Silent | Answer::Unreachable);
        self.addresses().is_empty() && !self.servers.is_empty() && self.servers.iter().all(silent)
    }

    /// The first server that gives this address.
    pub fn server_of(&self, address: IpAddr) -> Option<IpAddr> {
        let given = self.servers.iter().find(|served| served.answer.addresses().contains(&address));
        given.map(|served| served.server)
    }
}
