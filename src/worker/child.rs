//! The child's side: fence itself, then load and run what the parent asks for, until it ends.
//!
//! May import: the core, `protocol`. Edge: it reads the clock for the deadlines.

#![expect(clippy::disallowed_methods, reason = "the deadlines of policy code need a clock")]

use super::runs::{self, Ran};
use super::{Answer, CompareReply, CompareRequest, check, organisation, protocol, study};
use super::{LoadRequest, Purpose, Reply, Request, RunReply, RunRequest};
use crate::catalogue;
use crate::lint::Checked;
use crate::lua::{Clock, Modules};
use crate::program::Program;
use crate::sim::trace::Run;
use crate::text::Source;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Shortest time between two messages on the progress of a run.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// Serves requests until the other side closes. [`fence`] comes first.
///
/// # Errors
/// Where the other side speaks no sense or is gone.
pub fn serve(input: impl Read, output: impl Write) -> io::Result<()> {
    let pipe = Pipe(RefCell::new(Ends { input, output }));
    let mut program: Option<Program> = None;
    let mut checked: Option<Checked> = None;
    let mut kept: Option<Program> = None;
    let shelf = check::Shelf::default();
    while let Some(request) = pipe.read()? {
        match request {
            Request::Load(request) => {
                // The file before is forgotten first: its VM must not count against this one.
                drop((program.take(), checked.take()));
                let loaded = load(*request, &pipe);
                pipe.write(&Reply::Loaded(Box::new(study::reply(&loaded))))?;
                program = Some(loaded);
            }
            Request::Check(request, likely) => {
                drop((program.take(), checked.take()));
                let modules = AtHand { likely, pipe: &pipe };
                let (found, loaded) = check::load(&request, &modules, clock(), &shelf);
                let reply = Reply::Checked(Box::new(found));
                pipe.write(&reply)?;
                program = Some(loaded);
                if let Reply::Checked(found) = reply {
                    checked = Some(*found);
                }
            }
            Request::Study(request) => {
                drop((program.take(), checked.take()));
                let (loaded, studied) = study::study(&request, &pipe, clock());
                pipe.write(&Reply::Studied(Box::new(studied)))?;
                program = Some(loaded);
            }
            Request::Keep => kept = program.take(),
            Request::Compare(request) => {
                let (Some(before), Some(after)) = (&kept, &program) else {
                    return Err(nonsense("two files to compare, of which one was never loaded"));
                };
                let reply = compare(before, after, *request, &pipe)?;
                pipe.write(&Reply::Compared(Box::new(reply)))?;
                kept = None;
            }
            Request::Rules(files, limits) => {
                drop((program.take(), checked.take()));
                let declared = organisation::declared(&files, &limits, &clock());
                pipe.write(&Reply::Rules(Box::new(declared)))?;
            }
            Request::Run(request) => {
                let Some(program) = &program else {
                    return Err(nonsense("a run before any file was loaded"));
                };
                let reply = run(program, checked.as_ref(), *request, &pipe)?;
                pipe.write(&Reply::Ran(Box::new(reply)))?;
            }
            Request::Module(_) => return Err(nonsense("a module that nobody asked for")),
        }
    }
    Ok(())
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Gives up what policy code could misuse if it ever left the VM. Where the process has tighter
/// limits already, those hold.
///
/// # Errors
/// Where the system refuses a limit: nothing may run then.
pub fn fence(memory: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        close_inherited();
        let limit = |resource, most: u64| {
            let most = getrlimit(resource).maximum.map_or(most, |set| set.min(most));
            setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        };
        if memory > 0 {
            limit(Resource::As, memory)?;
        }
        limit(Resource::Fsize, 0)?;
        limit(Resource::Core, 0)?;
        // The three pipes, and the address space's own needs while it starts threads.
        limit(Resource::Nofile, 16)?;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{
            DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
        };
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The policy's process shows its memory to nobody.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    let _ = memory;
    Ok(())
}

/// Closes what the parent left open beside the three pipes: a build tool's job server, a log, a
/// socket that was not marked to be closed.
#[cfg(unix)]
#[allow(unsafe_code, reason = "a descriptor that nothing owns can be closed in no other way")]
fn close_inherited() {
    use std::os::fd::{FromRawFd, OwnedFd, RawFd};
    let Ok(entries) = std::fs::read_dir(if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" })
    else {
        return;
    };
    let open: Vec<RawFd> = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // The listing's own descriptor is among them and closed by now.
        // SAFETY: this runs before the child opens anything or starts a thread, so that no value
        // of this process owns a descriptor above 2; the flag is read first, so that only what is
        // still open is taken.
        let fd = unsafe {
            if rustix::io::fcntl_getfd(std::os::fd::BorrowedFd::borrow_raw(fd)).is_err() {
                continue;
            }
            OwnedFd::from_raw_fd(fd)
        };
        drop(fd);
    }
}

struct Ends<R, W> {
    input: R,
    output: W,
}

/// Both directions: loading asks for modules in the midst of answering.
struct Pipe<R, W>(RefCell<Ends<R, W>>);

impl<R: Read, W: Write> Pipe<R, W> {
    fn read(&self) -> io::Result<Option<Request>> {
        protocol::read(&mut self.0.borrow_mut().input)
    }

    fn write(&self, reply: &Reply) -> io::Result<()> {
        protocol::write(&mut self.0.borrow_mut().output, reply)
    }
}

impl<R: Read, W: Write> Modules for Pipe<R, W> {
    fn find(&self, name: &str) -> Result<Source, String> {
        let lost = |e: io::Error| format!("the parent process cannot be asked for it: {e}");
        self.write(&Reply::Need(name.into())).map_err(lost)?;
        match self.read().map_err(lost)? {
            Some(Request::Module(found)) => found,
            _ => Err("the parent process did not answer".into()),
        }
    }
}

/// Modules, of which some came with the request.
struct AtHand<'a> {
    likely: Vec<Answer>,
    pipe: &'a dyn Modules,
}

