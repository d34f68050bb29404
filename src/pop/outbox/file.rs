//! A file of lines, one JSON object each, that is durable line by line and begun anew at a size.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::settings;
use crate::durable::{DurableError, move_file, remove_file};

/// What is read at once where the end of a file is looked at.
const PIECE: u64 = 64 << 10;

/// The file that is written.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    rotate_bytes: u64,
    kept: usize,
    file: Option<(File, u64)>,
}

/// Why a line is not in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinesError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Durable(#[from] DurableError),
}

impl Lines {
    pub(super) fn new(settings: &settings::File) -> Lines {
        Lines {
            path: settings.path.clone(),
            rotate_bytes: settings.rotate_mib << 20,
            kept: settings.kept,
            file: None,
        }
    }

    /// Appends `line`, with its line feed, and makes it durable.
    ///
    /// # Errors
    /// It may be there or not; where it is not, nothing is there of it that the next one could be taken for.
    pub(super) fn append(&mut self, line: &str) -> Result<(), LinesError> {
        // What failed is opened anew, and what it left of a line is cut off then.
        let (mut file, mut bytes) = match self.file.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        if bytes > 0 && bytes + line.len() as u64 > self.rotate_bytes {
            drop(file);
            self.rotate()?;
            (file, bytes) = open(&self.path)?;
        }
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        self.file = Some((file, bytes + line.len() as u64));
        Ok(())
    }

    /// Has `PATH` be called `PATH.1`, that one `PATH.2`, and so on.
    fn rotate(&self) -> Result<(), LinesError> {
        let name = |nth: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{nth}"));
            PathBuf::from(name)
        };
        if self.kept == 0 {
            return Ok(remove_file(&self.path)?);
        }
        for nth in (1..self.kept).rev() {
            if name(nth).exists() {
                move_file(&name(nth), &name(nth + 1))?;
            }
        }
        Ok(move_file(&self.path, &name(1))?)
    }
}

/// Opens the file at its end, which is that of its last whole line.
fn open(path: &Path) -> Result<(File, u64), LinesError> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if is_new {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    let bytes = file.metadata()?.len();
    let whole = end_of_last_line(&mut file, bytes)?;
    if whole < bytes {
        tracing::warn!(file = %path.display(), "cut off a line that a crash left unfinished; it is written again");
        file.set_len(whole)?;
    }
    Ok((file, whole))
}

fn end_of_last_line(file: &mut File, bytes: u64) -> io::Result<u64> {
    let mut end = bytes;
    let mut piece = Vec::new();
    while end > 0 {
        let from = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(from))?;
        piece.clear();
        Read::by_ref(file).take(end - from).read_to_end(&mut piece)?;
        if let Some(at) = memchr::memrchr(b'\n', &piece) {
            return Ok(from + at as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lines(dir: &Path, kept: usize) -> Lines {
        Lines {
            path: dir.join("out.ndjson"),
            rotate_bytes: 20,
            kept,
            file: None,
        }
    }

    #[test]
    fn lines_follow_one_another_and_an_unfinished_one_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.ndjson");
        lines(dir.path(), 2).append("{\"a\":1}\n").unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"b\"").unwrap();
        lines(dir.path(), 2).append("{\"c\":3}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"c\":3}\n");
        fs::write(&path, "{\"never ended").unwrap();
        lines(dir.path(), 2).append("{}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
    }

    #[test]
    fn files_are_rotated_by_size_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut lines = lines(dir.path(), 2);
        for nth in 0..7 {
            lines.append(&format!("{{\"nth\":{nth}}}\n")).unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("out.ndjson"), "{\"nth\":6}\n");
        assert_eq!(read("out.ndjson.1"), "{\"nth\":4}\n{\"nth\":5}\n");
        assert_eq!(read("out.ndjson.2"), "{\"nth\":2}\n{\"nth\":3}\n");
        assert!(!dir.path().join("out.ndjson.3").exists());
    }
}
