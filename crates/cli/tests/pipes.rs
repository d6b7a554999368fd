//! Stdin and stdout of every kind, to a socket and back: whole, whatever moves the bytes. And the proxy, whose bytes the
//! kernel moves while there are many.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use socket2::SockRef;
use sockeye_testkit::program::{PATIENCE, Program, Scratch, noise};

const SOCKEYE: &str = env!("CARGO_BIN_EXE_sockeye");

/// Around a page, a pipe's usual capacity, a large one's, and what one thread holds.
const SIZES: [usize; 7] = [0, 1, 65_535, 65_537, 256 * 1024 + 1, (1 << 20) + 1, (3 << 20) + 17];

/// What stdin is.
#[derive(Clone, Copy, Debug)]
enum In {
    File,
    Pipe,
    Null,
}

/// What stdout is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Out {
    File,
    Appended,
    Pipe,
    Terminal,
}

/// Everything that comes out of this end, once it has ended.
fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut all, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
        // A terminal whose last writer has gone fails instead of ending.
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            all.extend_from_slice(&chunk[..count]);
        }
        all
    })
}

/// Starts sockeye with stdout of this kind: the child, and what it will have written.
fn start(args: &[&str], stdin: Stdio, out: Out, home: &Path) -> (Child, Box<dyn FnOnce() -> Vec<u8>>) {
    let spawn = |stdout: Stdio| {
        let mut command = Command::new(SOCKEYE);
        command.args(args).env("HOME", home).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    match out {
        Out::File | Out::Appended => {
            let path = home.join("out");
            fs::write(&path, "kept").unwrap();
            let mut options = File::options();
            if out == Out::Appended {
                options.append(true)
            } else {
                options.write(true).truncate(true)
            };
            let child = spawn(options.open(&path).unwrap().into());
            let written = move || {
                let all = fs::read(path).unwrap();
                if out == Out::Appended { all.strip_prefix(b"kept").unwrap().to_vec() } else { all }
            };
            (child, Box::new(written))
        }
        Out::Pipe => {
            let mut child = spawn(Stdio::piped());
            let reader = collect(child.stdout.take().unwrap());
            (child, Box::new(move || reader.join().unwrap()))
        }
        Out::Terminal => {
            let pty = openpty(None, None).unwrap();
            let mut raw = tcgetattr(&pty.slave).unwrap();
            cfmakeraw(&mut raw);
            tcsetattr(&pty.slave, SetArg::TCSANOW, &raw).unwrap();
            let reader = collect(File::from(pty.master));
            let child = spawn(pty.slave.into());
            // The shell's prompt gets a line of its own; what comes here ends none.
            (child, Box::new(move || reader.join().unwrap().strip_suffix(b"\n").unwrap_or_default().to_vec()))
        }
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    peer
}

/// `connect` with stdin and stdout of these kinds, and as many bytes each way at once.
fn both_ways(input: In, out: Out, size: usize) {
    let home = Scratch::new();
    let (up, down) = (noise(1, size), noise(2, size));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stdin = match input {
        In::File => {
            let path = home.path().join("in");
            fs::write(&path, &up).unwrap();
            File::open(path).unwrap().into()
        }
        In::Pipe => Stdio::piped(),
        In::Null => Stdio::null(),
    };
    let (mut child, written) = start(&["connect", "--raw", &address], stdin, out, home.path());
    let feeder = child.stdin.take().map(|mut stdin| {
        let up = up.clone();
        thread::spawn(move || stdin.write_all(&up).unwrap())
    });
    let peer = accept(&listener);
    let heard = collect(peer.try_clone().unwrap());
    (&peer).write_all(&down).unwrap();
    // Its end of stdin is no end of ours: what we have to say comes after.
    let heard = heard.join().unwrap();
    (&peer).write_all(b"last").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let status = child.wait().unwrap();
    if let Some(feeder) = feeder {
        feeder.join().unwrap();
    }
    let what = format!("{input:?} to {out:?}, {size} bytes");
    assert_eq!(status.code(), Some(0), "{what}");
    let sent = if matches!(input, In::Null) { Vec::new() } else { up };
    assert!(heard == sent, "{what}: {} bytes came at the peer", heard.len());
    let wanted = [&down[..], b"last"].concat();
    let written = written();
    assert!(written == wanted, "{what}: {} of {} bytes came out", written.len(), wanted.len());
}

fn every_size(out: Out) {
    for size in SIZES {
        for input in [In::File, In::Pipe, In::Null] {
            both_ways(input, out, size);
        }
    }
}

#[test]
fn connect_is_exact_into_a_file() {
    every_size(Out::File);
}

#[test]
fn connect_is_exact_into_a_file_that_is_appended_to() {
    every_size(Out::Appended);
}

#[test]
fn connect_is_exact_into_a_pipe() {
    every_size(Out::Pipe);
}

#[test]
fn connect_is_exact_onto_a_terminal() {
    every_size(Out::Terminal);
}

/// `args` that serve one session, which sends `data` and ends: what came out.
fn served(args: &[&str], out: Out, data: &[u8]) -> Vec<u8> {
    let home = Scratch::new();
    let (mut child, written) = start(args, Stdio::null(), out, home.path());
    let mut ready = String::new();
    let mut stderr = child.stderr.take().unwrap();
    while !ready.ends_with('\n') {
        let mut byte = [0];
        stderr.read_exact(&mut byte).unwrap();
        ready.push(char::from(byte[0]));
    }
    let mut peer = TcpStream::connect(ready.trim().rsplit('/').next().unwrap()).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    // Something small before, so that what is printed and what is moved must keep their order.
    let (first, rest) = data.split_at(data.len().min(10));
    peer.write_all(first).unwrap();
    peer.write_all(rest).unwrap();
    drop(peer);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    written()
}

#[test]
fn receive_is_exact_into_whatever_stdout_is() {
    let args = ["serve", "tcp://127.0.0.1:0", "receive", "--once", "--raw"];
    for out in [Out::File, Out::Appended, Out::Pipe, Out::Terminal] {
        let large = if out == Out::Terminal { 1 << 20 } else { 24 << 20 };
        for size in SIZES.into_iter().chain([large]) {
            let data = [noise(3, size), b".".to_vec()].concat();
            let written = served(&args, out, &data);
            assert!(written == data, "{out:?}: {} of {} bytes came out", written.len(), data.len());
        }
    }
}

#[test]
fn a_relay_to_stdout_is_exact() {
    for out in [Out::File, Out::Appended, Out::Pipe] {
        let data = noise(4, (5 << 20) + 3);
        let written = served(&["proxy", "tcp://127.0.0.1:0", "-", "--once"], out, &data);
        assert!(written == data, "{out:?}: {} bytes came out", written.len());
    }
}

#[test]
fn nc_prints_exactly_what_comes() {
    for out in [Out::File, Out::Appended, Out::Pipe] {
        let (home, data) = (Scratch::new(), noise(8, (9 << 20) + 3));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let (mut child, written) = start(&["nc", "127.0.0.1", &port], Stdio::null(), out, home.path());
        accept(&listener).write_all(&data).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let written = written();
        assert!(written == data, "{out:?}: {} bytes came out", written.len());
    }
}

/// A proxy that may open so many files, with a session through it.
fn proxied(files: u32) -> (Child, TcpStream, TcpStream) {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", target.local_addr().unwrap());
    let script = format!("ulimit -n {files}; exec \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &script, "sh", SOCKEYE, "proxy", "tcp://127.0.0.1:0", &url])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    while !ready.ends_with('\n') {
        let mut byte = [0];
        stderr.read_exact(&mut byte).unwrap();
        ready.push(char::from(byte[0]));
    }
    let client = TcpStream::connect(ready.trim().rsplit('/').next().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = accept(&target);
    (child, client, server)
}

/// Sends so much one way, and reads it there.
fn carry(mut from: &TcpStream, mut to: &TcpStream, data: &[u8]) {
    thread::scope(|scope| {
        scope.spawn(|| from.write_all(data).unwrap());
        let mut got = vec![0; data.len()];
        to.read_exact(&mut got).unwrap();
        assert!(got == data, "{} bytes differ", data.len());
    });
}

/// How many files a process has open, of which so many are pipes.
fn open_files(child: &Child) -> (usize, usize) {
    let entries = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    let links: Vec<_> = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    let pipes = links.iter().filter(|link| link.to_string_lossy().starts_with("pipe:")).count();
    (links.len(), pipes)
}

#[test]
fn small_and_bulk_take_turns_through_a_proxy() {
    let (mut child, client, server) = proxied(1024);
    let (_, before) = open_files(&child);
    let bulk = noise(5, 24 << 20);
    for round in 0..3 {
        carry(&client, &server, &bulk);
        for size in 1..40 {
            carry(&server, &client, &noise(round, size));
            carry(&client, &server, &noise(round + 9, size));
        }
        carry(&server, &client, &bulk);
    }
    let (_, pipes) = open_files(&child);
    assert!(pipes > before, "nothing was moved by the kernel");
    assert!(pipes <= before + 2 * 4, "{pipes} ends of pipes are open, {before} at first");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_proxy_without_files_left_still_carries() {
    let (mut child, client, server) = proxied(1024);
    let (open, pipes) = open_files(&child);
    child.kill().unwrap();
    child.wait().unwrap();
    drop((client, server));

    let (mut child, client, server) = proxied(u32::try_from(open).unwrap());
    let bulk = noise(6, 24 << 20);
    carry(&client, &server, &bulk);
    carry(&server, &client, &bulk);
    assert_eq!(open_files(&child), (open, pipes));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reset_in_the_midst_of_bulk_is_a_reset() {
    let (mut child, client, mut server) = proxied(1024);
    carry(&client, &server, &noise(10, 8 << 20));
    client.set_nonblocking(true).unwrap();
    let bulk = noise(11, 1 << 20);
    // Nobody reads there: what was taken waits in the kernel, also in a pipe of the proxy's.
    while (&client).write(&bulk).is_ok() {}
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let ended = std::io::copy(&mut server, &mut std::io::sink()).unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reader_of_stdout_that_leaves_ends_it_quietly() {
    for args in [["connect", "--raw"], ["nc", "-v"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let gap = if args[0] == "nc" { ' ' } else { ':' };
        let address = format!("127.0.0.1{gap}{port}");
        let mut child = Command::new(SOCKEYE)
            .args(args)
            .args(address.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut peer = accept(&listener);
        let mut stdout = child.stdout.take().unwrap();
        let reader = thread::spawn(move || stdout.read_exact(&mut [0; 10]));
        while peer.write_all(&noise(12, 1 << 20)).is_ok() {}
        reader.join().unwrap().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
    }
}

#[test]
fn verbose_totals_count_what_the_kernel_moved() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", target.local_addr().unwrap());
    let proxy = Program::new(SOCKEYE).args(["proxy", "-v", "--once", "tcp://127.0.0.1:0", &url]).start();
    let client = TcpStream::connect(proxy.address()).unwrap();
    let server = accept(&target);
    let size = (30 << 20) + 5;
    carry(&client, &server, &noise(7, size));
    drop((client, server));
    let ended = proxy.ends_by_itself();
    ended.ok();
    assert!(ended.stderr.contains(&size.to_string()), "{}", ended.stderr);
}
