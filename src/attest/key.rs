//! The key that signs what is published: ECDSA on P-256, made at first use, kept where only its owner reads it.
//!
//! It knows nothing of images: bytes in, a signature out. Signatures are deterministic (RFC 6979), so the same bytes
//! signed twice give the same blob and the same digest.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding,
};
use rand_core::{CryptoRng, CryptoRngCore, RngCore};
use sha2::{Digest as _, Sha256};

use crate::durable;
use crate::model::Digest;

/// The private key's file name in the keys folder.
pub const PRIVATE_FILE: &str = "flareo.key";
/// The public key's file name in the keys folder: what clients verify with.
pub const PUBLIC_FILE: &str = "flareo.pub";

/// The longest key file that is read.
const KEY_LIMIT: u64 = 16 * 1024;

/// Why there is no key to sign or verify with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others can read or change the private key.
    #[error(
        "refusing the signing key {}: its permissions are {mode:04o}, so others may have read or changed it; \
         if you trust it still, run `chmod 600` on it, else remove it and {PUBLIC_FILE} to have a new one made", path.display()
    )]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The private key belongs to another user.
    #[error("refusing the signing key {}: it belongs to user {owner}, and this process runs as user {user}", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// The file holds no P-256 key in the expected form.
    #[error("{} is not {expected}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The two halves do not belong together.
    #[error(
        "{} is not the public half of {PRIVATE_FILE} beside it: one of them was replaced; put the right one back, or remove \
         {PUBLIC_FILE} to have it written anew from {PRIVATE_FILE}", path.display()
    )]
    Mismatch {
        /// The public key's file.
        path: PathBuf,
    },
}

/// The private half. It is wiped from memory when dropped and prints only its fingerprint.
pub struct SigningKey {
    secret: p256::ecdsa::SigningKey,
    public: PublicKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey")
            .field(&self.public.fingerprint())
            .finish()
    }
}

impl SigningKey {
    /// A new key out of `random`, nowhere written down.
    pub fn generate(random: &mut impl CryptoRngCore) -> Self {
        Self::from_secret(p256::ecdsa::SigningKey::random(random))
    }

    /// The key in `folder`; made there out of `random` if there is none yet.
    ///
    /// Of several processes that come first at once, one makes the key and all use it.
    ///
    /// # Errors
    /// If the folder can't be used, the key is open to others or not ours, or the halves don't match.
    pub fn open(folder: &Path, random: &mut impl CryptoRngCore) -> Result<Self, KeyError> {
        let path = folder.join(PRIVATE_FILE);
        let key = match Self::load(&path)? {
            Some(key) => key,
            None => {
                make_folder(folder)?;
                let made = Self::generate(random);
                let pem =
                    made.secret
                        .to_pkcs8_pem(LineEnding::LF)
                        .map_err(|e| KeyError::Malformed {
                            path: path.clone(),
                            expected: "a key that can be written",
                            why: e.to_string(),
                        })?;
                write_new(&path, pem.as_bytes(), 0o600)?;
                // Whoever was first wins: what stands in the file is the key.
                Self::load(&path)?.unwrap_or(made)
            }
        };
        key.check_public(&folder.join(PUBLIC_FILE))?;
        Ok(key)
    }

    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs SHA-256 of `message`: an ASN.1 DER signature, the same for the same message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.secret.sign(message);
        signature.as_bytes().to_vec()
    }

    fn from_secret(secret: p256::ecdsa::SigningKey) -> Self {
        let public = PublicKey(*secret.verifying_key());
        Self { secret, public }
    }

    fn load(path: &Path) -> Result<Option<Self>, KeyError> {
        let io = |what| {
            move |source| KeyError::Io {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let file = match OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
        {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io("open")(e)),
        };
        let metadata = file.metadata().map_err(io("look at"))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Permissions {
                path: path.to_owned(),
                mode,
            });
        }
        let user = rustix::process::geteuid().as_raw();
        if metadata.uid() != user && metadata.uid() != 0 {
            return Err(KeyError::Owner {
                path: path.to_owned(),
                owner: metadata.uid(),
                user,
            });
        }
        let malformed = |why: String| KeyError::Malformed {
            path: path.to_owned(),
            expected: "a P-256 private key in PKCS#8 PEM",
            why,
        };
        if !metadata.is_file() || metadata.len() > KEY_LIMIT {
            return Err(malformed("it is no regular file of a key's size".into()));
        }
        let mut pem = String::new();
        file.take(KEY_LIMIT)
            .read_to_string(&mut pem)
            .map_err(io("read"))?;
        let secret =
            p256::ecdsa::SigningKey::from_pkcs8_pem(&pem).map_err(|e| malformed(e.to_string()))?;
        Ok(Some(Self::from_secret(secret)))
    }

    /// Writes the public half where it is missing, and refuses one that is another key's.
    fn check_public(&self, path: &Path) -> Result<(), KeyError> {
        match PublicKey::read(path) {
            Ok(found) if found == self.public => Ok(()),
            Ok(_) => Err(KeyError::Mismatch {
                path: path.to_owned(),
            }),
            Err(KeyError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                write_new(path, self.public.to_pem().as_bytes(), 0o644)
            }
            Err(other) => Err(other),
        }
    }
}

