//! The `sockeye` command: it translates flags to requests and outcomes to words, and decides nothing.
//!
//! Read `run.rs` for the way from one to the other, `grammar/` for what may be typed, `ui/` for what is shown, and
//! `locales/` for every sentence.

mod addr;
mod bench;
#[cfg(test)]
mod catalogue;
mod cert;
mod check;
mod exit;
mod explain;
mod fault;
mod generate;
mod grammar;
mod lists;
mod mistakes;
mod ping;
mod port;
mod progress;
mod recording;
mod replay;
mod report;
mod run;
mod sessions;
mod sockets;
mod test;
mod trace;
mod ui;
mod user;
mod watch;
mod words;

fn main() -> std::process::ExitCode {
    run::main()
}
