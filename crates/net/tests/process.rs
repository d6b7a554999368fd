//! Processes started for a session: both pipes, the environment, and the end of the whole group.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::ErrorKind;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use sockeye_core::{Address, Code, Peer, SessionId};
use sockeye_net::{Stream, process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

fn peer() -> Peer {
    let address = |text: &str| Address::Ip(text.parse().unwrap());
    Peer {
        session: SessionId(1),
        transport: "tcp",
        datagrams: false,
        local: address("127.0.0.1:9000"),
        remote: address("127.0.0.1:50000"),
        user: None,
    }
}

fn spawn(script: &str) -> Stream {
    let command: Vec<String> = ["sh", "-c", script].map(String::from).into();
    process::spawn(&command, &peer()).unwrap()
}

#[tokio::test]
async fn stdin_and_stdout_are_the_stream() {
    let mut stream = spawn("cat; echo \"$SOCKEYE_PEER $SOCKEYE_LOCAL\"");
    stream.write_all(b"through ").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "through 127.0.0.1:50000 127.0.0.1:9000\n");
    assert_eq!(stream.try_write(b"late").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let fault = process::spawn(&["/no/such/program".into()], &peer()).unwrap_err();
    assert_eq!((fault.code, fault.value("command")), (Code::CannotStart, "/no/such/program"));
    assert_eq!(process::spawn(&[], &peer()).unwrap_err().code, Code::CannotStart);
}

/// Drops a group whose members the script names by their ids, and waits until all are gone.
async fn ends(script: &str) {
    let mut stream = spawn(script);
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).await.unwrap();
    let members: Vec<Pid> = line.split_whitespace().map(|id| Pid::from_raw(id.parse().unwrap())).collect();
    assert_eq!(members.len(), 2, "{line}");
    drop(stream);
    for member in members {
        while is_alive(member) {
            tokio::task::yield_now().await;
        }
    }
}

/// Neither running nor waiting to be reaped by us. A grandchild's zombie is its new parent's matter.
fn is_alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let is_foreign_zombie = stat.rsplit(')').next().is_some_and(|rest| {
        let mut words = rest.split_whitespace();
        let (state, parent) = (words.next(), words.next());
        state == Some("Z") && parent != Some(std::process::id().to_string().as_str())
    });
    kill(process, None::<Signal>) != Err(Errno::ESRCH) && !is_foreign_zombie
}

#[tokio::test]
async fn the_whole_group_ends_with_the_stream() {
    ends("sleep 1000 & echo $$ $!; wait").await;
}

#[tokio::test]
async fn a_group_that_ignores_the_first_signal_is_killed() {
    ends("trap '' TERM; sleep 1000 & echo $$ $!; while :; do wait; done").await;
}

#[test]
fn a_runtime_that_stops_takes_the_group_with_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async { spawn("trap '' TERM; while :; do sleep 1000; done") });
    let Stream::Process(process) = &stream else { panic!("no process") };
    let leader = Pid::from_raw(process.id());
    runtime.block_on(async { drop(stream) });
    drop(runtime);
    // Ends only when the leader has ended; the runtime of another test may reap it first.
    let ended = std::iter::repeat_with(|| waitpid(leader, None)).find(|result| *result != Err(Errno::EINTR));
    assert!(matches!(ended, Some(Ok(_) | Err(Errno::ECHILD))), "{ended:?}");
}
