use super::*;

fn addresses(list: &str) -> Vec<IpAddr> {
    list.split_whitespace().map(|text| text.parse().unwrap_or_else(|_| panic!("{text}"))).collect()
}

#[test]
fn special_addresses_are_not_public() {
    for address in addresses(
        "0.0.0.0 0.0.0.1 0.255.255.255
         10.0.0.0 10.0.0.1 10.255.255.255
         100.64.0.0 100.100.100.200 100.127.255.255
         127.0.0.0 127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.255
         169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255
         172.16.0.0 172.17.0.1 172.31.255.255
         192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.255
         192.0.2.0 192.0.2.1 192.0.2.255
         192.88.99.0 192.88.99.1 192.88.99.255
         192.168.0.0 192.168.0.1 192.168.1.254 192.168.255.255
         198.18.0.0 198.18.0.1 198.19.255.255
         198.51.100.0 198.51.100.7 198.51.100.255
         203.0.113.0 203.0.113.9 203.0.113.255
         224.0.0.0 224.0.0.1 224.0.0.251 239.255.255.250 239.255.255.255
         240.0.0.0 250.1.2.3 255.255.255.254 255.255.255.255
         :: ::1 ::2 ::7f00:1 ::127.0.0.1 ::8.8.8.8
         ::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
         ::ffff:172.16.0.1 ::ffff:192.168.0.1 ::ffff:100.64.0.1 ::ffff:224.0.0.1 ::ffff:255.255.255.255
         ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8
         64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff::10.0.0.1
         100::1 100::ffff:ffff:ffff:ffff 100:0:0:1::1
         2001:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:1::1 2001:1::2 2001:2::1 2001:2:0:ffff::1 2001:3::1
         2001:4:112::1 2001:10::1 2001:20::1 2001:2f:ffff::1 2001:30::1 2001:1ff:ffff::1
         2001:db8:: 2001:db8::1 2001:db8:ffff:ffff::1
         2002:: 2002:7f00:1:: 2002:7f00:1::1 2002:a00:1:: 2002:c0a8:1:: 2002:808:808::1
         2002:ffff:ffff:ffff::1
         3fff::1 3fff:fff:ffff::1
         4000::1 5f00::1 5f00:ffff::1 8000::1
         fc00:: fc00::1 fd00::1 fd12:3456:789a::1 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fd00:ec2::254
         fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 feff::1
         ff00::1 ff01::1 ff02::1 ff02::fb ff05::2 ff0e::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ) {
        assert!(!is_public(address), "{address}");
    }
}

#[test]
fn addresses_of_public_hosts_are_public() {
    for address in addresses(
        "1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0
         126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255
         192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
         198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
         ::ffff:8.8.8.8 ::ffff:93.184.216.34
         2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2400:cb00::1
         2606:4700:4700::1111
         2620:fe::fe 2a00:1450:4001::1 2a03:2880::1 3ffe::1 3fff:1000::1",
    ) {
        assert!(is_public(address), "{address}");
    }
}

