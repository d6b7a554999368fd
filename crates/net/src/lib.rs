//! Sockets: transports, limits and the tokio drivers that run conversations on them.
//!
//! [`server::Server`] answers, [`client::run`] and [`client::pipe`] talk. Both block: the runtime is theirs, and every
//! session stays on the thread that accepted it. Read `drive/session.rs` for how a conversation meets a socket.

mod accept;
mod address;
pub mod bind;
mod chance;
pub mod channel;
pub mod client;
mod clock;
mod complaints;
mod crew;
pub mod datagram;
pub mod descriptors;
pub mod dial;
mod direct;
mod drive;
mod entrant;
pub mod errno;
pub mod eyeballs;
pub mod front;
mod guard;
pub mod impair;
mod inbox;
mod interface;
pub mod layer;
mod leg;
mod memory;
mod metrics;
pub mod operator;
pub mod owner;
pub mod persist;
mod pktinfo;
mod plan;
mod post;
pub mod process;
pub mod random;
mod refusals;
mod resolve;
pub mod server;
mod shared;
pub mod signals;
pub mod socket_file;
mod splice;
pub mod stdio;
pub mod stream;
mod tally;
mod tap;
mod timer;
mod train;
pub mod transport;
mod world;

pub use bind::{Bound, Sockets, bind};
pub use channel::Channel;
pub use datagram::{Datagram, Received, Spans};
pub use dial::{Conn, dial};
pub use front::{Front, Onlooker};
pub use layer::tls;
pub use server::End;
pub use stream::{Listener, Stream};
