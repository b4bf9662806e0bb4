//! Reads the file format of Trivy's database (bbolt): a B+ tree of pages, buckets in buckets.
//!
//! Our own reader, because the file comes from outside: the format is small, and the crate that reads it maps the file
//! into memory, where a file cut short kills the process. Here every offset is checked against its page and every page
//! against the file; a damaged file is an error, whatever is in it. Nothing is written.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// First four bytes of a meta page's body.
pub(super) const MAGIC: u32 = 0xED0C_DAED;
/// The version of the format.
pub(super) const VERSION: u32 = 2;
/// A page's header: id, flags, count, overflow.
pub(super) const PAGE_HEADER: usize = 16;
/// An element of a leaf or a branch page.
pub(super) const ELEMENT: usize = 16;
/// A bucket's header: root page and sequence.
pub(super) const BUCKET_HEADER: usize = 16;
/// The length of a meta page's body.
pub(super) const META: usize = 64;
/// Page flag: inner node.
pub(super) const BRANCH: u16 = 0x01;
/// Page flag: leaf.
pub(super) const LEAF: u16 = 0x02;
/// Page flag: meta.
pub(super) const META_PAGE: u16 = 0x04;
/// Element flag: the value is a bucket.
pub(super) const BUCKET: u32 = 0x01;

