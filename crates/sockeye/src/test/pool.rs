//! Files played at once, on so many threads.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_net::signals;

use super::report::{Report, Summary, Verdict};
use super::{Request, Until, play};
use crate::views::Views;

/// The most files that are played at once.
pub const MOST_JOBS: usize = 256;

/// Files played at once unless told otherwise, where there are few processors: what takes time is waiting.
const FEW_JOBS: usize = 4;

/// Failures of a file before its last attempt that are kept.
const EARLIER: usize = 8;

/// How often the run looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(50);

/// How long what is under way may take to end after a signal.
const ENDING: Duration = Duration::from_secs(2);

/// Whoever wants to know how a run gets on. Called on the thread of the run.
pub trait Watch: Sync {
    /// So many files will be played.
    fn planned(&self, files: usize);

    /// A file is being played.
    fn began(&self, file: &str);

    /// That is what came of one.
    fn ended(&self, report: &Report);
}

/// What threads tell.
enum News {
    Began(usize),
    Ended(usize, Box<Report>),
}

/// Plays all files.
pub(super) fn run(request: &Request, files: &[String], watch: &dyn Watch, views: &Views) -> Summary {
    let began = Instant::now();
    watch.planned(files.len());
    let signal = Arc::new(AtomicI32::new(0));
    let told = Arc::clone(&signal);
    signals::on_next(move |number| told.store(number, Ordering::Relaxed));
    let ongoing = start(request, files, &signal, views);
    let mut reports: Vec<Option<Report>> = files.iter().map(|_| None).collect();
    let mut failed = false;
    let mut until = None;
    loop {
        match ongoing.news.recv_timeout(GLANCE) {
            Ok(News::Began(index)) => watch.began(&files[index]),
            Ok(News::Ended(index, report)) => {
                failed |= matches!(report.verdict, Verdict::Failed(_) | Verdict::Bad(_));
                watch.ended(&report);
                reports[index] = Some(*report);
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Every thread has ended, and all that was told was heard.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if failed && request.until == Until::FirstFailure {
            ongoing.begin_no_more();
        }
        if signal.load(Ordering::Relaxed) != 0 {
            ongoing.begin_no_more();
            if Instant::now() >= *until.get_or_insert_with(|| Instant::now() + ENDING) {
                break;
            }
        }
    }
    let all = files.iter().zip(reports).map(|(file, report)| report.unwrap_or_else(|| Report::of(file)));
    let signal = Some(signal.load(Ordering::Relaxed)).filter(|number| *number != 0);
    Summary { reports: all.collect(), elapsed: began.elapsed(), seed: request.seed, signal }
}

/// What is going on.
struct Ongoing {
    news: Receiver<News>,
    next: Arc<AtomicUsize>,
}

impl Ongoing {
    fn begin_no_more(&self) {
        self.next.store(usize::MAX / 2, Ordering::Relaxed);
    }
}

/// Starts the threads. Each takes the next file that none has taken.
fn start(request: &Request, files: &[String], signal: &Arc<AtomicI32>, views: &Views) -> Ongoing {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = request.jobs.unwrap_or_else(|| (processors * 2).max(FEW_JOBS));
    let next = Arc::new(AtomicUsize::new(0));
    let (tell, news) = channel();
    let files: Arc<[String]> = files.into();
    for _ in 0..jobs.clamp(1, MOST_JOBS).min(files.len()) {
        let (request, files, signal) = (request.clone(), Arc::clone(&files), Arc::clone(signal));
        let (views, next, tell) = (views.clone(), Arc::clone(&next), tell.clone());
        thread::spawn(move || work(&request, &files, &next, &signal, &views, &tell));
    }
    Ongoing { news, next }
}

/// Plays a file until it passes, as often as it may be.
fn attempts(request: &Request, file: &str, signal: &Arc<AtomicI32>, views: &Views) -> Report {
    let (mut earlier, mut kept) = (Vec::new(), Vec::new());
    let mut attempt = 1;
    loop {
        let mut report = play::file(request, file, attempt, signal, views);
        kept.append(&mut report.kept);
        let is_last = attempt > request.retries || signal.load(Ordering::Relaxed) != 0;
        match report.verdict {
            Verdict::Failed(failure) if !is_last => {
                if earlier.len() < EARLIER {
                    earlier.push(failure);
                }
                attempt += 1;
            }
            verdict => return Report { verdict, attempts: attempt, earlier, kept, ..report },
        }
    }
}

fn work(
    request: &Request,
    files: &[String],
    next: &AtomicUsize,
    signal: &Arc<AtomicI32>,
    views: &Views,
    tell: &Sender<News>,
) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(file) = files.get(index) else { return };
        // Nobody listens any more only when the run is over.
        let _ = tell.send(News::Began(index));
        let report = attempts(request, file, signal, views);
        let _ = tell.send(News::Ended(index, Box::new(report)));
    }
}
