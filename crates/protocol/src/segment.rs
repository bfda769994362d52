//! Segments: append-only files of frames, for workers without a pipe to the runner. A pipe and a segment
//! have the same content.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::frame::{FrameError, encode, read_frame};
use crate::{Envelope, Frame};

/// Why reading a segment stopped.
#[derive(Debug, thiserror::Error)]
#[error("segment {} cannot be read from byte {offset} on: {source}", path.display())]
pub struct SegmentError {
    /// The file.
    pub path: PathBuf,
    /// Where the frame begins that cannot be read. All frames before it were read.
    pub offset: u64,
    /// What is wrong with the frame.
    pub source: FrameError,
}

/// What follows the last whole frame of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentTail {
    /// Nothing.
    Whole,
    /// The beginning of a frame: its writer was killed, or is still writing.
    Torn {
        /// Where the partial frame begins.
        offset: u64,
        /// The length of the partial frame.
        bytes: u64,
    },
}

/// Reads a segment frame by frame. After the last one, [`tail`](Self::tail) tells what follows it.
#[derive(Debug)]
pub struct SegmentReader {
    path: PathBuf,
    reader: CountingReader<BufReader<File>>,
    /// End of the last whole frame.
    offset: u64,
    tail: Option<SegmentTail>,
    /// Set after a damaged frame: where the next one begins is not known.
    damaged: bool,
}

impl SegmentReader {
    /// Opens a segment at its beginning.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        Self::open_at(path, 0)
    }

    /// Opens a segment at the beginning of a frame, in bytes: at the [`offset`](Self::offset) of an earlier reader.
    pub fn open_at(path: &Path, offset: u64) -> Result<Self, SegmentError> {
        let open = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        let file = open().map_err(|error: io::Error| failed(path, offset, error.into()))?;
        let reader = CountingReader { inner: BufReader::with_capacity(64 << 10, file), count: offset };
        Ok(Self { path: path.to_owned(), reader, offset, tail: None, damaged: false })
    }

    /// Where the last whole frame ends that was read, in bytes.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What follows the last whole frame; `None` before the end is reached, and if the segment is damaged.
    pub const fn tail(&self) -> Option<SegmentTail> {
        self.tail
    }
}

impl Iterator for SegmentReader {
    type Item = Result<Frame, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.damaged || self.tail.is_some() {
            return None;
        }
        match read_frame(&mut self.reader) {
            Ok(Some(frame)) => {
                self.offset = self.reader.count;
                Some(Ok(frame))
            }
            Ok(None) => {
                self.tail = Some(SegmentTail::Whole);
                None
            }
            Err(FrameError::Torn) => {
                let (offset, bytes) = (self.offset, self.reader.count - self.offset);
                self.tail = Some(SegmentTail::Torn { offset, bytes });
                None
            }
            Err(source) => {
                self.damaged = true;
                Some(Err(failed(&self.path, self.offset, source)))
            }
        }
    }
}

/// Appends frames to a segment.
#[derive(Debug)]
pub struct SegmentWriter {
    file: File,
    /// End of the last whole frame.
    length: u64,
    /// The error after which it is not known what is at the end of the file: nothing may follow it.
    broken: Option<io::ErrorKind>,
}

impl SegmentWriter {
    /// Creates the file, or appends to it. A partial frame that a killed writer left at the end is cut off,
    /// because it would make everything after it unreadable.
    ///
    /// # Errors
    /// The file has anything but frames of this version. It is left unchanged.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.map_err(|error| failed(path, 0, error.into()))?;
        let mut written = SegmentReader::open(path)?;
        for frame in written.by_ref() {
            frame?;
        }
        if let Some(SegmentTail::Torn { offset, .. }) = written.tail() {
            file.set_len(offset).map_err(|error| failed(path, offset, error.into()))?;
        }
        Ok(Self { file, length: written.offset(), broken: None })
    }

    /// Appends a frame, and waits for the disk if its event must survive a loss of power. A frame of which only a part
    /// is written, as on a full disk, is cut off again: another thread may write the next one when there is room.
    ///
    /// # Errors
    /// Those of the file. After one that leaves the end of the file unknown, every further frame is refused.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        if let Some(kind) = self.broken {
            return Err(io::Error::new(kind, format!("an earlier event could not be written: {kind}")));
        }
        let bytes = encode(frame)?;
        if let Err(error) = self.file.write_all(&bytes) {
            if self.file.set_len(self.length).is_err() {
                self.broken = Some(error.kind());
            }
            return Err(error);
        }
        self.length += bytes.len() as u64;
        match frame {
            Frame::Event(Envelope { event, .. }) if event.must_be_durable() => {
                let synced = self.file.sync_data();
                // The frame may be lost, or be read already: it can neither stay nor be cut off.
                self.broken = synced.as_ref().err().map(io::Error::kind);
                synced
            }
            _ => Ok(()),
        }
    }
}

fn failed(path: &Path, offset: u64, source: FrameError) -> SegmentError {
    SegmentError { path: path.to_owned(), offset, source }
}

