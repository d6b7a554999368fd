//! The states of a TCP connection by the names of RFC 9293, section 3.3.2, and sets of them.

/// A state. Of UDP, Linux says ESTABLISHED of a socket that is connected and CLOSED of every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Both ways open.
    Established,
    /// A SYN is sent.
    SynSent,
    /// A SYN has come and is answered.
    SynReceived,
    /// Closed here; the FIN is not acknowledged yet.
    FinWait1,
    /// Closed here and acknowledged; the peer's FIN is awaited.
    FinWait2,
    /// Both closed, this end first: it waits until no old segment can be under way.
    TimeWait,
    /// No connection.
    Closed,
    /// The peer's FIN has come; this end has not closed yet.
    CloseWait,
    /// Closed here after the peer; the last acknowledgement is awaited.
    LastAck,
    /// Waits for connections.
    Listen,
    /// Both closed at once; the acknowledgement of the FIN is awaited.
    Closing,
}

impl State {
    /// Every state, in the order of a connection's life.
    pub const ALL: &[Self] = &[
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
        Self::Closed,
    ];

    /// The name in RFC 9293, as `SYN-SENT`. Never translated.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
            Self::CloseWait => "CLOSE-WAIT",
            Self::LastAck => "LAST-ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
        }
    }

    /// The state a person names: upper or lower case, with hyphens, underscores or neither (`time-wait`, `FIN_WAIT1`).
    pub fn named(name: &str) -> Option<Self> {
        let plain = |name: &str| -> String {
            name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_uppercase()).collect()
        };
        let wanted = plain(name);
        let wanted = match wanted.as_str() {
            "SYNRECV" => "SYNRECEIVED",
            "ESTAB" => "ESTABLISHED",
            "CLOSE" => "CLOSED",
            other => other,
        };
        Self::ALL.iter().copied().find(|state| plain(state.name()) == wanted)
    }

    /// The state of Linux's number (`TCP_ESTABLISHED` is 1); none where it is not one.
    pub const fn of_linux(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12: a request that no socket stands for yet.
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }

    /// The bits of Linux's numbers that mean this state.
    const fn bits(self) -> u32 {
        match self {
            Self::Established => 1 << 1,
            Self::SynSent => 1 << 2,
            Self::SynReceived => 1 << 3 | 1 << 12,
            Self::FinWait1 => 1 << 4,
            Self::FinWait2 => 1 << 5,
            Self::TimeWait => 1 << 6,
            Self::Closed => 1 << 7,
            Self::CloseWait => 1 << 8,
            Self::LastAck => 1 << 9,
            Self::Listen => 1 << 10,
            Self::Closing => 1 << 11,
        }
    }
}

/// A set of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States(u32);

impl States {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every state.
    pub const ALL: Self = Self(0x1ffe);

    /// The set with one more.
    #[must_use]
    pub const fn with(self, state: State) -> Self {
        Self(self.0 | state.bits())
    }

    /// The set without one.
    #[must_use]
    pub const fn without(self, state: State) -> Self {
        Self(self.0 & !state.bits())
    }

    /// Whether a state is in it.
    pub const fn has(self, state: State) -> bool {
        self.0 & state.bits() != 0
    }

    /// The set as Linux wants it.
    #[cfg(target_os = "linux")]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

impl FromIterator<State> for States {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> Self {
        states.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_found_by_its_name_and_by_what_other_programs_call_it() {
        for state in State::ALL {
            assert_eq!(State::named(state.name()), Some(*state));
            assert_eq!(State::named(&state.name().to_lowercase().replace('-', "")), Some(*state));
        }
        assert_eq!(State::named("SYN_RECV"), Some(State::SynReceived));
        assert_eq!(State::named("estab"), Some(State::Established));
        assert_eq!(State::named("FIN-WAIT"), None);
        assert_eq!(State::named(""), None);
    }

    #[test]
    fn linux_numbers_are_the_bits_of_the_sets() {
        for number in 0..=u8::MAX {
            let Some(state) = State::of_linux(number) else { continue };
            let one = States::NONE.with(state);
            assert!(one.0 & (1 << number) != 0, "{number}");
            assert!(States::ALL.has(state) && !States::ALL.without(state).has(state));
        }
        assert_eq!(State::ALL.iter().copied().collect::<States>(), States::ALL);
    }
}
