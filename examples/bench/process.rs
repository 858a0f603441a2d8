//! A child process that serves HTTP: the real server, or a control.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Migrations, and the check of a large database after a kill, may take a while.
const START_MAX: Duration = Duration::from_mins(1);
/// The server promises to stop within 10 s; the rest is for a machine under load.
const STOP_MAX: Duration = Duration::from_secs(15);
const STOP_POLL: Duration = Duration::from_millis(20);
/// How much of a failed process's own words is shown.
const LOG_LINES_MAX: usize = 20;

/// What a server prints once it answers, before its address.
pub(crate) const LISTENING: &str = "listening on http://";

/// A running child process that serves HTTP on loopback; killed if it is dropped before [`Peer::stop`].
pub(crate) struct Peer {
    process: Process,
    address: SocketAddr,
}

impl Peer {
    /// Starts `command`, its standard error going to a file in `folder`, and waits until it listens.
    pub(crate) fn start(name: &'static str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let log_file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let process = Process { name, child, log };
        let address = address_from(stdout).with_context(|| process.last_words())?;
        Ok(Self { process, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The most memory that the process has held so far (`VmHWM`), in bytes.
    pub(crate) fn peak_memory_bytes(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let kibibytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
            .with_context(|| format!("no VmHWM in {path}"))?
            .parse()?;
        Ok(kibibytes * 1024)
    }

    /// The processor time that the process has used so far, its system calls included.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        cpu_time(&self.process.child.id().to_string())
    }

    /// Asks the process to stop, and checks that it ends in time with status 0.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = self.process.child.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(signalled.success(), "{} was gone before it was asked to stop", self.process.name);
        let status = self.process.wait_for_end()?;
        ensure!(status.success(), "{} stopped with {status}; {}", self.process.name, self.last_words());
        Ok(())
    }

    /// The end of what the process wrote to its standard error.
    pub(crate) fn last_words(&self) -> String {
        self.process.last_words()
    }
}

/// The processor time that a process has used so far: `self`, or the number of one.
pub(crate) fn cpu_time(process: &str) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // The second field is the program's name in brackets, which may hold anything; the times are 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').with_context(|| format!("{path} has no name"))?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = times.collect::<Result<Vec<_>, _>>()?.into_iter().sum();
    // The kernel counts in hundredths of a second for everyone who asks, whatever it counts in itself.
    Ok(Duration::from_millis(ticks * 10))
}

/// A child process that does not outlive its owner.
struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    fn wait_for_end(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(STOP_POLL);
        }
        bail!("{} was still running {STOP_MAX:?} after SIGTERM; {}", self.name, self.last_words());
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_LINES_MAX)..];
        format!("the standard error of {} ends with:\n{}", self.name, tail.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the line that names the address; what follows is read and dropped, so that the pipe never fills.
fn address_from(stdout: ChildStdout) -> Result<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix(LISTENING) {
                // Nobody waits any more once the time to start is over.
                let _ = sender.send(address.to_owned());
            }
        }
    });
    let address = receiver
        .recv_timeout(START_MAX)
        .map_err(|_| anyhow::anyhow!("the line \"{LISTENING}…\" did not come within {START_MAX:?}"))?;
    address.trim().parse().with_context(|| format!("{address:?} is not an address and a port"))
}
