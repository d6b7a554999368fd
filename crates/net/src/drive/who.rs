//! Who a session is with: what faults, processes and the connections it opens are told.

use sockeye_core::Address;

/// What layers have told of a session.
pub(crate) struct Told {
    /// Our end, as the peer knows it.
    pub(crate) local: Address,
    /// Who the peer has proved to be.
    pub(crate) user: Option<Box<str>>,
}

/// Who the peer is.
pub(super) struct Who {
    pub(super) remote: Address,
    pub(super) told: Option<Box<Told>>,
    /// What faults are about, if not the session's number.
    pub(super) subject: Option<String>,
}
