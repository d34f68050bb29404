//! Has the disk take what a merge writes while it writes, so that little is left to wait for at the end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crossbeam::channel::{Sender, bounded};

/// Bytes after each of which the disk is asked for what it does not have yet, unless it is busy with that still.
const AHEAD_BYTES: usize = 64 << 20;

/// What is written passes through it, and is counted.
#[derive(Debug)]
pub(super) struct Ahead<W> {
    out: W,
    bytes: usize,
    syncing: Sender<()>,
}

/// Has `write` write to `out`, and beside it makes durable what is in `file`, which is the same one.
///
/// # Errors
/// What `write` returns, or the disk: what the kernel could not write then may be lost, and is not asked for again.
pub(super) fn writing<W, T, E: From<io::Error>>(
    file: &File,
    out: W,
    write: impl FnOnce(&mut Ahead<W>) -> Result<T, E>,
) -> Result<T, E> {
    std::thread::scope(|scope| {
        let (syncing, asked) = bounded(1);
        let disk = std::thread::Builder::new()
            .name("sync".into())
            .spawn_scoped(scope, move || asked.iter().try_for_each(|()| file.sync_data()))?;
        let mut ahead = Ahead {
            out,
            bytes: 0,
            syncing,
        };
        let written = write(&mut ahead);
        // Nobody asks the disk any more.
        drop(ahead);
        let synced = disk
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let written = written?;
        synced?;
        Ok(written)
    })
}

impl<W: Write> Write for Ahead<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written;
        if self.bytes >= AHEAD_BYTES {
            self.bytes = 0;
            // One that is busy takes these bytes along the next time; one that has failed says so at the end.
            let _busy = self.syncing.try_send(());
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Read> Read for Ahead<W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.out.read(buffer)
    }
}

impl<W: Seek> Seek for Ahead<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.out.seek(to)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn what_passes_is_all_there_and_the_disk_is_done() {
        let mut file = tempfile::tempfile().unwrap();
        let disk = file.try_clone().unwrap();
        let bytes: Vec<u8> = (0..=u8::MAX)
            .cycle()
            .take(AHEAD_BYTES + AHEAD_BYTES / 2)
            .collect();
        writing(&disk, &mut file, |out| {
            bytes.chunks(1 << 20).try_for_each(|chunk| out.write_all(chunk))?;
            out.seek(SeekFrom::Start(1))?;
            let mut second = [0];
            out.read_exact(&mut second)?;
            assert_eq!(second, [1]);
            Ok::<(), io::Error>(())
        })
        .unwrap();
        let mut found = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut found).unwrap();
        assert!(found == bytes);
    }

    #[test]
    fn a_disk_that_fails_is_an_error() {
        // Nothing can be made durable of it.
        let (reader, _writer) = io::pipe().unwrap();
        let disk = File::from(std::os::fd::OwnedFd::from(reader));
        let error = writing(&disk, io::Cursor::new(Vec::new()), |out| {
            out.write_all(&vec![0; AHEAD_BYTES])?;
            Ok::<(), io::Error>(())
        });
        assert!(error.is_err());
    }
}
