//! What the tar reader accepts and what it does not.

use std::io::{self, Read};

use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::*;

fn entries(tar: &[u8]) -> io::Result<Vec<(TarEntry, Vec<u8>)>> {
    let mut reader = TarReader::new(tar);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        entries.push((entry, content));
    }
    Ok(entries)
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o6755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}

fn tar_of(path: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut header = header(EntryType::Regular, content.len() as u64);
    builder.append_data(&mut header, path, content).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn a_long_name_is_read_and_one_without_end_is_refused_before_it_is_read() {
    let path = "a/".repeat(300) + "b";
    assert_eq!(
        entries(&tar_of(&path, b"x")).unwrap()[0].0.path,
        path.as_bytes()
    );
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let huge = header(kind, 1 << 40);
        let error = TarReader::new(huge.as_bytes().chain(io::repeat(b'a'))).next();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("at most 1048576"), "{error}");
    }
}

#[test]
fn records_replace_what_the_header_says() {
    let mut builder = Builder::new(Vec::new());
    let records: [(&str, &[u8]); 5] = [
        ("path", b"real"),
        ("uid", b"3000000000"),
        ("mtime", b"12.75"),
        ("size", b"2"),
        ("comment", b"\xff"),
    ];
    builder.append_pax_extensions(records).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    let mut plain = header(EntryType::Regular, 0);
    plain.set_path("shown").unwrap();
    plain.set_cksum();
    bytes.extend_from_slice(plain.as_bytes());
    bytes.extend_from_slice(b"hi");
    bytes.resize(bytes.len() + 510, 0);
    let found = entries(&bytes).unwrap();
    let (entry, content) = &found[0];
    assert_eq!(
        (&*entry.path, entry.uid, entry.mtime),
        (&b"real"[..], 3_000_000_000, 12)
    );
    assert_eq!(content, b"hi");
}

#[test]
fn what_programs_unpack_differently_is_refused() {
    let with_record = |kind: EntryType, record: &[u8]| {
        let mut bytes = header(kind, record.len() as u64).as_bytes().to_vec();
        bytes.extend_from_slice(record);
        bytes.resize(1024, 0);
        bytes.extend(tar_of("a", b""));
        entries(&bytes).unwrap_err().to_string()
    };
    assert!(with_record(EntryType::XGlobalHeader, b"9 path=b\n").contains("one path"));
    assert!(with_record(EntryType::XHeader, b"22 GNU.sparse.major=1\n").contains("sparse"));
    assert!(with_record(EntryType::XHeader, b"99 path=b\n").contains("damaged"));
    assert!(with_record(EntryType::XHeader, b"2 path=b\n").contains("damaged"));
    assert!(with_record(EntryType::XHeader, b"11 size=-1\n").contains("no number"));
    assert!(with_record(EntryType::Directory, b"content").contains("has content"));
    let mut after_end = vec![0; 512];
    after_end.extend(tar_of("a", b""));
    assert!(
        entries(&after_end)
            .unwrap_err()
            .to_string()
            .contains("end mark")
    );
}

#[test]
fn a_record_that_claims_all_the_bytes_there_are_is_cut_off() {
    let record = b"29 size=18446744073709551615\n";
    assert_eq!(record.len(), 29);
    let mut bytes = header(EntryType::XHeader, 29).as_bytes().to_vec();
    bytes.extend_from_slice(record);
    bytes.resize(1024, 0);
    bytes.extend(tar_of("a", b""));
    let mut reader = TarReader::new(&*bytes);
    assert_eq!(reader.next().unwrap().unwrap().size, u64::MAX);
    assert!(reader.next().unwrap_err().to_string().contains("cut off"));
}

proptest! {
    #[test]
    fn what_the_tar_crate_writes_is_read_back(
        path in "[a-zé]{1,150}(/[a-z]{1,150})?",
        content in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let found = entries(&tar_of(&path, &content)).unwrap();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].0.path, path.as_bytes());
        prop_assert_eq!(found[0].0.mode, 0o6755);
        prop_assert_eq!(&found[0].1, &content);
    }

    #[test]
    fn a_tar_that_is_cut_off_is_never_read_as_a_whole_one(cut in 1_usize..1536) {
        // A header and two blocks of content: from there on only the end mark is missing.
        let tar = tar_of("file", &[1; 1000]);
        let found = entries(&tar[..cut]);
        prop_assert!(found.is_err(), "{:?}", found);
    }
}
