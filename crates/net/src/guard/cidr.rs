//! Who may come in at all, by address.

use std::net::IpAddr;

use sockeye_core::{Limits, Network};

/// Whether the address may come in. A denial wins over any permission, however narrow: who reads the list of the denied
/// knows that none of them comes in. Without permissions everybody else may.
pub(crate) fn admits(limits: &Limits, address: IpAddr) -> bool {
    let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
    !is_in(&limits.deny) && (limits.allow.is_empty() || is_in(&limits.allow))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(allow: &str, deny: &str) -> Limits {
        let list = |text: &str| if text.is_empty() { Vec::new() } else { Network::list(text).unwrap() };
        Limits { allow: list(allow), deny: list(deny), ..Limits::default() }
    }

    #[test]
    fn a_denial_wins_over_any_permission() {
        for (allow, deny, address, admitted) in [
            ("", "", "192.0.2.1", true),
            ("10.0.0.0/8", "", "10.1.1.1", true),
            ("10.0.0.0/8", "", "192.0.2.1", false),
            ("10.0.0.0/8", "", "::1", false),
            ("", "10.0.0.0/8", "10.1.1.1", false),
            ("", "10.0.0.0/8", "192.0.2.1", true),
            ("10.0.0.0/8", "10.1.0.0/16", "10.1.1.1", false),
            ("10.1.1.1", "10.0.0.0/8", "10.1.1.1", false),
            ("10.0.0.0/8,::1", "10.1.0.0/16", "::1", true),
            ("10.0.0.0/8", "", "::ffff:10.1.1.1", true),
            ("", "10.0.0.0/8", "::ffff:10.1.1.1", false),
        ] {
            let got = admits(&limits(allow, deny), address.parse().unwrap());
            assert_eq!(got, admitted, "allow {allow}, deny {deny}: {address}");
        }
    }
}