#[test]
fn a_url_with_a_literal_address_is_refused_however_it_is_spelt() {
    let spellings = "127.0.0.1 127.0.0.1. 127.1 127.0.1 2130706433 2130706433. 0x7f000001 0X7F000001 0x7f.1
        0x7f.0.0.1
        0x7f.0x0.0x0.0x1 0177.1 0177.0.0.1 0177.0.0.01 017700000001 00000177.0.0.1 127.0.0.0x1 127.0x0.1 0
        0.0.0.0
        0x0 00 0.0 127.127.127.127 ①②⑦.0.0.1 ①②⑦.⓪.⓪.① １２７.０.０.１ 127。0。0。1 127．0．0．1 127｡0｡0｡1
        %31%32%37.0.0.1 127%2E0%2E0%2E1 0x7f%2e1 127.0.0.1%2e ٠x7f.1
        10.1 167772161 0xa000001 012.0.0.1 192.168.257 3232235521 0xc0a80001 0300.0250.0.1 172.16.1
        2886729729
        169.254.43518 2852039166 0xa9fea9fe 0xa9.0xfe.0xa9.0xfe 0251.0376.0251.0376 169.254.169.254.
        100.64.1 4294967295 0xffffffff 255.255.255.255 224.1 240.0.0.1
        [::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [::127.0.0.1]
        [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:7F00:0001] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:10.0.0.1]
        [::ffff:a9fe:a9fe] [::ffff:0.0.0.0] [::ffff:0:127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::127.0.0.1]
        [64:ff9b:1::a00:1] [2002:7f00:1::] [2001:0:7f00:1::] [fe80::1] [fc00::1] [fd00:ec2::254] [ff02::1]
        [5f00::1] [100::1] [2001:db8::1]";
    for host in spellings.split_whitespace() {
        for url in [format!("http://{host}/"), format!("https://user:pw@{host}:8443/pb?x=1#y")] {
            // What doesn't parse can't be called.
            let outcome = Url::parse(&url).map(|url| Guard::new(Vec::new()).check_url(&url));
            assert!(matches!(outcome, Err(_) | Ok(Err(Refused::Address { .. }))), "{url}: {outcome:?}");
        }
    }
}

#[test]
fn only_http_and_https_urls_pass() {
    let check = |url: &str, permitted: bool| {
        let outcome = Guard::new(Vec::new()).check_url(&Url::parse(url).unwrap());
        assert_eq!(outcome.is_ok(), permitted, "{url}: {outcome:?}");
    };
    check("http://tracker.example/", true);
    check("https://tracker.example:8443/pb?cid=1", true);
    check("http://1.1.1.1/", true);
    check("https://[2606:4700:4700::1111]/", true);
    check("http://16843009/", true);
    check("ftp://tracker.example/", false);
    check("file:///etc/passwd", false);
    check("gopher://tracker.example/", false);
    check("ws://tracker.example/", false);
    check("unix:/run/docker.sock", false);
    check("data:text/plain,x", false);
    check("javascript:alert(1)", false);
}

#[test]
fn exceptions_let_their_addresses_pass_in_every_form() {
    let guard = Guard::new(vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    let check = |url: &str, permitted: bool| {
        assert_eq!(guard.check_url(&Url::parse(url).unwrap()).is_ok(), permitted, "{url}");
    };
    check("http://10.1.2.3/", true);
    check("http://[::ffff:10.1.2.3]/", true);
    check("http://[fd00::7]/", true);
    check("http://1.1.1.1/", true);
    check("http://10.2.0.1/", false);
    check("http://[fc00::1]/", false);
    check("http://[::1]/", false);
}

#[tokio::test]
async fn a_name_is_refused_for_any_address_that_is_not_permitted() {
    let resolve = async |name, exceptions: Vec<IpNet>| Guard::new(exceptions).resolve_permitted(name).await;
    let refused = resolve("localhost", Vec::new()).await;
    assert!(matches!(refused, Err(LookupError::Refused(Refused::Address { .. }))), "{refused:?}");
    let loopback = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    let resolved = resolve("localhost", loopback).await.unwrap();
    assert!(!resolved.is_empty() && resolved.iter().all(|address| address.ip().is_loopback()));
    // The system's resolver reads what a URL's parser would have made a literal: it is refused all the same.
    for spelling in ["127.1", "0x7f.1", "2130706433", "::1"] {
        let refused = resolve(spelling, Vec::new()).await;
        assert!(matches!(refused, Err(LookupError::Refused(_))), "{spelling}: {refused:?}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_says_so() {
    let failed = Guard::new(Vec::new()).resolve_permitted("no-such-host.invalid").await;
    assert!(matches!(failed, Err(LookupError::Failed { .. } | LookupError::TimedOut)), "{failed:?}");
}
