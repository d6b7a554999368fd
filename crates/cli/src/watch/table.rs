//! The table of sockets: columns as wide as they need be, and the less important left out where a screen is narrow.

use std::cmp::Reverse;

use sockeye::probe::watch::Row;

use crate::sockets::{address, brief, holder, short};
use crate::ui::columns::{columns, padded};
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Bytes a second, the most first.
    Rate,
    /// The state, in the order of a connection's life.
    State,
    /// The own port.
    Port,
    /// The peer.
    Peer,
    /// The process.
    Process,
    /// The round-trip time, the longest first.
    Rtt,
    /// Retransmissions, the most first.
    Retransmits,
}

impl Sort {
    /// The next one.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Rate => Self::State,
            Self::State => Self::Port,
            Self::Port => Self::Peer,
            Self::Peer => Self::Process,
            Self::Process => Self::Rtt,
            Self::Rtt => Self::Retransmits,
            Self::Retransmits => Self::Rate,
        }
    }

    /// Its name in the catalogue.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Rate => "watch-sort-rate",
            Self::State => "watch-state",
            Self::Port => "watch-sort-port",
            Self::Peer => "watch-peer",
            Self::Process => "watch-process",
            Self::Rtt => "watch-rtt",
            Self::Retransmits => "watch-retransmits",
        }
    }

    /// Sorts; equals stand by state and address, so that the table stays where it is.
    pub(super) fn sort(self, rows: &mut [&Row]) {
        let order = |row: &Row| {
            let socket = &row.socket;
            (
                socket.state as u8,
                socket.protocol,
                socket.local.port(),
                socket.local,
                socket.peer,
                socket.cookie,
            )
        };
        rows.sort_by_cached_key(|row| {
            let info = row.socket.tcp.as_ref();
            let first = match self {
                Self::Rate => {
                    let rate = row.rates.map_or(0, |rates| rates.received.saturating_add(rates.sent));
                    (Reverse(rate), 0, String::new())
                }
                Self::State => {
                    let rank =
                        sockeye::probe::sockets::State::ALL.iter().position(|s| *s == row.socket.state);
                    (Reverse(0), rank.unwrap_or(0), String::new())
                }
                Self::Port => (Reverse(0), usize::from(row.socket.local.port()), String::new()),
                Self::Peer => (Reverse(0), 0, row.socket.peer.to_string()),
                // Those without a process last.
                Self::Process => {
                    let name = row.holder.process().map(|process| process.name.clone());
                    (Reverse(0), usize::from(name.is_none()), name.unwrap_or_default())
                }
                Self::Rtt => {
                    let rtt = info.map_or(0, |info| info.rtt.as_micros());
                    (Reverse(u64::try_from(rtt).unwrap_or(u64::MAX)), 0, String::new())
                }
                Self::Retransmits => {
                    (Reverse(info.map_or(0, |info| info.total_retransmits.into())), 0, String::new())
                }
            };
            (first, order(row))
        });
    }
}

/// A column: its head in the catalogue, whether numbers stand in it, and when it goes where there is no room: the
/// highest first, 0 never.
struct Column {
    key: &'static str,
    right: bool,
    goes: u8,
}

const fn column(key: &'static str, right: bool, goes: u8) -> Column {
    Column { key, right, goes }
}

const COLUMNS: [Column; 12] = [
    column("watch-protocol", false, 1),
    column("watch-state", false, 0),
    column("watch-local", false, 0),
    column("watch-peer", false, 0),
    column("watch-process", false, 2),
    column("watch-rtt", true, 4),
    column("watch-cwnd", true, 7),
    column("watch-retransmits", true, 5),
    column("watch-receive-queue", true, 6),
    column("watch-send-queue", true, 6),
    column("watch-in", true, 3),
    column("watch-out", true, 3),
];

/// Those that are shortened, and to how many columns before others go: the process and the addresses.
const SHORTENED: [(usize, usize); 3] = [(4, 14), (3, 18), (2, 18)];

