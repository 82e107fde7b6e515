//! A configuration that is reloaded while futures read it: for a moment by a guard, which does
//! not go over an `.await`, and for the length of a request by one that does.
//!
//! ```sh
//! cargo run --release -p bonfire-rcu-with-tokio
//! ```
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bonfire_rcu::{Cell, Global};
use tokio::runtime::Builder;
use tokio::task::{spawn, yield_now};

const VERSIONS: u64 = 2000;
const CLIENTS: usize = 20;

/// What is read must be of one version, and not half of another.
struct Configuration {
    version: u64,
    limits: Vec<u64>,
}

impl Configuration {
    fn new(version: u64) -> Self {
        Self { version, limits: vec![version; 100] }
    }

    fn is_whole(&self) -> bool {
        self.limits.iter().all(|&limit| limit == self.version)
    }
}

/// What the tasks share.
struct Service {
    configuration: Cell<Configuration>,
    is_over: AtomicBool,
}

fn main() {
    assert!(serve() > 0, "requests were served meanwhile");
}

/// Serves requests until the last version is there; how many.
fn serve() -> u64 {
    let configuration = Cell::from_pointee(Configuration::new(0));
    let service = Arc::new(Service { configuration, is_over: AtomicBool::new(false) });
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("threads can be had");
    let requests = runtime.block_on(async {
        let clients: Vec<_> = (0..CLIENTS).map(|_| spawn(client(Arc::clone(&service)))).collect();
        reload(&service).await;
        let mut requests = 0;
        for client in clients {
            requests += client.await.expect("no request fails");
        }
        requests
    });
    drop((runtime, service));
    Global.barrier();
    assert_eq!(Global.unreclaimed_bytes(), 0, "all old versions are dropped");
    requests
}

/// Puts one version after the other in.
async fn reload(service: &Service) {
    for version in 1..=VERSIONS {
        service.configuration.store(Configuration::new(version).into());
        yield_now().await;
    }
    service.is_over.store(true, Relaxed);
}

/// Makes requests, one after the other, and one at the least: all versions may be in before
/// it first has a turn. How many.
async fn client(service: Arc<Service>) -> u64 {
    let (mut requests, mut newest) = (0, 0);
    loop {
        newest = request(&service, newest).await;
        requests += 1;
        if service.is_over.load(Relaxed) {
            return requests;
        }
    }
}

/// A request: it never meets an older version than the one before; the version it met.
async fn request(service: &Service, newest: u64) -> u64 {
    // A look: the guard is gone before the next `.await`, or the future could not be sent.
    let now = service.configuration.load().version;
    assert!(now >= newest);
    // And what the request goes on with, over an `.await` and on whichever thread.
    let kept = service.configuration.load_owned();
    yield_now().await;
    assert!(kept.is_whole() && kept.version >= now);
    kept.version
}

#[cfg(test)]
mod tests {
    #[test]
    fn futures_meet_whole_versions_and_none_is_kept() {
        assert!(super::serve() > 0);
    }
}
