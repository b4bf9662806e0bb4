//! A blob on its way in, held to the length that was promised.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use crate::oci::BlobWriter;

/// Takes no more bytes than were promised.
pub struct Bounded {
    pub writer: BlobWriter,
    pub left: u64,
}

impl AsyncWrite for Bounded {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(left) = this.left.checked_sub(bytes.len() as u64) else {
            let why = "it sends more than its manifest says";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::FileTooLarge, why)));
        };
        this.left = left;
        Poll::Ready(this.writer.write_all(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