/// No shortened column is narrower.
const NARROWEST: usize = 9;

/// The lines of the table, its head first, none wider than `width`.
pub(super) fn text(words: &Words, rows: &[&Row], width: Option<usize>, paint: Paint) -> Vec<String> {
    let head = COLUMNS.each_ref().map(|column| words.plain(column.key));
    let cells: Vec<[String; COLUMNS.len()]> = rows.iter().map(|row| cells(words, row)).collect();
    let mut widths: Vec<Option<usize>> = (0..COLUMNS.len())
        .map(|at| {
            let all = cells.iter().map(|cells| &cells[at]).chain([&head[at]]);
            Some(all.map(|cell| columns(cell)).max().unwrap_or(0))
        })
        .collect();
    if let Some(width) = width {
        fit(&mut widths, width);
    }
    let line = |cells: &[String; COLUMNS.len()]| {
        let parts: Vec<String> = cells
            .iter()
            .zip(&COLUMNS)
            .zip(&widths)
            .filter_map(|((cell, column), width)| Some((cell, column, (*width)?)))
            .map(|(cell, column, width)| {
                let cell = clipped(cell, width);
                if column.right {
                    " ".repeat(width.saturating_sub(columns(&cell))) + &cell
                } else {
                    padded(&cell, width)
                }
            })
            .collect();
        let line = parts.join(" ");
        clipped(line.trim_end(), width.unwrap_or(usize::MAX))
    };
    let mut lines = vec![paint.on(Colour::Dim, &line(&head))];
    lines.extend(cells.iter().map(line));
    lines
}

/// Leaves out columns, then shortens some, until all have room.
fn fit(widths: &mut [Option<usize>], width: usize) {
    let total = |widths: &[Option<usize>]| -> usize { widths.iter().flatten().map(|width| width + 1).sum() };
    // The first to go are numbers; addresses are rather shortened a little than that the process or a rate goes.
    let slack = |widths: &[Option<usize>]| -> usize {
        let over = |(at, least): &(usize, usize)| widths[*at].map(|width| width.saturating_sub(*least));
        SHORTENED.iter().filter_map(over).sum()
    };
    for goes in (1..=7).rev() {
        if total(widths) <= width + slack(widths) + 1 {
            break;
        }
        for (width, column) in widths.iter_mut().zip(&COLUMNS) {
            if column.goes == goes {
                *width = None;
            }
        }
    }
    while total(widths) > width + 1 {
        let widest = SHORTENED.iter().map(|(at, _)| *at).max_by_key(|at| widths[*at].unwrap_or(0));
        match widest.and_then(|at| widths[at].as_mut()).filter(|width| **width > NARROWEST) {
            Some(width) => *width -= 1,
            None => break,
        }
    }
}

fn cells(words: &Words, row: &Row) -> [String; COLUMNS.len()] {
    let (socket, info) = (&row.socket, row.socket.tcp.as_ref());
    let listens = socket.waits();
    let dash = || "-".to_owned();
    let known = info.filter(|_| !listens);
    let queue = |bytes: u32| if bytes == 0 { dash() } else { short(bytes.into()) };
    let rate = |rate: Option<u64>| match rate {
        Some(0) | None => dash(),
        Some(rate) => short(rate),
    };
    [
        socket.protocol.name().to_owned(),
        if socket.protocol == sockeye::probe::sockets::Protocol::Udp {
            dash()
        } else {
            socket.state.name().to_owned()
        },
        address(socket.local),
        address(socket.peer),
        holder(words, socket, &row.holder),
        known.filter(|info| !info.rtt.is_zero()).map_or_else(dash, |info| brief(info.rtt)),
        known.map_or_else(dash, |info| info.cwnd.to_string()),
        known
            .filter(|info| info.total_retransmits > 0)
            .map_or_else(dash, |info| info.total_retransmits.to_string()),
        queue(socket.receive_queue),
        if listens { dash() } else { queue(socket.send_queue) },
        rate(row.rates.map(|rates| rates.received)),
        rate(row.rates.map(|rates| rates.sent)),
    ]
}

