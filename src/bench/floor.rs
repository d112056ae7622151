//! The floor (`--floor`): a server that does nothing but answer, with a blocking thread for each client.
//!
//! What is measured against it is the price of what a server does beside. It knows the few commands of the
//! workloads that it is for, and no more.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// The most clients: each has a thread.
pub(super) const CLIENTS: usize = 512;

const STACK_BYTES: usize = 64 * 1024;

/// Starts it, for as long as the program runs.
///
/// # Errors
/// In words, if there is no port or no thread.
pub(super) fn start() -> Result<SocketAddr, String> {
    let failed = |error: io::Error| format!("--floor: cannot start the floor: {error}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let accepting = thread::Builder::new().spawn(move || {
        for client in listener.incoming().flatten() {
            // A client without a thread sees its connection close.
            let _ = thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn(move || serve(client));
        }
    });
    accepting.map_err(failed)?;
    Ok(address)
}

/// Until the client leaves, which is no error here.
fn serve(mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    client.write_all(b"220 floor\r\n")?;
    let (mut buffer, mut line, mut out) = ([0; 16 * 1024], Vec::new(), Vec::new());
    loop {
        let count = client.read(&mut buffer)?;
        let received = buffer.get(..count).unwrap_or_default();
        if received.is_empty() {
            return Ok(());
        }
        let mut has_quit = false;
        for part in received.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                has_quit |= line.starts_with(b"QUIT");
                out.extend_from_slice(answer(&line));
                line.clear();
            }
        }
        client.write_all(&out)?;
        out.clear();
        if has_quit {
            return Ok(());
        }
    }
}

fn answer(line: &[u8]) -> &'static [u8] {
    match line.get(..4) {
        Some(b"USER") => b"331 ok\r\n",
        Some(b"PASS") => b"230 ok\r\n",
        Some(b"QUIT") => b"221 ok\r\n",
        _ => b"200 ok\r\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_answers_pipelines_and_logins() {
        let mut client = TcpStream::connect(start().unwrap()).unwrap();
        client.write_all(b"USER a\r\nPASS b\r\nNOOP\r\nNO").unwrap();
        client.write_all(b"OP\r\nQUIT\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(
            text,
            "220 floor\r\n331 ok\r\n230 ok\r\n200 ok\r\n200 ok\r\n221 ok\r\n"
        );
    }
}
