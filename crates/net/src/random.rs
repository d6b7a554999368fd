//! Randomness that nobody can guess: of the TLS provider, so that the program has one source of it.

use rustls::crypto::aws_lc_rs::default_provider;
use sockeye_core::{Code, Fault};

/// So many random bytes. Fails only where the system has none to give.
pub fn bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    let filled = default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| Fault::new(Code::Internal, "randomness"))?;
    Ok(bytes)
}