/// Counts the bytes that are read.
#[derive(Debug)]
struct CountingReader<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gansweep_config::RunId;

    use super::*;
    use crate::{Event, Failed, Heartbeat, PROTOCOL_VERSION};

    fn frame(number: u32) -> Frame {
        Frame::Heartbeat(Heartbeat { cpu_seconds: f64::from(number) })
    }

    fn write(path: &Path, numbers: std::ops::Range<u32>) {
        let mut writer = SegmentWriter::open(path).unwrap();
        for number in numbers {
            writer.write(&frame(number)).unwrap();
        }
    }

    fn read(path: &Path) -> (Vec<Frame>, Option<SegmentTail>) {
        let mut reader = SegmentReader::open(path).unwrap();
        let frames = reader.by_ref().map(Result::unwrap).collect();
        (frames, reader.tail())
    }

    #[test]
    fn frames_are_read_back_and_more_are_appended_by_the_next_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.segment");
        write(&path, 0..3);
        write(&path, 3..5);
        assert_eq!(read(&path), ((0..5).map(frame).collect(), Some(SegmentTail::Whole)));
    }

    #[test]
    fn a_later_reader_goes_on_where_an_earlier_one_has_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.segment");
        write(&path, 0..3);
        let mut reader = SegmentReader::open(&path).unwrap();
        assert_eq!(reader.by_ref().count(), 3);
        write(&path, 3..5);
        let later = SegmentReader::open_at(&path, reader.offset()).unwrap();
        assert_eq!(later.map(Result::unwrap).collect::<Vec<_>>(), [frame(3), frame(4)]);
    }

    #[test]
    fn a_torn_last_frame_is_dropped_and_told_and_cut_off_by_the_next_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.segment");
        write(&path, 0..3);
        let whole = fs::read(&path).unwrap();
        let begin = whole.len() / 3 * 2;
        for end in begin + 1..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let torn = SegmentTail::Torn { offset: begin as u64, bytes: (end - begin) as u64 };
            assert_eq!(read(&path), (vec![frame(0), frame(1)], Some(torn)));
            write(&path, 7..8);
            assert_eq!(read(&path), (vec![frame(0), frame(1), frame(7)], Some(SegmentTail::Whole)));
        }
    }

    #[test]
    fn damage_is_told_with_its_place_after_the_frames_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.segment");
        write(&path, 0..3);
        let mut bytes = fs::read(&path).unwrap();
        let second = bytes.len() / 3;
        bytes[2 * second - 1] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let mut reader = SegmentReader::open(&path).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), frame(0));
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "segment {} cannot be read from byte {second} on: a frame's checksum does not match its content",
                path.display()
            )
        );
        assert!(reader.next().is_none() && reader.tail().is_none(), "where the third begins is a guess");
        assert!(SegmentWriter::open(&path).is_err(), "nothing is appended behind the damage");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_segment_of_another_version_or_another_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.segment");
        write(&path, 0..1);
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] = PROTOCOL_VERSION + 1;
        fs::write(&path, &bytes).unwrap();
        let error = SegmentReader::open(&path).unwrap().next().unwrap().unwrap_err();
        assert!(matches!(error.source, FrameError::Version(_)), "{error}");
        fs::write(&path, "step,loss\n1,0.5\n").unwrap();
        let error = SegmentReader::open(&path).unwrap().next().unwrap().unwrap_err();
        assert!(matches!(error.source, FrameError::NotAFrame(_)), "{error}");
    }

    #[test]
    fn a_segment_that_is_not_there_is_named() {
        let error = SegmentReader::open(Path::new("/nonexistent/worker.segment")).unwrap_err();
        assert!(error.to_string().starts_with("segment /nonexistent/worker.segment cannot be read"));
    }

    /// Names the segment to the process that writes it with a limit on the size of files.
    const LIMITED: &str = "GANSWEEP_TEST_SEGMENT";

    /// The limit stands for a full disk: a part of the frame is written before the error.
    #[test]
    fn a_frame_that_does_not_fit_leaves_nothing_behind_that_a_later_frame_could_follow() {
        if let Some(path) = std::env::var_os(LIMITED) {
            let mut writer = SegmentWriter::open(Path::new(&path)).unwrap();
            writer.write(&frame(0)).unwrap();
            let event = Event::Failed(Failed { step: 0, cause: "x".repeat(4096) });
            let run = RunId::parse("0123456789abcdef").unwrap();
            let long = Envelope { run, attempt: 1, seq: 0, at_unix_ms: 0, event };
            assert!(writer.write(&Frame::Event(long)).is_err());
            writer.write(&frame(1)).unwrap();
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.segment");
        let name =
            "segment::tests::a_frame_that_does_not_fit_leaves_nothing_behind_that_a_later_frame_could_follow";
        let ended = std::process::Command::new("sh")
            .args(["-c", "ulimit -f 2 && trap '' XFSZ && exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(LIMITED, &path)
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
        assert_eq!(read(&path), (vec![frame(0), frame(1)], Some(SegmentTail::Whole)));
    }
}
