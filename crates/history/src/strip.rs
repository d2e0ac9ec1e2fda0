//! A history without its annotations: what any client of etcd would have recorded.

use crate::annotation::Purpose;
use crate::call::Invoke;
use crate::event::Event;

/// An event without its annotations. None when it is nothing but an annotation.
pub fn strip(event: Event) -> Option<Event> {
    match event {
        Event::OrderPlaced(_) | Event::OrderClosed(_) | Event::CancelPlaced(_) | Event::QueryClosed(_) => None,
        Event::Invoke(invoke) => Some(Event::Invoke(Invoke { purpose: Purpose::Unstated, orders: Vec::new(), ..invoke })),
        other => Some(other),
    }
}
