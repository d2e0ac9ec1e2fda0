//! The state of every link, set by faults and obeyed by the proxies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ticketcd_judge::model::MemberIndex;
use tokio::sync::watch;

use super::connection::{Connection, Dialer, Direction};
use super::head::Head;

/// A directed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// What one member sends another, on whichever of their connections it travels.
    Peer {
        /// The sender.
        from: MemberIndex,
        /// The receiver.
        to: MemberIndex,
    },
    /// What clients send a member.
    ToMember(MemberIndex),
    /// What a member sends its clients.
    FromMember(MemberIndex),
}

/// Whether a link carries anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// Yes.
    #[default]
    Open,
    /// No; connections stay open, and what was sent arrives when the link opens again.
    Held,
    /// No; what was sent is lost, so that a connection that lost something is cut when the link opens again.
    Lost,
}

/// The state of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it carries anything.
    pub flow: Flow,
    /// How much later everything arrives.
    pub delay: Duration,
    /// Up to how much later still, drawn evenly. Order is kept.
    pub jitter: Duration,
}

/// The state of every link. Cloning shares it.
///
/// A new connection is made only while both of its directions are open, as a TCP handshake needs both; until then the
/// dialer hears nothing.
///
/// The dialer of a peer connection is known from its first request: by its advertised peer URL, which the cluster names
/// with [`advertise`](Self::advertise) before any member runs, or by a member id that was [learnt](Self::learn). A few of
/// etcd's peer requests name nobody (`/members`, `/version`, probes, forwarded lease keep-alives). Such a connection obeys
/// the mildest state of all links that it could belong to: it is stopped when its member is cut off from all others.
#[derive(Clone, Debug, Default)]
pub struct Switchboard {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Never locked while a lock on `connections` is waited for.
    table: Mutex<Table>,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    connections_made: AtomicU64,
    /// Counts changes of the table, so that whoever waits for one looks again.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Table {
    states: HashMap<Link, LinkState>,
    counters: HashMap<Link, Arc<Counters>>,
    members_by_authority: HashMap<String, MemberIndex>,
    members_by_id: HashMap<u64, MemberIndex>,
}

/// What a link did so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) carried_bytes: AtomicU64,
    pub(super) stopped_bytes: AtomicU64,
}

/// What one direction of a connection has to obey.
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
        states.min_by_key(|state| (state.flow, state.delay, state.jitter)).unwrap_or_default()
    }
}

fn peer_link(dialer: MemberIndex, listener: MemberIndex, direction: Direction) -> Link {
    match direction {
        Direction::Forward => Link::Peer { from: dialer, to: listener },
        Direction::Backward => Link::Peer { from: listener, to: dialer },
    }
}

impl Switchboard {
    /// All links open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the state of a link; connections that are open feel it at once.
    pub fn set(&self, link: Link, state: LinkState) {
        self.table().states.insert(link, state);
        self.cut_what_lost();
        self.announce();
    }

    /// The state of a link.
    pub fn state(&self, link: Link) -> LinkState {
        self.table().state(link)
    }

    /// Cuts every connection that carries this link, both ways, and says how many there were.
    pub fn reset(&self, link: Link) -> usize {
        self.cut_where(|table, connection| Direction::BOTH.into_iter().any(|direction| table.link(connection, direction) == Some(link)))
    }

    /// Opens every link. Connections that lost something are cut. Says how many were.
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

    /// Who the head of a peer connection's first request speaks for.
    pub(super) fn dialer(&self, head: &Head) -> Dialer {
        let table = self.table();
        let by_authority = head.authorities.iter().find_map(|authority| table.members_by_authority.get(authority));
        match (by_authority, head.id) {
            (Some(member), _) => Dialer::Member(*member),
            (None, Some(id)) => Dialer::Id(id),
            (None, None) => Dialer::Unidentified,
        }
    }

    /// What one direction of a connection has to obey now.
    pub(super) fn port(&self, connection: &Connection, direction: Direction) -> Port {
        let mut table = self.table();
        match table.link(connection, direction) {
            Some(link) => Port { state: table.state(link), counters: Arc::clone(table.counters.entry(link).or_default()) },
            None => Port { state: table.mildest(connection.listener(), direction), counters: Arc::default() },
        }
    }

    /// Wakes whoever waits for it at every change.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Enters a connection; it is struck out when the ticket is dropped.
    pub(super) fn enter(&self, connection: Connection) -> Ticket {
        let number = self.shared.connections_made.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(connection);
        self.open_connections().insert(number, Arc::clone(&connection));
        Ticket { switchboard: self.clone(), number, connection }
    }

    fn counters(&self, link: Link) -> Arc<Counters> {
        Arc::clone(self.table().counters.entry(link).or_default())
    }

    /// Pumps look at the table only after an announcement, so that whoever cuts before it knows how many were cut.
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

/// A connection's place in the switchboard.
#[derive(Debug)]
pub(super) struct Ticket {
    switchboard: Switchboard,
    number: u64,
    connection: Arc<Connection>,
}

impl Ticket {
    /// The connection.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Its number, unique within the switchboard.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.switchboard.open_connections().remove(&self.number);
    }
}
