//! What Linux is asked: its sockets' options, and netlink.

pub(crate) mod capture;
pub(crate) mod connect;
pub(crate) mod datagram;
pub(crate) mod deaths;
pub(crate) mod diag;
pub(crate) mod netlink;
pub(crate) mod obituaries;
pub(crate) mod ping;
pub(crate) mod route;
pub(crate) mod sys;
pub(crate) mod timestamps;
