//! Conversations that are nothing but their legs: connected, listened for, hung up, cut, secured and opened again.

#![expect(clippy::unwrap_used, reason = "a test's own sockets and threads")]

mod legs;
mod secure;
mod stage;
mod wire;
