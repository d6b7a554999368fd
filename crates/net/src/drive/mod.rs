//! The drivers: what runs a conversation on real sockets.
//!
//! [`session`] is one hand-written future for a session on a stream (and for any session with more than one leg);
//! [`demux`] runs all peers of a datagram socket. Both write what is owed before they read again: that is the whole
//! back-pressure rule.

mod apply;
mod bounds;
pub(crate) mod bulk;
pub(crate) mod caller;
mod closing;
pub(crate) mod demux;
pub(crate) mod impaired;
mod legs;
mod measure;
pub(crate) mod outlet;
mod parting;
mod peers;
pub(crate) mod port;
pub(crate) mod pour;
pub(crate) mod queue;
mod relay;
pub(crate) mod session;
pub(crate) mod side;
pub(crate) mod strict;
mod websocket;
pub(crate) mod who;
