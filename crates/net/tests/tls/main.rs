//! TLS on real loopback sockets, with certificates made for each test: what is agreed on, how sessions end, every
//! refusal on both sides, and peers that speak something else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod peers;
mod refusals;
mod sessions;
mod stage;
