//! What sockeye's tests share: programs started and watched ([`process`]).

pub mod process;
