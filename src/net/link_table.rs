//! The state of every directed link: faults set it, link proxies obey it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
pub use ticketcd_judge::history::fault::Link;
use tokio::sync::watch;

use super::connection::{Connection, Dialer, Direction};
use super::peer_header::PeerHeader;

/// Whether a link delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// It delivers.
    #[default]
    Open,
    /// It holds traffic back: connections stay open, and the bytes arrive when the link opens again.
    Held,
    /// It drops traffic. A connection that lost bytes is cut when the link opens again.
    Lost,
}

/// The state of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it delivers.
    pub flow: Flow,
    /// Added latency.
    pub delay: Duration,
    /// Largest further latency, drawn evenly. Order is kept.
    pub jitter: Duration,
}

/// The state of every link. Cloning shares it.
///
/// A new connection is made only while both of its directions are open, as a TCP handshake needs both; until then the
/// dialer gets no response.
///
/// The dialer of a peer connection is identified from its first request: by its advertised peer URL, registered with
/// [`advertise`](Self::advertise) before any member runs, or by a member id registered with [`learn`](Self::learn). A few
/// of etcd's peer requests identify no sender (`/members`, `/version`, probes, forwarded lease keep-alives). Such a
/// connection obeys the mildest state of all links that it could belong to: it is stopped when its member is cut off from
/// all others.
#[derive(Clone, Debug, Default)]
pub struct LinkTable {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Never locked while a lock on `connections` is waited for.
    table: Mutex<Table>,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    connections_made: AtomicU64,
    /// Counts changes of the table, so that every waiter looks again.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Table {
    states: HashMap<Link, LinkState>,
    counters: HashMap<Link, Arc<Counters>>,
    members_by_authority: HashMap<String, MemberIndex>,
    members_by_id: HashMap<u64, MemberIndex>,
}

/// Bytes on a link so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) carried_bytes: AtomicU64,
    pub(super) stopped_bytes: AtomicU64,
}

/// The state that one direction of a connection obeys.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) state: LinkState,
    pub(super) counters: Arc<Counters>,
}

impl Table {
    fn state(&self, link: Link) -> LinkState {
        self.states.get(&link).copied().unwrap_or_default()
    }

    fn link(&self, connection: &Connection, direction: Direction) -> Option<Link> {
        let listener = connection.listener();
        let dialer = match connection.dialer() {
            Dialer::Client => {
                return Some(match direction {
                    Direction::Forward => Link::ToMember(listener),
                    Direction::Backward => Link::FromMember(listener),
                });
            }
            Dialer::Member(member) => member,
            Dialer::Id(id) => *self.members_by_id.get(&id)?,
            Dialer::Unidentified => return None,
        };
        Some(peer_link(dialer, listener, direction))
    }

    /// The mildest state among the links that an unidentified connection could belong to.
    fn mildest(&self, listener: MemberIndex, direction: Direction) -> LinkState {
        let dialers = self.members_by_authority.values().filter(|member| **member != listener);
        let states = dialers.map(|dialer| self.state(peer_link(*dialer, listener, direction)));
        // Without a known dialer no link is shaped.
        states.min_by_key(|state| (state.flow, state.delay, state.jitter)).unwrap_or_default()
    }
}

fn peer_link(dialer: MemberIndex, listener: MemberIndex, direction: Direction) -> Link {
    match direction {
        Direction::Forward => Link::Peer { from: dialer, to: listener },
        Direction::Backward => Link::Peer { from: listener, to: dialer },
    }
}

impl LinkTable {
    /// All links open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the state of a link; open connections obey it at once.
    pub fn set(&self, link: Link, state: LinkState) {
        self.table().states.insert(link, state);
        self.cut_what_lost();
        self.announce();
    }

    /// The state of a link.
    pub fn state(&self, link: Link) -> LinkState {
        self.table().state(link)
    }