impl Modules for AtHand<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        let sent = self.likely.iter().find(|(sent, _)| sent == name);
        sent.map_or_else(|| self.pipe.find(name), |(_, answer)| answer.clone())
    }
}

fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn load<R: Read, W: Write>(request: LoadRequest, pipe: &Pipe<R, W>) -> Program {
    let catalogue = match catalogue::Table::new().with(&request.catalogue) {
        Ok(catalogue) => catalogue,
        Err(findings) => return Program::broken(request.source, findings, request.catalogue),
    };
    Program::load(&request.source, request.entry.as_ref(), pipe, &catalogue, &request.limits, clock())
}

fn compare<R: Read, W: Write>(
    before: &Program,
    after: &Program,
    request: CompareRequest,
    pipe: &Pipe<R, W>,
) -> io::Result<CompareReply> {
    let mut last = Instant::now();
    let mut broken = None;
    let mut progress = |done: u64, total: u64| {
        if last.elapsed() >= PROGRESS_EVERY {
            last = Instant::now();
            broken = pipe.write(&Reply::Progress { done, total }).err().or(broken.take());
        }
    };
    let reply = study::compare(before, after, request, &mut progress);
    match (broken, reply) {
        (Some(error), _) => Err(error),
        (None, Some(reply)) => Ok(reply),
        (None, None) => Err(nonsense("a policy that the file does not have")),
    }
}

fn run<R: Read, W: Write>(
    program: &Program,
    checked: Option<&Checked>,
    request: RunRequest,
    pipe: &Pipe<R, W>,
) -> io::Result<RunReply> {
    let mut last = Instant::now();
    let mut broken = None;
    let mut progress = |done: u64, total: u64| {
        if last.elapsed() >= PROGRESS_EVERY {
            last = Instant::now();
            broken = pipe.write(&Reply::Progress { done, total }).err().or(broken.take());
        }
    };
    let Some(ran) = runs::run(program, &request, &mut progress) else {
        return Err(nonsense("a policy that the file does not have"));
    };
    if let Some(error) = broken {
        return Err(error);
    }
    let Ran { mut runs, foreign } = match ran {
        Ok(ran) => ran,
        Err((findings, sources)) => {
            return Ok(RunReply { runs: Vec::new(), recordings: 0, findings, sources, foreign: Vec::new() });
        }
    };
    let recordings = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    let mut findings = Vec::new();
    if request.purpose == Purpose::Check {
        let checked = checked.ok_or_else(|| nonsense("a run to be judged of a file that was not checked"))?;
        let all: Vec<Run> = runs.drain(..).map(|recorded| recorded.run).collect();
        findings = check::judge(checked, request.policy as usize, &all);
    }
    Ok(RunReply { runs, recordings, findings, sources: Vec::new(), foreign })
}
