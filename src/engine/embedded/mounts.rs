//! `RUN --mount`, `--network`, `--security`, `--device`: what a step may be given, and what it may not.

use super::stage::Stage;
use crate::dockerfile::ast::Instruction;
use crate::engine::fault::Fault;
use crate::sandbox::spec::Mount;

use super::metadata::absolute;

/// The mounts of a RUN, in order, and a text for the cache's key.
#[derive(Debug, Default)]
pub struct Mounts {
    /// For the sandbox.
    pub list: Vec<Mount>,
    /// As written, expanded.
    pub key: Vec<String>,
}

impl Stage<'_> {
    /// Reads the flags of a RUN.
    ///
    /// # Errors
    /// If one asks for what a build is not given.
    pub fn mounts(&self, instruction: &Instruction) -> Result<Mounts, Fault> {
        let mut mounts = Mounts::default();
        for flag in &instruction.flags {
            let value = match &flag.value {
                Some(value) => self.scope.word(value)?,
                None => String::new(),
            };
            match flag.name.text.as_str() {
                "mount" => {
                    mounts.list.push(self.mount(&value)?);
                    mounts.key.push(value);
                }
                "network" => match value.as_str() {
                    // Both are the same here: there is no network.
                    "" | "none" | "default" => {}
                    _ => {
                        return Err(
                            Fault::input(format!("RUN --network={value} is not allowed"))
                                .help("builds have no network; leave the flag out"),
                        );
                    }
                },
                "security" if value == "sandbox" => {}
                "security" | "device" => {
                    let name = &flag.name.text;
                    return Err(Fault::input(format!("RUN --{name} is not allowed"))
                        .help("a build is never privileged; leave the flag out"));
                }
                other => return Err(Fault::input(format!("unknown flag: RUN --{other}"))),
            }
        }
        Ok(mounts)
    }

    fn mount(&self, text: &str) -> Result<Mount, Fault> {
        let mut kind = "bind";
        let mut target = None;
        let mut size = None;
        for part in text.split(',') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim() {
                "type" => kind = value,
                "target" | "dst" | "destination" => target = Some(value),
                "size" => size = Some(value),
                _ => {}
            }
        }
        match kind {
            "tmpfs" => {}
            "secret" | "ssh" => {
                return Err(
                    Fault::input(format!("RUN --mount=type={kind} is not allowed"))
                        .help("a build has no secrets: nothing of the host reaches a step"),
                );
            }
            "cache" => {
                return Err(Fault::input("RUN --mount=type=cache is not supported").help(
                    "leave the mount out: what one build leaves would reach the next, and builds could not be repeated",
                ));
            }
            "bind" => {
                return Err(Fault::input("RUN --mount=type=bind is not supported")
                    .help("COPY what the command needs, and remove it in the same RUN or copy the result from a stage"));
            }
            other => return Err(Fault::input(format!("unsupported mount type \"{other}\""))),
        }
        let target = target
            .filter(|t| !t.is_empty())
            .ok_or_else(|| Fault::input("RUN --mount: target is required"))?;
        let target = absolute(self.image.working_dir(), target);
        if target == "/" {
            return Err(Fault::input("invalid mount target \"/\""));
        }
        let most = self.build.watch.limits().memory_bytes;
        let bytes = match size {
            None => most,
            Some(text) => bytes(text)
                .ok_or_else(|| Fault::input(format!("RUN --mount: size `{text}` is no size")))?
                .min(most),
        };
        Ok(Mount::Tmpfs { target, bytes })
    }
}

/// A size as Docker writes it: `64m`, `1gb`, `1024`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, size) in [
            ("64m", Some(64 << 20)),
            ("1GiB", Some(1 << 30)),
            ("10b", Some(10)),
            ("7", Some(7)),
            ("x", None),
            ("1q", None),
            ("99999999999t", None),
        ] {
            assert_eq!(bytes(text), size, "{text}");
        }
    }
}
