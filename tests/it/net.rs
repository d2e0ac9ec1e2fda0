//! Link proxies between plain sockets.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use ticketcd::net::{Address, Flow, Link, LinkState, LinkTable, Proxy, ProxyOptions, Side};
use ticketcd_judge::history::MemberIndex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::support::eventually;

const M1: MemberIndex = MemberIndex(0);
const M2: MemberIndex = MemberIndex(1);
const HELD: LinkState = LinkState { flow: Flow::Held, delay: Duration::ZERO, jitter: Duration::ZERO };
const LOST: LinkState = LinkState { flow: Flow::Lost, delay: Duration::ZERO, jitter: Duration::ZERO };
const OPEN: LinkState = LinkState { flow: Flow::Open, delay: Duration::ZERO, jitter: Duration::ZERO };

struct Bench {
    links: LinkTable,
    proxy: Proxy,
    member: UnixListener,
    _directory: tempfile::TempDir,
}

impl Bench {
    async fn new(side: Side) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let member = listen(&socket);
        let links = LinkTable::new();
        let proxy = start_proxy(side, Address::Unix(socket), &links).await;
        Self { links, proxy, member, _directory: directory }
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address()).await.unwrap()
    }

    async fn pair(&self) -> (TcpStream, UnixStream) {
        let dialer = self.dial().await;
        (dialer, self.member.accept().await.unwrap().0)
    }
}

async fn start_proxy(side: Side, upstream: Address, links: &LinkTable) -> Proxy {
    let options = ProxyOptions { side, member: M1, listen: IpAddr::V4(Ipv4Addr::LOCALHOST), upstream };
    Proxy::start(options, links.clone()).await.unwrap()
}

fn listen(socket: &Path) -> UnixListener {
    UnixListener::bind(socket).unwrap()
}

async fn read_exactly(stream: &mut (impl AsyncReadExt + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Whether the stream ends, with a reset or a close, and nothing comes before that.
async fn ends(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 16]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn jitter_keeps_the_order_and_the_end_comes_last() {
    let bench = Bench::new(Side::Clients).await;
    let (mut client, mut member) = bench.pair().await;
    bench.links.set(Link::ToMember(M1), LinkState { flow: Flow::Open, delay: Duration::from_millis(2), jitter: Duration::from_millis(20) });
    let mut sent = Vec::new();
    for number in 0..200_u32 {
        client.write_all(&number.to_be_bytes()).await.unwrap();
        sent.extend(number.to_be_bytes());
        tokio::task::yield_now().await;
    }
    client.shutdown().await.unwrap();
    let mut received = Vec::new();
    member.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, sent);
    assert_eq!(bench.links.carried_bytes(Link::ToMember(M1)), 800);
    // The other direction is still open.
    member.write_all(b"bye").await.unwrap();
    assert_eq!(read_exactly(&mut client, 3).await, b"bye");
}

#[tokio::test]
async fn held_bytes_arrive_when_the_link_opens_and_the_other_direction_is_not_held() {
    let bench = Bench::new(Side::Clients).await;
    let (mut client, mut member) = bench.pair().await;
    bench.links.set(Link::ToMember(M1), HELD);
    client.write_all(b"held").await.unwrap();
    eventually("the bytes are held", async || bench.links.stopped_bytes(Link::ToMember(M1)) == 4).await;
    member.write_all(b"back").await.unwrap();
    assert_eq!(read_exactly(&mut client, 4).await, b"back");
    assert_eq!(bench.links.carried_bytes(Link::ToMember(M1)), 0);
    assert_eq!(bench.links.heal_all(), 0);
    assert_eq!(read_exactly(&mut member, 4).await, b"held");
}

#[tokio::test]
async fn lost_bytes_cut_the_connection_when_the_link_opens() {
    let bench = Bench::new(Side::Clients).await;
    let (mut client, mut member) = bench.pair().await;
    let (mut bystander, mut other) = bench.pair().await;
    bench.links.set(Link::ToMember(M1), LOST);
    client.write_all(b"lost").await.unwrap();
    eventually("the bytes are lost", async || bench.links.stopped_bytes(Link::ToMember(M1)) == 4).await;
    assert_eq!(bench.links.heal_all(), 1);
    assert!(ends(&mut client).await);
    let mut received = Vec::new();
    let _ = member.read_to_end(&mut received).await;
    assert_eq!(received, b"");
    // A connection that lost nothing goes on.
    bystander.write_all(b"fine").await.unwrap();
    assert_eq!(read_exactly(&mut other, 4).await, b"fine");
}

#[tokio::test]
async fn what_is_held_and_then_lost_cuts_too() {
    let bench = Bench::new(Side::Clients).await;
    let (mut client, _member) = bench.pair().await;
    bench.links.set(Link::ToMember(M1), HELD);
    client.write_all(b"held").await.unwrap();
    eventually("the bytes are held", async || bench.links.stopped_bytes(Link::ToMember(M1)) == 4).await;
    bench.links.set(Link::ToMember(M1), LOST);
    client.write_all(b"lost").await.unwrap();
    eventually("the bytes are lost", async || bench.links.stopped_bytes(Link::ToMember(M1)) == 8).await;
    bench.links.set(Link::ToMember(M1), OPEN);
    assert!(ends(&mut client).await);
}

#[tokio::test]
async fn a_connection_made_while_the_link_loses_hangs_and_is_cut_at_the_end() {
    let bench = Bench::new(Side::Clients).await;
    bench.links.set(Link::FromMember(M1), LOST);
    let mut client = bench.dial().await;
    client.write_all(b"anybody?").await.unwrap();
    eventually("the connection is known", async || bench.links.connections(Link::FromMember(M1)) == 1).await;
    let silence = tokio::time::timeout(Duration::from_millis(50), client.read(&mut [0; 16])).await;
    assert!(silence.is_err());
    bench.links.heal_all();
    assert!(ends(&mut client).await);
    let (mut client, mut member) = bench.pair().await;
    client.write_all(b"again").await.unwrap();
    assert_eq!(read_exactly(&mut member, 5).await, b"again");
}

#[tokio::test]
async fn a_reset_cuts_what_carries_the_link_and_only_that() {
    let bench = Bench::new(Side::Clients).await;
    let (mut client, _member) = bench.pair().await;
    let (_other, _other_member) = bench.pair().await;
    eventually("both are known", async || bench.links.connections(Link::ToMember(M1)) == 2).await;
    assert_eq!(bench.links.reset(&[Link::ToMember(M2)]), 0);
    assert_eq!(bench.links.reset(&[Link::ToMember(M1), Link::FromMember(M1)]), 2);
    let error = client.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_dialer_is_identified_by_its_url_or_once_its_id_is_known() {
    let bench = Bench::new(Side::Peers).await;
    bench.links.advertise("127.0.0.1:7".to_owned(), M2);
    let link = Link::Peer { from: M2, to: M1 };
    let (head, by_url) =
        (b"GET /raft HTTP/1.1\r\nX-Server-From: 2a\r\n\r\n", b"POST /raft HTTP/1.1\r\nX-PeerURLs: http://127.0.0.1:7\r\n\r\n");

    let mut dialer = bench.dial().await;
    dialer.write_all(by_url).await.unwrap();
    let (mut member, _) = bench.member.accept().await.unwrap();
    assert_eq!(read_exactly(&mut member, by_url.len()).await, by_url);
    assert_eq!(bench.links.connections(link), 1);

    let mut stranger = bench.dial().await;
    stranger.write_all(head).await.unwrap();
    let (mut member, _) = bench.member.accept().await.unwrap();
    assert_eq!(read_exactly(&mut member, head.len()).await, head);
    assert_eq!(bench.links.connections(link), 1);
    bench.links.learn(0x2a, M2);
    assert_eq!(bench.links.connections(link), 2);
    bench.links.set(link, HELD);
    stranger.write_all(b"more").await.unwrap();
    eventually("it obeys the link", async || bench.links.stopped_bytes(link) == 4).await;
}

#[tokio::test]
async fn an_unidentified_connection_stops_when_the_member_is_cut_off_from_all_others() {
    let bench = Bench::new(Side::Peers).await;
    let m3 = MemberIndex(2);
    bench.links.advertise("127.0.0.1:7".to_owned(), M2);
    bench.links.advertise("127.0.0.1:8".to_owned(), m3);
    let head = b"GET /members HTTP/1.1\r\n\r\n";
    bench.links.set(Link::Peer { from: M2, to: M1 }, LOST);
    let mut first = bench.dial().await;
    first.write_all(head).await.unwrap();
    let (mut member, _) = bench.member.accept().await.unwrap();
    assert_eq!(read_exactly(&mut member, head.len()).await, head);
    bench.links.set(Link::Peer { from: m3, to: M1 }, LOST);
    let mut second = bench.dial().await;
    second.write_all(head).await.unwrap();
    first.write_all(b"lost").await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(50), member.read(&mut [0; 16])).await;
    assert!(silence.is_err());
    bench.links.heal_all();
    assert!(ends(&mut first).await);
    assert!(ends(&mut second).await);
}

#[tokio::test]
async fn a_member_that_is_down_resets_and_a_dropped_proxy_cuts() {
    let bench = Bench::new(Side::Clients).await;
    let (mut client, _member) = bench.pair().await;
    let Bench { proxy, member, _directory: directory, .. } = bench;
    drop(member);
    std::fs::remove_file(directory.path().join("socket")).unwrap();
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ends(&mut refused).await);
    drop(proxy);
    assert!(ends(&mut client).await);
}

