//! The library behind the `sockeye` command: one file per use case, plain data in, plain data out.
//!
//! A use case takes a request, faults before anything is opened if the request makes no sense, and otherwise runs until
//! it ends. It prints nothing: what is to be seen goes to a [`Watcher`] and an observer. Read [`ask`] first, the
//! smallest that is whole.

pub mod addr;
pub mod ask;
mod backoff;
pub mod bench;
pub mod bounds;
pub mod cert;
pub mod check;
pub mod config;
pub mod connect;
pub mod explain;
pub mod given;
pub mod list;
pub mod nc;
pub mod ping;
pub mod port;
pub mod proxy;
pub mod recording;
pub mod replay;
pub mod script;
pub mod secrets;
pub mod serve;
pub mod sessions;
mod shown;
mod talk;
pub mod test;
pub mod trace;
mod typing;
pub mod user;
pub mod views;
pub mod watch;

pub use bounds::Bounds;
pub use sockeye_core as core;
pub use sockeye_net::operator::{Source, Typed};
pub use sockeye_net::signals::{exit_on_any as exit_on_any_signal, on_next as on_next_signal};
pub use sockeye_net::tls::log_secrets_to as log_tls_secrets_to;
pub use sockeye_net::{End, Front};
pub use sockeye_probe as probe;
pub use sockeye_record::json;
pub use sockeye_service as service;
pub use sockeye_wire as wire;
pub use talk::Eol;
pub use views::{Views, Watcher};
