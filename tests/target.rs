//! Applying to a directory survives whatever comes between: a kill at every step, a full disk at
//! every step, another run, an edit by hand, a clock that goes backwards.
//!
//! What is to be killed runs in a process of its own: this very test binary, started again with
//! the one test [`child`], which does nothing unless it is told to.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests of files and processes"
)]

use luascale::change::Bundle;
use luascale::change::live::{Live, Operation, Origin};
use luascale::ledger::{self, Anchor, Entry};
use luascale::model::{Duration, Time};
use luascale::target::directory::Directory;
use luascale::target::perform::World;
use luascale::target::{Claim, Error, Interrupted, Journal, Lock, Outcome, Target, perform};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

type Policies = BTreeMap<String, Bundle>;

const NOW: Time = Time(1_800_000_000_000);

fn bundle(path: &str, text: &str) -> Bundle {
    let files = [(path, text), ("lib/shared.lua", "return 1")];
    let files = files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect();
    Bundle { path: path.into(), files, entry: None }
}

fn set(policies: &[(&str, &str)]) -> Policies {
    policies.iter().map(|(id, text)| ((*id).to_owned(), bundle(&format!("{id}.lua"), text))).collect()
}

/// The states that the tests go through.
fn wanted(which: &str) -> Policies {
    match which {
        "none" => Policies::new(),
        "one" => set(&[("web", "1"), ("api", "1"), ("gone", "1")]),
        "two" => set(&[("web", "2"), ("api", "1"), ("new", "2")]),
        "three" => set(&[("web", "3"), ("api", "1"), ("new", "2")]),
        other => panic!("{other}"),
    }
}

fn claim(id: &str) -> Claim {
    Claim { id: id.into(), holder: format!("{id}@test"), host: "here".into(), ttl: Duration::from_secs(60) }
}

/// What is to be done for a state to become another.
fn operations(live: &Live, wanted: &Policies) -> Vec<Operation> {
    let ids: std::collections::BTreeSet<&String> = live.policies.keys().chain(wanted.keys()).collect();
    let operation = |id: &String| Operation {
        id: id.clone(),
        before: live.digest(id).map(str::to_owned),
        replaced: live.policies.get(id).map(|policy| policy.bundle.clone()),
        after: wanted.get(id).cloned(),
    };
    ids.into_iter().map(operation).filter(|o| o.before != o.result()).collect()
}

fn journal(target: &dyn Target, id: &str, wanted: &Policies, ledger: Option<ledger::Verdict>) -> Journal {
    let live = target.live().unwrap();
    Journal {
        id: id.into(),
        serial: live.serial,
        started: NOW,
        origin: Origin { action: "apply".into(), actor: "test".into(), ..Origin::default() },
        hold: BTreeMap::new(),
        from: BTreeMap::new(),
        ledger: ledger.and_then(|verdict| verdict.head),
        operations: operations(&live, wanted),
    }
}

fn run(target: &dyn Target, path: &Path, lock: &mut Lock, journal: &Journal) -> Result<Outcome, Interrupted> {
    let file = Directory::ledger(path);
    let record = |generation: &luascale::target::Generation| {
        let bytes = ledger::read(&file).map_err(Error::Unavailable)?;
        let told = ledger::lines(&bytes).iter().any(|l| l.entry.generation == Some(generation.serial));
        if told {
            return Ok(());
        }
        let entry = Entry {
            at: NOW.to_string(),
            event: "apply".into(),
            target: target.identity().clone(),
            run: generation.run.clone(),
            generation: Some(generation.serial),
            resumed: false,
            origin: generation.origin.clone(),
            operations: journal.operations.iter().map(Into::into).collect(),
        };
        ledger::append(&file, entry).map(|_| ()).map_err(Error::Unavailable)
    };
    let world = World { clock: &|| NOW, stop: &|| false, progress: &|_| {}, record: &record };
    perform(target, lock, journal, &world)
}

/// A whole apply as a run does it: the lock, what an earlier run left, the change, the lock.
fn apply(path: &Path, id: &str, state: &str) -> Result<(), String> {
    let said = |error: Error| error.to_string();
    let target = Directory::open(path).map_err(said)?;
    let mut lock = target.lock(&claim(id), NOW).map_err(said)?;
    let done = changed(&target, path, &mut lock, id, state);
    // Where even this fails, the next run takes the lock over.
    let released = target.release(&lock).map_err(said);
    done.and(released)
}

