//! The load generator: keep-alive connections in a closed loop, each sending its next request when its last
//! one is answered.
//!
//! It shares the machine's cores with what it measures, so it does as little as it can: one thread, one
//! reused buffer a connection and direction, and of an answer only the status, the length and the body are
//! looked at. Being a closed loop, it measures latency at the rate that the peer sustains, not at a rate set
//! from outside.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// Room for one whole answer, head and body.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How much of a wrong answer is shown.
const SAMPLE_BYTES_MAX: usize = 600;
/// A run whose supply lasts for less than this part of the window says nothing.
const WINDOW_SHARE_MIN: u32 = 8;

/// What a workload sends, and what it makes of the answers.
pub(crate) trait Requests: Send + 'static {
    /// The only status that counts as a success.
    const EXPECTED_STATUS: u16;

    /// Appends the next request to `out`, or returns `false` when there is none left.
    fn write_next(&mut self, out: &mut Vec<u8>) -> bool;

    /// Takes the body of a success.
    fn learn(&mut self, _body: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// How long a run lasts.
#[derive(Clone, Copy)]
pub(crate) enum Span {
    /// Until the supply of requests ends; everything is counted.
    Supply,
    /// At most `warm_up` and `window`; what is answered within `window` is counted.
    Window {
        /// Time before anything is counted.
        warm_up: Duration,
        /// Time in which answers are counted.
        window: Duration,
    },
}

/// How hard a peer is driven.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// How many connections send at the same time.
    pub(crate) connections: usize,
    /// How long.
    pub(crate) span: Span,
}

/// One run of one workload.
pub(crate) struct Measured {
    /// Every answered request, the warm-up included: as many rows must be in the database.
    pub(crate) successes: u64,
    /// The requests answered within the window.
    pub(crate) counted: u64,
    /// The window, shorter than asked for where the supply ended before.
    pub(crate) window: Duration,
    /// From the first byte sent to the last byte read, in nanoseconds, of the counted requests.
    pub(crate) latency_ns: Histogram<u64>,
    /// All bytes of the counted answers, heads included.
    pub(crate) answer_bytes: u64,
    /// The share of one core that the generator itself used; near 1 it is the generator that was measured.
    pub(crate) generator_share: f64,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        as_float(self.counted) / self.window.as_secs_f64()
    }
}

/// A count as a float; exact below 2^53, which no run reaches.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark stay far below 2^53")]
pub(crate) fn as_float(count: u64) -> f64 {
    count as f64
}

/// Drives `address` and returns the figures and the workload with what it learned.
///
/// Fails on the first answer that is not a success, and shows it.
pub(crate) fn run<R: Requests>(address: SocketAddr, load: Load, requests: R) -> Result<(Measured, R)> {
    ensure!(address.ip().is_loopback(), "only loopback addresses are driven, and {address} is none");
    let generator = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, drive_all(address, load, requests))
    });
    generator.join().map_err(|_| anyhow::anyhow!("the load generator panicked"))?
}

async fn drive_all<R: Requests>(address: SocketAddr, load: Load, requests: R) -> Result<(Measured, R)> {
    let mut streams = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let cpu_before = thread_cpu_time()?;
    let tally = Rc::new(RefCell::new(Tally::start(load.span, requests)?));
    let mut drivers = JoinSet::new();
    for stream in streams {
        drivers.spawn_local(drive(stream, Rc::clone(&tally)));
    }
    while let Some(ended) = drivers.join_next().await {
        ended??;
    }
    let Ok(tally) = Rc::try_unwrap(tally) else { bail!("a connection outlived its driver") };
    let cpu = thread_cpu_time()?.saturating_sub(cpu_before);
    tally.into_inner().finish(load.span, cpu)
}

async fn drive<R: Requests>(mut stream: TcpStream, tally: Rc<RefCell<Tally<R>>>) -> Result<()> {
    let mut request = Vec::with_capacity(1024);
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    let mut now = Instant::now();
    loop {
        request.clear();
        if !tally.borrow_mut().issue(now, &mut request) {
            return Ok(());
        }
        let sent_at = Instant::now();
        stream.write_all(&request).await.context("sending a request")?;
        let (head, bytes) = read_answer(&mut stream, &mut answer).await?;
        now = Instant::now();
        if head.status != R::EXPECTED_STATUS {
            bail!(wrong_answer(R::EXPECTED_STATUS, &request, &answer[..bytes]));
        }
        tally.borrow_mut().settle(sent_at, now, bytes, &answer[head.body_at..bytes])?;
    }
}

