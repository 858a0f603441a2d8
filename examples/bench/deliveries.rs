//! Outgoing postbacks: how fast what waits is delivered, against the bare client that delivers it, and
//! whether an endpoint that hangs slows the others.
//!
//! The conversions are recorded while their endpoints are paused. Then a server is started on what waits, and
//! the receivers tell how long it took from the first arrival to the last. The endpoint that hangs is told
//! first, so long before the others that its attempts time out, and are made anew, while those are told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use countersign::delivery::Limits as InFlight;
use countersign::delivery::client::{Client, Limits, OutgoingRequest};
use hyper::Method;
use tokio::task::JoinSet;
use url::Url;

use crate::controls::receivers::{ANSWERING, Receivers};
use crate::database::{Place, Scratch, Session};
use crate::process::cpu_time;
use crate::report::{Delivered, Delivery, Figures};
use crate::server::{LOOPBACK, Server};

/// How long deliveries may take before they count as stuck.
const DELIVERED_MAX: Duration = Duration::from_mins(5);
const DELIVERED_POLL: Duration = Duration::from_millis(50);

/// How long before the others the endpoint that hangs is told: its first attempts time out 2 s after.
pub(crate) const HANGS_FIRST: Duration = Duration::from_secs(13);

/// How many conversions are told.
#[derive(Clone, Copy)]
pub(crate) struct Conversions {
    /// To one endpoint.
    pub(crate) to_one: u64,
    /// To each of many endpoints.
    pub(crate) to_each: u64,
    /// How long before the others the endpoint that hangs is told.
    pub(crate) hangs_first: Duration,
}

/// Whom a server tells.
#[derive(Clone, Copy)]
struct Told {
    /// How many endpoints that answer.
    answering: usize,
    /// How long before them one that hangs, if there is one.
    hangs_first: Option<Duration>,
}

/// Adds `rounds` rounds to the figures.
pub(crate) fn measure(
    place: &Place,
    binary: &Path,
    rounds: usize,
    conversions: Conversions,
    figures: &mut Figures,
) -> Result<()> {
    let Conversions { to_one, to_each, hangs_first } = conversions;
    for round in 1..=rounds {
        for delivery in [Delivery::BareClient, Delivery::OneEndpoint, Delivery::BareClient] {
            eprintln!("deliveries, round {round} of {rounds}: {}", delivery.title());
            figures.deliveries.push(taken(delivery, place, binary, round, to_one, hangs_first)?);
        }
        for delivery in [Delivery::NineEndpoints, Delivery::NineBesideHanging, Delivery::NineEndpoints] {
            eprintln!("deliveries, round {round} of {rounds}: {}", delivery.title());
            figures.deliveries.push(taken(delivery, place, binary, round, to_each, hangs_first)?);
        }
    }
    Ok(())
}

/// Measures once, with everything fresh.
fn taken(
    delivery: Delivery,
    place: &Place,
    binary: &Path,
    round: usize,
    conversions: u64,
    hangs_first: Duration,
) -> Result<Delivered> {
    let scratch = place.fresh("deliveries")?;
    let receivers = Receivers::start(&scratch)?;
    let told = match delivery {
        Delivery::BareClient | Delivery::OneEndpoint => Told { answering: 1, hangs_first: None },
        Delivery::NineEndpoints => Told { answering: ANSWERING, hangs_first: None },
        Delivery::NineBesideHanging => Told { answering: ANSWERING, hangs_first: Some(hangs_first) },
    };
    let (cpu_time, peak_memory_bytes) = if delivery == Delivery::BareClient {
        (bare(&receivers, conversions)?, None)
    } else {
        let (cpu_time, peak) = served(binary, &scratch, &receivers, told, conversions)?;
        (cpu_time, Some(peak))
    };
    let noted = receivers.noted()?;
    noted.check_each_once(told.answering, conversions)?;
    let in_flight = u64::try_from(InFlight::default().per_host)?;
    let has_timed_out = noted.hanging_taken > in_flight;
    ensure!(
        has_timed_out || told.hangs_first.is_none_or(|first| first.is_zero()),
        "the others were told before an attempt at the endpoint that hangs has timed out: tell more conversions"
    );
    receivers.stop()?;
    Ok(Delivered { delivery, round, count: noted.count(), span: noted.span(), cpu_time, peak_memory_bytes })
}