/// The public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads SPKI PEM.
    ///
    /// # Errors
    /// If the text is no P-256 public key in that form.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        VerifyingKey::from_public_key_pem(pem)
            .map(Self)
            .map_err(|e| e.to_string())
    }

    /// Reads the SPKI PEM file at `path`.
    ///
    /// # Errors
    /// If there is none or it holds no P-256 public key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io {
            what: "read",
            path: path.to_owned(),
            source,
        };
        let mut pem = String::new();
        fs::File::open(path)
            .map_err(io)?
            .take(KEY_LIMIT)
            .read_to_string(&mut pem)
            .map_err(io)?;
        Self::from_pem(&pem).map_err(|why| KeyError::Malformed {
            path: path.to_owned(),
            expected: "a P-256 public key in PEM",
            why,
        })
    }

    /// SPKI PEM, as `cosign verify --key` reads it.
    pub fn to_pem(&self) -> String {
        // The encoding of a valid point has a fixed length: this can't fail.
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// SHA-256 of the SPKI DER: the key's name in bundles and in what `flareo verify` prints.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(
            self.0
                .to_public_key_der()
                .map(|der| der.as_bytes().to_vec())
                .unwrap_or_default(),
        )
    }

    /// The key hint of a Sigstore bundle: base64 of the [fingerprint](Self::fingerprint).
    pub fn hint(&self) -> String {
        STANDARD.encode(self.fingerprint().as_bytes())
    }

    /// Whether `signature` (ASN.1 DER) over `message` is this key's.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature)
            .is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

/// Randomness that repeats, from a seed: for tests and for the demo, whose key protects nothing.
#[derive(Debug, Clone)]
pub struct Repeatable {
    seed: [u8; 32],
    block: u64,
}

impl Repeatable {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: &str) -> Self {
        Self {
            seed: Sha256::digest(seed).into(),
            block: 0,
        }
    }
}

impl RngCore for Repeatable {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.block.to_le_bytes());
            self.block = self.block.wrapping_add(1);
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Repeatable {}

fn make_folder(folder: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| KeyError::Io {
            what: "make the folder",
            path: folder.to_owned(),
            source,
        })
}

/// Writes `bytes` aside and puts them at `path`, unless something stands there already.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let io = |what| {
        move |source| KeyError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    };
    let folder = durable::folder_of(path);
    let mut aside = tempfile::Builder::new()
        .prefix(".key-")
        .tempfile_in(folder)
        .map_err(io("write beside"))?;
    aside.write_all(bytes).map_err(io("write"))?;
    durable::settle_new(aside, path, mode).map_err(io("write"))?;
    durable::sync_folder(folder).map_err(io("flush the folder of"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Result<SigningKey, KeyError> {
        SigningKey::open(folder, &mut Repeatable::new("test"))
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let made = open(&keys).unwrap();
        let again = SigningKey::open(&keys, &mut Repeatable::new("other")).unwrap();
        assert_eq!(made.public(), again.public());
        let mode = |name| fs::metadata(keys.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(PRIVATE_FILE), mode(PUBLIC_FILE)), (0o600, 0o644));
        assert_eq!(
            fs::metadata(&keys).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(
            PublicKey::read(&keys.join(PUBLIC_FILE)).unwrap(),
            *made.public()
        );
        assert_eq!(
            fs::read_dir(&keys).unwrap().count(),
            2,
            "nothing left aside"
        );
    }

    #[test]
    fn the_same_randomness_gives_the_same_key_and_the_same_signature() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (open(a.path()).unwrap(), open(b.path()).unwrap());
        assert_eq!(a.sign(b"x"), b.sign(b"x"));
        assert!(b.public().verifies(b"x", &a.sign(b"x")));
        assert!(!b.public().verifies(b"y", &a.sign(b"x")));
        assert!(!b.public().verifies(b"x", b"not DER"));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).unwrap();
        let path = folder.path().join(PRIVATE_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, KeyError::Permissions { mode: 0o640, .. }));
        assert!(error.to_string().contains("0640"), "{error}");
    }

    #[test]
    fn a_public_half_that_is_another_keys_is_refused_and_a_missing_one_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let key = open(folder.path()).unwrap();
        let path = folder.path().join(PUBLIC_FILE);
        fs::remove_file(&path).unwrap();
        open(folder.path()).unwrap();
        assert_eq!(PublicKey::read(&path).unwrap(), *key.public());
        let other = SigningKey::generate(&mut Repeatable::new("other"));
        fs::write(&path, other.public().to_pem()).unwrap();
        assert!(matches!(
            open(folder.path()),
            Err(KeyError::Mismatch { .. })
        ));
    }

    #[test]
    fn links_and_rubbish_in_the_keys_place_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PRIVATE_FILE);
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(matches!(open(folder.path()), Err(KeyError::Io { .. })));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "rubbish").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(
            open(folder.path()),
            Err(KeyError::Malformed { .. })
        ));
    }

    #[test]
    fn processes_that_come_at_once_end_up_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let fingerprints: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    let folder = folder.path();
                    scope.spawn(move || {
                        SigningKey::open(folder, &mut Repeatable::new(&n.to_string()))
                            .unwrap()
                            .public()
                            .fingerprint()
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(fingerprints.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
