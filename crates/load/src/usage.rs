//! What the generator itself takes of the machine: processor time, memory, descriptors.

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;
use sockeye_core::{Code, Fault};

/// Descriptors besides those of connections: stdio, the runtimes, files.
const OTHERS: u64 = 64;

/// Descriptors of a thread of its own.
const A_THREAD: u64 = 8;

/// Processor time that the calling thread has used, in nanoseconds.
pub(crate) fn thread_time() -> u64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return 0 };
    let nanos = usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
    u64::try_from(nanos).unwrap_or(0)
}

/// Resident bytes of this process; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Raises the soft limit of descriptors to the hard one. Fails if that is not enough for so many connections.
pub(crate) fn make_room(connections: usize, threads: usize) -> Result<(), Fault> {
    let wanted = connections as u64 + threads as u64 * A_THREAD + OTHERS;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    if soft < hard {
        // What cannot be raised is what there is.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((soft, hard));
    if soft >= wanted {
        return Ok(());
    }
    Err(Fault::new(Code::Descriptors, "").arg("wanted", wanted).arg("max", soft))
}
