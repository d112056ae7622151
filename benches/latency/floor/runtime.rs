//! The floor's dialogue as a task for each connection on tokio's current-thread runtime.
//!
//! It does as little as the floor of commands, so the difference between them is the runtime.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Answer, GOODBYE, GREETING, INPUT_BYTES, REPLY, answer_to};

/// Serves until it is killed.
pub(super) fn run(address: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(accept_all(address))
}

async fn accept_all(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A failure ends the run in the client, which waits for replies.
        tokio::spawn(converse(stream));
    }
}

async fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(GREETING).await?;
    let mut input = vec![0; INPUT_BYTES];
    let mut output = Vec::new();
    loop {
        let count = stream.read(&mut input).await?;
        match answer_to(input.get(..count).unwrap_or_default()) {
            Answer::Replies(count) => {
                output.clear();
                for _ in 0..count {
                    output.extend_from_slice(REPLY);
                }
                stream.write_all(&output).await?;
            }
            Answer::Goodbye => return stream.write_all(GOODBYE).await,
            Answer::End => return Ok(()),
        }
    }
}
