//! The conversation core: everything on a connection that can be a function of bytes and time.
//!
//! Nothing here owns a socket, reads a clock or draws a random number. A driver (tokio on real sockets, memory in
//! tests, a simulated stack in the lab) feeds a [`Machine`] and carries out what its [`Outbox`] asks for. Read
//! [`conversation`] first, then [`outbox`], [`framing`] and [`machine`].

pub mod conversation;
pub mod endpoint;
pub mod event;
pub mod fault;
pub mod framing;
pub mod leg;
pub mod limits;
pub mod machine;
pub mod network;
pub mod note;
pub mod outbox;
pub mod peer;
pub mod quantity;
pub mod service;
pub mod tick;
pub mod tls;

pub use conversation::{Conversation, Input, Reflex};
pub use endpoint::{Endpoint, Host, Params, Place};
pub use event::{Direction, Event, How, Kind, Observer};
pub use fault::{Code, Fault, Layer, Side};
pub use framing::Framing;
pub use leg::{Lane, Leg, Medium, OPERATOR, PEER};
pub use limits::Limits;
pub use machine::Machine;
pub use network::Network;
pub use note::Note;
pub use outbox::{Basin, Effect, Op, Outbox, Unfinished};
pub use peer::{Address, Peer, SessionId};
pub use service::{Order, Said, Service};
pub use tick::Tick;
pub use tls::Tls;
