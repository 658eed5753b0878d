//! The parent's side: start a child, ask it, wait no longer than the deadline, kill it.
//!
//! May import: the core, `protocol`. Edge: processes, threads and time.

#![expect(clippy::disallowed_methods, reason = "this is where processes are started and waited for")]

use super::protocol;
use super::{
    Answer, CheckRequest, CompareReply, CompareRequest, LoadReply, LoadRequest, Reply, Request, RulesReply,
    RunReply, RunRequest, Studied,
};
use crate::lint::Checked;
use crate::lua::{Limits, Modules, requires};
use crate::text::Source;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// Most that is kept of what a child wrote to its standard error, in bytes.
const STDERR_KEPT: u64 = 4096;

/// Most modules that are sent along with a file, and from how many bytes on no more are.
const MOST_LIKELY: usize = 100;
const MOST_BYTES: usize = 1 << 20;

/// How long a child that closed its pipe may take to end.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Why a child gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It could not be started.
    #[error("the worker process could not be started: {0}")]
    Start(String),
    /// It was killed at the deadline.
    #[error("it was stopped after {}", shown(*.0))]
    Deadline(Duration),
    /// It ended by itself: a crash, or a limit of the system.
    #[error("the process that ran it {0}")]
    Ended(String),
    /// It panicked: a bug.
    #[error("luascale failed inside the worker process: {0}")]
    Bug(String),
}

fn shown(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The binary that is to run as the worker: this one.
///
/// # Errors
/// Where the system does not tell.
pub fn own_binary() -> io::Result<PathBuf> {
    // On Linux this link works even where the file was replaced since the start.
    let link = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && link.exists() { Ok(link.into()) } else { std::env::current_exe() }
}

/// A child that runs policy code; killed when dropped.
pub struct Worker {
    child: Child,
    requests: Sender<Request>,
    replies: Receiver<io::Result<Option<Reply>>>,
    stderr: Option<ChildStderr>,
    /// A child that was lost answers no more.
    lost: Option<Lost>,
}

impl Worker {
    /// Starts a child: empty environment, pipes alone, `memory` bytes of address space
    /// (0: unlimited; not enforced on Windows and macOS).
    ///
    /// # Errors
    /// [`Lost::Start`].
    pub fn start(binary: &Path, memory: u64) -> Result<Worker, Lost> {
        let fail = |e: io::Error| Lost::Start(e.to_string());
        let mut command = Command::new(binary);
        command.arg("__worker").arg("--memory").arg(memory.to_string()).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            // The name that `ps` shows, since the path may be /proc/self/exe.
            command.arg0("luascale");
            command.current_dir("/");
        }
        let mut child = command.spawn().map_err(fail)?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = pipes else {
            return Err(Lost::Start("its pipes are not there".into()));
        };
        let stderr = child.stderr.take();
        let (requests, to_write) = mpsc::channel();
        let (read, replies) = mpsc::channel();
        // Neither a child that does not read nor one that does not write may hold up this thread,
        // which keeps the deadline. Both threads end when the child does.
        let threads = thread("requests", move || write_all(stdin, &to_write))
            .and_then(|()| thread("replies", move || read_all(stdout, &read)));
        let worker = Worker { child, requests, replies, stderr, lost: None };
        match threads {
            Ok(()) => Ok(worker),
            // Dropping the worker ends the child.
            Err(error) => Err(fail(error)),
        }
    }

    /// Loads a file; the child asks for what it requires.
    ///
    /// # Errors
    /// Where the child ended or did not answer within `patience`.
    pub fn load(
        &mut self,
        request: LoadRequest,
        modules: &dyn Modules,
        patience: Duration,
    ) -> Result<LoadReply, Lost> {
        let end = Instant::now() + patience;
        self.send(Request::Load(Box::new(request)))?;
        loop {
            match self.receive(end, patience)? {
                Reply::Need(name) => self.send(Request::Module(modules.find(&name)))?,
                Reply::Loaded(loaded) => return Ok(*loaded),
                _ => {
                    return Err(self.give_up(out_of_turn()));
                }
            }
        }
    }

    /// Loads a file and lints it, by an organisation's files of rules too; the child asks for what
    /// it requires.
    ///
    /// # Errors
    /// Where the child ended or did not answer within `patience`.
    pub fn check(
        &mut self,
        request: impl Into<CheckRequest>,
        modules: &dyn Modules,
        patience: Duration,
    ) -> Result<Checked, Lost> {
        let end = Instant::now() + patience;
        let request = request.into();
        let likely = likely(&request.load.source, modules);
        self.send(Request::Check(Box::new(request), likely))?;
        loop {
            match self.receive(end, patience)? {
                Reply::Need(name) => self.send(Request::Module(modules.find(&name)))?,
                Reply::Checked(checked) => return Ok(*checked),
                _ => {
                    return Err(self.give_up(out_of_turn()));
                }
            }
        }
    }

    /// Loads a file and reads what its functions do; the child asks for what it requires.
    ///
    /// # Errors
    /// Where the child ended or did not answer within `patience`.
    pub fn study(
        &mut self,
        request: LoadRequest,
        modules: &dyn Modules,
        patience: Duration,
    ) -> Result<Studied, Lost> {
        let end = Instant::now() + patience;
        self.send(Request::Study(Box::new(request)))?;
        loop {
            match self.receive(end, patience)? {
                Reply::Need(name) => self.send(Request::Module(modules.find(&name)))?,
                Reply::Studied(studied) => return Ok(*studied),
                _ => return Err(self.give_up(out_of_turn())),
            }
        }
    }

    /// Keeps the file that was loaded last, to be compared with the next one.
    ///
    /// # Errors
    /// Where the child ended.
    pub fn keep(&mut self) -> Result<(), Lost> {
        self.send(Request::Keep)
    }

    /// Runs a policy of the file that was kept and one of the file that was loaded last on the
    /// same recordings. The kept file is forgotten.
    ///
    /// # Errors
    /// Where the child ended or did not answer within `patience`.
    pub fn compare(
        &mut self,
        request: CompareRequest,
        patience: Duration,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<CompareReply, Lost> {
        let end = Instant::now() + patience;
        self.send(Request::Compare(Box::new(request)))?;
        loop {
            match self.receive(end, patience)? {
                Reply::Progress { done, total } => progress(done, total),
                Reply::Compared(compared) => return Ok(*compared),
                _ => return Err(self.give_up(out_of_turn())),
            }
        }
    }

    /// Loads an organisation's files of rules.
    ///
    /// # Errors
    /// Where the child ended or did not answer within `patience`.
    pub fn rules(
        &mut self,
        files: &[Source],
        limits: Limits,
        patience: Duration,
    ) -> Result<RulesReply, Lost> {
        let end = Instant::now() + patience;
        self.send(Request::Rules(files.to_vec(), limits))?;
        match self.receive(end, patience)? {
            Reply::Rules(reply) => Ok(*reply),
            _ => Err(self.give_up(out_of_turn())),
        }
    }

    /// Runs one policy of the file that was loaded or checked last.
    ///
    /// # Errors
    /// Where the child ended or did not answer within `patience`.
    pub fn run(
        &mut self,
        request: RunRequest,
        patience: Duration,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<RunReply, Lost> {
        let end = Instant::now() + patience;
        self.send(Request::Run(Box::new(request)))?;
        loop {
            match self.receive(end, patience)? {
                Reply::Progress { done, total } => progress(done, total),
                Reply::Ran(ran) => return Ok(*ran),
                _ => {
                    return Err(self.give_up(out_of_turn()));
                }
            }
        }
    }

    /// Whether the child was lost and another must be started.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    fn send(&mut self, request: Request) -> Result<(), Lost> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        // Nobody takes requests any more where the child has ended: how it ended says more.
        self.requests.send(request).map_err(|_| self.ended())
    }

    fn receive(&mut self, end: Instant, patience: Duration) -> Result<Reply, Lost> {
        let left = end.saturating_duration_since(Instant::now());
        match self.replies.recv_timeout(left) {
            Ok(Ok(Some(reply))) => Ok(reply),
            Err(RecvTimeoutError::Timeout) => Err(self.give_up(Lost::Deadline(patience))),
            Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.ended()),
            Ok(Err(error)) => Err(self.give_up(Lost::Bug(format!("its answer cannot be read: {error}")))),
        }
    }

    fn give_up(&mut self, lost: Lost) -> Lost {
        // Nothing can be done about a child that is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.lost = Some(lost.clone());
        lost
    }

    /// The child closed its pipe: tells how it ended.
    fn ended(&mut self) -> Lost {
        let end = Instant::now() + END_PATIENCE;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
                Ok(None) | Err(_) => break None,
            }
        };
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut said = Vec::new();
        if let Some(stderr) = self.stderr.take() {
            let _ = stderr.take(STDERR_KEPT).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said);
        let lost =
            status.map_or_else(|| Lost::Ended("did not end properly".into()), |s| told(s, said.trim()));
        self.lost = Some(lost.clone());
        lost
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The modules that a file requires by name, and those that they do: to be asked for each one by one
/// takes longer than to check most files.
fn likely(source: &Source, modules: &dyn Modules) -> Vec<Answer> {
    let mut sent: Vec<Answer> = Vec::new();
    let mut bytes = 0;
    let mut todo = requires(&source.text);
    while let Some(name) = todo.pop() {
        if sent.iter().any(|(sent, _)| *sent == name) {
            continue;
        }
        let answer = modules.find(&name);
        if let Ok(found) = &answer {
            bytes += found.text.len();
            todo.extend(requires(&found.text));
        }
        sent.push((name, answer));
        if sent.len() >= MOST_LIKELY || bytes > MOST_BYTES {
            break;
        }
    }
    sent
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(run).map(|_| ())
}

