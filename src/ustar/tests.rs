//! What a field says, with the tar crate as a witness, and the bytes that digests count.

use proptest::prelude::*;

use super::*;

fn written(path: &[u8], pax_mode: u32) -> Vec<u8> {
    let entry = Header {
        path,
        kind: Type::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 0,
        nanos: 0,
        link: b"",
        capability: None,
    };
    let mut out = Vec::new();
    header_with_pax_mode(&mut out, &entry, pax_mode).unwrap();
    out
}

#[test]
fn a_pax_header_has_the_mode_that_its_form_gives_it() {
    let long = [b'x'; 300];
    let plain = written(&long, 0);
    let context = written(&long, 0o644);
    assert_eq!(&plain[100..108], b"0000000\0");
    assert_eq!(&context[100..108], b"0000644\0");
    assert_eq!(plain[512..], context[512..]);
    assert_eq!(written(b"short", 0), written(b"short", 0o644));
}

#[test]
fn a_header_that_was_written_is_read() {
    let path = [&b"folder/".repeat(20)[..], b"file"].concat();
    let block: Block = written(&path, 0).try_into().unwrap();
    assert!(checksum_holds(&block));
    assert_eq!(name(&block), path);
    for at in [0, 99, 156, 511] {
        let mut damaged = block;
        damaged[at] ^= 1;
        assert!(!checksum_holds(&damaged), "{at}");
    }
}

#[test]
fn what_is_no_number_is_none() {
    assert_eq!(number(b"0000644\0"), Some(0o644));
    assert_eq!(number(b" 644 \0\0\0"), Some(0o644));
    assert_eq!(number(b"\0\0\0\0"), Some(0));
    assert_eq!(number(b"\x80\0\0\0\0\0\x01\0"), Some(256));
    assert_eq!(signed(&[0xff; 12]), Some(-1));
    assert_eq!(number(&[0xff; 12]), None);
    assert_eq!(
        number(b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        None
    );
    for odd in [&b"8"[..], b"+7", b"-7", b"7 7", b"0x7", b""] {
        assert_eq!(number(odd), None, "{odd:?}");
    }
}

#[test]
fn damaged_records_end_the_list() {
    let read = |bytes| records(bytes).collect::<Vec<_>>();
    let (key, value) = (&b"k"[..], &b"v"[..]);
    assert_eq!(read(b"6 k=v\n"), [Some((key, value))]);
    assert_eq!(read(b"6 k=v\n6 k=v\n"), [Some((key, value)); 2]);
    for bad in [
        &b"7 k=v\n"[..],
        b"5 k=v\n",
        b"+6 k=v\n",
        b"1 k=v\n",
        b"6 kkv\n",
        b"k=v\n",
        b" k=v\n",
    ] {
        assert_eq!(read(bad), [None], "{bad:?}");
    }
    assert_eq!(read(b"6 k=v\n\0"), [Some((key, value)), None]);
}

#[test]
fn times_before_1970_count_towards_zero() {
    assert_eq!(seconds(b"-1.25"), Some((-2, 750_000_000)));
    assert_eq!(seconds(b"5"), Some((5, 0)));
    assert_eq!(seconds(b"1.x"), None);
}

proptest! {
    #[test]
    fn the_tar_crate_reads_the_same_numbers(value in 0_u64..1 << 62) {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(value);
        prop_assert_eq!(number(&header.as_bytes()[124..136]), Some(value));
    }

    #[test]
    fn times_come_back(whole in -4_000_000_000_i64..9_000_000_000, nanos in 0_u32..1_000_000_000) {
        let text = pax::written_seconds(whole, nanos);
        prop_assert_eq!(seconds(text.as_bytes()), Some((whole, nanos)));
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for record in records(&bytes) { let _ = record; }
        let _ = (number(&bytes), seconds(&bytes), decimal(&bytes));
    }
}