fn changed(target: &dyn Target, path: &Path, lock: &mut Lock, id: &str, state: &str) -> Result<(), String> {
    if let Some(journal) = target.journal().map_err(|e| e.to_string())? {
        run(target, path, lock, &journal).map_err(|e| format!("{e:?}"))?;
    }
    let verdict = ledger::verify(&ledger::read(&Directory::ledger(path))?, &[]);
    let journal = journal(target, id, &wanted(state), Some(verdict));
    if journal.operations.is_empty() {
        return Ok(());
    }
    run(target, path, lock, &journal).map(|_| ()).map_err(|e| format!("{e:?}"))
}

#[test]
fn child() {
    let Ok(told) = std::env::var("LUASCALE_TEST_CHILD") else { return };
    let parts: Vec<&str> = told.split('|').collect();
    match apply(Path::new(parts[0]), parts[1], parts[2]) {
        Ok(()) => println!("steps={}", luascale::disk::steps()),
        Err(why) => println!("failed={why}"),
    }
}

fn in_a_child(path: &Path, id: &str, state: &str, fault: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]);
    command.env("LUASCALE_TEST_CHILD", format!("{}|{id}|{state}", path.display()));
    command.env("LUASCALE_TEST_FAULT", fault).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What lies behind `current`, read as any program would, file by file.
