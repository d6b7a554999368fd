//! The handshakes from outside: vectors of their RFCs, both sides against each other, hostile peers, and for each machine
//! that no way to cut the bytes changes what comes of them and that nothing makes it keep more than its bound.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod chunks;
mod page;
mod proxy;
mod scram;
mod users;
mod via;
