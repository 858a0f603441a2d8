use std::{net::SocketAddr, process::Command};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
};

use super::*;

const SHORT: Duration = Duration::from_millis(300);

/// A real receiver on loopback that notes the beginning of each request and then does what a test wants.
struct Receiver {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Receiver {
    async fn start<F, Fut>(behave: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (noted, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = noted.send(read_request(&mut stream).await);
                tokio::spawn(behave(stream));
            }
        });
        Self { address, requests }
    }

    async fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |mut stream| {
            let answer = answer.clone();
            async move { stream.write_all(answer.as_bytes()).await }
        })
        .await
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    fn next_request(&mut self) -> Option<String> {
        self.requests.try_recv().ok()
    }
}

/// Reads the head and as much of the body as the head announces.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        request.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            if read == 0 || !request.starts_with(['G', 'P']) {
                return request;
            }
            continue;
        };
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if read == 0 || body.len() >= announced.map_or(0, |length| length.parse().unwrap()) {
            return request;
        }
    }
}

fn loopback() -> Vec<IpNet> {
    vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]
}

fn client(limits: Limits) -> Client {
    Client::new(limits, loopback()).unwrap()
}

fn get(url: Url) -> OutgoingRequest {
    OutgoingRequest { method: Method::GET, url, headers: Vec::new(), body: None, basic_auth: None }
}

async fn outcome_of_get(url: Url, limits: Limits) -> Result<Answer, Failure> {
    client(limits).exchange(get(url)).await.outcome
}

async fn broken_answer(answer: impl Into<String>) -> String {
    let receiver = Receiver::answering(answer).await;
    match outcome_of_get(receiver.url("/"), Limits::default()).await {
        Err(Failure::BrokenAnswer { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_get_is_sent_as_it_is_and_its_answer_read() {
    let mut receiver =
        Receiver::answering("HTTP/1.1 429 Slow\r\nretry-after: 120\r\ncontent-length: 7\r\n\r\nlater\0\n")
            .await;
    let mut request = get(receiver.url("/pb?cid=a%20b&x="));
    request.headers = vec![("X-Network".to_owned(), "countersign é".to_owned())];
    let exchange = client(Limits::default()).exchange(request).await;
    let answer = Answer {
        status: 429,
        retry_after: Some(RetryAfter::Delay(120_000)),
        body_excerpt: "later\u{fffd}\n".to_owned(),
        truncated: false,
    };
    assert_eq!(exchange.outcome, Ok(answer));
    let sent = receiver.next_request().unwrap();
    assert!(sent.starts_with("GET /pb?cid=a%20b&x= HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("\r\nx-network: countersign é\r\n"), "{sent}");
    assert!(sent.contains(&format!("\r\nuser-agent: {USER_AGENT}\r\n")), "{sent}");
    for absent in ["accept-encoding", "referer", "cookie", "authorization"] {
        assert!(!sent.contains(absent), "{sent}");
    }
}

#[tokio::test]
async fn forms_and_json_are_posted_with_basic_authentication() {
    let check =
        async |content_type: &str, body: &'static str, password: Option<&str>, authorization: &str| {
            let mut receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let request = OutgoingRequest {
                method: Method::POST,
                headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
                body: Some(Bytes::from_static(body.as_bytes())),
                basic_auth: Some(BasicAuth { login: Secret::new("u"), password: password.map(Secret::new) }),
                ..get(receiver.url("/pb"))
            };
            assert_eq!(
                client(Limits::default()).exchange(request).await.outcome.map(|answer| answer.status),
                Ok(200)
            );
            let sent = receiver.next_request().unwrap();
            assert!(sent.starts_with("POST /pb HTTP/1.1\r\n"), "{sent}");
            assert!(sent.contains(&format!("\r\ncontent-type: {content_type}\r\n")), "{sent}");
            assert!(sent.contains(&format!("\r\nauthorization: Basic {authorization}\r\n")), "{sent}");
            assert!(sent.ends_with(&format!("\r\n\r\n{body}")), "{sent}");
        };
    check("application/x-www-form-urlencoded", "a=1&b=2", Some("p"), "dTpw").await;
    check("application/json", r#"{"a":"1"}"#, None, "dTo=").await;
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let receiver = Receiver::start(async |mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 16 * 1024]).await?;
        }
    })
    .await;
    let answer = outcome_of_get(receiver.url("/"), Limits::default()).await.unwrap();
    assert_eq!(answer.body_excerpt, "x".repeat(4 * 1024));
    assert!(answer.truncated);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_whole() {
    let body = "x".repeat(4 * 1024);
    let receiver =
        Receiver::answering(format!("HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n{body}")).await;
    let answer = outcome_of_get(receiver.url("/"), Limits::default()).await.unwrap();
    assert_eq!((answer.body_excerpt, answer.truncated), (body, false));
}

#[tokio::test]
async fn an_answer_that_drips_is_cut_by_the_total_time() {
    let drip = async |mut stream: TcpStream, head: &'static str| {
        stream.write_all(head.as_bytes()).await?;
        loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nx: "] {
        let receiver = Receiver::start(move |stream| drip(stream, head)).await;
        let limits = Limits { total: SHORT, ..Limits::default() };
        let outcome = outcome_of_get(receiver.url("/"), limits).await;
        assert_eq!(outcome, Err(Failure::TimedOut), "{head:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_cut_by_the_total_time() {
    let receiver = Receiver::start(async |stream| {
        std::future::pending::<()>().await;
        drop(stream);
        Ok(())
    })
    .await;
    let limits = Limits { total: SHORT, ..Limits::default() };
    assert_eq!(outcome_of_get(receiver.url("/"), limits).await, Err(Failure::TimedOut));
}

#[tokio::test]
async fn a_receiver_that_accepts_nothing_is_cut_by_the_time_to_connect() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts, so the system's queue fills up, and it leaves the next connection hanging.
    let mut queued = Vec::new();
    while let Ok(stream) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
    }
    let limits = Limits { connect: SHORT, ..Limits::default() };
    let outcome = outcome_of_get(Url::parse(&format!("http://{address}/")).unwrap(), limits).await;
    assert_eq!(outcome, Err(Failure::ConnectTimedOut));
}

#[tokio::test]
async fn large_or_many_headers_break_an_answer() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(broken_answer(large).await, "its headers have 65537 bytes, more than 16384");
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(HEADERS_MAX + 1));
    assert_eq!(broken_answer(many).await, "message head is too large");
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1024 * 1024));
    assert_eq!(broken_answer(endless).await, "message head is too large");
}

