use super::*;

fn check(bytes: &str, expected: Option<Head>) {
    assert_eq!(parse_head(bytes.as_bytes()).unwrap(), expected, "{bytes:?}");
}

#[test]
fn the_head_of_an_answer_is_read() {
    let recorded = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
    check(recorded, Some(Head { status: 200, body_at: recorded.len() - 2, body_bytes: 2 }));
    let redirect = "HTTP/1.1 302 Found\r\nlocation: https://a.example/?x=1:2\r\ncontent-length: 0\r\n\r\n";
    check(redirect, Some(Head { status: 302, body_at: redirect.len(), body_bytes: 0 }));
    check("", None);
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r", None);
}

#[test]
fn an_answer_that_cannot_be_delimited_is_an_error() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 2xx\r\n\r\n",
    ] {
        assert!(parse_head(bytes.as_bytes()).is_err(), "{bytes:?}");
    }
}