/// Text that takes no more columns than this; what is cut off is shown by an ellipsis.
pub(super) fn clipped(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for character in text.chars() {
        let mut longer = out.clone();
        longer.push(character);
        if columns(&longer) + 1 > width {
            break;
        }
        out = longer;
    }
    if width > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::words::Language;
    use sockeye::probe::owners::Process;
    use sockeye::probe::sockets::{Family, Protocol, Socket, State, TcpInfo};
    use sockeye::probe::watch::{Holder, Rates};

    pub(crate) fn row(local: &str, state: State) -> Row {
        let mut info = TcpInfo::parse(&[0; 256]).unwrap();
        info.rtt = std::time::Duration::from_micros(1500);
        info.cwnd = 10;
        info.total_retransmits = 3;
        let socket = Socket {
            protocol: Protocol::Tcp,
            family: Family::V6,
            state,
            local: local.parse().unwrap(),
            peer: "[2001:db8::1234:5678:9abc]:443".parse().unwrap(),
            interface: 0,
            cookie: 9,
            uid: Some(7),
            inode: Some(5),
            receive_queue: 12,
            send_queue: 0,
            timer: None,
            only_v6: None,
            congestion: None,
            tcp: Some(info),
        };
        let process = Process { pid: 4242, name: "evil\x1b[31m名".to_owned() };
        let rates = Some(Rates { received: 1_234_567, sent: 0 });
        Row { socket, holder: Holder::Process { process, others: 2 }, seen: None, rates }
    }

    #[test]
    fn the_table_fits_any_width_and_shows_no_control() {
        let words = Words::new(Language::En);
        let all = [row("[2001:db8::1]:50000", State::Established), row("127.0.0.1:80", State::FinWait1)];
        let rows: Vec<&Row> = all.iter().collect();
        for width in 1..250 {
            let lines = text(&words, &rows, Some(width), Paint(false));
            assert_eq!(lines.len(), 3);
            for line in &lines {
                assert!(columns(line) <= width, "{width}: {line}");
                assert!(!line.contains('\x1b'));
            }
        }
        let wide = text(&words, &rows, None, Paint(false)).join("\n");
        for part in ["ESTABLISHED", "[2001:db8::1]:50000", "1.50ms", "1.2M", "evil", "名", "(pid 4242"] {
            assert!(wide.contains(part), "{part}: {wide}");
        }
        let narrow = text(&words, &rows, Some(80), Paint(false)).join("\n");
        assert!(narrow.contains("ESTABLISHED") && narrow.contains("evil"), "{narrow}");
    }

    #[test]
    fn rows_are_sorted_as_asked() {
        let (mut slow, fast) = (row("1.1.1.1:9", State::Established), row("2.2.2.2:8", State::Listen));
        slow.rates = None;
        slow.socket.tcp.as_mut().unwrap().rtt *= 2;
        let ports = |sort: Sort| {
            let mut rows = vec![&slow, &fast];
            sort.sort(&mut rows);
            rows.iter().map(|row| row.socket.local.port()).collect::<Vec<_>>()
        };
        assert_eq!((ports(Sort::Rate), ports(Sort::Rtt)), (vec![8, 9], vec![9, 8]));
        assert_eq!((ports(Sort::State), ports(Sort::Port)), (vec![8, 9], vec![8, 9]));
        let mut sort = Sort::Rate;
        let mut seen = 0;
        loop {
            (sort, seen) = (sort.next(), seen + 1);
            if sort == Sort::Rate {
                break;
            }
        }
        assert_eq!(seen, 7);
    }

    #[test]
    fn what_is_cut_off_is_shown_by_an_ellipsis() {
        assert_eq!(
            (clipped("abc", 3), clipped("abcd", 3), clipped("你好吗", 4)),
            ("abc".into(), "ab…".into(), "你…".into())
        );
        assert_eq!((clipped("abc", 1), clipped("abc", 0)), ("…".to_owned(), String::new()));
    }
}