fn wrong_answer(expected: u16, request: &[u8], answer: &[u8]) -> String {
    let sample = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[..bytes.len().min(SAMPLE_BYTES_MAX)]).trim_end().to_owned()
    };
    format!("expected {expected}; asked\n{}\nand was answered\n{}", sample(request), sample(answer))
}

/// What all connections of a run share.
struct Tally<R> {
    requests: R,
    counts_from: Instant,
    ends: Option<Instant>,
    last_answer: Instant,
    successes: u64,
    latency_ns: Histogram<u64>,
    answer_bytes: u64,
    started: Instant,
}

impl<R: Requests> Tally<R> {
    fn start(span: Span, requests: R) -> Result<Self> {
        let started = Instant::now();
        let (counts_from, ends) = match span {
            Span::Supply => (started, None),
            Span::Window { warm_up, window } => (started + warm_up, Some(started + warm_up + window)),
        };
        Ok(Self {
            requests,
            counts_from,
            ends,
            last_answer: started,
            successes: 0,
            latency_ns: Histogram::new(3)?,
            answer_bytes: 0,
            started,
        })
    }

    fn issue(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        self.ends.is_none_or(|ends| now < ends) && self.requests.write_next(out)
    }

    fn settle(&mut self, sent_at: Instant, now: Instant, bytes: usize, body: &[u8]) -> Result<()> {
        self.successes += 1;
        self.last_answer = now;
        self.requests.learn(body)?;
        if now >= self.counts_from && self.ends.is_none_or(|ends| now < ends) {
            self.latency_ns.record(u64::try_from((now - sent_at).as_nanos())?)?;
            self.answer_bytes += u64::try_from(bytes)?;
        }
        Ok(())
    }

    fn finish(self, span: Span, cpu: Duration) -> Result<(Measured, R)> {
        let ended = self.ends.map_or(self.last_answer, |ends| ends.min(self.last_answer));
        let window = ended.saturating_duration_since(self.counts_from);
        if let Span::Window { window: asked, .. } = span {
            ensure!(
                window >= asked / WINDOW_SHARE_MIN,
                "the prepared requests were used up after {:.2} s of the {:.2} s to be measured",
                window.as_secs_f64(),
                asked.as_secs_f64(),
            );
        }
        let elapsed = self.last_answer - self.started;
        let measured = Measured {
            successes: self.successes,
            counted: self.latency_ns.len(),
            window,
            latency_ns: self.latency_ns,
            answer_bytes: self.answer_bytes,
            generator_share: cpu.as_secs_f64() / elapsed.as_secs_f64(),
        };
        Ok((measured, self.requests))
    }
}

/// The processor time of this thread: the first number that the scheduler shows for it, in nanoseconds.
fn thread_cpu_time() -> Result<Duration> {
    let statistics =
        std::fs::read_to_string("/proc/thread-self/schedstat").context("reading the CPU time")?;
    let nanoseconds = statistics.split_whitespace().next().context("an empty schedstat")?.parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// What is looked at in the head of an answer.
#[derive(Debug, PartialEq)]
struct Head {
    status: u16,
    body_at: usize,
    body_bytes: usize,
}

/// Reads one whole answer into `buffer` and returns its head and how many bytes it takes.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<(Head, usize)> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.context("reading an answer")?;
        ensure!(read > 0, "the peer closed the connection, or answered more than {ANSWER_BYTES_MAX} bytes");
        filled += read;
        let Some(head) = parse_head(&buffer[..filled])? else { continue };
        let whole = head.body_at + head.body_bytes;
        ensure!(filled <= whole, "the peer sent {} bytes too many", filled - whole);
        if filled == whole {
            return Ok((head, whole));
        }
    }
}

/// Finds the head of an answer, or `None` while it is not whole yet.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = str::from_utf8(&bytes[..end]).context("a head that is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .with_context(|| format!("no HTTP/1.1 status line: {head}"))?;
    let body_bytes = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .with_context(|| format!("no content-length, which this generator needs: {head}"))?;
    Ok(Some(Head { status, body_at: end + 4, body_bytes }))
}

#[cfg(test)]
mod tests;