    /// Cuts every connection that carries one of these links, both ways; returns how many.
    pub fn reset(&self, links: &[Link]) -> usize {
        self.cut_where(|table, connection| {
            Direction::BOTH.into_iter().filter_map(|direction| table.link(connection, direction)).any(|link| links.contains(&link))
        })
    }

    /// Opens every link and cuts every connection that lost bytes; returns how many.
    pub fn heal_all(&self) -> usize {
        self.table().states.clear();
        let cut = self.cut_what_lost();
        self.announce();
        cut
    }

    /// Bytes the link has carried so far.
    pub fn carried_bytes(&self, link: Link) -> u64 {
        self.counters(link).carried_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that arrived for the link while it was held or lost, so far.
    pub fn stopped_bytes(&self, link: Link) -> u64 {
        self.counters(link).stopped_bytes.load(Ordering::Relaxed)
    }

    /// How many connections carry this link now, either way.
    pub fn connections(&self, link: Link) -> usize {
        let connections = self.open_connections();
        let table = self.table();
        let carries =
            |connection: &Connection| Direction::BOTH.into_iter().any(|direction| table.link(connection, direction) == Some(link));
        connections.values().filter(|connection| carries(connection)).count()
    }

    /// A member advertises a peer URL with this `host:port`.
    pub fn advertise(&self, authority: String, member: MemberIndex) {
        self.table().members_by_authority.insert(authority, member);
        self.announce();
    }

    /// A member has this id. Connections that named it before count as that member's from now on.
    pub fn learn(&self, member_id: u64, member: MemberIndex) {
        self.table().members_by_id.insert(member_id, member);
        self.announce();
    }

    /// The dialer of a peer connection, by the header of its first request.
    pub(super) fn dialer(&self, header: &PeerHeader) -> Dialer {
        let table = self.table();
        let by_authority = header.authorities.iter().find_map(|authority| table.members_by_authority.get(authority));
        match (by_authority, header.id) {
            (Some(member), _) => Dialer::Member(*member),
            (None, Some(id)) => Dialer::Id(id),
            (None, None) => Dialer::Unidentified,
        }
    }

    /// The state that one direction of a connection obeys now.
    pub(super) fn port(&self, connection: &Connection, direction: Direction) -> Port {
        let mut table = self.table();
        match table.link(connection, direction) {
            Some(link) => Port { state: table.state(link), counters: Arc::clone(table.counters.entry(link).or_default()) },
            None => Port { state: table.mildest(connection.listener(), direction), counters: Arc::default() },
        }
    }

    /// Changes at every change of the table.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Registers a connection until the guard is dropped.
    pub(super) fn register(&self, connection: Connection) -> ConnectionGuard {
        let number = self.shared.connections_made.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(connection);
        self.open_connections().insert(number, Arc::clone(&connection));
        ConnectionGuard { table: self.clone(), number, connection }
    }

    fn counters(&self, link: Link) -> Arc<Counters> {
        Arc::clone(self.table().counters.entry(link).or_default())
    }

    /// Pumps look at the table only after an announcement, so that a count of connections cut before it is exact.
    fn announce(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }

    fn cut_what_lost(&self) -> usize {
        self.cut_where(|table, connection| {
            Direction::BOTH.into_iter().any(|direction| {
                let state = table.link(connection, direction).map(|link| table.state(link));
                let state = state.unwrap_or_else(|| table.mildest(connection.listener(), direction));
                connection.has_lost(direction) && state.flow == Flow::Open
            })
        })
    }

    fn cut_where(&self, chosen: impl Fn(&Table, &Connection) -> bool) -> usize {
        let connections = self.open_connections();
        let table = self.table();
        let chosen = connections.values().filter(|connection| chosen(&table, connection));
        chosen.inspect(|connection| connection.cut()).count()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a connection registered in the link table.
#[derive(Debug)]
pub(super) struct ConnectionGuard {
    table: LinkTable,
    number: u64,
    connection: Arc<Connection>,
}

impl ConnectionGuard {
    /// The connection.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Its number, unique within the link table.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.table.open_connections().remove(&self.number);
    }
}
