//! `--record`: what sessions leave behind while they go on. [`Recording`] stands between a use case and whoever watches
//! it; without a target it is not there at all.

mod load;
mod target;
mod views;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::given::{self, Params};
use crate::views::Views;
use sockeye_core::quantity::Span;
use sockeye_core::{Code, Fault};
use sockeye_record::recorder::BOUND;
use sockeye_record::store::{Scribe, Store, usual_path};
use sockeye_record::{Recorder, Report, Sink, Target};
use views::{Tee, Told, Watched};

pub use load::text;
pub(crate) use load::{Capture, file, is_capture, no_session, not_events, opened, tell};
pub use sockeye_record::WhenFull;
pub use sockeye_record::store::{About, Keep, Sync};
pub use sockeye_script::program::Source;
pub use sockeye_script::transcript::Subject;
pub(crate) use target::transcript;
pub use target::{Kind, open};

/// How long the end of a recording may take: a disk that hangs must not hang the program.
const END: Duration = Duration::from_secs(10);

/// What to record, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `store`, or files whose ending tells the kind.
    pub targets: Vec<String>,
    /// The store, where it is not the usual one.
    pub store: Option<String>,
    /// What the store's batches are safe from.
    pub sync: Sync,
    /// What happens when more comes than can be written.
    pub when_full: WhenFull,
    /// What is left in the store when a recording begins.
    pub keep: Keep,
}

/// A recording under way.
pub struct Recording {
    recorder: Option<Arc<Recorder>>,
    views: Views,
}

impl Recording {
    /// Opens every target and starts to write. Nothing of `about` may be secret.
    pub fn start(request: &Request, about: &About, views: &Views) -> Result<Self, Fault> {
        let mut targets = Vec::new();
        let told = Arc::new(Told(views.clone()));
        // All are looked at before any is opened, and each is opened once, however often and in whichever way it is named.
        let kinds = request.targets.iter().map(|name| Kind::of(name)).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        for (name, kind) in request.targets.iter().zip(kinds) {
            let (sink, place): (Box<dyn Sink>, _) = match kind {
                Kind::Store if seen.contains(Path::new(name)) => continue,
                Kind::Store => (Box::new(scribe(request, about, &told)?), PathBuf::from(name)),
                kind => (open(kind, name, about)?, fs::canonicalize(name).unwrap_or_else(|_| name.into())),
            };
            if seen.insert(place) {
                targets.push(Target { name: name.clone(), sink });
            }
        }
        if targets.is_empty() {
            return Ok(Self { recorder: None, views: views.clone() });
        }
        Ok(Self::over(Recorder::start(targets, request.when_full, BOUND, told), views))
    }

    /// What a recorder makes of a use case's views.
    fn over(recorder: Recorder, views: &Views) -> Self {
        let recorder = Arc::new(recorder);
        let watcher = Watched { inner: views.watcher.clone(), recorder: recorder.clone() };
        let observer = Tee { recorder: recorder.clone(), inner: views.observer.clone() };
        let views = Views { watcher: Arc::new(watcher), observer: Some(Arc::new(observer)) };
        Self { recorder: Some(recorder), views }
    }

    /// Who is shown what, with the recording among them.
    pub const fn views(&self) -> &Views {
        &self.views
    }

    /// What ends the recording from elsewhere: where a signal ends the program.
    pub fn stopper(&self) -> Stopper {
        Stopper { recorder: self.recorder.clone(), views: self.views.clone() }
    }

    /// Writes what is left. It takes no longer than ten seconds; what is not written by then is warned of.
    pub fn finish(&self) {
        self.stopper().finish();
    }
}

/// Ends a recording.
#[derive(Clone)]
pub struct Stopper {
    recorder: Option<Arc<Recorder>>,
    views: Views,
}

impl Stopper {
    /// As [`Recording::finish`]; only the first time does something.
    pub fn finish(&self) {
        let Some(recorder) = &self.recorder else { return };
        if !recorder.finish(END) {
            let fault = Fault::new(Code::RecordingLate, "record").arg("after", Span(END));
            self.views.watcher.warning(&fault);
        }
    }
}

/// What is recorded of a client.
pub fn client(verb: &str, endpoint: &str, params: &Params) -> Result<About, Fault> {
    let endpoint = given::endpoint(endpoint, params)?.to_string();
    Ok(About { verb: verb.to_owned(), subject: Subject::Client { endpoint }, seed: None })
}

/// The file of the store: as told, or the usual one.
pub(crate) fn store_path(told: Option<&str>) -> PathBuf {
    told.map_or_else(|| usual_path(|name| std::env::var(name).ok()), PathBuf::from)
}

fn scribe(request: &Request, about: &About, told: &Arc<Told>) -> Result<Scribe, Fault> {
    let mut store = Store::create(&store_path(request.store.as_deref()))?;
    store.prune(request.keep, now())?;
    let report: Arc<dyn Report> = told.clone();
    Scribe::new(store, about.clone(), request.sync, report)
}

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
