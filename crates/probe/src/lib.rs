//! What this machine and its network show: addresses, routes, sockets, paths, and connections seen whole.
//!
//! Rules (arithmetic of addresses, verdicts, dissection) are pure and stand apart from what asks the operating system,
//! which is `linux` on Linux. Nothing here prints, and nothing is shown as more certain than it is.

pub mod addr;
pub mod check;
pub mod dissect;
pub mod host;
#[cfg(target_os = "linux")]
mod linux;
pub mod names;
pub mod owners;
pub mod path;
pub mod ping;
pub mod port;
pub mod services;
pub mod sockets;
pub mod trace;
pub mod watch;
pub mod wrap;
