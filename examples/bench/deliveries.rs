//! Outgoing postbacks: how fast what waits is delivered, against the bare client that delivers it, and
//! whether an endpoint that hangs slows the others.
//!
//! The conversions are recorded while their endpoints are paused. Then a server is started on what waits, and
//! the receivers tell how long it took from the first arrival to the last.

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
use crate::report::{Delivered, Delivery, Figures};
use crate::server::{LOOPBACK, Server};

/// How long deliveries may take before they count as stuck.
const DELIVERED_MAX: Duration = Duration::from_mins(5);
const DELIVERED_POLL: Duration = Duration::from_millis(50);

/// How many conversions are told.
#[derive(Clone, Copy)]
pub(crate) struct Conversions {
    /// To one endpoint.
    pub(crate) to_one: u64,
    /// To each of many endpoints. A run that is over before the client's timeout has seen attempts at the
    /// hanging one only begin.
    pub(crate) to_each: u64,
}

/// Adds `rounds` rounds to the figures.
pub(crate) fn measure(
    place: &Place,
    binary: &Path,
    rounds: usize,
    conversions: Conversions,
    figures: &mut Figures,
) -> Result<()> {
    let Conversions { to_one, to_each } = conversions;
    for round in 1..=rounds {
        for delivery in [Delivery::BareClient, Delivery::OneEndpoint, Delivery::BareClient] {
            eprintln!("deliveries, round {round} of {rounds}: {}", delivery.title());
            figures.deliveries.push(taken(delivery, place, binary, round, to_one)?);
        }
        for delivery in [Delivery::NineEndpoints, Delivery::NineBesideHanging, Delivery::NineEndpoints] {
            eprintln!("deliveries, round {round} of {rounds}: {}", delivery.title());
            figures.deliveries.push(taken(delivery, place, binary, round, to_each)?);
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
) -> Result<Delivered> {
    let scratch = place.fresh("deliveries")?;
    let receivers = Receivers::start(&scratch)?;
    let (told, peak_memory_bytes) = match delivery {
        Delivery::BareClient => {
            bare(&receivers, conversions)?;
            (1, None)
        }
        Delivery::OneEndpoint => (1, Some(served(binary, &scratch, &receivers, 1, false, conversions)?)),
        Delivery::NineEndpoints => {
            (ANSWERING, Some(served(binary, &scratch, &receivers, ANSWERING, false, conversions)?))
        }
        Delivery::NineBesideHanging => {
            (ANSWERING, Some(served(binary, &scratch, &receivers, ANSWERING, true, conversions)?))
        }
    };
    let noted = receivers.noted()?;
    noted.check_each_once(told, conversions)?;
    receivers.stop()?;
    Ok(Delivered { delivery, round, count: noted.count(), span: noted.span(), peak_memory_bytes })
}

/// Has a server record conversions and another deliver them; gives the most memory that either has held.
fn served(
    binary: &Path,
    scratch: &Scratch,
    receivers: &Receivers,
    answering: usize,
    beside_hanging: bool,
    conversions: u64,
) -> Result<u64> {
    let noted = receivers.noted()?;
    let mut addresses: Vec<_> =
        noted.answering[..answering].iter().map(|receiver| receiver.address).collect();
    addresses.extend(beside_hanging.then_some(noted.hanging));
    let endpoints: Vec<_> = (1..=addresses.len()).map(|number| format!("endpoint-{number}")).collect();
    let text: String =
        endpoints.iter().zip(addresses).map(|(id, address)| postback_text(id, &address)).collect();
    Server::set_up(binary, scratch, &text)?;
    endpoints.iter().try_for_each(|id| Server::switch_postback(binary, scratch, "pause", id))?;
    let mut recording = Server::launch(binary, scratch)?;
    recording.record_conversions(usize::try_from(conversions)?)?;
    let while_recording = recording.peak_memory_bytes()?;
    recording.stop()?;
    endpoints.iter().try_for_each(|id| Server::switch_postback(binary, scratch, "resume", id))?;

    let server = Server::launch(binary, scratch)?;
    let owed = conversions * u64::try_from(answering)?;
    wait_until_delivered(receivers, scratch, owed).with_context(|| server.last_words())?;
    let while_delivering = server.peak_memory_bytes()?;
    server.stop()?;
    Ok(while_recording.max(while_delivering))
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
/// nothing else.
fn bare(receivers: &Receivers, count: u64) -> Result<()> {
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
        senders.join_all().await.into_iter().collect()
    })
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
