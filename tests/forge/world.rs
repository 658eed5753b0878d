//! What the tests share: a fake with a pull request, and a connection to it.

use crate::contract;
use crate::github::Fake;
use crate::github::store::{File, Pull, Repository, Side, Store};
use luascale::forge::github::{Access, Auth, Client, GitHub};
use luascale::forge::{Clock, Secret};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The repository of every test.
pub const REPOSITORY: &str = "acme/policies";
/// The head of the pull request.
pub const HEAD: &str = "1111111111111111111111111111111111111111";
/// A newer push.
pub const NEWER: &str = "2222222222222222222222222222222222222222";
/// A token that may do what a review needs.
pub const TOKEN: &str = "ghs_aTokenThatNobodyMayEverSee";
/// What it may do.
pub const PERMISSIONS: [&str; 3] = ["contents:read", "pull_requests:write", "checks:write"];

/// A fake whose requests are held against GitHub's description when the test is over.
pub struct World {
    fake: Fake,
}

impl Deref for World {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.fake
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            contract::hold(&self.fake.log());
        }
    }
}

/// A pull request 7 that touches a file, and a token of GitHub Actions.
pub fn world(permissions: &[&str]) -> World {
    let mut store = Store::default();
    store.actions(TOKEN, permissions);
    let side = |branch: &str, sha: &str| Side {
        branch: branch.into(),
        sha: sha.into(),
        repository: Some(REPOSITORY.into()),
    };
    let files = vec![File {
        path: "policies/web.lua".into(),
        status: "modified".into(),
        patch: Some("@@ -11,4 +11,6 @@\n a\n+b\n+c\n d\n e\n f".into()),
    }];
    let pull = Pull {
        number: 7,
        author: "dev".into(),
        head: side("topic", HEAD),
        base: side("main", "0000000000000000000000000000000000000000"),
        files,
        ..Pull::default()
    };
    let repository = Repository {
        id: 42,
        default_branch: "main".into(),
        pulls: [(7, pull)].into(),
        ..Repository::default()
    };
    store.repositories.insert(REPOSITORY.into(), repository);
    World { fake: Fake::start(store) }
}

/// A time that goes by only where somebody waits.
#[derive(Clone, Default)]
pub struct Virtual(pub Arc<Mutex<Duration>>);

impl Virtual {
    /// Seconds that were waited.
    pub fn waited(&self) -> f64 {
        self.0.lock().unwrap().as_secs_f64()
    }
}

impl Clock for Virtual {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

/// How to reach a fake.
pub fn access(world: &World) -> Access {
    Access {
        api: world.address.clone(),
        graphql: format!("{}/graphql", world.address),
        auth: Auth::Token(Secret::new(TOKEN).unwrap()),
        repository: REPOSITORY.into(),
    }
}

/// A connection in a time of its own.
pub fn client(world: &World) -> (Client, Virtual) {
    let clock = Virtual::default();
    (Client::connect(&access(world), Box::new(clock.clone())).unwrap(), clock)
}

/// GitHub in a time of its own.
pub fn github(world: &World) -> (GitHub, Virtual) {
    let (client, clock) = client(world);
    (GitHub::new(client), clock)
}
