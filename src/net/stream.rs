//! What a pump needs of a socket, whether TCP or Unix.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;

use tokio::net::{TcpStream, UnixStream};

/// A connected socket, used through a shared reference by both directions.
pub(super) trait Stream: Sync {
    /// Waits until a read may succeed.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits until a write may succeed.
    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Reads what is there.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what fits.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Shuts the write direction down.
    fn finish(&self) -> io::Result<()>;
}

macro_rules! stream {
    ($stream:ty, $blocking:ty) => {
        impl Stream for $stream {
            async fn readable(&self) -> io::Result<()> {
                <$stream>::readable(self).await
            }

            async fn writable(&self) -> io::Result<()> {
                <$stream>::writable(self).await
            }

            fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                <$stream>::try_read(self, buffer)
            }

            fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                <$stream>::try_write(self, bytes)
            }

            fn finish(&self) -> io::Result<()> {
                // tokio can shut a socket down only through an exclusive reference; a duplicate of the descriptor is the
                // same socket.
                <$blocking>::from(self.as_fd().try_clone_to_owned()?).shutdown(Shutdown::Write)
            }
        }
    };
}

stream!(TcpStream, std::net::TcpStream);
stream!(UnixStream, std::os::unix::net::UnixStream);
