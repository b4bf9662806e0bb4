//! Writes the file format of Trivy's database (bbolt): for the demo and the tests, whose few advisories are data.
//!
//! The whole tree is laid out at once, so the same tree gives the same bytes.

use std::collections::BTreeMap;

use super::bolt::{
    BRANCH, BUCKET, BUCKET_HEADER, ELEMENT, LEAF, MAGIC, META_PAGE, PAGE_HEADER, VERSION, checksum,
};

const PAGE_SIZE: usize = 4096;
/// A bucket up to this size stands in its parent's value.
const INLINE_LIMIT: usize = PAGE_SIZE / 4;
/// A meta page, twice, and the page of free pages come first.
const FIRST_PAGE: u64 = 3;
const FREELIST: u16 = 0x10;

/// A bucket to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    buckets: BTreeMap<Vec<u8>, Tree>,
}

/// What a leaf's element holds: flags, key, value.
type Item = (u32, Vec<u8>, Vec<u8>);

impl Tree {
    /// The bucket `name`, made if there is none.
    pub fn bucket(&mut self, name: &str) -> &mut Self {
        self.values.remove(name.as_bytes());
        self.buckets.entry(name.as_bytes().to_vec()).or_default()
    }

    /// Puts `value` behind `key`.
    pub fn put(&mut self, key: &str, value: impl Into<Vec<u8>>) {
        self.buckets.remove(key.as_bytes());
        self.values.insert(key.as_bytes().to_vec(), value.into());
    }

    /// The whole file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut pages = Pages::default();
        let root = pages.bucket(self);
        let end = FIRST_PAGE + pages.count();
        let mut file = Vec::new();
        for transaction in 0..2 {
            file.extend(meta(transaction, root, end));
        }
        file.extend(padded(header(2, FREELIST, 0, 0)));
        file.extend(pages.bytes);
        file
    }
}

#[derive(Default)]
struct Pages {
    bytes: Vec<u8>,
}

impl Pages {
    fn count(&self) -> u64 {
        (self.bytes.len() / PAGE_SIZE) as u64
    }

    /// Writes the pages of `tree`; returns the number of its root page.
    fn bucket(&mut self, tree: &Tree) -> u64 {
        let items = self.items(tree);
        // Leaves, then branches over them until one page is left.
        let mut level: Vec<(Vec<u8>, u64)> = split(&items, 1, item_size)
            .map(|items| {
                let key = items.first().map(|item| item.1.clone()).unwrap_or_default();
                (key, self.leaf(items))
            })
            .collect();
        if level.is_empty() {
            return self.leaf(&[]);
        }
        while level.len() > 1 {
            level = split(&level, 2, |(key, _)| ELEMENT + key.len())
                .map(|children| (children[0].0.clone(), self.branch(children)))
                .collect();
        }
        level[0].1
    }

    fn items(&mut self, tree: &Tree) -> Vec<Item> {
        let mut items: Vec<Item> = tree
            .buckets
            .iter()
            .map(|(key, inner)| (BUCKET, key.clone(), self.bucket_value(inner)))
            .collect();
        items.extend(
            tree.values
                .iter()
                .map(|(key, value)| (0, key.clone(), value.clone())),
        );
        items.sort_unstable_by(|a, b| a.1.cmp(&b.1));
        items
    }

    fn bucket_value(&mut self, tree: &Tree) -> Vec<u8> {
        let mut value = vec![0; BUCKET_HEADER];
        if tree.buckets.is_empty() {
            let items = self.items(tree);
            let size: usize = items.iter().map(item_size).sum();
            if PAGE_HEADER + size <= INLINE_LIMIT {
                value.extend(leaf_page(0, &items));
                return value;
            }
        }
        let root = self.bucket(tree);
        value[..8].copy_from_slice(&root.to_le_bytes());
        value
    }

    fn leaf(&mut self, items: &[Item]) -> u64 {
        let number = FIRST_PAGE + self.count();
        self.bytes.extend(padded(leaf_page(number, items)));
        number
    }

    fn branch(&mut self, children: &[(Vec<u8>, u64)]) -> u64 {
        let number = FIRST_PAGE + self.count();
        let mut elements = Vec::new();
        let mut keys = Vec::new();
        for (index, (key, child)) in children.iter().enumerate() {
            let position = (children.len() - index) * ELEMENT + keys.len();
            elements.extend((position as u32).to_le_bytes());
            elements.extend((key.len() as u32).to_le_bytes());
            elements.extend(child.to_le_bytes());
            keys.extend_from_slice(key);
        }
        let body = elements.len() + keys.len();
        let mut page = header(number, BRANCH, children.len(), body);
        page.extend(elements);
        page.extend(keys);
        self.bytes.extend(padded(page));
        number
    }
}

fn leaf_page(number: u64, items: &[Item]) -> Vec<u8> {
    let mut elements = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    for (index, (flags, key, value)) in items.iter().enumerate() {
        let position = (items.len() - index) * ELEMENT + data.len();
        for field in [
            *flags,
            position as u32,
            key.len() as u32,
            value.len() as u32,
        ] {
            elements.extend(field.to_le_bytes());
        }
        data.extend_from_slice(key);
        data.extend_from_slice(value);
    }
    let mut page = header(number, LEAF, items.len(), elements.len() + data.len());
    page.extend(elements);
    page.extend(data);
    page
}

fn header(number: u64, flags: u16, count: usize, body: usize) -> Vec<u8> {
    let overflow = (PAGE_HEADER + body).div_ceil(PAGE_SIZE) - 1;
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend(flags.to_le_bytes());
    bytes.extend((count as u16).to_le_bytes());
    bytes.extend((overflow as u32).to_le_bytes());
    bytes
}

fn meta(transaction: u64, root: u64, end: u64) -> Vec<u8> {
    let mut body = Vec::new();
    for field in [MAGIC, VERSION, PAGE_SIZE as u32, 0] {
        body.extend(field.to_le_bytes());
    }
    // Root page, its sequence, the page of free pages, the end, the transaction.
    for field in [root, 0, 2, end, transaction] {
        body.extend(field.to_le_bytes());
    }
    body.extend(checksum(&body).to_le_bytes());
    let mut page = header(transaction, META_PAGE, 0, 0);
    page.extend(body);
    padded(page)
}

fn padded(mut page: Vec<u8>) -> Vec<u8> {
    page.resize(page.len().div_ceil(PAGE_SIZE) * PAGE_SIZE, 0);
    page
}

const fn item_size(item: &Item) -> usize {
    ELEMENT + item.1.len() + item.2.len()
}

/// Cuts `items` into runs that fit a page each, or of `least` items where not even those fit.
fn split<T>(items: &[T], least: usize, size: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut runs = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (index, item) in items.iter().enumerate() {
        let size = size(item);
        if index - start >= least && used + size > PAGE_SIZE - PAGE_HEADER {
            runs.push(&items[start..index]);
            (start, used) = (index, 0);
        }
        used += size;
    }
    if start < items.len() {
        runs.push(&items[start..]);
    }
    runs.into_iter()
}
