//! The layers `auth`, `proxy1`, `proxy2` and the way `via=` on real loopback sockets: who gets in and as whom, every
//! refusal on both sides, and peers that speak something else, nothing at all, or hang up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod login;
mod proxy;
mod stage;
mod via;
