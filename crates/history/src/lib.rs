//! The record of what happened to an etcd cluster, for every program that judges it.
//!
//! One stream of typed events ([`event`]), written by every producer of a run and read by everything else. The etcd level is
//! complete by itself: calls with their requests and responses ([`call`], [`request`]), watches ([`watch`]), member
//! processes ([`member`]), faults ([`fault`]), audits ([`audit`]), metrics ([`metrics`]). What a client meant by its calls is an annotation
//! ([`annotation`]): a history without any is judged by the same etcd checks.
//!
//! A run directory ([`run_dir`], [`run_info`]) is what people share. Its history file is written ([`writer`]) and read
//! ([`reader`], [`read_ahead`]) in frames, and the reader reports any change after the run ([`integrity`]).

pub mod annotation;
pub mod audit;
pub mod auth;
pub mod blob;
pub mod call;
mod decoding;
pub mod event;
pub mod fault;
pub mod fault_lines;
mod frame;
pub mod ids;
pub mod integrity;
pub mod invalid;
mod io_reason;
pub mod maintenance;
pub mod member;
pub mod membership;
pub mod metrics;
pub mod read_ahead;
pub mod reader;
pub mod request;
pub mod run_dir;
pub mod run_file;
pub mod run_info;
mod spares;
mod strip;
pub mod watch;
pub mod writer;

#[cfg(test)]
mod file_tests;

pub use blob::Blob;
pub use frame::{BoundFile, Closing};
pub use ids::{MemberIndex, Nanos, OrderId, OrderKey, Revision, nanos, seconds};
pub use io_reason::io_reason;
pub use strip::strip;
