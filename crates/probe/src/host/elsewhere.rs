//! Systems that are not asked yet: each question is answered with "not on this system".

use std::io;
use std::net::IpAddr;

use super::{Address, Host, Link, Neighbour, Resolvers, Route, Way};

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

fn not_here<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Host for System {
    fn links(&self) -> io::Result<Vec<Link>> {
        not_here()
    }

    fn addresses(&self) -> io::Result<Vec<Address>> {
        not_here()
    }

    fn routes(&self) -> io::Result<Vec<Route>> {
        not_here()
    }

    fn route_to(&self, _to: IpAddr, _from: Option<IpAddr>, _link: Option<u32>) -> io::Result<Way> {
        not_here()
    }

    fn neighbours(&self) -> io::Result<Vec<Neighbour>> {
        not_here()
    }

    fn neighbour(&self, _address: IpAddr, _link: u32) -> io::Result<Option<Neighbour>> {
        not_here()
    }

    fn resolvers(&self) -> io::Result<Resolvers> {
        if cfg!(unix) { Resolvers::read("/etc/resolv.conf") } else { not_here() }
    }
}
