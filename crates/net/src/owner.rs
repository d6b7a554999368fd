//! Who has a port or a socket file: the process's name and id, where the system shows them.
//!
//! On Linux the kernel's socket tables give an inode, and the open files of the processes give who holds it. Without
//! privilege only one's own processes are visible. Elsewhere nothing is shown. This runs once, for an error message,
//! and reads a bounded amount.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Table lines read at the most.
const LINES: usize = 200_000;

/// Open files looked at in all processes at the most.
const DESCRIPTORS: usize = 500_000;

/// Which of the kernel's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// TCP listeners.
    Tcp,
    /// UDP sockets.
    Udp,
}

/// The owner of an Internet address as `name (pid N)`; empty where it is not visible. An owner of the wildcard
/// address counts too: it is what stands in the way.
pub fn of_address(table: Table, address: SocketAddr) -> String {
    let names = match table {
        Table::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
        Table::Udp => ["/proc/net/udp", "/proc/net/udp6"],
    };
    let mut inodes = Vec::new();
    for name in names {
        lines(name, |line| inodes.extend(match_address(line, table, address)));
    }
    holder(&inodes)
}

/// The owner of a Unix socket's file as `name (pid N)`; empty where it is not visible.
pub fn of_path(path: &Path) -> String {
    let mut inodes = Vec::new();
    lines("/proc/net/unix", |line| inodes.extend(match_path(line, path)));
    holder(&inodes)
}

fn lines(name: &str, mut take: impl FnMut(&str)) {
    let Ok(file) = File::open(name) else { return };
    for line in BufReader::new(file).lines().skip(1).take(LINES).map_while(Result::ok) {
        take(&line);
    }
}

/// The inode in a line of `/proc/net/{tcp,udp}`: `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`.
fn match_address(line: &str, table: Table, wanted: SocketAddr) -> Option<u64> {
    const LISTEN: &str = "0A";
    let mut columns = line.split_ascii_whitespace();
    let (address, port) = columns.nth(1)?.split_once(':')?;
    if u16::from_str_radix(port, 16).ok()? != wanted.port() {
        return None;
    }
    if table == Table::Tcp && columns.nth(1)? != LISTEN {
        return None;
    } else if table == Table::Udp {
        columns.nth(1)?;
    }
    let address = parse_address(address)?;
    let collides = address.is_unspecified() || wanted.ip().is_unspecified() || address == wanted.ip();
    if collides { columns.nth(5)?.parse().ok() } else { None }
}

/// The kernel prints addresses as 32-bit words of the machine's byte order.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let mut bytes = [0; 16];
    let mut length = 0;
    for (word, place) in hex.as_bytes().chunks(8).zip(bytes.chunks_mut(4)) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        place.copy_from_slice(&word.to_ne_bytes());
        length += 4;
    }
    match length {
        4 => Some(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()),
        16 => Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()),
        _ => None,
    }
}

/// The inode in a line of `/proc/net/unix`: `Num RefCount Protocol Flags Type St Inode Path`. The path may have spaces.
fn match_path(line: &str, wanted: &Path) -> Option<u64> {
    let (mut inode, mut rest) = ("", line);
    for _ in 0..7 {
        (inode, rest) = rest.trim_start().split_once(' ')?;
    }
    if Path::new(rest) == wanted { inode.parse().ok() } else { None }
}

/// The first process that holds one of the sockets.
fn holder(inodes: &[u64]) -> String {
    let inodes: Vec<String> =
        inodes.iter().filter(|inode| **inode != 0).map(|inode| format!("socket:[{inode}]")).collect();
    let Ok(processes) = fs::read_dir("/proc") else { return String::new() };
    if inodes.is_empty() {
        return String::new();
    }
    let mut left = DESCRIPTORS;
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            left = left.saturating_sub(1);
            let target = fs::read_link(file.path()).unwrap_or_default();
            if inodes.iter().any(|inode| Path::new(inode) == target) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                // A process chooses its name, so it may hold anything.
                let name: String = name.chars().filter(|c| !c.is_control()).collect();
                return format!("{name} (pid {pid})");
            }
        }
        if left == 0 {
            break;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str =
        "   0: 0100007F:1E6C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1";
    const TCP6: &str = "   0: 00000000000000000000000000000000:1E6C 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4712 1";
    const UNIX: &str = "0000000000000000: 00000002 00000000 00010000 0001 01    42 /run/with space.sock";

    #[test]
    #[cfg(target_endian = "little")]
    fn a_listener_is_found_by_address_and_by_wildcard() {
        let wanted = "127.0.0.1:7788".parse().unwrap();
        assert_eq!(match_address(TCP, Table::Tcp, wanted), Some(4711));
        assert_eq!(match_address(TCP6, Table::Tcp, wanted), Some(4712));
        assert_eq!(match_address(TCP, Table::Tcp, "127.0.0.1:7789".parse().unwrap()), None);
        assert_eq!(match_address(TCP, Table::Tcp, "127.0.0.2:7788".parse().unwrap()), None);
    }

    #[test]
    fn a_connection_is_no_listener() {
        let wanted = "127.0.0.1:7788".parse().unwrap();
        assert_eq!(match_address(&TCP.replace(" 0A ", " 01 "), Table::Tcp, wanted), None);
    }

    #[test]
    fn a_path_may_have_spaces() {
        assert_eq!(match_path(UNIX, Path::new("/run/with space.sock")), Some(42));
        assert_eq!(match_path(UNIX, Path::new("/run/with")), None);
    }

    #[test]
    fn lines_of_another_shape_are_passed_over() {
        for line in
            ["", "0:", "a b c d e f g h i j", "0: zz:zz 0 0A 0 0 0 0 0 1", "0: 01:1E6C 0 0A 0 0 0 0 0 1"]
        {
            assert_eq!(match_address(line, Table::Tcp, "127.0.0.1:7788".parse().unwrap()), None);
            assert_eq!(match_path(line, Path::new("/x")), None);
        }
    }
}
