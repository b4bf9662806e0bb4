//! `--chmod`: octal, or symbolic as the BSDs' chmod(1) takes it, which is what Docker's reader of modes was modelled on:
//! `=` also clears setuid and setgid of whom it is for, and the sticky bit is nobody's of `o` alone.

/// What `--chmod` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chmod {
    /// These bits.
    Octal(u32),
    /// Changes, one after the other.
    Symbolic(Vec<Change>),
}

/// One change of a symbolic mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    who: u32,
    operator: u8,
    bits: u32,
    /// `u`, `g`, `o` as permissions: those that this one has now, as a mask of the class.
    like: u32,
    /// `X`: execution where it is a folder or somebody may execute it.
    conditional: bool,
}

/// `--chmod` can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777")]
pub struct InvalidMode(pub String);

impl Chmod {
    /// Reads the flag's value.
    ///
    /// # Errors
    /// If it is neither octal nor symbolic.
    pub fn parse(text: &str) -> Result<Self, InvalidMode> {
        let invalid = || InvalidMode(text.chars().take(100).collect());
        if text.bytes().all(|b| b.is_ascii_digit()) {
            let bits = u32::from_str_radix(text, 8).map_err(|_| invalid())?;
            return (bits <= 0o7777)
                .then_some(Self::Octal(bits))
                .ok_or_else(invalid);
        }
        let mut changes = Vec::new();
        for clause in text.split(',') {
            changes.extend(clause_changes(clause).ok_or_else(invalid)?);
        }
        Ok(Self::Symbolic(changes))
    }

    /// The new mode of what has `mode` now.
    pub fn apply(&self, mode: u32, directory: bool) -> u32 {
        match self {
            Self::Octal(bits) => *bits,
            Self::Symbolic(changes) => changes
                .iter()
                .fold(mode, |mode, change| change.apply(mode, directory)),
        }
    }
}

/// Setuid with the user's, setgid with the group's, sticky with everybody's.
const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHERS: u32 = 0o0007;
const STICKY: u32 = 0o1000;

impl Change {
    const fn apply(self, mode: u32, directory: bool) -> u32 {
        let mut bits = self.bits;
        if self.conditional && (directory || mode & 0o111 != 0) {
            bits |= 0o111;
        }
        if self.like != 0 {
            let three = (mode & self.like) >> (self.like & 0o111).trailing_zeros();
            bits |= three | three << 3 | three << 6;
        }
        let bits = bits & self.who;
        match self.operator {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            _ => mode & !self.who | bits,
        }
    }
}

fn clause_changes(clause: &str) -> Option<Vec<Change>> {
    let bytes = clause.as_bytes();
    let end = bytes.iter().position(|b| !b"ugoa".contains(b))?;
    let who = bytes[..end].iter().fold(0, |who, b| {
        who | match b {
            b'u' => USER,
            b'g' => GROUP,
            b'o' => OTHERS,
            _ => USER | GROUP | OTHERS,
        }
    });
    let who = if who == 0 { USER | GROUP | OTHERS } else { who };
    let mut changes: Vec<Change> = Vec::new();
    for &byte in &bytes[end..] {
        if b"+-=".contains(&byte) {
            changes.push(Change {
                who,
                operator: byte,
                bits: 0,
                like: 0,
                conditional: false,
            });
            continue;
        }
        let change = changes.last_mut()?;
        match byte {
            b'r' => change.bits |= 0o444,
            b'w' => change.bits |= 0o222,
            b'x' => change.bits |= 0o111,
            b'X' => change.conditional = true,
            b's' => change.bits |= 0o6000,
            b't' if who != OTHERS => {
                change.who |= STICKY;
                change.bits |= STICKY;
            }
            b't' => {}
            b'u' => change.like |= 0o700,
            b'g' => change.like |= 0o070,
            b'o' => change.like |= 0o007,
            _ => return None,
        }
    }
    (!changes.is_empty()).then_some(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_chmod_reads_them() {
        for (text, before, directory, after) in [
            ("755", 0o644, false, 0o755),
            ("04755", 0o644, false, 0o4755),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("+x", 0o644, false, 0o755),
            ("go-rwx", 0o755, false, 0o700),
            ("a+r,u+s", 0o700, false, 0o4744),
            ("g+s", 0o755, true, 0o2755),
            ("u=rw+x", 0o000, false, 0o700),
            ("+t", 0o777, true, 0o1777),
            ("o+t", 0o755, true, 0o755),
            ("g=u", 0o640, false, 0o660),
            ("u=rwx,g=u-w,o=", 0o644, false, 0o750),
            ("a=rX", 0o6755, false, 0o555),
            ("go=", 0o2775, true, 0o700),
        ] {
            let mode = Chmod::parse(text).unwrap().apply(before, directory);
            assert_eq!(mode, after, "{text}: {mode:o}");
        }
        for bad in [
            "", "9", "778", "10000", "u", "u=q", "u=rq", "x+u", "-1", "0x7",
        ] {
            let error = Chmod::parse(bad).unwrap_err().to_string();
            assert!(error.contains("should be octal"), "{bad}");
        }
    }
}