fn seen(path: &Path) -> BTreeMap<String, String> {
    fn walk(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                walk(&path, &format!("{prefix}{name}/"), found);
            } else if !name.starts_with('.') {
                found.insert(format!("{prefix}{name}"), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    if path.join("current").exists() {
        walk(&path.join("current"), "", &mut found);
    }
    found
}

fn files(policies: &Policies) -> BTreeMap<String, String> {
    let of = |(id, bundle): (&String, &Bundle)| {
        let id = id.clone();
        let file =
            move |(p, b): (&String, &Vec<u8>)| (format!("{id}/{p}"), String::from_utf8(b.clone()).unwrap());
        bundle.files.iter().map(file).collect::<Vec<_>>()
    };
    policies.iter().flat_map(of).collect()
}

/// The directory is sound and holds exactly this, and nothing is left lying about.
#[track_caller]
fn holds(path: &Path, state: &str, generations: u64, why: &str) {
    assert_eq!(seen(path), files(&wanted(state)), "{why}");
    let target = Directory::open(path).unwrap();
    let live = target.live().unwrap();
    assert_eq!(live.serial, generations, "{why}");
    assert_eq!(live.foreign, [""; 0], "{why}");
    assert_eq!(target.journal().unwrap(), None, "{why}");
    let history = target.history().unwrap();
    assert_eq!(history.len() as u64, generations, "{why}");
    let bytes = ledger::read(&Directory::ledger(path)).unwrap();
    let mut anchors: Vec<Anchor> = history.iter().map(|g| Anchor::Made(g.serial, g.run.clone())).collect();
    anchors.extend(history.iter().filter_map(|g| Some(Anchor::Seen("it".into(), g.ledger.clone()?))));
    assert_eq!(ledger::verify(&bytes, &anchors).faults, [], "{why}");
    assert_eq!(ledger::lines(&bytes).len() as u64, generations, "{why}: one line each");
    let left: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .chain(std::fs::read_dir(path.join("generations")).unwrap())
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .filter(|name| name.starts_with('.') && name != ".locks")
        .filter(|name| !name.ends_with(".new"))
        .collect();
    assert_eq!(left, [""; 0], "{why}");
}

/// A directory in a state, and the folder that holds it.
fn prepared(states: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (at, state) in states.iter().enumerate() {
        apply(&folder.path().join("live"), &format!("run{at}"), state).unwrap();
    }
    folder
}

/// How many steps an apply takes.
fn steps(states: &[&str], state: &str) -> u64 {
    let folder = prepared(states);
    let output = said(&in_a_child(&folder.path().join("live"), "last", state, ""));
    let count = output.split("steps=").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    count.unwrap_or_else(|| panic!("{output}"))
}

/// From a state to another with a fault at every step: what is live is the old or the new, and
/// the next run comes to the new one.
fn survives(states: &[&str], state: &str, kind: &str) {
    let total = steps(states, state);
    assert!(total > 40, "{total} steps");
    let before = states.last().copied().unwrap_or("none");
    let (old, new) = (files(&wanted(before)), files(&wanted(state)));
    let next = states.len() as u64 + 1;
    let (mut olds, mut news) = (0, 0);
    for step in 1..=total {
        let why = format!("{kind} at step {step} of {total}");
        let folder = prepared(states);
        let path = folder.path().join("live");
        let output = in_a_child(&path, "last", state, &format!("{kind}:{step}"));
        assert!(kind != "kill" || !output.status.success(), "{why}: it was not killed");
        assert!(kind != "full" || said(&output).contains("failed="), "{why}: {}", said(&output));
        assert!(kind != "full" || said(&output).contains("the disk is full"), "{why}: {}", said(&output));
        match seen(&path) {
            now if now == old => olds += 1,
            now if now == new => news += 1,
            mix => panic!("{why}: neither the old nor the new: {mix:?}"),
        }
        // The next run is killed too, a little later, and the one after that is not.
        if kind == "kill" && step % 5 == 0 {
            in_a_child(&path, "again", state, &format!("kill:{}", step / 2 + 3));
        }
        let output = in_a_child(&path, "next", state, "");
        assert!(said(&output).contains("steps="), "{why}: {}", said(&output));
        holds(&path, state, next, &why);
    }
    assert!(olds > 0 && news > 0, "{olds} old, {news} new");
}

#[test]
fn a_kill_at_any_step_of_the_first_apply_is_survived() {
    survives(&[], "one", "kill");
}

#[test]
fn a_kill_at_any_step_of_a_change_is_survived() {
    survives(&["one"], "two", "kill");
}

#[test]
fn a_disk_that_is_full_from_any_step_on_is_survived() {
    survives(&["one"], "two", "full");
}

#[test]
fn an_interrupted_apply_is_finished_even_where_the_next_wants_something_else() {
    let total = steps(&["one"], "two");
    for step in (1..=total).step_by(7) {
        let folder = prepared(&["one"]);
        let path = folder.path().join("live");
        in_a_child(&path, "last", "two", &format!("kill:{step}"));
        apply(&path, "next", "three").unwrap();
        assert_eq!(seen(&path), files(&wanted("three")), "step {step}");
        let history = Directory::open(&path).unwrap().history().unwrap();
        let ledger = ledger::read(&Directory::ledger(&path)).unwrap();
        assert_eq!(ledger::verify(&ledger, &[]).faults, []);
        assert_eq!(ledger::lines(&ledger).len(), history.len(), "step {step}");
    }
}

#[test]
fn what_was_edited_by_hand_since_an_interrupted_apply_is_a_conflict_and_stays() {
    let folder = prepared(&["one"]);
    let path = folder.path().join("live");
    let target = Directory::open(&path).unwrap();
    let mut lock = target.lock(&claim("last"), NOW).unwrap();
    let journal = journal(&target, "last", &wanted("two"), None);
    target.begin(&lock, &journal).unwrap();
    std::fs::write(path.join("current/web/web.lua"), "by hand").unwrap();
    let before = seen(&path);
    match run(&target, &path, &mut lock, &journal) {
        Err(Interrupted::Failed(0, Error::Conflict { id, found })) => {
            assert_eq!(id, "web");
            assert_eq!(Some(found.as_str()), target.live().unwrap().digest("web"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(seen(&path), before);
    // The edit taken back, it goes on.
    std::fs::write(path.join("current/web/web.lua"), "1").unwrap();
    run(&target, &path, &mut lock, &journal).unwrap();
    target.release(&lock).unwrap();
    assert_eq!(seen(&path), files(&wanted("two")));
}

#[test]
fn one_that_lost_its_lock_cannot_write_any_more() {
    let folder = prepared(&["one"]);
    let path = folder.path().join("live");
    let slow = Directory::open(&path).unwrap();
    let lock = slow.lock(&claim("slow"), NOW).unwrap();
    let journal = journal(&slow, "slow", &wanted("two"), None);
    slow.begin(&lock, &journal).unwrap();
    slow.write(&lock, &journal, &journal.operations[0]).unwrap();
    let other = Directory::open(&path).unwrap();
    other.unlock("slow").unwrap();
    let fenced = Error::Fenced("slow".into());
    assert_eq!(slow.write(&lock, &journal, &journal.operations[1]), Err(fenced.clone()));
    assert_eq!(slow.finish(&lock, &journal).unwrap_err(), fenced);
    assert_eq!(slow.close(&lock, &journal), Err(fenced.clone()));
    assert_eq!(slow.renew(&lock, NOW).unwrap_err(), fenced);
    // Another one has it meanwhile, with a higher fence, and finishes what was begun.
    apply(&path, "next", "three").unwrap();
    assert_eq!(slow.finish(&lock, &journal).unwrap_err(), fenced);
    holds(&path, "three", 3, "after the lock was taken away");
}

#[test]
fn two_at_once_never_mix_whoever_comes_first() {
    for (first, second) in [("two", "three"), ("three", "two")] {
        let folder = prepared(&["one"]);
        let path = folder.path().join("live");
        let target = Directory::open(&path).unwrap();
        let mut lock = target.lock(&claim("first"), NOW).unwrap();
        let journal = journal(&target, "first", &wanted(first), None);
        target.begin(&lock, &journal).unwrap();
        let refused = in_a_child(&path, "second", second, "");
        assert!(said(&refused).contains("failed=first@test holds the lock first"), "{}", said(&refused));
        run(&target, &path, &mut lock, &journal).unwrap();
        target.release(&lock).unwrap();
        assert_eq!(seen(&path), files(&wanted(first)));
        assert!(said(&in_a_child(&path, "second", second, "")).contains("steps="));
        assert_eq!(seen(&path), files(&wanted(second)));
    }
    // Many at the same time: each waits for its turn or is refused, and all that was done is told.
    let folder = prepared(&["one"]);
    let path = folder.path().join("live");
    let children: Vec<_> = (0..8)
        .map(|at| {
            let path = path.clone();
            let state = if at % 2 == 0 { "two" } else { "three" };
            std::thread::spawn(move || said(&in_a_child(&path, &format!("many{at}"), state, "")))
        })
        .collect();
    let outputs: Vec<String> = children.into_iter().map(|child| child.join().unwrap()).collect();
    assert!(outputs.iter().any(|output| output.contains("steps=")), "{outputs:?}");
    assert!(outputs.iter().all(|o| o.contains("steps=") || o.contains("holds the lock")), "{outputs:?}");
    let serial = Directory::open(&path).unwrap().live().unwrap().serial;
    let state = if seen(&path) == files(&wanted("two")) { "two" } else { "three" };
    holds(&path, state, serial, "after many at once");
}

#[test]
fn a_clock_that_goes_backwards_changes_nothing() {
    let folder = prepared(&["one"]);
    let path = folder.path().join("live");
    let target = Directory::open(&path).unwrap();
    let mut lock = target.lock(&claim("last"), NOW).unwrap();
    let journal = journal(&target, "last", &wanted("two"), None);
    let now = Cell::new(NOW.0);
    let clock = || {
        now.set(now.get() - 3_600_000);
        Time(now.get())
    };
    let world = World { clock: &clock, stop: &|| false, progress: &|_| {}, record: &|_| Ok(()) };
    let outcome = perform(&target, &mut lock, &journal, &world).unwrap();
    assert_eq!((outcome.generation.serial, outcome.done), (2, 3));
    assert!(lock.renewed < NOW);
    target.release(&lock).unwrap();
    assert_eq!(seen(&path), files(&wanted("two")));
}

#[test]
fn one_that_is_asked_to_stop_stops_between_operations_and_is_taken_up() {
    for most in 0..4 {
        let folder = prepared(&["one"]);
        let path = folder.path().join("live");
        let target = Directory::open(&path).unwrap();
        let mut lock = target.lock(&claim("last"), NOW).unwrap();
        let journal = journal(&target, "last", &wanted("two"), None);
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > most
        };
        let world = World { clock: &|| NOW, stop: &stop, progress: &|_| {}, record: &|_| Ok(()) };
        let stopped = perform(&target, &mut lock, &journal, &world).unwrap_err();
        assert_eq!(stopped, Interrupted::Stopped(most));
        target.release(&lock).unwrap();
        assert_eq!(seen(&path), files(&wanted("one")), "nothing of it is live");
        apply(&path, "next", "two").unwrap();
        holds(&path, "two", 2, "after a stop");
    }
}

#[test]
fn what_was_edited_by_hand_is_found_and_carried_on() {
    let folder = prepared(&["one"]);
    let path = folder.path().join("live");
    std::fs::write(path.join("current/api/api.lua"), "by hand").unwrap();
    std::fs::write(path.join("current/notes.txt"), "mine").unwrap();
    let live = Directory::open(&path).unwrap().live().unwrap();
    assert_eq!(live.foreign, ["current/notes.txt"]);
    assert_ne!(live.digest("api"), live.inventory.get("api").map(String::as_str));
    assert_eq!(live.digest("web"), live.inventory.get("web").map(String::as_str));
    // An apply that does not touch it leaves it as it is; and the state before can be gone back to.
    let target = Directory::open(&path).unwrap();
    let mut lock = target.lock(&claim("last"), NOW).unwrap();
    let mut journal = journal(&target, "last", &wanted("two"), None);
    journal.operations.retain(|operation| operation.id != "api");
    run(&target, &path, &mut lock, &journal).unwrap();
    target.release(&lock).unwrap();
    let live = target.live().unwrap();
    assert_eq!(seen(&path)["api/api.lua"], "by hand");
    assert_ne!(live.digest("api"), live.inventory.get("api").map(String::as_str));
    assert_eq!(
        target.generation(1),
        Err(Error::Damaged(
            "api of generation 1 is not kept as it was applied: it was edited by hand".into()
        ))
    );
}

#[test]
fn generations_are_kept_as_they_were_and_the_oldest_go() {
    let folder = prepared(&[]);
    let path = folder.path().join("live");
    for at in 0..55 {
        apply(&path, &format!("run{at}"), if at % 2 == 0 { "one" } else { "two" }).unwrap();
    }
    let target = Directory::open(&path).unwrap();
    let serials: Vec<u64> = target.history().unwrap().iter().map(|g| g.serial).collect();
    assert_eq!(serials, (6..=55).collect::<Vec<_>>());
    assert_eq!(target.generation(54).unwrap(), wanted("two"));
    assert_eq!(target.generation(5), Err(Error::Missing(5)));
    // A manifest that was edited is none.
    let manifest = path.join("current/.generation.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("\"actor\": \"test\"", "\"actor\": \"root\"", 1)).unwrap();
    assert!(matches!(target.live(), Err(Error::Damaged(why)) if why.contains("not as it was written")));
}

#[test]
fn a_link_that_was_moved_by_hand_is_not_built_upon() {
    let folder = prepared(&["one", "two"]);
    let path = folder.path().join("live");
    let first = std::fs::read_dir(path.join("generations"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .find(|name| name.starts_with("000001"))
        .unwrap();
    std::fs::remove_file(path.join("current")).unwrap();
    std::os::unix::fs::symlink(format!("generations/{first}"), path.join("current")).unwrap();
    let refused = apply(&path, "next", "three").unwrap_err();
    assert!(refused.contains("generation 1, though 2 came after it"), "{refused}");
    std::fs::remove_file(path.join("current")).unwrap();
    std::os::unix::fs::symlink("/etc", path.join("current")).unwrap();
    let refused = Directory::open(&path).unwrap().live().unwrap_err().to_string();
    assert!(refused.ends_with("leads to /etc, which is no generation"), "{refused}");
}

#[test]
fn a_folder_of_somebody_else_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.rs"), "").unwrap();
    let refused = Directory::open(folder.path()).err().unwrap().to_string();
    assert!(refused.contains("holds main.rs, which luascale did not put there"), "{refused}");
    let refused = Directory::open(&folder.path().join("main.rs")).err().unwrap().to_string();
    assert!(refused.contains("is no folder"), "{refused}");
}

#[test]
fn a_policy_that_leads_out_of_its_folder_is_refused_before_anything_is_written() {
    let folder = prepared(&["one"]);
    let path = folder.path().join("live");
    let target = Directory::open(&path).unwrap();
    let mut lock = target.lock(&claim("last"), NOW).unwrap();
    let mut evil = wanted("two");
    evil.get_mut("web").unwrap().files.insert("../../../evil".into(), b"x".to_vec());
    let journal = journal(&target, "last", &evil, None);
    let refusals = target.validate(&journal.operations).unwrap();
    assert_eq!(refusals.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["web"]);
    let refused = run(&target, &path, &mut lock, &journal).unwrap_err();
    assert!(matches!(refused, Interrupted::Failed(_, Error::Refused(_))), "{refused:?}");
    assert_eq!(seen(&path), files(&wanted("one")));
    assert!(!folder.path().join("evil").exists());
}
