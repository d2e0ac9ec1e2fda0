//! A link proxy: holds the TCP port that others know a member by, and forwards to the member's Unix socket.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ticketcd_judge::model::MemberIndex;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connection::{Connection, Dialer, Direction};
use super::head::{self, HEAD_BYTES_MAX};
use super::pump::{Cut, Pump};
use super::switchboard::{Flow, Switchboard, Ticket};

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

/// A link proxy. It holds its port on 127.0.0.1 until it is dropped, whether its member runs or not; dropping it cuts every
/// connection through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    _running: DropGuard,
}

impl Proxy {
    /// Starts a proxy for a member on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(side: Side, member: MemberIndex, upstream: PathBuf, switchboard: Switchboard) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        if side == Side::Peers {
            switchboard.advertise(address.to_string(), member);
        }
        let running = CancellationToken::new();
        let route = Arc::new(Route { side, member, upstream, switchboard });
        tokio::spawn(running.clone().run_until_cancelled_owned(accept(listener, route, running.clone())));
        Ok(Self { address, _running: running.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that others know the member by.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// From whom to whom.
#[derive(Debug)]
struct Route {
    side: Side,
    member: MemberIndex,
    upstream: PathBuf,
    switchboard: Switchboard,
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
    let ticket = route.switchboard.enter(Connection::new(route.member, who, cut));
    let outcome = tokio::select! {
        () = ticket.connection().was_cut() => Err(Cut),
        outcome = carry(&dialer, &route, &ticket) => outcome,
    };
    if outcome.is_err() {
        // A reset is what a dialer sees of a connection that is no more. Where it cannot be had, a close serves.
        let _ = dialer.set_zero_linger();
    }
}

async fn carry(dialer: &TcpStream, route: &Route, ticket: &Ticket) -> Result<(), Cut> {
    let (switchboard, connection) = (&route.switchboard, ticket.connection());
    // Small messages must not wait for each other; without it they are only slower.
    let _ = dialer.set_nodelay(true);
    let mut first = Vec::new();
    if route.side == Side::Peers {
        first = read_head(dialer).await.map_err(|_| Cut)?;
        connection.identify(switchboard.dialer(&head::parse(&first)));
    }
    await_handshake(switchboard, connection, first.len()).await?;
    let member = connect(&route.upstream).await.map_err(|_| Cut)?;
    let seed = ticket.number() << 1;
    let forward = Pump::new(dialer, &member, switchboard, connection, Direction::Forward, seed);
    let backward = Pump::new(&member, dialer, switchboard, connection, Direction::Backward, seed | 1);
    tokio::try_join!(forward.run(&first), backward.run(&[]))?;
    Ok(())
}

async fn connect(upstream: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(upstream).await
}

/// Reads until the head of the first request is there, or all that can be.
async fn read_head(dialer: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1024);
    while bytes.len() < HEAD_BYTES_MAX && !head::is_complete(&bytes) {
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
/// When one of them was losing what is sent: the dialer has waited in vain.
async fn await_handshake(switchboard: &Switchboard, connection: &Connection, first_bytes: usize) -> Result<(), Cut> {
    let mut changes = switchboard.changes();
    let mut is_counted = false;
    loop {
        let ports = Direction::BOTH.map(|direction| switchboard.port(connection, direction));
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
        // The switchboard is borrowed here, so its channel cannot close.
        let _ = changes.changed().await;
    }
}
