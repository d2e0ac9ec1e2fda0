//! A link proxy: listens on the TCP port that others know a member by, and forwards to the member's own address.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address::Address;
use super::connection::{Connection, Dialer, Direction};
use super::link_table::{ConnectionGuard, Flow, LinkTable};
use super::peer_header::{self, HEADER_BYTES_MAX};
use super::pump::{Cut, Pump};
use super::stream::Stream;

/// Pause after a failed accept: the process is out of descriptors, and some other connection has to end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Who dials a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Other members.
    Peers,
    /// Clients.
    Clients,
}

/// What a proxy stands in front of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyOptions {
    /// Who dials it.
    pub side: Side,
    /// The member it forwards to.
    pub member: MemberIndex,
    /// The local address it listens on; the port is a free one.
    pub listen: IpAddr,
    /// Where the member is reached.
    pub upstream: Address,
}

/// A link proxy. It holds its port until it is dropped, whether its member runs or not; dropping it cuts every connection
/// through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    route: Arc<Route>,
    _running: DropGuard,
}

impl Proxy {
    /// Starts a proxy on a free port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(options: ProxyOptions, links: LinkTable) -> io::Result<Self> {
        let ProxyOptions { side, member, listen, upstream } = options;
        let listener = TcpListener::bind((listen, 0)).await?;
        let address = listener.local_addr()?;
        if side == Side::Peers {
            links.advertise(address.to_string(), member);
        }
        let running = CancellationToken::new();
        let route = Arc::new(Route { side, member, upstream: RwLock::new(upstream), links });
        tokio::spawn(running.clone().run_until_cancelled_owned(accept(listener, Arc::clone(&route), running.clone())));
        Ok(Self { address, route, _running: running.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that others know the member by.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forwards new connections to another address: a member may be reached elsewhere after a restart.
    pub fn redirect(&self, upstream: Address) {
        *self.route.upstream.write().unwrap_or_else(PoisonError::into_inner) = upstream;
    }
}

/// From whom to whom.
#[derive(Debug)]
struct Route {
    side: Side,
    member: MemberIndex,
    upstream: RwLock<Address>,
    links: LinkTable,
}

impl Route {
    fn upstream(&self) -> Address {
        self.upstream.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, route: Arc<Route>, running: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((dialer, _)) => {
                tokio::spawn(serve(dialer, Arc::clone(&route), running.child_token()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// One connection, from its first byte to its last.
async fn serve(dialer: TcpStream, route: Arc<Route>, cut: CancellationToken) {
    let who = if route.side == Side::Clients { Dialer::Client } else { Dialer::Unidentified };
    let guard = route.links.register(Connection::new(route.member, who, cut));
    let outcome = tokio::select! {
        () = guard.connection().was_cut() => Err(Cut),
        outcome = carry(&dialer, &route, &guard) => outcome,
    };
    if outcome.is_err() {
        // The dialer sees a cut connection as a reset. Where that is not possible, a close serves.
        let _ = dialer.set_zero_linger();
    }
}

async fn carry(dialer: &TcpStream, route: &Route, guard: &ConnectionGuard) -> Result<(), Cut> {
    let connection = guard.connection();
    // Small messages must not wait for each other; without it they are only slower.
    let _ = dialer.set_nodelay(true);
    let mut first = Vec::new();
    if route.side == Side::Peers {
        first = read_header(dialer).await.map_err(|_| Cut)?;
        connection.identify(route.links.dialer(&peer_header::parse(&first)));
    }
    await_handshake(&route.links, connection, first.len()).await?;
    match route.upstream() {
        Address::Unix(path) => {
            let member = UnixStream::connect(path).await.map_err(|_| Cut)?;
            pump_both_ways(dialer, &member, route, guard, &first).await
        }
        Address::Tcp(address) => {
            let member = TcpStream::connect(address).await.map_err(|_| Cut)?;
            let _ = member.set_nodelay(true);
            pump_both_ways(dialer, &member, route, guard, &first).await
        }
    }
}

/// Carries both directions until both have ended. `first` was read from the dialer already.
async fn pump_both_ways<S: Stream>(
    dialer: &TcpStream,
    member: &S,
    route: &Route,
    guard: &ConnectionGuard,
    first: &[u8],
) -> Result<(), Cut> {
    let (links, connection, seed) = (&route.links, guard.connection(), guard.number() << 1);
    let forward = Pump::new(dialer, member, links, connection, Direction::Forward, seed);
    let backward = Pump::new(member, dialer, links, connection, Direction::Backward, seed | 1);
    tokio::try_join!(forward.run(first), backward.run(&[]))?;
    Ok(())
}

/// Reads until the header of the first request is complete, or nothing more comes.
async fn read_header(dialer: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1024);
    while bytes.len() < HEADER_BYTES_MAX && !peer_header::is_complete(&bytes) {
        dialer.readable().await?;
        match dialer.try_read_buf(&mut bytes) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Waits until both directions are open.
///
/// # Errors
/// When one of them dropped traffic meanwhile: the dialer waited in vain.
async fn await_handshake(links: &LinkTable, connection: &Connection, first_bytes: usize) -> Result<(), Cut> {
    let mut changes = links.changes();
    let mut is_counted = false;
    loop {
        let ports = Direction::BOTH.map(|direction| links.port(connection, direction));
        for (port, direction) in ports.iter().zip(Direction::BOTH) {
            if port.state.flow == Flow::Lost {
                connection.lose(direction);
            } else if port.state.flow == Flow::Open && connection.has_lost(direction) {
                return Err(Cut);
            }
        }
        if ports.iter().all(|port| port.state.flow == Flow::Open) {
            return Ok(());
        }
        if !std::mem::replace(&mut is_counted, true) {
            let [forward, _] = &ports;
            forward.counters.stopped_bytes.fetch_add(first_bytes as u64, Ordering::Relaxed);
        }
        // The link table is borrowed here, so its channel cannot close.
        let _ = changes.changed().await;
    }
}