#[tokio::test]
async fn what_is_not_http_or_breaks_off_is_a_broken_answer() {
    let check = async |answer: &str, reason: &str| {
        let told = broken_answer(answer).await;
        assert!(told.contains(reason), "{answer:?}: {told}");
    };
    check("SSH-2.0-OpenSSH_9.9\r\n", "invalid HTTP version").await;
    check("", "closed before message completed").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "end of file before message length reached")
        .await;
    check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "chunk size").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", "content-length").await;
}

#[tokio::test]
async fn tls_garbage_is_a_failure_of_tls() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let url = Url::parse(&format!("https://{}/", receiver.address)).unwrap();
    let outcome = outcome_of_get(url, Limits::default()).await;
    assert!(matches!(outcome, Err(Failure::Tls { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_closed_port_is_a_failure_to_connect() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = outcome_of_get(Url::parse(&format!("http://{closed}/")).unwrap(), Limits::default()).await;
    assert!(
        matches!(&outcome, Err(Failure::Connect { reason }) if reason.contains("refused")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let mut target = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    for status in [301, 302, 303, 307, 308] {
        let redirect =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url("/"));
        let receiver = Receiver::answering(redirect).await;
        let answer = outcome_of_get(receiver.url("/"), Limits::default()).await.unwrap();
        assert_eq!(answer.status, status);
    }
    assert_eq!(target.next_request(), None);
}

#[tokio::test]
async fn loopback_is_refused_by_address_and_by_name() {
    let mut receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let guarded = Client::new(Limits::default(), Vec::new()).unwrap();
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "127.1", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let url = Url::parse(&format!("http://{host}:{port}/?token=canary")).unwrap();
        let outcome = guarded.exchange(get(url)).await.outcome;
        assert!(matches!(outcome, Err(Failure::Refused(_))), "{host} {outcome:?}");
    }
    assert_eq!(receiver.next_request(), None);
    let permitted = Url::parse(&format!("http://localhost:{port}/")).unwrap();
    assert_eq!(outcome_of_get(permitted, Limits::default()).await.map(|answer| answer.status), Ok(200));
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_a_matter_of_configuration() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let check = async |name: &str, value: &str, reason: &str| {
        let mut request = get(receiver.url("/"));
        request.headers = vec![(name.to_owned(), value.to_owned())];
        match client(Limits::default()).exchange(request).await.outcome {
            Err(Failure::Misconfigured { reason: told }) => assert!(told.contains(reason), "{told}"),
            other => panic!("{name} {other:?}"),
        }
    };
    check("X Network", "x", "`X Network` is not the name of a header").await;
    check("X-A\r\nX-B", "x", r"`X-A\r\nX-B` is not").await;
    check("", "x", "is not the name of a header").await;
    check("X-A", "x\r\nX-B: y", "the value of the header `x-a`").await;
    check("X-A", "\0", "the value of the header `x-a`").await;
    check("Host", "internal.example", "`host` is set by the client itself").await;
    check("Content-Length", "5", "`content-length` is set by the client itself").await;
    check("Transfer-Encoding", "chunked", "`transfer-encoding` is set by the client itself").await;
}

#[tokio::test]
async fn no_failure_tells_the_url() {
    let receiver = Receiver::answering("nonsense").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let urls = [
        receiver.url("/?token=canary").to_string(),
        format!("https://{}/?token=canary", receiver.address),
        format!("http://{closed}/?token=canary"),
        "http://no-such-host.invalid/?token=canary".to_owned(),
        format!("http://{}/?token=canary{}", receiver.address, "y".repeat(70_000)),
    ];
    for url in urls {
        let failure = outcome_of_get(Url::parse(&url).unwrap(), Limits::default()).await.unwrap_err();
        assert!(!format!("{failure} {failure:?}").contains("canary"), "{failure:?}");
    }
}

/// The environment belongs to the whole process, so a test above runs once more in a process of its own.
#[tokio::test]
async fn a_proxy_in_the_environment_is_ignored() {
    let mut proxy = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let url = format!("http://{}", proxy.address);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "delivery::client::tests::a_get_is_sent_as_it_is_and_its_answer_read"]);
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(variable, &url);
    }
    let run = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(proxy.next_request(), None);
}