#[tokio::test]
async fn megabytes_pass_unchanged_both_ways_at_once() {
    let bench = Bench::new(Side::Clients).await;
    let (client, member) = bench.pair().await;
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let ((mut client_in, mut client_out), (mut member_in, mut member_out)) = (client.into_split(), member.into_split());
    let (up, down) = (bytes.clone(), bytes.clone());
    let (_, _, up_received, down_received) = tokio::join!(
        async { client_out.write_all(&up).await.unwrap() },
        async { member_out.write_all(&down).await.unwrap() },
        read_exactly(&mut member_in, bytes.len()),
        read_exactly(&mut client_in, bytes.len()),
    );
    assert!(up_received == bytes && down_received == bytes);
}

#[tokio::test]
async fn a_proxy_forwards_to_a_tcp_address_and_can_be_redirected() {
    let links = LinkTable::new();
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = start_proxy(Side::Clients, Address::Tcp(first.local_addr().unwrap().to_string()), &links).await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut member, _) = first.accept().await.unwrap();
    client.write_all(b"hello").await.unwrap();
    assert_eq!(read_exactly(&mut member, 5).await, b"hello");
    member.write_all(b"back").await.unwrap();
    assert_eq!(read_exactly(&mut client, 4).await, b"back");
    assert_eq!(links.carried_bytes(Link::ToMember(M1)), 5);

    proxy.redirect(Address::Tcp(second.local_addr().unwrap().to_string()));
    let mut next = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut moved, _) = second.accept().await.unwrap();
    next.write_all(b"moved").await.unwrap();
    assert_eq!(read_exactly(&mut moved, 5).await, b"moved");
    // An open connection stays where it was.
    client.write_all(b"still").await.unwrap();
    assert_eq!(read_exactly(&mut member, 5).await, b"still");
}