fn write_all(mut to: ChildStdin, requests: &Receiver<Request>) {
    while let Ok(request) = requests.recv() {
        if protocol::write(&mut to, &request).is_err() {
            return;
        }
    }
}

fn read_all(mut from: ChildStdout, replies: &Sender<io::Result<Option<Reply>>>) {
    loop {
        let reply = protocol::read::<Reply>(&mut from);
        let last = !matches!(reply, Ok(Some(_)));
        if replies.send(reply).is_err() || last {
            return;
        }
    }
}

fn out_of_turn() -> Lost {
    Lost::Bug("it answered out of turn".into())
}

/// A child's end in words.
fn told(status: ExitStatus, said: &str) -> Lost {
    let first = said.lines().next().unwrap_or_default();
    let tail = if first.is_empty() { String::new() } else { format!(": {first}") };
    if status.code() == Some(i32::from(super::UNFENCED)) {
        return Lost::Start(first.into());
    }
    if status.code() == Some(i32::from(super::PANICKED)) {
        return Lost::Bug(if said.is_empty() { "it said nothing".into() } else { said.into() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            let memory = said.contains("memory allocation");
            let why = if memory {
                "ran out of the memory it may use".into()
            } else {
                format!("was ended by signal {signal}{tail}")
            };
            return Lost::Ended(why);
        }
    }
    match status.code() {
        Some(code) => Lost::Ended(format!("ended with status {code}{tail}")),
        None => Lost::Ended(format!("ended{tail}")),
    }
}