/// A longer page with its overflow is refused.
const PAGE_LIMIT: u64 = 64 << 20;
/// A deeper tree is refused.
const DEPTH_LIMIT: u32 = 32;

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum BoltError {
    /// The host refused.
    #[error("cannot read it: {0}")]
    Io(#[from] std::io::Error),
    /// It is not in the format, or damaged.
    #[error("it is damaged or no bbolt file: {0}")]
    Damaged(&'static str),
}

use BoltError::Damaged;

/// An open file.
#[derive(Debug)]
pub struct Bolt {
    file: File,
    length: u64,
    page_size: u64,
    root: u64,
    pages: u64,
}

/// A bucket: a page of its own, or one that stands inside its parent's value.
#[derive(Debug, Clone)]
pub enum Bucket {
    /// The root page's number.
    Page(u64),
    /// The page itself.
    Inline(Vec<u8>),
}

/// What stands behind a key.
#[derive(Debug, Clone)]
pub enum Value {
    /// Bytes.
    Bytes(Vec<u8>),
    /// More keys.
    Bucket(Bucket),
}

/// Takes a key and its value; may stop the walk.
pub type Each<'a, E> = dyn FnMut(&[u8], Value) -> Result<(), E> + 'a;

/// A page in memory, with its elements' places checked.
struct Page {
    bytes: Vec<u8>,
    branch: bool,
    count: usize,
}

impl Bolt {
    /// Opens `file`.
    ///
    /// # Errors
    /// If it can't be read or has no sound meta page.
    pub fn open(file: File) -> Result<Self, BoltError> {
        let length = file.metadata()?.len();
        let meta = |at: u64| -> Option<(u64, u64, u64, u64)> {
            let mut bytes = [0; PAGE_HEADER + META];
            file.read_exact_at(&mut bytes, at).ok()?;
            let body = &bytes[PAGE_HEADER..];
            let sound = u16_at(&bytes, 8)? & META_PAGE != 0
                && u32_at(body, 0)? == MAGIC
                && u32_at(body, 4)? == VERSION
                && u64_at(body, 56)? == checksum(&body[..56]);
            let page_size = u64::from(u32_at(body, 8)?);
            let transaction = u64_at(body, 48)?;
            sound.then_some((transaction, page_size, u64_at(body, 16)?, u64_at(body, 40)?))
        };
        // The second meta page's place depends on the page size that the first one may be too damaged to tell.
        let candidates = [0, 4096, 8192, 16384, 65536];
        let newest = candidates
            .into_iter()
            .filter_map(|at| meta(at).filter(|meta| at == 0 || at == meta.1))
            .max();
        let (_, page_size, root, pages) = newest.ok_or(Damaged("no sound meta page"))?;
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return Err(Damaged("an impossible page size"));
        }
        if pages.checked_mul(page_size).is_none_or(|end| end > length) {
            return Err(Damaged("it is shorter than it says"));
        }
        Ok(Self {
            file,
            length,
            page_size,
            root,
            pages,
        })
    }

    /// The outermost bucket.
    pub const fn root(&self) -> Bucket {
        Bucket::Page(self.root)
    }

    /// What stands behind `key` in `bucket`.
    ///
    /// # Errors
    /// If the file is damaged on the way.
    pub fn get(&self, bucket: &Bucket, key: &[u8]) -> Result<Option<Value>, BoltError> {
        let mut page = self.enter(bucket)?;
        for _ in 0..DEPTH_LIMIT {
            if !page.branch {
                let index = page.lower_bound(key)?;
                return if index < page.count && page.key(index)? == key {
                    page.value(index).map(Some)
                } else {
                    Ok(None)
                };
            }
            page = self.page(page.child(page.child_for(key)?)?)?;
        }
        Err(Damaged("a tree too deep"))
    }

    /// The bucket behind `key`, if one is there.
    ///
    /// # Errors
    /// If the file is damaged on the way.
    pub fn bucket(&self, bucket: &Bucket, key: &[u8]) -> Result<Option<Bucket>, BoltError> {
        Ok(match self.get(bucket, key)? {
            Some(Value::Bucket(inner)) => Some(inner),
            _ => None,
        })
    }

    /// Gives `each` every key that begins with `prefix`, in order, with its value.
    ///
    /// # Errors
    /// If the file is damaged on the way, or what `each` says.
    pub fn each<E: From<BoltError>>(
        &self,
        bucket: &Bucket,
        prefix: &[u8],
        each: &mut Each<'_, E>,
    ) -> Result<(), E> {
        let mut left = self.pages.saturating_add(1);
        self.walk(&self.enter(bucket)?, prefix, DEPTH_LIMIT, &mut left, each)
    }

    fn walk<E: From<BoltError>>(
        &self,
        page: &Page,
        prefix: &[u8],
        depth: u32,
        left: &mut u64,
        each: &mut Each<'_, E>,
    ) -> Result<(), E> {
        // A sound tree has no page twice, so no more pages than the file.
        *left = left
            .checked_sub(1)
            .ok_or(Damaged("a tree that runs in circles"))?;
        let depth = depth.checked_sub(1).ok_or(Damaged("a tree too deep"))?;
        if page.branch {
            for index in page.child_for(prefix)?..page.count {
                let key = page.key(index)?;
                if key > prefix && !key.starts_with(prefix) {
                    break;
                }
                self.walk(&self.page(page.child(index)?)?, prefix, depth, left, each)?;
            }
            return Ok(());
        }
        for index in page.lower_bound(prefix)?..page.count {
            let key = page.key(index)?;
            if !key.starts_with(prefix) {
                break;
            }
            each(key, page.value(index)?)?;
        }
        Ok(())
    }

    fn enter(&self, bucket: &Bucket) -> Result<Page, BoltError> {
        match bucket {
            Bucket::Page(number) => self.page(*number),
            Bucket::Inline(bytes) => {
                let page = Page::new(bytes.clone())?;
                if page.branch {
                    return Err(Damaged("a branch inside a value"));
                }
                Ok(page)
            }
        }
    }

    fn page(&self, number: u64) -> Result<Page, BoltError> {
        if number < 2 || number >= self.pages {
            return Err(Damaged("a page outside the file"));
        }
        let at = number * self.page_size;
        let mut header = [0; PAGE_HEADER];
        self.file.read_exact_at(&mut header, at)?;
        if u64_at(&header, 0) != Some(number) {
            return Err(Damaged("a page under another's number"));
        }
        let overflow = u64::from(u32_at(&header, 12).unwrap_or(0));
        let size = (overflow + 1) * self.page_size;
        if size > PAGE_LIMIT || at + size > self.length {
            return Err(Damaged("a page that is too long"));
        }
        let mut bytes =
            vec![0; usize::try_from(size).map_err(|_| Damaged("a page that is too long"))?];
        self.file.read_exact_at(&mut bytes, at)?;
        Page::new(bytes)
    }
}

impl Page {
    fn new(bytes: Vec<u8>) -> Result<Self, BoltError> {
        let flags = u16_at(&bytes, 8).ok_or(Damaged("a page cut short"))?;
        let count = usize::from(u16_at(&bytes, 10).ok_or(Damaged("a page cut short"))?);
        let branch = match flags & (BRANCH | LEAF) {
            BRANCH => true,
            LEAF => false,
            _ => return Err(Damaged("a page of the wrong kind")),
        };
        if branch && count == 0 {
            return Err(Damaged("a branch without children"));
        }
        if PAGE_HEADER + count * ELEMENT > bytes.len() {
            return Err(Damaged("more elements than a page holds"));
        }
        Ok(Self {
            bytes,
            branch,
            count,
        })
    }

    fn element(&self, index: usize) -> Result<usize, BoltError> {
        if index < self.count {
            Ok(PAGE_HEADER + index * ELEMENT)
        } else {
            Err(Damaged("an element outside its page"))
        }
    }

    fn field(&self, at: usize) -> Result<usize, BoltError> {
        u32_at(&self.bytes, at)
            .and_then(|n| usize::try_from(n).ok())
            .ok_or(Damaged("an element outside its page"))
    }

    fn slice(&self, start: usize, length: usize) -> Result<&[u8], BoltError> {
        start
            .checked_add(length)
            .and_then(|end| self.bytes.get(start..end))
            .ok_or(Damaged("a key or value outside its page"))
    }

    fn key(&self, index: usize) -> Result<&[u8], BoltError> {
        let element = self.element(index)?;
        let (position, size) = if self.branch {
            (self.field(element)?, self.field(element + 4)?)
        } else {
            (self.field(element + 4)?, self.field(element + 8)?)
        };
        self.slice(element.saturating_add(position), size)
    }

    fn value(&self, index: usize) -> Result<Value, BoltError> {
        let element = self.element(index)?;
        let bucket = self.field(element)? & BUCKET as usize != 0;
        let start = element
            .saturating_add(self.field(element + 4)?)
            .saturating_add(self.field(element + 8)?);
        let value = self.slice(start, self.field(element + 12)?)?;
        if !bucket {
            return Ok(Value::Bytes(value.to_vec()));
        }
        let root = u64_at(value, 0).ok_or(Damaged("a bucket cut short"))?;
        Ok(Value::Bucket(if root != 0 {
            Bucket::Page(root)
        } else {
            let page = value
                .get(BUCKET_HEADER..)
                .ok_or(Damaged("a bucket cut short"))?;
            Bucket::Inline(page.to_vec())
        }))
    }

    fn child(&self, index: usize) -> Result<u64, BoltError> {
        u64_at(&self.bytes, self.element(index)? + 8).ok_or(Damaged("an element outside its page"))
    }

    /// The first element whose key is not below `key`.
    fn lower_bound(&self, key: &[u8]) -> Result<usize, BoltError> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle)? < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The child of a branch under which `key` would stand.
    fn child_for(&self, key: &[u8]) -> Result<usize, BoltError> {
        let index = self.lower_bound(key)?;
        let exact = index < self.count && self.key(index)? == key;
        Ok(if exact {
            index
        } else {
            index.saturating_sub(1)
        })
    }
}

/// FNV-1a, 64 bits: the checksum of a meta page.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
