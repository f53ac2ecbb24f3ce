//! A log file of bounded size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// `detector_worker.log`, and the earlier ones of it: `detector_worker.log.1` is the newest.
///
/// Bounded by size rather than by day: what a camera that flaps through a night writes fits the disk
/// too. The crates for this either bound days only, or panic when somebody has tidied up the folder;
/// here a file that cannot be moved or opened is tried again with the next line.
pub struct RotatingFile {
    path: PathBuf,
    /// Bytes after which a new file is begun.
    most_bytes: u64,
    /// Earlier files that are kept.
    kept: usize,
    file: Option<File>,
    bytes: u64,
}

impl RotatingFile {
    /// Goes on with the file that is there, or begins one; makes its folder too.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path, most_bytes: u64, kept: usize) -> io::Result<Self> {
        let mut rotating = Self { path: path.to_owned(), most_bytes, kept, file: None, bytes: 0 };
        rotating.reopen()?;
        Ok(rotating)
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.bytes = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Moves each file one number up, the last one away, and begins a new one.
    fn rotate(&mut self) {
        self.file = None;
        if self.kept == 0 {
            // The file is in nobody's way any more when this fails.
            let _ = fs::remove_file(&self.path);
        }
        for number in (1..=self.kept).rev() {
            let older = self.numbered(number);
            let newer = if number == 1 { self.path.clone() } else { self.numbered(number - 1) };
            // A file that somebody has taken away is not missed.
            let _ = fs::rename(newer, older);
        }
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for RotatingFile {
    /// Takes a whole line: lines are not torn apart.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.most_bytes {
            self.rotate();
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = &mut self.file else { return Ok(line.len()) };
        file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn a_full_file_makes_room_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/worker.log");
        let mut log = RotatingFile::open(&path, 10, 2).unwrap();
        for line in ["first...\n", "second..\n", "third...\n", "fourth..\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(read(&path), "fourth..\n");
        assert_eq!(read(&path.with_extension("log.1")), "third...\n");
        assert_eq!(read(&path.with_extension("log.2")), "second..\n");
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 3);
    }

    #[test]
    fn an_earlier_run_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.log");
        for line in ["one\n", "two\n"] {
            RotatingFile::open(&path, 100, 2).unwrap().write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(read(&path), "one\ntwo\n");
    }

    #[test]
    fn somebody_who_tidies_up_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/worker.log");
        let mut log = RotatingFile::open(&path, 5, 3).unwrap();
        log.write_all(b"one..\n").unwrap();
        log.write_all(b"two..\n").unwrap();
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        log.write_all(b"three\n").unwrap();
        assert_eq!(read(&path), "three\n");
    }
}
