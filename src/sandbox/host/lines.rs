//! Output of a step, cut into lines and held to its limit.

use crate::model::event::Stream;

use super::super::spec::Observer;

/// The longest line that is given on in one piece.
const LONGEST: usize = 64 << 10;

/// What is left of the step's right to print.
#[derive(Debug)]
pub struct Budget {
    left: u64,
    /// Whether something was cut.
    pub cut: bool,
}

impl Budget {
    pub const fn new(bytes: u64) -> Self {
        Self {
            left: bytes,
            cut: false,
        }
    }

    /// How much of `length` may still be printed.
    fn take(&mut self, length: usize) -> usize {
        let given = usize::try_from(self.left).unwrap_or(usize::MAX).min(length);
        self.left -= given as u64;
        self.cut |= given < length;
        given
    }
}

/// One stream.
#[derive(Debug)]
pub struct Lines {
    stream: Stream,
    pending: Vec<u8>,
}

impl Lines {
    pub const fn new(stream: Stream) -> Self {
        Self {
            stream,
            pending: Vec::new(),
        }
    }

    /// More was printed.
    pub fn push(&mut self, bytes: &[u8], budget: &mut Budget, observer: &dyn Observer) {
        let mut bytes = &bytes[..budget.take(bytes.len())];
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..end], observer);
            observer.line(self.stream, &self.pending);
            self.pending.clear();
            bytes = &bytes[end + 1..];
        }
        self.add(bytes, observer);
    }

    /// The last line may have no end.
    pub fn finish(&mut self, observer: &dyn Observer) {
        if !self.pending.is_empty() {
            observer.line(self.stream, &self.pending);
            self.pending.clear();
        }
    }

    fn add(&mut self, mut bytes: &[u8], observer: &dyn Observer) {
        while self.pending.len() + bytes.len() > LONGEST {
            let (now, later) = bytes.split_at(LONGEST - self.pending.len());
            self.pending.extend(now);
            observer.line(self.stream, &self.pending);
            self.pending.clear();
            bytes = later;
        }
        self.pending.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::spec::StepUsage;
    use std::cell::RefCell;

    #[derive(Default)]
    struct Heard(RefCell<Vec<Vec<u8>>>);

    impl Observer for Heard {
        fn line(&self, _: Stream, line: &[u8]) {
            self.0.borrow_mut().push(line.to_owned());
        }
        fn usage(&self, _: StepUsage) {}
        fn refused(&self, _: &str) {}
    }

    fn heard(pieces: &[&[u8]], limit: u64) -> (Vec<Vec<u8>>, bool) {
        let (heard, mut budget) = (Heard::default(), Budget::new(limit));
        let mut lines = Lines::new(Stream::Stdout);
        for piece in pieces {
            lines.push(piece, &mut budget, &heard);
        }
        lines.finish(&heard);
        (heard.0.into_inner(), budget.cut)
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        let expected: (Vec<Vec<u8>>, bool) =
            (vec![b"one".into(), b"".into(), b"two".into()], false);
        assert_eq!(heard(&[b"o", b"ne\n\ntw", b"o"], 100), expected);
    }

    #[test]
    fn what_goes_past_the_limit_is_cut_and_said_so() {
        assert_eq!(
            heard(&[b"abc\ndef\n"], 5),
            (vec![b"abc".into(), b"d".into()], true)
        );
    }

    #[test]
    fn an_endless_line_comes_in_pieces() {
        let (lines, cut) = heard(&[&vec![b'x'; LONGEST * 2 + 1], b"\n"], u64::MAX);
        assert_eq!(
            lines.iter().map(Vec::len).collect::<Vec<_>>(),
            [LONGEST, LONGEST, 1]
        );
        assert!(!cut);
    }
}
