//! The container's health check: the image holds no curl, and needs none.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(4);

/// Asks this container's web server for `path` and returns the status code.
///
/// # Errors
/// When nothing answers HTTP within four seconds.
pub fn status(port: u16, path: &str) -> io::Result<u16> {
    status_within(port, path, TIMEOUT)
}

/// The same with another patience.
///
/// # Errors
/// When nothing answers HTTP within `timeout`.
pub(crate) fn status_within(port: u16, path: &str, timeout: Duration) -> io::Result<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut head = Vec::new();
    stream.take(64).read_to_end(&mut head)?;
    std::str::from_utf8(&head)
        .ok()
        .or_else(|| std::str::from_utf8(head.get(..12)?).ok())
        .and_then(|text| text.strip_prefix("HTTP/1.1 "))
        .and_then(|text| text.get(..3)?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}
