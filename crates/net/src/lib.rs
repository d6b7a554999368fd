//! Sockets: transports, limits and the tokio drivers that run conversations on them.

mod address;
pub mod bind;
pub mod datagram;
pub mod dial;
pub mod errno;
pub mod eyeballs;
pub mod front;
mod interface;
pub mod owner;
mod pktinfo;
pub mod process;
mod resolve;
pub mod socket_file;
pub mod stdio;
pub mod stream;
pub mod transport;

pub use bind::{Bound, Sockets, bind};
pub use datagram::{Datagram, Received};
pub use dial::{Conn, dial};
pub use front::Front;
pub use stream::{Listener, Stream};
