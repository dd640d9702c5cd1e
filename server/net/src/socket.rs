//! A connection as the protocols see it: encrypted or not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::client_certificate::Certified;

/// After how long without anything heard a client is asked whether it is still there, how often it is asked
/// then, and how often in vain before the connection is given up.
const SILENCE: Duration = Duration::from_secs(60);
const ASK_PERIOD: Duration = Duration::from_secs(15);
const ASK_COUNT: u32 = 4;

/// How long what was sent may stay unacknowledged by the client's machine.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(120);

/// Has the system find out when a client is gone without a word: its machine lost power, or the network a cable.
/// What such a connection holds would be held for ever otherwise.
pub(crate) fn keep_alive(socket: &TcpStream) {
    let socket = SockRef::from(socket);
    let asking = TcpKeepalive::new()
        .with_time(SILENCE)
        .with_interval(ASK_PERIOD)
        .with_retries(ASK_COUNT);
    // A socket that cannot do it is as good as it is.
    let _ = socket.set_tcp_keepalive(&asking);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

/// A connection that is open, TLS agreed on where there is any.
pub(crate) enum Socket {
    /// In plain text.
    Plain(TcpStream),
    /// Encrypted.
    Tls {
        /// The connection.
        socket: Box<TlsStream<TcpStream>>,
        /// Whom the certificate of the client is of, if it has shown one.
        certified: Option<Certified>,
    },
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Tls { socket, .. } => Pin::new(socket).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Tls { socket, .. } => Pin::new(socket).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(context, buffers),
            Self::Tls { socket, .. } => Pin::new(socket).poll_write_vectored(context, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Tls { socket, .. } => socket.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            Self::Tls { socket, .. } => Pin::new(socket).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Tls { socket, .. } => Pin::new(socket).poll_shutdown(context),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clients_that_vanish_are_found_out_by_the_system() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("it has one");
        let _client = TcpStream::connect(address).await.expect("it listens");
        let (socket, _) = listener.accept().await.expect("a connection");
        keep_alive(&socket);
        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().expect("known"));
        assert_eq!(socket.tcp_keepalive_time().expect("known"), SILENCE);
        assert_eq!(socket.tcp_keepalive_interval().expect("known"), ASK_PERIOD);
        assert_eq!(socket.tcp_keepalive_retries().expect("known"), ASK_COUNT);
        let unacknowledged = socket.tcp_user_timeout().expect("known");
        assert_eq!(unacknowledged, Some(UNACKNOWLEDGED));
    }
}
