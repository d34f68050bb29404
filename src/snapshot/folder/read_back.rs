//! A file that can be read back while it is written.

use std::borrow::BorrowMut;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

/// A buffered file, or a borrow of one, that can be read back while it is written, as the snapshot's writer does.
#[derive(Debug)]
pub struct ReadBack<B>(pub B);

impl<B: BorrowMut<BufWriter<File>>> Read for ReadBack<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.0.borrow_mut();
        file.flush()?;
        file.get_mut().read(buffer)
    }
}

impl<B: BorrowMut<BufWriter<File>>> Write for ReadBack<B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

impl<B: BorrowMut<BufWriter<File>>> Seek for ReadBack<B> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.borrow_mut().seek(to)
    }
}
