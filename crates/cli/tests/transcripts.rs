//! Every example of every service, on real sockets through the whole program. The same examples and the same runner
//! hold the services in memory (`crates/service/tests`): a driver that behaves otherwise than memory does fails here.

use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use sockeye_service::{ALL, Entry, Example};
use sockeye_testkit::program::{PATIENCE, Program, Running, Scratch, place};
use sockeye_testkit::transcript::{Wire, run};

/// A connection to `sockeye serve`.
enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
    Udp(UdpSocket),
    /// By way of a relay, which lives as long.
    Relayed(TcpStream, #[expect(dead_code, reason = "it ends when it is dropped")] Running),
}

/// A peer of a running server, and the operator's stdin and stdout.
struct Sockets {
    server: Running,
    connection: Connection,
    printed: usize,
}

impl Sockets {
    fn stream(&mut self) -> Result<&mut dyn Stream, String> {
        match &mut self.connection {
            Connection::Tcp(stream) | Connection::Relayed(stream, _) => Ok(stream),
            Connection::Unix(stream) => Ok(stream),
            Connection::Udp(_) => Err("datagrams have no FIN".to_owned()),
        }
    }
}

trait Stream: Read + Write {
    fn fin(&self) -> IoResult<()>;
}

impl Stream for TcpStream {
    fn fin(&self) -> IoResult<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn fin(&self) -> IoResult<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// What went wrong, for a mismatch.
fn told(error: &Error) -> String {
    error.to_string()
}

impl Wire for Sockets {
    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        if let Connection::Udp(socket) = &self.connection {
            return socket.send(bytes).map(|_| ()).map_err(|error| told(&error));
        }
        self.stream()?.write_all(bytes).map_err(|error| told(&error))
    }

    fn receive(&mut self, size: usize) -> Result<Vec<u8>, String> {
        if let Connection::Udp(socket) = &self.connection {
            let mut datagram = vec![0; 65_536];
            let read = socket.recv(&mut datagram).map_err(|error| told(&error))?;
            datagram.truncate(read);
            return Ok(datagram);
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(size).map_err(|error| error.to_string())?;
        match self.stream()?.take(limit).read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(told(&error)),
            _ => Ok(bytes),
        }
    }

    fn fin(&mut self) -> Result<(), String> {
        self.stream()?.fin().map_err(|error| told(&error))
    }

    fn expect_eof(&mut self) -> Result<(), String> {
        let mut more = [0; 256];
        match self.stream()?.read(&mut more).map_err(|error| told(&error))? {
            0 => Ok(()),
            read => Err(format!("wanted the end, came \"{}\"", more[..read].escape_ascii())),
        }
    }

    fn operator(&mut self, line: &str) -> Result<(), String> {
        self.server.types(format!("{line}\n"));
        Ok(())
    }

    fn print(&mut self, size: usize) -> Result<Vec<u8>, String> {
        let end = self.printed + size;
        let shown = self.server.shows_bytes(end);
        let new = shown[self.printed..end].to_vec();
        self.printed = end;
        Ok(new)
    }
}

/// `sockeye serve` for one example.
fn serve(entry: &Entry, example: &Example, endpoint: &str) -> Running {
    let mut program = Program::new(env!("CARGO_BIN_EXE_sockeye")).arg("serve");
    if !example.framing.is_empty() {
        program = program.args(["--frame", example.framing]);
    }
    let given = sockeye_service::Given::read(entry, example.args).expect(entry.name);
    if let (Some(file), Some(loads)) = (entry.file(&given), &entry.loads) {
        std::fs::write(program.home().join(file), loads.example).expect(file);
    }
    let server = program.args([endpoint, entry.name]).args(example.args).start();
    server.ready();
    server
}

/// Runs every example that `wanted` picks; `connect` makes the connection to a server for it.
fn every(wanted: impl Fn(&Example) -> bool, connect: impl Fn(&Entry, &Example) -> (Running, Connection)) {
    let mut failed = Vec::new();
    let mut count = 0;
    for entry in ALL {
        for (number, example) in entry.examples.iter().enumerate().filter(|(_, example)| wanted(example)) {
            let (server, connection) = connect(entry, example);
            let mut wire = Sockets { server, connection, printed: 0 };
            count += 1;
            if let Err(mismatch) = run(example, &mut wire) {
                let said = wire.server.said();
                failed.push(format!("{} example {}: {mismatch}\n{said}", entry.name, number + 1));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} examples:\n{}", failed.len(), failed.join("\n"));
    assert!(count > 0, "no example was run");
}

#[test]
fn every_stream_example_over_tcp() {
    every(
        |example| !example.datagrams,
        |entry, example| {
            let server = serve(entry, example, "tcp://127.0.0.1:0");
            let stream = TcpStream::connect(server.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            (server, Connection::Tcp(stream))
        },
    );
}

#[test]
fn every_stream_example_over_a_unix_socket() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    every(
        |example| !example.datagrams,
        |entry, example| {
            // The server before was killed and left its socket file behind.
            let _ = std::fs::remove_file(&path);
            let server = serve(entry, example, &format!("unix://{}", path.display()));
            let stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            (server, Connection::Unix(stream))
        },
    );
}

#[test]
fn every_stream_example_over_websocket_relayed_from_tcp() {
    every(
        |example| !example.datagrams,
        |entry, example| {
            let server = serve(entry, example, "ws://127.0.0.1:0/path");
            let proxy = Program::new(env!("CARGO_BIN_EXE_sockeye"));
            let proxy = proxy.args(["proxy", "tcp://127.0.0.1:0", &server.ready()]).start();
            let stream = TcpStream::connect(proxy.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            (server, Connection::Relayed(stream, proxy))
        },
    );
}

#[test]
fn every_datagram_example_over_udp() {
    every(
        |example| example.datagrams,
        |entry, example| {
            let server = serve(entry, example, "udp://127.0.0.1:0");
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(place(&server.ready())).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            (server, Connection::Udp(socket))
        },
    );
}