/// Has a server record conversions and another deliver them; gives the processor time that the second took for it, and
/// the most memory that either has held.
fn served(
    binary: &Path,
    scratch: &Scratch,
    receivers: &Receivers,
    told: Told,
    conversions: u64,
) -> Result<(Duration, u64)> {
    let noted = receivers.noted()?;
    let mut addresses: Vec<_> =
        noted.answering[..told.answering].iter().map(|receiver| receiver.address).collect();
    addresses.extend(told.hangs_first.map(|_| noted.hanging));
    let endpoints: Vec<_> = (1..=addresses.len()).map(|number| format!("endpoint-{number}")).collect();
    let text: String =
        endpoints.iter().zip(addresses).map(|(id, address)| postback_text(id, &address)).collect();
    Server::set_up(binary, scratch, &text)?;
    let switch = |verb: &str, ids: &[String]| {
        ids.iter().try_for_each(|id| Server::switch_postback(binary, scratch, verb, id))
    };
    switch("pause", &endpoints)?;
    let mut recording = Server::launch(binary, scratch)?;
    recording.record_conversions(usize::try_from(conversions)?)?;
    let while_recording = recording.peak_memory_bytes()?;
    recording.stop()?;

    let (answering, hanging) = endpoints.split_at(told.answering);
    switch("resume", hanging)?;
    if told.answering == 1 {
        switch("resume", answering)?;
    }
    let server = Server::launch(binary, scratch)?;
    std::thread::sleep(told.hangs_first.unwrap_or_default());
    let before = server.cpu_time()?;
    if told.answering > 1 {
        switch("resume", answering)?;
    }
    let owed = conversions * u64::try_from(told.answering)?;
    wait_until_delivered(receivers, scratch, owed).with_context(|| server.last_words())?;
    let cpu_time = server.cpu_time()?.saturating_sub(before);
    let while_delivering = server.peak_memory_bytes()?;
    server.stop()?;
    Ok((cpu_time, while_recording.max(while_delivering)))
}

fn postback_text(id: &str, address: &std::net::SocketAddr) -> String {
    format!(
        r#"
[[postback]]
id = "{id}"
affiliate = "bench-affiliate"
statuses = ["pending"]
url = "http://{address}/postback?cid={{cl_id}}&payout={{payout}}&status={{status}}&tid={{conversion_id}}"
"#
    )
}

/// Waits for the arrivals, which costs the server nothing, and only then for the database to know of them.
fn wait_until_delivered(receivers: &Receivers, scratch: &Scratch, owed: u64) -> Result<()> {
    let deadline = Instant::now() + DELIVERED_MAX;
    let rows = Session::open_reader(scratch.url())?;
    let (mut arrived, mut delivered) = (0, 0);
    while Instant::now() < deadline {
        arrived = receivers.noted()?.count();
        if arrived >= owed {
            delivered = rows.count_delivered()?;
            if delivered == owed {
                return Ok(());
            }
        }
        std::thread::sleep(DELIVERED_POLL);
    }
    ensure!(false, "of {owed} deliveries, {arrived} arrived, and {delivered} are known as delivered");
    Ok(())
}

/// Tells the first receiver as often, by the same client and with as many requests in flight, and does
/// nothing else. Gives the processor time that it took.
fn bare(receivers: &Receivers, count: u64) -> Result<Duration> {
    let before = cpu_time("self")?;
    let address = receivers.noted()?.answering[0].address;
    let client = Client::new(Limits::default(), vec![LOOPBACK.parse()?])?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let next = Arc::new(AtomicU64::new(0));
        let mut senders = JoinSet::new();
        for _ in 0..InFlight::default().per_host {
            let (client, next) = (client.clone(), Arc::clone(&next));
            senders.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok(());
                    }
                    let answer = client.exchange(request(&address, number)?).await.outcome?;
                    ensure!(answer.status == 200, "the receiver answered {}", answer.status);
                }
            });
        }
        senders.join_all().await.into_iter().collect::<Result<()>>()
    })?;
    Ok(cpu_time("self")?.saturating_sub(before))
}

/// As long as what the server sends.
fn request(address: &std::net::SocketAddr, number: u64) -> Result<OutgoingRequest> {
    let id = format!("{number:08x}-0000-7000-8000-000000000000");
    let url = format!("http://{address}/postback?cid=a{number}&payout=&status=pending&tid={id}");
    Ok(OutgoingRequest {
        method: Method::GET,
        url: Url::parse(&url)?,
        headers: vec![("webhook-id".to_owned(), id)],
        body: None,
        basic_auth: None,
    })
}
