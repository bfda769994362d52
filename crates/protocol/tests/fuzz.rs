//! Fuzz targets of frames and segments, of jobs and commands.

#[path = "../../../tests/fuzz/engine.rs"]
mod engine;

use gansweep_protocol::{
    Command, Frame, FrameError, Job, PROTOCOL_VERSION, SegmentReader, SegmentTail, SegmentWriter, read_frame,
    write_frame,
};

/// A frame that was read is written to bytes that are read to the same bytes.
fn comes_back(frame: &Frame) {
    let bytes = |frame: &Frame| {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, frame).unwrap();
        bytes
    };
    let written = bytes(frame);
    // Not compared as values, since NaN is no NaN's equal.
    assert_eq!(bytes(&read_frame(&written[..]).unwrap().unwrap()), written);
}

#[test]
fn frames() {
    // In memory where there is such a folder: every case writes a file.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("segment");
    engine::fuzz("frames", |input| {
        let mut reader = input;
        while let Ok(Some(frame)) = read_frame(&mut reader) {
            comes_back(&frame);
        }
        // As a payload with a right header: mutations seldom have a right checksum.
        let mut wrapped = b"gsw".to_vec();
        wrapped.push(PROTOCOL_VERSION);
        wrapped.extend((input.len() as u32).to_le_bytes());
        wrapped.extend(crc32fast::hash(input).to_le_bytes());
        wrapped.extend(input);
        match read_frame(&wrapped[..]) {
            Ok(Some(frame)) => comes_back(&frame),
            Err(FrameError::Content(_)) => {}
            other => panic!("{other:?}"),
        }
        std::fs::write(&path, input).unwrap();
        let mut segment = SegmentReader::open(&path).unwrap();
        let whole = segment.by_ref().take_while(Result::is_ok).count();
        let tail = segment.tail();
        if SegmentWriter::open(&path).is_ok() {
            // What was whole stays, and a torn frame is cut off.
            assert!(tail.is_some());
            let mut again = SegmentReader::open(&path).unwrap();
            assert_eq!(again.by_ref().map(Result::unwrap).count(), whole);
            assert_eq!(again.tail(), Some(SegmentTail::Whole));
        } else {
            assert!(tail.is_none());
            assert_eq!(std::fs::read(&path).unwrap(), input, "a damaged segment is left alone");
        }
    });
}

#[test]
fn lines() {
    engine::fuzz("lines", |input| {
        let text = String::from_utf8_lossy(input);
        if let Ok(job) = Job::from_line(&text) {
            let line = job.to_line().unwrap();
            assert_eq!(Job::from_line(&line).unwrap().to_line().unwrap(), line);
            assert_eq!(line.find('\n'), Some(line.len() - 1));
        }
        if let Ok(command) = Command::from_line(&text) {
            let line = command.to_line().unwrap();
            assert_eq!(Command::from_line(&line).unwrap(), command);
            assert_eq!(line.find('\n'), Some(line.len() - 1));
        }
    });
}
