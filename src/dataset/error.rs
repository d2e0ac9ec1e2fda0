//! Why a dataset could not be written, verified or removed.

/// Why a dataset could not be written, verified or removed. The text names the next step where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// A dataset of this size or shape cannot be made.
    #[error("{0}")]
    Unsuitable(String),
    /// There are keys under the prefix already, and nothing was changed.
    #[error(
        "there are {keys} keys under the prefix {prefix:?} already ({what}); nothing was changed. \
             Choose another prefix, remove them with `ticketcd dataset clean`, or replace them with --force"
    )]
    NotEmpty {
        /// The prefix.
        prefix: String,
        /// How many keys there are.
        keys: i64,
        /// What is known of them.
        what: String,
    },
    /// A key of the dataset is there with another value; it was left as it is.
    #[error(
        "the key {key} has another value than the dataset gives it, and was left as it is; \
             the shop has been used, or written by another client. Replace it with --force"
    )]
    Changed {
        /// The key.
        key: String,
    },
    /// The marker that this load had written or found is gone.
    #[error(
        "the dataset was removed while it was written, by `ticketcd dataset clean` or another client; nothing was written after that. \
             Load it again"
    )]
    Removed,
    /// Removing needs a prefix: without one it would remove everything the cluster has.
    #[error("a prefix is needed: without one, every key of the cluster would be removed")]
    NoPrefix,
    /// No member carried out a request, though it was tried again.
    #[error("no member could {what}: {message}")]
    Unreachable {
        /// What was tried.
        what: &'static str,
        /// The message of the last answer.
        message: String,
    },
    /// The answer to a request does not fit the request.
    #[error("the answer to the request to {what} does not fit the request")]
    Malformed {
        /// What was tried.
        what: &'static str,
    },
    /// The database has reached its quota.
    #[error(
        "etcd's database is full, so that no member could {what}. Make room (raise --quota-backend-bytes, or remove keys, \
             compact and defragment), then `etcdctl alarm disarm`; the same command resumes"
    )]
    NoSpace {
        /// What was tried.
        what: &'static str,
    },
    /// What was read back is not what was written.
    #[error("{missing} keys are missing, {different} have another value, {unexpected} are not of the dataset; the first is {first}")]
    Mismatch {
        /// Keys that are not there.
        missing: usize,
        /// Keys with another value.
        different: usize,
        /// Keys that are there but not of the dataset.
        unexpected: usize,
        /// The first such key, and what is wrong with it.
        first: String,
    },
    /// It was stopped. The next start resumes the load.
    #[error("interrupted after {done} of {total} keys; the same command resumes")]
    Interrupted {
        /// Keys that are done.
        done: usize,
        /// Keys that there are.
        total: usize,
    },
}
