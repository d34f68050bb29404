//! One frame: how it is written, and how it is read without trusting a byte of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::Xxh3;

/// Bytes before the body.
pub(super) const HEAD: u64 = 16;
/// The longest body, in bytes.
pub(super) const LONGEST: u32 = 1 << 30;

/// Begins every frame. Text cannot hold it: no byte of UTF-8 is `f7` or `fe`.
const MAGIC: [u8; 4] = [0xf7, b'R', b'F', 0xfe];
/// Bytes that are read at a time where only a checksum is wanted.
const CHUNK: usize = 1 << 16;

/// The bytes that go before `body` at `offset` of the segment called by `first`; `None` where it is too long.
pub(super) fn head(first: u64, offset: u64, body: &[u8]) -> Option<[u8; 16]> {
    let length = u32::try_from(body.len())
        .ok()
        .filter(|length| *length <= LONGEST)?;
    let mut hash = hash_of(first, offset, length);
    hash.update(body);
    let mut head = [0; 16];
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&length.to_le_bytes());
    head[8..].copy_from_slice(&hash.digest().to_le_bytes());
    Some(head)
}

/// A hash that has taken what tells the place: the same bytes elsewhere are another frame.
fn hash_of(first: u64, offset: u64, length: u32) -> Xxh3 {
    let mut hash = Xxh3::new();
    hash.update(&first.to_le_bytes());
    hash.update(&offset.to_le_bytes());
    hash.update(&length.to_le_bytes());
    hash
}

/// A segment file of known length that is read frame by frame.
pub(super) struct Frames<'a> {
    pub(super) file: &'a File,
    pub(super) first: u64,
    /// Bytes in the file.
    pub(super) bytes: u64,
}

impl Frames<'_> {
    /// Reads the body of the frame at `offset` into `body`; `false` where there is no whole, right frame.
    pub(super) fn read(&self, offset: u64, body: &mut Vec<u8>) -> io::Result<bool> {
        let Some((length, checksum)) = self.read_head(offset)? else {
            return Ok(false);
        };
        body.clear();
        // The length is within the file, so that wrong bytes cannot ask for memory that nothing fills.
        body.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.file.read_exact_at(body, offset + HEAD)?;
        let mut hash = hash_of(self.first, offset, length);
        hash.update(body);
        Ok(hash.digest() == checksum)
    }

    /// Whether a whole, right frame begins anywhere behind `offset`: then what is wrong at `offset` is no torn end.
    pub(super) fn any_behind(&self, offset: u64) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK];
        let mut start = offset.saturating_add(1);
        while start.saturating_add(HEAD) <= self.bytes {
            let filled = self.fill(start, &mut chunk)?;
            for at in memchr::memmem::find_iter(filled, &MAGIC) {
                if self.is_right(start + at as u64)? {
                    return Ok(true);
                }
            }
            // The magic may lie across the border of two chunks.
            start += (filled.len() as u64).saturating_sub(3).max(1);
        }
        Ok(false)
    }

    /// As [`read`](Self::read), without keeping the body.
    fn is_right(&self, offset: u64) -> io::Result<bool> {
        let Some((length, checksum)) = self.read_head(offset)? else {
            return Ok(false);
        };
        let mut hash = hash_of(self.first, offset, length);
        let mut chunk = vec![0; CHUNK];
        let (mut start, end) = (offset + HEAD, offset + HEAD + u64::from(length));
        while start < end {
            let wanted = usize::try_from(end - start).unwrap_or(CHUNK).min(CHUNK);
            self.file.read_exact_at(&mut chunk[..wanted], start)?;
            hash.update(&chunk[..wanted]);
            start += wanted as u64;
        }
        Ok(hash.digest() == checksum)
    }

    /// Length and checksum of the frame at `offset`, if its body can lie within the file.
    fn read_head(&self, offset: u64) -> io::Result<Option<(u32, u64)>> {
        let Some(room) = self.bytes.checked_sub(offset.saturating_add(HEAD)) else {
            return Ok(None);
        };
        let mut head = [0; 16];
        self.file.read_exact_at(&mut head, offset)?;
        let (magic, length, checksum) = (&head[..4], le_u32(&head[4..8]), le_u64(&head[8..]));
        let fits = magic == MAGIC && length <= LONGEST && u64::from(length) <= room;
        Ok(fits.then_some((length, checksum)))
    }

    /// As many bytes from `start` on as `chunk` takes and the file has.
    fn fill<'c>(&self, start: u64, chunk: &'c mut [u8]) -> io::Result<&'c [u8]> {
        let left = usize::try_from(self.bytes - start).unwrap_or(usize::MAX);
        let filled = &mut chunk[..left.min(CHUNK)];
        self.file.read_exact_at(filled, start)?;
        Ok(filled)
    }
}

/// The number in up to four bytes, the lowest first.
pub(super) fn le_u32(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The number in up to eight bytes, the lowest first.
pub(super) fn le_u64(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
