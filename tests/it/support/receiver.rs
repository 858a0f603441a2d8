//! A receiver of outgoing postbacks: records every request, and answers by a script.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::eventually;

/// How a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// With this status.
    Status(u16),
    /// With these bytes, whatever they are.
    Raw(String),
    /// With 200 and the request in the body.
    Echo,
    /// With 200, after this time.
    After(Duration),
    /// Not at all, while the connection stays open.
    Hang,
    /// With a status line at a byte a second.
    Drip,
    /// With 200 and a body that never ends.
    Endless,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The method.
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: String,
    head: String,
}

impl Received {
    /// A header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// A server that records what it is sent. It ends with the test.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    received: Mutex<Vec<Received>>,
    script: Mutex<VecDeque<Reply>>,
    otherwise: Mutex<Reply>,
}

impl Receiver {
    /// One that answers 200.
    pub(crate) async fn new() -> Self {
        Self::on("127.0.0.1", Reply::Status(200)).await
    }

    /// One that always answers like this.
    pub(crate) async fn with(reply: Reply) -> Self {
        Self::on("127.0.0.1", reply).await
    }

    /// One on this address.
    pub(crate) async fn on(host: &str, reply: Reply) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            State { received: Mutex::default(), script: Mutex::default(), otherwise: Mutex::new(reply) };
        let receiver = Self { address, state: Arc::new(state) };
        let accepting = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&accepting.state);
                // A program that is killed breaks its connections off.
                tokio::spawn(async move { state.converse(stream).await.ok() });
            }
        });
        receiver
    }

    /// The address of a path there.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on it answers like this.
    pub(crate) fn answer(&self, reply: Reply) {
        *self.state.otherwise.lock().unwrap() = reply;
    }

    /// The next requests are answered like this, one after the other.
    pub(crate) fn answer_next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.script.lock().unwrap().extend(replies);
    }

    /// What has arrived.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Waits until so many requests have arrived, and returns them.
    #[track_caller]
    pub(crate) fn wait(&self, count: usize) -> impl Future<Output = Vec<Received>> {
        let what = format!("{count} requests at the receiver on {}", self.address);
        async move {
            eventually(&what, async || self.received().len() >= count).await;
            self.received()
        }
    }
}

impl State {
    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match stream.read_line(&mut head).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Not text, as the beginning of TLS: it is answered all the same.
                Err(_) => break,
            }
        }
        let mut words = head.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut received = Received { method, path, body: String::new(), head };
        let mut body = vec![0; received.header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        received.body = String::from_utf8_lossy(&body).into_owned();
        self.received.lock().unwrap().push(received.clone());
        let scripted = self.script.lock().unwrap().pop_front();
        let reply = scripted.unwrap_or_else(|| self.otherwise.lock().unwrap().clone());
        answer(&mut stream, &reply, &received).await
    }
}

async fn answer(
    stream: &mut BufReader<TcpStream>,
    reply: &Reply,
    received: &Received,
) -> std::io::Result<()> {
    let whole = |status: u16, body: &str| {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    match reply {
        Reply::Status(status) => stream.write_all(whole(*status, "").as_bytes()).await,
        Reply::Raw(bytes) => stream.write_all(bytes.as_bytes()).await,
        Reply::Echo => {
            let echo = format!("{}{}", received.head, received.body);
            stream.write_all(whole(200, &echo).as_bytes()).await
        }
        Reply::After(time) => {
            sleep(*time).await;
            stream.write_all(whole(200, "").as_bytes()).await
        }
        Reply::Hang => std::future::pending().await,
        Reply::Drip => {
            for byte in whole(200, "").bytes() {
                stream.write_all(&[byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 1024]).await?;
            }
        }
    }
}
