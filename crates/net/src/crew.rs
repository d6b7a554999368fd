//! The further threads of a server. Each has a runtime, a world and listening sockets of its own, and takes every
//! session that comes to these; nothing is handed from thread to thread but letters. The kernel spreads newcomers over
//! the sockets of one port (SO_REUSEPORT, socket(7)).

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use sockeye_core::{Code, Fault, Limits, Observer};
use tokio::sync::watch;

use crate::accept;
use crate::front::Front;
use crate::plan::Draft;
use crate::server::{Wait, runtime};
use crate::shared::Shared;
use crate::stream::Listener;
use crate::world::World;

/// What one further thread is to do.
pub(crate) struct Hand {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Limits,
    pub(crate) front: Arc<dyn Front>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) wait: Wait,
    /// Listeners' plans, and the sockets at which this thread carries them out.
    pub(crate) tasks: Vec<(Draft, Vec<TcpListener>)>,
}

/// All further threads; none, mostly.
pub(crate) struct Crew {
    over: watch::Sender<bool>,
    threads: Vec<JoinHandle<Result<(), Fault>>>,
}

impl Crew {
    /// Starts them. Each accept loop holds `door` until it lets nobody in any more. If a thread cannot start, the server
    /// stops; [`Crew::join`] says why.
    pub(crate) fn start(
        hands: Vec<Hand>,
        stop: &watch::Sender<bool>,
        door: &watch::Receiver<()>,
    ) -> Result<Self, Fault> {
        let over = watch::Sender::new(false);
        let mut threads = Vec::new();
        for hand in hands {
            let (over, stop, door) = (over.subscribe(), stop.clone(), door.clone());
            let named = std::thread::Builder::new().name(format!("sockeye-{}", threads.len() + 2));
            let work = move || {
                hand.work(over, door).inspect_err(|_| {
                    stop.send_replace(true);
                })
            };
            threads.push(named.spawn(work).map_err(|error| fault(&error))?);
        }
        Ok(Self { over, threads })
    }

    /// Ends them, with what is left of their sessions.
    pub(crate) fn join(self) -> Result<(), Fault> {
        self.over.send_replace(true);
        let mut outcome = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|_| Err(Fault::new(Code::Internal, "thread")));
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Lets them end as the process does: they are not waited for.
    pub(crate) fn leave(self) {
        self.over.send_replace(true);
    }
}

impl Hand {
    fn work(self, mut over: watch::Receiver<bool>, door: watch::Receiver<()>) -> Result<(), Fault> {
        let Self { shared, limits, front, observer, wait, tasks } = self;
        let runtime = runtime()?;
        let worked = runtime.block_on(async {
            let world = World::of(shared, limits, front, observer);
            world.run_errands();
            wait.start();
            for (draft, listeners) in tasks {
                let plan = draft.on(&world);
                for listener in listeners {
                    let listener =
                        tokio::net::TcpListener::from_std(listener).map_err(|error| fault(&error))?;
                    let (plan, door) = (Rc::clone(&plan), door.clone());
                    tokio::task::spawn_local(accept::run(plan, Listener::Tcp(listener), door));
                }
            }
            drop(door);
            // An error: the server is gone, and so are its sessions.
            let _ = over.wait_for(|over| *over).await;
            Ok(())
        });
        runtime.shutdown_background();
        worked
    }
}

fn fault(error: &io::Error) -> Fault {
    Fault::new(Code::Internal, "thread").detail(error)
}
